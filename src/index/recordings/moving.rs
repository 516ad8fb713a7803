//! A customer's recordings as a change of policy looks at them, and moving many at once.

use std::fmt::Write as _;

use crate::model::{ControllerId, Day, Direction, RecordingId, Timestamp};

use super::super::db::Tx;
use super::super::error::Error;
use super::super::ids::Rows;
use super::super::policies::Cursor;
use super::super::sql::{Conn, Sql, sql};

/// A recording as far as a preview looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glimpse {
    /// When the call ended.
    pub ended_at: Timestamp,
    /// Which one.
    pub id: RecordingId,
    /// When it must be gone.
    pub due_at: Timestamp,
    /// How big it is.
    pub size_bytes: u64,
    /// Whether a hold or a restriction keeps it.
    pub suspended: bool,
    /// Which way the call went.
    pub direction: Option<Direction>,
    /// The line.
    pub line: Option<String>,
    /// Who answered.
    pub agent: Option<String>,
    /// The queue.
    pub queue: Option<String>,
}

/// Which names a look needs: each costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of its own")]
pub struct Names {
    /// The line.
    pub line: bool,
    /// Who answered.
    pub agent: bool,
    /// The queue.
    pub queue: bool,
    /// Which way the call went.
    pub direction: bool,
}

/// What lies between two fields, and between two rows. No field that came in can hold them.
const FIELD: char = '\u{1f}';
const ROW: char = '\u{1e}';

/// A page of a customer's recordings that are there, by the end of their calls.
///
/// A row of its own for each would cost several times what reading it costs: a page comes as one
/// text.
pub async fn glimpse(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    after: Option<Cursor>,
    names: Names,
    limit: i64,
) -> Result<Vec<Glimpse>, Error> {
    let mut query = sql("SELECT STRING_AGG(packed, '\u{1e}') FROM (SELECT ").push_each(
        "ended_at || '\u{1f}' || hex(id) || '\u{1f}' || due_at",
        "(EXTRACT(EPOCH FROM ended_at) * 1000000)::BIGINT || '\u{1f}' || id || '\u{1f}'
             || (EXTRACT(EPOCH FROM due_at) * 1000000)::BIGINT",
    );
    query = query.push(
        " || '\u{1f}' || COALESCE(size_bytes, 0)
          || CASE WHEN held OR restricted THEN '\u{1f}1' ELSE '\u{1f}0' END",
    );
    for (wanted, column) in [
        (names.direction, " || '\u{1f}' || COALESCE(direction, '')"),
        (names.line, " || '\u{1f}' || COALESCE(line, '')"),
        (names.agent, " || '\u{1f}' || COALESCE(agent, '')"),
        (names.queue, " || '\u{1f}' || COALESCE(queue, '')"),
    ] {
        query = query.push(if wanted { column } else { " || '\u{1f}'" });
    }
    let query = there(query.push(" AS packed"), controller, after, limit).push(") AS page");
    let (page,): (Option<String>,) = query.fetch_one(on).await?;
    let page = page.unwrap_or_default();
    page.split(ROW).filter(|row| !row.is_empty()).map(read).collect()
}

fn read(row: &str) -> Result<Glimpse, Error> {
    let broken = || Error::damaged(std::io::Error::other("a row is not as it was asked for"));
    let mut fields = row.split(FIELD);
    let mut next = || fields.next().ok_or_else(broken);
    let time = |text: &str| text.parse().ok().and_then(Timestamp::from_micros).ok_or_else(broken);
    let name = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Ok(Glimpse {
        ended_at: time(next()?)?,
        id: next()?.parse().map_err(Error::damaged)?,
        due_at: time(next()?)?,
        size_bytes: next()?.parse().map_err(Error::damaged)?,
        suspended: next()? == "1",
        direction: match next()? {
            "" => None,
            word => Some(word.parse().map_err(Error::damaged)?),
        },
        line: name(next()?),
        agent: name(next()?),
        queue: name(next()?),
    })
}

