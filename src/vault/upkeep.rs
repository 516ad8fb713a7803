//! What the vault does by itself: erase, forget, project the ledger, follow the keyring, measure.

use std::time::Duration;

use jiff::SignedDuration;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::Vault;
use super::error::Error;
use super::health::SAY;
use super::{journal, scrub};
use crate::index::{playbacks, tellings, tickets};

/// How often the keyring is asked whether another node changed it: a forgetting is followed within
/// a second.
const FOLLOW: Duration = Duration::from_millis(400);

/// How often it is asked what time the other nodes have seen.
const FOLLOW_CLOCKS: Duration = Duration::from_secs(5);

/// How often the ledger is projected into tiles and signed: never more than five seconds behind.
const PROJECT: Duration = Duration::from_secs(3);

/// After how many projections the ledger is compared with what was signed, and witnesses are asked.
const COMPARE: u32 = 20;

/// How often the gauges are read.
const MEASURE: Duration = Duration::from_secs(15);

/// How often it is looked for events that are to go out.
const TELL: Duration = Duration::from_secs(1);

/// How often it is written down what was heard.
const PLAYING: Duration = Duration::from_secs(5);

/// After how many of those it is looked who hears far more than others: every five minutes.
const WATCH: u32 = 60;

/// How long it is remembered that something was told.
const TOLD: SignedDuration = SignedDuration::from_hours(48);

/// How long playbacks that ended are kept, to count who heard how much: their entries stay.
const COUNTED: SignedDuration = SignedDuration::from_hours(24 * 8);

/// Which of the timers run.
#[derive(Clone, Copy, Debug)]
pub struct Upkeep {
    /// Whether this node erases and forgets.
    pub erases: bool,
}

impl Vault {
    /// Runs the timers until told to stop. A pass that fails is logged and tried again.
    pub async fn keep_up(&self, upkeep: Upkeep, stop: CancellationToken) {
        let mut follow = ticks(FOLLOW);
        let mut measure = ticks(MEASURE);
        let mut erase = ticks(self.0.settings.eraser_interval);
        let erasing = async {
            loop {
                erase.tick().await;
                if upkeep.erases {
                    self.erase_and_forget().await;
                }
            }
        };
        let following = async {
            loop {
                follow.tick().await;
                self.0.recent.sweep(self.0.clock.elapsed());
                if let Err(error) = self.0.keys.refresh().await {
                    tracing::warn!(%error, "the keyring does not answer");
                }
                self.measure_keys();
            }
        };
        let mut clocks = ticks(FOLLOW_CLOCKS);
        let following_clocks = async {
            loop {
                clocks.tick().await;
                if let Err(error) = self.follow_clocks().await {
                    tracing::warn!(%error, "the index does not answer");
                }
            }
        };
        let measuring = async {
            loop {
                measure.tick().await;
                if let Err(error) = self.measure().await {
                    tracing::warn!(%error, "the index does not answer");
                }
            }
        };
        let mut journal = ticks(journal::EVERY);
        let journaling = async {
            loop {
                journal.tick().await;
                if let Err(error) = self.flush_journal().await {
                    tracing::warn!(error = error.chain(), "the journal is behind for now");
                }
            }
        };
        let mut scrub = ticks(scrub::EVERY);
        let scrubbing = async {
            loop {
                scrub.tick().await;
                if upkeep.erases {
                    self.scrub_by_itself().await;
                }
            }
        };
        let mut tell = ticks(TELL);
        let telling = async {
            loop {
                tell.tick().await;
                if let Err(error) = self.tell_webhooks().await {
                    report(&error, "events do not go out");
                }
            }
        };
        let playing = self.keep_playing();
        let saying = self.keep_saying(upkeep.erases);
        let projecting = self.keep_projecting();
        tokio::select! {
            () = stop.cancelled() => {}
            () = saying => {}
            () = telling => {}
            () = playing => {}
            () = projecting => {}
            () = erasing => {}
            () = following => {}
            () = following_clocks => {}
            () = measuring => {}
            () = journaling => {}
            () = scrubbing => {}
        }
        self.say_goodbye().await;
    }

