//! Tiles: the tree in pieces of 256 hashes, and the entries in bundles of 256 (C2SP tlog-tiles).
//!
//! ```text
//! tile/<level>/<n>[.p/<width>]     hashes of 32 bytes, side by side
//! tile/entries/<n>[.p/<width>]     entries, each after its length in two bytes
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::Range;

use super::tree::{Hash, fold};

/// How many hashes or entries a full tile has.
pub const WIDTH: u64 = 256;

/// The longest entry there is. The format allows 65 535 bytes.
pub const MAX_ENTRY: usize = 4096;

/// Which tile: of hashes at a level, or of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// The entries themselves.
    Entries,
    /// Hashes; level 0 are those of the entries, each next one covers 256 times as many.
    Hashes(u8),
}

/// A tile, full or as far as the tree reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// Of what.
    pub layer: Layer,
    /// Which one, from the left.
    pub n: u64,
    /// How many hashes or entries it has, 1 to 256.
    pub width: u64,
}

impl Tile {
    /// The path of this tile, from the address of the log.
    #[must_use]
    pub fn path(&self) -> String {
        let mut path = String::from("tile/");
        match self.layer {
            Layer::Entries => path.push_str("entries"),
            Layer::Hashes(level) => path.push_str(&level.to_string()),
        }
        let digits = format!("{:03}", self.n);
        // In groups of three, the first one padded with zeroes.
        let padded = format!("{}{digits}", "0".repeat((3 - digits.len() % 3) % 3));
        let groups = padded.len() / 3;
        for group in 0..groups {
            let mark = if group + 1 < groups { "x" } else { "" };
            let _ = write!(path, "/{mark}{}", padded.get(group * 3..group * 3 + 3).unwrap_or(""));
        }
        if self.width < WIDTH {
            let _ = write!(path, ".p/{}", self.width);
        }
        path
    }

    /// The tile at a path, after `tile/`.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let (layer, rest) = path.split_once('/')?;
        let layer = match layer {
            "entries" => Layer::Entries,
            level => Layer::Hashes(level.parse().ok().filter(|level| *level < 64)?),
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, width.parse().ok()?),
            None => (rest, WIDTH),
        };
        let mut n: u64 = 0;
        for group in number.split('/') {
            let digits = group.strip_prefix('x').unwrap_or(group);
            n = n.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
        }
        let tile = Self { layer, n, width };
        // Only the one way in which it is written is right.
        ((1..=WIDTH).contains(&width) && tile.path().strip_prefix("tile/") == Some(path))
            .then_some(tile)
    }
}

/// The tiles of hashes and entries that a tree of `size` has and one of `old` does not have yet.
#[must_use]
pub fn new_tiles(old: u64, size: u64) -> Vec<Tile> {
    let mut tiles = Vec::new();
    let (mut before, mut count, mut level) = (old, size, 0_u8);
    while count > 0 {
        for n in before / WIDTH..count.div_ceil(WIDTH) {
            let width = WIDTH.min(count - n * WIDTH);
            // A tile that did not grow is there.
            if n * WIDTH + width > before {
                tiles.push(Tile { layer: Layer::Hashes(level), n, width });
                if level == 0 {
                    tiles.push(Tile { layer: Layer::Entries, n, width });
                }
            }
        }
        (before, count, level) = (before / WIDTH, count / WIDTH, level + 1);
    }
    tiles
}

/// The partial tiles of a tree of `size`: what the next ones take the place of.
#[must_use]
pub fn partial_tiles(size: u64) -> Vec<Tile> {
    let (mut tiles, mut count, mut level) = (Vec::new(), size, 0_u8);
    while count > 0 {
        let (n, width) = (count / WIDTH, count % WIDTH);
        if width > 0 {
            tiles.push(Tile { layer: Layer::Hashes(level), n, width });
            if level == 0 {
                tiles.push(Tile { layer: Layer::Entries, n, width });
            }
        }
        (count, level) = (n, level + 1);
    }
    tiles
}

