//! Tags: words to find recordings by, sealed like notes and found by a keyed hash.

use std::collections::{BTreeMap, HashMap};

use super::free_text;
use super::notes::text;
use crate::crypto::{open_note, seal_note};
use crate::index::notes::{self, TAGS};
use crate::model::{Caller, ControllerId, Recording, RecordingId};
use crate::vault::Vault;
use crate::vault::content::context;
use crate::vault::error::Error;
use crate::vault::fields::bad;
use crate::vault::view::RecordingView;

/// What a tag's blind index is bound to, beside whose it is.
const BLIND: &str = "tag";

/// How many characters a tag has at most, and how many tags a recording.
const LONGEST: usize = 40;
const MOST: usize = 20;

impl Vault {
    /// Gives a recording these tags and no others. Returns them as they are kept.
    pub async fn set_tags(
        &self,
        caller: &Caller,
        id: RecordingId,
        tags: &[String],
    ) -> Result<Vec<String>, Error> {
        let heard = self.to_train_with(caller, id).await?;
        let recording = &heard.recording;
        if tags.len() > MOST {
            return Err(bad("tags", "are at most 20"));
        }
        // By their small letters: `Klacht` and `klacht` are one.
        let mut all = BTreeMap::new();
        for tag in tags {
            let tag = free_text("tags", tag, LONGEST)?;
            all.entry(tag.to_lowercase()).or_insert(tag);
        }
        let tags: Vec<String> = all.into_values().collect();
        let blinds: Result<Vec<_>, _> =
            tags.iter().map(|tag| self.blind_tag(caller.controller, tag)).collect();
        let blinds = blinds?;
        let json = serde_json::to_vec(&tags).expect("texts are always JSON");
        let dek = self.dek(recording, heard.may)?;
        let sealed = seal_note(&dek, context(recording), TAGS, &json)?;
        let mut tx = self.change().await?;
        if !notes::annotate(&mut tx, caller.controller, id).await? {
            return Err(Error::NotFound);
        }
        let kept = Some((sealed.as_slice(), blinds.as_slice())).filter(|_| !tags.is_empty());
        notes::set_tags(&mut tx, id, kept).await?;
        notes::tidy(&mut tx, id).await?;
        tx.commit().await?;
        Ok(tags)
    }

    /// What a tag is found by.
    pub(in crate::vault) fn blind_tag(
        &self,
        controller: ControllerId,
        tag: &str,
    ) -> Result<[u8; 32], Error> {
        let tag = tag.trim().to_lowercase();
        Ok(self.0.keys.blind(controller, BLIND, tag.as_bytes())?)
    }

    /// Adds tags and the number of notes to what the caller is shown of recordings: two questions to
    /// the index, however many there are.
    pub(in crate::vault) async fn with_notes(
        &self,
        caller: &Caller,
        found: &[Recording],
        views: &mut [RecordingView],
    ) -> Result<(), Error> {
        let readable: Vec<_> = found
            .iter()
            .filter(|recording| recording.annotated)
            .filter_map(|recording| Some((recording, self.may_read_notes(caller, recording)?)))
            .collect();
        if readable.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = readable.iter().map(|(recording, _)| recording.id).collect();
        let counts: HashMap<_, _> = notes::counts(&self.0.index, &ids).await?.into_iter().collect();
        let sealed: HashMap<_, _> = notes::tags(&self.0.index, &ids).await?.into_iter().collect();
        let readable: HashMap<_, _> =
            readable.into_iter().map(|found| (found.0.id.0, found)).collect();
        for view in views {
            let Some((recording, may)) = readable.get(&view.id) else { continue };
            view.notes = counts.get(&recording.id).copied().unwrap_or(0);
            if let Some(sealed) = sealed.get(&recording.id) {
                let dek = self.dek(recording, *may)?;
                let json = open_note(&dek, context(recording), TAGS, sealed)?;
                view.tags =
                    serde_json::from_slice(&json).map_err(|_| crate::crypto::Error::Open)?;
            }
        }
        Ok(())
    }

    /// Which of these recordings have a tag that is, or a note that holds, this text.
    ///
    /// Notes are opened for it, a page of recordings at a time: no index of their words is kept that
    /// would outlive them in a copy.
    pub(in crate::vault) async fn noted(
        &self,
        caller: &Caller,
        among: &[Recording],
        sought: &str,
    ) -> Result<Vec<RecordingId>, Error> {
        let readable: HashMap<_, _> = among
            .iter()
            .filter(|recording| recording.annotated)
            .filter_map(|recording| {
                let may = self.may_read_notes(caller, recording)?;
                Some((recording.id, (recording, may)))
            })
            .collect();
        let ids: Vec<_> = readable.keys().copied().collect();
        if ids.is_empty() {
            return Ok(ids);
        }
        let sought = sought.to_lowercase();
        let mut matching = Vec::new();
        let mut deks = HashMap::new();
        for note in notes::of_many(&self.0.index, &ids).await? {
            let Some((recording, may)) = readable.get(&note.recording) else { continue };
            let dek = match deks.entry(note.recording) {
                std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::hash_map::Entry::Vacant(new) => {
                    new.insert(self.dek(recording, *may)?)
                }
            };
            let text = text(recording, dek, &note)?;
            if String::from_utf8_lossy(&text).to_lowercase().contains(&sought) {
                matching.push(note.recording);
            }
        }
        for (id, sealed) in notes::tags(&self.0.index, &ids).await? {
            let Some((recording, may)) = readable.get(&id) else { continue };
            let dek = self.dek(recording, *may)?;
            let json = open_note(&dek, context(recording), TAGS, &sealed)?;
            let tags: Vec<String> =
                serde_json::from_slice(&json).map_err(|_| crate::crypto::Error::Open)?;
            if tags.iter().any(|tag| tag.to_lowercase().contains(&sought)) {
                matching.push(id);
            }
        }
        Ok(matching)
    }
}
