//! AES-256-GCM, behind the one seam where an implementation can be exchanged.
//!
//! Both implementations write the same bytes; a test holds each against the other. [`Small`]
//! seals keys and the keyring, [`Bulk`] seals audio, where the assembly of AWS-LC is several times
//! faster.

use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::error::Error;
use super::object::TAG;
use super::secret::random_public;

/// What seals keys, rows and the keyring.
pub(super) type Small = RustCrypto;

/// What seals the segments of objects.
pub(super) type Bulk = AwsLc;

/// Bytes of a nonce.
pub(super) const NONCE: usize = 12;

/// AES-256-GCM in place, with the tag apart. A failed `open` leaves rubbish in `text`: wipe it.
pub(super) trait Cipher: Sized {
    fn new(key: &[u8; 32]) -> Self;
    fn seal(&self, nonce: [u8; NONCE], aad: &[u8], text: &mut [u8]) -> Result<[u8; TAG], Error>;
    fn open(
        &self,
        nonce: [u8; NONCE],
        aad: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG],
    ) -> Result<(), Error>;
}

/// The implementation of `aes-gcm`, in Rust.
pub(super) struct RustCrypto(Aes256Gcm);

impl Cipher for RustCrypto {
    fn new(key: &[u8; 32]) -> Self {
        Self(Aes256Gcm::new(key.into()))
    }

    fn seal(&self, nonce: [u8; NONCE], aad: &[u8], text: &mut [u8]) -> Result<[u8; TAG], Error> {
        let tag = self
            .0
            .encrypt_inout_detached(&nonce.into(), aad, text.into())
            .map_err(|_| Error::TooLong)?;
        Ok(tag.into())
    }

    fn open(
        &self,
        nonce: [u8; NONCE],
        aad: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG],
    ) -> Result<(), Error> {
        self.0
            .decrypt_inout_detached(&nonce.into(), aad, text.into(), tag.into())
            .map_err(|_| Error::Open)
    }
}

/// The implementation of AWS-LC, in assembly, for what is long.
pub(super) struct AwsLc(LessSafeKey);

impl Cipher for AwsLc {
    fn new(key: &[u8; 32]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key).expect("the key is as long as AES-256 wants");
        Self(LessSafeKey::new(key))
    }

    fn seal(&self, nonce: [u8; NONCE], aad: &[u8], text: &mut [u8]) -> Result<[u8; TAG], Error> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce, Aad::from(aad), text)
            .map_err(|_| Error::TooLong)?;
        tag.as_ref().try_into().map_err(|_| Error::TooLong)
    }

    fn open(
        &self,
        nonce: [u8; NONCE],
        aad: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG],
    ) -> Result<(), Error> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0
            .open_in_place_separate_tag(nonce, Aad::from(aad), tag, text)
            .map(drop)
            .map_err(|_| Error::Open)
    }
}

/// What the bench of the two implementations does: one segment of rubbish, sealed in place under a
/// key that keeps nothing, by `aes-gcm` or by AWS-LC.
#[doc(hidden)]
pub fn bench_segment(aws_lc: bool, text: &mut [u8]) -> Result<[u8; TAG], Error> {
    let key = [7; 32];
    if aws_lc {
        AwsLc::new(&key).seal([0; NONCE], b"", text)
    } else {
        RustCrypto::new(&key).seal([0; NONCE], b"", text)
    }
}

/// Something small, sealed: `nonce(12) ‖ ciphertext ‖ tag(16)`, under a random nonce.
pub(super) fn seal_small(key: &[u8; 32], aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, Error> {
    seal_small_with(random_public()?, key, aad, plain)
}

/// As [`seal_small`], with the nonce given. A nonce must never meet the same key twice.
pub(super) fn seal_small_with(
    nonce: [u8; NONCE],
    key: &[u8; 32],
    aad: &[u8],
    plain: &[u8],
) -> Result<Vec<u8>, Error> {
    // The whole capacity at once: growing would leave copies of the plaintext behind.
    let mut sealed = Vec::with_capacity(NONCE + plain.len() + TAG);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(plain);
    let tag = Small::new(key).seal(nonce, aad, &mut sealed[NONCE..])?;
    sealed.extend_from_slice(&tag);
    Ok(sealed)
}

/// Opens what [`seal_small`] sealed.
pub(super) fn open_small(
    key: &[u8; 32],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE>().ok_or(Error::Open)?;
    let (text, tag) = rest.split_last_chunk::<TAG>().ok_or(Error::Open)?;
    let mut plain = Zeroizing::new(text.to_vec());
    Small::new(key).open(*nonce, aad, &mut plain, tag)?;
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn both_implementations_write_the_same_bytes_and_open_each_others(
            key: [u8; 32],
            nonce: [u8; NONCE],
            aad in prop::collection::vec(any::<u8>(), 0..200),
            plain in prop::collection::vec(any::<u8>(), 0..5_000),
        ) {
            let (rust, aws) = (RustCrypto::new(&key), AwsLc::new(&key));
            let (mut by_rust, mut by_aws) = (plain.clone(), plain.clone());
            let rust_tag = rust.seal(nonce, &aad, &mut by_rust).unwrap();
            let aws_tag = aws.seal(nonce, &aad, &mut by_aws).unwrap();
            prop_assert_eq!(&by_rust, &by_aws);
            prop_assert_eq!(rust_tag, aws_tag);

            rust.open(nonce, &aad, &mut by_aws, &aws_tag).unwrap();
            aws.open(nonce, &aad, &mut by_rust, &rust_tag).unwrap();
            prop_assert_eq!(&by_aws, &plain);
            prop_assert_eq!(&by_rust, &plain);
        }

        #[test]
        fn neither_implementation_opens_what_was_touched(
            key: [u8; 32],
            nonce: [u8; NONCE],
            plain in prop::collection::vec(any::<u8>(), 1..300),
            at: prop::sample::Index,
            bit in 0_u8..8,
        ) {
            let mut sealed = plain.clone();
            let tag = AwsLc::new(&key).seal(nonce, b"aad", &mut sealed).unwrap();
            let mut all = [sealed.as_slice(), &tag].concat();
            let at = at.index(all.len());
            all[at] ^= 1 << bit;
            let (text, tag) = all.split_last_chunk::<TAG>().unwrap();
            let (rust, aws) = (RustCrypto::new(&key), AwsLc::new(&key));
            prop_assert!(rust.open(nonce, b"aad", &mut text.to_vec(), tag).is_err());
            prop_assert!(aws.open(nonce, b"aad", &mut text.to_vec(), tag).is_err());
        }
    }

    #[test]
    fn something_small_opens_only_under_its_key_and_its_facts() {
        let sealed = seal_small(&[1; 32], b"facts", b"small").unwrap();
        assert_eq!(sealed.len(), NONCE + 5 + TAG);
        assert_eq!(*open_small(&[1; 32], b"facts", &sealed).unwrap(), b"small");
        assert!(matches!(open_small(&[2; 32], b"facts", &sealed), Err(Error::Open)));
        assert!(matches!(open_small(&[1; 32], b"other", &sealed), Err(Error::Open)));
        for len in 0..sealed.len() {
            assert!(matches!(open_small(&[1; 32], b"facts", &sealed[..len]), Err(Error::Open)));
        }
        assert_ne!(sealed, seal_small(&[1; 32], b"facts", b"small").unwrap());
    }
}
