//! The table `approvals`: what one person asked for and another has to agree to.

use crate::model::{
    Approval, ApprovalDecision, ApprovalId, ApprovalKind, ControllerId, Cursor, Limit, PrincipalId,
    Timestamp,
};
use uuid::Uuid;

use super::db::Tx;
use super::error::Error;
use super::sql::{Conn, sql};

#[derive(sqlx::FromRow)]
struct Row {
    id: ApprovalId,
    controller_id: ControllerId,
    kind: ApprovalKind,
    subject_id: Uuid,
    detail: Option<i64>,
    asked_by: PrincipalId,
    asked_at: Timestamp,
    expires_at: Timestamp,
    decision: Option<ApprovalDecision>,
}

const COLUMNS: &str = "SELECT id, controller_id, kind, subject_id, detail, asked_by, asked_at,
    expires_at, decision FROM approvals";

impl From<Row> for Approval {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            controller: row.controller_id,
            kind: row.kind,
            subject: row.subject_id,
            detail: row.detail,
            asked_by: row.asked_by,
            asked_at: row.asked_at,
            expires_at: row.expires_at,
            decision: row.decision,
        }
    }
}

/// Adds something asked for. [`Error::Conflict`] when the same is asked for already.
pub async fn insert(tx: &mut Tx, approval: &Approval) -> Result<(), Error> {
    sql("INSERT INTO approvals (id, controller_id, kind, subject_id, detail, asked_by, asked_at,
             expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
    .bind(approval.id)
    .bind(approval.controller)
    .bind(approval.kind)
    .bind(approval.subject)
    .bind(approval.detail)
    .bind(approval.asked_by)
    .bind(approval.asked_at)
    .bind(approval.expires_at)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Ends what nobody agreed to in time. Returns how many.
pub async fn expire(tx: &mut Tx, now: Timestamp) -> Result<u64, Error> {
    sql("UPDATE approvals SET decision = 'expired', decided_at = $1
         WHERE decided_at IS NULL AND expires_at <= $1")
    .bind(now)
    .execute(&mut *tx)
    .await
}

/// Ends what is open about something that is settled.
pub async fn settle(tx: &mut Tx, subject: Uuid, now: Timestamp) -> Result<(), Error> {
    sql("UPDATE approvals SET decision = 'expired', decided_at = $1
         WHERE decided_at IS NULL AND subject_id = $2")
    .bind(now)
    .bind(subject)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// What is asked for and not decided, about this.
pub async fn open(
    on: impl Into<Conn<'_>>,
    kind: ApprovalKind,
    subject: Uuid,
) -> Result<Option<Approval>, Error> {
    let row: Option<Row> = sql(COLUMNS)
        .push(" WHERE decided_at IS NULL AND kind = ")
        .push_bind(kind)
        .push(" AND subject_id = ")
        .push_bind(subject)
        .fetch_optional(on)
        .await?;
    Ok(row.map(Approval::from))
}

/// What is open about any of these.
pub async fn open_about(
    on: impl Into<Conn<'_>>,
    subjects: Vec<Uuid>,
    now: Timestamp,
) -> Result<Vec<Approval>, Error> {
    let rows: Vec<Row> = sql(COLUMNS)
        .push(" WHERE decided_at IS NULL AND expires_at > ")
        .push_bind(now)
        .push(" AND subject_id ")
        .push_in_ids(subjects)
        .push(" ORDER BY asked_at, id")
        .fetch_all(on)
        .await?;
    Ok(rows.into_iter().map(Approval::from).collect())
}

/// One of this controller's. Anybody else's does not exist (I15).
pub async fn find(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    id: ApprovalId,
) -> Result<Option<Approval>, Error> {
    let row: Option<Row> = sql(COLUMNS)
        .push(" WHERE id = ")
        .push_bind(id)
        .push(" AND controller_id = ")
        .push_bind(controller)
        .fetch_optional(on)
        .await?;
    Ok(row.map(Approval::from))
}

/// Writes down what became of one. Returns whether it was still open.
pub async fn decide(
    tx: &mut Tx,
    id: ApprovalId,
    by: PrincipalId,
    decision: ApprovalDecision,
    now: Timestamp,
) -> Result<bool, Error> {
    let changed = sql("UPDATE approvals SET decision = $1, decided_by = $2, decided_at = $3
         WHERE id = $4 AND decided_at IS NULL AND expires_at > $3")
    .bind(decision)
    .bind(by)
    .bind(now)
    .bind(id)
    .execute(&mut *tx)
    .await?;
    Ok(changed > 0)
}

/// What is open among this controller's, the newest first.
pub async fn list(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    now: Timestamp,
    after: Option<Cursor>,
    limit: Limit,
) -> Result<Vec<Approval>, Error> {
    let mut query = sql(COLUMNS)
        .push(" WHERE decided_at IS NULL AND controller_id = ")
        .push_bind(controller)
        .push(" AND expires_at > ")
        .push_bind(now);
    if let Some(after) = after {
        query = query.push(" AND (asked_at, id) < (").push_bind(after.started_at).push(", ");
        query = query.push_bind(after.id).push(")");
    }
    let query = query.push(" ORDER BY asked_at DESC, id DESC LIMIT ").push_bind(limit.rows());
    let rows: Vec<Row> = query.fetch_all(on).await?;
    Ok(rows.into_iter().map(Approval::from).collect())
}
