//! The records of a ZIP archive (APPNOTE 6.3.10), one function a record.
//!
//! Everything is stored and in Zip64 form, however small: so the length of each record follows from
//! a name alone, and where it is in the archive is known before any of it is written. No crate for
//! ZIP begins to write in the middle of an archive.

use crc32fast::Hasher;

/// Zip64, stored, UTF-8 names, 1980-01-01: the lists inside tell the real times.
const VERSION: u16 = 45;
const UTF8: u16 = 1 << 11;
const DESCRIBED: u16 = 1 << 3;
const DATE: u16 = (1 << 5) | 1;

/// Bytes of a local header without its name.
pub(super) const LOCAL: u64 = 30 + 20;
/// Bytes of the descriptor that follows the data.
pub(super) const DESCRIPTOR: u64 = 24;
/// Bytes of a directory header without its name.
pub(super) const DIRECTORY: u64 = 46 + 28;
/// Bytes of the records that end the archive.
pub(super) const END: u64 = 56 + 20 + 22;

/// A file in the archive.
#[derive(Clone, Copy, Debug)]
pub(super) struct File<'a> {
    pub(super) name: &'a str,
    pub(super) size: u64,
    pub(super) crc: u32,
    /// Whether the checksum follows the data instead of standing before it.
    pub(super) described: bool,
}

impl File<'_> {
    const fn flags(&self) -> u16 {
        if self.described { UTF8 | DESCRIBED } else { UTF8 }
    }

    fn name_len(&self) -> u16 {
        u16::try_from(self.name.len()).unwrap_or(u16::MAX)
    }

    /// What stands before the data.
    pub(super) fn local_header(&self) -> Vec<u8> {
        let crc = if self.described { 0 } else { self.crc };
        let mut out = Vec::with_capacity(128);
        out.extend_from_slice(b"PK\x03\x04");
        for value in [VERSION, self.flags(), 0, 0, DATE] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        for value in [crc, u32::MAX, u32::MAX] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        for value in [self.name_len(), 20] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        out.extend_from_slice(self.name.as_bytes());
        for value in [1_u16, 16] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        for value in [self.size, self.size] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        out
    }

    /// What follows the data of a described file.
    pub(super) fn descriptor(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        out.extend_from_slice(b"PK\x07\x08");
        out.extend_from_slice(&self.crc.to_le_bytes());
        for value in [self.size, self.size] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        out
    }

    /// What the directory says of a file whose local header is at `offset`.
    pub(super) fn directory_header(&self, offset: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        out.extend_from_slice(b"PK\x01\x02");
        // Made on Unix, so that the mode counts: readable by whoever unpacks it, and others.
        for value in [(3 << 8) | VERSION, VERSION, self.flags(), 0, 0, DATE] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        for value in [self.crc, u32::MAX, u32::MAX] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        for value in [self.name_len(), 28, 0, 0, 0] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        for value in [0o100_644_u32 << 16, u32::MAX] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        out.extend_from_slice(self.name.as_bytes());
        for value in [1_u16, 24] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        for value in [self.size, self.size, offset] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        out
    }
}

/// What ends an archive of `files` files whose directory is `len` bytes at `at`.
pub(super) fn end(files: u64, at: u64, len: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    out.extend_from_slice(b"PK\x06\x06");
    out.extend_from_slice(&44_u64.to_le_bytes());
    for value in [(3 << 8) | VERSION, VERSION] {
        out.extend_from_slice(&value.to_le_bytes());
    }
    out.extend_from_slice(&[0; 8]);
    for value in [files, files, len, at] {
        out.extend_from_slice(&value.to_le_bytes());
    }
    out.extend_from_slice(b"PK\x06\x07\0\0\0\0");
    out.extend_from_slice(&(at + len).to_le_bytes());
    out.extend_from_slice(&1_u32.to_le_bytes());
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    out.extend_from_slice(&[0xFF; 12]);
    out.extend_from_slice(&[0; 2]);
    out
}

/// The CRC-32 of a few bytes.
pub(super) fn crc(pieces: &[&[u8]]) -> u32 {
    let mut hasher = Hasher::new();
    for piece in pieces {
        hasher.update(piece);
    }
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_as_long_as_their_names_say() {
        for (name, described) in [("a", false), ("audio/0.wav", true)] {
            let file = File { name, size: 7, crc: 1, described };
            let len = name.len() as u64;
            assert_eq!(file.local_header().len() as u64, LOCAL + len);
            assert_eq!(file.directory_header(9).len() as u64, DIRECTORY + len);
            assert_eq!(file.descriptor().len() as u64, DESCRIPTOR);
        }
        assert_eq!(end(1, 2, 3).len() as u64, END);
    }
}
