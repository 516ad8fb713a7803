//! Who calls, in which roles, and what those roles grant.

use std::collections::BTreeSet;

use super::hold::HoldKind;
use super::ids::{ControllerId, PrincipalId};
use super::recording::Class;

text_enum! {
    /// What somebody is to the vault.
    pub enum Role {
        /// A PBX that sends recordings.
        Ingest => "ingest",
        /// Trains support staff with support recordings.
        Trainer => "trainer",
        /// Uses support recordings as evidence of agreements.
        Evidence => "evidence",
        /// Decides for one customer.
        CustomerAdmin => "customer_admin",
        /// Listens to recordings of one customer.
        CustomerListener => "customer_listener",
        /// Data protection officer and privacy staff.
        Compliance => "compliance",
        /// Checks, and changes nothing.
        Auditor => "auditor",
        /// Handles orders of authorities.
        Legal => "legal",
        /// Runs the vault and never hears a call.
        Operator => "operator",
    }
}

impl Role {
    /// Whether the role belongs to one customer rather than to the provider.
    #[must_use]
    pub const fn is_customers(self) -> bool {
        matches!(self, Self::CustomerAdmin | Self::CustomerListener)
    }
}

text_enum! {
    /// What a recording is listened to for. A closed list: anything else is refused.
    pub enum Purpose {
        /// Training of support staff.
        Training => "training",
        /// Evidence of agreements made.
        Evidence => "evidence",
        /// A customer's own use of its own recordings.
        OwnUse => "own_use",
        /// Answering a person who exercises a right.
        Rights => "rights",
        /// Handing over to an authority that ordered it.
        Disclosure => "disclosure",
    }
}

impl Purpose {
    /// Whether a hold opens what is past its term for this purpose: a hold keeps, it does not open.
    #[must_use]
    pub const fn opens_held(self) -> bool {
        matches!(self, Self::Evidence | Self::Disclosure)
    }

    /// Whether muted parts are heard for this purpose too: then the recording itself is the point.
    #[must_use]
    pub const fn hears_muted(self) -> bool {
        matches!(self, Self::Evidence | Self::Disclosure)
    }

    /// Whether listening for this purpose needs a case to refer to.
    #[must_use]
    pub const fn needs_case(self) -> bool {
        matches!(self, Self::Evidence | Self::Rights | Self::Disclosure)
    }
}

/// Something a role allows, apart from listening (which [`super::listen`] decides).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Grant {
    /// Sending recordings.
    Upload,
    /// Finding and listing recordings of one's own controller.
    Find,
    /// Seeing telephone numbers in full.
    SeeNumbers,
    /// Erasing before the term ends.
    EraseEarly,
    /// Restricting use and lifting it.
    Restrict,
    /// Adding customers and switching recording on.
    ManageCustomers,
    /// Making and revoking tokens.
    ManageTokens,
    /// Seeing erasures.
    SeeErasures,
    /// Taking all of one's own recordings along.
    Export,
    /// Saying where events go out to.
    ManageWebhooks,
    /// Placing holds.
    PlaceHold,
    /// Asking for a hold to be released or extended, and agreeing to that.
    ReleaseHold,
    /// Seeing holds.
    SeeHolds,
    /// Seeing how long a customer keeps its recordings, and how that changed.
    SeePolicies,
    /// Deciding how long one's own recordings are kept.
    SetPolicies,
    /// Seeing the figures of compliance, accesses, changes of terms and the register.
    SeeCompliance,
    /// Making and changing accounts: a customer's own, or for the provider as a proposal.
    ManageAccounts,
    /// Agreeing to the roles that were proposed for somebody.
    ApproveAccounts,
    /// Seeing how the vault itself does: nodes, store, keyring.
    SeeHealth,
    /// Seeing who heard one's own recordings.
    SeeAccesses,
    /// Writing notes and tags, and keeping training sets.
    Annotate,
    /// Muting parts of recordings, and taking that back.
    Mute,
    /// Asking for evidence packages, and fetching those that another person agreed to.
    AskEvidence,
    /// Agreeing to an evidence package.
    ApproveEvidence,
    /// Seeing what was handed out.
    SeeEvidence,
}

impl Grant {
    /// Every grant.
    pub const ALL: &'static [Self] = &[
        Self::Upload,
        Self::Find,
        Self::SeeNumbers,
        Self::EraseEarly,
        Self::Restrict,
        Self::ManageCustomers,
        Self::ManageTokens,
        Self::SeeErasures,
        Self::Export,
        Self::ManageWebhooks,
        Self::PlaceHold,
        Self::ReleaseHold,
        Self::SeeHolds,
        Self::SeePolicies,
        Self::SetPolicies,
        Self::SeeCompliance,
        Self::ManageAccounts,
        Self::ApproveAccounts,
        Self::SeeHealth,
        Self::SeeAccesses,
        Self::Annotate,
        Self::Mute,
        Self::AskEvidence,
        Self::ApproveEvidence,
        Self::SeeEvidence,
    ];
}

/// What an ingest token may send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IngestScope {
    /// The name of the source: part of a recording's identity.
    pub source: String,
    /// The only class it may send, if it is bound to one.
    pub class: Option<Class>,
    /// The only customer it may send for, if it is bound to one.
    pub customer: Option<ControllerId>,
    /// The only lines it may send for, if it is bound to some.
    pub lines: Option<BTreeSet<String>>,
}

