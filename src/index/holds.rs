//! The tables `holds` and `hold_recordings`: what keeps recordings past their term.

use crate::model::{
    ControllerId, Cursor, Day, Direction, Hold, HoldFilter, HoldId, HoldKind, Limit, PrincipalId,
    RecordingId, Timestamp,
};

use super::db::Tx;
use super::error::Error;
use super::sql::{Conn, sql};

#[derive(sqlx::FromRow)]
struct Row {
    id: HoldId,
    controller_id: ControllerId,
    kind: HoldKind,
    case_id: String,
    placed_by: PrincipalId,
    placed_at: Timestamp,
    review_on: Day,
    filtered: bool,
    number_blind: Option<Vec<u8>>,
    agent_blind: Option<Vec<u8>>,
    queue_blind: Option<Vec<u8>>,
    line_blind: Option<Vec<u8>>,
    direction: Option<Direction>,
    begun_from: Option<Timestamp>,
    begun_to: Option<Timestamp>,
    released_at: Option<Timestamp>,
    released_by: Option<PrincipalId>,
    recordings: i64,
}

const COLUMNS: &str = "SELECT id, controller_id, kind, case_id, placed_by, placed_at, review_on,
    filtered, number_blind, agent_blind, queue_blind, line_blind, direction, begun_from, begun_to,
    released_at, released_by,
    (SELECT COUNT(*) FROM hold_recordings WHERE hold_id = holds.id) AS recordings FROM holds";

impl From<Row> for Hold {
    fn from(row: Row) -> Self {
        let mark = |bytes: Option<Vec<u8>>| bytes.and_then(|bytes| bytes.try_into().ok());
        let filter = HoldFilter {
            number: mark(row.number_blind),
            agent: mark(row.agent_blind),
            queue: mark(row.queue_blind),
            line: mark(row.line_blind),
            direction: row.direction,
            from: row.begun_from,
            to: row.begun_to,
        };
        Self {
            id: row.id,
            controller: row.controller_id,
            kind: row.kind,
            case_id: row.case_id,
            placed_by: row.placed_by,
            placed_at: row.placed_at,
            review_on: row.review_on,
            filter: row.filtered.then_some(filter),
            released_at: row.released_at,
            released_by: row.released_by,
            recordings: row.recordings,
        }
    }
}

/// Lets nobody else hold or free recordings of this controller before the end of this transaction,
/// nor [`catch`] any: a new recording sees a new hold or is seen by it.
///
/// Take it before any row. SQLite has one writer at a time.
pub async fn alone(tx: &mut Tx, controller: ControllerId) -> Result<(), Error> {
    wait(tx, controller, "SELECT pg_advisory_xact_lock(hashtextextended('holds ' || $1, 0))").await
}

async fn wait(tx: &mut Tx, controller: ControllerId, lock: &'static str) -> Result<(), Error> {
    if let Tx::Postgres(_) = tx {
        sql(lock).bind(controller.to_string()).execute(&mut *tx).await?;
    }
    Ok(())
}

/// Adds a hold.
pub async fn insert(tx: &mut Tx, hold: &Hold) -> Result<(), Error> {
    let filter = hold.filter.clone().unwrap_or_default();
    let bytes = |mark: Option<[u8; 32]>| mark.map(|mark| mark.to_vec());
    sql("INSERT INTO holds (id, controller_id, kind, case_id, placed_by, placed_at, review_on,
             filtered, number_blind, agent_blind, queue_blind, line_blind, direction, begun_from,
             begun_to)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)")
    .bind(hold.id)
    .bind(hold.controller)
    .bind(hold.kind)
    .bind(hold.case_id.as_str())
    .bind(hold.placed_by)
    .bind(hold.placed_at)
    .bind(hold.review_on)
    .bind(hold.filter.is_some())
    .bind(bytes(filter.number))
    .bind(bytes(filter.agent))
    .bind(bytes(filter.queue))
    .bind(bytes(filter.line))
    .bind(filter.direction)
    .bind(filter.from)
    .bind(filter.to)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Notes that a hold keeps these recordings.
