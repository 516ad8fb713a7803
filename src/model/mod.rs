//! The words: what a recording is, who may do what with it, and when it must be gone. No I/O.
//!
//! Every other room speaks in these types. Anything that comes from outside is parsed into one of
//! them at the edge and is right by construction from there on.

#[macro_use]
mod text_enum;

mod access;
#[cfg(test)]
mod access_tests;
mod becomes;
mod byte_range;
mod caller;
mod event;
mod evidence;
mod free_text;
mod hold;
mod ids;
mod mute;
mod number;
mod page;
mod policy;
mod recording;
mod remains;
mod restriction;
mod scope;
mod term;
mod time;

pub use access::{Decision, Denied, Listening, Subject, is_own_call, knows, listen, take_along};
pub use becomes::Becomes;
pub use byte_range::{ByteRanges, RangeError};
pub use caller::{Caller, Grant, IngestScope, Purpose, Role, role_grants};
pub use event::{Entry, Event, WebhookEvent};
pub use evidence::{EvidencePackage, EvidenceState, SheetLanguage};
pub use free_text::{Personal, personal_number};
pub use hold::{Approval, ApprovalDecision, ApprovalKind, Hold, HoldFilter, HoldKind};
pub use ids::{
    ApprovalId, ControllerId, CustomerRef, DeliveryId, EvidenceId, ExportId, HoldId, ItemId,
    MuteId, NoteId, PlaybackId, PrincipalId, RecordingId, RefError, SessionId, TrainingSetId,
    WebhookId,
};
pub use mute::{Mute, MuteReason};
pub use number::{E164, NumberError};
pub use page::{Cursor, CursorError, Limit, Page};
pub use policy::{
    MAX_RULES, Place, Policy, PolicyError, PolicyOrigin, PolicyProblem, PolicyStage, Rule, field,
};
pub use recording::{
    Cause, Class, Customer, CustomerStatus, Direction, Metadata, Numbers, Recording, SealedKey,
    State,
};
pub use remains::{ErasureStatus, Remains};
pub use restriction::{Ground, Outcome};
pub use scope::{Call, Scope, ScopeError};
pub use term::{Term, TermError};
pub use text_enum::UnknownWord;
pub use time::{Clock, Day, TimeZone, Timestamp};
