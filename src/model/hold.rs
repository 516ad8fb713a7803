//! What keeps a recording past its term, and the second person that some changes need.

use super::ids::{ApprovalId, ControllerId, HoldId, PrincipalId};
use super::recording::Direction;
use super::time::{Day, Timestamp};

text_enum! {
    /// Why recordings are held.
    pub enum HoldKind {
        /// An authority ordered it.
        AuthorityOrder => "authority_order",
        /// The controller needs them for a legal claim.
        LegalClaim => "legal_claim",
        /// The customer wants it so.
        Customer => "customer",
    }
}

/// What a hold looks for, in recordings to come as in those already there. Only keyed hashes of
/// it are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HoldFilter {
    /// The blind index of a number on either side.
    pub number: Option<[u8; 32]>,
    /// The keyed hash of who answered.
    pub agent: Option<[u8; 32]>,
    /// The keyed hash of the queue.
    pub queue: Option<[u8; 32]>,
    /// The keyed hash of the line.
    pub line: Option<[u8; 32]>,
    /// Which way.
    pub direction: Option<Direction>,
    /// Calls that began at or after this.
    pub from: Option<Timestamp>,
    /// Calls that began before this.
    pub to: Option<Timestamp>,
}

/// A hold: recordings that are not erased before somebody releases it (I7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Which one.
    pub id: HoldId,
    /// Whose recordings it keeps.
    pub controller: ControllerId,
    /// Why.
    pub kind: HoldKind,
    /// The opaque reference of the case behind it.
    pub case_id: String,
    /// Who placed it: never the one who agrees to its release.
    pub placed_by: PrincipalId,
    /// When.
    pub placed_at: Timestamp,
    /// The day by which somebody must have looked whether it is still needed.
    pub review_on: Day,
    /// What it looks for, unless it names its recordings.
    pub filter: Option<HoldFilter>,
    /// When it was released.
    pub released_at: Option<Timestamp>,
    /// Who agreed to that.
    pub released_by: Option<PrincipalId>,
    /// How many recordings it keeps or kept.
    pub recordings: i64,
}

text_enum! {
    /// What one person asks for and another has to agree to.
    pub enum ApprovalKind {
        /// Releasing a hold.
        HoldRelease => "hold.release",
        /// Moving the review of a hold to a later day.
        HoldExtend => "hold.extend",
        /// Handing out a recording as evidence.
        EvidencePackage => "evidence.package",
    }
}

text_enum! {
    /// What became of something asked for.
    pub enum ApprovalDecision {
        /// A second person agreed, and it was done.
        Approved => "approved",
        /// Somebody said no.
        Refused => "refused",
        /// Nobody agreed in time.
        Expired => "expired",
    }
}

/// Something one person asked for and another has to agree to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Which one.
    pub id: ApprovalId,
    /// Whose affair it is.
    pub controller: ControllerId,
    /// What is asked for.
    pub kind: ApprovalKind,
    /// What it is about.
    pub subject: uuid::Uuid,
    /// What exactly, where the kind leaves that open.
    pub detail: Option<i64>,
    /// Who asked.
    pub asked_by: PrincipalId,
    /// When.
    pub asked_at: Timestamp,
    /// Until when somebody can agree.
    pub expires_at: Timestamp,
    /// What became of it.
    pub decision: Option<ApprovalDecision>,
}
