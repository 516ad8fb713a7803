//! What the calls about retention take and answer.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::{Rule, Term, Timestamp};
use crate::vault::{PolicyHistory, PolicyVersion, Preview, Scheduled, Share, Tally, decided_by};

/// A rule of a policy.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleBody {
    /// `line:…`, `agent:…`, `queue:…` or `direction:inbound`, `outbound` or `internal`.
    pub(super) scope: String,
    /// How long those are kept (ISO 8601, such as `P1Y`).
    pub(super) term: String,
}

impl From<&Rule> for RuleBody {
    fn from(rule: &Rule) -> Self {
        Self { scope: rule.scope.to_string(), term: rule.term.to_string() }
    }
}

/// Some recordings.
#[derive(Serialize, ToSchema)]
pub(super) struct TallyView {
    /// How many.
    count: u64,
    /// How big they are together.
    bytes: u64,
    /// When the oldest of the calls ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    oldest: Option<Timestamp>,
}

impl From<&Tally> for TallyView {
    fn from(tally: &Tally) -> Self {
        Self { count: tally.count, bytes: tally.bytes, oldest: tally.oldest }
    }
}

/// What stays as it is although its term would be shorter, or is over.
#[derive(Serialize, ToSchema)]
pub(super) struct UntouchedView {
    /// Kept by a hold or a restriction for as long as that lasts.
    held: TallyView,
    /// Kept by the law behind the floor.
    floored: TallyView,
    /// Over already: nothing brings these back.
    past_due: TallyView,
}

/// What a change does to some recordings.
#[derive(Serialize, ToSchema)]
pub(super) struct ShareView {
    /// Erased as soon as the change is in force.
    erased_now: TallyView,
    /// Erased earlier than now foreseen.
    erased_earlier: TallyView,
    /// Erased later than now foreseen.
    kept_longer: TallyView,
    /// Not erased by it.
    untouched: UntouchedView,
    /// The same before and after.
    unchanged: TallyView,
}

impl From<&Share> for ShareView {
    fn from(share: &Share) -> Self {
        Self {
            erased_now: (&share.erased_now).into(),
            erased_earlier: (&share.erased_earlier).into(),
            kept_longer: (&share.kept_longer).into(),
            untouched: UntouchedView {
                held: (&share.held).into(),
                floored: (&share.floored).into(),
                past_due: (&share.past_due).into(),
            },
            unchanged: (&share.unchanged).into(),
        }
    }
}

/// What a change does to the recordings of one scope.
#[derive(Serialize, ToSchema)]
pub(super) struct ScopeView {
    /// The scope; `default` is what no rule covers.
    scope: String,
    /// Its term.
    #[schema(value_type = String)]
    term: Term,
    /// What happens.
    #[serde(flatten)]
    share: ShareView,
}

/// What a change would do.
#[derive(Serialize, ToSchema)]
pub(super) struct PreviewView {
    /// The version in force that it would replace; 0 for none.
    replaces: i32,
    /// When it would be in force.
    #[schema(value_type = String, format = DateTime)]
    effective_at: Timestamp,
    /// To all recordings.
    #[serde(flatten)]
    total: ShareView,
    /// By scope, the default last.
    scopes: Vec<ScopeView>,
    /// What the change has to come with, within 15 minutes.
    preview_token: String,
}

impl From<Preview> for PreviewView {
    fn from(preview: Preview) -> Self {
        let scopes = preview.scopes.iter().map(|(scope, term, share)| ScopeView {
            scope: scope.as_ref().map_or("default".to_owned(), ToString::to_string),
            term: *term,
            share: share.into(),
        });
        Self {
            replaces: preview.replaces,
            effective_at: preview.effective_at,
            scopes: scopes.collect(),
            total: (&preview.total).into(),
            preview_token: preview.token,
        }
    }
}

/// A change that was set.
#[derive(Serialize, ToSchema)]
pub(super) struct ScheduledView {
    /// Which version it is.
    version: i32,
    /// From when it is in force; until then it can be cancelled.
    #[schema(value_type = String, format = DateTime)]
    effective_at: Timestamp,
    /// Whether any recording will be gone earlier.
    shortens: bool,
    /// What it does to all recordings.
    #[serde(flatten)]
    total: ShareView,
}

