//! Erasing, step by step. Each function is one step; each says what it took with it.
//!
//! `stored → erasing` (a claim) `→` wrap destroyed `→ audio_erased`. A claim belongs to whoever made
//! it until `claimed_at` is old; then anybody may claim it again. Two erasers that work on one row
//! do no harm: each step changes a row once, and only whoever changed it is told so (I16).

use crate::model::{Cause, Class, ControllerId, Day, RecordingId, Term, Timestamp};

use super::super::db::Tx;
use super::super::error::Error;
use super::super::sql::{Conn, sql};
use super::report::STUCK_AFTER;

/// A recording that is being erased, and by whom it is being erased now: the one who got this.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Claimed {
    /// Which one.
    pub id: RecordingId,
    /// Whose.
    #[sqlx(rename = "controller_id")]
    pub controller: ControllerId,
    /// Why it was made.
    pub class: Class,
    /// When its audio had to be gone.
    pub due_at: Timestamp,
    /// Why it is erased (I5).
    pub cause: Cause,
    /// The case behind an early erasure.
    pub case_id: Option<String>,
    /// The how-manieth claim this is.
    pub claims: i32,
    /// How often erasing it failed so far.
    pub attempts: i32,
    /// Since when its key is destroyed: from then on there is no way back.
    pub key_destroyed_at: Option<Timestamp>,
}

/// What is told of a claim.
pub(super) const CLAIMED: &str =
    " RETURNING id, controller_id, class, due_at, cause, case_id, claims, attempts,
      key_destroyed_at";

/// What the eraser may take. Word for word the condition of the index `recordings_due`.
const DUE: &str = "state = 'stored' AND NOT held AND NOT restricted";

/// What the eraser may take although it is restricted: it only waits for an objection to be decided.
/// Word for word the condition of the index `recordings_due_restricted`.
const DUE_RESTRICTED: &str =
    "state = 'stored' AND NOT held AND restriction_ground = 'objection_pending'";

/// Passes over rows that another eraser takes at this moment. SQLite has one writer at a time.
pub(super) const SKIP_LOCKED: &str = " FOR UPDATE SKIP LOCKED";

