//! A recording as a caller may see it: what it may not see is masked or absent.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::error::Error;
use super::{Vault, numbers};
use crate::model::{Caller, Grant, Numbers, Purpose, Recording, Role, State, Subject, listen};

/// A recording, as the API shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "the contract names them")]
pub struct RecordingView {
    /// Its identifier.
    pub id: Uuid,
    /// `support` or `customer`.
    #[schema(value_type = String)]
    pub class: crate::model::Class,
    /// Who decides over it: `provider` or `customer`.
    pub controller: &'static str,
    /// The customer's opaque identifier, for customer recordings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<Uuid>,
    /// `stored`, `erasing`, `audio_erased`, `tombstone` or `lost`.
    #[schema(value_type = String)]
    pub state: State,
    /// `inbound`, `outbound` or `internal`.
    #[schema(value_type = Option<String>)]
    pub direction: Option<crate::model::Direction>,
    /// When the call began (RFC 3339, UTC).
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<crate::model::Timestamp>,
    /// When the call ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<crate::model::Timestamp>,
    /// Seconds of sound.
    pub duration: Option<f64>,
    /// Container and codec, such as `wav/pcm_mulaw`.
    pub codec: Option<String>,
    /// Samples per second.
    pub sample_rate: Option<i32>,
    /// Channels.
    pub channels: Option<i32>,
    /// Bytes of the audio as it came.
    pub size: Option<i64>,
    /// Whether the vault can decode it (`as=wav`, waveform).
    pub playable: bool,
    /// Why not, if it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unplayable_reason: Option<String>,
    /// Who answered.
    pub agent: Option<String>,
    /// The queue or group.
    pub queue: Option<String>,
    /// The line or user.
    pub line: Option<String>,
    /// Who called: in full, masked, or absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// Who was called: in full, masked, or absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callee: Option<String>,
    /// Whether the caller withheld the number.
    pub withheld: bool,
    /// When the vault took it in.
    #[schema(value_type = String, format = DateTime)]
    pub received_at: crate::model::Timestamp,
    /// The instant the audio must be gone.
    #[schema(value_type = String, format = DateTime)]
    pub due_at: crate::model::Timestamp,
    /// Whether a hold keeps it.
    pub held: bool,
    /// Whether its use is restricted.
    pub restricted: bool,
    /// On which ground, for those who decide over it or check.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub restriction_ground: Option<crate::model::Ground>,
    /// Whether somebody objected: nobody trains with it then.
    pub objected: bool,
    /// Words it is found by, for those who train with it.
    pub tags: Vec<String>,
    /// How many notes there are, for those who train with it.
    pub notes: i64,
    /// How many parts are muted for every purpose but evidence and disclosure.
    pub muted: i32,
    /// What the caller may hear it for, now.
    #[schema(value_type = Vec<String>)]
    pub purposes: Vec<Purpose>,
    /// Why it was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub cause: Option<crate::model::Cause>,
    /// When its absence was verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub erased_at: Option<crate::model::Timestamp>,
}

impl Vault {
    /// The recording as this caller may see it.
    pub(super) fn view(
        &self,
        caller: &Caller,
        recording: &Recording,
    ) -> Result<RecordingView, Error> {
        let metadata = &recording.metadata;
        let provider = recording.controller == self.0.provider;
        let (from, to) = self.shown_numbers(caller, recording)?;
        Ok(RecordingView {
            id: recording.id.0,
            class: recording.class,
            controller: if provider { "provider" } else { "customer" },
            customer: (!provider).then_some(recording.controller.0),
            state: recording.state,
            direction: metadata.direction,
            started_at: metadata.started_at,
            ended_at: metadata.ended_at,
            duration: metadata.duration_ms.map(seconds),
            codec: metadata.codec.clone(),
            sample_rate: metadata.sample_rate,
            channels: metadata.channels,
            size: metadata.size_bytes,
            playable: recording.state == State::Stored && metadata.unplayable.is_none(),
            unplayable_reason: metadata.unplayable.clone(),
            agent: metadata.agent.clone(),
            queue: metadata.queue.clone(),
            line: metadata.line.clone(),
            caller: from,
            callee: to,
            withheld: metadata.withheld,
            received_at: recording.received_at,
            due_at: recording.due_at,
            held: recording.held,
            restricted: recording.restricted,
            restriction_ground: recording.ground.filter(|_| caller.has(Grant::SeeErasures)),
            objected: recording.objected,
            tags: Vec::new(),
            notes: 0,
            muted: recording.muted,
            purposes: self.purposes(caller, recording),
            cause: recording.cause,
            erased_at: recording.erased_at,
        })
    }

    /// Full for those who may see them, masked for those who listen, absent for the rest.
    fn shown_numbers(
        &self,
        caller: &Caller,
        recording: &Recording,
    ) -> Result<(Option<String>, Option<String>), Error> {
        let masked = [Role::Trainer, Role::Evidence, Role::Legal, Role::Ingest];
        let full = caller.has(Grant::SeeNumbers);
        if recording.state != State::Stored || !(full || masked.iter().any(|role| caller.is(*role)))
        {
            return Ok((None, None));
        }
        let Numbers { caller: from, callee: to } = numbers::open(&self.0.keys, recording)?;
        let show = |number: Option<crate::model::E164>| {
            number.map(|n| if full { n.reveal().to_owned() } else { n.masked() })
        };
        Ok((show(from), show(to)))
    }

    fn purposes(&self, caller: &Caller, recording: &Recording) -> Vec<Purpose> {
        let now = self.0.clock.now();
        let may = |purpose: &Purpose| {
            let subject = Subject { recording, purpose: Some(*purpose), case: true, now };
            listen(caller, subject).is_ok()
        };
        Purpose::ALL.iter().copied().filter(may).collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a call are far below 2^52")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}
