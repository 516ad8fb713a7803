//! The tables `exports` and `export_items`: what a customer downloads, and where each recording is
//! in it. Identifiers, lengths and checksums only.

use serde::Serialize;

use crate::model::{ControllerId, ExportId, PrincipalId, RecordingId, Timestamp};

use super::db::Tx;
use super::error::Error;
use super::ids::Rows;
use super::sql::{Conn, sql};

/// An export.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Export {
    /// Which one.
    pub id: ExportId,
    /// Whose.
    #[sqlx(rename = "customer_id")]
    pub customer: ControllerId,
    /// Who asked for it.
    #[sqlx(rename = "principal_id")]
    pub principal: PrincipalId,
    /// The case it serves.
    pub case_id: String,
    /// When it was asked for.
    pub made_at: Timestamp,
    /// Since when it can be downloaded.
    pub ready_at: Option<Timestamp>,
    /// Since when it cannot any more: something in it was erased, restricted or rectified.
    pub broken_at: Option<Timestamp>,
    /// How many recordings are on its list.
    pub items: i64,
    /// How many of them are contained.
    pub contained: i64,
    /// Bytes of the list as CSV.
    pub csv_len: i64,
    /// Its CRC-32.
    pub csv_crc: i64,
    /// Bytes of the list as JSON.
    pub json_len: i64,
    /// Its CRC-32.
    pub json_crc: i64,
    /// Bytes of the audio, the records around it included.
    pub audio_len: i64,
    /// Bytes of the archive's directory of the audio.
    pub directory_len: i64,
    /// How far it was downloaded from its beginning.
    pub sent: i64,
}

const COLUMNS: &str = "id, customer_id, principal_id, case_id, made_at, ready_at, broken_at, items,
    contained, csv_len, csv_crc, json_len, json_crc, audio_len, directory_len, sent";

/// One recording of an export. Its places count from the beginning of the part they are in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Item {
    /// Its place in the list, from 0.
    pub ordinal: i64,
    /// Which recording.
    #[serde(skip)]
    pub recording_id: RecordingId,
    /// Why its audio is not contained, if it is not.
    pub reason: Option<String>,
    /// The extension of its file name.
    pub extension: String,
    /// Bytes of audio.
    pub size: i64,
    /// Where its line of the CSV begins.
    pub csv_at: i64,
    /// How long that is.
    pub csv_len: i64,
    /// Where its line of the JSON begins.
    pub json_at: i64,
    /// How long that is.
    pub json_len: i64,
    /// Where its audio begins, with the record before it.
    pub audio_at: i64,
    /// Where its record in the directory begins.
    pub directory_at: i64,
    /// The CRC-32 of its lines.
    pub text_crc: i64,
    /// The CRC-32 of its audio, once that was read.
    pub crc: Option<i64>,
    /// Whether the ledger tells that it was taken along.
    #[serde(skip)]
    pub told: bool,
}

const ITEM: &str =
    "SELECT ordinal, recording_id, reason, extension, size, csv_at, csv_len, json_at,
    json_len, audio_at, directory_at, text_crc, crc, told FROM export_items WHERE export_id = ";

/// The parts of an export that its recordings have a place in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The list as CSV.
    Csv,
    /// The list as JSON.
    Json,
    /// The audio.
    Audio,
    /// The directory.
    Directory,
}