/// What is there of a customer's, in the order of a change, after one.
fn there(query: Sql, controller: ControllerId, after: Option<Cursor>, limit: i64) -> Sql {
    let mut query = query
        .push(
            " FROM recordings
              WHERE class = 'customer' AND ended_at IS NOT NULL AND state IN ('stored', 'lost')
                  AND controller_id = ",
        )
        .push_bind(controller);
    if let Some((ended_at, id)) = after {
        query = query.push(" AND (ended_at, id) > (").push_bind(ended_at);
        query = query.push(", ").push_bind(id).push(")");
    }
    query.push(" ORDER BY ended_at, id LIMIT ").push_bind(limit)
}

/// A recording with all that moving it needs.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Movable {
    /// Which one.
    pub id: RecordingId,
    /// When the call ended.
    pub ended_at: Timestamp,
    /// When it must be gone.
    pub due_at: Timestamp,
    /// Whether a hold keeps it.
    pub held: bool,
    /// Whether its use is restricted.
    pub restricted: bool,
    /// Which way the call went.
    pub direction: Option<Direction>,
    /// The line.
    pub line: Option<String>,
    /// Who answered.
    pub agent: Option<String>,
    /// The queue.
    pub queue: Option<String>,
    /// How big it is.
    pub size_bytes: Option<i64>,
    /// Its key, wrapped.
    pub wrap: Option<Vec<u8>>,
    /// The day whose key wraps it.
    pub key_day: Day,
    /// The generation of that key.
    pub key_generation: i32,
    /// The salt of its object.
    pub salt: Vec<u8>,
    /// The commitment of its object.
    pub commitment: Vec<u8>,
    /// Its numbers, sealed.
    pub numbers: Option<Vec<u8>>,
    /// Which version shortened its term, if one did.
    pub shortened_by: Option<i32>,
    /// When it would have been due without that.
    pub term_due_at: Option<Timestamp>,
}

/// A batch of a customer's recordings that are there, by the end of their calls.
pub async fn movable(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    after: Option<Cursor>,
    limit: i64,
) -> Result<Vec<Movable>, Error> {
    let query = sql("SELECT id, ended_at, due_at, held, restricted, direction, line, agent, queue,
             size_bytes, wrap, key_day, key_generation, salt, commitment, numbers, shortened_by,
             term_due_at");
    there(query, controller, after, limit).fetch_all(on).await
}

/// Where a recording moves to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Which one.
    pub id: RecordingId,
    /// When it had to be gone until now.
    pub from_due_at: Timestamp,
    /// The day whose key wrapped it until now.
    pub from_day: Day,
    /// When it must be gone.
    pub due_at: Timestamp,
    /// The day whose key wraps it.
    pub day: Day,
    /// The generation of that key.
    pub generation: i32,
    /// Which version shortened its term, if one did.
    pub shortened_by: Option<i32>,
    /// When it would be due without that.
    pub term_due_at: Option<Timestamp>,
    /// Its key under that day; none when it has none any more.
    pub wrap: Option<Vec<u8>>,
    /// Its numbers under that day; none when it has none.
    pub numbers: Option<Vec<u8>>,
}

/// Moves recordings to other days and gives them the policy they are kept by from now on. Returns
/// how many were as they were thought to be, and moved.
///
/// Each is one text with fields of fixed widths: taking a JSON object apart costs more than
/// changing its row does.
pub async fn move_many(tx: &mut Tx, moved: &[Moved], policy: &str) -> Result<u64, Error> {
    let rows: Vec<String> = moved.iter().map(packed).collect();
    let rows = serde_json::to_string(&rows).map_err(Error::damaged)?;
    sql("UPDATE recordings SET due_at = moved.due_at, metadata_due_at = moved.due_at, policy = ")
        .push_bind(policy)
        .push(
            ", key_day = moved.day, key_generation = moved.generation,
               shortened_by = moved.shortened_by, term_due_at = moved.term_due_at,
               wrap = COALESCE(moved.wrap, recordings.wrap),
               numbers = COALESCE(moved.numbers, recordings.numbers),
               former_key_day = CASE WHEN moved.day < recordings.key_day
                       AND (former_key_day IS NULL OR former_key_day <= recordings.key_day)
                   THEN recordings.key_day ELSE former_key_day END,
               former_key_generation = CASE WHEN moved.day < recordings.key_day
                       AND (former_key_day IS NULL OR former_key_day <= recordings.key_day)
                   THEN recordings.key_generation ELSE former_key_generation END
             FROM ",
        )
        .push_each(UNPACKED_SQLITE, UNPACKED_POSTGRES)
        .push_bind(Rows(rows))
        .push_each(
            ")) AS moved WHERE recordings.id = moved.id AND +recordings.due_at = moved.from_due_at
                 AND +recordings.key_day = moved.from_day",
            " AS JSON)) AS told (value)) AS moved WHERE recordings.id = moved.id
                 AND recordings.due_at = moved.from_due_at
                 AND recordings.key_day = moved.from_day",
        )
        .push(" AND recordings.state IN ('stored', 'lost')")
        .execute(&mut *tx)
        .await
}

