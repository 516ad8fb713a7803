//! Where the bytes of a recording come from, and the windows through which decoders see them.

use std::io::{self, Cursor, ErrorKind, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use symphonia::core::io::MediaSource;

use super::{Error, to_size};

/// The plain bytes of a recording.
pub trait Source: Read + Seek + Send + Sync {
    /// How many bytes there are.
    fn len(&self) -> u64;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: AsRef<[u8]> + Send + Sync> Source for Cursor<T> {
    fn len(&self) -> u64 {
        self.get_ref().as_ref().len() as u64
    }
}

/// A source that several readers share, and that remembers why it failed.
///
/// Decoders answer a failed read with an error of their own; the true one is kept here, so that a
/// store that is away is not taken for damaged audio. It also stops reading at the deadline, which
/// ends every loop in a decoder that reads.
#[derive(Clone)]
pub(super) struct Shared(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    len: u64,
    deadline: Option<Instant>,
}

struct State {
    source: Box<dyn Source>,
    position: Option<u64>,
    fault: Option<io::Error>,
}

impl Shared {
    pub(super) fn new(source: Box<dyn Source>, deadline: Option<Instant>) -> Self {
        let len = source.len();
        let state = Mutex::new(State { source, position: None, fault: None });
        Self(Arc::new(Inner { state, len, deadline }))
    }

    pub(super) fn len(&self) -> u64 {
        self.0.len
    }

    /// Whether the time for this work is over.
    pub(super) fn expired(&self) -> bool {
        self.0.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// An error of the source itself, if one came up since the last time of asking.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.state().fault.take().map_or(Ok(()), |fault| Err(Error::Io(fault)))
    }

    /// Reads once at a place.
    pub(super) fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if self.expired() {
            return Err(ErrorKind::TimedOut.into());
        }
        if at >= self.0.len || buffer.is_empty() {
            return Ok(0);
        }
        let mut state = self.state();
        match state.read_at(at, buffer) {
            Ok(count) => Ok(count),
            Err(fault) => {
                let kind = fault.kind();
                state.position = None;
                // A decoder would take an early end for the true one.
                state.fault = Some(fault);
                Err(if kind == ErrorKind::UnexpectedEof { ErrorKind::Other } else { kind }.into())
            }
        }
    }

    /// Fills the buffer from a place on, as far as there are bytes.
    pub(super) fn fill_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.read_at(at + filled as u64, rest)? {
                0 => break,
                count => filled += count,
            }
        }
        Ok(filled)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position != Some(at) {
            self.source.seek(SeekFrom::Start(at))?;
        }
        loop {
            match self.source.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                outcome => {
                    let count = outcome?;
                    self.position = Some(at + count as u64);
                    return Ok(count);
                }
            }
        }
    }
}

/// A part of a source as a decoder library sees it: a stream of its own, from 0.
pub(super) struct Tap {
    source: Shared,
    position: u64,
    seekable: bool,
    /// Where bytes are left out, and how many.
    gap: Option<(u64, u64)>,
}

impl Tap {
    pub(super) fn new(source: &Shared) -> Self {
        Self { source: source.clone(), position: 0, seekable: true, gap: None }
    }

    /// One that pretends to be a pipe, so that nobody looks for what its end should hold.
    pub(super) fn forward(source: &Shared) -> Self {
        Self { seekable: false, ..Self::new(source) }
    }

    /// One that goes on at `to` after the first `head` bytes.
    pub(super) fn spliced(source: &Shared, head: u64, to: u64) -> Self {
        Self { gap: Some((head, to.saturating_sub(head))), ..Self::forward(source) }
    }
}

