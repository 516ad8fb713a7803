//! Customers: who ordered call recording, under which agreement and for how long.

use serde_json::json;

use super::error::Error;
use super::fields::bad;
use super::{Vault, ledger, must};
use crate::index;
use crate::model::{
    Caller, ControllerId, Customer, CustomerRef, CustomerStatus, Event, Grant, PolicyStage,
    PrincipalId, Term,
};

/// The longest term a customer may choose unless the provider says otherwise.
const CEILING_YEARS: u8 = 10;

/// A customer to be added.
#[derive(Clone, Debug)]
pub struct NewCustomer {
    /// What the operator calls it.
    pub reference: CustomerRef,
    /// Its name.
    pub name: String,
    /// The processing agreement.
    pub agreement: Option<String>,
    /// The term it chose. Recording is switched on only when there is one (no silent default).
    pub term: Option<Term>,
    /// The shortest term the law allows it.
    pub floor: Option<Term>,
    /// The longest term it may choose.
    pub ceiling: Option<Term>,
    /// The law behind them.
    pub legal_basis: Option<String>,
}

/// What an operator can change of a customer. `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct CustomerChange {
    /// Its name.
    pub name: Option<String>,
    /// The processing agreement.
    pub agreement: Option<String>,
    /// Whether recording is on.
    pub recording: Option<bool>,
    /// The shortest term the law allows it.
    pub floor: Option<Term>,
    /// The longest term it may choose.
    pub ceiling: Option<Term>,
    /// The law behind them.
    pub legal_basis: Option<String>,
    /// Whether it is served, or leaving. It ends with its own end of service.
    pub status: Option<CustomerStatus>,
    /// The lines it has, and no others.
    pub lines: Option<Vec<String>>,
}

impl Vault {
    /// Adds a customer, through the API.
    pub async fn add_customer_for(
        &self,
        caller: &Caller,
        new: NewCustomer,
        lines: &[String],
    ) -> Result<Customer, Error> {
        must(caller, Grant::ManageCustomers)?;
        self.add(Some(caller.id), new, lines).await
    }

    /// Adds a customer. Recording is on from the start when agreement and term are there.
    pub async fn add_customer(&self, new: NewCustomer) -> Result<Customer, Error> {
        self.add(None, new, &[]).await
    }

    async fn add(
        &self,
        by: Option<PrincipalId>,
        new: NewCustomer,
        lines: &[String],
    ) -> Result<Customer, Error> {
        check_lines(lines)?;
        check_text("name", &new.name)?;
        if let Some(agreement) = &new.agreement {
            check_text("agreement", agreement)?;
        }
        let ceiling = new.ceiling.unwrap_or(Term::months(12 * CEILING_YEARS));
        self.check_terms(new.term, new.floor, ceiling, new.legal_basis.as_deref())?;
        let recording = new.term.is_some() && new.agreement.is_some();
        let now = self.0.clock.now();
        let customer = Customer {
            id: ControllerId::random(),
            reference: new.reference,
            name: new.name,
            agreement: new.agreement,
            recording,
            status: CustomerStatus::Active,
            term: new.term,
            policy_version: i32::from(new.term.is_some()),
            floor: new.floor,
            ceiling,
            legal_basis: new.legal_basis,
            created_at: now,
        };
        self.0.keys.ensure(&[customer.id], &[]).await?;
        let body = json!({ "recording": recording, "term": customer.term, "by": by });
        let entry = ledger::general(customer.id, now, Event::TenantEnabled, &body);
        let mut tx = self.addition().await?;
        match index::controllers::insert_customer(&mut tx, &customer).await {
            Err(index::Error::Conflict(_)) => {
                return Err(Error::Conflict("there is a customer with this reference already"));
            }
            result => result?,
        }
        self.open_log(&mut tx, customer.id, now).await?;
        index::ledger_entries::append(&mut tx, &[entry]).await?;
        super::policies::first(&mut tx, &customer, by).await?;
        if !lines.is_empty() {
            index::policies::set_lines(&mut tx, customer.id, lines).await?;
        }
        tx.commit().await?;
        Ok(customer)
    }

