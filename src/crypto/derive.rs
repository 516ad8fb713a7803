//! Keys from keys: HKDF-SHA-256 (RFC 5869), with every input given in parts.

use hkdf::HkdfExtract;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use super::secret::Secret;

/// `N` bytes from the key material `ikm` for the purpose that `info` names.
///
/// The callers' infos begin with words of their own, and at most one part of each has no fixed
/// length, so that two purposes never share an info.
pub(super) fn hkdf<const N: usize>(
    ikm: &[&[u8]],
    salt: Option<&[u8]>,
    info: &[&[u8]],
) -> Zeroizing<[u8; N]> {
    let mut out = Zeroizing::new([0; N]);
    expand(ikm, salt, info, out.as_mut_slice());
    out
}

/// A key derived as [`hkdf`] does, straight into its place on the heap.
pub(super) fn key(ikm: &[&[u8]], salt: Option<&[u8]>, info: &[&[u8]]) -> Secret {
    let mut key = Secret::copy_of(&[0; 32]);
    expand(ikm, salt, info, key.bytes_mut());
    key
}

fn expand(ikm: &[&[u8]], salt: Option<&[u8]>, info: &[&[u8]], out: &mut [u8]) {
    let mut extract = HkdfExtract::<Sha256>::new(salt);
    for part in ikm {
        extract.input_ikm(part);
    }
    let (mut prk, hkdf) = extract.finalize();
    prk.as_mut_slice().zeroize();
    hkdf.expand_multi_info(info, out).expect("no caller asks for more than 255 blocks");
}
