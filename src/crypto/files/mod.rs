//! Root and keyring in local files: the default place.
//!
//! ```text
//! {dir}/keyring-{epoch}.sealed    the keyring of an epoch (format: `sealed`)
//! {dir}/keyring.lock              held by whoever changes something
//! {path}                          one per replica: the root of the newest epoch (format: `root`)
//! {path}.{epoch}                  the root of a new epoch, until the old one at {path} is gone
//! ```
//!
//! An epoch exists once its sealed file does, which is written after all its roots; a root without
//! one is what a crash left, and never sealed anything. Every file is written beside its place,
//! synced, moved into place, and its directory synced.

mod disk;
mod replica;
pub(super) mod root;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::future::BoxFuture;

pub(crate) use self::disk::write as write_file;
use self::replica::Replica;
use super::place::{Place, PlaceError, ReplicaResult, Stored, Version};
use super::sealed::{HEADER, version_of};

/// How often a listing is repeated when what it named is gone.
const LOOKS: u32 = 100;

/// The place of root and keyring in local files.
#[derive(Clone)]
pub struct Files(Arc<Paths>);

struct Paths {
    dir: PathBuf,
    replicas: RwLock<Vec<Replica>>,
}

impl Files {
    /// A keyring in `keyring_dir` and a copy of its root at each of `root_paths`.
    ///
    /// The copies belong on different disks: replicated, never archived.
    #[must_use]
    pub fn new(keyring_dir: PathBuf, root_paths: Vec<PathBuf>) -> Self {
        let replicas = root_paths.into_iter().map(Replica).collect();
        Self(Arc::new(Paths { dir: keyring_dir, replicas: RwLock::new(replicas) }))
    }

    /// Copies the root to one more path, which counts from then on.
    ///
    /// Other processes must be told in their configuration before the next forgetting.
    pub async fn add_replica(&self, path: PathBuf) -> Result<(), PlaceError> {
        self.blocking(move |paths| paths.add_replica(Replica(path))).await
    }

    fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Paths) -> Result<T, PlaceError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, PlaceError>> {
        let paths = Arc::clone(&self.0);
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(move || work(&paths)).await;
            done.unwrap_or_else(|error| Err(PlaceError::Unreachable(Box::new(error))))
        })
    }
}

impl Place for Files {
    fn head(&self) -> BoxFuture<'_, Result<Option<Version>, PlaceError>> {
        self.blocking(Paths::head)
    }

    fn epochs(&self) -> BoxFuture<'_, Result<Vec<i64>, PlaceError>> {
        self.blocking(Paths::epochs)
    }

    fn read(&self, epoch: i64) -> BoxFuture<'_, Result<Option<Stored>, PlaceError>> {
        self.blocking(move |paths| paths.read(epoch))
    }

    fn create(&self, stored: &Stored) -> BoxFuture<'_, Result<(), PlaceError>> {
        let stored = Stored {
            version: stored.version,
            sealed: stored.sealed.clone(),
            root: stored.root.clone(),
        };
        self.blocking(move |paths| paths.create(&stored))
    }

    fn update(
        &self,
        version: Version,
        expected_seq: i64,
        sealed: &[u8],
    ) -> BoxFuture<'_, Result<(), PlaceError>> {
        let sealed = sealed.to_vec();
        self.blocking(move |paths| paths.update(version, expected_seq, &sealed))
    }

    fn destroy(&self, epoch: i64) -> BoxFuture<'_, Result<Vec<ReplicaResult>, PlaceError>> {
        self.blocking(move |paths| paths.destroy(epoch))
    }

    fn replicas(&self) -> BoxFuture<'_, Vec<ReplicaResult>> {
        let asked = self.blocking(|paths| {
            let head = paths.head();
            let epoch = paths.newest_sealed()?.unwrap_or(0);
            let mut results = paths.for_each(|replica| replica.check(epoch));
            let keyring = matches!(head, Ok(Some(_)));
            results.push(result("keyring", keyring.then_some("is there").ok_or("is damaged")));
            Ok(numbered(results))
        });
        Box::pin(async move {
            asked.await.unwrap_or_else(|_| vec![result("keyring", Err("cannot be read"))])
        })
    }
}

