//! One exported log, read from its first entry to its last.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::checkpoint::Checkpoint;
use super::super::leaf::Leaf;
use super::super::note::{Note, VerifierKey};
use super::super::tiles::{self, Layer, Tile, WIDTH};
use super::super::tree::{Edge, Hash};
use super::population::Population;
use super::{Against, Broken, Error, Sightings, Verified, read, read_text};
use crate::model::Event;

/// Verifies a log. `seen` is what the log over all logs says of it; what this log says of others
/// is added to `others`.
pub(super) fn verify(
    folder: &Path,
    against: &Against,
    mut seen: Sightings,
    others: &mut BTreeMap<String, Sightings>,
) -> Result<Verified, Error> {
    let key = key(folder, against)?;
    let path = folder.join("checkpoint");
    let file = |source| Error::File { path: path.clone(), source };
    let note: Note = read_text(&path)?.parse().map_err(file)?;
    let checkpoint = Checkpoint::open(&note, &key).map_err(file)?;
    let origin = checkpoint.origin.clone();
    let mut wanted = Vec::new();
    for earlier in &against.earlier {
        let opened = Checkpoint::parse(earlier.text()).map_err(file)?;
        if opened.origin == origin {
            let opened = Checkpoint::open(earlier, &key).map_err(file)?;
            wanted.push(opened.size);
            seen.push((opened.size, opened.root, "the earlier checkpoint".into()));
        }
    }
    seen.sort_by_key(|(size, ..)| *size);
    if let Some((larger, _, what)) = seen.last().filter(|(size, ..)| *size > checkpoint.size) {
        let (size, larger, what) = (checkpoint.size, *larger, what.clone());
        return Err(Error::Smaller { origin, size, what, larger });
    }
    let consistent_with = seen.len();
    let mut reader = Reader {
        folder,
        origin: origin.clone(),
        edge: Edge::default(),
        levels: Vec::new(),
        seen: seen.into_iter().peekable(),
        population: Population::default(),
        provable: vec![Vec::new(); wanted.len()],
        wanted,
        others,
    };
    reader.read(checkpoint.size)?;
    if reader.edge.root() != checkpoint.root {
        return Err(Error::Root { origin, what: "the checkpoint".into() });
    }
    let (population, provable) = (reader.population, reader.provable);
    Ok(Verified {
        origin,
        size: checkpoint.size,
        root: checkpoint.root.to_string(),
        consistent_with,
        recordings: population.summary(),
        provable,
        population,
    })
}

/// The key of the log, and the policy that goes with it.
fn key(folder: &Path, against: &Against) -> Result<VerifierKey, Error> {
    let path = folder.join("vkey");
    let file = |source| Error::File { path: path.clone(), source };
    let key: VerifierKey = read_text(&path)?.parse().map_err(file)?;
    if !against.keys.is_empty() && !against.keys.iter().any(|known| known.is_same_key(&key)) {
        return Err(Error::OtherKey { path });
    }
    let path = folder.join("policy.txt");
    if path.exists() && !is_policy(&read_text(&path)?, &key) {
        return Err(Error::Policy { path });
    }
    Ok(key)
}

/// Whether a policy (C2SP tlog-policy) is one for this log.
fn is_policy(text: &str, key: &VerifierKey) -> bool {
    let mut logs = 0;
    let lines_fit = text.lines().filter(|line| !line.is_empty()).all(|line| {
        let mut words = line.split(' ');
        match words.next() {
            Some("log") => {
                logs += 1;
                words.next().is_some_and(|vkey| vkey == key.to_string())
            }
            Some("witness") => words.nth(1).is_some_and(|key| key.parse::<VerifierKey>().is_ok()),
            Some("quorum") => words.next() == Some("none"),
            _ => false,
        }
    });
    lines_fit && logs == 1
}

struct Reader<'r> {
    folder: &'r Path,
    origin: String,
    edge: Edge,
    /// The hashes of the last tile of each level.
    levels: Vec<(u64, Vec<Hash>)>,
    seen: std::iter::Peekable<std::vec::IntoIter<(u64, Hash, String)>>,
    population: Population,
    /// The sizes at which somebody wants to know what was provably there, and what was.
    wanted: Vec<u64>,
    provable: Vec<Vec<uuid::Uuid>>,
    others: &'r mut BTreeMap<String, Sightings>,
}

