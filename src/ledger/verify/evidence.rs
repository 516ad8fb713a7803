//! An evidence package: that its manifest is signed, that every file is the one it lists, and that
//! the chain of custody is in the log.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use zip::ZipArchive;

use super::super::checkpoint::Checkpoint;
use super::super::evidence::{
    CUSTODY, Custody, DETAILS, Details, Listed, MANIFEST, Manifest, SCHEMA, to_text,
};
use super::super::leaf::Leaf;
use super::super::note::{Note, VerifierKey};
use super::super::tree::{Hash, includes};
use super::Error;
use crate::model::Event;

/// The most bytes of a file beside the audio.
const MOST: u64 = 64 << 20;

/// What is wrong with an evidence package.
#[derive(Debug, thiserror::Error)]
pub enum Unsound {
    /// It cannot be read as an archive.
    #[error("it is no archive that can be read: it was cut or changed")]
    Archive,
    /// A file that every package has is not in it.
    #[error("{0} is not in it")]
    Missing(String),
    /// A file is in it that the manifest does not list.
    #[error("{0} is in it and not in its manifest: it was added")]
    Added(String),
    /// A name is in it twice.
    #[error("it holds {0} twice")]
    Twice(String),
    /// The manifest is no signed manifest.
    #[error("its manifest cannot be read: {0}")]
    Manifest(super::super::Error),
    /// The manifest is of another log than the key.
    #[error("it is of {log}, and the key is of {key}")]
    Log {
        /// Whose it is.
        log: String,
        /// Whose key was given.
        key: String,
    },
    /// A file is not the one that was signed.
    #[error("{0} is not the file that was signed: it was changed")]
    Changed(String),
    /// A file is as signed, and says what cannot be.
    #[error("{0} is not what such a file is, or is of another package")]
    Told(&'static str),
    /// An entry of the chain of custody is not in the log.
    #[error("entry {0} of its chain of custody is not in the log")]
    Entry(u64),
    /// The chain of custody lacks what every one has.
    #[error("its chain of custody does not tell of {0}")]
    Custody(&'static str),
}

/// A package that is sound.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// What was signed.
    pub manifest: Manifest,
    /// What it says of the call.
    pub details: Details,
    /// How many entries its chain of custody has.
    pub entries: usize,
}

/// Verifies an evidence package with the key of its log.
pub fn evidence(path: &Path, key: &VerifierKey) -> Result<Evidence, Error> {
    let file = File::open(path).map_err(|source| super::read_error(path, source))?;
    check(file, key).map_err(|wrong| Error::Evidence { path: path.into(), wrong })
}

fn check(file: File, key: &VerifierKey) -> Result<Evidence, Unsound> {
    let mut archive = ZipArchive::new(file).map_err(|_| Unsound::Archive)?;
    let note = String::from_utf8(whole(&mut archive, MANIFEST)?).map_err(|_| Unsound::Archive)?;
    let note: Note = note.parse().map_err(Unsound::Manifest)?;
    let manifest = Manifest::parse(note.text()).map_err(Unsound::Manifest)?;
    if manifest.log != key.name() {
        return Err(Unsound::Log { log: manifest.log, key: key.name().to_owned() });
    }
    note.verify(key).map_err(Unsound::Manifest)?;
    only_listed(&archive, &manifest)?;
    for listed in &manifest.files {
        as_signed(&mut archive, listed)?;
    }
    let details: Details = told(&mut archive, DETAILS)?;
    let custody: Custody = told(&mut archive, CUSTODY)?;
    let audio = &details.audio;
    let audio = Listed { name: audio.file.clone(), size: audio.size, sha256: audio.sha256.clone() };
    let of_this = details.schema == SCHEMA
        && details.package == manifest.package
        && details.recording.id == manifest.recording
        && manifest.files.contains(&audio);
    if !of_this {
        return Err(Unsound::Told(DETAILS));
    }
    follows(&custody, &manifest, key)?;
    Ok(Evidence { entries: custody.entries.len(), manifest, details })
}

/// Nothing is in it but what is listed, and each once.
fn only_listed(archive: &ZipArchive<File>, manifest: &Manifest) -> Result<(), Unsound> {
    let mut seen = BTreeSet::new();
    for name in archive.file_names() {
        let name = name.map_err(|_| Unsound::Archive)?;
        let listed = manifest.files.iter().any(|listed| listed.name == name);
        if !listed && name != MANIFEST {
            return Err(Unsound::Added(name.into_owned()));
        }
        seen.insert(name.into_owned());
    }
    for listed in &manifest.files {
        if !seen.remove(&listed.name) {
            return Err(if manifest.files.iter().filter(|other| *other == listed).count() > 1 {
                Unsound::Twice(listed.name.clone())
            } else {
                Unsound::Missing(listed.name.clone())
            });
        }
    }
    Ok(())
}

fn as_signed(archive: &mut ZipArchive<File>, listed: &Listed) -> Result<(), Unsound> {
    let changed = || Unsound::Changed(listed.name.clone());
    let mut file = archive.by_name(&listed.name).map_err(|_| changed())?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut size = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                size += count as u64;
                hash.update(buffer.get(..count).unwrap_or_default());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Err(changed()),
        }
    }
    let same = size == listed.size && hex::encode(hash.finalize()) == listed.sha256;
    if same { Ok(()) } else { Err(changed()) }
}

