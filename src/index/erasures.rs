//! What was erased, for those who check it. Reads the table `recordings`.

use crate::model::{Cause, Class, ControllerId, Cursor, Day, Entry, RecordingId, State, Timestamp};

use super::error::Error;
use super::ledger_entries::{self, ENTRY};
use super::sql::{Conn, Sql, sql};

/// An erasure, or one under way.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Erasure {
    /// Of which recording.
    pub id: RecordingId,
    /// Why it was made.
    pub class: Class,
    /// Where it is in its life.
    pub state: State,
    /// The policy it was kept under.
    pub policy: String,
    /// When its audio had to be gone.
    pub due_at: Timestamp,
    /// When its call details have to be.
    pub metadata_due_at: Timestamp,
    /// Why it was erased.
    pub cause: Option<Cause>,
    /// The case behind that.
    pub case_id: Option<String>,
    /// When its wrap was destroyed.
    pub key_destroyed_at: Option<Timestamp>,
    /// When its absence was verified.
    pub erased_at: Option<Timestamp>,
    /// When it is looked for again, unless it was.
    pub look_again_at: Option<Timestamp>,
    /// The day whose key wrapped it.
    pub key_day: Day,
    /// When that key was destroyed ahead of its day, because the day was renewed.
    pub key_dropped_at: Option<Timestamp>,
    /// The day whose key wrapped it before that, if it moved to an earlier one.
    pub former_key_day: Option<Day>,
    /// The same of that key.
    pub former_dropped_at: Option<Timestamp>,
    /// Why erasing failed last, in a word.
    pub error_code: Option<String>,
}

const COLUMNS: &str = "id, class, state, policy, due_at, metadata_due_at, cause, case_id,
    key_destroyed_at, erased_at, look_again_at, key_day, former_key_day, error_code,
    (SELECT MIN(n.dropped_at) FROM renewals n
     WHERE n.day = recordings.key_day AND n.generation > recordings.key_generation)
        AS key_dropped_at,
    (SELECT MIN(n.dropped_at) FROM renewals n
     WHERE n.day = recordings.former_key_day AND n.generation > recordings.former_key_generation)
        AS former_dropped_at";

/// Which erasures.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Whose: nothing of anybody else's is ever found (I15).
    pub controller: ControllerId,
    /// Verified at or after this.
    pub from: Option<Timestamp>,
    /// Verified before this.
    pub to: Option<Timestamp>,
    /// Only of this class.
    pub class: Option<Class>,
    /// Only for this cause.
    pub cause: Option<Cause>,
}

/// Erasures that were verified, the last first.
pub async fn list(
    on: impl Into<Conn<'_>>,
    wanted: &Wanted,
    after: Option<Cursor>,
    limit: i64,
) -> Result<Vec<Erasure>, Error> {
    let query = sql("SELECT ").push(COLUMNS).push(" FROM recordings");
    let mut query = verified(query, wanted);
    if let Some(after) = after {
        query = query.push(" AND (erased_at, id) < (").push_bind(after.started_at).push(", ");
        query = query.push_bind(after.id).push(")");
    }
    query.push(" ORDER BY erased_at DESC, id DESC LIMIT ").push_bind(limit).fetch_all(on).await
}

/// How many there are of them.
pub async fn count(on: impl Into<Conn<'_>>, wanted: &Wanted) -> Result<i64, Error> {
    let (count,) = verified(sql("SELECT COUNT(*) FROM recordings"), wanted).fetch_one(on).await?;
    Ok(count)
}

