//! What the ledger records: events with codes, ids and numbers, and no personal data (I12).

use super::ids::{ControllerId, RecordingId};
use super::time::Timestamp;

text_enum! {
    /// What happened (compliance-reference C.2.4).
    pub enum Event {
        /// A recording was taken in.
        RecordingAccepted => "recording.accepted",
        /// Its instant of erasure moved.
        RecordingDueChanged => "recording.due_changed",
        /// Its audio is gone, verified.
        RecordingErased => "recording.erased",
        /// Its object is missing or damaged.
        RecordingLost => "recording.lost",
        /// An upload was refused.
        IngestRefused => "ingest.refused",
        /// Its use was restricted.
        RestrictionSet => "restriction.set",
        /// Its use is free again.
        RestrictionLifted => "restriction.lifted",
        /// Erasing began.
        ErasureStarted => "erasure.started",
        /// A hold or a restriction came before the key was destroyed: it is stored again.
        ErasureAborted => "erasure.aborted",
        /// Its wrap was destroyed: the point of no return.
        ErasureKeyDestroyed => "erasure.key_destroyed",
        /// A day later it was still absent.
        ErasureReverified => "erasure.reverified",
        /// A day later it was there again: an incident.
        ErasureReappeared => "erasure.reappeared",
        /// Erasing keeps failing.
        ErasureStuck => "erasure.stuck",
        /// Its metadata is gone.
        MetadataErased => "metadata.erased",
        /// Days' keys were forgotten.
        KekDestroyed => "kek.destroyed",
        /// Somebody listened.
        AccessPlayed => "access.played",
        /// Somebody was refused.
        AccessDenied => "access.denied",
        /// A customer was added or changed.
        TenantEnabled => "tenant.enabled",
        /// A term was set.
        PolicyChanged => "policy.changed",
        /// Metadata was rectified.
        RecordingRectified => "recording.rectified",
        /// Mass erasing was stopped, or let go on.
        EraserBraked => "erasure.braked",
        /// The clock jumped.
        ClockAnomaly => "clock.anomaly",
        /// The first entry of a log.
        LogOpened => "log.opened",
        /// In the log over all logs: how far one of them is.
        LogCheckpoint => "log.checkpoint",
        /// Recording was switched on for a customer.
        RecordingSwitchedOn => "tenant.recording_on",
        /// Recording was switched off for a customer.
        RecordingSwitchedOff => "tenant.recording_off",
        /// Something else about a customer was changed.
        TenantChanged => "tenant.changed",
        /// Somebody was given a token.
        TokenCreated => "token.created",
        /// A token was taken back.
        TokenRevoked => "token.revoked",
        /// Entries that a restored index lacked were put back, and their erasures done again.
        RestoreCompleted => "restore.completed",
        /// A witness signs the checkpoints, for the first time or again.
        WitnessCosigned => "witness.cosigned",
        /// A witness does not answer, or refuses.
        WitnessUnreachable => "witness.unreachable",
    }
}

/// One entry of a controller's ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Whose ledger.
    pub controller: ControllerId,
    /// Its place in it, from 0.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event,
    /// About which recording, if one.
    pub recording: Option<RecordingId>,
    /// The leaf: the bytes that are hashed, JSON with codes, ids and integers only.
    pub body: String,
}
