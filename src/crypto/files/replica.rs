//! One copy of the root, at one path.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::super::place::ReplicaResult;
use super::{disk, result, root};

/// A path that holds a copy of the root.
#[derive(PartialEq, Eq)]
pub(super) struct Replica(pub(super) PathBuf);

/// What a path holds.
enum Found {
    Nothing,
    /// Something that is no root, or a torn one.
    Damaged,
    Root(i64, Zeroizing<[u8; 32]>),
}

impl Replica {
    pub(super) fn dir(&self) -> &Path {
        disk::dir_of(&self.0)
    }

    /// Where the root of a new epoch waits.
    fn waiting(&self, epoch: i64) -> PathBuf {
        let mut name = OsString::from(&self.0);
        name.push(format!(".{epoch}"));
        name.into()
    }

    /// Writes the root of a new epoch beside the old one.
    pub(super) fn write(&self, epoch: i64, secret: &[u8; 32]) -> io::Result<()> {
        self.sweep()?;
        disk::write(&self.waiting(epoch), root::encode(epoch, secret).as_slice())
    }

    /// The root of `epoch`, if this copy has it whole.
    pub(super) fn find(&self, epoch: i64) -> Option<Zeroizing<[u8; 32]>> {
        [self.waiting(epoch), self.0.clone()].iter().find_map(|path| match look(path) {
            Ok(Found::Root(found, root)) if found == epoch => Some(root),
            _ => None,
        })
    }

    /// Every epoch of which a root is here.
    pub(super) fn epochs(&self) -> io::Result<Vec<i64>> {
        let mut epochs = self.waiting_epochs()?;
        if let Found::Root(epoch, _) = look(&self.0)? {
            epochs.push(epoch);
        }
        Ok(epochs)
    }

    /// Destroys the root of `epoch`, and what is damaged: it may have been that root.
    pub(super) fn destroy(&self, epoch: i64) -> ReplicaResult {
        let outcome = self.try_destroy(epoch);
        result("", outcome.map_err(|_| "the old root could not be destroyed"))
    }

    fn try_destroy(&self, epoch: i64) -> io::Result<&'static str> {
        self.sweep()?;
        let mut destroyed = disk::wipe(&self.waiting(epoch))?;
        let keep = match look(&self.0)? {
            Found::Nothing => true,
            Found::Damaged => false,
            Found::Root(found, _) => found != epoch,
        };
        if !keep {
            destroyed |= disk::wipe(&self.0)?;
        }
        Ok(if destroyed { "the old root is destroyed" } else { "the old root was not here" })
    }

    /// Moves the root of the newest epoch to the path itself, once that is free.
    pub(super) fn promote(&self, newest: i64) -> io::Result<()> {
        let waiting = self.waiting(newest);
        if matches!(look(&self.0)?, Found::Nothing) && waiting.exists() {
            disk::rename(&waiting, &self.0)?;
        }
        Ok(())
    }

    /// How this copy is doing when `epoch` is the newest.
    pub(super) fn check(&self, epoch: i64) -> ReplicaResult {
        let outcome = match look(&self.0) {
            _ if self.find(epoch).is_some() => Ok("holds the root"),
            Err(_) => Err("cannot be read"),
            Ok(Found::Damaged) => Err("is damaged"),
            Ok(Found::Nothing) => Err("is missing"),
            Ok(Found::Root(..)) => Err("holds an old root"),
        };
        result("", outcome)
    }

    /// Wipes what a crash left half-written.
    fn sweep(&self) -> io::Result<()> {
        let mut half_written = vec![disk::beside(&self.0)];
        for name in self.beside()? {
            if name.starts_with('.') && name.strip_suffix(".tmp").is_some() {
                half_written.push(self.dir().join(self.name_with(&name)));
            }
        }
        for path in half_written {
            disk::wipe(&path)?;
        }
        Ok(())
    }

    fn waiting_epochs(&self) -> io::Result<Vec<i64>> {
        let names = self.beside()?;
        Ok(names.iter().filter_map(|name| name.strip_prefix('.')?.parse().ok()).collect())
    }

    /// What follows this path's own name in the names of the files beside it.
    fn beside(&self) -> io::Result<Vec<String>> {
        let own = self.0.file_name().unwrap_or_default().as_encoded_bytes();
        let mut found = Vec::new();
        for entry in fs::read_dir(self.dir())? {
            let name = entry?.file_name();
            let rest = name.as_encoded_bytes().strip_prefix(own);
            found.extend(rest.and_then(|rest| String::from_utf8(rest.to_vec()).ok()));
        }
        Ok(found)
    }

    fn name_with(&self, rest: &str) -> OsString {
        let mut name = self.0.file_name().unwrap_or_default().to_owned();
        name.push(rest);
        name
    }
}

fn look(path: &Path) -> io::Result<Found> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(error),
    };
    let mut bytes = Zeroizing::new([0; root::LEN + 1]);
    let mut len = 0;
    while let Some(space) = bytes.get_mut(len..).filter(|space| !space.is_empty()) {
        match file.read(space)? {
            0 => break,
            read => len += read,
        }
    }
    let found = bytes.get(..len).and_then(root::decode);
    Ok(found.map_or(Found::Damaged, |(epoch, root)| Found::Root(epoch, root)))
}
