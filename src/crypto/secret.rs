//! 32 secret bytes: no `Debug`, no `Clone`, no `Serialize`, and wiped when dropped.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::error::Error;

/// A key. On the heap, so that moving it (a map does) leaves no copy behind.
pub(super) struct Secret(Box<Zeroizing<[u8; 32]>>);

impl Secret {
    pub(super) fn random() -> Result<Self, Error> {
        let mut secret = Self::zero();
        random(secret.0.as_mut_slice())?;
        Ok(secret)
    }

    pub(super) fn copy_of(bytes: &[u8; 32]) -> Self {
        let mut secret = Self::zero();
        secret.0.copy_from_slice(bytes);
        secret
    }

    fn zero() -> Self {
        Self(Box::new(Zeroizing::new([0; 32])))
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8; 32] {
        &mut self.0
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&**other.0).into()
    }
}

/// The key of one object. It outlives neither the session that writes nor the one that reads.
pub struct Dek(pub(super) Secret);

impl Dek {
    /// A fresh random key.
    pub fn generate() -> Result<Self, Error> {
        Secret::random().map(Self)
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        self.0.bytes()
    }
}

/// Fills `bytes` from the operating system.
pub(super) fn random(bytes: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(bytes).map_err(|_| Error::Random)
}

/// `N` random bytes that are no secret: salts and nonces.
pub(super) fn random_public<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    random(&mut bytes)?;
    Ok(bytes)
}

/// A salt that is no secret.
pub fn public_salt() -> Result<[u8; 32], Error> {
    random_public()
}
