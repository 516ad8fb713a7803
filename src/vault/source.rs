//! An object of the store as a file that a decoder can read.

use std::io::{self, Read, Seek, SeekFrom};

use bytes::Bytes;
use tokio::runtime::Handle;

use super::content::Opened;
use super::windows::{FIRST_WINDOW, WINDOW};
use crate::audio::Source;
use crate::crypto::SEGMENT;

/// An object of the store as something a decoder can read: blocking, for blocking threads only.
pub(super) struct StoreSource {
    opened: Opened,
    runtime: Handle,
    at: u64,
    /// The window read last, and where it starts.
    window: (u64, Vec<Bytes>),
}

impl StoreSource {
    pub(super) fn new(opened: Opened) -> Self {
        Self { opened, runtime: Handle::current(), at: 0, window: (0, Vec::new()) }
    }

    /// What is left of the current window at the current place.
    fn ready(&self) -> Option<&[u8]> {
        let (start, pieces) = &self.window;
        let mut offset = usize::try_from(self.at.checked_sub(*start)?).ok()?;
        for piece in pieces {
            if let Some(rest) = piece.get(offset..).filter(|rest| !rest.is_empty()) {
                return Some(rest);
            }
            offset -= piece.len();
        }
        None
    }
}

impl Read for StoreSource {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.opened.len() || buffer.is_empty() {
            return Ok(0);
        }
        if self.ready().is_none() {
            // Reading on from where the last window ended asks for more than jumping about does.
            let (start, pieces) = &self.window;
            let len: usize = pieces.iter().map(Bytes::len).sum();
            let onward = len > 0 && self.at == start + len as u64;
            let size = if onward { WINDOW } else { FIRST_WINDOW };
            let edge = (self.at / SEGMENT as u64) * SEGMENT as u64 + size;
            let range = self.at..edge.min(self.opened.len());
            let read = self.runtime.block_on(self.opened.read(range));
            self.window = (self.at, read.map_err(io::Error::other)?);
        }
        let ready = self.ready().unwrap_or_default();
        let count = ready.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), ready.get(..count)) {
            to.copy_from_slice(from);
        }
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for StoreSource {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.opened.len().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

impl Source for StoreSource {
    fn len(&self) -> u64 {
        self.opened.len()
    }
}
