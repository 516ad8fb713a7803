//! The Merkle tree of RFC 6962: hashes, roots, and the two proofs.
//!
//! ```text
//! leaf = SHA-256(0x00 ‖ entry)        node = SHA-256(0x01 ‖ left ‖ right)
//! ```

use std::fmt;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// A hash of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The root of a tree without leaves.
    #[must_use]
    pub fn of_nothing() -> Self {
        Self(Sha256::digest([]).into())
    }

    /// The hash of an entry.
    #[must_use]
    pub fn of_leaf(entry: &[u8]) -> Self {
        Self(Sha256::new().chain_update([0]).chain_update(entry).finalize().into())
    }

    /// The hash over two subtrees.
    #[must_use]
    pub fn of_node(left: &Self, right: &Self) -> Self {
        let both = Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0);
        Self(both.finalize().into())
    }

    /// Reads a hash in Base64.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        STANDARD.decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

/// A tree that grows leaf by leaf and remembers only its right edge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    /// The roots of the full subtrees, the largest first.
    roots: Vec<Hash>,
}

impl Edge {
    /// How many leaves it has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut node = leaf;
        for _ in 0..self.size.trailing_ones() {
            let Some(left) = self.roots.pop() else { break };
            node = Hash::of_node(&left, &node);
        }
        self.roots.push(node);
        self.size += 1;
    }

    /// The root of the tree as it is.
    #[must_use]
    pub fn root(&self) -> Hash {
        fold(&self.roots)
    }
}

/// The hash over full subtrees that lie side by side, the largest first.
#[must_use]
pub fn fold(roots: &[Hash]) -> Hash {
    let mut roots = roots.iter().rev();
    let Some(last) = roots.next() else { return Hash::of_nothing() };
    roots.fold(*last, |right, left| Hash::of_node(left, &right))
}

/// The leaves below each hash of the proof that leaf `index` is in a tree of `size`.
#[must_use]
pub fn inclusion_ranges(index: u64, size: u64) -> Vec<Range<u64>> {
    let (mut all, mut ranges) = (0..size, Vec::new());
    while all.end - all.start > 1 {
        let middle = all.start + split(all.end - all.start);
        let (into, beside) = if index < middle {
            (all.start..middle, middle..all.end)
        } else {
            (middle..all.end, all.start..middle)
        };
        ranges.push(beside);
        all = into;
    }
    ranges.reverse();
    ranges
}

/// The leaves below each hash of the proof that the tree of `size` begins with that of `old`.
#[must_use]
pub fn consistency_ranges(old: u64, size: u64) -> Vec<Range<u64>> {
    let (mut all, mut ranges) = (0..size, Vec::new());
    if old == 0 || old >= size {
        return ranges;
    }
    while all.end != old {
        let middle = all.start + split(all.end - all.start);
        let (into, beside) = if old <= middle {
            (all.start..middle, middle..all.end)
        } else {
            (middle..all.end, all.start..middle)
        };
        ranges.push(beside);
        all = into;
    }
    if all.start > 0 {
        ranges.push(all);
    }
    ranges.reverse();
    ranges
}

/// The largest power of two below `count`, which is at least two.
const fn split(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// Whether `proof` shows that a leaf with this hash is at `index` in the tree with this root
/// (RFC 9162, 2.1.3.2).
#[must_use]
pub fn includes(root: &Hash, size: u64, index: u64, leaf: Hash, proof: &[Hash]) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut node) = (index, size - 1, leaf);
    for beside in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            node = Hash::of_node(beside, &node);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            node = Hash::of_node(&node, beside);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && node == *root
}

/// Whether `proof` shows that the tree `new` begins with the tree `old`, each a size and a root
/// (RFC 9162, 2.1.4.2).
#[must_use]
pub fn grows(old: (u64, &Hash), new: (u64, &Hash), proof: &[Hash]) -> bool {
    let ((old_size, old_root), (size, root)) = (old, new);
    if old_size == 0 {
        return *old_root == Hash::of_nothing() && proof.is_empty();
    }
    if old_size == size {
        return old_root == root && proof.is_empty();
    }
    if old_size > size {
        return false;
    }
    let mut hashes = proof.iter();
    let first = if old_size.is_power_of_two() { Some(old_root) } else { hashes.next() };
    let Some(first) = first else { return false };
    let (mut at, mut last) = (old_size - 1, size - 1);
    while at & 1 == 1 {
        (at, last) = (at >> 1, last >> 1);
    }
    let (mut was, mut is) = (*first, *first);
    for beside in hashes {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            was = Hash::of_node(beside, &was);
            is = Hash::of_node(beside, &is);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            is = Hash::of_node(&is, beside);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && was == *old_root && is == *root
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 6962, 2.1, word for word.
    fn root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Hash::of_nothing(),
            [leaf] => *leaf,
            _ => {
                let middle = usize::try_from(split(leaves.len() as u64)).unwrap();
                Hash::of_node(&root(&leaves[..middle]), &root(&leaves[middle..]))
            }
        }
    }

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|number| Hash::of_leaf(&number.to_be_bytes())).collect()
    }

    fn below(leaves: &[Hash], ranges: &[Range<u64>]) -> Vec<Hash> {
        let index = |at: u64| usize::try_from(at).unwrap();
        ranges.iter().map(|range| root(&leaves[index(range.start)..index(range.end)])).collect()
    }

    #[test]
    fn a_growing_edge_has_the_root_of_the_definition() {
        let all = leaves(300);
        let mut edge = Edge::default();
        for count in 0..=all.len() {
            assert_eq!(edge.root(), root(&all[..count]), "{count}");
            assert_eq!(edge.size(), count as u64);
            if let Some(leaf) = all.get(count) {
                edge.push(*leaf);
            }
        }
    }

    #[test]
    fn every_proof_of_a_small_tree_holds_for_what_it_proves_and_for_nothing_else() {
        for size in 1..40 {
            let all = leaves(size);
            let whole = root(&all);
            for index in 0..size {
                let at = usize::try_from(index).unwrap();
                let proof = below(&all, &inclusion_ranges(index, size));
                assert!(includes(&whole, size, index, all[at], &proof), "{index} in {size}");
                assert!(!includes(&whole, size, (index + 1) % (size + 1), all[at], &proof));
                assert!(!includes(&whole, size, index, whole, &proof) || size == 1);
                let old = root(&all[..at]);
                let proof = below(&all, &consistency_ranges(index, size));
                assert!(grows((index, &old), (size, &whole), &proof), "{index} to {size}");
                assert!(!grows((index, &whole), (size, &whole), &proof));
                assert!(!grows((size, &whole), (index, &old), &proof));
            }
        }
    }

    proptest! {
        #[test]
        fn a_changed_proof_proves_nothing(size in 2_u64..500, seed: u64, bit in 0_usize..256) {
            let all = leaves(size);
            let whole = root(&all);
            let index = seed % size;
            let at = usize::try_from(index).unwrap();
            let mut proof = below(&all, &inclusion_ranges(index, size));
            let changed = usize::try_from(seed).unwrap_or(0) % proof.len();
            proof[changed].0[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!includes(&whole, size, index, all[at], &proof));
            let old = root(&all[..at]);
            let mut proof = below(&all, &consistency_ranges(index, size));
            if !proof.is_empty() {
                let changed = changed % proof.len();
                proof[changed].0[bit / 8] ^= 1 << (bit % 8);
                prop_assert!(!grows((index, &old), (size, &whole), &proof));
            }
        }
    }
}
