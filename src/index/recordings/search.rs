//! Lists of recordings, newest first, by keyset.

use crate::model::{Class, ControllerId, Cursor, Direction, Limit, Recording, State, Timestamp};

use super::super::error::Error;
use super::super::sql::{Conn, Sql, sql};
use super::row::{COLUMNS, Row};

/// Which recordings are looked for.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// Whose: nothing of anybody else's is ever found (I15).
    pub controller: ControllerId,
    /// Only of this class.
    pub class: Option<Class>,
    /// Begun at or after this.
    pub from: Option<Timestamp>,
    /// Begun before this.
    pub to: Option<Timestamp>,
    /// With this number on either side, by its blind index. Never finds withheld calls.
    pub number: Option<&'a [u8; 32]>,
    /// Answered by this agent.
    pub agent: Option<&'a str>,
    /// Answered by an agent of this name, or with notes or tags, which are looked through then.
    pub named_or_annotated: Option<&'a str>,
    /// With this tag, by its blind index. Never finds what nobody may train with.
    pub tag: Option<&'a [u8; 32]>,
    /// Through this queue.
    pub queue: Option<&'a str>,
    /// Of these lines only; of none when there are none.
    pub lines: Option<&'a [String]>,
    /// Without those that somebody objected to.
    pub unobjected: bool,
    /// Only those that this agent had.
    pub only_agent: Option<&'a str>,
    /// Only those that trainers are shown, and those that this agent had.
    pub sampled: Option<Option<&'a str>>,
    /// In this direction.
    pub direction: Option<Direction>,
    /// At least this long, in milliseconds.
    pub min_duration_ms: Option<i64>,
    /// At most this long, in milliseconds.
    pub max_duration_ms: Option<i64>,
    /// In this state. Unless it is asked for, nothing erased is found.
    pub state: Option<State>,
    /// After this place in the list.
    pub after: Option<Cursor>,
}

impl Search<'_> {
    /// Everything of this controller whose audio is not erased.
    #[must_use]
    pub const fn of(controller: ControllerId) -> Self {
        Self {
            controller,
            class: None,
            from: None,
            to: None,
            number: None,
            agent: None,
            named_or_annotated: None,
            tag: None,
            queue: None,
            lines: None,
            unobjected: false,
            only_agent: None,
            sampled: None,
            direction: None,
            min_duration_ms: None,
            max_duration_ms: None,
            state: None,
            after: None,
        }
    }

    /// The column that orders the list. A tombstone does not know when its call was.
    fn ordered_by(&self) -> Order {
        match self.state {
            Some(State::Tombstone) => Order {
                exists: " AND state = 'tombstone' AND erased_at IS NOT NULL",
                column: " AND erased_at",
                keyset: " AND (erased_at, id) < (",
                sorted: " ORDER BY erased_at DESC, id DESC LIMIT ",
            },
            _ => Order {
                exists: " AND started_at IS NOT NULL",
                column: " AND started_at",
                keyset: " AND (started_at, id) < (",
                sorted: " ORDER BY started_at DESC, id DESC LIMIT ",
            },
        }
    }
}

struct Order {
    exists: &'static str,
    column: &'static str,
    keyset: &'static str,
    sorted: &'static str,
}

/// Where in the list a recording stands: what the cursor of the next page is made of.
#[must_use]
pub fn position(recording: &Recording) -> Cursor {
    let moment = match recording.state {
        State::Tombstone => recording.erased_at,
        _ => recording.metadata.started_at,
    };
    Cursor { started_at: moment.unwrap_or(recording.received_at), id: recording.id.0 }
}

/// A page of recordings: newest first, tombstones last erased first.
///
/// A full page may be the last one: the next is empty then.
pub async fn search(
    on: impl Into<Conn<'_>>,
    search: &Search<'_>,
    limit: Limit,
) -> Result<Vec<Recording>, Error> {
    if search.lines.is_some_and(<[String]>::is_empty) {
        return Ok(Vec::new());
    }
    let query = match (search.number, search.named_or_annotated) {
        (None, None) => select(sql(""), search, Extra::None, limit),
        (None, Some(name)) => named(search, name, limit),
        (Some(number), _) => numbered(search, number, limit),
    };
    let rows: Vec<Row> = query.fetch_all(on).await?;
    Ok(rows.into_iter().map(Recording::from).collect())
}

