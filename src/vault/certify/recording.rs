//! The certificate of one recording.

use std::collections::HashMap;

use uuid::Uuid;

use super::super::error::Error;
use super::super::{Vault, must};
use super::left::{Remains, days};
use super::{Issued, second_look};
use crate::index::{erasures, ledger_entries};
use crate::ledger::certificate::{OfRecording, Proven, Subject, What};
use crate::ledger::{is_evidence, told_of};
use crate::model::{Caller, Entry, Event, Grant, RecordingId, Timestamp};

impl Vault {
    /// The certificate of the erasure of a recording; none before its erasing began.
    pub async fn certificate(&self, caller: &Caller, id: RecordingId) -> Result<Issued, Error> {
        must(caller, Grant::SeeErasures)?;
        let controller = caller.controller;
        let row = erasures::find(&self.0.index, controller, id).await?.ok_or(Error::NotFound)?;
        let entries = ledger_entries::about(&self.0.index, id).await?;
        let entries: Vec<Entry> =
            entries.into_iter().filter(|entry| entry.controller == controller).collect();
        let evidence = entries.iter().filter(|entry| is_evidence(entry.event));
        let evidence: Vec<_> = evidence.map(proven).collect();
        let erasure = told_of(id, evidence.iter().map(|proven| proven.entry.as_str()));
        let unreadable =
            crate::ledger::Error::Proof("the entries about a recording are unreadable");
        let erasure = erasure.ok_or(unreadable)?;
        let first = days(&row).map(|(day, _)| day).min();
        let mut remains = Remains::default();
        remains.count(&row, &self.forgettings(controller, first).await?);
        if let Some(absent_at) = erasure.absent_at {
            // What the entries say of looking again counts, not when the row was touched.
            remains.left.remove(&What::SecondLook);
            match (erasure.still_absent_at, erasure.reappeared_at) {
                (_, Some(_)) => remains.add(What::Reappeared, 1, None),
                (None, None) => remains.add(What::SecondLook, 1, Some(second_look(absent_at))),
                (Some(_), None) => {}
            }
        }
        for entry in entries.iter().filter(|entry| entry.event == Event::AccessExported) {
            remains.add(What::HandedOut, 1, destroyed_by(entry));
        }
        for until in packages(&entries).into_values() {
            remains.add(What::HandedOut, 1, until);
        }
        let of = OfRecording { erasure, entries: evidence, checkpoint: String::new() };
        let draft = self.draft(controller, Subject::Recording(Box::new(of)), &remains).await?;
        self.issue(controller, &format!("recording/{id}"), draft).await
    }
}

/// Until when whoever took a copy may have it, if that was agreed.
fn destroyed_by(entry: &Entry) -> Option<Timestamp> {
    #[derive(serde::Deserialize)]
    struct Said {
        destroy_by: Option<Timestamp>,
    }
    serde_json::from_str::<Said>(&entry.body).ok()?.destroy_by
}

/// The evidence packages that left, and the end of the day by which each is to be destroyed.
fn packages(entries: &[Entry]) -> HashMap<Uuid, Option<Timestamp>> {
    let out = entries.iter().filter(|entry| entry.event == Event::EvidenceHandedOut);
    out.filter_map(|entry| serde_json::from_str::<HandedOut>(&entry.body).ok())
        .map(|told| {
            let midnight = format!("{}T00:00:00Z", told.destroy_by).parse::<Timestamp>();
            (told.package, midnight.ok().and_then(|midnight| midnight.day().end()))
        })
        .collect()
}

#[derive(serde::Deserialize)]
struct HandedOut {
    package: Uuid,
    destroy_by: String,
}

fn proven(entry: &Entry) -> Proven {
    Proven { index: entry.seq.unsigned_abs(), entry: entry.body.clone(), hashes: Vec::new() }
}
