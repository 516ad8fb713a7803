//! Releasing and extending holds: one person asks, another agrees, and nobody ends his own.

use serde_json::json;

use super::super::approvals::{Ask, Asked};
use super::super::error::Error;
use super::super::{Vault, ledger, must};
use super::view::HoldView;
use super::{AHEAD, review};
use crate::index::recordings as rows;
use crate::index::{Tx, approvals, holds, ledger_entries};
use crate::model::{
    Approval, ApprovalDecision, ApprovalKind, Caller, Day, Event, Grant, Hold, HoldId, PrincipalId,
};

/// How far a change of a hold has come.
#[derive(Clone, Debug)]
pub enum Step {
    /// It is done.
    Done(HoldView),
    /// It waits for a second person.
    Waits(HoldView),
}

impl Vault {
    /// Releases a hold, when another person asked for that; otherwise asks.
    ///
    /// Whoever placed it may ask, and never agree.
    pub async fn release_hold(&self, caller: &Caller, id: HoldId) -> Result<Step, Error> {
        must(caller, Grant::ReleaseHold)?;
        let mut tx = self.change().await?;
        let hold = self.open_hold(&mut tx, caller, id).await?;
        let ask = Ask {
            kind: ApprovalKind::HoldRelease,
            subject: id.0,
            detail: None,
            besides: Some(hold.placed_by),
        };
        let asked = self.ask(&mut tx, caller, &ask).await?;
        if let Asked::Agreed(approval) = &asked {
            self.let_go(&mut tx, caller, &hold, approval).await?;
        }
        tx.commit().await?;
        self.step(caller, id, &asked).await
    }

    /// Notes that somebody looked at a hold, and by when somebody looks again.
    ///
    /// A later day than before is an extension and takes two persons, like a release.
    pub async fn review_hold(
        &self,
        caller: &Caller,
        id: HoldId,
        review_on: &str,
    ) -> Result<Step, Error> {
        must(caller, Grant::ReleaseHold)?;
        let day = review(review_on, self.0.clock.now(), AHEAD)?;
        let mut tx = self.change().await?;
        let hold = self.open_hold(&mut tx, caller, id).await?;
        if day <= hold.review_on {
            self.reviewed(&mut tx, &hold, day, [caller.id, caller.id]).await?;
            tx.commit().await?;
            return Ok(Step::Done(self.hold(caller, id).await?));
        }
        let ask = Ask {
            kind: ApprovalKind::HoldExtend,
            subject: id.0,
            detail: Some(day.0.into()),
            besides: None,
        };
        let asked = self.ask(&mut tx, caller, &ask).await?;
        if let Asked::Agreed(approval) = &asked {
            self.reviewed(&mut tx, &hold, day, [approval.asked_by, caller.id]).await?;
        }
        tx.commit().await?;
        self.step(caller, id, &asked).await
    }

    /// Agrees to what was asked for a hold, and does it.
    pub(in crate::vault) async fn approve_hold(
        &self,
        caller: &Caller,
        approval: &Approval,
        id: HoldId,
    ) -> Result<(), Error> {
        must(caller, Grant::ReleaseHold)?;
        let mut tx = self.change().await?;
        let hold = self.open_hold(&mut tx, caller, id).await?;
        let releases = approval.kind == ApprovalKind::HoldRelease;
        let besides = releases.then_some(hold.placed_by);
        self.decide_approval(&mut tx, caller, approval, besides, ApprovalDecision::Approved)
            .await?;
        if releases {
            self.let_go(&mut tx, caller, &hold, approval).await?;
        } else {
            let day = approval.detail.and_then(|day| i32::try_from(day).ok()).map(Day);
            let ahead = day.filter(|day| *day > self.0.clock.now().day());
            let day = ahead.ok_or(Error::Conflict("the day asked for has passed; ask again"))?;
            self.reviewed(&mut tx, &hold, day, [approval.asked_by, caller.id]).await?;
        }
        between_steps!("hold.releasing");
        tx.commit().await?;
        Ok(())
    }

    /// The hold, if the caller may decide over it, with everybody else kept out.
    async fn open_hold(&self, tx: &mut Tx, caller: &Caller, id: HoldId) -> Result<Hold, Error> {
        holds::alone(tx, caller.controller).await?;
        let found = holds::find(&mut *tx, caller.controller, id).await?;
        let hold = found.ok_or(Error::NotFound)?;
        if !caller.has_for(Grant::ReleaseHold, hold.kind) {
            return Err(Error::Forbidden);
        }
        if hold.released_at.is_some() {
            return Err(Error::Conflict("this hold was released already"));
        }
        Ok(hold)
    }

    /// Lets go of what no other hold keeps. What is past due is erased at the next pass.
    async fn let_go(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        hold: &Hold,
        approval: &Approval,
    ) -> Result<(), Error> {
        let now = self.0.clock.now();
        holds::release(tx, hold.id, caller.id, now).await?;
        let freed = rows::free(tx, hold.id).await?;
        approvals::settle(tx, hold.id.0, now).await?;
        let body = json!({
            "hold": hold.id, "kind": hold.kind, "case": hold.case_id, "by": approval.asked_by,
            "agreed": caller.id, "freed": freed,
        });
        let entry = ledger::general(hold.controller, now, Event::HoldReleased, &body);
        ledger_entries::append(tx, &[entry]).await?;
        Ok(())
    }

    async fn reviewed(
        &self,
        tx: &mut Tx,
        hold: &Hold,
        day: Day,
        [asked, agreed]: [PrincipalId; 2],
    ) -> Result<(), Error> {
        let now = self.0.clock.now();
        holds::set_review(tx, hold.id, day).await?;
        let body = json!({
            "hold": hold.id, "by": asked, "agreed": agreed, "review": day.to_string(),
        });
        let entry = ledger::general(hold.controller, now, Event::HoldReviewed, &body);
        ledger_entries::append(tx, &[entry]).await?;
        Ok(())
    }

    async fn step(&self, caller: &Caller, id: HoldId, asked: &Asked) -> Result<Step, Error> {
        let view = self.hold(caller, id).await?;
        Ok(match asked {
            Asked::Waits => Step::Waits(view),
            Asked::Agreed(_) => Step::Done(view),
        })
    }
}