/// Recordings whose term has ended and that nothing keeps, the longest overdue first.
pub async fn due(
    on: impl Into<Conn<'_>>,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<RecordingId>, Error> {
    let rows: Vec<(RecordingId,)> = sql("SELECT id FROM recordings WHERE ")
        .push(DUE)
        .push(" AND due_at <= ")
        .push_bind(now)
        .push(" ORDER BY due_at LIMIT ")
        .push_bind(limit)
        .fetch_all(on)
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Lost recordings whose term has ended: nothing of them is left to keep.
pub async fn lost_due(
    on: impl Into<Conn<'_>>,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<RecordingId>, Error> {
    let rows: Vec<(RecordingId,)> = sql("SELECT id FROM recordings
         WHERE state = 'lost' AND NOT held
             AND (NOT restricted OR restriction_ground = 'objection_pending') AND due_at <= $1
         ORDER BY due_at LIMIT $2")
    .bind(now)
    .bind(limit)
    .fetch_all(on)
    .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Why a recording is erased whose term has ended: a term that its controller made shorter is a
/// cause of its own, so that nothing goes by `term` before its first instant (I6).
const CAUSE_BY_TERM: &str =
    "cause = CASE WHEN shortened_by IS NULL THEN 'term' ELSE 'policy_shortened' END,
     case_id = CASE WHEN shortened_by IS NULL THEN NULL ELSE 'policy/' || shortened_by END";

/// Claims recordings whose term has ended and that nothing keeps, the longest overdue first.
///
/// Those that a shorter term made due wait while that version of the policy is stopped.
pub async fn claim_due(tx: &mut Tx, now: Timestamp, limit: i64) -> Result<Vec<Claimed>, Error> {
    claim_due_but(tx, now, &[], limit).await
}

/// The same, passing over some.
pub async fn claim_due_but(
    tx: &mut Tx,
    now: Timestamp,
    but: &[RecordingId],
    limit: i64,
) -> Result<Vec<Claimed>, Error> {
    let claimed = claim_where(tx, DUE, now, but, limit).await?;
    if !claimed.is_empty() {
        return Ok(claimed);
    }
    claim_where(tx, DUE_RESTRICTED, now, but, limit).await
}

/// Since when a customer's recordings run, and the floor of that customer, if it has one.
pub async fn floors(
    tx: &mut Tx,
    ids: &[RecordingId],
) -> Result<Vec<(RecordingId, Timestamp, Term)>, Error> {
    sql("SELECT recordings.id, recordings.ended_at, customers.floor
         FROM recordings JOIN customers ON customers.id = recordings.controller_id
         WHERE recordings.class = 'customer' AND recordings.ended_at IS NOT NULL
             AND customers.floor IS NOT NULL AND recordings.id ")
    .push_in(ids)
    .fetch_all(&mut *tx)
    .await
}

async fn claim_where(
    tx: &mut Tx,
    condition: &'static str,
    now: Timestamp,
    but: &[RecordingId],
    limit: i64,
) -> Result<Vec<Claimed>, Error> {
    let mut query = sql("WITH picked AS (SELECT id FROM recordings WHERE ")
        .push(condition)
        .push(" AND due_at <= ")
        .push_bind(now);
    if !but.is_empty() {
        query = query.push(" AND NOT id ").push_in(but);
    }
    let mut claimed: Vec<Claimed> = query
        .push(
            " AND (shortened_by IS NULL OR NOT EXISTS (SELECT 1 FROM policies
                  WHERE policies.controller_id = recordings.controller_id
                      AND version = shortened_by AND braked_count IS NOT NULL))
              ORDER BY due_at LIMIT ",
        )
        .push_bind(limit)
        .push_each("", SKIP_LOCKED)
        .push(
            ") UPDATE recordings
             SET state = 'erasing', claims = claims + 1, attempts = 0, error_code = NULL, ",
        )
        .push(CAUSE_BY_TERM)
        .push(", claimed_at = ")
        .push_bind(now)
        .push(" WHERE id IN (SELECT id FROM picked)")
        .push(CLAIMED)
        .fetch_all(&mut *tx)
        .await?;
    claimed.sort_by_key(|claimed| (claimed.due_at, claimed.id));
    Ok(claimed)
}

/// Claims one recording, if it is stored or lost and no hold keeps it (I7).
///
/// No restriction that suspends may be open. With cause `term` it must be due (I6), and the cause
/// becomes `policy_shortened` when a shorter term made it due; any other cause needs a case (I5).
pub async fn claim_one(
    tx: &mut Tx,
    id: RecordingId,
    cause: Cause,
    case_id: Option<&str>,
    now: Timestamp,
) -> Result<Option<Claimed>, Error> {
    let mut query = sql("UPDATE recordings
         SET state = 'erasing', claims = claims + 1, attempts = 0, error_code = NULL, ");
    query = if cause == Cause::Term {
        query.push(CAUSE_BY_TERM)
    } else {
        let case_id = case_id.map(str::to_owned);
        query.push("cause = ").push_bind(cause).push(", case_id = ").push_bind(case_id)
    };
    query = query.push(", claimed_at = ").push_bind(now).push(" WHERE id = ").push_bind(id).push(
        " AND state IN ('stored', 'lost') AND NOT held
          AND (NOT restricted OR restriction_ground = 'objection_pending')",
    );
    if cause == Cause::Term {
        query = query.push(" AND due_at <= ").push_bind(now);
    }
    query.push(CLAIMED).fetch_optional(&mut *tx).await
}

/// Claims again what was claimed before `claimed_before` and never finished: a node died.
pub async fn claim_stale(
    tx: &mut Tx,
    now: Timestamp,
    claimed_before: Timestamp,
    limit: i64,
) -> Result<Vec<Claimed>, Error> {
    sql("WITH picked AS (SELECT id FROM recordings
         WHERE state = 'erasing' AND claimed_at < $1 ORDER BY claimed_at LIMIT $2")
    .bind(claimed_before)
    .bind(limit)
    .push_each("", SKIP_LOCKED)
    .push(") UPDATE recordings SET claims = claims + 1, claimed_at = ")
    .push_bind(now)
    .push(" WHERE id IN (SELECT id FROM picked)")
    .push(CLAIMED)
    .fetch_all(&mut *tx)
    .await
}

/// Lets go of claims whose key is not destroyed: the recordings are stored again.
///
/// A lost one, whose content is recognised no more, is lost again.
///
/// Returns which ones; the others are past the point of no return or were not being erased.
pub async fn release(tx: &mut Tx, ids: &[RecordingId]) -> Result<Vec<RecordingId>, Error> {
    let rows: Vec<(RecordingId,)> = sql("UPDATE recordings
         SET state = CASE WHEN content_key IS NULL THEN 'lost' ELSE 'stored' END, cause = NULL,
             case_id = NULL, claimed_at = NULL
         WHERE state = 'erasing' AND key_destroyed_at IS NULL AND id ")
    .push_in(ids)
    .push(" RETURNING id")
    .fetch_all(&mut *tx)
    .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Destroys the wraps of claimed recordings: the point of no return.
///
/// Returns those it destroyed now. One that a hold (I7), or a restriction that suspends, has come
/// to in the meantime keeps its wrap and is not among them; nor is one whose wrap was
/// destroyed before. [`release`] tells the two apart.
pub async fn destroy_wraps(
    tx: &mut Tx,
    ids: &[RecordingId],
    now: Timestamp,
) -> Result<Vec<RecordingId>, Error> {
    let rows: Vec<(RecordingId,)> = sql("UPDATE recordings
         SET wrap = NULL, key_destroyed_at = $1
         WHERE state = 'erasing' AND key_destroyed_at IS NULL AND NOT held
             AND (NOT restricted OR restriction_ground = 'objection_pending') AND id ")
    .bind(now)
    .push_in(ids)
    .push(" RETURNING id")
    .fetch_all(&mut *tx)
    .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// A recording whose erasing is finished, with what its ledger leaf and certificate tell.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Erased {
    /// Which one.
    pub id: RecordingId,
    /// Whose.
    #[sqlx(rename = "controller_id")]
    pub controller: ControllerId,
    /// Why it was made.
    pub class: Class,
    /// The policy it was accepted under.
    pub policy: String,
    /// When its audio had to be gone.
    pub due_at: Timestamp,
    /// Why it was erased.
    pub cause: Cause,
    /// The case behind an early erasure.
    pub case_id: Option<String>,
    /// When its wrap was destroyed.
    pub key_destroyed_at: Option<Timestamp>,
    /// The day whose key had wrapped it: backups open nothing from the end of that day on.
    pub key_day: Day,
    /// The generation of that key.
    pub key_generation: i32,
    /// How often it was tried before.
    pub attempts: i32,
}

/// Writes down that the audio is gone, verified; what was made from it goes in the same step (I14).
///
/// Returns those that this call finished, and nobody else is told of those: one ledger leaf (I8).
pub async fn finish_erased(
    tx: &mut Tx,
    ids: &[RecordingId],
    now: Timestamp,
    look_again_at: Timestamp,
) -> Result<Vec<Erased>, Error> {
    let erased: Vec<Erased> = sql("UPDATE recordings
         SET state = 'audio_erased', erased_at = $1, look_again_at = $2, content_key = NULL,
             claimed_at = NULL, error_code = NULL, annotated = FALSE, muted = 0
         WHERE state = 'erasing' AND key_destroyed_at IS NOT NULL AND id ")
    .bind(now)
    .bind(look_again_at)
    .push_in(ids)
    .push(
        " RETURNING id, controller_id, class, policy, due_at, cause, case_id, key_destroyed_at,
              key_day, key_generation, attempts",
    )
    .fetch_all(&mut *tx)
    .await?;
    let finished: Vec<RecordingId> = erased.iter().map(|erased| erased.id).collect();
    for table in [
        "DELETE FROM derived WHERE recording_id ",
        "DELETE FROM tickets WHERE recording_id ",
        "DELETE FROM mutes WHERE recording_id ",
    ] {
        sql(table).push_in(&finished).execute(&mut *tx).await?;
    }
    super::super::notes::drop_with(tx, &finished).await?;
    super::super::restrictions::end_with(tx, &finished, now).await?;
    Ok(erased)
}

/// Counts a failed attempt and says in a word why. The claim stays, and is old after a while.
///
/// Returns those that this attempt makes stuck, and whose they are.
pub async fn fail_attempt(
    tx: &mut Tx,
    ids: &[RecordingId],
    error_code: &str,
    now: Timestamp,
) -> Result<Vec<(RecordingId, ControllerId)>, Error> {
    let failed: Vec<(RecordingId, ControllerId, i32)> = sql("UPDATE recordings
         SET attempts = attempts + 1, error_code = $1, claimed_at = $2
         WHERE state = 'erasing' AND id ")
    .bind(error_code)
    .bind(now)
    .push_in(ids)
    .push(" RETURNING id, controller_id, attempts")
    .fetch_all(&mut *tx)
    .await?;
    let stuck = failed.into_iter().filter(|(.., attempts)| *attempts == STUCK_AFTER);
    Ok(stuck.map(|(id, of, _)| (id, of)).collect())
}