impl From<Scheduled> for ScheduledView {
    fn from(set: Scheduled) -> Self {
        Self {
            version: set.version,
            effective_at: set.effective_at,
            shortens: set.shortens,
            total: (&set.total).into(),
        }
    }
}

/// A version of a policy.
#[derive(Serialize, ToSchema)]
pub(super) struct VersionView {
    /// Which, from 1.
    version: i32,
    /// `scheduled`, `applying`, `applied` or `cancelled`.
    state: &'static str,
    /// `customer`, `provider` or `authority`.
    origin: &'static str,
    /// The version that was in force when it was made.
    replaces: Option<i32>,
    /// How long recordings are kept that no rule covers.
    #[schema(value_type = String)]
    default: Term,
    /// The rules.
    rules: Vec<RuleBody>,
    /// Whether a longer term held for recordings that were there.
    apply_to_existing: bool,
    /// Who made it: a pseudonym, or `command_line`.
    by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// From when it is in force.
    #[schema(value_type = String, format = DateTime)]
    effective_at: Timestamp,
    /// Who called it back, in the same words.
    cancelled_by: Option<String>,
    /// When it was called back.
    #[schema(value_type = Option<String>, format = DateTime)]
    cancelled_at: Option<Timestamp>,
    /// Why.
    reason: Option<String>,
    /// How many recordings it changed.
    touched: i64,
    /// How many recordings were erased by it before their time.
    erased: i64,
}

impl From<&PolicyVersion> for VersionView {
    fn from(version: &PolicyVersion) -> Self {
        Self {
            version: version.version,
            state: version.stage.as_str(),
            origin: version.origin.as_str(),
            replaces: version.replaces,
            default: version.policy.default(),
            rules: version.policy.rules().iter().map(Into::into).collect(),
            apply_to_existing: version.apply_to_existing,
            by: decided_by(version.made_by),
            at: version.made_at,
            effective_at: version.effective_at,
            cancelled_by: version.cancelled_at.map(|_| decided_by(version.cancelled_by)),
            cancelled_at: version.cancelled_at,
            reason: version.reason.clone(),
            touched: version.touched,
            erased: version.erased,
        }
    }
}

/// How far a change has come.
#[derive(Serialize, ToSchema)]
pub(super) struct ProgressView {
    /// Which version.
    version: i32,
    /// From when it is in force.
    #[schema(value_type = String, format = DateTime)]
    effective_at: Timestamp,
    /// How many recordings there are to look at; 0 while it waits.
    total: i64,
    /// How many were looked at.
    done: i64,
}

/// How a customer's recordings are kept.
#[derive(Serialize, ToSchema)]
pub(super) struct RetentionView {
    /// Whose.
    customer: String,
    /// The shortest term the law allows.
    #[schema(value_type = Option<String>)]
    floor: Option<Term>,
    /// The longest term there is.
    #[schema(value_type = String)]
    ceiling: Term,
    /// The law behind them.
    legal_basis: Option<String>,
    /// The lines that were declared.
    lines: Vec<String>,
    /// The version in force.
    in_force: Option<VersionView>,
    /// The version that waits and can be cancelled.
    scheduled: Option<VersionView>,
    /// How far the change is that is being applied or waits.
    change: Option<ProgressView>,
    /// Every version, the newest first.
    history: Vec<VersionView>,
}

impl From<PolicyHistory> for RetentionView {
    fn from(history: PolicyHistory) -> Self {
        let change = history.progress().map(|progress| ProgressView {
            version: progress.version,
            effective_at: progress.effective_at,
            total: progress.total,
            done: progress.done,
        });
        Self {
            customer: history.customer.reference.to_string(),
            floor: history.customer.floor,
            ceiling: history.customer.ceiling,
            legal_basis: history.customer.legal_basis.clone(),
            in_force: history.in_force().map(Into::into),
            scheduled: history.scheduled().map(Into::into),
            change,
            history: history.versions.iter().map(Into::into).collect(),
            lines: history.lines,
        }
    }
}