    /// Says now and then that this node is there, and what came to it.
    async fn keep_saying(&self, erases: bool) {
        let (started_at, mut say) = (self.0.clock.now(), ticks(SAY));
        loop {
            say.tick().await;
            if let Err(error) = self.say_node(erases, started_at).await {
                tracing::warn!(error = error.chain(), "others do not hear of this node for now");
            }
            if let Err(error) = self.note_sources().await {
                tracing::warn!(error = error.chain(), "what came is written down later");
            }
        }
    }

    /// Says what came last, and that this node is not there any more.
    async fn say_goodbye(&self) {
        if let Err(error) = self.note_sources().await {
            tracing::warn!(error = error.chain(), "what came last was not written down");
        }
        if let Err(error) = self.leave_nodes().await {
            tracing::warn!(error = error.chain(), "this node stays on the list for a day");
        }
    }

    async fn keep_playing(&self) {
        let mut playing = ticks(PLAYING);
        for turn in (0..WATCH).cycle() {
            playing.tick().await;
            if self.must_be_sound().is_err() {
                continue;
            }
            if let Err(error) = self.keep_playbacks().await {
                report(&error, "what is heard is not written down for now");
            }
            if turn == 0
                && let Err(error) = self.watch_listening().await
            {
                report(&error, "who hears far more than others is not known for now");
            }
        }
    }

    async fn keep_projecting(&self) {
        let mut project = ticks(PROJECT);
        for turn in (0..COMPARE).cycle() {
            project.tick().await;
            if self.must_be_sound().is_err() {
                continue;
            }
            if turn == 0
                && let Err(error) = self.watch_ledger().await
            {
                report(&error, "the ledger could not be compared with what was signed");
            }
            match self.project().await {
                Ok(_) => {}
                Err(error) => report(&error, "the ledger could not be projected"),
            }
            if turn == 0
                && let Err(error) = self.ask_witnesses().await
            {
                report(&error, "the witnesses could not be asked");
            }
        }
    }

    async fn erase_and_forget(&self) {
        match self.erase_due().await {
            Ok(pass) if pass.erased + pass.unfinished + pass.buried > 0 => {
                tracing::info!(erased = pass.erased, unfinished = pass.unfinished, "eraser pass");
            }
            Ok(_) => {}
            Err(error) => report(&error, "eraser pass failed"),
        }
        match self.end_services().await {
            Ok(pass) if pass.erased + pass.ended > 0 => {
                tracing::info!(erased = pass.erased, ended = pass.ended, "customers left");
            }
            Ok(_) => {}
            Err(error) => report(&error, "ending a service failed"),
        }
        match self.forget_if_night_fell().await {
            Ok(()) | Err(Error::Paused(_)) => {}
            Err(error) => report(&error, "forgetting failed"),
        }
        if let Err(error) = self.check_posture().await {
            report(&error, "the store could not be asked what it does with what is deleted");
        }
        if let Err(error) = self.purge_tickets().await {
            tracing::warn!(%error, "expired tickets stay for now");
        }
        if let Err(error) = self.purge_sessions().await {
            tracing::warn!(%error, "sessions that are over stay for now");
        }
    }

    async fn purge_tickets(&self) -> Result<(), Error> {
        let now = self.0.clock.now();
        let mut tx = self.addition().await?;
        tickets::purge_expired(&mut tx, now).await?;
        tellings::purge(&mut tx, now.plus(-TOLD)).await?;
        playbacks::purge(&mut tx, now.plus(-COUNTED)).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn forget_if_night_fell(&self) -> Result<(), Error> {
        let today = self.0.clock.now().day();
        if self.last_forgetting().await?.is_some_and(|last| last >= today) {
            return Ok(());
        }
        let done = self.forget().await?;
        tracing::info!(epoch = done.epoch, days = done.days.len(), "forgot the days that passed");
        if let Err(error) = self.compact_journal().await {
            tracing::warn!(error = error.chain(), "the journal stays as large as it is");
        }
        self.remind().await
    }
}

fn ticks(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Logs a failed pass once, with everything behind it.
fn report(error: &Error, what: &'static str) {
    tracing::error!(error = error.chain(), "{what}");
}
