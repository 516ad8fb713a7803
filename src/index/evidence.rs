//! The table `evidence_packages`: recordings that left the vault as evidence, or are to.

use crate::model::{
    ControllerId, Cursor, Day, EvidenceId, EvidencePackage, EvidenceState, Limit, PrincipalId,
    Purpose, RecordingId, SheetLanguage, Timestamp,
};

use super::db::Tx;
use super::error::Error;
use super::sql::{Conn, sql};

#[derive(sqlx::FromRow)]
struct Row {
    id: EvidenceId,
    controller_id: ControllerId,
    recording_id: RecordingId,
    purpose: Purpose,
    case_id: String,
    recipient: Vec<u8>,
    language: SheetLanguage,
    destroy_by: Day,
    state: EvidenceState,
    asked_by: PrincipalId,
    asked_at: Timestamp,
    approved_by: Option<PrincipalId>,
    approved_at: Option<Timestamp>,
    handed_out: i32,
    handed_out_at: Option<Timestamp>,
}

const COLUMNS: &str =
    "SELECT id, controller_id, recording_id, purpose, case_id, recipient, language,
    destroy_by, state, asked_by, asked_at, approved_by, approved_at, handed_out, handed_out_at
    FROM evidence_packages";

impl From<Row> for EvidencePackage {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            controller: row.controller_id,
            recording: row.recording_id,
            purpose: row.purpose,
            case_id: row.case_id,
            recipient: row.recipient,
            language: row.language,
            destroy_by: row.destroy_by,
            state: row.state,
            asked_by: row.asked_by,
            asked_at: row.asked_at,
            approved_by: row.approved_by,
            approved_at: row.approved_at,
            handed_out: row.handed_out,
            handed_out_at: row.handed_out_at,
        }
    }
}

/// Adds a package that somebody asked for.
pub async fn insert(tx: &mut Tx, package: &EvidencePackage) -> Result<(), Error> {
    sql("INSERT INTO evidence_packages (id, controller_id, recording_id, purpose, case_id,
             recipient, language, destroy_by, state, asked_by, asked_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)")
    .bind(package.id)
    .bind(package.controller)
    .bind(package.recording)
    .bind(package.purpose)
    .bind(package.case_id.as_str())
    .bind(package.recipient.as_slice())
    .bind(package.language)
    .bind(package.destroy_by)
    .bind(package.state)
    .bind(package.asked_by)
    .bind(package.asked_at)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Writes down that a second person agreed. Returns whether it still waited for that.
pub async fn approve(
    tx: &mut Tx,
    id: EvidenceId,
    by: PrincipalId,
    now: Timestamp,
) -> Result<bool, Error> {
    let changed = sql("UPDATE evidence_packages
         SET state = 'approved', approved_by = $1, approved_at = $2
         WHERE id = $3 AND state = 'asked'")
    .bind(by)
    .bind(now)
    .bind(id)
    .execute(&mut *tx)
    .await?;
    Ok(changed > 0)
}

/// Writes down that somebody said no.
pub async fn refuse(tx: &mut Tx, id: EvidenceId) -> Result<(), Error> {
    sql("UPDATE evidence_packages SET state = 'refused' WHERE id = $1 AND state = 'asked'")
        .bind(id)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Writes down that it was fetched. Returns whether it may be.
pub async fn hand_out(tx: &mut Tx, id: EvidenceId, now: Timestamp) -> Result<bool, Error> {
    let changed = sql("UPDATE evidence_packages
         SET state = 'handed_out', handed_out = handed_out + 1, handed_out_at = $1
         WHERE id = $2 AND state IN ('approved', 'handed_out')")
    .bind(now)
    .bind(id)
    .execute(&mut *tx)
    .await?;
    Ok(changed > 0)
}

/// One of this controller's. Anybody else's does not exist (I15).
pub async fn find(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    id: EvidenceId,
) -> Result<Option<EvidencePackage>, Error> {
    let row: Option<Row> = sql(COLUMNS)
        .push(" WHERE id = ")
        .push_bind(id)
        .push(" AND controller_id = ")
        .push_bind(controller)
        .fetch_optional(on)
        .await?;
    Ok(row.map(EvidencePackage::from))
}

/// This controller's, those asked for last first.
pub async fn list(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    after: Option<Cursor>,
    limit: Limit,
) -> Result<Vec<EvidencePackage>, Error> {
    let mut query = sql(COLUMNS).push(" WHERE controller_id = ").push_bind(controller);
    if let Some(after) = after {
        query = query.push(" AND (asked_at, id) < (").push_bind(after.started_at).push(", ");
        query = query.push_bind(after.id).push(")");
    }
    let query = query.push(" ORDER BY asked_at DESC, id DESC LIMIT ").push_bind(limit.rows());
    let rows: Vec<Row> = query.fetch_all(on).await?;
    Ok(rows.into_iter().map(EvidencePackage::from).collect())
}