impl Read for Tap {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (at, room) = match self.gap {
            Some((head, _)) if self.position < head => (self.position, head - self.position),
            Some((_, left_out)) => (self.position.saturating_add(left_out), u64::MAX),
            None => (self.position, u64::MAX),
        };
        let room = buffer.len().min(to_size(room));
        let count = self.source.read_at(at, buffer.get_mut(..room).unwrap_or_default())?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Tap {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.source.len().checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = position.ok_or(ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl MediaSource for Tap {
    fn is_seekable(&self) -> bool {
        self.seekable
    }

    fn byte_len(&self) -> Option<u64> {
        self.seekable.then(|| self.source.len())
    }
}

/// Bytes that a header reader looks into.
pub(super) trait Bytes {
    /// Up to `count` bytes at a place, fewer only where the bytes end.
    fn at(&mut self, at: u64, count: usize) -> io::Result<&[u8]>;

    /// How many bytes there are.
    fn len(&self) -> u64;
}

/// The first bytes of something longer.
#[cfg(test)]
pub(super) struct Head<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) len: u64,
}

#[cfg(test)]
impl Bytes for Head<'_> {
    fn at(&mut self, at: u64, count: usize) -> io::Result<&[u8]> {
        let rest = self.bytes.get(to_size(at)..).unwrap_or_default();
        Ok(rest.get(..count).unwrap_or(rest))
    }

    fn len(&self) -> u64 {
        self.len
    }
}

/// A source read in blocks, for readers that look at a few bytes at a time.
pub(super) struct Window {
    source: Shared,
    start: u64,
    block: Vec<u8>,
}

/// How many bytes a window holds, and the most it shows at once.
pub(super) const WINDOW: usize = 64 * 1024;

impl Window {
    pub(super) fn new(source: &Shared) -> Self {
        Self { source: source.clone(), start: 0, block: Vec::new() }
    }

    fn held(&self, at: u64, count: usize) -> Option<std::ops::Range<usize>> {
        let from = usize::try_from(at.checked_sub(self.start)?).ok()?;
        let to = from.checked_add(count)?;
        (to <= self.block.len()).then_some(from..to)
    }
}

impl Bytes for Window {
    fn at(&mut self, at: u64, count: usize) -> io::Result<&[u8]> {
        let left = to_size(self.source.len().saturating_sub(at));
        let count = count.min(WINDOW).min(left);
        if self.held(at, count).is_none() {
            self.block.resize(WINDOW, 0);
            // Whatever happens, the block must not pass for what it was.
            self.start = u64::MAX;
            let filled = self.source.fill_at(at, &mut self.block)?;
            self.block.truncate(filled);
            self.start = at;
        }
        let range = self.held(at, count.min(self.block.len())).unwrap_or(0..0);
        Ok(self.block.get(range).unwrap_or_default())
    }

    fn len(&self) -> u64 {
        self.source.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(bytes: Vec<u8>) -> Shared {
        Shared::new(Box::new(Cursor::new(bytes)), None)
    }

    #[test]
    fn a_window_shows_what_a_slice_would() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|i| (i * 7 % 251) as u8).collect();
        let source = shared(bytes.clone());
        let mut window = Window::new(&source);
        for (at, count) in
            [(0, 10), (65_530, 20), (3, 9), (199_990, 50), (200_000, 4), (900_000, 4), (70_000, 0)]
        {
            let from = at.min(bytes.len());
            let expected = &bytes[from..(from + count).min(bytes.len())];
            assert_eq!(window.at(at as u64, count).unwrap(), expected, "{at}+{count}");
        }
    }

    #[test]
    fn a_spliced_tap_leaves_bytes_out() {
        let source = shared((0..100).collect());
        let mut bytes = Vec::new();
        Tap::spliced(&source, 5, 95).read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, [0, 1, 2, 3, 4, 95, 96, 97, 98, 99]);
    }

    #[test]
    fn a_failed_read_is_remembered_once() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(ErrorKind::UnexpectedEof.into())
            }
        }
        impl Seek for Broken {
            fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
                Ok(0)
            }
        }
        impl Source for Broken {
            fn len(&self) -> u64 {
                100
            }
        }
        let source = Shared::new(Box::new(Broken), None);
        let error = source.read_at(0, &mut [0; 4]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Other, "it must not look like the end");
        assert!(matches!(source.check(), Err(Error::Io(_))));
        assert!(source.check().is_ok());
    }

    #[test]
    fn nothing_is_read_after_the_deadline() {
        let source = Shared::new(Box::new(Cursor::new(vec![0; 9])), Some(Instant::now()));
        assert_eq!(source.read_at(0, &mut [0; 4]).unwrap_err().kind(), ErrorKind::TimedOut);
        assert!(source.check().is_ok(), "the source itself is fine");
    }
}