impl Paths {
    fn head(&self) -> Result<Option<Version>, PlaceError> {
        for _ in 0..LOOKS {
            let Some(epoch) = self.newest_sealed()? else { return Ok(None) };
            let mut header = [0; HEADER];
            match File::open(self.sealed(epoch)).and_then(|mut file| file.read_exact(&mut header)) {
                Ok(()) => {}
                // Destroyed since it was listed: there is a newer one.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(PlaceError::Damaged { epoch });
                }
                Err(error) => return Err(error.into()),
            }
            let version = version_of(&header).filter(|version| version.epoch == epoch);
            return version.map(Some).ok_or(PlaceError::Damaged { epoch });
        }
        Err(PlaceError::Conflict)
    }

    fn epochs(&self) -> Result<Vec<i64>, PlaceError> {
        let mut epochs = self.sealed_epochs()?;
        let Some(newest) = epochs.iter().max().copied() else { return Ok(epochs) };
        for found in self.for_each(Replica::epochs) {
            // A replica that cannot be listed is reported when it is destroyed or checked.
            epochs.extend(found.unwrap_or_default().into_iter().filter(|epoch| *epoch <= newest));
        }
        epochs.sort_unstable();
        epochs.dedup();
        Ok(epochs)
    }

    fn read(&self, epoch: i64) -> Result<Option<Stored>, PlaceError> {
        let sealed = match fs::read(self.sealed(epoch)) {
            Ok(sealed) => sealed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let damaged = PlaceError::Damaged { epoch };
        let Some(version) = version_of(&sealed) else { return Err(damaged) };
        let roots = self.for_each(|replica| replica.find(epoch));
        let Some(root) = roots.into_iter().flatten().next() else { return Err(damaged) };
        Ok(Some(Stored { version, sealed, root }))
    }

    fn create(&self, stored: &Stored) -> Result<(), PlaceError> {
        let Version { epoch, seq } = stored.version;
        self.make_dirs()?;
        let _lock = self.lock()?;
        if self.head()?.is_some_and(|head| epoch <= head.epoch || seq <= head.seq) {
            return Err(PlaceError::Conflict);
        }
        let written: io::Result<()> =
            self.for_each(|replica| replica.write(epoch, &stored.root)).into_iter().collect();
        if let Err(error) = written {
            // Not all of them: none of them. What cannot be wiped now never sealed anything.
            self.for_each(|replica| drop(replica.destroy(epoch)));
            return Err(error.into());
        }
        between_steps!("forget.root_written");
        disk::write(&self.sealed(epoch), &stored.sealed)?;
        self.promote(epoch);
        Ok(())
    }

    fn update(&self, version: Version, expected: i64, sealed: &[u8]) -> Result<(), PlaceError> {
        let _lock = self.lock()?;
        if self.head()? != Some(Version { epoch: version.epoch, seq: expected }) {
            return Err(PlaceError::Conflict);
        }
        Ok(disk::write(&self.sealed(version.epoch), sealed)?)
    }

    fn destroy(&self, epoch: i64) -> Result<Vec<ReplicaResult>, PlaceError> {
        let _lock = self.lock()?;
        let mut results = self.for_each(|replica| replica.destroy(epoch));
        between_steps!("forget.root_destroyed");
        // The sealed file stays as long as a root may: it makes the epoch known, and tried again.
        let keyring = if results.iter().all(|result| result.ok) {
            disk::remove(&self.sealed(epoch)).map(|()| "destroyed").map_err(|_| "not removed")
        } else {
            Err("kept until every root is destroyed")
        };
        results.push(result("keyring", keyring));
        if let Some(newest) = self.newest_sealed()? {
            self.promote(newest);
        }
        Ok(numbered(results))
    }

    /// Moves the root of the newest epoch to its final path where the old one is gone.
    fn promote(&self, newest: i64) {
        // Where it fails the root is found under its own epoch's name as well.
        self.for_each(|replica| drop(replica.promote(newest)));
    }

    fn add_replica(&self, replica: Replica) -> Result<(), PlaceError> {
        let _lock = self.lock()?;
        let Some(head) = self.head()? else { return Err(PlaceError::Damaged { epoch: 0 }) };
        let stored = self.read(head.epoch)?.ok_or(PlaceError::Conflict)?;
        replica.write(head.epoch, &stored.root)?;
        replica.promote(head.epoch)?;
        let mut replicas = self.replicas.write().unwrap_or_else(PoisonError::into_inner);
        if !replicas.contains(&replica) {
            replicas.push(replica);
        }
        Ok(())
    }

    fn for_each<T>(&self, work: impl Fn(&Replica) -> T) -> Vec<T> {
        let replicas = self.replicas.read().unwrap_or_else(PoisonError::into_inner);
        replicas.iter().map(work).collect()
    }

    fn sealed(&self, epoch: i64) -> PathBuf {
        self.dir.join(format!("keyring-{epoch}.sealed"))
    }

    fn newest_sealed(&self) -> Result<Option<i64>, PlaceError> {
        Ok(self.sealed_epochs()?.into_iter().max())
    }

    fn sealed_epochs(&self) -> Result<Vec<i64>, PlaceError> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut epochs = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let epoch = name.to_str().and_then(|name| name.strip_prefix("keyring-"));
            epochs.extend(epoch.and_then(|name| name.strip_suffix(".sealed")?.parse::<i64>().ok()));
        }
        Ok(epochs)
    }

    /// Held until dropped; another process waits for it.
    fn lock(&self) -> Result<File, PlaceError> {
        let path = self.dir.join("keyring.lock");
        let file =
            OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
        file.lock()?;
        Ok(file)
    }

    /// Makes the directories of the very first keyring. Later a missing one is a missing disk.
    fn make_dirs(&self) -> Result<(), PlaceError> {
        if self.newest_sealed()?.is_some() {
            return Ok(());
        }
        let create = |dir: &Path| fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
        create(&self.dir)?;
        let made: io::Result<()> =
            self.for_each(|replica| create(replica.dir())).into_iter().collect();
        Ok(made?)
    }
}

fn result(name: &str, outcome: Result<&str, &str>) -> ReplicaResult {
    ReplicaResult {
        name: name.to_owned(),
        ok: outcome.is_ok(),
        detail: outcome.unwrap_or_else(|problem| problem).to_owned(),
    }
}

/// Names each replica by its number; the keyring's own result has a name.
fn numbered(mut results: Vec<ReplicaResult>) -> Vec<ReplicaResult> {
    for (index, found) in results.iter_mut().enumerate() {
        if found.name.is_empty() {
            found.name = format!("root {}", index + 1);
        }
    }
    results
}