    /// Changes a customer.
    pub async fn change_customer(
        &self,
        caller: &Caller,
        reference: &CustomerRef,
        change: CustomerChange,
    ) -> Result<Customer, Error> {
        must(caller, Grant::ManageCustomers)?;
        let found = index::controllers::find_customer(&self.0.index, reference).await?;
        let mut customer = found.ok_or(Error::NotFound)?;
        let described = change.name.is_some()
            || change.agreement.is_some()
            || change.floor.is_some()
            || change.ceiling.is_some()
            || change.legal_basis.is_some()
            || change.lines.is_some();
        let mut events: Vec<_> = described.then_some(Event::TenantChanged).into_iter().collect();
        if let Some(name) = change.name {
            check_text("name", &name)?;
            customer.name = name;
        }
        if let Some(agreement) = change.agreement {
            check_text("agreement", &agreement)?;
            customer.agreement = Some(agreement);
        }
        if let Some(recording) = change.recording {
            if recording && (customer.term.is_none() || customer.agreement.is_none()) {
                return Err(Error::Conflict(
                    "recording cannot be switched on before a term and an agreement are there",
                ));
            }
            if recording != customer.recording {
                events.push(switched(recording));
            }
            customer.recording = recording;
        }
        if change.status.is_some_and(|status| status != customer.status) {
            return Err(bad("status", "changes by the end of service only, and by withdrawing it"));
        }
        let limited = (change.floor, change.ceiling, &change.legal_basis) != (None, None, &None);
        if let Some(basis) = change.legal_basis {
            check_text("legal_basis", &basis)?;
            customer.legal_basis = Some(basis);
        }
        let rises = self.floor_rises(customer.floor, change.floor);
        if change.floor.is_some() && !rises && change.floor != customer.floor {
            return Err(Error::Conflict(
                "a floor only goes up: what came in under it relies on it",
            ));
        }
        customer.floor = change.floor.or(customer.floor);
        customer.ceiling = change.ceiling.unwrap_or(customer.ceiling);
        if limited {
            self.check_limits(&customer).await?;
        }
        check_lines(change.lines.as_deref().unwrap_or_default())?;
        let body = json!({
            "recording": customer.recording, "status": customer.status, "floor": customer.floor,
            "ceiling": customer.ceiling, "lines": change.lines.as_ref().map(Vec::len),
            "by": caller.id,
        });
        let now = self.0.clock.now();
        let entry = |event| ledger::general(customer.id, now, event, &body);
        let entries: Vec<_> = events.into_iter().map(entry).collect();
        let policy = self.policy_in_force(&customer).await?;
        let mut tx = self.change().await?;
        // A policy that comes into force at this moment must not be overwritten.
        let in_force = index::policies::lock_customer(&mut tx, customer.id).await?;
        if in_force != Some(customer.policy_version) {
            return Err(Error::Conflict("the customer changed; look again"));
        }
        index::controllers::update_customer(&mut tx, &customer).await?;
        if let Some(lines) = &change.lines {
            index::policies::set_lines(&mut tx, customer.id, lines).await?;
        }
        index::ledger_entries::append(&mut tx, &entries).await?;
        if rises {
            self.floor_rose(&mut tx, caller, &customer, policy).await?;
        }
        tx.commit().await?;
        let after = index::controllers::customer(&self.0.index, customer.id).await?;
        after.ok_or(Error::NotFound)
    }

    /// Whether a floor is longer than the one there was, if there was one.
    fn floor_rises(&self, before: Option<Term>, wished: Option<Term>) -> bool {
        let now = self.0.clock.now();
        let end = |term: Term| term.after(now, &self.0.settings.schedule.zone);
        wished.is_some_and(|wished| before.is_none_or(|before| end(wished) > end(before)))
    }

    /// One customer.
    pub async fn customer(
        &self,
        caller: &Caller,
        reference: &CustomerRef,
    ) -> Result<Customer, Error> {
        must(caller, Grant::ManageCustomers)?;
        let found = index::controllers::find_customer(&self.0.index, reference).await?;
        found.ok_or(Error::NotFound)
    }

