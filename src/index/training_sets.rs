//! The tables of training sets: named, ordered references to recordings, shared with some people.

use serde::Serialize;

use crate::model::{
    ControllerId, Cursor, ItemId, PrincipalId, RecordingId, Timestamp, TrainingSetId,
};

use super::db::Tx;
use super::error::Error;
use super::ids::Rows;
use super::sql::{Conn, sql};

/// A set.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Set {
    /// Which one.
    pub id: TrainingSetId,
    /// Whose recordings it refers to.
    #[sqlx(rename = "controller_id")]
    pub controller: ControllerId,
    /// Who made it.
    pub owner: PrincipalId,
    /// What it is called.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An item.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Item {
    /// Which one.
    pub id: ItemId,
    /// The recording it refers to.
    #[sqlx(rename = "recording_id")]
    pub recording: RecordingId,
    /// Its place in the set.
    pub place: i64,
    /// From where on, in milliseconds.
    pub from_ms: Option<i64>,
    /// Up to where.
    pub to_ms: Option<i64>,
}

/// The sets that a person made or that are shared with them.
const SEEN: &str = "SELECT id, controller_id, owner, name, created_at FROM training_sets
    WHERE controller_id = $1 AND (owner = $2 OR EXISTS (SELECT 1 FROM training_set_shares
        WHERE set_id = training_sets.id AND principal_id = $2))";

