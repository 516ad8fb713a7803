//! The people of a controller, whether they hold a token or sign in with an account.

use std::collections::BTreeSet;

use crate::model::{ControllerId, PrincipalId, Role, Timestamp};

use super::error::Error;
use super::sql::{Conn, sql};

/// Somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Their pseudonym.
    pub id: PrincipalId,
    /// What they are called.
    pub name: String,
    /// What they are.
    pub roles: BTreeSet<Role>,
}

type Row = (PrincipalId, String, String);

fn person((id, name, roles): Row) -> Result<Person, Error> {
    let roles = serde_json::from_str(&roles).map_err(Error::damaged)?;
    Ok(Person { id, name, roles })
}

/// Everybody of a controller who counts now, by their names.
pub async fn of_controller(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    now: Timestamp,
) -> Result<Vec<Person>, Error> {
    let rows: Vec<Row> = sql("SELECT id, name, roles FROM tokens
         WHERE controller_id = $1 AND revoked_at IS NULL
             AND (expires_at IS NULL OR expires_at > $2)
         UNION ALL
         SELECT id, name, roles FROM accounts
         WHERE controller_id = $1 AND disabled_at IS NULL AND ended_at IS NULL
         ORDER BY 2, 1")
    .bind(controller)
    .bind(now)
    .fetch_all(on)
    .await?;
    rows.into_iter().map(person).collect()
}

/// What these people of a controller are called, also those who do not count any more.
pub async fn names(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    ids: &[PrincipalId],
) -> Result<Vec<(PrincipalId, String)>, Error> {
    let uuids = || ids.iter().map(|id| id.0).collect();
    sql("SELECT id, name FROM tokens WHERE controller_id = ")
        .push_bind(controller)
        .push(" AND id ")
        .push_in_ids(uuids())
        .push(" UNION ALL SELECT id, name FROM accounts WHERE controller_id = ")
        .push_bind(controller)
        .push(" AND id ")
        .push_in_ids(uuids())
        .fetch_all(on)
        .await
}