    /// Customers in the order of their references, after `after`.
    pub async fn customers(
        &self,
        caller: &Caller,
        after: Option<&str>,
        limit: crate::model::Limit,
    ) -> Result<Vec<Customer>, Error> {
        must(caller, Grant::ManageCustomers)?;
        Ok(index::controllers::list_customers(&self.0.index, after, limit.rows()).await?)
    }

    /// Every customer, for the composition root.
    pub async fn all_customers(&self) -> Result<Vec<Customer>, Error> {
        let mut all: Vec<Customer> = Vec::new();
        loop {
            let after = all.last().map(|last| last.reference.as_str().to_owned());
            let page =
                index::controllers::list_customers(&self.0.index, after.as_deref(), 200).await?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// Whether this is the customer that the caller belongs to.
    pub async fn is_own_customer(&self, caller: &Caller, reference: &str) -> Result<bool, Error> {
        let Ok(reference) = reference.parse::<CustomerRef>() else { return Ok(false) };
        let found = index::controllers::find_customer(&self.0.index, &reference).await?;
        Ok(found.is_some_and(|customer| customer.id == caller.controller))
    }

    /// Whether the vault holds any customer yet.
    pub async fn is_empty(&self) -> Result<bool, Error> {
        Ok(index::controllers::list_customers(&self.0.index, None, 1).await?.is_empty())
    }

    /// Whether its limits fit each other, the policy in force and the one that waits.
    async fn check_limits(&self, customer: &Customer) -> Result<(), Error> {
        let basis = customer.legal_basis.as_deref();
        self.check_terms(None, customer.floor, customer.ceiling, basis)?;
        for version in index::policies::list(&self.0.index, customer.id).await? {
            let counts = version.version == customer.policy_version
                || version.stage == PolicyStage::Scheduled;
            if counts {
                self.within_limits(&version.policy, super::policies::limits(customer))?;
            }
        }
        Ok(())
    }

    fn check_terms(
        &self,
        term: Option<Term>,
        floor: Option<Term>,
        ceiling: Term,
        basis: Option<&str>,
    ) -> Result<(), Error> {
        // Days and months compare only on a calendar: measured from now.
        let now = self.0.clock.now();
        let end = |term: Term| term.after(now, &self.0.settings.schedule.zone);
        if floor.is_some() && basis.is_none_or(|basis| basis.trim().is_empty()) {
            return Err(bad("legal_basis", "is required with a floor: which law demands it?"));
        }
        if end(ceiling) > end(Term::months(12 * CEILING_YEARS))
            && basis.is_none_or(|basis| basis.trim().is_empty())
        {
            return Err(bad("legal_basis", "is required with a ceiling of more than ten years"));
        }
        if floor.is_some_and(|floor| end(floor) > end(ceiling)) {
            return Err(bad("floor", "is longer than the ceiling"));
        }
        if term.is_some_and(|term| end(term) > end(ceiling)) {
            return Err(bad("term", "is longer than the ceiling"));
        }
        if let (Some(term), Some(floor)) = (term, floor)
            && end(term) < end(floor)
        {
            return Err(bad("term", "is shorter than the floor"));
        }
        Ok(())
    }
}

const fn switched(on: bool) -> Event {
    if on { Event::TenantRecordingOn } else { Event::TenantRecordingOff }
}

/// Lines are what a recording can name.
fn check_lines(lines: &[String]) -> Result<(), Error> {
    let fits = |line: &String| {
        line.trim() == line
            && (1..=256).contains(&line.len())
            && !line.chars().any(char::is_control)
    };
    if lines.len() > 10_000 || !lines.iter().all(fits) {
        return Err(bad("lines", "are at most 10,000 texts of 1 to 256 bytes"));
    }
    Ok(())
}

/// A name or a reference says something.
pub(super) fn check_text(field: &'static str, text: &str) -> Result<(), Error> {
    if text.trim().is_empty() || text.len() > 200 || text.chars().any(char::is_control) {
        return Err(bad(field, "is 1 to 200 bytes of printable text"));
    }
    Ok(())
}
