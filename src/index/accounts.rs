//! The table `accounts`: people who sign in. Passwords are kept hashed, second factors sealed.

use std::collections::BTreeSet;

use crate::model::{ControllerId, Cursor, CustomerRef, Limit, PrincipalId, Role, Timestamp};

use super::db::Tx;
use super::error::Error;
use super::sql::{Conn, Sql, sql};

/// An account. It holds secrets, so it has no `Debug`.
#[derive(Clone)]
pub struct Account {
    /// The pseudonym of whoever signs in.
    pub id: PrincipalId,
    /// Who that is: the same for every account and token that are known to be one person's.
    pub person: PrincipalId,
    /// What they are called and sign in with.
    pub name: String,
    /// The name as it counts at the sign-in; none for who signs in elsewhere.
    pub name_key: Option<String>,
    /// Who says that it is them, and as whom, when they sign in elsewhere.
    pub elsewhere: Option<(String, String)>,
    /// What they are.
    pub roles: BTreeSet<Role>,
    /// Whose principal they are.
    pub controller: ControllerId,
    /// What their customer is called, when they are a customer's. Read only.
    pub customer: Option<CustomerRef>,
    /// The lines they are kept to.
    pub lines: Option<BTreeSet<String>>,
    /// Which agent of recorded calls they are.
    pub agent: Option<String>,
    /// Whether calls of others do not exist for them.
    pub own_calls_only: bool,
    /// The password, hashed.
    pub password_hash: Option<String>,
    /// Whether the password has to be changed before anything else.
    pub change_password: bool,
    /// The second factor, sealed, and whether it counts yet.
    pub second_factor: Option<Vec<u8>>,
    /// Whether signing in takes a code.
    pub second_factor_on: bool,
    /// The step of the last code that was used.
    pub second_factor_step: i64,
    /// Roles that wait for a second person.
    pub proposed: Option<Proposed>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when nobody can sign in with it.
    pub disabled_at: Option<Timestamp>,
    /// Since when it is over for good.
    pub ended_at: Option<Timestamp>,
}

/// Roles that wait for a second person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposed {
    /// Which.
    pub roles: BTreeSet<Role>,
    /// Who proposed them.
    pub by: PrincipalId,
    /// When.
    pub at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: PrincipalId,
    person_id: PrincipalId,
    name: String,
    name_key: Option<String>,
    issuer: Option<String>,
    subject: Option<String>,
    roles: String,
    controller_id: ControllerId,
    reference: Option<CustomerRef>,
    lines: Option<String>,
    agent: Option<String>,
    own_calls_only: bool,
    password_hash: Option<String>,
    change_password: bool,
    second_factor: Option<Vec<u8>>,
    second_factor_on: bool,
    second_factor_step: i64,
    proposed_roles: Option<String>,
    proposed_by: Option<PrincipalId>,
    proposed_at: Option<Timestamp>,
    created_at: Timestamp,
    disabled_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
}

const SELECT: &str = "SELECT a.id, a.person_id, a.name, a.name_key, a.issuer, a.subject, a.roles,
        a.controller_id, c.reference, a.lines, a.agent, a.own_calls_only, a.password_hash, a.change_password,
        a.second_factor, a.second_factor_on, a.second_factor_step, a.proposed_roles,
        a.proposed_by, a.proposed_at, a.created_at, a.disabled_at, a.ended_at
    FROM accounts a LEFT JOIN customers c ON c.id = a.controller_id";

impl TryFrom<Row> for Account {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let roles = |text: &str| serde_json::from_str(text).map_err(Error::damaged);
        let proposed = match (row.proposed_roles, row.proposed_by, row.proposed_at) {
            (Some(text), Some(by), Some(at)) => Some(Proposed { roles: roles(&text)?, by, at }),
            _ => None,
        };
        let lines = row.lines.map(|lines| serde_json::from_str(&lines)).transpose();
        Ok(Self {
            id: row.id,
            person: row.person_id,
            name: row.name,
            name_key: row.name_key,
            elsewhere: row.issuer.zip(row.subject),
            roles: roles(&row.roles)?,
            controller: row.controller_id,
            customer: row.reference,
            lines: lines.map_err(Error::damaged)?,
            agent: row.agent,
            own_calls_only: row.own_calls_only,
            password_hash: row.password_hash,
            change_password: row.change_password,
            second_factor: row.second_factor,
            second_factor_on: row.second_factor_on,
            second_factor_step: row.second_factor_step,
            proposed,
            created_at: row.created_at,
            disabled_at: row.disabled_at,
            ended_at: row.ended_at,
        })
    }
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(Error::damaged)
}

