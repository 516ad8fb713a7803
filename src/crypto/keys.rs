//! The handle on the keyring: opened once, grown by what is needed, swapped when it changes.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::error::Error;
use super::forget::Forgotten;
use super::keyring::Keyring;
use super::place::{Place, PlaceError, ReplicaResult, Stored};
use super::secret::random;
use crate::model::{ControllerId, Day};

/// How often a change is tried again when somebody else was first.
pub(super) const ATTEMPTS: u32 = 20;

/// A handle on the keyring in memory. Clones share it.
///
/// Keys are computed from it for every use and kept nowhere, so nothing outlives a forgetting.
/// The root is read for a change and dropped with it.
#[derive(Clone)]
pub struct Keys(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub(super) place: Arc<dyn Place>,
    live: RwLock<Arc<Keyring>>,
    seen: RwLock<Seen>,
    /// Held by whoever changes the keyring, so that one process does not race itself.
    pub(super) changing: Mutex<()>,
}

/// What was last seen of the place.
#[derive(Default)]
struct Seen {
    replicas: Vec<ReplicaResult>,
    unfinished: bool,
}

/// How the keyring is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Counts roots.
    pub epoch: i64,
    /// Counts changes.
    pub seq: i64,
    /// How many day keys are live, the bucket of holds included.
    pub days: usize,
    /// How many controllers have a key.
    pub tenants: usize,
    /// The first day whose key is live.
    pub oldest_day: Option<Day>,
    /// No day before this one opens any more.
    pub forgotten_before: Day,
    /// How each copy was doing when last looked at.
    pub replicas: Vec<ReplicaResult>,
    /// Whether something of an old root could still be there: a forgetting that is not finished.
    pub unfinished: bool,
}

impl Keys {
    /// Makes the first keyring in `place`, and refuses when there is one.
    pub async fn init(place: Arc<dyn Place>) -> Result<Self, Error> {
        let keyring = Keyring::empty();
        let root = fresh_root()?;
        let stored = Stored { version: keyring.version, sealed: keyring.seal(&root)?, root };
        match place.create(&stored).await {
            Err(PlaceError::Conflict) => return Err(Error::KeyringExists),
            created => created?,
        }
        let back = place.read(stored.version.epoch).await?.ok_or(Error::ReadBack)?;
        if back.sealed != stored.sealed {
            return Err(Error::ReadBack);
        }
        Self::open(place).await
    }

    /// Opens the newest keyring in `place`, and finishes a forgetting that was interrupted.
    ///
    /// When an old root cannot be destroyed now, the keyring opens all the same and [`Status`]
    /// says so.
    pub async fn open(place: Arc<dyn Place>) -> Result<Self, Error> {
        let (keyring, _) = newest(&*place).await?;
        let epoch = keyring.version.epoch;
        let keys = Self(Arc::new(Shared {
            place,
            live: RwLock::new(Arc::new(keyring)),
            seen: RwLock::default(),
            changing: Mutex::new(()),
        }));
        if keys.destroy_older(epoch).await.is_err() {
            keys.seen(|seen| seen.unfinished = true);
        }
        keys.check_replicas().await;
        Ok(keys)
    }

    /// Makes sure that these controllers and days have keys, durably, before it returns.
    ///
    /// A day that was forgotten is refused. When every key is there nothing is read or written.
    pub async fn ensure(&self, controllers: &[ControllerId], days: &[Day]) -> Result<(), Error> {
        if !self.live().lacks(controllers, days)? {
            return Ok(());
        }
        let _changing = self.0.changing.lock().await;
        for attempt in 0..ATTEMPTS {
            pause(attempt).await;
            let (mut keyring, stored) = newest(&*self.0.place).await?;
            if !keyring.lacks(controllers, days)? {
                self.adopt(keyring);
                return Ok(());
            }
            keyring.add(controllers, days)?;
            keyring.version.seq += 1;
            let sealed = keyring.seal(&stored.root)?;
            match self.0.place.update(keyring.version, stored.version.seq, &sealed).await {
                Err(PlaceError::Conflict) => continue,
                updated => updated?,
            }
            let (kept, _) = newest(&*self.0.place).await?;
            if kept.lacks(controllers, days)? || !kept.agrees(&keyring, controllers, days) {
                return Err(Error::ReadBack);
            }
            self.adopt(kept);
            return Ok(());
        }
        Err(PlaceError::Conflict.into())
    }

    /// Follows the place: takes over a newer keyring and drops what is gone from it.
    ///
    /// Tells whether there was a newer one.
    pub async fn refresh(&self) -> Result<bool, Error> {
        let head = self.0.place.head().await?.ok_or(Error::NoKeyring)?;
        if head.seq <= self.live().version.seq {
            return Ok(false);
        }
        let (keyring, _) = newest(&*self.0.place).await?;
        let moved = self.adopt(keyring);
        self.check_replicas().await;
        Ok(moved)
    }

