//! The versions of a customer's policy.

use std::collections::BTreeMap;

use crate::model::{
    ControllerId, Policy, PolicyOrigin, PolicyStage, PrincipalId, Rule, Scope, Term, Timestamp,
};

use super::super::db::Tx;
use super::super::error::Error;
use super::super::sql::{Conn, Sql, sql};

/// One version of a customer's policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Whose.
    pub controller: ControllerId,
    /// Which, from 1.
    pub version: i32,
    /// Where it is in its life.
    pub stage: PolicyStage,
    /// Who made it.
    pub origin: PolicyOrigin,
    /// The version that was in force when it was made.
    pub replaces: Option<i32>,
    /// What it says.
    pub policy: Policy,
    /// Whether recordings that were there are kept longer, too.
    pub apply_to_existing: bool,
    /// Whether it shortens the term of any recording.
    pub shortens: bool,
    /// Who made it, by pseudonym; none when it was made on the machine itself.
    pub made_by: Option<PrincipalId>,
    /// When it was made.
    pub made_at: Timestamp,
    /// From when it is in force.
    pub effective_at: Timestamp,
    /// Who called it back.
    pub cancelled_by: Option<PrincipalId>,
    /// When it was called back.
    pub cancelled_at: Option<Timestamp>,
    /// Why, in the customer's own words.
    pub reason: Option<String>,
    /// What the authority calls its request.
    pub authority_reference: Option<String>,
    /// Salts what the ledger commits to.
    pub salt: Vec<u8>,
    /// What the preview said, as JSON.
    pub preview: Option<String>,
    /// How many early erasures somebody agreed to.
    pub confirmed: i64,
    /// How many there were.
    pub erased: i64,
    /// How many a run would have erased that was stopped.
    pub braked_count: Option<i64>,
    /// How many recordings there are to look at.
    pub total: i64,
    /// How many were looked at.
    pub done: i64,
    /// How many it changed.
    pub touched: i64,
    /// The last one that was looked at.
    pub after: Option<super::Cursor>,
    /// Counts who works on it: only the last one to claim it may go on.
    pub claims: i32,
    /// When applying it was finished.
    pub applied_at: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    controller_id: ControllerId,
    version: i32,
    state: PolicyStage,
    origin: PolicyOrigin,
    replaces: Option<i32>,
    default_term: Term,
    apply_to_existing: bool,
    shortens: bool,
    made_by: Option<PrincipalId>,
    made_at: Timestamp,
    effective_at: Timestamp,
    cancelled_by: Option<PrincipalId>,
    cancelled_at: Option<Timestamp>,
    reason: Option<String>,
    authority_reference: Option<String>,
    salt: Vec<u8>,
    preview: Option<String>,
    confirmed: i64,
    erased: i64,
    braked_count: Option<i64>,
    total: i64,
    done: i64,
    touched: i64,
    after_ended_at: Option<Timestamp>,
    after_id: Option<crate::model::RecordingId>,
    claims: i32,
    applied_at: Option<Timestamp>,
}

pub(super) const COLUMNS: &str = "controller_id, version, state, origin, replaces, default_term,
    apply_to_existing, shortens, made_by, made_at, effective_at, cancelled_by, cancelled_at, reason,
    authority_reference, salt, preview, confirmed, erased, braked_count, total, done, touched,
    after_ended_at, after_id, claims, applied_at";

impl Row {
    pub(super) fn with(self, rules: Vec<Rule>) -> Result<Version, Error> {
        Ok(Version {
            controller: self.controller_id,
            version: self.version,
            stage: self.state,
            origin: self.origin,
            replaces: self.replaces,
            policy: Policy::new(self.default_term, rules).map_err(Error::damaged)?,
            apply_to_existing: self.apply_to_existing,
            shortens: self.shortens,
            made_by: self.made_by,
            made_at: self.made_at,
            effective_at: self.effective_at,
            cancelled_by: self.cancelled_by,
            cancelled_at: self.cancelled_at,
            reason: self.reason,
            authority_reference: self.authority_reference,
            salt: self.salt,
            preview: self.preview,
            confirmed: self.confirmed,
            erased: self.erased,
            braked_count: self.braked_count,
            total: self.total,
            done: self.done,
            touched: self.touched,
            after: self.after_ended_at.zip(self.after_id),
            claims: self.claims,
            applied_at: self.applied_at,
        })
    }
}

/// Locks a customer until the transaction ends, and tells which version is in force.
pub async fn lock_customer(tx: &mut Tx, id: ControllerId) -> Result<Option<i32>, Error> {
    let row: Option<(i32,)> = sql("SELECT policy_version FROM customers WHERE id = ")
        .push_bind(id)
        .push_each("", " FOR UPDATE")
        .fetch_optional(&mut *tx)
        .await?;
    Ok(row.map(|(version,)| version))
}

/// The version in force, which stays in force until the transaction ends.
pub async fn version_in_force(tx: &mut Tx, id: ControllerId) -> Result<Option<i32>, Error> {
    let row: Option<(i32,)> = sql("SELECT policy_version FROM customers WHERE id = ")
        .push_bind(id)
        .push_each("", " FOR SHARE")
        .fetch_optional(&mut *tx)
        .await?;
    Ok(row.map(|(version,)| version))
}