/// A number on either side is two index searches put together: an `OR` would read every call.
fn numbered(search: &Search<'_>, number: &[u8; 32], limit: Limit) -> Sql {
    let order = search.ordered_by();
    let query = sql("SELECT * FROM (");
    let query = select(query, search, Extra::Number(" AND caller_blind = ", number), limit);
    let query = query.push(") AS callers UNION ALL SELECT * FROM (");
    // Who called themselves is among the callers already.
    let query = select(
        query,
        search,
        Extra::Number(
            " AND caller_blind IS DISTINCT FROM callee_blind AND callee_blind = ",
            number,
        ),
        limit,
    );
    query.push(") AS callees").push(order.sorted).push_bind(limit.rows())
}

/// An agent's calls, and what has notes or tags: each has its index, and an `OR` has none.
fn named(search: &Search<'_>, name: &str, limit: Limit) -> Sql {
    let order = search.ordered_by();
    let query = sql("SELECT * FROM (");
    let query = select(query, search, Extra::Name(" AND agent = ", name), limit);
    let query = query.push(") AS theirs UNION ALL SELECT * FROM (");
    let rest = " AND annotated AND agent IS DISTINCT FROM ";
    let query = select(query, search, Extra::Name(rest, name), limit);
    query.push(") AS annotated").push(order.sorted).push_bind(limit.rows())
}

/// One more condition, which has an index of its own.
#[derive(Clone, Copy)]
enum Extra<'a> {
    None,
    Number(&'static str, &'a [u8; 32]),
    Name(&'static str, &'a str),
}

fn select(query: Sql, search: &Search<'_>, extra: Extra<'_>, limit: Limit) -> Sql {
    let order = search.ordered_by();
    let mut query = query
        .push("SELECT ")
        .push(COLUMNS)
        .push(" FROM recordings WHERE controller_id = ")
        .push_bind(search.controller)
        .push(order.exists);
    query = match extra {
        Extra::None => query,
        Extra::Number(condition, number) => {
            query.push(condition).push_bind(number.as_slice()).push(" AND NOT withheld")
        }
        Extra::Name(condition, name) => query.push(condition).push_bind(name),
    };
    query = filtered(query, search, &order);
    if let Some(after) = search.after {
        query = query.push(order.keyset).push_bind(after.started_at).push(", ");
        query = query.push_bind(after.id).push(")");
    }
    query.push(order.sorted).push_bind(limit.rows())
}

fn filtered(mut query: Sql, search: &Search<'_>, order: &Order) -> Sql {
    query = match search.state {
        Some(state) => query.push(" AND state = ").push_bind(state),
        None => query.push(" AND state IN ('stored', 'erasing', 'lost')"),
    };
    if let Some(class) = search.class {
        query = query.push(" AND class = ").push_bind(class);
    }
    if let Some(from) = search.from {
        query = query.push(order.column).push(" >= ").push_bind(from);
    }
    if let Some(to) = search.to {
        query = query.push(order.column).push(" < ").push_bind(to);
    }
    if let Some(agent) = search.agent {
        query = query.push(" AND agent = ").push_bind(agent);
    }
    if let Some(tag) = search.tag {
        query = query
            .push(
                " AND annotated AND state = 'stored' AND NOT restricted AND NOT objected
                 AND id IN (SELECT recording_id FROM recording_tags WHERE blind = ",
            )
            .push_bind(tag.as_slice())
            .push(")");
    }
    if let Some(queue) = search.queue {
        query = query.push(" AND queue = ").push_bind(queue);
    }
    if search.unobjected {
        query = query.push(" AND NOT objected");
    }
    if let Some(agent) = search.only_agent {
        query = query.push(" AND agent = ").push_bind(agent);
    }
    query = match search.sampled {
        None => query,
        Some(None) => query.push(" AND sampled"),
        Some(Some(agent)) => query.push(" AND (sampled OR agent = ").push_bind(agent).push(")"),
    };
    if let Some(direction) = search.direction {
        query = query.push(" AND direction = ").push_bind(direction);
    }
    if let Some(least) = search.min_duration_ms {
        query = query.push(" AND duration_ms >= ").push_bind(least);
    }
    if let Some(most) = search.max_duration_ms {
        query = query.push(" AND duration_ms <= ").push_bind(most);
    }
    for (at, line) in search.lines.into_iter().flatten().enumerate() {
        let before = if at == 0 { " AND line IN (" } else { ", " };
        query = query.push(before).push_bind(line.as_str());
    }
    if search.lines.is_some() { query.push(")") } else { query }
}
