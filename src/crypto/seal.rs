//! Writing an object: one session, from the first byte to the last.

use zeroize::Zeroize;

use super::cipher::{Bulk, Cipher};
use super::error::Error;
use super::object::{Context, HEADER, SEGMENT, TAG, nonce, prepare};
use super::secret::{Dek, random_public};

/// Seals one object under a fresh key, in pieces.
///
/// A writer that restarts begins a new one: a key never outlives the session that writes.
pub struct Sealer {
    dek: Dek,
    salt: [u8; 32],
    commitment: [u8; 32],
    header: [u8; HEADER],
    cipher: Bulk,
    /// The number of the segment that comes next.
    next: u64,
    plain_len: u64,
    ended: bool,
}

impl Sealer {
    /// Begins an object with a fresh key and a fresh salt.
    pub fn begin(context: Context) -> Result<Self, Error> {
        Ok(Self::with(context, Dek::generate()?, random_public()?))
    }

    /// Begins an object with this key and this salt, which must be as good as fresh.
    pub(super) fn with(context: Context, dek: Dek, salt: [u8; 32]) -> Self {
        let (header, cipher) = prepare(&dek, context, &salt);
        let commitment = *header.last_chunk().expect("a header ends with the commitment");
        Self { dek, salt, commitment, header, cipher, next: 0, plain_len: 0, ended: false }
    }

    /// The header: the first bytes of the object.
    #[must_use]
    pub fn header(&self) -> &[u8; HEADER] {
        &self.header
    }

    /// The key of the object.
    #[must_use]
    pub fn dek(&self) -> &Dek {
        &self.dek
    }

    /// The salt of the object.
    #[must_use]
    pub fn salt(&self) -> &[u8; 32] {
        &self.salt
    }

    /// What commits to the key and to whose object it is.
    #[must_use]
    pub fn commitment(&self) -> &[u8; 32] {
        &self.commitment
    }

    /// How many bytes of plaintext were sealed so far.
    #[must_use]
    pub fn plain_len(&self) -> u64 {
        self.plain_len
    }

    /// Seals the next piece and appends its segments to `out`.
    ///
    /// Every piece but the last is a whole number of segments. The last piece (`last`) carries the
    /// final flag, so it must hold the last bytes: a caller keeps one piece back until it knows
    /// whether more comes. Only an empty object ends with an empty piece. After an error the object
    /// is spoilt, and `out` holds nothing of the piece.
    pub fn seal(&mut self, plain: &[u8], last: bool, out: &mut Vec<u8>) -> Result<(), Error> {
        let pieces = self.admit(plain.len(), last)?;
        let start = out.len();
        // All at once: growing would leave copies behind.
        out.reserve(plain.len() + TAG * pieces);
        let sealed = self.seal_segments(plain, last, pieces, out);
        self.ended = last || sealed.is_err();
        if sealed.is_err() {
            out[start..].zeroize();
            out.truncate(start);
        }
        sealed
    }

    /// How many segments the piece takes, if it may come now.
    fn admit(&self, len: usize, last: bool) -> Result<usize, Error> {
        if self.ended {
            return Err(Error::Ended);
        }
        if !last && !len.is_multiple_of(SEGMENT) {
            return Err(Error::Unaligned);
        }
        if last && len == 0 && self.next > 0 {
            return Err(Error::EmptyEnd);
        }
        let pieces = len.div_ceil(SEGMENT).max(usize::from(last));
        let end = u64::try_from(pieces).ok().and_then(|pieces| self.next.checked_add(pieces));
        if end.is_none_or(|end| end > 1 << 32) {
            return Err(Error::TooLong);
        }
        Ok(pieces)
    }

    fn seal_segments(
        &mut self,
        plain: &[u8],
        last: bool,
        pieces: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let mut rest = plain;
        for piece in 1..=pieces {
            let (text, after) = rest.split_at(rest.len().min(SEGMENT));
            rest = after;
            let index = u32::try_from(self.next).map_err(|_| Error::TooLong)?;
            let at = out.len();
            out.extend_from_slice(text);
            let nonce = nonce(index, last && piece == pieces);
            let tag = self.cipher.seal(nonce, b"", &mut out[at..])?;
            out.extend_from_slice(&tag);
            self.next += 1;
            self.plain_len += text.len() as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::context;

    #[test]
    fn a_piece_that_may_not_come_now_is_refused_and_leaves_nothing() {
        let full = vec![7; SEGMENT];
        let mut out = Vec::new();
        let mut sealer = Sealer::begin(context()).unwrap();
        assert!(matches!(sealer.seal(&full[1..], false, &mut out), Err(Error::Unaligned)));
        sealer.seal(&[], false, &mut out).unwrap();
        assert!(out.is_empty());
        sealer.seal(&full, false, &mut out).unwrap();
        assert!(matches!(sealer.seal(&[], true, &mut out), Err(Error::EmptyEnd)));
        sealer.seal(b"end", true, &mut out).unwrap();
        let len = out.len();
        assert_eq!(len, SEGMENT + 3 + 2 * TAG);
        assert!(matches!(sealer.seal(b"more", true, &mut out), Err(Error::Ended)));
        assert_eq!(out.len(), len);
        assert_eq!(sealer.plain_len(), 65_539);
    }

    #[test]
    fn an_object_ends_at_the_last_number_a_nonce_can_hold() {
        let mut sealer = Sealer::begin(context()).unwrap();
        sealer.next = (1 << 32) - 1;
        let mut out = Vec::new();
        assert!(matches!(sealer.seal(&vec![0; 2 * SEGMENT], true, &mut out), Err(Error::TooLong)));
        assert!(out.is_empty());
        sealer.seal(&vec![0; SEGMENT], true, &mut out).unwrap();
    }

    #[test]
    fn no_two_objects_share_a_key_or_a_salt() {
        let (one, two) = (Sealer::begin(context()).unwrap(), Sealer::begin(context()).unwrap());
        assert!(!one.dek.0.is(&two.dek.0));
        assert_ne!(one.salt, two.salt);
        assert_ne!(one.commitment, two.commitment);
    }
}