const UNPACKED_SQLITE: &str = "(SELECT unhex(substr(value, 1, 32)) AS id,
    CAST(substr(value, 33, 20) AS INTEGER) AS from_due_at,
    CAST(substr(value, 53, 20) AS INTEGER) AS due_at,
    CAST(NULLIF(substr(value, 73, 20), '                    ') AS INTEGER) AS term_due_at,
    CAST(substr(value, 93, 11) AS INTEGER) AS from_day,
    CAST(substr(value, 104, 11) AS INTEGER) AS day,
    CAST(substr(value, 115, 11) AS INTEGER) AS generation,
    CAST(NULLIF(substr(value, 126, 11), '           ') AS INTEGER) AS shortened_by,
    unhex(NULLIF(substr(value, 141, CAST(substr(value, 137, 4) AS INTEGER)), '')) AS wrap,
    unhex(NULLIF(substr(value, 141 + CAST(substr(value, 137, 4) AS INTEGER)), '')) AS numbers
    FROM json_each(";

const UNPACKED_POSTGRES: &str = "(SELECT substr(value, 1, 32)::UUID AS id,
    'epoch'::TIMESTAMPTZ + substr(value, 33, 20)::BIGINT * INTERVAL '1 microsecond' AS from_due_at,
    'epoch'::TIMESTAMPTZ + substr(value, 53, 20)::BIGINT * INTERVAL '1 microsecond' AS due_at,
    'epoch'::TIMESTAMPTZ + NULLIF(trim(substr(value, 73, 20)), '')::BIGINT
        * INTERVAL '1 microsecond' AS term_due_at,
    substr(value, 93, 11)::INTEGER AS from_day,
    substr(value, 104, 11)::INTEGER AS day,
    substr(value, 115, 11)::INTEGER AS generation,
    NULLIF(trim(substr(value, 126, 11)), '')::INTEGER AS shortened_by,
    decode(NULLIF(substr(value, 141, substr(value, 137, 4)::INTEGER), ''), 'hex') AS wrap,
    decode(NULLIF(substr(value, 141 + substr(value, 137, 4)::INTEGER), ''), 'hex') AS numbers
    FROM json_array_elements_text(CAST(";

/// A row as the statement takes it apart.
fn packed(moved: &Moved) -> String {
    let wrap = moved.wrap.as_deref().map(hexadecimal).unwrap_or_default();
    let numbers = moved.numbers.as_deref().map(hexadecimal).unwrap_or_default();
    let mut text = String::with_capacity(140 + wrap.len() + numbers.len());
    let term_due = moved.term_due_at.map(|due| due.micros().to_string()).unwrap_or_default();
    let shortened_by = moved.shortened_by.map(|version| version.to_string()).unwrap_or_default();
    // Writing to a text never fails.
    let _ = write!(
        text,
        "{}{:>20}{:>20}{term_due:>20}{:>11}{:>11}{:>11}{shortened_by:>11}{:>4}{wrap}{numbers}",
        moved.id.0.simple(),
        moved.from_due_at.micros(),
        moved.due_at.micros(),
        moved.from_day.0,
        moved.day.0,
        moved.generation,
        wrap.len(),
    );
    text
}

/// Bytes as hexadecimal digits, in one go: for a text of its own each, `hex::encode` takes longer
/// than sealing what it is given.
fn hexadecimal(bytes: &[u8]) -> String {
    let mut digits = vec![0; bytes.len() * 2];
    match hex::encode_to_slice(bytes, &mut digits) {
        Ok(()) => String::from_utf8(digits).unwrap_or_default(),
        Err(_) => String::new(),
    }
}