/// Those of them whose id begins with this byte, after one of them, in the order of their ids.
///
/// A walk over all 256 bytes needs no more memory than a page, and goes over the table once.
pub async fn walk(
    on: impl Into<Conn<'_>>,
    wanted: &Wanted,
    first_byte: u8,
    after: Option<RecordingId>,
    limit: i64,
) -> Result<Vec<Erasure>, Error> {
    let [mut first, mut last] = [[0; 16], [u8::MAX; 16]];
    (first[0], last[0]) = (first_byte, first_byte);
    // No id is all zeros behind its first byte, or all ones: it has a version.
    let after = after.unwrap_or(RecordingId(uuid::Uuid::from_bytes(first)));
    let query = sql("SELECT ").push(COLUMNS).push(" FROM recordings WHERE id > ").push_bind(after);
    let query = query.push(" AND id < ").push_bind(RecordingId(uuid::Uuid::from_bytes(last)));
    let mut query = query.push(" AND controller_id = ").push_bind(wanted.controller);
    // SQLite is told not to take the index of the times: it would read the whole period each time.
    query = query.push(" AND erased_at IS NOT NULL");
    if let Some(from) = wanted.from {
        query = query.push_each(" AND +erased_at >= ", " AND erased_at >= ").push_bind(from);
    }
    if let Some(to) = wanted.to {
        query = query.push_each(" AND +erased_at < ", " AND erased_at < ").push_bind(to);
    }
    if let Some(class) = wanted.class {
        query = query.push(" AND class = ").push_bind(class);
    }
    query.push(" ORDER BY id LIMIT ").push_bind(limit).fetch_all(on).await
}

/// The first day whose key wrapped one of them.
pub async fn first_day(on: impl Into<Conn<'_>>, wanted: &Wanted) -> Result<Option<Day>, Error> {
    let query = sql("SELECT MIN(key_day), MIN(former_key_day) FROM recordings");
    let (own, former): (Option<Day>, Option<Day>) = verified(query, wanted).fetch_one(on).await?;
    Ok(own.into_iter().chain(former).min())
}

fn verified(query: Sql, wanted: &Wanted) -> Sql {
    let mut query = query.push(" WHERE controller_id = ").push_bind(wanted.controller);
    query = query.push(" AND erased_at IS NOT NULL");
    if let Some(from) = wanted.from {
        query = query.push(" AND erased_at >= ").push_bind(from);
    }
    if let Some(to) = wanted.to {
        query = query.push(" AND erased_at < ").push_bind(to);
    }
    if let Some(class) = wanted.class {
        query = query.push(" AND class = ").push_bind(class);
    }
    if let Some(cause) = wanted.cause {
        query = query.push(" AND cause = ").push_bind(cause);
    }
    query
}

/// One recording that is erased or being erased, if it is this controller's.
pub async fn find(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    id: RecordingId,
) -> Result<Option<Erasure>, Error> {
    sql("SELECT ")
        .push(COLUMNS)
        .push(" FROM recordings WHERE state IN ('erasing', 'audio_erased', 'tombstone')")
        .push(" AND id = ")
        .push_bind(id)
        .push(" AND controller_id = ")
        .push_bind(controller)
        .fetch_optional(on)
        .await
}