/// Adds a set, unless its owner has that many already.
pub async fn insert(tx: &mut Tx, set: &Set, most: i64) -> Result<bool, Error> {
    let added = sql("INSERT INTO training_sets (id, controller_id, owner, name, created_at)
         SELECT $1, $2, $3, $4, $5
         WHERE (SELECT COUNT(*) FROM training_sets WHERE controller_id = $2 AND owner = $3) < $6")
    .bind(set.id)
    .bind(set.controller)
    .bind(set.owner)
    .bind(set.name.as_str())
    .bind(set.created_at)
    .bind(most)
    .execute(&mut *tx)
    .await?;
    Ok(added > 0)
}

/// The set with this id, if this person made it or it is shared with them.
pub async fn find(
    on: impl Into<Conn<'_>>,
    (controller, person): (ControllerId, PrincipalId),
    id: TrainingSetId,
) -> Result<Option<Set>, Error> {
    sql(SEEN)
        .bind(controller)
        .bind(person)
        .push(" AND id = ")
        .push_bind(id)
        .fetch_optional(on)
        .await
}

/// Keeps a set as it is until this transaction ends. Returns whether it is there and this person's.
pub async fn lock(tx: &mut Tx, owner: PrincipalId, id: TrainingSetId) -> Result<bool, Error> {
    let found: Option<(TrainingSetId,)> =
        sql("SELECT id FROM training_sets WHERE id = $1 AND owner = $2")
            .bind(id)
            .bind(owner)
            .push_each("", " FOR UPDATE")
            .fetch_optional(&mut *tx)
            .await?;
    Ok(found.is_some())
}

/// A page of the sets that a person made or that are shared with them, the newest first.
pub async fn list(
    on: impl Into<Conn<'_>>,
    (controller, person): (ControllerId, PrincipalId),
    after: Option<Cursor>,
    limit: i64,
) -> Result<Vec<Set>, Error> {
    let mut query = sql(SEEN).bind(controller).bind(person);
    if let Some(after) = after {
        query = query.push(" AND (created_at, id) < (").push_bind(after.started_at).push(", ");
        query = query.push_bind(after.id).push(")");
    }
    query.push(" ORDER BY created_at DESC, id DESC LIMIT ").push_bind(limit).fetch_all(on).await
}

/// How many items of each of these sets can be heard now; those without any are not among them.
pub async fn counts(
    on: impl Into<Conn<'_>>,
    sets: &[TrainingSetId],
    now: Timestamp,
) -> Result<Vec<(TrainingSetId, i64)>, Error> {
    sql("SELECT i.set_id, COUNT(*) FROM training_set_items i
         JOIN recordings r ON r.id = i.recording_id
         WHERE r.state = 'stored' AND NOT r.restricted AND NOT r.objected AND r.due_at > ")
    .push_bind(now)
    .push(" AND i.set_id ")
    .push_in_ids(sets.iter().map(|set| set.0).collect())
    .push(" GROUP BY i.set_id")
    .fetch_all(on)
    .await
}

/// Whom each of these sets is shared with.
pub async fn shares(
    on: impl Into<Conn<'_>>,
    sets: &[TrainingSetId],
) -> Result<Vec<(TrainingSetId, PrincipalId)>, Error> {
    sql("SELECT set_id, principal_id FROM training_set_shares WHERE set_id ")
        .push_in_ids(sets.iter().map(|set| set.0).collect())
        .push(" ORDER BY principal_id")
        .fetch_all(on)
        .await
}

/// Calls a set something else.
pub async fn rename(tx: &mut Tx, id: TrainingSetId, name: &str) -> Result<(), Error> {
    sql("UPDATE training_sets SET name = $1 WHERE id = $2")
        .bind(name)
        .bind(id)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Shares a set with these people and nobody else.
pub async fn share(tx: &mut Tx, id: TrainingSetId, with: &[PrincipalId]) -> Result<(), Error> {
    sql("DELETE FROM training_set_shares WHERE set_id = $1").bind(id).execute(&mut *tx).await?;
    if with.is_empty() {
        return Ok(());
    }
    let mut query = sql("INSERT INTO training_set_shares (set_id, principal_id) VALUES ");
    for (at, person) in with.iter().enumerate() {
        query = query.push(if at == 0 { "(" } else { ", (" }).push_bind(id);
        query = query.push(", ").push_bind(*person).push(")");
    }
    query.execute(&mut *tx).await?;
    Ok(())
}

/// Drops a set. The recordings it refers to know nothing of it.
pub async fn delete(tx: &mut Tx, id: TrainingSetId) -> Result<(), Error> {
    for table in [
        "DELETE FROM training_set_items WHERE set_id = $1",
        "DELETE FROM training_set_shares WHERE set_id = $1",
        "DELETE FROM training_sets WHERE id = $1",
    ] {
        sql(table).bind(id).execute(&mut *tx).await?;
    }
    Ok(())
}

/// Drops every set of a controller that is gone.
pub async fn delete_all(tx: &mut Tx, controller: ControllerId) -> Result<(), Error> {
    for table in [
        "DELETE FROM training_set_items WHERE set_id IN
             (SELECT id FROM training_sets WHERE controller_id = $1)",
        "DELETE FROM training_set_shares WHERE set_id IN
             (SELECT id FROM training_sets WHERE controller_id = $1)",
        "DELETE FROM training_sets WHERE controller_id = $1",
    ] {
        sql(table).bind(controller).execute(&mut *tx).await?;
    }
    Ok(())
}

/// Adds an item at the end of a set ([`lock`]), if its recording is stored and the set has less than
/// that many.
pub async fn add_item(
    tx: &mut Tx,
    set: TrainingSetId,
    item: &Item,
    most: i64,
) -> Result<bool, Error> {
    // The share lock makes an eraser on PostgreSQL wait, so that it drops this row as well.
    let stored: Option<(RecordingId,)> =
        sql("SELECT id FROM recordings WHERE id = $1 AND state = 'stored'")
            .bind(item.recording)
            .push_each("", " FOR SHARE")
            .fetch_optional(&mut *tx)
            .await?;
    if stored.is_none() {
        return Ok(false);
    }
    let added =
        sql("INSERT INTO training_set_items (id, set_id, recording_id, place, from_ms, to_ms)
         SELECT $1, $2, $3, (SELECT COALESCE(MAX(place), 0) + 1 FROM training_set_items
             WHERE set_id = $2), $4, $5
         WHERE (SELECT COUNT(*) FROM training_set_items WHERE set_id = $2) < $6")
        .bind(item.id)
        .bind(set)
        .bind(item.recording)
        .bind(item.from_ms)
        .bind(item.to_ms)
        .bind(most)
        .execute(&mut *tx)
        .await?;
    Ok(added > 0)
}

/// Drops an item. Returns whether it was there.
pub async fn delete_item(tx: &mut Tx, set: TrainingSetId, item: ItemId) -> Result<bool, Error> {
    let gone = sql("DELETE FROM training_set_items WHERE id = $1 AND set_id = $2")
        .bind(item)
        .bind(set)
        .execute(&mut *tx)
        .await?;
    Ok(gone > 0)
}

/// A page of the items of a set, in its order.
pub async fn items(
    on: impl Into<Conn<'_>>,
    set: TrainingSetId,
    after: Option<(i64, ItemId)>,
    limit: i64,
) -> Result<Vec<Item>, Error> {
    let mut query = sql("SELECT id, recording_id, place, from_ms, to_ms FROM training_set_items
         WHERE set_id = ")
    .push_bind(set);
    if let Some((place, id)) = after {
        query = query.push(" AND (place, id) > (").push_bind(place).push(", ");
        query = query.push_bind(id).push(")");
    }
    query.push(" ORDER BY place, id LIMIT ").push_bind(limit).fetch_all(on).await
}

#[derive(Serialize)]
struct PlaceRow {
    id: String,
    place: i64,
}

/// Gives items of a set ([`lock`]) their places, in one statement.
pub async fn set_places(
    tx: &mut Tx,
    set: TrainingSetId,
    order: impl Iterator<Item = ItemId>,
) -> Result<(), Error> {
    let row = |(place, id): (i64, ItemId)| PlaceRow { id: id.0.simple().to_string(), place };
    let rows: Vec<_> = (1_i64..).zip(order).map(row).collect();
    let rows = serde_json::to_string(&rows).map_err(Error::damaged)?;
    sql("WITH places AS (")
        .push_each(
            "SELECT unhex(value ->> 'id') AS id, value ->> 'place' AS place FROM json_each(",
            "SELECT (value ->> 'id')::UUID AS id, (value ->> 'place')::BIGINT AS place
             FROM json_array_elements(CAST(",
        )
        .push_bind(Rows(rows))
        .push_each(")", " AS JSON))")
        .push(
            ") UPDATE training_set_items SET place = places.place FROM places
             WHERE training_set_items.id = places.id AND training_set_items.set_id = ",
        )
        .push_bind(set)
        .execute(&mut *tx)
        .await?;
    Ok(())
}