/// Adds an export with a fixed list of what there is now: what is due first comes first. Returns
/// how many recordings that are.
pub async fn insert(
    tx: &mut Tx,
    export: &Export,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> Result<u64, Error> {
    sql("INSERT INTO exports (id, customer_id, principal_id, case_id, made_at)
         VALUES ($1, $2, $3, $4, $5)")
    .bind(export.id)
    .bind(export.customer)
    .bind(export.principal)
    .bind(export.case_id.as_str())
    .bind(export.made_at)
    .execute(&mut *tx)
    .await?;
    let mut list = sql("INSERT INTO export_items (export_id, ordinal, recording_id)
         SELECT CAST(")
    .push_bind(export.id)
    .push_each(" AS BLOB)", " AS UUID)")
    .push(
        ", ROW_NUMBER() OVER (ORDER BY due_at, id) - 1, id FROM recordings
          WHERE started_at IS NOT NULL AND state IN ('stored', 'lost') AND controller_id = ",
    )
    .push_bind(export.customer);
    if let Some(from) = from {
        list = list.push(" AND started_at >= ").push_bind(from);
    }
    if let Some(to) = to {
        list = list.push(" AND started_at < ").push_bind(to);
    }
    list.execute(&mut *tx).await
}

/// The export with this id, if it is this customer's.
pub async fn find(
    on: impl Into<Conn<'_>>,
    customer: ControllerId,
    id: ExportId,
) -> Result<Option<Export>, Error> {
    sql("SELECT ")
        .push(COLUMNS)
        .push(" FROM exports WHERE id = ")
        .push_bind(id)
        .push(" AND customer_id = ")
        .push_bind(customer)
        .fetch_optional(on)
        .await
}

/// Recordings of an export from this place in the list on.
pub async fn page(
    on: impl Into<Conn<'_>>,
    id: ExportId,
    from: i64,
    limit: i64,
) -> Result<Vec<Item>, Error> {
    sql(ITEM)
        .push_bind(id)
        .push(" AND ordinal >= ")
        .push_bind(from)
        .push(" ORDER BY ordinal LIMIT ")
        .push_bind(limit)
        .fetch_all(on)
        .await
}

/// The place in the list of the last recording that begins at or before `at` in this part.
pub async fn place(
    on: impl Into<Conn<'_>>,
    id: ExportId,
    part: Part,
    at: i64,
) -> Result<i64, Error> {
    let column = match part {
        Part::Csv => " AND csv_at <= ",
        Part::Json => " AND json_at <= ",
        Part::Audio => " AND reason IS NULL AND audio_at <= ",
        Part::Directory => " AND reason IS NULL AND directory_at <= ",
    };
    let (place,) = sql("SELECT COALESCE(MAX(ordinal), 0) FROM export_items WHERE export_id = ")
        .push_bind(id)
        .push(column)
        .push_bind(at)
        .fetch_one(on)
        .await?;
    Ok(place)
}

/// How many contained recordings come before this place in the list.
pub async fn contained_before(
    on: impl Into<Conn<'_>>,
    id: ExportId,
    ordinal: i64,
) -> Result<i64, Error> {
    let (count,) = sql("SELECT COUNT(*) FROM export_items
         WHERE export_id = $1 AND reason IS NULL AND ordinal < $2")
    .bind(id)
    .bind(ordinal)
    .fetch_one(on)
    .await?;
    Ok(count)
}

/// Writes where recordings are in the export.
pub async fn lay_out(tx: &mut Tx, id: ExportId, items: &[Item]) -> Result<(), Error> {
    let rows = serde_json::to_string(items).map_err(Error::damaged)?;
    sql("UPDATE export_items SET reason = r.reason, extension = r.extension, size = r.size,
             csv_at = r.csv_at, csv_len = r.csv_len, json_at = r.json_at, json_len = r.json_len,
             audio_at = r.audio_at, directory_at = r.directory_at, text_crc = r.text_crc
         FROM (")
    .push_each(
        "SELECT value ->> 'ordinal' AS ordinal, value ->> 'reason' AS reason,
             value ->> 'extension' AS extension, value ->> 'size' AS size,
             value ->> 'csv_at' AS csv_at, value ->> 'csv_len' AS csv_len,
             value ->> 'json_at' AS json_at, value ->> 'json_len' AS json_len,
             value ->> 'audio_at' AS audio_at, value ->> 'directory_at' AS directory_at,
             value ->> 'text_crc' AS text_crc
         FROM json_each(",
        "SELECT (value ->> 'ordinal')::BIGINT AS ordinal, value ->> 'reason' AS reason,
             value ->> 'extension' AS extension, (value ->> 'size')::BIGINT AS size,
             (value ->> 'csv_at')::BIGINT AS csv_at, (value ->> 'csv_len')::BIGINT AS csv_len,
             (value ->> 'json_at')::BIGINT AS json_at, (value ->> 'json_len')::BIGINT AS json_len,
             (value ->> 'audio_at')::BIGINT AS audio_at,
             (value ->> 'directory_at')::BIGINT AS directory_at,
             (value ->> 'text_crc')::BIGINT AS text_crc
         FROM json_array_elements(CAST(",
    )
    .push_bind(Rows(rows))
    .push_each(")", " AS JSON))")
    .push(") AS r WHERE export_items.ordinal = r.ordinal AND export_items.export_id = ")
    .push_bind(id)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Writes the lengths of an export that can be downloaded from now on.
pub async fn ready(tx: &mut Tx, export: &Export) -> Result<(), Error> {
    sql("UPDATE exports SET ready_at = $1, items = $2, contained = $3, csv_len = $4, csv_crc = $5,
             json_len = $6, json_crc = $7, audio_len = $8, directory_len = $9
         WHERE id = $10")
    .bind(export.ready_at)
    .bind(export.items)
    .bind(export.contained)
    .bind(export.csv_len)
    .bind(export.csv_crc)
    .bind(export.json_len)
    .bind(export.json_crc)
    .bind(export.audio_len)
    .bind(export.directory_len)
    .bind(export.id)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Marks recordings as told of in the ledger, and returns those that were not yet.
pub async fn tell(
    tx: &mut Tx,
    id: ExportId,
    from: i64,
    to: i64,
) -> Result<Vec<RecordingId>, Error> {
    let rows: Vec<(RecordingId,)> = sql("UPDATE export_items SET told = TRUE
         WHERE export_id = $1 AND ordinal >= $2 AND ordinal < $3 AND reason IS NULL AND NOT told
         RETURNING recording_id")
    .bind(id)
    .bind(from)
    .bind(to)
    .fetch_all(&mut *tx)
    .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The checksum of a recording's audio, once it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Checksum {
    /// Its place in the list.
    pub ordinal: i64,
    /// The CRC-32.
    pub crc: u32,
}

/// Remembers checksums, and how far a download that began at `start` has come.
pub async fn progress(
    tx: &mut Tx,
    id: ExportId,
    checksums: &[Checksum],
    start: i64,
    at: i64,
) -> Result<(), Error> {
    if !checksums.is_empty() {
        let rows = serde_json::to_string(checksums).map_err(Error::damaged)?;
        sql("UPDATE export_items SET crc = r.crc FROM (")
            .push_each(
                "SELECT value ->> 'ordinal' AS ordinal, value ->> 'crc' AS crc FROM json_each(",
                "SELECT (value ->> 'ordinal')::BIGINT AS ordinal, (value ->> 'crc')::BIGINT AS crc
                 FROM json_array_elements(CAST(",
            )
            .push_bind(Rows(rows))
            .push_each(")", " AS JSON))")
            .push(") AS r WHERE export_items.ordinal = r.ordinal AND export_items.export_id = ")
            .push_bind(id)
            .execute(&mut *tx)
            .await?;
    }
    sql("UPDATE exports SET sent = $1 WHERE id = $2 AND sent >= $3 AND sent < $1")
        .bind(at)
        .bind(id)
        .bind(start)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Notes that an export can no longer be downloaded.
pub async fn break_off(tx: &mut Tx, id: ExportId, now: Timestamp) -> Result<(), Error> {
    sql("UPDATE exports SET broken_at = $1 WHERE id = $2 AND broken_at IS NULL")
        .bind(now)
        .bind(id)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Drops the exports of a customer except the newest `keep`.
pub async fn drop_older(tx: &mut Tx, customer: ControllerId, keep: i64) -> Result<(), Error> {
    for table in ["DELETE FROM export_items WHERE export_id", "DELETE FROM exports WHERE id"] {
        sql(table)
            .push(" IN (SELECT id FROM exports WHERE customer_id = ")
            .push_bind(customer)
            .push(" AND id NOT IN (SELECT id FROM exports WHERE customer_id = ")
            .push_bind(customer)
            .push(" ORDER BY made_at DESC, id LIMIT ")
            .push_bind(keep)
            .push("))")
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}
