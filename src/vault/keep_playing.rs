//! Playbacks in the index: written down while they go on, ended when nothing is heard any more.
//!
//! A playback is any node's. Each writes down what it served; whoever finds one idle ends it, and its
//! entry in the ledger is part of that (I18).

use std::collections::HashMap;
use std::sync::Arc;

use super::Vault;
use super::error::Error;
use super::play::played;
use super::playing::{IDLE, Playing};
use crate::index::ledger_entries;
use crate::index::playbacks::{self, Ending, Playback, Progress};
use crate::model::{PlaybackId, RecordingId, Timestamp};

/// How many playbacks are written down, or ended, in one transaction.
const BATCH: usize = 500;

impl Vault {
    /// Writes down what was heard, and ends the playbacks in which nothing is heard any more: this
    /// node's, and those of nodes that are gone.
    pub async fn keep_playbacks(&self) -> Result<(), Error> {
        self.write_playbacks().await?;
        let now = self.0.clock.now();
        let ended = self.end_playbacks(Ending::Idle(now.plus(-IDLE))).await?;
        self.0.players.sweep(&ended, now);
        Ok(())
    }

    /// Ends the playbacks that this node served last: it stops.
    pub async fn end_own_playbacks(&self) -> Result<(), Error> {
        self.write_playbacks().await?;
        let ended = self.end_playbacks(Ending::Node(self.0.node)).await?;
        self.0.players.sweep(&ended, self.0.clock.now());
        Ok(())
    }

    /// Ends the playbacks of a recording now, so that the ledger tells of them; who goes on listening
    /// begins another.
    pub(super) async fn end_playbacks_of(&self, id: RecordingId) -> Result<(), Error> {
        self.write_playbacks().await?;
        let ended = self.end_playbacks(Ending::Recordings(&[id])).await?;
        self.0.players.sweep(&ended, self.0.clock.now());
        Ok(())
    }

    async fn end_playbacks(&self, ending: Ending<'_>) -> Result<Vec<PlaybackId>, Error> {
        let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
        let mut all = Vec::new();
        loop {
            let now = self.0.clock.now();
            let mut tx = self.addition().await?;
            let ended = playbacks::end(&mut tx, ending, now, limit).await?;
            let entries: Vec<_> = ended.iter().map(|row| played(row, now)).collect();
            ledger_entries::append(&mut tx, &entries).await?;
            tx.commit().await?;
            all.extend(ended.iter().map(|row| row.id));
            if ended.len() < BATCH {
                return Ok(all);
            }
        }
    }

    /// Writes down what was heard since it was written down last.
    pub(super) async fn write_playbacks(&self) -> Result<(), Error> {
        let now = self.0.clock.now();
        for batch in self.0.players.to_write(now).chunks(BATCH) {
            for playing in batch {
                playing.writes();
            }
            let written = self.write_batch(batch, now).await;
            for playing in batch {
                playing.is_written(written.is_ok().then_some(now));
            }
            written?;
        }
        Ok(())
    }

    async fn write_batch(&self, batch: &[Arc<Playing>], now: Timestamp) -> Result<(), Error> {
        let ids: Vec<_> = batch.iter().map(|playing| playing.id()).collect();
        let mut tx = self.addition().await?;
        let mut rows: HashMap<_, _> = playbacks::heard(&mut tx, &ids).await?.into_iter().collect();
        let (mut all, mut again) = (HashMap::new(), Vec::new());
        for playing in batch {
            let id = playing.id();
            let Some(row) = rows.get_mut(&id) else {
                again.push(playing);
                continue;
            };
            let progress = playing.progress(row, now);
            // Two of this node can be of one row.
            row.clone_from(&progress.heard);
            all.insert(id, progress);
        }
        let all: Vec<_> = all.into_values().collect();
        playbacks::progress(&mut tx, self.0.node, &all).await?;
        tx.commit().await?;
        for playing in again {
            self.begin_again(playing, now).await?;
        }
        Ok(())
    }

    /// Another node ended it while something was still served here: that is a playback of its own.
    async fn begin_again(&self, playing: &Playing, now: Timestamp) -> Result<(), Error> {
        let before = playing.row();
        // A transaction of its own: recordings are locked before playbacks, here as everywhere.
        let mut tx = self.addition().await?;
        if !playbacks::stored(&mut tx, before.recording).await? {
            playing.is_at_its_end();
            return Ok(());
        }
        let Progress { heard, coverage, .. } = playing.progress(&[], now);
        let row = Playback { id: PlaybackId::random(), started_at: now, coverage, ..before };
        let id = playbacks::join(&mut tx, &row, &heard, self.0.node).await?;
        tx.commit().await?;
        playing.becomes(Playback { id, ..row });
        Ok(())
    }
}
