//! Buffers for small windows, used again: to get one from the allocator and clear it costs a tenth
//! of what it takes to read and open such a window.

use std::ops::{Deref, DerefMut};
use std::sync::LazyLock;

use crossbeam_queue::ArrayQueue;

/// The largest window that has a buffer of the pool: the first of a playback, sealed.
pub(super) const POOLED: usize = 260 * 1024;

/// How many buffers are kept.
const KEPT: usize = 64;

static POOL: LazyLock<ArrayQueue<Vec<u8>>> = LazyLock::new(|| ArrayQueue::new(KEPT));

/// A window of an object as the store has it, to be opened where it lies.
pub struct Buffer {
    bytes: Vec<u8>,
    len: usize,
}

impl Buffer {
    /// A buffer of this many bytes, at most [`POOLED`], to be written over: what it holds is of no
    /// meaning.
    pub(super) fn pooled(len: usize) -> Self {
        let bytes = POOL.pop().unwrap_or_else(|| vec![0; POOLED]);
        Self { len: len.min(bytes.len()), bytes }
    }
}

impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Self {
        Self { len: bytes.len(), bytes }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.bytes.len() == POOLED {
            // When there are enough, this one goes back to the allocator.
            let _ = POOL.push(std::mem::take(&mut self.bytes));
        }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.len).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_as_long_as_asked_for_whatever_was_in_it_before() {
        for len in [0, 1, 70_000, POOLED] {
            let mut buffer = Buffer::pooled(len);
            assert_eq!(buffer.len(), len);
            buffer.fill(7);
        }
        assert_eq!(&*Buffer::from(vec![1, 2]), [1, 2]);
    }
}
