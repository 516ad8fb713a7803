//! A root as a file holds it: with its epoch, and with a sum that shows a torn write.
//!
//! ```text
//! file = magic "CVROOT\r\n" | epoch(8) | root(32) | SHA-256 of the 48 bytes before (32)
//! ```

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const MAGIC: &[u8; 8] = b"CVROOT\r\n";

/// Bytes of a root file.
pub(super) const LEN: usize = 80;

/// A root file for `epoch`.
pub(in crate::crypto) fn encode(epoch: i64, root: &[u8; 32]) -> Zeroizing<[u8; LEN]> {
    let mut file = Zeroizing::new([0; LEN]);
    file[..8].copy_from_slice(MAGIC);
    file[8..16].copy_from_slice(&epoch.to_be_bytes());
    file[16..48].copy_from_slice(root);
    let sum = Sha256::digest(&file[..48]);
    file[48..].copy_from_slice(&sum);
    file
}

/// The epoch and the root in a root file, if it is whole.
pub(in crate::crypto) fn decode(file: &[u8]) -> Option<(i64, Zeroizing<[u8; 32]>)> {
    let file: &[u8; LEN] = file.try_into().ok()?;
    let (magic, rest) = file.split_first_chunk::<8>()?;
    let (epoch, rest) = rest.split_first_chunk::<8>()?;
    let (root, sum) = rest.split_first_chunk::<32>()?;
    let whole = bool::from(Sha256::digest(&file[..48]).as_slice().ct_eq(sum));
    (magic == MAGIC && whole).then(|| (i64::from_be_bytes(*epoch), Zeroizing::new(*root)))
}