    /// Whether another node made a key for this controller or these days that is not here yet.
    ///
    /// What was forgotten is not waited for.
    #[must_use]
    pub fn is_behind(&self, controller: ControllerId, days: &[Day]) -> bool {
        let live = self.live();
        let ahead = days.iter().filter(|day| **day >= live.forgotten_before);
        !live.tenants.contains_key(&controller)
            || ahead.into_iter().any(|day| live.generation(*day).is_none())
    }

    /// The generation of the key of `day`; 0 when it has none yet.
    #[must_use]
    pub fn generation(&self, day: Day) -> i32 {
        self.live().generation(day).unwrap_or(0)
    }

    /// What tells the key of `day` from any other without telling the key, if it has one.
    #[must_use]
    pub fn fingerprint(&self, day: Day) -> Option<[u8; 32]> {
        self.live().fingerprint(day)
    }

    /// Asks every copy how it is doing.
    pub async fn check_replicas(&self) -> Vec<ReplicaResult> {
        let replicas = self.0.place.replicas().await;
        self.seen(|seen| seen.replicas.clone_from(&replicas));
        replicas
    }

    /// How the keyring is doing, without asking the place.
    #[must_use]
    pub fn status(&self) -> Status {
        let live = self.live();
        let seen = self.0.seen.read().unwrap_or_else(PoisonError::into_inner);
        Status {
            epoch: live.version.epoch,
            seq: live.version.seq,
            days: live.days.len(),
            tenants: live.tenants.len(),
            oldest_day: live.days.keys().next().map(|(day, _)| *day),
            forgotten_before: live.forgotten_before,
            replicas: seen.replicas.clone(),
            unfinished: seen.unfinished,
        }
    }

    /// What the last forgetting dropped: for a record that a crash prevented.
    #[must_use]
    pub fn last_forgotten(&self) -> Forgotten {
        let (live, status) = (self.live(), self.status());
        Forgotten {
            epoch: live.version.epoch,
            days: live.dropped.clone(),
            replicas: status.replicas,
        }
    }

    pub(super) fn live(&self) -> Arc<Keyring> {
        Arc::clone(&self.0.live.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes over `keyring` unless it is older than what is live; tells whether it did.
    pub(super) fn adopt(&self, keyring: Keyring) -> bool {
        let mut live = self.0.live.write().unwrap_or_else(PoisonError::into_inner);
        let newer = keyring.version.seq > live.version.seq;
        if newer {
            *live = Arc::new(keyring);
        }
        newer
    }

    /// Destroys every epoch before `epoch` and tells how each replica did.
    pub(super) async fn destroy_older(&self, epoch: i64) -> Result<Vec<ReplicaResult>, Error> {
        let place = &self.0.place;
        let mut results = Vec::new();
        for old in place.epochs().await?.into_iter().filter(|old| *old < epoch) {
            results.extend(place.destroy(old).await?);
        }
        let left = place.epochs().await?.into_iter().any(|old| old < epoch);
        self.seen(|seen| seen.unfinished = left);
        Ok(results)
    }

    fn seen(&self, note: impl FnOnce(&mut Seen)) {
        note(&mut self.0.seen.write().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The newest keyring with the state it came from. Never an older one than the newest there is.
pub(super) async fn newest(place: &dyn Place) -> Result<(Keyring, Stored), Error> {
    for attempt in 0..ATTEMPTS {
        pause(attempt).await;
        let head = place.head().await?.ok_or(Error::NoKeyring)?;
        // It can be forgotten between the two questions: then there is a newer one.
        match place.read(head.epoch).await {
            Ok(Some(stored)) => return Ok((Keyring::open(&stored)?, stored)),
            Ok(None) => {}
            Err(error) => {
                if place.head().await?.is_some_and(|now| now.epoch == head.epoch) {
                    return Err(error.into());
                }
            }
        }
    }
    Err(PlaceError::Conflict.into())
}

pub(super) fn fresh_root() -> Result<Zeroizing<[u8; 32]>, Error> {
    let mut root = Zeroizing::new([0; 32]);
    random(root.as_mut_slice())?;
    Ok(root)
}

/// Waits before a repeated attempt, longer each time and not in step with anybody else.
pub(super) async fn pause(attempt: u32) {
    if attempt > 0 {
        let mut jitter = [0];
        // Without randomness the wait is only less well spread.
        let _ = random(&mut jitter);
        let millis = 2 * u64::from(attempt) + u64::from(jitter[0] % 8);
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
}
