//! Making an export: the list is fixed at once, what is said of each recording is measured, and
//! from then on every byte of the archive has its place.

use std::collections::HashMap;

use crc32fast::Hasher;
use serde::Serialize;
use utoipa::ToSchema;

use super::layout::{JSON_CLOSING, JSON_OPENING, Layout, Section, place};
use super::listing::{Lines, Listed, heading};
use crate::index::exports::{self, Export, Item, Part};
use crate::index::recordings as rows;
use crate::model::{
    Caller, Customer, CustomerRef, CustomerStatus, Denied, ExportId, Grant, Recording, RecordingId,
    Timestamp, take_along,
};
use crate::vault::early::case_id;
use crate::vault::error::Error;
use crate::vault::fields::bad;
use crate::vault::{Vault, must, numbers, play};

/// How many recordings are laid out at once.
pub(super) const PAGE: i64 = 256;

/// How many exports of a customer are kept: older ones cannot be downloaded any more.
const KEPT: i64 = 4;

/// What somebody wants to take along.
#[derive(Clone, Debug)]
pub struct NewExport {
    /// The opaque reference of the case it serves.
    pub case: String,
    /// Only calls that began at or after this.
    pub from: Option<Timestamp>,
    /// Only calls that began before this.
    pub to: Option<Timestamp>,
}

/// Whether an export can be downloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportState {
    /// Not yet.
    Preparing,
    /// Yes.
    Ready,
    /// No more: a recording in it was erased, restricted or rectified. Make another one.
    Broken,
}

/// An export and how far its download has come.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ExportView {
    /// Which one.
    pub id: uuid::Uuid,
    /// Whether it can be downloaded.
    pub state: ExportState,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub made_at: Timestamp,
    /// How many recordings are on its list.
    pub recordings: i64,
    /// How many of them come with their audio. The list says of the others why not.
    pub contained: i64,
    /// Bytes of the archive.
    pub bytes: u64,
    /// How many of them were downloaded, from the beginning on.
    pub sent: u64,
    /// How many recordings were downloaded whole.
    pub recordings_sent: i64,
}

impl Vault {
    /// Makes an export of everything there is of the caller's own customer now.
    pub async fn make_export(
        &self,
        caller: &Caller,
        reference: &CustomerRef,
        new: NewExport,
    ) -> Result<ExportView, Error> {
        must(caller, Grant::Export)?;
        let customer = self.own_customer(caller, reference).await?;
        if new.from.zip(new.to).is_some_and(|(from, to)| from > to) {
            return Err(bad("from", "is after to"));
        }
        if caller.lines.is_some() {
            return Err(Error::Forbidden);
        }
        if customer.status == CustomerStatus::Ended {
            return Err(Error::Conflict("the service has ended; there is nothing left to export"));
        }
        let export = Export {
            id: ExportId::random(),
            customer: customer.id,
            principal: caller.id,
            case_id: case_id(&new.case)?.to_owned(),
            made_at: self.0.clock.now(),
            ready_at: None,
            broken_at: None,
            items: 0,
            contained: 0,
            csv_len: 0,
            csv_crc: 0,
            json_len: 0,
            json_crc: 0,
            audio_len: 0,
            directory_len: 0,
            sent: 0,
        };
        let mut tx = self.addition().await?;
        exports::drop_older(&mut tx, customer.id, KEPT - 1).await?;
        exports::insert(&mut tx, &export, new.from, new.to).await?;
        tx.commit().await?;
        // Whoever asked may go away meanwhile: it is finished all the same.
        let (vault, caller) = (self.clone(), caller.clone());
        let laid_out = tokio::spawn(async move { vault.lay_out(&caller, export).await });
        self.export_view(&laid_out.await??).await
    }

    /// An export of the caller's own customer, or of any for whoever runs the vault.
    pub async fn export(
        &self,
        caller: &Caller,
        reference: &CustomerRef,
        id: ExportId,
    ) -> Result<ExportView, Error> {
        let customer = self.leaving_customer(caller, reference).await?;
        let found = exports::find(&self.0.index, customer.id, id).await?;
        self.export_view(&found.ok_or(Error::NotFound)?).await
    }

    /// The customer the caller belongs to; another one does not exist (I15).
    pub(super) async fn own_customer(
        &self,
        caller: &Caller,
        reference: &CustomerRef,
    ) -> Result<Customer, Error> {
        let found = crate::index::controllers::find_customer(&self.0.index, reference).await?;
        found.filter(|customer| customer.id == caller.controller).ok_or(Error::NotFound)
    }

    async fn export_view(&self, export: &Export) -> Result<ExportView, Error> {
        let layout = Layout::of(export);
        let sent = u64::try_from(export.sent).unwrap_or(0);
        let audio = sent.saturating_sub(layout.start(Section::Audio));
        let whole = if sent >= layout.start(Section::Lists) {
            export.contained
        } else {
            let at = i64::try_from(audio).unwrap_or(i64::MAX);
            let place = exports::place(&self.0.index, export.id, Part::Audio, at).await?;
            exports::contained_before(&self.0.index, export.id, place).await?
        };
        let state = match (export.ready_at, export.broken_at) {
            (_, Some(_)) => ExportState::Broken,
            (Some(_), None) => ExportState::Ready,
            (None, None) => ExportState::Preparing,
        };
        Ok(ExportView {
            id: export.id.0,
            state,
            made_at: export.made_at,
            recordings: export.items,
            contained: export.contained,
            bytes: layout.len(),
            sent,
            recordings_sent: if export.ready_at.is_some() { whole } else { 0 },
        })
    }

