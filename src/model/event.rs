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
        /// Recordings were held.
        HoldPlaced => "hold.placed",
        /// Somebody looked whether a hold is still needed.
        HoldReviewed => "hold.reviewed",
        /// A hold was released.
        HoldReleased => "hold.released",
        /// Somebody objected to its use.
        ObjectionMade => "objection.made",
        /// An objection was decided.
        ObjectionDecided => "objection.decided",
        /// Somebody asked for what a second person has to agree to.
        ApprovalAsked => "approval.asked",
        /// That person decided.
        ApprovalDecided => "approval.decided",
        /// A part of it was muted.
        MuteSet => "mute.set",
        /// A part of it is heard again.
        MuteLifted => "mute.lifted",
        /// A second person agreed to an evidence package of it.
        EvidenceApproved => "evidence.approved",
        /// An evidence package of it left the vault.
        EvidenceHandedOut => "evidence.handed_out",
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
        /// A customer took its recording along in an export.
        AccessExported => "access.exported",
        /// Somebody was refused.
        AccessDenied => "access.denied",
        /// Somebody heard far more recordings than the others on a day.
        AccessOutlier => "access.outlier",
        /// A customer was added.
        TenantEnabled => "tenant.enabled",
        /// A customer leaves: recordings can be fetched for a while and then go.
        TenantNotice => "tenant.notice",
        /// It stays after all.
        TenantNoticeWithdrawn => "tenant.notice_withdrawn",
        /// Everything of a customer is erased and its key is destroyed.
        TenantErased => "tenant.erased",
        /// Recording was switched on for a customer.
        TenantRecordingOn => "tenant.recording_on",
        /// Recording was switched off for a customer.
        TenantRecordingOff => "tenant.recording_off",
        /// A token was made.
        TokenCreated => "token.created",
        /// A token was taken back.
        TokenRevoked => "token.revoked",
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
        /// An older index was put back and brought up to date with the wrap journal.
        IndexRestored => "index.restored",
        /// The clock jumped.
        ClockAnomaly => "clock.anomaly",
        /// The first entry of a log.
        LogOpened => "log.opened",
        /// In the log over all logs: how far one of them is.
        LogCheckpoint => "log.checkpoint",
        /// Something else about a customer was changed.
        TenantChanged => "tenant.changed",
        /// Entries that a restored index lacked were put back, and their erasures done again.
        RestoreCompleted => "restore.completed",
        /// A witness signs the checkpoints, for the first time or again.
        WitnessCosigned => "witness.cosigned",
        /// A witness does not answer, or refuses.
        WitnessUnreachable => "witness.unreachable",
        /// A certificate of erasure was made.
        CertificateIssued => "certificate.issued",
        /// The store was asked what it does with what is deleted.
        PostureChecked => "posture.checked",
        /// Somebody signed in.
        SessionStarted => "session.started",
        /// Sign-ins failed so often that the next has to wait.
        SignInLocked => "sign_in.locked",
        /// Somebody can sign in from now on.
        AccountCreated => "account.created",
        /// Something about that changed, other than the roles.
        AccountChanged => "account.changed",
        /// Roles were proposed, and wait for a second person.
        AccountRolesProposed => "account.roles_proposed",
        /// That person said no.
        AccountRolesRefused => "account.roles_refused",
        /// Somebody's roles are others.
        AccountRolesChanged => "account.roles_changed",
        /// Somebody asked for proof that recordings are there, and got an answer.
        InventoryAttested => "inventory.attested",
    }
}

text_enum! {
    /// What is told to whoever wants to hear of it: a few of the ledger's events, under the names
    /// of the API.
    pub enum WebhookEvent {
        /// A recording was taken in.
        RecordingStored => "recording.stored",
        /// The audio of a recording is gone, verified.
        RecordingErased => "recording.erased",
        /// A hold was placed.
        RecordingHeld => "recording.held",
        /// A retention policy was changed.
        PolicyChanged => "policy.changed",
        /// An upload was refused.
        IngestRefused => "ingest.refused",
        /// Everything of a customer is erased and its key is destroyed: told to the provider.
        TenantErased => "tenant.erased",
    }
}

impl WebhookEvent {
    /// What the ledger calls it.
    #[must_use]
    pub const fn ledger_word(self) -> &'static str {
        match self {
            Self::RecordingStored => "recording.accepted",
            Self::RecordingErased => "recording.erased",
            Self::RecordingHeld => "hold.placed",
            Self::PolicyChanged => "policy.changed",
            Self::IngestRefused => "ingest.refused",
            Self::TenantErased => "tenant.erased",
        }
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
