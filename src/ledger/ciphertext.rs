//! The tree over the ciphertext of an object (compliance-reference C.2.8): who has its root can
//! check that a recording is still there as it was accepted, and hears nothing of it.
//!
//! ```text
//! chunk     = 16 KiB of the object as the store has it, header included; the last is what is left
//! ct_root   = the root of RFC 6962 over the chunks
//! ct_chunks = SHA-256("vault.commit/v1\n" ‖ "ct_chunks" ‖ 0x00 ‖ salt(32) ‖ be64(chunks))
//! ```
//!
//! How many chunks there are is committed to and not told: that would be the size of a recording,
//! for ever. The salt goes with the recording. The vault keeps the root of every window of 16
//! chunks, so that the path of a chunk costs one read of 256 KiB.

use std::ops::Range;

use sha2::{Digest, Sha256};

use super::tree::{Edge, Hash, inclusion_ranges};

/// Bytes of a chunk.
pub const CHUNK: usize = 16 * 1024;

/// What the index calls what is kept of a tree.
pub const KIND: &str = "ct_tree";

/// Chunks of a window.
const WINDOW: u64 = 16;

/// Hashes an object as it is written.
pub struct Hasher {
    chunk: Sha256,
    filled: usize,
    count: u64,
    window: Edge,
    windows: Vec<Hash>,
}

impl Default for Hasher {
    fn default() -> Self {
        let (window, windows) = (Edge::default(), Vec::new());
        Self { chunk: Sha256::new_with_prefix([0]), filled: 0, count: 0, window, windows }
    }
}

impl Hasher {
    /// Takes in the next bytes of the object.
    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK - self.filled));
            self.chunk.update(now);
            self.filled += now.len();
            bytes = later;
            if self.filled == CHUNK {
                self.end_chunk();
            }
        }
    }

    fn end_chunk(&mut self) {
        let chunk = std::mem::replace(&mut self.chunk, Sha256::new_with_prefix([0]));
        self.window.push(Hash(chunk.finalize().into()));
        self.filled = 0;
        self.count += 1;
        if self.window.size() == WINDOW {
            self.windows.push(std::mem::take(&mut self.window).root());
        }
    }

    /// The tree, once the last byte is in it.
    #[must_use]
    pub fn finish(mut self) -> Tree {
        if self.filled > 0 {
            self.end_chunk();
        }
        if self.window.size() > 0 {
            self.windows.push(self.window.root());
        }
        Tree { count: self.count, windows: self.windows }
    }
}

/// The tree over an object, down to its windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    count: u64,
    windows: Vec<Hash>,
}

impl Tree {
    /// The root over all chunks.
    #[must_use]
    pub fn root(&self) -> Hash {
        // Windows are whole subtrees: a tree over their roots is the tree over their chunks.
        over(&self.windows)
    }

    /// How many chunks there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The bytes of the object that the path of a chunk is computed from.
    #[must_use]
    pub fn window(&self, chunk: u64, object_len: u64) -> Range<u64> {
        let start = chunk / WINDOW * WINDOW * CHUNK as u64;
        start..object_len.min(start + WINDOW * CHUNK as u64)
    }

    /// A chunk and its path to the root, out of the bytes of its window; `None` when those are not
    /// what was accepted.
    #[must_use]
    pub fn prove<'w>(&self, chunk: u64, window: &'w [u8]) -> Option<(&'w [u8], Vec<Hash>)> {
        let chunks: Vec<_> = window.chunks(CHUNK).collect();
        let hashes: Vec<_> = chunks.iter().map(|chunk| Hash::of_leaf(chunk)).collect();
        let outer = chunk / WINDOW;
        if chunk >= self.count || over(&hashes) != *self.windows.get(at(outer)?)? {
            return None;
        }
        let inner = inclusion_ranges(chunk % WINDOW, hashes.len() as u64);
        let above = inclusion_ranges(outer, self.windows.len() as u64);
        let inner = inner.into_iter().map(|range| of(&hashes, range));
        let above = above.into_iter().map(|range| of(&self.windows, range));
        let path = inner.chain(above).collect::<Option<_>>()?;
        Some((chunks.get(at(chunk % WINDOW)?)?, path))
    }

    /// What is kept of it: the salt, the number of chunks, the windows.
    #[must_use]
    pub fn to_bytes(&self, salt: &[u8; 32]) -> Vec<u8> {
        let windows = self.windows.iter().flat_map(|hash| hash.0);
        salt.iter().copied().chain(self.count.to_be_bytes()).chain(windows).collect()
    }

    /// Reads what is kept of it.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<([u8; 32], Self)> {
        let (salt, rest) = bytes.split_first_chunk::<32>()?;
        let (count, rest) = rest.split_first_chunk::<8>()?;
        let count = u64::from_be_bytes(*count);
        let (windows, left) = rest.as_chunks::<32>();
        let whole = left.is_empty() && windows.len() as u64 == count.div_ceil(WINDOW);
        let windows = windows.iter().map(|hash| Hash(*hash)).collect();
        whole.then_some((*salt, Self { count, windows }))
    }
}