/// The version that the next change will be.
pub async fn next_version(tx: &mut Tx, controller: ControllerId) -> Result<i32, Error> {
    let (last,): (Option<i32>,) = sql("SELECT MAX(version) FROM policies WHERE controller_id = $1")
        .bind(controller)
        .fetch_one(&mut *tx)
        .await?;
    Ok(last.unwrap_or(0) + 1)
}

/// Adds a version. [`Error::Conflict`] when one waits already.
pub async fn insert(tx: &mut Tx, version: &Version) -> Result<(), Error> {
    sql("INSERT INTO policies (controller_id, version, state, origin, replaces, default_term,
             apply_to_existing, shortens, made_by, made_at, effective_at, reason,
             authority_reference, salt, preview, confirmed, applied_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)")
    .bind(version.controller)
    .bind(version.version)
    .bind(version.stage)
    .bind(version.origin)
    .bind(version.replaces)
    .bind(version.policy.default())
    .bind(version.apply_to_existing)
    .bind(version.shortens)
    .bind(version.made_by)
    .bind(version.made_at)
    .bind(version.effective_at)
    .bind(&version.reason)
    .bind(&version.authority_reference)
    .bind(version.salt.as_slice())
    .bind(&version.preview)
    .bind(version.confirmed)
    .bind(version.applied_at)
    .execute(&mut *tx)
    .await?;
    insert_rules(tx, version).await
}

/// At most [`crate::model::MAX_RULES`] rows in one statement.
async fn insert_rules(tx: &mut Tx, version: &Version) -> Result<(), Error> {
    if version.policy.rules().is_empty() {
        return Ok(());
    }
    let mut query = sql("INSERT INTO policy_rules (controller_id, version, position, scope, term)
         VALUES ");
    for (position, rule) in (0_i32..).zip(version.policy.rules()) {
        query = query.push(if position == 0 { "(" } else { ", (" }).push_bind(version.controller);
        query = query.push(", ").push_bind(version.version).push(", ").push_bind(position);
        query = query.push(", ").push_bind(rule.scope.to_string());
        query = query.push(", ").push_bind(rule.term).push(")");
    }
    query.execute(&mut *tx).await?;
    Ok(())
}

/// What a version says. A version that is not there says nothing.
pub async fn policy(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    version: i32,
    default: Term,
) -> Result<Policy, Error> {
    let rules: Vec<(i32, String, Term)> = sql("SELECT version, scope, term FROM policy_rules
         WHERE controller_id = $1 AND version = $2 ORDER BY position")
    .bind(controller)
    .bind(version)
    .fetch_all(on)
    .await?;
    let rules = rules.into_iter().map(|(_, scope, term)| rule(&scope, term));
    Policy::new(default, rules.collect::<Result<_, _>>()?).map_err(Error::damaged)
}

fn rule(scope: &str, term: Term) -> Result<Rule, Error> {
    Ok(Rule { scope: scope.parse::<Scope>().map_err(Error::damaged)?, term })
}

/// Every version of a customer's policy, the newest first.
pub async fn list(
    on: &super::super::db::Db,
    controller: ControllerId,
) -> Result<Vec<Version>, Error> {
    let query = sql("SELECT ").push(COLUMNS).push(" FROM policies WHERE controller_id = ");
    let rows: Vec<Row> =
        query.push_bind(controller).push(" ORDER BY version DESC").fetch_all(on).await?;
    let all: Vec<(i32, String, Term)> = sql("SELECT version, scope, term FROM policy_rules
         WHERE controller_id = $1 ORDER BY version, position")
    .bind(controller)
    .fetch_all(on)
    .await?;
    let mut rules: BTreeMap<i32, Vec<Rule>> = BTreeMap::new();
    for (version, scope, term) in all {
        rules.entry(version).or_default().push(rule(&scope, term)?);
    }
    rows.into_iter()
        .map(|row| {
            let rules = rules.remove(&row.version).unwrap_or_default();
            row.with(rules)
        })
        .collect()
}

/// One version.
pub async fn find(
    tx: &mut Tx,
    controller: ControllerId,
    version: i32,
) -> Result<Option<Version>, Error> {
    let query = sql("SELECT ").push(COLUMNS).push(" FROM policies WHERE controller_id = ");
    let query = query.push_bind(controller).push(" AND version = ").push_bind(version);
    one(tx, query).await
}

/// The version that a statement tells of, with its rules.
pub(super) async fn one(tx: &mut Tx, query: Sql) -> Result<Option<Version>, Error> {
    let row: Option<Row> = query.fetch_optional(&mut *tx).await?;
    let Some(row) = row else { return Ok(None) };
    let (controller, version, default) = (row.controller_id, row.version, row.default_term);
    let rules = policy(&mut *tx, controller, version, default).await?.rules().to_vec();
    row.with(rules).map(Some)
}

/// Calls back what waits. Returns which version that was.
pub async fn cancel(
    tx: &mut Tx,
    controller: ControllerId,
    by: Option<PrincipalId>,
    now: Timestamp,
) -> Result<Option<i32>, Error> {
    let row: Option<(i32,)> = sql("UPDATE policies SET state = 'cancelled', cancelled_by = $1,
             cancelled_at = $2
         WHERE controller_id = $3 AND state = 'scheduled' AND effective_at > $2
         RETURNING version")
    .bind(by)
    .bind(now)
    .bind(controller)
    .fetch_optional(&mut *tx)
    .await?;
    Ok(row.map(|(version,)| version))
}
