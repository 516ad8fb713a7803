//! What a folder needs beside what every object store can: deletes that last, and leftovers.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use tokio::task::spawn_blocking;

use crate::model::{RecordingId, Timestamp};

use super::buffer::{Buffer, POOLED};
use super::cached;
use super::error::Error;
use super::name::folder;
use super::objects::Absence;

/// How many blocking jobs one batch is shared by.
const LANES: usize = 16;

/// How much may be read on an async thread: a first window of a playback, sealed, and no more.
const AT_ONCE: u64 = POOLED as u64;

/// The folder of the objects.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    root: PathBuf,
}

type Done<T> = Vec<(RecordingId, Result<T, Error>)>;

impl Folder {
    pub(super) const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn path(&self, id: RecordingId) -> PathBuf {
        self.root.join(folder(id)).join(id.to_string())
    }

    /// Reads a window of a file and hands it to `work`.
    ///
    /// Both happen at once for a small window that the kernel holds in memory: a hop to a blocking
    /// thread costs more than the window does. Otherwise both happen in one blocking job.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        id: RecordingId,
        range: Range<u64>,
        work: impl FnOnce(Buffer) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let path = self.path(id);
        if range.end.saturating_sub(range.start) <= AT_ONCE
            && let Some(bytes) = cached::window(&path, &range)
        {
            return Ok(work(bytes));
        }
        let read = move || Ok(work(window(&path, &range)?.into()));
        spawn_blocking(read).await.map_err(Error::other)?
    }

    /// Unlinks the files and makes that last: a folder is flushed once, however many it lost.
    pub(super) async fn delete(&self, ids: &[RecordingId]) -> Done<()> {
        self.in_lanes(ids, |here, lane| {
            let mut done: Done<()> = Vec::with_capacity(lane.len());
            let mut changed = BTreeSet::new();
            for id in lane {
                let unlinked = match fs::remove_file(here.path(id)) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                    other => other.map_err(Error::from),
                };
                if unlinked.is_ok() {
                    changed.insert(folder(id));
                }
                done.push((id, unlinked));
            }
            for name in changed {
                // What is not known to last is not done.
                if let Err(error) = here.flush(&name) {
                    let kind = error.kind();
                    for (id, result) in &mut done {
                        if result.is_ok() && folder(*id) == name {
                            *result = Err(io::Error::from(kind).into());
                        }
                    }
                }
            }
            done
        })
        .await
    }

    fn flush(&self, folder: &str) -> io::Result<()> {
        match File::open(self.root.join(folder)) {
            Ok(folder) => folder.sync_all(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Looks for the files.
    pub(super) async fn absent(&self, ids: &[RecordingId]) -> Done<Absence> {
        self.in_lanes(ids, |here, lane| {
            let look = |id| match fs::symlink_metadata(here.path(id)) {
                Ok(_) => Ok(Absence::Present),
                Err(error) if error.kind() == io::ErrorKind::NotFound => here.is_there(),
                Err(error) => Err(error.into()),
            };
            lane.into_iter().map(|id| (id, look(id))).collect()
        })
        .await
    }

    /// In a folder that is not there itself, nothing is known to be absent: a disk may be missing.
    fn is_there(&self) -> Result<Absence, Error> {
        fs::metadata(&self.root)
            .map(|_| Absence::Absent)
            .map_err(|error| Error::Unavailable(error.into()))
    }

    /// Shares a batch out to blocking jobs. A small one is a single job.
    async fn in_lanes<T: Send + 'static>(
        &self,
        ids: &[RecordingId],
        work: impl Fn(&Self, Vec<RecordingId>) -> Done<T> + Clone + Send + 'static,
    ) -> Done<T> {
        // Sorted, so that a lane has few folders to flush.
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        let mut jobs = Vec::with_capacity(LANES);
        for lane in ids.chunks(ids.len().div_ceil(LANES).max(LANES)) {
            let (here, lane, work) = (self.clone(), lane.to_vec(), work.clone());
            jobs.push((lane.clone(), spawn_blocking(move || work(&here, lane))));
        }
        let mut done = Vec::with_capacity(ids.len());
        for (lane, job) in jobs {
            match job.await {
                Ok(part) => done.extend(part),
                Err(error) => {
                    let why = error.to_string();
                    done.extend(lane.into_iter().map(|id| (id, Err(Error::other(why.clone())))));
                }
            }
        }
        done
    }

    /// Drops the staged files (`name#1`) of uploads that were begun before this and never finished.
    /// No list shows them.
    pub(super) async fn sweep(&self, older_than: Timestamp) -> Result<u64, Error> {
        let here = self.clone();
        spawn_blocking(move || here.sweep_now(older_than)).await.map_err(Error::other)?
    }

    fn sweep_now(&self, older_than: Timestamp) -> Result<u64, Error> {
        let mut swept = 0;
        for folder in fs::read_dir(&self.root)? {
            let folder = folder?;
            if !folder.file_type()?.is_dir() {
                continue;
            }
            let mut changed = false;
            for file in fs::read_dir(folder.path())? {
                let file = file?;
                let staged = file.file_name().to_string_lossy().contains('#');
                if staged && is_older(&file, older_than)? {
                    fs::remove_file(file.path())?;
                    (swept, changed) = (swept + 1, true);
                }
            }
            if changed {
                File::open(folder.path())?.sync_all()?;
            }
        }
        Ok(swept)
    }
}

fn window(path: &Path, range: &Range<u64>) -> Result<Vec<u8>, Error> {
    let wanted = range.end.saturating_sub(range.start);
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(range.start))?;
    let mut bytes = Vec::with_capacity(usize::try_from(wanted).map_err(Error::other)?);
    file.take(wanted).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == wanted { Ok(bytes) } else { Err(Error::Unfaithful) }
}

fn is_older(file: &fs::DirEntry, than: Timestamp) -> Result<bool, Error> {
    let modified = match file.metadata() {
        Ok(metadata) => metadata.modified()?,
        // Its upload has just finished or given up.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(i64::try_from(since.as_micros()).is_ok_and(|micros| micros < than.micros()))
}
