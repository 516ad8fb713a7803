//! A place in memory that can stop after so many writes, and that can write something else.

use std::collections::BTreeMap;
use std::sync::Mutex;

use futures_util::future::BoxFuture;
use zeroize::Zeroizing;

use crate::crypto::{Place, PlaceError, ReplicaResult, Stored, Version};

#[derive(Default)]
pub(super) struct Memory(Mutex<Inside>);

#[derive(Default)]
struct Inside {
    epochs: BTreeMap<i64, Row>,
    writes_left: Option<usize>,
    spoils_new_epochs: bool,
    conflicts: usize,
    calls: usize,
}

#[derive(Clone)]
struct Row {
    seq: i64,
    sealed: Vec<u8>,
    root: Option<[u8; 32]>,
}

impl Memory {
    /// From now on only so many writes succeed.
    pub(super) fn stop_after(&self, writes: usize) {
        self.0.lock().unwrap().writes_left = Some(writes);
    }

    /// The power is back.
    pub(super) fn go_on(&self) {
        self.0.lock().unwrap().writes_left = None;
    }

    pub(super) fn spoil_new_epochs(&self, spoils: bool) {
        self.0.lock().unwrap().spoils_new_epochs = spoils;
    }

    pub(super) fn conflicts(&self) -> usize {
        self.0.lock().unwrap().conflicts
    }

    pub(super) fn calls(&self) -> usize {
        self.0.lock().unwrap().calls
    }

    /// What a backup of everything would hold now.
    pub(super) fn backup(&self) -> Vec<Stored> {
        let inside = self.0.lock().unwrap();
        inside.epochs.iter().filter_map(|(epoch, row)| row.stored(*epoch)).collect()
    }

    /// Puts an epoch there as it is, whatever else there is.
    pub(super) fn restore(&self, stored: &Stored) {
        let row = Row {
            seq: stored.version.seq,
            sealed: stored.sealed.clone(),
            root: Some(*stored.root),
        };
        self.0.lock().unwrap().epochs.insert(stored.version.epoch, row);
    }

    /// Does it at once and answers later, so that two callers come between each other.
    fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Inside) -> Result<T, PlaceError>,
    ) -> BoxFuture<'_, Result<T, PlaceError>> {
        let mut inside = self.0.lock().unwrap();
        inside.calls += 1;
        let done = work(&mut inside);
        if matches!(done, Err(PlaceError::Conflict)) {
            inside.conflicts += 1;
        }
        Box::pin(async move {
            tokio::task::yield_now().await;
            done
        })
    }
}

impl Row {
    fn stored(&self, epoch: i64) -> Option<Stored> {
        Some(Stored {
            version: Version { epoch, seq: self.seq },
            sealed: self.sealed.clone(),
            root: Zeroizing::new(self.root?),
        })
    }
}

impl Inside {
    fn write(&mut self) -> Result<(), PlaceError> {
        match &mut self.writes_left {
            Some(0) => Err(PlaceError::Unreachable("the power is gone".into())),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn head(&self) -> Option<Version> {
        self.epochs.last_key_value().map(|(epoch, row)| Version { epoch: *epoch, seq: row.seq })
    }
}

impl Place for Memory {
    fn head(&self) -> BoxFuture<'_, Result<Option<Version>, PlaceError>> {
        self.call(|inside| Ok(inside.head()))
    }

    fn epochs(&self) -> BoxFuture<'_, Result<Vec<i64>, PlaceError>> {
        self.call(|inside| Ok(inside.epochs.keys().copied().collect()))
    }

    fn read(&self, epoch: i64) -> BoxFuture<'_, Result<Option<Stored>, PlaceError>> {
        self.call(|inside| match inside.epochs.get(&epoch) {
            None => Ok(None),
            Some(row) => row.stored(epoch).map(Some).ok_or(PlaceError::Damaged { epoch }),
        })
    }

    fn create(&self, stored: &Stored) -> BoxFuture<'_, Result<(), PlaceError>> {
        self.call(|inside| {
            let Version { epoch, seq } = stored.version;
            if inside.head().is_some_and(|head| epoch <= head.epoch || seq <= head.seq) {
                return Err(PlaceError::Conflict);
            }
            inside.write()?;
            let mut row = Row { seq, sealed: stored.sealed.clone(), root: Some(*stored.root) };
            if inside.spoils_new_epochs {
                row.sealed[70] ^= 1;
            }
            inside.epochs.insert(epoch, row);
            Ok(())
        })
    }

    fn update(
        &self,
        version: Version,
        expected_seq: i64,
        sealed: &[u8],
    ) -> BoxFuture<'_, Result<(), PlaceError>> {
        self.call(|inside| {
            if inside.head() != Some(Version { epoch: version.epoch, seq: expected_seq }) {
                return Err(PlaceError::Conflict);
            }
            inside.write()?;
            let row = inside.epochs.get_mut(&version.epoch).unwrap();
            (row.seq, row.sealed) = (version.seq, sealed.to_vec());
            Ok(())
        })
    }

    fn destroy(&self, epoch: i64) -> BoxFuture<'_, Result<Vec<ReplicaResult>, PlaceError>> {
        self.call(|inside| {
            inside.write()?;
            if let Some(row) = inside.epochs.get_mut(&epoch) {
                row.root = None;
            }
            inside.write()?;
            inside.epochs.remove(&epoch);
            Ok(vec![ReplicaResult { name: "memory".into(), ok: true, detail: "gone".into() }])
        })
    }

    fn replicas(&self) -> BoxFuture<'_, Vec<ReplicaResult>> {
        Box::pin(async { Vec::new() })
    }
}