pub async fn link(tx: &mut Tx, hold: HoldId, ids: &[RecordingId]) -> Result<(), Error> {
    sql("INSERT INTO hold_recordings (hold_id, recording_id)
         SELECT CAST($1 AS ")
    .push_each("BLOB", "UUID")
    .push("), id FROM recordings WHERE id ")
    .bind(hold)
    .push_in(ids)
    .push(" ON CONFLICT DO NOTHING")
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Notes which holds a recording that comes in now is kept by, and gives them.
///
/// `agent`, `queue` and `line` are the keyed hashes of what the recording has of each. Waits for
/// whoever is [`alone`], so it comes after the recording's row and before the ledger's.
pub async fn catch(
    tx: &mut Tx,
    (controller, recording): (ControllerId, RecordingId),
    [agent, queue, line]: [Option<[u8; 32]>; 3],
) -> Result<Vec<HoldId>, Error> {
    let bytes = |mark: Option<[u8; 32]>| mark.map(|mark| mark.to_vec());
    wait(
        tx,
        controller,
        "SELECT pg_advisory_xact_lock_shared(hashtextextended('holds ' || $1, 0))",
    )
    .await?;
    let rows: Vec<(HoldId,)> = sql("INSERT INTO hold_recordings (hold_id, recording_id)
         SELECT holds.id, recordings.id FROM holds, recordings
         WHERE holds.controller_id = $1 AND holds.filtered AND holds.released_at IS NULL
             AND recordings.id = $2
             AND (number_blind IS NULL OR (NOT withheld
                 AND (number_blind = caller_blind OR number_blind = callee_blind)))
             AND (agent_blind IS NULL OR agent_blind = $3)
             AND (queue_blind IS NULL OR queue_blind = $4)
             AND (line_blind IS NULL OR line_blind = $5)
             AND (holds.direction IS NULL OR holds.direction = recordings.direction)
             AND (begun_from IS NULL OR started_at >= begun_from)
             AND (begun_to IS NULL OR started_at < begun_to)
         RETURNING hold_id")
    .bind(controller)
    .bind(recording)
    .bind(bytes(agent))
    .bind(bytes(queue))
    .bind(bytes(line))
    .fetch_all(&mut *tx)
    .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// A hold of this controller. Anybody else's does not exist (I15).
pub async fn find(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    id: HoldId,
) -> Result<Option<Hold>, Error> {
    let row: Option<Row> = sql(COLUMNS)
        .push(" WHERE id = ")
        .push_bind(id)
        .push(" AND controller_id = ")
        .push_bind(controller)
        .fetch_optional(on)
        .await?;
    Ok(row.map(Hold::from))
}

/// The kinds of the open holds that keep a recording.
pub async fn kinds(
    on: impl Into<Conn<'_>>,
    recording: RecordingId,
) -> Result<Vec<HoldKind>, Error> {
    let rows: Vec<(HoldKind,)> = sql("SELECT holds.kind FROM hold_recordings
         JOIN holds ON holds.id = hold_recordings.hold_id
         WHERE hold_recordings.recording_id = $1 AND holds.released_at IS NULL")
    .bind(recording)
    .fetch_all(on)
    .await?;
    Ok(rows.into_iter().map(|(kind,)| kind).collect())
}

/// Which holds are listed.
#[derive(Clone, Copy, Debug)]
pub struct Listing {
    /// Whose.
    pub controller: ControllerId,
    /// Only open ones, or only released ones.
    pub open: Option<bool>,
    /// Only open ones whose review was due before this day.
    pub overdue: Option<Day>,
    /// After this place in the list.
    pub after: Option<Cursor>,
}

/// A page of holds, the newest first.
pub async fn list(
    on: impl Into<Conn<'_>>,
    listing: &Listing,
    limit: Limit,
) -> Result<Vec<Hold>, Error> {
    let mut query = sql(COLUMNS).push(" WHERE controller_id = ").push_bind(listing.controller);
    query = match listing.open {
        Some(true) => query.push(" AND released_at IS NULL"),
        Some(false) => query.push(" AND released_at IS NOT NULL"),
        None => query,
    };
    if let Some(today) = listing.overdue {
        query = query.push(" AND released_at IS NULL AND review_on < ").push_bind(today);
    }
    if let Some(after) = listing.after {
        query = query.push(" AND (placed_at, id) < (").push_bind(after.started_at).push(", ");
        query = query.push_bind(after.id).push(")");
    }
    let query = query.push(" ORDER BY placed_at DESC, id DESC LIMIT ").push_bind(limit.rows());
    let rows: Vec<Row> = query.fetch_all(on).await?;
    Ok(rows.into_iter().map(Hold::from).collect())
}

/// Sets the day by which somebody must look again. Returns whether the hold is open.
pub async fn set_review(tx: &mut Tx, id: HoldId, review_on: Day) -> Result<bool, Error> {
    let changed = sql("UPDATE holds SET review_on = $1 WHERE id = $2 AND released_at IS NULL")
        .bind(review_on)
        .bind(id)
        .execute(&mut *tx)
        .await?;
    Ok(changed > 0)
}

/// Releases a hold; what it looked for is forgotten. Returns whether it was open.
pub async fn release(
    tx: &mut Tx,
    id: HoldId,
    by: PrincipalId,
    now: Timestamp,
) -> Result<bool, Error> {
    let changed = sql("UPDATE holds SET released_at = $1, released_by = $2, number_blind = NULL,
             agent_blind = NULL, queue_blind = NULL, line_blind = NULL
         WHERE id = $3 AND released_at IS NULL")
    .bind(now)
    .bind(by)
    .bind(id)
    .execute(&mut *tx)
    .await?;
    Ok(changed > 0)
}

/// A hold that ended with the service.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Ended {
    /// Which one.
    pub id: HoldId,
    /// Why it was there.
    pub kind: HoldKind,
    /// The case behind it.
    pub case_id: String,
}

/// Releases all open holds of a controller but those for an authority, and what was asked about
/// them. `by` stands for the vault itself.
pub async fn release_with_service(
    tx: &mut Tx,
    controller: ControllerId,
    by: PrincipalId,
    now: Timestamp,
) -> Result<Vec<Ended>, Error> {
    let ended: Vec<Ended> = sql("UPDATE holds SET released_at = $1, released_by = $2,
             number_blind = NULL, agent_blind = NULL, queue_blind = NULL, line_blind = NULL
         WHERE controller_id = $3 AND released_at IS NULL AND kind <> 'authority_order'
         RETURNING id, kind, case_id")
    .bind(now)
    .bind(by)
    .bind(controller)
    .fetch_all(&mut *tx)
    .await?;
    sql("UPDATE approvals SET decision = 'expired', decided_at = $1
         WHERE decided_at IS NULL AND controller_id = $2
             AND subject_id IN (SELECT id FROM holds
                 WHERE controller_id = $2 AND released_at IS NOT NULL)")
    .bind(now)
    .bind(controller)
    .execute(&mut *tx)
    .await?;
    Ok(ended)
}

/// How many open holds somebody should have looked at before this day.
pub async fn count_overdue(on: impl Into<Conn<'_>>, today: Day) -> Result<i64, Error> {
    let (count,) = sql("SELECT COUNT(*) FROM holds WHERE released_at IS NULL AND review_on < $1")
        .bind(today)
        .fetch_one(on)
        .await?;
    Ok(count)
}
