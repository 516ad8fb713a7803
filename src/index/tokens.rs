//! The table `tokens`: who may call. Only the hash of a token is kept.

use std::collections::BTreeSet;

use crate::model::{Class, ControllerId, Cursor, CustomerRef, Limit, PrincipalId, Role, Timestamp};

use super::db::Tx;
use super::error::Error;
use super::sql::{Conn, sql};

/// A token, without what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The pseudonym of whoever holds it.
    pub id: PrincipalId,
    /// What the operator calls it.
    pub name: String,
    /// What its holder is.
    pub roles: BTreeSet<Role>,
    /// Whose principal its holder is.
    pub controller: ControllerId,
    /// The only class a source may send.
    pub class: Option<Class>,
    /// The only customer a source may send for.
    pub customer: Option<ControllerId>,
    /// The name of the source.
    pub source: Option<String>,
    /// The lines it is kept to.
    pub lines: Option<BTreeSet<String>>,
    /// The name under which its holder takes calls.
    pub agent: Option<String>,
    /// Whether calls of others do not exist for its holder.
    pub own_calls_only: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is worth nothing.
    pub expires_at: Option<Timestamp>,
    /// Since when it is revoked.
    pub revoked_at: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: PrincipalId,
    name: String,
    roles: String,
    controller_id: ControllerId,
    class: Option<Class>,
    customer_id: Option<ControllerId>,
    source: Option<String>,
    lines: Option<String>,
    agent: Option<String>,
    own_calls_only: bool,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, name, roles, controller_id, class, customer_id, source, lines,
    agent, own_calls_only, created_at, expires_at, revoked_at";

impl TryFrom<Row> for Token {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let lines = row.lines.map(|lines| serde_json::from_str(&lines)).transpose();
        Ok(Self {
            id: row.id,
            name: row.name,
            roles: serde_json::from_str(&row.roles).map_err(Error::damaged)?,
            controller: row.controller_id,
            class: row.class,
            customer: row.customer_id,
            source: row.source,
            lines: lines.map_err(Error::damaged)?,
            agent: row.agent,
            own_calls_only: row.own_calls_only,
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
        })
    }
}

/// Adds a token by its hash.
pub async fn insert(tx: &mut Tx, token: &Token, hash: &[u8; 32]) -> Result<(), Error> {
    let roles = serde_json::to_string(&token.roles).map_err(Error::damaged)?;
    let lines = token.lines.as_ref().map(serde_json::to_string).transpose();
    sql("INSERT INTO tokens (id, hash, name, roles, controller_id, class, customer_id, source,
             lines, created_at, expires_at, revoked_at, agent, own_calls_only)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)")
    .bind(token.id)
    .bind(hash.as_slice())
    .bind(token.name.as_str())
    .bind(roles)
    .bind(token.controller)
    .bind(token.class)
    .bind(token.customer)
    .bind(&token.source)
    .bind(lines.map_err(Error::damaged)?)
    .bind(token.created_at)
    .bind(token.expires_at)
    .bind(token.revoked_at)
    .bind(&token.agent)
    .bind(token.own_calls_only)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// The token with this hash, expired and revoked ones included.
pub async fn find_by_hash(
    on: impl Into<Conn<'_>>,
    hash: &[u8; 32],
) -> Result<Option<Token>, Error> {
    let row: Option<Row> = sql("SELECT ")
        .push(COLUMNS)
        .push(" FROM tokens WHERE hash = ")
        .push_bind(hash.as_slice())
        .fetch_optional(on)
        .await?;
    row.map(Token::try_from).transpose()
}

/// The token of this principal, expired and revoked ones included.
pub async fn find(on: impl Into<Conn<'_>>, id: PrincipalId) -> Result<Option<Token>, Error> {
    let row: Option<Row> = sql("SELECT ")
        .push(COLUMNS)
        .push(" FROM tokens WHERE id = ")
        .push_bind(id)
        .fetch_optional(on)
        .await?;
    row.map(Token::try_from).transpose()
}

/// Revokes a token. Returns whether there was one to revoke.
pub async fn revoke(tx: &mut Tx, id: PrincipalId, now: Timestamp) -> Result<bool, Error> {
    let changed = sql("UPDATE tokens SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL")
        .bind(now)
        .bind(id)
        .execute(&mut *tx)
        .await?;
    Ok(changed > 0)
}

/// Revokes every token of a customer, and every one that only sends for it. Returns how many.
pub async fn revoke_all(tx: &mut Tx, customer: ControllerId, now: Timestamp) -> Result<u64, Error> {
    sql("UPDATE tokens SET revoked_at = $1
         WHERE (controller_id = $2 OR customer_id = $2) AND revoked_at IS NULL")
    .bind(now)
    .bind(customer)
    .execute(&mut *tx)
    .await
}

/// A token and what the customer it is of, or sends for, is called.
type Named = (Token, Option<CustomerRef>);

#[derive(sqlx::FromRow)]
struct NamedRow {
    #[sqlx(flatten)]
    row: Row,
    reference: Option<CustomerRef>,
}

impl TryFrom<NamedRow> for Named {
    type Error = Error;

    fn try_from(named: NamedRow) -> Result<Self, Error> {
        Ok((named.row.try_into()?, named.reference))
    }
}

const NAMED: &str =
    "SELECT t.id, t.name, t.roles, t.controller_id, t.class, t.customer_id, t.source,
        t.lines, t.agent, t.own_calls_only, t.created_at, t.expires_at, t.revoked_at, c.reference
    FROM tokens t LEFT JOIN customers c ON c.id = COALESCE(t.customer_id, t.controller_id)";

/// A page of every token, the newest first.
pub async fn page(
    on: impl Into<Conn<'_>>,
    after: Option<Cursor>,
    limit: Limit,
) -> Result<Vec<Named>, Error> {
    let mut query = sql(NAMED);
    if let Some(after) = after {
        query = query.push(" WHERE (t.created_at, t.id) < (").push_bind(after.started_at);
        query = query.push(", ").push_bind(after.id).push(")");
    }
    let query = query.push(" ORDER BY t.created_at DESC, t.id DESC LIMIT ");
    let rows: Vec<NamedRow> = query.push_bind(limit.rows()).fetch_all(on).await?;
    rows.into_iter().map(Named::try_from).collect()
}

/// The tokens of sources, the newest last.
pub async fn sources(on: impl Into<Conn<'_>>) -> Result<Vec<Named>, Error> {
    let query = sql(NAMED).push(" WHERE t.source IS NOT NULL ORDER BY t.created_at, t.id");
    let rows: Vec<NamedRow> = query.fetch_all(on).await?;
    rows.into_iter().map(Named::try_from).collect()
}

/// Every token, the oldest first.
pub async fn list(on: impl Into<Conn<'_>>) -> Result<Vec<Token>, Error> {
    let rows: Vec<Row> = sql("SELECT ")
        .push(COLUMNS)
        .push(" FROM tokens ORDER BY created_at, id")
        .fetch_all(on)
        .await?;
    rows.into_iter().map(Token::try_from).collect()
}
