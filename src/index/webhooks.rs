//! The tables `webhooks` and `deliveries`: where events go out to, and what is still on its way.
//!
//! Events come from the ledger: each endpoint has a place in the ledger of its controller up to
//! which its deliveries were made. So nothing that writes an entry can forget them, and nothing is
//! written for them when it does.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::model::{ControllerId, DeliveryId, RecordingId, Timestamp, WebhookEvent, WebhookId};

use super::db::Tx;
use super::error::Error;
use super::ids::Rows;
use super::sql::{Conn, sql};

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Which one.
    pub id: WebhookId,
    /// Whose events it gets.
    pub controller: ControllerId,
    /// Where it is.
    pub url: String,
    /// What it wants to hear of.
    pub events: BTreeSet<WebhookEvent>,
    /// Its secret, sealed.
    pub secret: Vec<u8>,
    /// The first place in the ledger that no delivery was made of yet.
    pub next_seq: i64,
    /// When it was added.
    pub created_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: WebhookId,
    controller_id: ControllerId,
    url: String,
    events: String,
    secret: Vec<u8>,
    next_seq: i64,
    created_at: Timestamp,
}

const COLUMNS: &str =
    "SELECT w.id, w.controller_id, w.url, w.events, w.secret, w.next_seq, w.created_at
    FROM webhooks w ";

impl TryFrom<Row> for Webhook {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.id,
            controller: row.controller_id,
            url: row.url,
            events: serde_json::from_str(&row.events).map_err(Error::damaged)?,
            secret: row.secret,
            next_seq: row.next_seq,
            created_at: row.created_at,
        })
    }
}

fn webhooks(rows: Vec<Row>) -> Result<Vec<Webhook>, Error> {
    rows.into_iter().map(Webhook::try_from).collect()
}