/// Whoever a token belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The pseudonym under which the ledger knows them.
    pub id: PrincipalId,
    /// Whose principal this is: the provider's or a customer's. Nothing of anybody else's exists
    /// for them (I15).
    pub controller: ControllerId,
    /// What they are.
    pub roles: BTreeSet<Role>,
    /// What they may send, when they are a source.
    pub ingest: IngestScope,
    /// The lines a listener is kept to, if any.
    pub lines: Option<BTreeSet<String>>,
    /// The name under which they take calls, if they do.
    pub agent: Option<String>,
    /// Whether calls of others do not exist for them.
    pub own_calls_only: bool,
}

impl Caller {
    /// Whether one of the roles allows this. Default: no.
    #[must_use]
    pub fn has(&self, grant: Grant) -> bool {
        self.roles.iter().any(|role| role_grants(*role, grant))
    }

    /// Whether one of the roles allows this for a hold of this kind.
    ///
    /// Evidence readers hold for legal claims, those who handle orders for authorities; a customer
    /// decides over its own recordings, and nobody else wants something as that customer.
    #[must_use]
    pub fn has_for(&self, grant: Grant, kind: HoldKind) -> bool {
        self.roles.iter().any(|role| {
            let fits = match role {
                Role::Evidence => kind == HoldKind::LegalClaim,
                Role::Legal => kind == HoldKind::AuthorityOrder,
                Role::Compliance => kind != HoldKind::Customer,
                _ => true,
            };
            fits && role_grants(*role, grant)
        })
    }

    /// Whether the caller is one of these.
    #[must_use]
    pub fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// Whether training is all the caller may know recordings for.
    #[must_use]
    pub fn only_trains(&self) -> bool {
        let finds = self.roles.iter().filter(|role| role_grants(**role, Grant::Find));
        self.is(Role::Trainer) && finds.count() == 1
    }

    /// Whether a recording on this line is within the lines the caller is kept to.
    #[must_use]
    pub fn reaches_line(&self, line: Option<&str>) -> bool {
        match &self.lines {
            None => true,
            Some(lines) => line.is_some_and(|line| lines.contains(line)),
        }
    }
}

/// The rows of compliance-reference C.5 that concern what exists.
///
/// Full numbers: a customer's own people see their own; provider staff see them masked until a
/// case opens them.
#[must_use]
pub const fn role_grants(role: Role, grant: Grant) -> bool {
    match grant {
        Grant::Upload => matches!(role, Role::Ingest),
        Grant::Find => matches!(
            role,
            Role::Trainer
                | Role::Evidence
                | Role::CustomerAdmin
                | Role::CustomerListener
                | Role::Compliance
                | Role::Auditor
        ),
        Grant::SeeNumbers => matches!(role, Role::CustomerAdmin | Role::CustomerListener),
        Grant::EraseEarly | Grant::Restrict => {
            matches!(role, Role::CustomerAdmin | Role::Compliance)
        }
        Grant::ManageCustomers | Grant::ManageTokens | Grant::SeeHealth => {
            matches!(role, Role::Operator)
        }
        Grant::SeeErasures => {
            matches!(role, Role::CustomerAdmin | Role::Compliance | Role::Auditor)
        }
        Grant::Export | Grant::SetPolicies => matches!(role, Role::CustomerAdmin),
        Grant::ManageWebhooks | Grant::ManageAccounts => {
            matches!(role, Role::CustomerAdmin | Role::Operator)
        }
        Grant::ApproveAccounts => matches!(role, Role::Compliance),
        Grant::PlaceHold => {
            matches!(role, Role::Evidence | Role::CustomerAdmin | Role::Compliance | Role::Legal)
        }
        Grant::ReleaseHold => {
            matches!(role, Role::CustomerAdmin | Role::Compliance | Role::Legal)
        }
        Grant::SeeHolds => matches!(
            role,
            Role::Evidence | Role::CustomerAdmin | Role::Compliance | Role::Auditor | Role::Legal
        ),
        Grant::SeePolicies => matches!(role, Role::CustomerAdmin | Role::Compliance),
        Grant::SeeCompliance => matches!(role, Role::Compliance | Role::Auditor),
        Grant::SeeAccesses => {
            matches!(role, Role::CustomerAdmin | Role::Compliance | Role::Auditor)
        }
        Grant::Annotate => matches!(role, Role::Trainer | Role::CustomerListener),
        Grant::Mute => matches!(role, Role::Evidence),
        Grant::AskEvidence => matches!(role, Role::Evidence | Role::Legal),
        Grant::ApproveEvidence => matches!(role, Role::Evidence | Role::Compliance | Role::Legal),
        Grant::SeeEvidence => {
            matches!(role, Role::Evidence | Role::Compliance | Role::Auditor | Role::Legal)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One line a role; the columns are `Grant::ALL` in order.
    const MATRIX: &[(Role, &str)] = &[
        (Role::Ingest, "#........................"),
        (Role::Trainer, ".#..................#...."),
        (Role::Evidence, ".#........#.#........####"),
        (Role::CustomerAdmin, ".####..########.#..#....."),
        (Role::CustomerListener, ".##.................#...."),
        (Role::Compliance, ".#.##..#..####.#.#.#...##"),
        (Role::Auditor, ".#.....#....#..#...#....#"),
        (Role::Legal, "..........###.........###"),
        (Role::Operator, ".....##..#......#.#......"),
    ];

    #[test]
    fn every_role_has_exactly_its_grants() {
        assert_eq!(MATRIX.len(), Role::ALL.len());
        for (role, row) in MATRIX {
            for (grant, cell) in Grant::ALL.iter().zip(row.chars()) {
                assert_eq!(role_grants(*role, *grant), cell == '#', "{role} {grant:?}");
            }
        }
    }
}
