//! The second person: what one asks for, another has to agree to (compliance-reference C.5, rule 4).
//!
//! A person is a principal. Two tokens or accounts of one name, however it is spelt, are one person;
//! so are those that were said to be, and one that cannot be told apart because it is not there. Who makes tokens can thus not be
//! among those who agree: no role that agrees makes any.

use jiff::SignedDuration;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::error::Error;
use super::{Vault, ledger, must};
use crate::index::{Tx, accounts, approvals as rows, ledger_entries, tokens};
use crate::model::{
    Approval, ApprovalDecision, ApprovalId, ApprovalKind, Caller, Cursor, Event, Grant, HoldId,
    Limit, Page, PrincipalId, Timestamp,
};

/// How long somebody can agree.
const OPEN: SignedDuration = SignedDuration::from_hours(24 * 7);

/// Something that needs a second person.
pub(super) struct Ask {
    pub(super) kind: ApprovalKind,
    pub(super) subject: Uuid,
    pub(super) detail: Option<i64>,
    /// Who may not agree either, because it would end their own act.
    pub(super) besides: Option<PrincipalId>,
}

/// How far it is.
pub(super) enum Asked {
    /// One person asked.
    Waits,
    /// A second one agreed just now: it is to be done in this transaction.
    Agreed(Approval),
}

/// Something asked for, as the API shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ApprovalView {
    /// Its identifier.
    pub id: Uuid,
    /// `hold.release`, `hold.extend` or `evidence.package`.
    #[schema(value_type = String)]
    pub kind: ApprovalKind,
    /// What it is about: the hold, or the package.
    pub subject: Uuid,
    /// Who asked: a pseudonym.
    pub asked_by: Uuid,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub asked_at: Timestamp,
    /// Until when somebody else can agree.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

impl From<&Approval> for ApprovalView {
    fn from(approval: &Approval) -> Self {
        Self {
            id: approval.id.0,
            kind: approval.kind,
            subject: approval.subject,
            asked_by: approval.asked_by.0,
            asked_at: approval.asked_at,
            expires_at: approval.expires_at,
        }
    }
}

impl Vault {
    /// Asks for something, or agrees to it when somebody else asked for the same.
    ///
    /// Whoever asks twice still only asked.
    pub(super) async fn ask(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        ask: &Ask,
    ) -> Result<Asked, Error> {
        let now = self.0.clock.now();
        rows::expire(tx, now).await?;
        let Some(open) = rows::open(&mut *tx, ask.kind, ask.subject).await? else {
            return self.open_approval(tx, caller, ask, now).await.map(|_| Asked::Waits);
        };
        if same_person(tx, caller.id, open.asked_by).await? {
            if open.detail != ask.detail {
                return Err(Error::Conflict("something else is asked for; refuse that first"));
            }
            return Ok(Asked::Waits);
        }
        if open.detail != ask.detail {
            return Err(Error::Conflict(
                "something else is asked for; approve or refuse that first",
            ));
        }
        self.decide_approval(tx, caller, &open, ask.besides, ApprovalDecision::Approved).await?;
        Ok(Asked::Agreed(open))
    }

    async fn open_approval(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        ask: &Ask,
        now: Timestamp,
    ) -> Result<Approval, Error> {
        let approval = Approval {
            id: ApprovalId::random(),
            controller: caller.controller,
            kind: ask.kind,
            subject: ask.subject,
            detail: ask.detail,
            asked_by: caller.id,
            asked_at: now,
            expires_at: now.plus(OPEN),
            decision: None,
        };
        rows::insert(tx, &approval).await?;
        let body = json!({
            "approval": approval.id, "kind": ask.kind, "subject": ask.subject, "by": caller.id,
        });
        let entry = ledger::general(caller.controller, now, Event::ApprovalAsked, &body);
        ledger_entries::append(tx, &[entry]).await?;
        Ok(approval)
    }