/// What the ledger says instead of the number of chunks.
#[must_use]
pub fn commit(salt: &[u8; 32], count: u64) -> Hash {
    let hash = Sha256::new_with_prefix(b"vault.commit/v1\nct_chunks\0").chain_update(salt);
    Hash(hash.chain_update(count.to_be_bytes()).finalize().into())
}

fn over(hashes: &[Hash]) -> Hash {
    let mut edge = Edge::default();
    for hash in hashes {
        edge.push(*hash);
    }
    edge.root()
}

fn of(hashes: &[Hash], range: Range<u64>) -> Option<Hash> {
    Some(over(hashes.get(at(range.start)?..at(range.end)?)?))
}

fn at(place: u64) -> Option<usize> {
    usize::try_from(place).ok()
}

#[cfg(test)]
mod tests {
    use super::super::tree::includes;
    use super::*;

    fn object(len: usize) -> Vec<u8> {
        (0..len).map(|n| u8::try_from(n * 31 % 251).unwrap_or(0)).collect()
    }

    fn tree(object: &[u8], piece: usize) -> Tree {
        let mut hasher = Hasher::default();
        object.chunks(piece).for_each(|piece| hasher.update(piece));
        hasher.finish()
    }

    #[test]
    fn the_root_is_that_of_the_chunks_however_the_bytes_come() {
        for len in [96, CHUNK - 1, CHUNK, CHUNK + 1, 16 * CHUNK, 16 * CHUNK + 1, 75 * CHUNK + 7] {
            let object = object(len);
            let leaves: Vec<_> = object.chunks(CHUNK).map(Hash::of_leaf).collect();
            for piece in [80, 1000, CHUNK, len] {
                let tree = tree(&object, piece);
                assert_eq!((tree.root(), tree.count()), (over(&leaves), leaves.len() as u64));
            }
        }
    }

    #[test]
    fn every_chunk_is_proven_and_a_changed_bit_in_its_window_is_not() {
        let mut object = object(37 * CHUNK + 5);
        let tree = tree(&object, 999);
        let salt = [7; 32];
        assert_eq!(Tree::parse(&tree.to_bytes(&salt)), Some((salt, tree.clone())));
        assert_eq!(Tree::parse(&tree.to_bytes(&salt)[1..]), None);
        let len = object.len() as u64;
        let window = |chunk| {
            let range = tree.window(chunk, len);
            at(range.start).unwrap()..at(range.end).unwrap()
        };
        for chunk in 0..tree.count() {
            let (bytes, path) = tree.prove(chunk, &object[window(chunk)]).unwrap();
            let leaf = Hash::of_leaf(bytes);
            assert!(includes(&tree.root(), tree.count(), chunk, leaf, &path), "{chunk}");
            assert!(!includes(&tree.root(), tree.count(), chunk, Hash::of_leaf(b"x"), &path));
        }
        assert!(tree.prove(tree.count(), &object[window(37)]).is_none());
        assert!(tree.prove(3, &object[..CHUNK]).is_none(), "a window that was cut");
        object[5 * CHUNK] ^= 1;
        assert!(tree.prove(3, &object[window(3)]).is_none());
        assert!(tree.prove(20, &object[window(20)]).is_some());
    }

    #[test]
    fn another_number_of_chunks_is_another_commitment() {
        assert_ne!(commit(&[1; 32], 5), commit(&[1; 32], 6));
        assert_ne!(commit(&[1; 32], 5), commit(&[2; 32], 5));
    }
}
