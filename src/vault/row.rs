//! What a recording leaves in the index: its row, its marks, its derived data, its ledger entry.

use super::accept::Target;
use super::daily_cap::TrainingSettings;
use super::error::Error;
use super::fields::Draft;
use super::sealing::Sealed;
use super::{Vault, ledger, mutes, numbers};
use crate::audio::Analysis;
use crate::crypto::{WrapFacts, seal_note};
use crate::index::{self, recordings::Marks};
use crate::ledger::ciphertext;
use crate::model::{
    Class, ControllerId, E164, Event, Metadata, Recording, RecordingId, SealedKey, State, Timestamp,
};
use crate::retention::Dates;

impl Vault {
    /// Writes them, and once more when a day was renewed and this node had its older key.
    pub(super) async fn write_rows(
        &self,
        draft: &Draft,
        target: &Target,
        analysis: &Analysis,
        sealed: &Sealed,
        ended_at: Timestamp,
        dates: Dates,
    ) -> Result<Recording, Error> {
        match self.try_rows(draft, target, analysis, sealed, ended_at, dates).await {
            Err(Error::IndexAway(index::Error::Renewed(_))) => {
                self.0.keys.refresh().await?;
                self.try_rows(draft, target, analysis, sealed, ended_at, dates).await
            }
            written => written,
        }
    }

    async fn try_rows(
        &self,
        draft: &Draft,
        target: &Target,
        analysis: &Analysis,
        sealed: &Sealed,
        ended_at: Timestamp,
        dates: Dates,
    ) -> Result<Recording, Error> {
        let keys = &self.0.keys;
        let days = [dates.due_at.day(), dates.metadata_due_at.day()];
        keys.ensure(&[target.controller], &days).await?;
        let mut recording = self.row(draft, target, analysis, sealed, ended_at, dates)?;
        let marks = self.marks(draft, target, sealed)?;
        let context = sealed.context;
        let seek = seal_note(sealed.dek(), context, "seek", &analysis.index.to_bytes())?;
        let waveform = seal_note(sealed.dek(), context, "waveform", &analysis.waveform.to_bytes())?;
        let salt = crate::crypto::public_salt()?;
        let entry = ledger::about(
            target.controller,
            recording.received_at,
            Event::RecordingAccepted,
            recording.id,
            &serde_json::json!({
                "class": draft.class, "due": ledger::due_hour(dates.due_at), "pol": target.policy,
                "len": ledger::size_bucket(sealed.len),
                "loc": self.0.settings.location.country,
                "kek": keys.fingerprint(recording.key.day).map(hex::encode),
                "ct_root": sealed.tree.root().to_string(),
                "ct_chunks": ciphertext::commit(&salt, sealed.tree.count()).to_string(),
            }),
        );
        let mut tx = self.addition().await?;
        if let Some((version, _)) = target.version {
            // A change of policy that comes into force meanwhile would pass this recording by.
            let in_force = index::policies::version_in_force(&mut tx, target.controller).await?;
            if in_force != Some(version) {
                return Err(Error::StalePreview);
            }
        }
        index::recordings::insert(&mut tx, &recording, &marks).await?;
        index::derived::insert(&mut tx, recording.id, "seek", &seek).await?;
        index::derived::insert(&mut tx, recording.id, "waveform", &waveform).await?;
        let tree = sealed.tree.to_bytes(&salt);
        index::derived::insert(&mut tx, recording.id, ciphertext::KIND, &tree).await?;
        let mut entries = vec![entry];
        entries.extend(mutes::keep_pauses(&mut tx, &mut recording, &draft.pauses).await?);
        entries.extend(self.caught(&mut tx, draft, &mut recording).await?);
        index::ledger_entries::append(&mut tx, &entries).await?;
        // Notice is given with an entry in the same ledger: it came before this one, or it waits.
        if recording.class == Class::Customer {
            let customer = index::controllers::customer(&mut tx, target.controller).await?;
            if !customer.is_some_and(|customer| customer.takes_recordings()) {
                return Err(Error::NotSubscribed);
            }
        }
        self.still_fits(&mut tx, draft, target, sealed).await?;
        between_steps!("ingest.written");
        tx.commit().await?;
        between_steps!("ingest.committed");
        Ok(recording)
    }

