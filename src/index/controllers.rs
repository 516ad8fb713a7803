//! The tables `controllers` and `customers`: who is responsible for recordings.

use crate::model::{ControllerId, Customer, CustomerRef, CustomerStatus, Term, Timestamp};

use super::db::Tx;
use super::error::Error;
use super::sql::{Conn, sql};

/// A customer as its row holds it.
#[derive(sqlx::FromRow)]
struct Row {
    id: ControllerId,
    reference: CustomerRef,
    name: String,
    agreement: Option<String>,
    recording: bool,
    status: CustomerStatus,
    term: Option<String>,
    policy_version: i32,
    floor: Option<String>,
    ceiling: String,
    legal_basis: Option<String>,
    created_at: Timestamp,
}

const COLUMNS: &str = "id, reference, name, agreement, recording, status, term, policy_version,
    floor, ceiling, legal_basis, created_at";

impl TryFrom<Row> for Customer {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let term = |text: Option<String>| text.map(|text| parsed(&text)).transpose();
        Ok(Self {
            id: row.id,
            reference: row.reference,
            name: row.name,
            agreement: row.agreement,
            recording: row.recording,
            status: row.status,
            term: term(row.term)?,
            policy_version: row.policy_version,
            floor: term(row.floor)?,
            ceiling: parsed(&row.ceiling)?,
            legal_basis: row.legal_basis,
            created_at: row.created_at,
        })
    }
}

fn parsed(term: &str) -> Result<Term, Error> {
    term.parse().map_err(Error::damaged)
}

fn words(term: Option<Term>) -> Option<String> {
    term.map(|term| term.to_string())
}

/// The provider, if the vault knows who that is.
pub async fn provider(on: impl Into<Conn<'_>>) -> Result<Option<ControllerId>, Error> {
    let row: Option<(ControllerId,)> =
        sql("SELECT id FROM controllers WHERE kind = 'provider'").fetch_optional(on).await?;
    Ok(row.map(|(id,)| id))
}

/// The provider, which is `id` from now on if there was none yet.
pub async fn ensure_provider(tx: &mut Tx, id: ControllerId) -> Result<ControllerId, Error> {
    sql("INSERT INTO controllers (id, kind) VALUES ($1, 'provider') ON CONFLICT DO NOTHING")
        .bind(id)
        .execute(&mut *tx)
        .await?;
    let (id,) =
        sql("SELECT id FROM controllers WHERE kind = 'provider'").fetch_one(&mut *tx).await?;
    Ok(id)
}

/// Adds a customer. [`Error::Conflict`] when its reference is taken.
pub async fn insert_customer(tx: &mut Tx, customer: &Customer) -> Result<(), Error> {
    sql("INSERT INTO controllers (id, kind) VALUES ($1, 'customer')")
        .bind(customer.id)
        .execute(&mut *tx)
        .await?;
    sql("INSERT INTO customers (reference, name, agreement, recording, status, term,
             policy_version, floor, ceiling, legal_basis, created_at, id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)")
    .bind(customer.reference.as_str())
    .bind(customer.name.as_str())
    .bind(&customer.agreement)
    .bind(customer.recording)
    .bind(customer.status)
    .bind(words(customer.term))
    .bind(customer.policy_version)
    .bind(words(customer.floor))
    .bind(customer.ceiling.to_string())
    .bind(&customer.legal_basis)
    .bind(customer.created_at)
    .bind(customer.id)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Writes everything about a customer that can change, its status apart. Returns whether there is such a customer.
pub async fn update_customer(tx: &mut Tx, customer: &Customer) -> Result<bool, Error> {
    let changed = sql("UPDATE customers SET name = $1, agreement = $2, recording = $3,
             term = $4, policy_version = $5, floor = $6, ceiling = $7, legal_basis = $8
         WHERE id = $9")
    .bind(customer.name.as_str())
    .bind(&customer.agreement)
    .bind(customer.recording)
    .bind(words(customer.term))
    .bind(customer.policy_version)
    .bind(words(customer.floor))
    .bind(customer.ceiling.to_string())
    .bind(&customer.legal_basis)
    .bind(customer.id)
    .execute(&mut *tx)
    .await?;
    Ok(changed > 0)
}

/// Moves a customer on in its service. Returns whether it was where it was thought to be.
pub async fn set_status(
    tx: &mut Tx,
    id: ControllerId,
    from: CustomerStatus,
    to: CustomerStatus,
) -> Result<bool, Error> {
    let changed = sql("UPDATE customers SET status = $1 WHERE id = $2 AND status = $3")
        .bind(to)
        .bind(id)
        .bind(from)
        .execute(&mut *tx)
        .await?;
    Ok(changed > 0)
}

/// The customer that the operator calls this.
pub async fn find_customer(
    on: impl Into<Conn<'_>>,
    reference: &CustomerRef,
) -> Result<Option<Customer>, Error> {
    let row: Option<Row> = sql("SELECT ")
        .push(COLUMNS)
        .push(" FROM customers WHERE reference = ")
        .push_bind(reference.as_str())
        .fetch_optional(on)
        .await?;
    row.map(Customer::try_from).transpose()
}

/// The customer with this identifier.
pub async fn customer(
    on: impl Into<Conn<'_>>,
    id: ControllerId,
) -> Result<Option<Customer>, Error> {
    let row: Option<Row> = sql("SELECT ")
        .push(COLUMNS)
        .push(" FROM customers WHERE id = ")
        .push_bind(id)
        .fetch_optional(on)
        .await?;
    row.map(Customer::try_from).transpose()
}

/// Customers by reference, in the order of its bytes, after the one given.
pub async fn list_customers(
    on: impl Into<Conn<'_>>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Customer>, Error> {
    let rows: Vec<Row> = sql("SELECT ")
        .push(COLUMNS)
        .push(" FROM customers WHERE reference > ")
        .push_bind(after.unwrap_or(""))
        .push(" ORDER BY reference LIMIT ")
        .push_bind(limit)
        .fetch_all(on)
        .await?;
    rows.into_iter().map(Customer::try_from).collect()
}
