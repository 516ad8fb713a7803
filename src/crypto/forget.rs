//! Forgetting: a smaller keyring under a new root, and then the old root destroyed.
//!
//! The order is what makes it safe to stop anywhere: the new epoch is durable and was read back
//! and opened before anything of an old one is destroyed. Until then the old state is whole;
//! afterwards the new one is, and whoever opens it finishes the destroying.

use subtle::ConstantTimeEq;

use super::error::Error;
use super::keyring::{Dropped, Keyring};
use super::keys::{ATTEMPTS, Keys, fresh_root, newest, pause};
use super::place::{PlaceError, ReplicaResult, Stored, Version};
use crate::model::{ControllerId, Day};

/// What a forgetting did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// The epoch that began with it.
    pub epoch: i64,
    /// The day keys that are gone: day, generation and the fingerprint of the key.
    ///
    /// After an attempt that could not destroy the old root they are told again.
    pub days: Vec<Dropped>,
    /// How each copy of the old roots was destroyed.
    pub replicas: Vec<ReplicaResult>,
}

impl Forgotten {
    /// Whether every copy of the old roots is destroyed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.replicas.iter().all(|replica| replica.ok)
    }
}

impl Keys {
    /// Forgets the keys of all days before `today`, and changes the root in any case.
    ///
    /// The bucket of holds is no day and stays. Once this returns, and [`Forgotten::is_complete`],
    /// no earlier copy of the keyring opens.
    pub async fn forget(&self, today: Day) -> Result<Forgotten, Error> {
        self.renew(|keyring| keyring.drop_before(today)).await
    }

    /// Forgets as [`Keys::forget`] does, and in the same step the keys of these controllers.
    pub async fn forget_with(
        &self,
        today: Day,
        controllers: &[ControllerId],
    ) -> Result<Forgotten, Error> {
        self.renew(|keyring| {
            keyring.drop_before(today);
            keyring.tenants.retain(|id, _| !controllers.contains(id));
        })
        .await
    }

    /// Forgets the key of a controller, and with it all that is the controller's.
    pub async fn destroy_tenant(&self, controller: ControllerId) -> Result<Forgotten, Error> {
        self.renew(|keyring| drop(keyring.tenants.remove(&controller))).await
    }

    async fn renew(&self, shrink: impl Fn(&mut Keyring)) -> Result<Forgotten, Error> {
        let _changing = self.0.changing.lock().await;
        for attempt in 0..ATTEMPTS {
            pause(attempt).await;
            let (mut keyring, _) = newest(&*self.0.place).await?;
            let Version { epoch, seq } = keyring.version;
            let left = self.0.place.epochs().await?.into_iter().any(|old| old < epoch);
            if !left {
                // The last forgetting was finished and told: this one tells its own days.
                keyring.dropped.clear();
            }
            shrink(&mut keyring);
            keyring.version = Version { epoch: epoch + 1, seq: seq + 1 };
            let root = fresh_root()?;
            let stored = Stored { version: keyring.version, sealed: keyring.seal(&root)?, root };
            match self.0.place.create(&stored).await {
                Err(PlaceError::Conflict) => continue,
                created => created?,
            }
            between_steps!("forget.created");
            self.read_back(&stored).await?;
            between_steps!("forget.read_back");
            let replicas = self.destroy_older(stored.version.epoch).await?;
            between_steps!("forget.destroyed");
            self.check_replicas().await;
            return Ok(Forgotten { epoch: stored.version.epoch, days: keyring.dropped, replicas });
        }
        Err(PlaceError::Conflict.into())
    }

    /// Takes over the new epoch once it is proven to open, and takes it back when it does not.
    async fn read_back(&self, stored: &Stored) -> Result<(), Error> {
        let epoch = stored.version.epoch;
        let Some(back) = self.0.place.read(epoch).await? else {
            // Another node may have forgotten again meanwhile: its epoch is the proof then.
            let (keyring, _) = newest(&*self.0.place).await?;
            if keyring.version.epoch <= epoch {
                return Err(Error::ReadBack);
            }
            self.adopt(keyring);
            return Ok(());
        };
        let untouched = back.version == stored.version;
        let same = back.sealed == stored.sealed && bool::from(back.root.ct_eq(&*stored.root));
        match Keyring::open(&back) {
            // Another node may have added keys meanwhile: it opened it, and so did we.
            Ok(keyring) if same || !untouched => {
                self.adopt(keyring);
                Ok(())
            }
            _ => {
                // Nobody can have used it. If this fails too, the next forgetting meets it again.
                let _ = self.0.place.destroy(epoch).await;
                Err(Error::ReadBack)
            }
        }
    }
}
