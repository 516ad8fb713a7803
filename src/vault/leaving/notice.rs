//! Notice: a customer leaves. How long it can fetch what is its own, and how its leaving stands.

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::index::departures::{self, Departure};
use crate::index::recordings::{self as rows, ErasedCounts, Holdings};
use crate::index::{self, controllers, ledger_entries};
use crate::model::{
    Caller, Customer, CustomerRef, CustomerStatus, Event, Grant, PrincipalId, Term, Timestamp,
};
use crate::vault::early::case_id;
use crate::vault::error::Error;
use crate::vault::fields::bad;
use crate::vault::{Vault, ledger, must};

/// The longest window.
const LONGEST: Term = Term::months(12);

/// Notice that a customer leaves.
#[derive(Clone, Debug)]
pub struct Notice {
    /// How long it can fetch what is its own.
    pub return_window: Term,
    /// The opaque reference of the notice: the case of every erasure that follows from it.
    pub case: String,
}

/// Where a customer is that leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It can fetch what is its own, and the notice can be withdrawn.
    ReturnWindow,
    /// Its recordings are being erased.
    Erasing,
    /// All are erased but those that an authority's hold or a restriction keeps. Its key lives until they are gone, too.
    Held,
    /// Nothing is left, its key included.
    Ended,
}

/// How the leaving of a customer stands: what a certificate of it will say.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EndOfService {
    /// The customer's opaque identifier.
    pub customer: uuid::Uuid,
    /// Where it is.
    pub phase: Phase,
    /// The reference of the notice.
    pub case: String,
    /// How long it can fetch what is its own (ISO 8601).
    pub return_window: String,
    /// When notice was given.
    #[schema(value_type = String, format = DateTime)]
    pub noticed_at: Timestamp,
    /// When the window ends.
    #[schema(value_type = String, format = DateTime)]
    pub window_ends_at: Timestamp,
    /// How many recordings there were when notice was given.
    pub recordings: i64,
    /// And how many bytes of audio.
    pub bytes: i64,
    /// The reference of the confirmation that the customer has everything, if it came early.
    pub confirmation: Option<String>,
    /// When that came.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub confirmed_at: Option<Timestamp>,
    /// Since when its recordings are erased.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub erasing_since: Option<Timestamp>,
    /// What was erased since the notice.
    pub erased: Erasures,
    /// What is left.
    pub remaining: Remaining,
    /// When everything was gone and its key destroyed: from then on no backup opens anything.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// The epoch of the keyring that holds its key no more.
    pub epoch: Option<i64>,
}

/// What was erased of a customer since its notice.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Erasures {
    /// Recordings, whatever the cause.
    pub recordings: i64,
    /// How many of them because the service ended.
    pub end_of_service: i64,
    /// When the first was verified to be gone.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub first_at: Option<Timestamp>,
    /// When the last was.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_at: Option<Timestamp>,
}

/// What is left of a customer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Remaining {
    /// Recordings that are not gone.
    pub recordings: i64,
    /// How many of them a hold keeps.
    pub held: i64,
    /// How many others a restriction keeps that suspends their erasing.
    pub restricted: i64,
    /// What keeps them, and until when somebody looks whether it still has to: at most 100, those
    /// that are looked at last first.
    pub kept_by: Vec<Keeper>,
    /// Their bytes of audio.
    pub bytes: i64,
    /// When the last of them is due; a hold can keep it for longer.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub latest_due_at: Option<Timestamp>,
}

/// What keeps recordings of a customer that leaves.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Keeper {
    /// `hold` or `restriction`.
    pub by: String,
    /// The kind of the hold, or the ground of the restriction.
    pub why: String,
    /// The case behind it.
    pub case: String,
    /// How many recordings it keeps.
    pub recordings: i64,
    /// The day by which somebody looks whether it is still needed.
    pub review_on: String,
}

impl From<rows::Keeper> for Keeper {
    fn from(row: rows::Keeper) -> Self {
        let (by, review_on) = (row.kept_by, row.review_on.to_string());
        Self { by, why: row.why, case: row.case_id, recordings: row.recordings, review_on }
    }
}

