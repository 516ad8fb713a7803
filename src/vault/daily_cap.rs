//! How many different recordings somebody hears in a day for training, over all nodes.

use super::Vault;
use super::error::Error;
use super::play::Heard;
use crate::index::Tx;
use crate::index::playbacks::{self, Playback};
use crate::model::{PlaybackId, Purpose, Timestamp};

/// What trainers are shown, and how much of it a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainingSettings {
    /// How many of a million support recordings are in the training sample.
    pub sample: u32,
    /// How many different recordings a person hears in a day for training; 0 for as many as there are.
    pub daily_cap: u32,
}

impl TrainingSettings {
    /// All of them.
    pub const ALL: u32 = 1_000_000;
}

impl Default for TrainingSettings {
    fn default() -> Self {
        Self { sample: Self::ALL, daily_cap: 40 }
    }
}

impl Heard {
    /// The playback that hearing it would begin.
    pub(super) fn playback(&self, now: Timestamp) -> Playback {
        let occasion = &self.occasion;
        Playback {
            id: PlaybackId::random(),
            controller: self.recording.controller,
            recording: self.recording.id,
            principal: occasion.by,
            purpose: occasion.purpose,
            case_id: occasion.case.clone().unwrap_or_default(),
            started_at: now,
            coverage: 0,
        }
    }
}

impl Vault {
    /// Refuses one more recording to who heard as many as there are in a day. One that was heard
    /// today already is none more.
    ///
    /// The day is that of the provider's time zone. Of one person, one transaction after the other
    /// asks: two nodes let nobody hear more than one.
    pub(super) async fn within_cap(&self, tx: &mut Tx, row: &Playback) -> Result<(), Error> {
        let cap = self.0.settings.training.daily_cap;
        if cap == 0 || row.purpose != Purpose::Training {
            return Ok(());
        }
        let zone = &self.0.settings.schedule.zone;
        let heard = playbacks::heard_since(tx, row, row.started_at.midnight(zone)).await?;
        if heard < i64::from(cap) {
            return Ok(());
        }
        let wait = row.started_at.next_midnight(zone).since(row.started_at);
        Err(Error::DailyCap { cap, wait })
    }
}
