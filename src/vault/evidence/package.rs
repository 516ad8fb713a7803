//! What is in an evidence package, made when it is fetched and never kept.
//!
//! Everything but the audio is small and comes first; the audio follows as it is read, and the
//! directory ends the archive. Its fetching is in the ledger before the first byte leaves, and in
//! the chain of custody inside.

use bytes::Bytes;
use crc32fast::Hasher;
use futures_util::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::super::content::{self, Content};
use super::super::error::Error;
use super::super::play::{Form, Heard, Wish, extension};
use super::super::zip::{self, DESCRIPTOR, DIRECTORY, END, File, LOCAL};
use super::super::{Vault, ledger, must, numbers};
use crate::crypto::open_note;
use crate::index::{evidence as rows, ledger_entries, mutes, recordings};
use crate::ledger::certificate::Proven;
use crate::ledger::evidence::{
    Audio, COVER, CUSTODY, Call, Custody, DETAILS, Details, Listed, MANIFEST, Manifest, SCHEMA,
    to_text,
};
use crate::ledger::tree::inclusion_ranges;
use crate::ledger::{self as log, Checkpoint, Language, Note};
use crate::model::{
    Caller, ControllerId, Event, EvidenceId, EvidencePackage, EvidenceState, Grant, SheetLanguage,
};

/// A package on its way out.
pub struct Package {
    /// The files before the audio, and its own head.
    head: Vec<u8>,
    /// What the directory says of those.
    directory: Vec<u8>,
    /// How many those are.
    files: u64,
    /// Where the head of the audio begins.
    audio_at: u64,
    name: String,
    content: Content,
}

impl Vault {
    /// Hands out a package that two persons agreed on.
    pub async fn hand_out_evidence(
        &self,
        caller: &Caller,
        id: EvidenceId,
    ) -> Result<Package, Error> {
        must(caller, Grant::AskEvidence)?;
        let found = rows::find(&self.0.index, caller.controller, id).await?;
        let package = found.ok_or(Error::NotFound)?;
        if !matches!(package.state, EvidenceState::Approved | EvidenceState::HandedOut) {
            return Err(Error::Conflict("a second person has to agree to this package first"));
        }
        let signer = self.0.signer.clone().ok_or(Error::Conflict(
            "this node does not sign: ask one that has the key of the ledger",
        ))?;
        let wish = Wish {
            recording: package.recording,
            purpose: Some(package.purpose),
            case: Some(package.case_id.clone()),
        };
        let heard = self.hear(caller, &wish).await?;
        let mut content = self.content(&heard, Some(Form::Original)).await?;
        let details = self.details(&package, &heard, content.len()).await?;
        // What is heard of it until now belongs in the chain of custody.
        self.end_playbacks_of(package.recording).await?;
        self.heard(&heard, &mut content).await?;
        self.note_handing_out(caller, &package).await?;
        let custody = self.custody(&package).await?;
        let language = match package.language {
            SheetLanguage::Nl => Language::Nl,
            SheetLanguage::En => Language::En,
        };
        let files = [
            (COVER, log::cover(&details, &custody, language)?),
            (DETAILS, to_text(&details).into_bytes()),
            (CUSTODY, to_text(&custody).into_bytes()),
        ];
        let listed = |name: &str, size: usize, sha256: String| Listed {
            name: name.to_owned(),
            size: size as u64,
            sha256,
        };
        let mut all: Vec<_> = files
            .iter()
            .map(|(name, bytes)| listed(name, bytes.len(), hex::encode(Sha256::digest(bytes))))
            .collect();
        let Audio { file: name, size, sha256, .. } = details.audio;
        all.push(Listed { name: name.clone(), size, sha256 });
        let origin = self.origin(package.controller);
        let manifest = Manifest {
            log: origin.clone(),
            package: id.0,
            recording: package.recording,
            issued_at: log::told(Event::EvidenceHandedOut, self.0.clock.now()),
            files: all,
        };
        let note = signer.attest(&origin, manifest.text())?.to_string().into_bytes();
        let [cover, details, custody] = files;
        Ok(Package::of(vec![cover, details, custody, (MANIFEST, note)], name, content))
    }

    /// Puts the handing out into the record and the ledger.
    async fn note_handing_out(
        &self,
        caller: &Caller,
        package: &EvidencePackage,
    ) -> Result<(), Error> {
        let now = self.0.clock.now();
        let body = json!({
            "package": package.id, "by": caller.id, "case": package.case_id,
            "purpose": package.purpose, "destroy_by": package.destroy_by.to_string(),
        });
        let (of, about) = (package.controller, package.recording);
        let entry = ledger::about(of, now, Event::EvidenceHandedOut, about, &body);
        let mut tx = self.addition().await?;
        if !rows::hand_out(&mut tx, package.id, now).await? {
            return Err(Error::Conflict("this package may not be fetched any more"));
        }
        ledger_entries::append(&mut tx, &[entry]).await?;
        tx.commit().await?;
        Ok(())
    }