/// Of these erasures: copies of how many were handed out, and how many were in the store again and
/// not absent since.
pub async fn open_ends(on: impl Into<Conn<'_>>, wanted: &Wanted) -> Result<(i64, i64), Error> {
    let query = sql("SELECT
         COALESCE(SUM(CASE WHEN EXISTS (SELECT 1 FROM ledger_entries e
             WHERE e.recording_id = recordings.id
               AND e.event IN ('access.exported', 'evidence.handed_out'))
             THEN 1 ELSE 0 END), 0),
         COALESCE(SUM(CASE WHEN look_again_at IS NOT NULL AND EXISTS (
             SELECT 1 FROM ledger_entries e
             WHERE e.recording_id = recordings.id AND e.event = 'erasure.reappeared')
             THEN 1 ELSE 0 END), 0)
         FROM recordings");
    verified(query, wanted).fetch_one(on).await
}

/// Erasures past their point of no return in this period whose absence is not verified yet, by why.
pub async fn unfinished(
    on: impl Into<Conn<'_>>,
    wanted: &Wanted,
) -> Result<Vec<(Option<String>, i64)>, Error> {
    let mut query = sql("SELECT error_code, COUNT(*) FROM recordings
         WHERE state = 'erasing' AND key_destroyed_at IS NOT NULL AND controller_id = ")
    .push_bind(wanted.controller);
    if let Some(from) = wanted.from {
        query = query.push(" AND key_destroyed_at >= ").push_bind(from);
    }
    if let Some(to) = wanted.to {
        query = query.push(" AND key_destroyed_at < ").push_bind(to);
    }
    if let Some(class) = wanted.class {
        query = query.push(" AND class = ").push_bind(class);
    }
    query.push(" GROUP BY error_code ORDER BY error_code").fetch_all(on).await
}

/// How many recordings were due in this period and are still there: overdue ones and suspended ones.
pub async fn not_erased(on: impl Into<Conn<'_>>, wanted: &Wanted) -> Result<i64, Error> {
    let within = |mut query: Sql| {
        query = query.push(" AND controller_id = ").push_bind(wanted.controller);
        if let Some(from) = wanted.from {
            query = query.push(" AND due_at >= ").push_bind(from);
        }
        if let Some(to) = wanted.to {
            query = query.push(" AND due_at < ").push_bind(to);
        }
        if let Some(class) = wanted.class {
            query = query.push(" AND class = ").push_bind(class);
        }
        query
    };
    let query = within(sql("SELECT COUNT(*) FROM (SELECT id FROM recordings
         WHERE state = 'stored' AND NOT held AND NOT restricted"));
    let query = within(query.push(
        " UNION ALL SELECT id FROM recordings WHERE state = 'stored' AND (held OR restricted)",
    ));
    let (count,) = query.push(") AS kept").fetch_one(on).await?;
    Ok(count)
}

/// The entries that tell of forgettings since.
pub async fn forgettings(
    on: impl Into<Conn<'_>>,
    provider: ControllerId,
    since: Timestamp,
) -> Result<Vec<Entry>, Error> {
    let query = sql(ENTRY)
        .push(" WHERE event = 'kek.destroyed' AND controller_id = ")
        .push_bind(provider)
        .push(" AND at >= ")
        .push_bind(since)
        .push(" ORDER BY at, seq");
    ledger_entries::read(query, on).await
}

/// A page of entries of one ledger that tell who heard what, the last first.
pub async fn accesses(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Entry>, Error> {
    const WHICH: &str = " WHERE event IN ('access.played', 'access.exported', 'access.denied')";
    page(WHICH, on, controller, before, limit).await
}

/// A page of entries that tell who heard or took one recording, the last first; with refusals if
/// wanted.
pub async fn accesses_of(
    on: impl Into<Conn<'_>>,
    (recording, controller): (RecordingId, ControllerId),
    refusals: bool,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Entry>, Error> {
    let mut query = sql(ENTRY).push(" WHERE recording_id = ").push_bind(recording);
    query = query.push(" AND controller_id = ").push_bind(controller);
    query = query.push(if refusals {
        " AND event IN ('access.played', 'access.exported', 'access.denied')"
    } else {
        " AND event IN ('access.played', 'access.exported')"
    });
    if let Some(before) = before {
        query = query.push(" AND seq < ").push_bind(before);
    }
    ledger_entries::read(query.push(" ORDER BY seq DESC LIMIT ").push_bind(limit), on).await
}

/// A page of entries of one ledger that tell how terms were changed, the last first.
pub async fn policy_changes(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Entry>, Error> {
    const WHICH: &str = " WHERE event IN ('policy.created', 'policy.changed', 'policy.activated',
        'policy.applied', 'policy.cancelled', 'policy.floor_extended')";
    page(WHICH, on, controller, before, limit).await
}

async fn page(
    which: &'static str,
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Entry>, Error> {
    let mut query = sql(ENTRY).push(which).push(" AND controller_id = ").push_bind(controller);
    if let Some(before) = before {
        query = query.push(" AND seq < ").push_bind(before);
    }
    ledger_entries::read(query.push(" ORDER BY seq DESC LIMIT ").push_bind(limit), on).await
}