/// Hashes as the bytes of a tile.
#[must_use]
pub fn hash_bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// The hashes in the bytes of a tile.
#[must_use]
pub fn hashes_in(bytes: &[u8]) -> Vec<Hash> {
    bytes.chunks_exact(32).filter_map(|hash| hash.try_into().ok().map(Hash)).collect()
}

/// Entries as the bytes of a bundle.
#[must_use]
pub fn bundle<'e>(entries: impl IntoIterator<Item = &'e [u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        // No entry is longer than MAX_ENTRY.
        let len = u16::try_from(entry.len()).unwrap_or(u16::MAX);
        bytes.extend_from_slice(&len.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    bytes
}

/// The entries in the bytes of a bundle, or `None` when they are not cut where they say.
#[must_use]
pub fn entries_in(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::with_capacity(256);
    while let Some((len, rest)) = bytes.split_first_chunk::<2>() {
        let (entry, rest) = rest.split_at_checked(u16::from_be_bytes(*len).into())?;
        entries.push(entry);
        bytes = rest;
    }
    bytes.is_empty().then_some(entries)
}

/// The tiles of a tree that proofs are made from: level, number and hashes.
#[derive(Clone, Debug, Default)]
pub struct Shelf(BTreeMap<(u8, u64), Vec<Hash>>);

impl Shelf {
    /// Puts a tile on the shelf, in the place of a narrower one.
    pub fn put(&mut self, level: u8, n: u64, hashes: Vec<Hash>) {
        self.0.insert((level, n), hashes);
    }

    /// A tile, as wide as it is.
    #[must_use]
    pub fn tile(&self, level: u8, n: u64) -> Option<&[Hash]> {
        self.0.get(&(level, n)).map(Vec::as_slice)
    }

    /// Adds a hash at the end of a level, and what follows from it to the levels above. Each tile
    /// that changed is told.
    pub fn push(&mut self, level: u8, n: u64, hash: Hash, changed: &mut BTreeSet<(u8, u64)>) {
        let tile = self.0.entry((level, n)).or_default();
        tile.push(hash);
        changed.insert((level, n));
        if tile.len() as u64 == WIDTH {
            let root = perfect(tile);
            self.push(level + 1, n / WIDTH, root, changed);
        }
    }

    /// Takes a tile away that nothing needs any more.
    pub fn drop_tile(&mut self, level: u8, n: u64) {
        self.0.remove(&(level, n));
    }

    /// The hash over a subtree, if its tiles are here.
    #[must_use]
    pub fn hash(&self, leaves: &Range<u64>) -> Option<Hash> {
        let roots: Option<Vec<_>> = nodes(leaves).into_iter().map(|node| self.node(node)).collect();
        Some(fold(&roots?))
    }

    /// The hashes over subtrees, if their tiles are here.
    #[must_use]
    pub fn hashes(&self, ranges: &[Range<u64>]) -> Option<Vec<Hash>> {
        ranges.iter().map(|range| self.hash(range)).collect()
    }

    fn node(&self, (level, n): (u8, u64)) -> Option<Hash> {
        let (tile, at) = place(level, n);
        let tile = self.tile(tile.0, tile.1)?.get(at.start..at.end)?;
        Some(perfect(tile))
    }
}

/// The tiles that the hashes over these subtrees are computed from.
#[must_use]
pub fn needed(ranges: &[Range<u64>]) -> BTreeSet<(u8, u64)> {
    ranges.iter().flat_map(nodes).map(|(level, n)| place(level, n).0).collect()
}

/// The tile that holds what a node of the tree is computed from, and where in it.
fn place(level: u8, n: u64) -> ((u8, u64), Range<usize>) {
    let below = level % 8;
    let first = n << below;
    let at = usize::try_from(first % WIDTH).unwrap_or(0);
    ((level / 8, first / WIDTH), at..at + (1 << below))
}

/// The full subtrees of a subtree, the largest first: level and number of each.
fn nodes(leaves: &Range<u64>) -> Vec<(u8, u64)> {
    let (mut start, mut nodes) = (leaves.start, Vec::new());
    while start < leaves.end {
        let level = (leaves.end - start).ilog2();
        nodes.push((u8::try_from(level).unwrap_or(u8::MAX), start >> level));
        start += 1 << level;
    }
    nodes
}

/// The root over hashes whose number is a power of two.
fn perfect(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => Hash::of_nothing(),
        [one] => *one,
        more => {
            let (left, right) = more.split_at(more.len() / 2);
            Hash::of_node(&perfect(left), &perfect(right))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::{Edge, consistency_ranges, grows, includes, inclusion_ranges};
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        let cases = [
            (Layer::Hashes(0), 0, 256, "tile/0/000"),
            (Layer::Hashes(1), 5, 256, "tile/1/005"),
            (Layer::Hashes(0), 1_234_067, 256, "tile/0/x001/x234/067"),
            (Layer::Entries, 273, 112, "tile/entries/273.p/112"),
            (Layer::Entries, 1_000, 256, "tile/entries/x001/000"),
        ];
        for (layer, n, width, path) in cases {
            let tile = Tile { layer, n, width };
            assert_eq!(tile.path(), path);
            assert_eq!(Tile::parse(path.strip_prefix("tile/").unwrap()), Some(tile));
        }
        for wrong in [
            "0/0",
            "0/x000/000",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/07",
            "-1/000",
            "0/1000",
            "64/000",
            "entries",
            "0/",
            "../000",
        ] {
            assert_eq!(Tile::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_bundle_reads_back_and_a_cut_one_does_not() {
        let bytes = bundle([&b"one"[..], b"", b"three"]);
        assert_eq!(entries_in(&bytes).unwrap(), [&b"one"[..], b"", b"three"]);
        assert!(entries_in(&bytes[..bytes.len() - 1]).is_none());
        assert!(entries_in(b"\0").is_none());
    }

    #[test]
    fn proofs_from_tiles_hold_and_need_few_of_them() {
        let (mut shelf, mut edge, mut changed) =
            (Shelf::default(), Edge::default(), BTreeSet::new());
        let mut roots = vec![edge.root()];
        let size: u64 = 70_000;
        for number in 0..size {
            let leaf = Hash::of_leaf(&number.to_be_bytes());
            edge.push(leaf);
            shelf.push(0, number / WIDTH, leaf, &mut changed);
            roots.push(edge.root());
        }
        let root = |size: u64| &roots[usize::try_from(size).unwrap()];
        for size in [1, 2, 255, 256, 257, 65_535, 65_536, 65_537, size] {
            assert_eq!(shelf.hash(&(0..size)).as_ref(), Some(root(size)), "{size}");
            for index in [0, size / 3, size / 2, size - 1] {
                let ranges = inclusion_ranges(index, size);
                let proof = shelf.hashes(&ranges).unwrap();
                let leaf = Hash::of_leaf(&index.to_be_bytes());
                assert!(includes(root(size), size, index, leaf, &proof), "{index} in {size}");
                assert!(needed(&ranges).len() <= 6, "{index} in {size}");
                let proof = shelf.hashes(&consistency_ranges(index, size)).unwrap();
                assert!(grows((index, root(index)), (size, root(size)), &proof));
            }
        }
    }

    #[test]
    fn new_tiles_are_those_that_grew() {
        let paths = |old, size| new_tiles(old, size).iter().map(Tile::path).collect::<Vec<_>>();
        assert_eq!(paths(0, 0), Vec::<String>::new());
        assert_eq!(paths(0, 3), ["tile/0/000.p/3", "tile/entries/000.p/3"]);
        assert_eq!(
            paths(3, 257),
            [
                "tile/0/000",
                "tile/entries/000",
                "tile/0/001.p/1",
                "tile/entries/001.p/1",
                "tile/1/000.p/1"
            ]
        );
        assert_eq!(paths(257, 258), ["tile/0/001.p/2", "tile/entries/001.p/2"]);
        let paths = |size| partial_tiles(size).iter().map(Tile::path).collect::<Vec<_>>();
        assert_eq!(paths(256), ["tile/1/000.p/1"]);
        assert_eq!(paths(257), ["tile/0/001.p/1", "tile/entries/001.p/1", "tile/1/000.p/1"]);
        assert_eq!(paths(65_536), ["tile/2/000.p/1"]);
    }
}