/// Adds an account. Its name being taken is a conflict.
pub async fn insert(tx: &mut Tx, account: &Account) -> Result<(), Error> {
    let (issuer, subject) = account.elsewhere.clone().unzip();
    sql("INSERT INTO accounts (id, person_id, name, name_key, issuer, subject, roles,
             controller_id, lines, agent, own_calls_only, password_hash, change_password, second_factor_on,
             second_factor_step, proposed_roles, proposed_by, proposed_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 0, $15, $16, $17, $18)")
    .bind(account.id)
    .bind(account.person)
    .bind(account.name.as_str())
    .bind(&account.name_key)
    .bind(issuer)
    .bind(subject)
    .bind(json(&account.roles)?)
    .bind(account.controller)
    .bind(account.lines.as_ref().map(json).transpose()?)
    .bind(&account.agent)
    .bind(account.own_calls_only)
    .bind(&account.password_hash)
    .bind(account.change_password)
    .bind(false)
    .bind(account.proposed.as_ref().map(|proposed| json(&proposed.roles)).transpose()?)
    .bind(account.proposed.as_ref().map(|proposed| proposed.by))
    .bind(account.proposed.as_ref().map(|proposed| proposed.at))
    .bind(account.created_at)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Writes down what can change of an account that was locked before.
pub async fn update(tx: &mut Tx, account: &Account) -> Result<(), Error> {
    let (issuer, subject) = account.elsewhere.clone().unzip();
    sql("UPDATE accounts SET name = $1, name_key = $2, roles = $3, lines = $4, agent = $5,
             own_calls_only = $6, password_hash = $7, change_password = $8, second_factor = $9,
             second_factor_on = $10, second_factor_step = $11, proposed_roles = $12,
             proposed_by = $13, proposed_at = $14, disabled_at = $15, ended_at = $16,
             issuer = $17, subject = $18
         WHERE id = $19")
    .bind(account.name.as_str())
    .bind(&account.name_key)
    .bind(json(&account.roles)?)
    .bind(account.lines.as_ref().map(json).transpose()?)
    .bind(&account.agent)
    .bind(account.own_calls_only)
    .bind(&account.password_hash)
    .bind(account.change_password)
    .bind(&account.second_factor)
    .bind(account.second_factor_on)
    .bind(account.second_factor_step)
    .bind(account.proposed.as_ref().map(|proposed| json(&proposed.roles)).transpose()?)
    .bind(account.proposed.as_ref().map(|proposed| proposed.by))
    .bind(account.proposed.as_ref().map(|proposed| proposed.at))
    .bind(account.disabled_at)
    .bind(account.ended_at)
    .bind(issuer)
    .bind(subject)
    .bind(account.id)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

async fn one(on: impl Into<Conn<'_>>, query: Sql) -> Result<Option<Account>, Error> {
    let row: Option<Row> = query.fetch_optional(on).await?;
    row.map(Account::try_from).transpose()
}

/// The account of this principal, disabled and ended ones included.
pub async fn find(on: impl Into<Conn<'_>>, id: PrincipalId) -> Result<Option<Account>, Error> {
    one(on, sql(SELECT).push(" WHERE a.id = ").push_bind(id)).await
}

/// The same, and nobody else changes it until the transaction is over.
pub async fn lock(tx: &mut Tx, id: PrincipalId) -> Result<Option<Account>, Error> {
    let query = sql(SELECT).push(" WHERE a.id = ").push_bind(id);
    one(tx, query.push_each("", " FOR UPDATE OF a")).await
}

/// Makes who changes accounts of a controller wait for each other: the last of its administrators
/// must not go twice.
pub async fn lock_all(tx: &mut Tx, of: ControllerId) -> Result<(), Error> {
    let _: Option<(ControllerId,)> = sql("SELECT id FROM controllers WHERE id = $1")
        .bind(of)
        .push_each("", " FOR NO KEY UPDATE")
        .fetch_optional(tx)
        .await?;
    Ok(())
}

/// The account that signs in under this name.
pub async fn find_by_name(on: impl Into<Conn<'_>>, key: &str) -> Result<Option<Account>, Error> {
    one(on, sql(SELECT).push(" WHERE a.name_key = ").push_bind(key)).await
}

/// The account of somebody who signs in elsewhere.
pub async fn find_by_subject(
    on: impl Into<Conn<'_>>,
    issuer: &str,
    subject: &str,
) -> Result<Option<Account>, Error> {
    let query = sql(SELECT).push(" WHERE a.issuer = ").push_bind(issuer);
    one(on, query.push(" AND a.subject = ").push_bind(subject)).await
}

/// Accounts that have not ended, the newest first: those of a controller, or all of them.
pub async fn list(
    on: impl Into<Conn<'_>>,
    controller: Option<ControllerId>,
    after: Option<Cursor>,
    limit: Limit,
) -> Result<Vec<Account>, Error> {
    let mut query = sql(SELECT).push(" WHERE a.ended_at IS NULL");
    if let Some(controller) = controller {
        query = query.push(" AND a.controller_id = ").push_bind(controller);
    }
    if let Some(after) = after {
        query = query.push(" AND (a.created_at, a.id) < (").push_bind(after.started_at);
        query = query.push(", ").push_bind(after.id).push(")");
    }
    let query = query.push(" ORDER BY a.created_at DESC, a.id DESC LIMIT ");
    let rows: Vec<Row> = query.push_bind(limit.rows()).fetch_all(on).await?;
    rows.into_iter().map(Account::try_from).collect()
}

/// Who can sign in for a controller: pseudonym and name, by name.
pub async fn people(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
) -> Result<Vec<(PrincipalId, String)>, Error> {
    sql("SELECT id, name FROM accounts
         WHERE controller_id = $1 AND disabled_at IS NULL AND ended_at IS NULL ORDER BY name, id")
    .bind(controller)
    .fetch_all(on)
    .await
}

/// Whether somebody else than this one can sign in for a controller in this role.
pub async fn another(
    tx: &mut Tx,
    controller: ControllerId,
    role: Role,
    than: PrincipalId,
) -> Result<bool, Error> {
    let (others,): (i64,) = sql("SELECT CAST(COUNT(*) AS BIGINT) FROM accounts
         WHERE controller_id = $1 AND id <> $2 AND disabled_at IS NULL AND ended_at IS NULL
             AND roles LIKE $3")
    .bind(controller)
    .bind(than)
    .bind(format!("%\"{role}\"%"))
    .fetch_one(&mut *tx)
    .await?;
    Ok(others > 0)
}

/// Uses a code, unless one of its step or a later one was used before. Returns whether it counts.
pub async fn use_code(tx: &mut Tx, id: PrincipalId, step: i64) -> Result<bool, Error> {
    let used = sql("UPDATE accounts SET second_factor_step = $1
         WHERE id = $2 AND second_factor_step < $1")
    .bind(step)
    .bind(id)
    .execute(&mut *tx)
    .await?;
    Ok(used > 0)
}

/// Ends every account of a controller for good, with what signs them in.
pub async fn end_all(tx: &mut Tx, of: ControllerId, now: Timestamp) -> Result<u64, Error> {
    sql("DELETE FROM sessions
         WHERE account_id IN (SELECT id FROM accounts WHERE controller_id = $1)")
    .bind(of)
    .execute(&mut *tx)
    .await?;
    sql("UPDATE accounts SET ended_at = $1, name_key = NULL, issuer = NULL, subject = NULL,
             password_hash = NULL, second_factor = NULL, second_factor_on = FALSE,
             proposed_roles = NULL, proposed_by = NULL, proposed_at = NULL
         WHERE controller_id = $2 AND ended_at IS NULL")
    .bind(now)
    .bind(of)
    .execute(&mut *tx)
    .await
}