    /// What is known of the call. The numbers are in full: that is what the case is about.
    async fn details(
        &self,
        package: &EvidencePackage,
        heard: &Heard,
        size: u64,
    ) -> Result<Details, Error> {
        let recording = &heard.recording;
        let metadata = &recording.metadata;
        let sealed = recordings::digest(&self.0.index, recording.id).await?;
        let sealed = sealed.ok_or(crate::crypto::Error::Open)?;
        let dek = self.dek(recording, heard.may)?;
        let digest = open_note(&dek, content::context(recording), "sha256", &sealed)?;
        let found = numbers::open(&self.0.keys, recording)?;
        let muted = mutes::list(&self.0.index, recording.controller, recording.id).await?;
        let approved_by = package.approved_by.ok_or(Error::SecondPerson)?;
        Ok(Details {
            schema: SCHEMA.into(),
            package: package.id.0,
            purpose: package.purpose,
            case: package.case_id.clone(),
            recipient: self.recipient(package)?,
            destroy_by: package.destroy_by.to_string(),
            asked_by: package.asked_by.0,
            approved_by: approved_by.0,
            recording: Call {
                id: recording.id,
                class: recording.class,
                policy: recording.policy.clone(),
                source: recording.source.clone(),
                direction: metadata.direction,
                started_at: metadata.started_at,
                ended_at: metadata.ended_at,
                received_at: recording.received_at,
                due_at: recording.due_at,
                caller: found.caller.map(|number| number.reveal().to_owned()),
                callee: found.callee.map(|number| number.reveal().to_owned()),
                withheld: metadata.withheld,
                agent: metadata.agent.clone(),
                queue: metadata.queue.clone(),
                line: metadata.line.clone(),
                muted_ms: muted.iter().map(|mute| (mute.from_ms, mute.to_ms)).collect(),
            },
            audio: Audio {
                file: format!("audio/{}.{}", recording.id, extension(recording)),
                size,
                sha256: hex::encode(&*digest),
                codec: metadata.codec.clone(),
                sample_rate: metadata.sample_rate,
                channels: metadata.channels,
                duration_ms: metadata.duration_ms,
            },
        })
    }

    /// Every entry of the ledger about the recording, with its proof.
    async fn custody(&self, package: &EvidencePackage) -> Result<Custody, Error> {
        let of = package.controller;
        let entries = ledger_entries::about(&self.0.index, package.recording).await?;
        let entries = entries.into_iter().filter(|entry| entry.controller == of);
        let mut entries: Vec<_> = entries
            .map(|entry| Proven {
                index: entry.seq.unsigned_abs(),
                entry: entry.body,
                hashes: Vec::new(),
            })
            .collect();
        let checkpoint = self.prove_all(of, &mut entries).await?;
        let (schema, log) = (SCHEMA.into(), self.origin(of));
        Ok(Custody { schema, recording: package.recording, log, entries, checkpoint })
    }

    /// Gives entries of one log their proofs, all from the same tiles.
    async fn prove_all(&self, of: ControllerId, entries: &mut [Proven]) -> Result<String, Error> {
        let last = entries.iter().map(|entry| entry.index).max().unwrap_or_default();
        let covering = self.log_over(of, last).await?;
        let text = covering.note.ok_or(Error::Busy)?;
        let size = Checkpoint::parse(text.parse::<Note>()?.text())?.size;
        let of_each: Vec<_> =
            entries.iter().map(|entry| inclusion_ranges(entry.index, size)).collect();
        let shelf = self.shelf(of, &of_each.concat()).await?;
        for (entry, ranges) in entries.iter_mut().zip(&of_each) {
            let hashes = shelf.hashes(ranges).ok_or(log::Error::Missing)?;
            entry.hashes = hashes.iter().map(ToString::to_string).collect();
        }
        Ok(text)
    }
}

impl Package {
    fn of(files: Vec<(&'static str, Vec<u8>)>, name: String, content: Content) -> Self {
        let (mut head, mut directory) = (Vec::new(), Vec::new());
        let count = files.len() as u64;
        for (name, bytes) in files {
            let (size, crc) = (bytes.len() as u64, zip::crc(&[&bytes]));
            let file = File { name, size, crc, described: false };
            directory.extend(file.directory_header(head.len() as u64));
            head.extend(file.local_header());
            head.extend(bytes);
        }
        let audio_at = head.len() as u64;
        let file = File { name: &name, size: content.len(), crc: 0, described: true };
        head.extend(file.local_header());
        Self { head, directory, files: count, audio_at, name, content }
    }

    /// How many bytes there are.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it always has a directory")]
    pub fn len(&self) -> u64 {
        let name = self.name.len() as u64;
        debug_assert_eq!(self.head.len() as u64, self.audio_at + LOCAL + name);
        let directory = self.directory.len() as u64 + DIRECTORY + name;
        self.head.len() as u64 + self.content.len() + DESCRIPTOR + directory + END
    }

    /// The bytes. Whether the recording may still be heard is asked again for every window of it.
    #[must_use]
    pub fn stream(self) -> BoxStream<'static, Result<Bytes, Error>> {
        let Self { head, directory, files, audio_at, name, content } = self;
        let size = content.len();
        let tail_at = head.len() as u64 + size;
        let windows = content.windows(0..size);
        let pieces = windows
            .map_ok(|pieces| stream::iter(pieces.into_iter().map(Ok::<Bytes, Error>)))
            .try_flatten();
        // The checksum is known when all of the audio went by.
        let audio = stream::unfold(Some((Box::pin(pieces), Hasher::new())), move |state| {
            let (name, directory) = (name.clone(), directory.clone());
            async move {
                let (mut pieces, mut hasher) = state?;
                match pieces.next().await {
                    Some(Ok(piece)) => {
                        hasher.update(&piece);
                        Some((Ok(piece), Some((pieces, hasher))))
                    }
                    Some(Err(error)) => Some((Err(error), None)),
                    None => {
                        let crc = hasher.finalize();
                        let file = File { name: &name, size, crc, described: true };
                        let mut tail = file.descriptor();
                        let at = tail_at + tail.len() as u64;
                        tail.extend(&directory);
                        tail.extend(file.directory_header(audio_at));
                        let len = tail_at + tail.len() as u64 - at;
                        tail.extend(zip::end(files + 1, at, len));
                        Some((Ok(Bytes::from(tail)), None))
                    }
                }
            }
        });
        stream::iter([Ok(Bytes::from(head))]).chain(audio).boxed()
    }
}
