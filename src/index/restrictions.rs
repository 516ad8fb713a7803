//! The tables `restrictions` and `objections`: why a recording may not be used, and how that ended.

use crate::model::{
    ControllerId, Cursor, Day, Ground, Outcome, PrincipalId, RecordingId, Timestamp,
};
use uuid::Uuid;

use super::db::Tx;
use super::error::Error;
use super::sql::{Conn, sql};

/// A restriction that begins.
#[derive(Clone, Copy, Debug)]
pub struct NewRestriction<'a> {
    /// Of which recording.
    pub recording: RecordingId,
    /// Whose it is.
    pub controller: ControllerId,
    /// Why.
    pub ground: Ground,
    /// The case behind it.
    pub case_id: &'a str,
    /// Who looks after it.
    pub owner: PrincipalId,
    /// Since when.
    pub at: Timestamp,
    /// The day by which somebody must have looked whether it still has its ground.
    pub review_on: Day,
}

/// How a restriction or an objection ends.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// Who ended it.
    pub by: PrincipalId,
    /// When.
    pub at: Timestamp,
    /// How.
    pub outcome: Outcome,
    /// The day on which the person was told.
    pub informed_on: Option<Day>,
}

/// Adds a restriction. [`Error::Conflict`] when the case restricts this recording already.
pub async fn insert(tx: &mut Tx, new: &NewRestriction<'_>) -> Result<(), Error> {
    sql(
        "INSERT INTO restrictions (id, recording_id, controller_id, ground, case_id, owner, set_at,
             review_on)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(Uuid::new_v4())
    .bind(new.recording)
    .bind(new.controller)
    .bind(new.ground)
    .bind(new.case_id)
    .bind(new.owner)
    .bind(new.at)
    .bind(new.review_on)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// The open restrictions of a recording: the case and the ground of each.
pub async fn open(
    on: impl Into<Conn<'_>>,
    recording: RecordingId,
) -> Result<Vec<(String, Ground)>, Error> {
    sql("SELECT case_id, ground FROM restrictions
         WHERE recording_id = $1 AND lifted_at IS NULL ORDER BY set_at, id")
    .bind(recording)
    .fetch_all(on)
    .await
}

/// When the open restriction of this case was set.
pub async fn set_at(
    on: impl Into<Conn<'_>>,
    recording: RecordingId,
    case_id: &str,
) -> Result<Option<Timestamp>, Error> {
    let begun = "SELECT set_at FROM restrictions
         WHERE recording_id = $1 AND case_id = $2 AND lifted_at IS NULL";
    at(on, begun, recording, case_id).await
}

/// When the open objection of this case was made.
pub async fn made_at(
    on: impl Into<Conn<'_>>,
    recording: RecordingId,
    case_id: &str,
) -> Result<Option<Timestamp>, Error> {
    let begun = "SELECT made_at FROM objections
         WHERE recording_id = $1 AND case_id = $2 AND decided_at IS NULL";
    at(on, begun, recording, case_id).await
}

async fn at(
    on: impl Into<Conn<'_>>,
    statement: &'static str,
    recording: RecordingId,
    case_id: &str,
) -> Result<Option<Timestamp>, Error> {
    let row: Option<(Timestamp,)> =
        sql(statement).bind(recording).bind(case_id.to_owned()).fetch_optional(on).await?;
    Ok(row.map(|(at,)| at))
}

/// Ends the restriction of this case. Returns whether there was one.
pub async fn lift(
    tx: &mut Tx,
    recording: RecordingId,
    case_id: &str,
    ending: &Ending,
) -> Result<bool, Error> {
    let changed = sql("UPDATE restrictions
         SET lifted_at = $1, lifted_by = $2, outcome = $3, informed_on = $4
         WHERE recording_id = $5 AND case_id = $6 AND lifted_at IS NULL")
    .bind(ending.at)
    .bind(ending.by)
    .bind(ending.outcome)
    .bind(ending.informed_on)
    .bind(recording)
    .bind(case_id)
    .execute(&mut *tx)
    .await?;
    Ok(changed > 0)
}

/// Adds an objection. [`Error::Conflict`] when the case is one against this recording already.
pub async fn object(
    tx: &mut Tx,
    (recording, controller): (RecordingId, ControllerId),
    case_id: &str,
    by: PrincipalId,
    at: Timestamp,
) -> Result<(), Error> {
    sql("INSERT INTO objections (id, recording_id, controller_id, case_id, owner, made_at)
         VALUES ($1, $2, $3, $4, $5, $6)")
    .bind(Uuid::new_v4())
    .bind(recording)
    .bind(controller)
    .bind(case_id)
    .bind(by)
    .bind(at)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// The cases of the open objections to a recording.
pub async fn objections(
    on: impl Into<Conn<'_>>,
    recording: RecordingId,
) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> = sql("SELECT case_id FROM objections
         WHERE recording_id = $1 AND decided_at IS NULL ORDER BY made_at, id")
    .bind(recording)
    .fetch_all(on)
    .await?;
    Ok(rows.into_iter().map(|(case,)| case).collect())
}

/// Decides the objection of this case. Returns whether there was one.
pub async fn decide(
    tx: &mut Tx,
    recording: RecordingId,
    case_id: &str,
    ending: &Ending,
) -> Result<bool, Error> {
    let changed = sql("UPDATE objections
         SET decided_at = $1, decided_by = $2, outcome = $3, informed_on = $4
         WHERE recording_id = $5 AND case_id = $6 AND decided_at IS NULL")
    .bind(ending.at)
    .bind(ending.by)
    .bind(ending.outcome)
    .bind(ending.informed_on)
    .bind(recording)
    .bind(case_id)
    .execute(&mut *tx)
    .await?;
    Ok(changed > 0)
}

/// Ends everything that is open about recordings that are erased now.
pub(super) async fn end_with(
    tx: &mut Tx,
    ids: &[RecordingId],
    now: Timestamp,
) -> Result<(), Error> {
    for end in [
        "UPDATE restrictions SET outcome = 'erased', lifted_at = $1
         WHERE lifted_at IS NULL AND recording_id ",
        "UPDATE objections SET outcome = 'erased', decided_at = $1
         WHERE decided_at IS NULL AND recording_id ",
    ] {
        sql(end).bind(now).push_in(ids).execute(&mut *tx).await?;
    }
    Ok(())
}

/// How many open restrictions somebody should have looked at before this day.
pub async fn count_overdue(on: impl Into<Conn<'_>>, today: Day) -> Result<i64, Error> {
    let (count,) = sql("SELECT COUNT(*) FROM restrictions
         WHERE lifted_at IS NULL AND review_on < $1")
    .bind(today)
    .fetch_one(on)
    .await?;
    Ok(count)
}

/// A restriction or an objection that is open.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Open {
    /// Its own id: its place among those of one moment.
    pub id: Uuid,
    /// `restriction` or `objection`.
    pub kind: String,
    /// Of which recording.
    pub recording_id: RecordingId,
    /// Why, of a restriction.
    pub ground: Option<Ground>,
    /// The case behind it.
    pub case_id: String,
    /// Who noted it.
    pub owner: PrincipalId,
    /// Since when.
    pub since: Timestamp,
    /// The day by which somebody looks again, of a restriction.
    pub review_on: Option<Day>,
}

/// A page of what is open of a controller's recordings, the longest open first.
pub async fn list_open(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    after: Option<Cursor>,
    limit: i64,
) -> Result<Vec<Open>, Error> {
    let mut query = sql("SELECT id, kind, recording_id, ground, case_id, owner, since, review_on
         FROM (SELECT id, 'restriction' AS kind, recording_id, ground, case_id, owner,
                 set_at AS since, review_on, controller_id
             FROM restrictions WHERE lifted_at IS NULL
             UNION ALL SELECT id, 'objection', recording_id, NULL, case_id, owner, made_at, NULL,
                 controller_id
             FROM objections WHERE decided_at IS NULL) AS open
         WHERE controller_id = ")
    .push_bind(controller);
    if let Some(after) = after {
        query = query.push(" AND (since, id) > (").push_bind(after.started_at).push(", ");
        query = query.push_bind(after.id).push(")");
    }
    query.push(" ORDER BY since, id LIMIT ").push_bind(limit).fetch_all(on).await
}
