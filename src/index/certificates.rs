//! The table `certificates`: what was issued, so that the same facts are the same bytes.

use crate::model::ControllerId;

use super::db::Tx;
use super::error::Error;
use super::sql::{Conn, sql};

/// A certificate that was issued.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Kept {
    /// The place of the entry that says so.
    pub seq: i64,
    /// The SHA-256 of its bytes.
    pub sha256: Vec<u8>,
    /// Its bytes.
    pub body: String,
    /// The signed note over them.
    pub note: String,
}

/// The certificate about this that has these facts, if one was issued.
pub async fn find(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    subject: &str,
    facts: &[u8; 32],
) -> Result<Option<Kept>, Error> {
    sql("SELECT seq, sha256, body, note FROM certificates
         WHERE controller_id = $1 AND subject = $2 AND facts = $3")
    .bind(controller)
    .bind(subject)
    .bind(facts.as_slice())
    .fetch_optional(on)
    .await
}

/// Keeps a certificate.
pub async fn insert(
    tx: &mut Tx,
    controller: ControllerId,
    subject: &str,
    facts: &[u8; 32],
    kept: &Kept,
) -> Result<(), Error> {
    sql("INSERT INTO certificates (controller_id, subject, facts, seq, sha256, body, note)
         VALUES ($1, $2, $3, $4, $5, $6, $7)")
    .bind(controller)
    .bind(subject)
    .bind(facts.as_slice())
    .bind(kept.seq)
    .bind(kept.sha256.as_slice())
    .bind(kept.body.as_str())
    .bind(kept.note.as_str())
    .execute(&mut *tx)
    .await?;
    Ok(())
}
