//! Evidence packages: a recording that leaves the vault as evidence, with what proves its history.

use super::caller::Purpose;
use super::ids::{ControllerId, EvidenceId, PrincipalId, RecordingId};
use super::time::{Day, Timestamp};

text_enum! {
    /// How far a package is.
    pub enum EvidenceState {
        /// One person asked for it.
        Asked => "asked",
        /// A second person agreed: it can be fetched.
        Approved => "approved",
        /// It was fetched: a copy is outside.
        HandedOut => "handed_out",
        /// Somebody said no.
        Refused => "refused",
    }
}

text_enum! {
    /// The language of its cover sheet.
    pub enum SheetLanguage {
        /// Dutch.
        Nl => "nl",
        /// English.
        En => "en",
    }
}

/// A package, and what was promised for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidencePackage {
    /// Which one.
    pub id: EvidenceId,
    /// Whose recording it is.
    pub controller: ControllerId,
    /// Of which recording.
    pub recording: RecordingId,
    /// What for: evidence or disclosure.
    pub purpose: Purpose,
    /// The opaque reference of the case behind it.
    pub case_id: String,
    /// Who gets it, sealed.
    pub recipient: Vec<u8>,
    /// The language of the cover sheet.
    pub language: SheetLanguage,
    /// The day by which the recipient promised to destroy it.
    pub destroy_by: Day,
    /// How far it is.
    pub state: EvidenceState,
    /// Who asked.
    pub asked_by: PrincipalId,
    /// When.
    pub asked_at: Timestamp,
    /// Who agreed: another person.
    pub approved_by: Option<PrincipalId>,
    /// When.
    pub approved_at: Option<Timestamp>,
    /// How often it was fetched.
    pub handed_out: i32,
    /// When it was fetched last.
    pub handed_out_at: Option<Timestamp>,
}
