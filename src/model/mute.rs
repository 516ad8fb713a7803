//! Parts of a recording that are silence for everybody who does not need them as evidence.

use super::ids::{MuteId, PrincipalId, RecordingId};
use super::time::Timestamp;

text_enum! {
    /// Why a part is muted.
    pub enum MuteReason {
        /// Somebody tells the data of a card (PCI DSS).
        CardData => "card_data",
        /// Somebody is heard who is no party to the call.
        Bystander => "bystander",
    }
}

/// A part of a recording that is muted. The original stays as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mute {
    /// Its identifier.
    pub id: MuteId,
    /// Of which recording.
    pub recording: RecordingId,
    /// Where it begins, in milliseconds.
    pub from_ms: i64,
    /// Where it ends.
    pub to_ms: i64,
    /// Why.
    pub reason: MuteReason,
    /// Who marked it; nobody when it came with the recording.
    pub marked_by: Option<PrincipalId>,
    /// When.
    pub marked_at: Timestamp,
}