impl Reader<'_> {
    fn read(&mut self, size: u64) -> Result<(), Error> {
        self.check_seen()?;
        for n in 0..size.div_ceil(WIDTH) {
            let width = WIDTH.min(size - n * WIDTH);
            let path = self.folder.join(Tile { layer: Layer::Entries, n, width }.path());
            let bytes = read(&path)?;
            let entries = tiles::entries_in(&bytes).filter(|all| all.len() as u64 == width);
            for entry in entries.ok_or(Error::Bundle { path })? {
                self.hear(entry)?;
                let hash = Hash::of_leaf(entry);
                self.edge.push(hash);
                self.grow(0, hash)?;
                self.check_seen()?;
            }
        }
        for level in 0..self.levels.len() {
            self.check_tile(level)?;
        }
        Ok(())
    }

    /// What somebody saw at this size must be what is here.
    fn check_seen(&mut self) -> Result<(), Error> {
        let size = self.edge.size();
        let wanted = self.wanted.iter().zip(&mut self.provable);
        for (_, provable) in wanted.filter(|(wanted, _)| **wanted == size) {
            *provable = self.population.provable();
        }
        while let Some((_, root, what)) = self.seen.next_if(|(seen, ..)| *seen == size) {
            if root != self.edge.root() {
                return Err(Error::Root { origin: self.origin.clone(), what });
            }
        }
        Ok(())
    }

    fn hear(&mut self, entry: &[u8]) -> Result<(), Error> {
        let place = self.edge.size();
        let wrong = |what| Error::Entry { origin: self.origin.clone(), place, what };
        let leaf = Leaf::parse(entry).map_err(|error| match error {
            super::super::Error::Leaf(what) => wrong(Broken::Leaf(what)),
            _ => wrong(Broken::Leaf("is no leaf")),
        })?;
        let event = leaf.event();
        let opens = event == Some(Event::LogOpened);
        if opens != (place == 0) || opens && leaf.origin.as_deref() != Some(&self.origin) {
            return Err(wrong(Broken::Opened));
        }
        if event == Some(Event::LogCheckpoint) {
            let root = leaf.root.as_deref().and_then(Hash::parse);
            let (Some(log), Some(size), Some(root)) = (&leaf.log, leaf.size, root) else {
                return Err(wrong(Broken::Leaf("tells no checkpoint")));
            };
            let what = format!("entry {place} of {}", self.origin);
            self.others.entry(log.to_string()).or_default().push((size, root, what));
        }
        self.population.hear(&leaf).map_err(wrong)
    }

    /// Adds a hash to a level; a full tile is checked and goes into the level above.
    fn grow(&mut self, level: usize, hash: Hash) -> Result<(), Error> {
        if self.levels.len() == level {
            self.levels.push((0, Vec::with_capacity(256)));
        }
        let Some((_, tile)) = self.levels.get_mut(level) else { return Ok(()) };
        tile.push(hash);
        if tile.len() as u64 == WIDTH {
            let mut above = Edge::default();
            for hash in tile.iter() {
                above.push(*hash);
            }
            self.check_tile(level)?;
            if let Some((n, tile)) = self.levels.get_mut(level) {
                *n += 1;
                tile.clear();
            }
            self.grow(level + 1, above.root())?;
        }
        Ok(())
    }

    fn check_tile(&self, level: usize) -> Result<(), Error> {
        let Some((n, hashes)) = self.levels.get(level).filter(|(_, all)| !all.is_empty()) else {
            return Ok(());
        };
        let layer = Layer::Hashes(u8::try_from(level).unwrap_or(u8::MAX));
        let path = self.folder.join(Tile { layer, n: *n, width: hashes.len() as u64 }.path());
        if read(&path)? == tiles::hash_bytes(hashes) { Ok(()) } else { Err(Error::Tile { path }) }
    }
}