    /// Writes down what a second person decided, if this is one.
    pub(super) async fn decide_approval(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        approval: &Approval,
        besides: Option<PrincipalId>,
        decision: ApprovalDecision,
    ) -> Result<(), Error> {
        let agrees = decision == ApprovalDecision::Approved;
        for other in [Some(approval.asked_by), besides].into_iter().flatten() {
            if agrees && same_person(tx, caller.id, other).await? {
                return Err(Error::SecondPerson);
            }
        }
        let now = self.0.clock.now();
        if !rows::decide(tx, approval.id, caller.id, decision, now).await? {
            return Err(Error::Conflict("this is no longer open; ask again"));
        }
        let body = json!({
            "approval": approval.id, "kind": approval.kind, "subject": approval.subject,
            "by": caller.id, "decision": decision,
        });
        let entry = ledger::general(approval.controller, now, Event::ApprovalDecided, &body);
        ledger_entries::append(tx, &[entry]).await?;
        Ok(())
    }

    /// Agrees to what somebody else asked for, and does it.
    pub async fn approve(&self, caller: &Caller, id: ApprovalId) -> Result<(), Error> {
        let approval = self.open_for(caller, id).await?;
        match approval.kind {
            ApprovalKind::HoldRelease | ApprovalKind::HoldExtend => {
                self.approve_hold(caller, &approval, HoldId(approval.subject)).await
            }
            ApprovalKind::EvidencePackage => self.approve_package(caller, &approval).await,
        }
    }

    /// Says no to what somebody asked for. Who asked may take it back this way.
    pub async fn refuse(&self, caller: &Caller, id: ApprovalId) -> Result<(), Error> {
        let approval = self.open_for(caller, id).await?;
        match approval.kind {
            ApprovalKind::HoldRelease | ApprovalKind::HoldExtend => {
                must(caller, Grant::ReleaseHold)?;
            }
            ApprovalKind::EvidencePackage => must(caller, Grant::ApproveEvidence)?,
        }
        let mut tx = self.change().await?;
        self.decide_approval(&mut tx, caller, &approval, None, ApprovalDecision::Refused).await?;
        if approval.kind == ApprovalKind::EvidencePackage {
            Self::refuse_package(&mut tx, &approval).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// What waits for a second person, the newest first.
    pub async fn approvals(
        &self,
        caller: &Caller,
        after: Option<Cursor>,
        limit: Option<u32>,
    ) -> Result<Page<ApprovalView>, Error> {
        must(caller, Grant::SeeHolds)?;
        let limit = Limit::new(limit);
        let now = self.0.clock.now();
        let found = rows::list(&self.0.index, caller.controller, now, after, limit).await?;
        let full = i64::try_from(found.len()).is_ok_and(|count| count >= limit.rows());
        let next = found
            .last()
            .filter(|_| full)
            .map(|last| Cursor { started_at: last.asked_at, id: last.id.0 }.to_string());
        Ok(Page { items: found.iter().map(ApprovalView::from).collect(), next })
    }

    async fn open_for(&self, caller: &Caller, id: ApprovalId) -> Result<Approval, Error> {
        must(caller, Grant::SeeHolds)?;
        let found = rows::find(&self.0.index, caller.controller, id).await?;
        let approval = found.ok_or(Error::NotFound)?;
        if approval.decision.is_some() || approval.expires_at <= self.0.clock.now() {
            return Err(Error::Conflict("this is no longer open; ask again"));
        }
        Ok(approval)
    }
}

/// Whether two principals are, as far as anybody can tell, one person.
pub(super) async fn same_person(
    tx: &mut Tx,
    one: PrincipalId,
    other: PrincipalId,
) -> Result<bool, Error> {
    if one == other {
        return Ok(true);
    }
    Ok(match (who(tx, one).await?, who(tx, other).await?) {
        (Some(one), Some(other)) => one.0 == other.0 || person(&one.1) == person(&other.1),
        _ => true,
    })
}

/// Who a principal is: the person that was said of an account, and the name.
async fn who(tx: &mut Tx, id: PrincipalId) -> Result<Option<(PrincipalId, String)>, Error> {
    if let Some(token) = tokens::find(&mut *tx, id).await? {
        return Ok(Some((token.id, token.name)));
    }
    Ok(accounts::find(&mut *tx, id).await?.map(|account| (account.person, account.name)))
}

/// A name as it counts: neither case nor spaces make another person.
fn person(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::person;

    #[test]
    fn neither_case_nor_spaces_make_another_person() {
        for name in ["Anna de Vries", " anna  de vries ", "ANNA DE VRIES", "Anna\tde Vries"] {
            assert_eq!(person(name), "anna de vries", "{name:?}");
        }
        assert_ne!(person("Anna"), person("Anne"));
    }
}