    fn row(
        &self,
        draft: &Draft,
        target: &Target,
        analysis: &Analysis,
        sealed: &Sealed,
        ended_at: Timestamp,
        dates: Dates,
    ) -> Result<Recording, Error> {
        let id = sealed.context.recording;
        let day = dates.due_at.day();
        let generation = self.0.keys.generation(day);
        let facts = WrapFacts {
            controller: target.controller,
            recording: id,
            kind: sealed.context.kind,
            class: draft.class,
            day,
            generation,
            plain_len: sealed.len,
            salt: *sealed.salt(),
            commitment: *sealed.commitment(),
        };
        let wrap = self.0.keys.wrap(sealed.dek(), &facts)?;
        let sound = analysis.duration_ms.and_then(|ms| i64::try_from(ms).ok());
        let started_at = draft.started_at.unwrap_or_else(|| {
            ended_at.plus(jiff::SignedDuration::from_millis(-sound.unwrap_or(0)))
        });
        let said = i64::try_from(ended_at.since(started_at).as_millis()).ok();
        let sealed_numbers = numbers::seal(
            &self.0.keys,
            target.controller,
            id,
            dates.metadata_due_at.day(),
            &draft.numbers,
        )?;
        let known = |value: u32| i32::try_from(value).ok().filter(|value| *value > 0);
        Ok(Recording {
            id,
            controller: target.controller,
            class: draft.class,
            state: State::Stored,
            source: draft.source.clone(),
            policy: target.policy.clone(),
            metadata: Metadata {
                direction: draft.direction,
                started_at: Some(started_at),
                ended_at: Some(ended_at),
                duration_ms: sound.or(said),
                size_bytes: i64::try_from(sealed.len).ok(),
                codec: Some(analysis.codec.clone()),
                sample_rate: known(analysis.sample_rate),
                channels: known(analysis.channels.into()),
                unplayable: analysis.unplayable.map(str::to_owned),
                agent: draft.agent.clone(),
                queue: draft.queue.clone(),
                line: draft.line.clone(),
                withheld: draft.withheld,
                numbers: sealed_numbers,
            },
            received_at: self.0.clock.now(),
            due_at: dates.due_at,
            metadata_due_at: dates.metadata_due_at,
            held: false,
            restricted: false,
            ground: None,
            objected: false,
            sampled: self.in_sample(draft.class, target.controller, id)?,
            annotated: false,
            muted: 0,
            mutes_version: 0,
            cause: None,
            case_id: None,
            key_destroyed_at: None,
            erased_at: None,
            key: SealedKey {
                wrap: Some(wrap),
                day,
                generation,
                salt: sealed.salt().to_vec(),
                commitment: sealed.commitment().to_vec(),
            },
        })
    }

    /// Whether trainers are shown it: a keyed hash of its identifier, which the vault draws, says so,
    /// and nobody who sends recordings can tell or steer that.
    fn in_sample(
        &self,
        class: Class,
        controller: ControllerId,
        id: RecordingId,
    ) -> Result<bool, Error> {
        let share = self.0.settings.training.sample;
        if class != Class::Support || share >= TrainingSettings::ALL {
            return Ok(true);
        }
        let hash = self.0.keys.blind(controller, "sample", id.as_bytes())?;
        let (place, _) = hash.split_first_chunk::<8>().ok_or(crate::crypto::Error::Open)?;
        let place = u128::from(u64::from_be_bytes(*place)) * u128::from(TrainingSettings::ALL);
        Ok(place >> 64 < u128::from(share))
    }

    fn marks(&self, draft: &Draft, target: &Target, sealed: &Sealed) -> Result<Marks, Error> {
        let blind = |number: &Option<E164>| match number {
            Some(number) => numbers::blind(&self.0.keys, target.controller, number).map(Some),
            None => Ok(None),
        };
        Ok(Marks {
            call_key: Some(self.call_key(draft, target)?),
            content_key: Some(self.content_key(target, sealed)?),
            caller_blind: blind(&draft.numbers.caller)?,
            callee_blind: blind(&draft.numbers.callee)?,
            digest: seal_note(sealed.dek(), sealed.context, "sha256", &sealed.digest)?,
            ct_root: Some(sealed.tree.root().0),
        })
    }

    /// What the same call's uploads have in common: source, call id and leg, or the call's time.
    pub(super) fn call_key(&self, draft: &Draft, target: &Target) -> Result<[u8; 32], Error> {
        let time = || draft.started_at.or(draft.ended_at).map_or(String::new(), |t| t.to_string());
        let call = draft.call_id.clone().unwrap_or_else(time);
        let leg = draft.leg.as_deref().unwrap_or("");
        let parts = serde_json::to_vec(&(&draft.source, draft.call_id.is_some(), call, leg))
            .expect("texts are always JSON");
        Ok(self.0.keys.blind(target.controller, "call", &parts)?)
    }

    pub(super) fn content_key(&self, target: &Target, sealed: &Sealed) -> Result<[u8; 32], Error> {
        Ok(self.0.keys.blind(target.controller, "content", &sealed.digest)?)
    }
}
