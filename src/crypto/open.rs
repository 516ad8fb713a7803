//! Reading an object, or the segments of it that cover a range.

use std::ops::Range;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::cipher::{Bulk, Cipher};
use super::error::Error;
use super::object::{Context, HEADER, SEALED, SEGMENT, TAG, nonce, object_len, prepare, segments};
use super::secret::Dek;

/// Whole segments of an object that cover a range of its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The number of the first segment.
    pub first: u32,
    /// The bytes of the object to fetch.
    pub object: Range<u64>,
    /// The bytes of plaintext they open to: the range asked for, out to the edges of segments.
    pub plain: Range<u64>,
}

/// Opens the segments of one object.
pub struct Opener {
    cipher: Bulk,
    header: [u8; HEADER],
    plain_len: u64,
}

impl Opener {
    /// An opener for the object with this key, or an error when the key is not that object's.
    ///
    /// Nothing is read: all of this comes from the row and its wrap.
    pub fn new(
        dek: &Dek,
        context: Context,
        salt: &[u8],
        commitment: &[u8],
        plain_len: u64,
    ) -> Result<Self, Error> {
        let salt: &[u8; 32] = salt.try_into().map_err(|_| Error::Open)?;
        let (header, cipher) = prepare(dek, context, salt);
        let same = header[48..].ct_eq(commitment);
        if segments(plain_len) > 1 << 32 || !bool::from(same) {
            return Err(Error::Open);
        }
        Ok(Self { cipher, header, plain_len })
    }

    /// Refuses a header that is not, byte for byte, the one of this object.
    pub fn check_header(&self, header: &[u8]) -> Result<(), Error> {
        let same = self.header.as_slice().ct_eq(header);
        if bool::from(same) { Ok(()) } else { Err(Error::Open) }
    }

    /// The segments that cover `plain`, which must not be empty unless the whole object is.
    pub fn span(&self, plain: Range<u64>) -> Result<Span, Error> {
        let nothing_to_read = self.plain_len == 0 && plain == (0..0);
        if !nothing_to_read && (plain.start >= plain.end || plain.end > self.plain_len) {
            return Err(Error::Range);
        }
        let first = plain.start / SEGMENT as u64;
        let end = segments(plain.end);
        let before = HEADER as u64;
        Ok(Span {
            first: u32::try_from(first).map_err(|_| Error::Range)?,
            object: before + first * SEALED as u64
                ..object_len(self.plain_len).min(before + end * SEALED as u64),
            plain: first * SEGMENT as u64..self.plain_len.min(end * SEGMENT as u64),
        })
    }

    /// Opens a span in place: `sealed` holds its bytes before, and its plaintext afterwards.
    ///
    /// When anything is wrong with any of it, `sealed` is wiped and left empty.
    pub fn open(&self, span: &Span, sealed: &mut Vec<u8>) -> Result<(), Error> {
        let texts = self.open_apart(span, sealed).inspect_err(|_| sealed.clear())?;
        let mut len = 0;
        for text in texts {
            let size = text.len();
            sealed.copy_within(text, len);
            len += size;
        }
        sealed[len..].zeroize();
        sealed.truncate(len);
        Ok(())
    }

    /// Opens each segment of a span where it lies, and tells where in `sealed` its plaintext is, in
    /// order: to move them together costs as much as a third of opening them.
    ///
    /// When anything is wrong with any of it, `sealed` is wiped.
    pub fn open_apart(&self, span: &Span, sealed: &mut [u8]) -> Result<Vec<Range<usize>>, Error> {
        self.open_segments(span, sealed).inspect_err(|_| sealed.zeroize())
    }

    fn open_segments(&self, span: &Span, sealed: &mut [u8]) -> Result<Vec<Range<usize>>, Error> {
        if self.span(span.plain.clone())? != *span {
            return Err(Error::Range);
        }
        if sealed.len() as u64 != span.object.end - span.object.start {
            return Err(Error::Open);
        }
        let last = segments(self.plain_len) - 1;
        let mut texts = Vec::with_capacity(sealed.len().div_ceil(SEALED));
        let mut start = 0;
        for (index, segment) in (span.first..).zip(sealed.chunks_mut(SEALED)) {
            let (text, tag) = segment.split_last_chunk_mut::<TAG>().ok_or(Error::Open)?;
            self.cipher.open(nonce(index, u64::from(index) == last), b"", text, tag)?;
            texts.push(start..start + text.len());
            start += SEALED;
        }
        Ok(texts)
    }
}