    /// Measures what is said of each recording and gives everything its place.
    async fn lay_out(&self, caller: &Caller, mut export: Export) -> Result<Export, Error> {
        let mut measured = Measured::new();
        let mut next = 0;
        loop {
            let mut page = exports::page(&self.0.index, export.id, next, PAGE).await?;
            let Some(last) = page.last() else { break };
            next = last.ordinal + 1;
            let found = self.listed_rows(&page).await?;
            let now = self.latest();
            for item in &mut page {
                let recording = found.get(&item.recording_id);
                item.reason = not_contained(caller, recording, now).map(str::to_owned);
                self.measure_item(item, recording, &mut measured)?;
            }
            let mut tx = self.addition().await?;
            exports::lay_out(&mut tx, export.id, &page).await?;
            between_steps!("export.laying_out");
            tx.commit().await?;
        }
        measured.write(&mut export, self.0.clock.now());
        let mut tx = self.addition().await?;
        exports::ready(&mut tx, &export).await?;
        tx.commit().await?;
        Ok(export)
    }

    /// The rows behind a page of a list.
    pub(super) async fn listed_rows(
        &self,
        page: &[Item],
    ) -> Result<HashMap<RecordingId, Recording>, Error> {
        let ids: Vec<_> = page.iter().map(|item| item.recording_id).collect();
        let found = rows::find_each(&self.0.index, &ids).await?;
        self.catch_up(&found).await?;
        Ok(found.into_iter().map(|row| (row.id, row)).collect())
    }

    /// What the lists say of a recording. One that is gone meanwhile is not told of.
    pub(super) fn lines(&self, item: &Item, recording: Option<&Recording>) -> Result<Lines, Error> {
        let Some(recording) = recording.filter(|row| row.metadata.started_at.is_some()) else {
            return Err(Error::ExportBroken);
        };
        let numbers = numbers::open(&self.0.keys, recording)?;
        let listed = Listed::new(recording, &numbers, item.reason.as_deref(), &item.extension);
        Ok(listed.lines(item.json_at == signed(JSON_OPENING.len() as u64)))
    }

    fn measure_item(
        &self,
        item: &mut Item,
        recording: Option<&Recording>,
        measured: &mut Measured,
    ) -> Result<(), Error> {
        if let Some(recording) = recording {
            play::extension(recording).clone_into(&mut item.extension);
            item.size = recording.metadata.size_bytes.unwrap_or(0);
        }
        item.json_at = measured.json.0;
        let lines = match self.lines(item, recording) {
            // It went between two steps: it is on no list, and nothing of it has a place.
            Err(Error::ExportBroken) => Lines { csv: Vec::new(), json: Vec::new() },
            lines => lines?,
        };
        measured.take(item, &lines);
        Ok(())
    }
}

/// Why the audio of a recording is not contained, if it is not.
fn not_contained(
    caller: &Caller,
    recording: Option<&Recording>,
    now: Timestamp,
) -> Option<&'static str> {
    let Some(recording) = recording else { return Some("erased") };
    match take_along(caller, recording, now) {
        Ok(_) => None,
        Err(Denied::Restricted) => Some("restricted"),
        Err(Denied::Lost) => Some("lost"),
        Err(Denied::PastDue) if recording.held => Some("held"),
        Err(Denied::PastDue) => Some("past_due"),
        Err(Denied::Erased) => Some("erased"),
        Err(_) => Some("not_allowed"),
    }
}

/// What an export comes to, item by item.
struct Measured {
    items: i64,
    contained: i64,
    csv: (i64, Hasher),
    json: (i64, Hasher),
    audio: i64,
    directory: i64,
}

fn signed(len: u64) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}

impl Measured {
    fn new() -> Self {
        let list = |opening: &[u8]| {
            let mut hasher = Hasher::new();
            hasher.update(opening);
            (signed(opening.len() as u64), hasher)
        };
        let (csv, json) = (list(heading()), list(JSON_OPENING));
        Self { items: 0, contained: 0, csv, json, audio: 0, directory: 0 }
    }

    fn take(&mut self, item: &mut Item, lines: &Lines) {
        item.csv_at = self.csv.0;
        (item.csv_len, item.json_len) =
            (signed(lines.csv.len() as u64), signed(lines.json.len() as u64));
        (item.audio_at, item.directory_at) = (self.audio, self.directory);
        item.text_crc = crate::vault::zip::crc(&[&lines.csv, &lines.json]).into();
        self.csv.0 += item.csv_len;
        self.json.0 += item.json_len;
        self.csv.1.update(&lines.csv);
        self.json.1.update(&lines.json);
        self.audio = signed(place(item, Part::Audio).end);
        self.directory = signed(place(item, Part::Directory).end);
        self.items += i64::from(item.csv_len > 0);
        self.contained += i64::from(item.reason.is_none());
    }

    fn write(mut self, export: &mut Export, now: Timestamp) {
        self.json.0 += signed(JSON_CLOSING.len() as u64);
        self.json.1.update(JSON_CLOSING);
        export.ready_at = Some(now);
        (export.items, export.contained) = (self.items, self.contained);
        (export.csv_len, export.csv_crc) = (self.csv.0, self.csv.1.finalize().into());
        (export.json_len, export.json_crc) = (self.json.0, self.json.1.finalize().into());
        (export.audio_len, export.directory_len) = (self.audio, self.directory);
    }
}
