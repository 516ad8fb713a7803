//! The object format `cv1`: 64 KiB segments that open on their own, bound to one recording.
//!
//! ```text
//! object = header(80) ‖ seg_0 ‖ … ‖ seg_{n-1}
//! header = magic "CVAULT\r\n" ‖ version 1 ‖ suite 1 ‖ log2(segment)=16 ‖ kind
//!          ‖ 4 zero bytes ‖ salt(32) ‖ C(32)
//! K ‖ C  = HKDF-SHA-256(ikm = DEK, salt, info, 64 bytes)
//! info   = "cvault v1 object" ‖ header[0..48] ‖ controller(16) ‖ recording(16)
//! seg_i  = AES-256-GCM(K, nonce_i, aad = "") over 65 536 bytes, the last 0..=65 536 ‖ tag(16)
//! nonce  = 0x00*7 ‖ be32(i) ‖ (1 if seg_i is the last, else 0)
//! n      = max(1, ceil(len / 65 536))
//! ```
//!
//! Nonces never repeat: the DEK is random per object and each `i` is sealed once. `C` commits to
//! the DEK and to whose recording it is, so a foreign or exchanged object fails before a byte of
//! it is opened. The length comes from the wrap, which authenticates it; the final flag makes a
//! cut at a segment's edge fail even when the length is edited too.

use subtle::ConstantTimeEq;

use super::cipher::{Bulk, Cipher, NONCE};
use super::derive::hkdf;
use super::error::Error;
use super::secret::Dek;
use crate::model::{ControllerId, RecordingId};

/// Bytes of plaintext in a segment.
pub const SEGMENT: usize = 65_536;
/// Bytes of the header.
pub const HEADER: usize = 80;
/// Bytes that sealing adds to a segment.
pub const TAG: usize = 16;

/// Bytes of a sealed segment that is full.
pub(super) const SEALED: usize = SEGMENT + TAG;

const MAGIC: &[u8; 8] = b"CVAULT\r\n";
const VERSION: u8 = 1;
const SUITE: u8 = 1;
const LOG2_SEGMENT: u8 = 16;

/// What an object holds. It is part of the header and cannot change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The recording as it came.
    Audio = 1,
    /// The drawing of its loudness.
    Waveform = 3,
}

impl Kind {
    pub(super) const fn byte(self) -> u8 {
        match self {
            Self::Audio => 1,
            Self::Waveform => 3,
        }
    }
}

/// Whose object it is. Not in the object: the reader supplies it from what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// Whose recording it is.
    pub controller: ControllerId,
    /// Which recording it belongs to.
    pub recording: RecordingId,
    /// What it holds.
    pub kind: Kind,
}

/// The bytes an object takes that holds `plain_len` bytes; `u64::MAX` when there is no such object.
#[must_use]
pub const fn object_len(plain_len: u64) -> u64 {
    (HEADER as u64)
        .saturating_add(plain_len)
        .saturating_add((TAG as u64).saturating_mul(segments(plain_len)))
}

/// How many segments hold `plain_len` bytes: an empty object has one, which is empty.
pub(super) const fn segments(plain_len: u64) -> u64 {
    let full = plain_len.div_ceil(SEGMENT as u64);
    if full == 0 { 1 } else { full }
}

/// The nonce of segment `index`.
pub(super) fn nonce(index: u32, last: bool) -> [u8; NONCE] {
    let [a, b, c, d] = index.to_be_bytes();
    [0, 0, 0, 0, 0, 0, 0, a, b, c, d, u8::from(last)]
}

/// The header of an object and the cipher of its segments.
pub(super) fn prepare(dek: &Dek, context: Context, salt: &[u8; 32]) -> ([u8; HEADER], Bulk) {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&[VERSION, SUITE, LOG2_SEGMENT, context.kind.byte()]);
    header[16..48].copy_from_slice(salt);
    let derived = hkdf::<64>(
        &[dek.bytes()],
        Some(salt),
        &[
            b"cvault v1 object",
            &header[..48],
            context.controller.as_bytes(),
            context.recording.as_bytes(),
        ],
    );
    let (key, commitment) =
        derived.split_first_chunk::<32>().expect("64 bytes begin with 32 bytes");
    header[48..].copy_from_slice(commitment);
    (header, Bulk::new(key))
}

/// Refuses a header that is not one of this format with this salt and this commitment.
///
/// It cannot know the kind; [`super::Opener::check_header`] does and is the stricter of the two.
pub fn check_header(header: &[u8], salt: &[u8], commitment: &[u8]) -> Result<(), Error> {
    let header: &[u8; HEADER] = header.try_into().map_err(|_| Error::Open)?;
    let fixed = header[..8] == *MAGIC
        && header[8..11] == [VERSION, SUITE, LOG2_SEGMENT]
        && (header[11] == Kind::Audio.byte() || header[11] == Kind::Waveform.byte())
        && header[12..16] == [0; 4];
    let bound = header[16..48].ct_eq(salt) & header[48..].ct_eq(commitment);
    if fixed && bool::from(bound) { Ok(()) } else { Err(Error::Open) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_an_object_follows_from_the_length_of_its_content() {
        for (plain, object) in [
            (0, 96),
            (1, 97),
            (65_535, 80 + 65_551),
            (65_536, 80 + 65_552),
            (65_537, 80 + 65_537 + 32),
            (131_072, 80 + 2 * 65_552),
            (2_400_000, 2_400_000 + 80 + 37 * 16),
            (u64::MAX, u64::MAX),
        ] {
            assert_eq!(object_len(plain), object, "{plain} bytes");
        }
    }

    #[test]
    fn a_nonce_holds_the_number_of_the_segment_and_the_final_flag() {
        assert_eq!(nonce(0x0102_0304, false), [0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 0]);
        assert_eq!(nonce(0, true), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    }
}