impl Vault {
    /// Gives notice that a customer leaves: nothing of it comes in any more.
    pub async fn give_notice(
        &self,
        caller: &Caller,
        reference: &CustomerRef,
        notice: &Notice,
    ) -> Result<EndOfService, Error> {
        must(caller, Grant::ManageCustomers)?;
        self.notice(Some(caller.id), reference, notice).await
    }

    /// As [`Vault::give_notice`], for whoever can run commands on the machine.
    pub async fn notice(
        &self,
        by: Option<PrincipalId>,
        reference: &CustomerRef,
        notice: &Notice,
    ) -> Result<EndOfService, Error> {
        let case = case_id(&notice.case)?;
        let customer = self.known_customer(reference).await?;
        let now = self.0.clock.now();
        let zone = &self.0.settings.schedule.zone;
        let window_ends_at = notice.return_window.after(now, zone);
        if window_ends_at > LONGEST.after(now, zone) {
            return Err(bad("return_window", "is at most a year: P1Y"));
        }
        let holdings = rows::holdings(&self.0.index, customer.id).await?;
        let departure = Departure {
            customer: customer.id,
            case_id: case.to_owned(),
            return_window: notice.return_window.to_string(),
            noticed_at: now,
            window_ends_at,
            recordings: holdings.recordings,
            bytes: holdings.bytes,
            confirmation: None,
            confirmed_at: None,
            erasing_since: None,
            ended_at: None,
            epoch: None,
        };
        let body = json!({
            "by": by, "case": case, "window": departure.return_window,
            "until": ledger::due_hour(departure.window_ends_at),
        });
        let entry = ledger::general(customer.id, now, Event::TenantNotice, &body);
        let mut tx = self.change().await?;
        // The entry comes first: an upload that is under way comes wholly before or is refused.
        ledger_entries::append(&mut tx, &[entry]).await?;
        let (active, leaving) = (CustomerStatus::Active, CustomerStatus::Leaving);
        if !controllers::set_status(&mut tx, customer.id, active, leaving).await? {
            return Err(Error::Conflict("the customer leaves already, or has left"));
        }
        departures::insert(&mut tx, &departure).await?;
        tx.commit().await?;
        self.end_of_service_of(&departure).await
    }

    /// Withdraws a notice while the window is open: the customer stays.
    pub async fn withdraw_notice(
        &self,
        caller: &Caller,
        reference: &CustomerRef,
    ) -> Result<(), Error> {
        must(caller, Grant::ManageCustomers)?;
        self.withdraw(Some(caller.id), reference).await
    }