fn whole(archive: &mut ZipArchive<File>, name: &str) -> Result<Vec<u8>, Unsound> {
    let file = archive.by_name(name).map_err(|_| Unsound::Missing(name.to_owned()))?;
    let mut bytes = Vec::new();
    let read = file.take(MOST).read_to_end(&mut bytes);
    read.map_err(|_| Unsound::Changed(name.to_owned()))?;
    Ok(bytes)
}

fn told<T: DeserializeOwned + serde::Serialize>(
    archive: &mut ZipArchive<File>,
    name: &'static str,
) -> Result<T, Unsound> {
    let bytes = whole(archive, name)?;
    let told: T = serde_json::from_slice(&bytes).map_err(|_| Unsound::Told(name))?;
    if to_text(&told).as_bytes() == bytes { Ok(told) } else { Err(Unsound::Told(name)) }
}

/// The chain of custody is in the log, and tells of the recording from beginning to end.
fn follows(custody: &Custody, manifest: &Manifest, key: &VerifierKey) -> Result<(), Unsound> {
    let wrong = || Unsound::Told(CUSTODY);
    if custody.recording != manifest.recording || custody.log != manifest.log {
        return Err(wrong());
    }
    let note: Note = custody.checkpoint.parse().map_err(|_| wrong())?;
    let checkpoint = Checkpoint::open(&note, key).map_err(|_| wrong())?;
    let (mut last, mut taken_in, mut approved, mut handed_out) = (None, false, false, false);
    let package = format!("\"package\":\"{}\"", manifest.package);
    for entry in &custody.entries {
        let missing = Unsound::Entry(entry.index);
        let hashes: Option<Vec<_>> = entry.hashes.iter().map(|hash| Hash::parse(hash)).collect();
        let leaf = Hash::of_leaf(entry.entry.as_bytes());
        let included = hashes.is_some_and(|hashes| {
            includes(&checkpoint.root, checkpoint.size, entry.index, leaf, &hashes)
        });
        if !included || last.is_some_and(|last| last >= entry.index) {
            return Err(missing);
        }
        let read = Leaf::parse(entry.entry.as_bytes()).map_err(|_| wrong())?;
        if read.rec != Some(manifest.recording.0) {
            return Err(wrong());
        }
        let of_package = entry.entry.contains(&package);
        match read.event() {
            Some(Event::RecordingAccepted) => taken_in = true,
            Some(Event::EvidenceApproved) if of_package => approved = true,
            Some(Event::EvidenceHandedOut) if of_package => handed_out = true,
            _ => {}
        }
        last = Some(entry.index);
    }
    let all = [
        (taken_in, "the recording being taken in"),
        (approved, "a second person agreeing to this package"),
        (handed_out, "this package being handed out"),
    ];
    match all.into_iter().find(|(told, _)| !told) {
        Some((_, what)) => Err(Unsound::Custody(what)),
        None => Ok(()),
    }
}