/// Adds an endpoint.
pub async fn insert(tx: &mut Tx, webhook: &Webhook) -> Result<(), Error> {
    let events = serde_json::to_string(&webhook.events).map_err(Error::damaged)?;
    sql("INSERT INTO webhooks (id, controller_id, url, events, secret, next_seq, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)")
    .bind(webhook.id)
    .bind(webhook.controller)
    .bind(webhook.url.as_str())
    .bind(events)
    .bind(webhook.secret.as_slice())
    .bind(webhook.next_seq)
    .bind(webhook.created_at)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// The endpoints of a controller, the oldest first.
pub async fn list(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
) -> Result<Vec<Webhook>, Error> {
    let rows = sql(COLUMNS)
        .push(" WHERE w.controller_id = ")
        .push_bind(controller)
        .push(" ORDER BY w.created_at, w.id")
        .fetch_all(on)
        .await?;
    webhooks(rows)
}

/// Every endpoint whose controller's ledger holds entries it has not come to.
pub async fn behind(on: impl Into<Conn<'_>>) -> Result<Vec<Webhook>, Error> {
    let rows = sql(COLUMNS)
        .push(" JOIN ledgers l ON l.controller_id = w.controller_id WHERE l.size > w.next_seq")
        .fetch_all(on)
        .await?;
    webhooks(rows)
}

/// Every endpoint that something is due for.
pub async fn waiting(on: impl Into<Conn<'_>>, now: Timestamp) -> Result<Vec<Webhook>, Error> {
    let rows = sql(COLUMNS)
        .push(
            " WHERE EXISTS (SELECT 1 FROM deliveries d
              WHERE d.webhook_id = w.id AND d.dead_at IS NULL AND d.next_at <= ",
        )
        .push_bind(now)
        .push(")")
        .fetch_all(on)
        .await?;
    webhooks(rows)
}

/// Drops an endpoint of this controller with all that was on its way. Returns whether it was there.
pub async fn remove(tx: &mut Tx, controller: ControllerId, id: WebhookId) -> Result<bool, Error> {
    sql("DELETE FROM deliveries WHERE webhook_id IN
             (SELECT id FROM webhooks WHERE id = $1 AND controller_id = $2)")
    .bind(id)
    .bind(controller)
    .execute(&mut *tx)
    .await?;
    let gone = sql("DELETE FROM webhooks WHERE id = $1 AND controller_id = $2")
        .bind(id)
        .bind(controller)
        .execute(&mut *tx)
        .await?;
    Ok(gone > 0)
}

/// Drops every endpoint of a controller: its secrets cannot be opened any more.
pub async fn remove_all(tx: &mut Tx, controller: ControllerId) -> Result<(), Error> {
    for table in [
        "DELETE FROM deliveries WHERE webhook_id IN
             (SELECT id FROM webhooks WHERE controller_id = $1)",
        "DELETE FROM webhooks WHERE controller_id = $1",
    ] {
        sql(table).bind(controller).execute(&mut *tx).await?;
    }
    Ok(())
}

/// Whether a controller's endpoints still have something coming: entries of its ledger that no
/// delivery was made of, or deliveries that neither arrived nor were given up.
pub async fn has_pending(on: impl Into<Conn<'_>>, controller: ControllerId) -> Result<bool, Error> {
    let (pending,): (i64,) = sql("SELECT COUNT(*) FROM webhooks w
         WHERE w.controller_id = $1 AND (
             EXISTS (SELECT 1 FROM ledgers l
                 WHERE l.controller_id = w.controller_id AND l.size > w.next_seq)
             OR EXISTS (SELECT 1 FROM deliveries d
                 WHERE d.webhook_id = w.id AND d.dead_at IS NULL))")
    .bind(controller)
    .fetch_one(on)
    .await?;
    Ok(pending > 0)
}

/// An entry of the ledger as events are made of it; the event is a word, also one that is news.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Told {
    /// Its place.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: String,
    /// About which recording, if one.
    #[sqlx(rename = "recording_id")]
    pub recording: Option<RecordingId>,
    /// The whole leaf.
    #[sqlx(rename = "leaf")]
    pub body: String,
}

/// Entries of a ledger from a place on.
pub async fn entries(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    from: i64,
    limit: i64,
) -> Result<Vec<Told>, Error> {
    sql("SELECT seq, at, event, recording_id, leaf FROM ledger_entries
         WHERE controller_id = $1 AND seq >= $2 ORDER BY seq LIMIT $3")
    .bind(controller)
    .bind(from)
    .bind(limit)
    .fetch_all(on)
    .await
}

/// Moves an endpoint on in the ledger. Returns whether it was where it was thought to be: another
/// node may have done it.
pub async fn move_on(tx: &mut Tx, id: WebhookId, from: i64, to: i64) -> Result<bool, Error> {
    let moved = sql("UPDATE webhooks SET next_seq = $1 WHERE id = $2 AND next_seq = $3")
        .bind(to)
        .bind(id)
        .bind(from)
        .execute(&mut *tx)
        .await?;
    Ok(moved > 0)
}

/// A delivery to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    /// What the receiver knows it by, at every attempt.
    pub id: DeliveryId,
    /// The entry of the ledger it tells of.
    pub seq: i64,
    /// Which event.
    pub event: WebhookEvent,
    /// What is sent.
    pub body: String,
}

#[derive(Serialize)]
struct NewRow<'a> {
    id: String,
    seq: i64,
    event: WebhookEvent,
    body: &'a str,
}

/// Adds deliveries to one endpoint, due at once.
pub async fn enqueue(
    tx: &mut Tx,
    webhook: WebhookId,
    new: &[NewDelivery],
    now: Timestamp,
) -> Result<(), Error> {
    let rows: Vec<_> = new
        .iter()
        .map(|new| NewRow {
            id: new.id.0.simple().to_string(),
            seq: new.seq,
            event: new.event,
            body: &new.body,
        })
        .collect();
    let rows = serde_json::to_string(&rows).map_err(Error::damaged)?;
    sql("INSERT INTO deliveries (webhook_id, since, next_at, id, seq, event, body) SELECT CAST(")
        .push_bind(webhook)
        .push_each(" AS BLOB), ", " AS UUID), ")
        .push_bind(now)
        .push(", ")
        .push_bind(now)
        .push_each(
            ", unhex(value ->> 'id'), value ->> 'seq', value ->> 'event', value ->> 'body'
              FROM json_each(",
            ", (value ->> 'id')::UUID, (value ->> 'seq')::BIGINT, value ->> 'event',
              value ->> 'body' FROM json_array_elements(CAST(",
        )
        .push_bind(Rows(rows))
        .push_each(")", " AS JSON))")
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// A delivery as it waits.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Delivery {
    /// What the receiver knows it by.
    pub id: DeliveryId,
    /// Which event.
    pub event: WebhookEvent,
    /// What is sent.
    pub body: String,
    /// Since when it waits.
    pub since: Timestamp,
    /// How often it was tried, this time included.
    pub attempts: i32,
    /// Since when it is given up, if it is.
    pub dead_at: Option<Timestamp>,
    /// What the last attempt failed with.
    pub error_code: Option<String>,
}

const DELIVERY: &str = "id, event, body, since, attempts, dead_at, error_code";

/// Claims deliveries to an endpoint that are due: until `until` nobody else tries them.
pub async fn claim(
    tx: &mut Tx,
    webhook: WebhookId,
    now: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<Delivery>, Error> {
    sql("WITH picked AS (SELECT id FROM deliveries WHERE dead_at IS NULL AND webhook_id = $1
             AND next_at <= $2 ORDER BY next_at, seq LIMIT $3")
    .bind(webhook)
    .bind(now)
    .bind(limit)
    .push_each("", " FOR UPDATE SKIP LOCKED")
    .push(") UPDATE deliveries SET attempts = attempts + 1, next_at = ")
    .push_bind(until)
    .push(" WHERE id IN (SELECT id FROM picked) RETURNING ")
    .push(DELIVERY)
    .fetch_all(&mut *tx)
    .await
}

/// It arrived: nothing of it is kept.
pub async fn delivered(tx: &mut Tx, id: DeliveryId) -> Result<(), Error> {
    sql("DELETE FROM deliveries WHERE id = $1").bind(id).execute(&mut *tx).await?;
    Ok(())
}

/// It did not arrive: when it is tried again, or since when it is given up.
pub async fn failed(
    tx: &mut Tx,
    id: DeliveryId,
    error_code: &str,
    next_at: Timestamp,
    dead_at: Option<Timestamp>,
) -> Result<(), Error> {
    sql("UPDATE deliveries SET error_code = $1, next_at = $2, dead_at = $3 WHERE id = $4")
        .bind(error_code)
        .bind(next_at)
        .bind(dead_at)
        .bind(id)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// What was given up at an endpoint, the oldest first.
pub async fn dead(
    on: impl Into<Conn<'_>>,
    webhook: WebhookId,
    limit: i64,
) -> Result<Vec<Delivery>, Error> {
    sql("SELECT ")
        .push(DELIVERY)
        .push(" FROM deliveries WHERE dead_at IS NOT NULL AND webhook_id = ")
        .push_bind(webhook)
        .push(" ORDER BY seq LIMIT ")
        .push_bind(limit)
        .fetch_all(on)
        .await
}

/// Takes up again what was given up at an endpoint. Returns how many that are.
pub async fn retry(tx: &mut Tx, webhook: WebhookId, now: Timestamp) -> Result<u64, Error> {
    sql("UPDATE deliveries SET dead_at = NULL, attempts = 0, since = $1, next_at = $1
         WHERE dead_at IS NOT NULL AND webhook_id = $2")
    .bind(now)
    .bind(webhook)
    .execute(&mut *tx)
    .await
}

/// How the deliveries of one endpoint, or of all, are doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Backlog {
    /// How many wait.
    pub pending: i64,
    /// Since when the oldest of them waits.
    pub oldest: Option<Timestamp>,
    /// How many were given up.
    pub dead: i64,
}

/// How the deliveries of one endpoint, or of all, are doing.
pub async fn backlog(
    on: impl Into<Conn<'_>>,
    webhook: Option<WebhookId>,
) -> Result<Backlog, Error> {
    let query = sql("SELECT COUNT(*) - COUNT(dead_at) AS pending,
             MIN(CASE WHEN dead_at IS NULL THEN since END) AS oldest, COUNT(dead_at) AS dead
         FROM deliveries");
    match webhook {
        Some(id) => query.push(" WHERE webhook_id = ").push_bind(id).fetch_one(on).await,
        None => query.fetch_one(on).await,
    }
}