    /// As [`Vault::withdraw_notice`], for whoever can run commands on the machine.
    pub async fn withdraw(
        &self,
        by: Option<PrincipalId>,
        reference: &CustomerRef,
    ) -> Result<(), Error> {
        let customer = self.known_customer(reference).await?;
        let now = self.0.clock.now();
        let departure = departures::find(&self.0.index, customer.id).await?;
        let departure = departure.ok_or(Error::NotFound)?;
        let body = json!({ "by": by, "case": departure.case_id });
        let entry = ledger::general(customer.id, now, Event::TenantNoticeWithdrawn, &body);
        let mut tx = self.change().await?;
        ledger_entries::append(&mut tx, &[entry]).await?;
        if !departures::withdraw(&mut tx, customer.id, now).await? {
            return Err(Error::Conflict("the window is over; its recordings are being erased"));
        }
        let (active, leaving) = (CustomerStatus::Active, CustomerStatus::Leaving);
        controllers::set_status(&mut tx, customer.id, leaving, active).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Notes that the customer confirmed to have everything: erasing begins at the next pass.
    pub async fn confirm_return(
        &self,
        caller: &Caller,
        reference: &CustomerRef,
        confirmation: &str,
    ) -> Result<EndOfService, Error> {
        must(caller, Grant::ManageCustomers)?;
        self.returned(Some(caller.id), reference, confirmation).await
    }

    /// As [`Vault::confirm_return`], for whoever can run commands on the machine.
    pub async fn returned(
        &self,
        by: Option<PrincipalId>,
        reference: &CustomerRef,
        confirmation: &str,
    ) -> Result<EndOfService, Error> {
        let confirmation = case_id(confirmation)?;
        let customer = self.known_customer(reference).await?;
        let now = self.0.clock.now();
        let departure = departures::find(&self.0.index, customer.id).await?;
        let departure = departure.ok_or(Error::NotFound)?;
        let body = json!({ "by": by, "case": departure.case_id, "confirmation": confirmation });
        let entry = ledger::general(customer.id, now, Event::TenantNotice, &body);
        let mut tx = self.change().await?;
        ledger_entries::append(&mut tx, &[entry]).await?;
        if !departures::confirm(&mut tx, customer.id, confirmation, now).await? {
            return Err(Error::Conflict("that was confirmed already, or the service has ended"));
        }
        tx.commit().await?;
        self.end_of_service(&customer).await
    }

    /// How the leaving of a customer stands: for the customer itself, for whoever runs the vault
    /// and for whoever checks.
    pub async fn see_end_of_service(
        &self,
        caller: &Caller,
        reference: &CustomerRef,
    ) -> Result<EndOfService, Error> {
        let customer = self.leaving_customer(caller, reference).await?;
        self.end_of_service(&customer).await
    }

    /// As [`Vault::see_end_of_service`], for whoever can run commands on the machine.
    pub async fn end_of_service_for(&self, reference: &CustomerRef) -> Result<EndOfService, Error> {
        let customer = self.known_customer(reference).await?;
        self.end_of_service(&customer).await
    }

    /// The customer, for those who may know how its leaving stands.
    pub(super) async fn leaving_customer(
        &self,
        caller: &Caller,
        reference: &CustomerRef,
    ) -> Result<Customer, Error> {
        if caller.has(Grant::ManageCustomers) {
            return self.known_customer(reference).await;
        }
        must(caller, Grant::SeeErasures)?;
        if caller.controller == self.0.provider {
            return self.known_customer(reference).await;
        }
        self.own_customer(caller, reference).await
    }

    async fn known_customer(&self, reference: &CustomerRef) -> Result<Customer, Error> {
        let found = controllers::find_customer(&self.0.index, reference).await?;
        found.ok_or(Error::NotFound)
    }

    async fn end_of_service(&self, customer: &Customer) -> Result<EndOfService, Error> {
        let departure = departures::find(&self.0.index, customer.id).await?;
        self.end_of_service_of(&departure.ok_or(Error::NotFound)?).await
    }

    async fn end_of_service_of(&self, departure: &Departure) -> Result<EndOfService, Error> {
        let index: &index::Db = &self.0.index;
        let holdings = rows::holdings(index, departure.customer).await?;
        let departed = rows::departed(index, departure.customer, departure.noticed_at).await?;
        let keepers = rows::keepers(index, departure.customer).await?;
        let ErasedCounts { recordings, end_of_service, first_at, last_at } = departed;
        Ok(EndOfService {
            customer: departure.customer.0,
            phase: phase(departure, holdings, self.0.clock.now()),
            case: departure.case_id.clone(),
            return_window: departure.return_window.clone(),
            noticed_at: departure.noticed_at,
            window_ends_at: departure.window_ends_at,
            recordings: departure.recordings,
            bytes: departure.bytes,
            confirmation: departure.confirmation.clone(),
            confirmed_at: departure.confirmed_at,
            erasing_since: departure.erasing_since,
            erased: Erasures { recordings, end_of_service, first_at, last_at },
            remaining: Remaining {
                recordings: holdings.recordings,
                held: holdings.held,
                restricted: holdings.restricted,
                kept_by: keepers.into_iter().map(Keeper::from).collect(),
                bytes: holdings.bytes,
                latest_due_at: holdings.latest_due_at,
            },
            ended_at: departure.ended_at,
            epoch: departure.epoch,
        })
    }
}

fn phase(departure: &Departure, holdings: Holdings, now: Timestamp) -> Phase {
    let over = departure.confirmed_at.is_some() || departure.window_ends_at <= now;
    let kept = holdings.held + holdings.restricted;
    match (departure.ended_at, over) {
        (Some(_), _) => Phase::Ended,
        (None, false) => Phase::ReturnWindow,
        (None, true) if kept > 0 && kept == holdings.recordings => Phase::Held,
        (None, true) => Phase::Erasing,
    }
}
