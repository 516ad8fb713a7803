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
        /// A customer chose its first terms.
        PolicyCreated => "policy.created",
        /// Terms that were set are in force now.
        PolicyActivated => "policy.activated",
        /// Terms that are in force were applied to every recording there was.
        PolicyApplied => "policy.applied",
        /// Terms that were set were called back in time.
        PolicyCancelled => "policy.cancelled",
        /// An authority asked for a longer floor.
        PolicyFloorExtended => "policy.floor_extended",
        /// Metadata was rectified.
        RecordingRectified => "recording.rectified",
        /// Mass erasing was stopped, or let go on.
        EraserBraked => "erasure.braked",
        /// The clock jumped.
        ClockAnomaly => "clock.anomaly",
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
    /// The rest, as compact JSON: codes, ids and integers only.
    pub body: String,
}
