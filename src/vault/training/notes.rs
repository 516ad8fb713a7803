//! Notes: a text at a place in a recording, sealed under the recording's own key.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::people::{Names, Person};
use super::{free_text, part, seconds};
use crate::crypto::{Dek, open_note, seal_note};
use crate::index::notes::{self, Note};
use crate::model::{
    Becomes, Caller, Cursor, Limit, NoteId, Page, Recording, RecordingId, Timestamp,
};
use crate::vault::Vault;
use crate::vault::content::context;
use crate::vault::error::Error;
use crate::vault::play::Heard;

/// What the sealing of a text is bound to, beside whose it is and which recording.
const LABEL: &str = "note";

/// How many characters a note has at most.
const LONGEST: usize = 2000;

/// How many notes a recording has at most.
const MOST: i64 = 500;

/// A note to be written.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewNote {
    /// Where, in seconds from the beginning.
    pub at: f64,
    /// Up to where, if it is about a part.
    #[serde(default)]
    pub to: Option<f64>,
    /// What. Numbers of people are refused.
    pub text: String,
}

/// What of a note changes.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteChange {
    /// Where, in seconds from the beginning.
    #[serde(default)]
    pub at: Option<f64>,
    /// Up to where; `null` for a note at one place.
    #[serde(default)]
    #[schema(value_type = Option<f64>)]
    pub to: Becomes<f64>,
    /// What.
    #[serde(default)]
    pub text: Option<String>,
}

/// A note.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct NoteView {
    /// Which one.
    pub id: Uuid,
    /// Where, in seconds from the beginning.
    pub at: f64,
    /// Up to where, if it is about a part.
    pub to: Option<f64>,
    /// What.
    pub text: String,
    /// Who wrote it.
    pub author: Person,
    /// Whether you wrote it, and so may change it.
    pub mine: bool,
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was changed last.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub changed_at: Option<Timestamp>,
}

impl Vault {
    /// A page of what is noted at a recording, in the order of the call.
    pub async fn notes(
        &self,
        caller: &Caller,
        id: RecordingId,
        after: Option<Cursor>,
        limit: Option<u32>,
    ) -> Result<Page<NoteView>, Error> {
        let heard = self.to_train_with(caller, id).await?;
        let rows = Limit::new(limit).rows();
        let after = after.map(|after| (after.started_at.micros() / 1000, NoteId(after.id)));
        let found = notes::list(&self.0.index, id, after, rows).await?;
        let full = found.len() as u64 == rows.unsigned_abs();
        let next = found.last().filter(|_| full).and_then(|last| {
            let started_at = Timestamp::from_micros(last.at_ms * 1000)?;
            Some(Cursor { started_at, id: last.id.0 }.to_string())
        });
        let dek = self.dek(&heard.recording, heard.may)?;
        let names = self.names(caller, found.iter().map(|note| note.author)).await?;
        let shown = |note| shown(caller, &heard.recording, &dek, note, &names);
        let items: Result<_, _> = found.iter().map(shown).collect();
        Ok(Page { items: items?, next })
    }

    /// Writes a note.
    pub async fn add_note(
        &self,
        caller: &Caller,
        id: RecordingId,
        new: &NewNote,
    ) -> Result<NoteView, Error> {
        let heard = self.to_train_with(caller, id).await?;
        let recording = &heard.recording;
        let text = free_text("text", &new.text, LONGEST)?;
        let (at, to_ms) = part(("at", Some(new.at)), ("to", new.to), recording)?;
        let dek = self.dek(recording, heard.may)?;
        let note = Note {
            id: NoteId::random(),
            recording: id,
            author: caller.id,
            at_ms: at.unwrap_or(0),
            to_ms,
            sealed: seal_note(&dek, context(recording), LABEL, text.as_bytes())?,
            created_at: self.0.clock.now(),
            changed_at: None,
        };
        let mut tx = self.change().await?;
        if !notes::annotate(&mut tx, caller.controller, id).await? {
            return Err(Error::NotFound);
        }
        if !notes::insert(&mut tx, &note, MOST).await? {
            return Err(Error::Conflict("a recording has at most 500 notes: drop some first"));
        }
        tx.commit().await?;
        let names = self.names(caller, [caller.id].into_iter()).await?;
        shown(caller, recording, &dek, &note, &names)
    }

    /// Changes a note of one's own.
    pub async fn change_note(
        &self,
        caller: &Caller,
        (id, note): (RecordingId, NoteId),
        change: &NoteChange,
    ) -> Result<NoteView, Error> {
        let (heard, mut note) = self.own_note(caller, id, note).await?;
        let recording = &heard.recording;
        let at = change.at.unwrap_or_else(|| seconds(note.at_ms));
        let mut to = note.to_ms.map(seconds);
        change.to.clone().change(&mut to);
        let (at, to_ms) = part(("at", Some(at)), ("to", to), recording)?;
        (note.at_ms, note.to_ms) = (at.unwrap_or(0), to_ms);
        let dek = self.dek(recording, heard.may)?;
        if let Some(text) = &change.text {
            let text = free_text("text", text, LONGEST)?;
            note.sealed = seal_note(&dek, context(recording), LABEL, text.as_bytes())?;
        }
        note.changed_at = Some(self.0.clock.now());
        let mut tx = self.change().await?;
        let there = notes::annotate(&mut tx, caller.controller, id).await?;
        if !there || !notes::update(&mut tx, &note).await? {
            return Err(Error::NotFound);
        }
        tx.commit().await?;
        let names = self.names(caller, [caller.id].into_iter()).await?;
        shown(caller, recording, &dek, &note, &names)
    }

    /// Drops a note of one's own.
    pub async fn drop_note(
        &self,
        caller: &Caller,
        (id, note): (RecordingId, NoteId),
    ) -> Result<(), Error> {
        self.own_note(caller, id, note).await?;
        let mut tx = self.change().await?;
        if !notes::delete(&mut tx, id, note).await? {
            return Err(Error::NotFound);
        }
        notes::tidy(&mut tx, id).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn own_note(
        &self,
        caller: &Caller,
        id: RecordingId,
        note: NoteId,
    ) -> Result<(Heard, Note), Error> {
        let heard = self.to_train_with(caller, id).await?;
        let note = notes::find(&self.0.index, id, note).await?.ok_or(Error::NotFound)?;
        if note.author != caller.id {
            return Err(Error::NotYours);
        }
        Ok((heard, note))
    }
}

/// The text of a note.
pub(super) fn text(
    recording: &Recording,
    dek: &Dek,
    note: &Note,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    Ok(open_note(dek, context(recording), LABEL, &note.sealed)?)
}

fn shown(
    caller: &Caller,
    recording: &Recording,
    dek: &Dek,
    note: &Note,
    names: &Names,
) -> Result<NoteView, Error> {
    let text = text(recording, dek, note)?;
    Ok(NoteView {
        id: note.id.0,
        at: seconds(note.at_ms),
        to: note.to_ms.map(seconds),
        text: String::from_utf8_lossy(&text).into_owned(),
        author: names.person(note.author),
        mine: note.author == caller.id,
        created_at: note.created_at,
        changed_at: note.changed_at,
    })
}
