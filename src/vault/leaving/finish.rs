//! The end: everything of a customer is erased, and then its key is destroyed.
//!
//! Each step can be killed and taken up again by any node: claims are the eraser's own, the key is
//! destroyed before that is written down, and only the one who writes it down tells the ledger.

use jiff::SignedDuration;
use serde::Serialize;
use serde_json::json;

use crate::index::departures::{self, Departure};
use crate::index::recordings::{self as rows, Claimed};
use crate::index::{
    accounts, controllers, exports, ledger_entries, tokens, training_sets, webhooks,
};
use crate::model::{CustomerStatus, Event, Timestamp};
use crate::vault::error::Error;
use crate::vault::{Vault, ledger};

/// How many recordings are claimed at once.
const BATCH: i64 = 1000;

/// How long after the last erasure a customer's endpoints have to take what they are told.
const TELLING: SignedDuration = SignedDuration::from_hours(1);

/// What a pass over the customers that leave did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EndPass {
    /// Recordings whose audio was erased, verified.
    pub erased: u64,
    /// Recordings that stay in `erasing`: the store did not do its part yet.
    pub unfinished: u64,
    /// Customers of which nothing is left, their key included.
    pub ended: u64,
    /// Customers of which a hold, a restriction, or the store, still keeps something.
    pub waiting: u64,
    /// Why nothing was done, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<String>,
}

impl Vault {
    /// One pass over the customers whose window is over or who confirmed to have everything.
    pub async fn end_services(&self) -> Result<EndPass, Error> {
        let mut pass = EndPass::default();
        let now = self.0.clock.now();
        let over = departures::over(&self.0.index, now).await?;
        if over.is_empty() {
            return Ok(pass);
        }
        // A clock that runs ahead ends no window (I17).
        pass.paused = self.may_erase(now).await?;
        if pass.paused.is_none() {
            let mut outcome = Ok(());
            for departure in over {
                // What hinders one customer's leaving hinders nobody else's.
                outcome = outcome.and(self.end_service(&departure, now, &mut pass).await);
            }
            outcome?;
        }
        Ok(pass)
    }

    async fn end_service(
        &self,
        departure: &Departure,
        now: Timestamp,
        pass: &mut EndPass,
    ) -> Result<(), Error> {
        let mut tx = self.addition().await?;
        let stands = departures::begin_erasing(&mut tx, departure.customer, now).await?;
        tx.commit().await?;
        if !stands {
            return Ok(());
        }
        self.end_holds(departure.customer, &departure.case_id, now).await?;
        while let Some(batch) = self.claim_leaving(departure, now).await? {
            let carried = self.carry_on(batch).await?;
            pass.erased += carried.erased;
            pass.unfinished += carried.unfinished;
            // What was let go of again waits for the next pass.
            if carried.erased + carried.unfinished == 0 {
                break;
            }
        }
        // The eraser goes on with what a node that died, or a store that was away, left.
        if rows::holdings(&self.0.index, departure.customer).await?.recordings > 0 {
            pass.waiting += 1;
            return Ok(());
        }
        between_steps!("leave.erased");
        if self.still_telling(departure).await? {
            pass.waiting += 1;
            return Ok(());
        }
        if self.destroy_key(departure).await? {
            between_steps!("leave.key_destroyed");
            pass.ended += u64::from(self.end(departure).await?);
        } else {
            pass.waiting += 1;
        }
        Ok(())
    }

    /// Claims what is left of a customer, whatever its term; what a hold or a restriction
    /// keeps stays.
    async fn claim_leaving(
        &self,
        departure: &Departure,
        now: Timestamp,
    ) -> Result<Option<Vec<Claimed>>, Error> {
        let (of, case) = (departure.customer, departure.case_id.as_str());
        let mut tx = self.change().await?;
        let claimed = rows::claim_leaving(&mut tx, of, case, now, BATCH).await?;
        if claimed.is_empty() {
            return Ok(None);
        }
        let started = |row: &Claimed| {
            let body = json!({
                "cause": row.cause, "case": case, "due": ledger::due_hour(row.due_at),
                "gen": row.claims,
            });
            ledger::about(of, now, Event::ErasureStarted, row.id, &body)
        };
        let entries: Vec<_> = claimed.iter().map(started).collect();
        ledger_entries::append(&mut tx, &entries).await?;
        tx.commit().await?;
        between_steps!("leave.claimed");
        Ok(Some(claimed))
    }

    /// Whether the customer is still to be told of the last erasures: the secrets of its endpoints
    /// go with its key. Nobody waits for an endpoint for longer than [`TELLING`].
    async fn still_telling(&self, departure: &Departure) -> Result<bool, Error> {
        let (index, of) = (&self.0.index, departure.customer);
        let last = rows::departed(index, of, departure.noticed_at).await?.last_at;
        let since = last.or(departure.erasing_since).unwrap_or(departure.noticed_at);
        if self.0.clock.now().since(since) >= TELLING {
            return Ok(false);
        }
        Ok(webhooks::has_pending(index, of).await?)
    }

    /// Destroys the key of a customer with a forgetting, and tells whether it is gone everywhere.
    async fn destroy_key(&self, departure: &Departure) -> Result<bool, Error> {
        let keys = &self.0.keys;
        keys.refresh().await?;
        let there = !keys.is_behind(departure.customer, &[]);
        if !there && !keys.status().unfinished {
            return Ok(true);
        }
        let done = self.forget_with(&[departure.customer]).await?;
        Ok(done.replicas.iter().all(|(_, gone)| *gone))
    }

    /// Writes down that nothing is left. Returns whether this did, and nobody did before.
    async fn end(&self, departure: &Departure) -> Result<bool, Error> {
        let (of, now) = (departure.customer, self.0.clock.now());
        let epoch = self.0.keys.status().epoch;
        let departed = rows::departed(&self.0.index, of, departure.noticed_at).await?;
        let body = json!({
            "case": departure.case_id, "epoch": epoch, "recordings": departed.end_of_service,
        });
        let entry = ledger::general(of, now, Event::TenantErased, &body);
        // The customer hears of nothing any more: its endpoints went with its key. The provider does.
        let body = json!({ "case": departure.case_id, "customer": of });
        let told = ledger::general(self.0.provider, now, Event::TenantErased, &body);
        let mut tx = self.change().await?;
        ledger_entries::append(&mut tx, &[entry, told]).await?;
        if !departures::end(&mut tx, of, epoch, now).await? {
            return Ok(false);
        }
        let (leaving, ended) = (CustomerStatus::Leaving, CustomerStatus::Ended);
        controllers::set_status(&mut tx, of, leaving, ended).await?;
        tokens::revoke_all(&mut tx, of, now).await?;
        training_sets::delete_all(&mut tx, of).await?;
        accounts::end_all(&mut tx, of, now).await?;
        webhooks::remove_all(&mut tx, of).await?;
        exports::drop_older(&mut tx, of, 0).await?;
        between_steps!("leave.ending");
        tx.commit().await?;
        Ok(true)
    }
}
