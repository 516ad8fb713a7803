//! A recording and the customer it may belong to, as the index knows them.

use super::ids::{ControllerId, CustomerRef, RecordingId};
use super::number::E164;
use super::restriction::Ground;
use super::term::Term;
use super::time::{Day, Timestamp};

text_enum! {
    /// Why a recording is made, which decides its controller, its ground and its term.
    pub enum Class {
        /// Somebody called the provider. The provider is controller; gone at 90 days.
        Support => "support",
        /// A customer ordered call recording and is controller; gone at the customer's own term.
        Customer => "customer",
    }
}

text_enum! {
    /// Which way a call went, seen from the one who records.
    pub enum Direction {
        /// Somebody called in.
        Inbound => "inbound",
        /// Somebody was called.
        Outbound => "outbound",
        /// Both parties belong to the same organisation.
        Internal => "internal",
    }
}

text_enum! {
    /// Where a recording is in its life. *Due* is never a state: it is computed from the clock.
    pub enum State {
        /// Its audio can be opened.
        Stored => "stored",
        /// It is being erased: no content read succeeds any more.
        Erasing => "erasing",
        /// Its key is destroyed and its object is absent; the metadata still has its own term.
        AudioErased => "audio_erased",
        /// Nothing personal is left: only the facts that prove the erasure.
        Tombstone => "tombstone",
        /// Its object is missing or damaged: an incident.
        Lost => "lost",
    }
}

text_enum! {
    /// Why a recording was erased (I5). Only `term` needs no case.
    pub enum Cause {
        /// Its term ended.
        Term => "term",
        /// Its controller chose a shorter term.
        PolicyShortened => "policy_shortened",
        /// Somebody asked for it.
        Request => "request",
        /// Somebody objected to it.
        Objection => "objection",
        /// Somebody withdrew consent.
        ConsentWithdrawn => "consent_withdrawn",
        /// The customer left.
        EndOfService => "end_of_service",
        /// It holds card data that may not be kept (PCI DSS 3.3.1).
        Pci => "pci",
        /// Its object was lost: there is nothing left to keep.
        Lost => "lost",
    }
}

text_enum! {
    /// Where a customer is in its service.
    pub enum CustomerStatus {
        /// Served.
        Active => "active",
        /// Leaving; recordings can still be fetched.
        Leaving => "leaving",
        /// Gone, with its key.
        Ended => "ended",
    }
}

/// The key of a recording as its row holds it: nothing here opens anything without the keyring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedKey {
    /// The DEK, wrapped (60 bytes); `None` once destroyed.
    pub wrap: Option<Vec<u8>>,
    /// The day whose key wraps it.
    pub day: Day,
    /// The generation of that day's key.
    pub generation: i32,
    /// The object's salt, 32 bytes.
    pub salt: Vec<u8>,
    /// The object's key commitment, 32 bytes.
    pub commitment: Vec<u8>,
}

/// What is known of a call. Personal data: gone at [`Recording::metadata_due_at`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// Which way the call went.
    pub direction: Option<Direction>,
    /// When the call began.
    pub started_at: Option<Timestamp>,
    /// When the call ended.
    pub ended_at: Option<Timestamp>,
    /// Milliseconds of sound, counted by decoding; `None` when nothing decodes it.
    pub duration_ms: Option<i64>,
    /// The size of the audio as it came.
    pub size_bytes: Option<i64>,
    /// The container and codec, such as `wav/pcm_mulaw`.
    pub codec: Option<String>,
    /// Samples per second.
    pub sample_rate: Option<i32>,
    /// Channels.
    pub channels: Option<i32>,
    /// Why the vault cannot decode it, if it cannot.
    pub unplayable: Option<String>,
    /// Who answered.
    pub agent: Option<String>,
    /// The queue or group it came through.
    pub queue: Option<String>,
    /// The line or user it belongs to.
    pub line: Option<String>,
    /// Whether the caller withheld the number. The number itself was dropped at ingest.
    pub withheld: bool,
    /// Caller and callee, sealed ([`Numbers`] is what is inside).
    pub numbers: Option<Vec<u8>>,
}

/// The numbers of a call, as they are before sealing and after opening.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Who called.
    pub caller: Option<E164>,
    /// Who was called.
    pub callee: Option<E164>,
}

/// A recording.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Recording {
    /// Its random identifier; its object in the store has the same name.
    pub id: RecordingId,
    /// Whose it is.
    pub controller: ControllerId,
    /// Why it was made.
    pub class: Class,
    /// Where it is in its life.
    pub state: State,
    /// Which ingest source sent it.
    pub source: String,
    /// The policy it was accepted under, such as `support/1`.
    pub policy: String,
    /// What is known of the call.
    pub metadata: Metadata,
    /// When the vault took it in; in a tombstone rounded up to the day's end.
    pub received_at: Timestamp,
    /// The instant the audio must be gone; in a tombstone rounded up to the hour.
    pub due_at: Timestamp,
    /// The instant the metadata must be gone.
    pub metadata_due_at: Timestamp,
    /// Whether a hold keeps it past its term.
    pub held: bool,
    /// Whether its use is restricted (GDPR art. 18): stored, not usable.
    pub restricted: bool,
    /// The strongest ground for that.
    pub ground: Option<Ground>,
    /// Whether somebody objected to training with it.
    pub objected: bool,
    /// Whether trainers are shown it: chosen when it was taken in.
    pub sampled: bool,
    /// Whether it has notes or tags.
    pub annotated: bool,
    /// How many parts of it are muted.
    pub muted: i32,
    /// How often that changed.
    pub mutes_version: i32,
    /// Why it was or is being erased.
    pub cause: Option<Cause>,
    /// The opaque reference of the case behind an early erasure.
    pub case_id: Option<String>,
    /// When its wrap was destroyed.
    pub key_destroyed_at: Option<Timestamp>,
    /// When its absence from the store was verified.
    pub erased_at: Option<Timestamp>,
    /// The key of its audio.
    pub key: SealedKey,
}

/// A customer: an organisation that ordered call recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Customer {
    /// Its opaque identifier.
    pub id: ControllerId,
    /// What the operator calls it.
    pub reference: CustomerRef,
    /// Its name.
    pub name: String,
    /// The processing agreement: without one nothing is recorded (GDPR art. 28).
    pub agreement: Option<String>,
    /// Whether recording is switched on.
    pub recording: bool,
    /// Where it is in its service.
    pub status: CustomerStatus,
    /// The retention term it chose; there is no silent default.
    pub term: Option<Term>,
    /// The version of that choice, from 1.
    pub policy_version: i32,
    /// The shortest term the law allows it.
    pub floor: Option<Term>,
    /// The longest term it may choose.
    pub ceiling: Term,
    /// The law behind floor and ceiling.
    pub legal_basis: Option<String>,
    /// When it was added.
    pub created_at: Timestamp,
}

impl Customer {
    /// Whether recordings of this customer may come in, a term and an agreement aside.
    #[must_use]
    pub fn takes_recordings(&self) -> bool {
        self.recording && self.status == CustomerStatus::Active
    }
}
