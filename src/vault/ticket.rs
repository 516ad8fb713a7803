//! Playback tickets: an address for an `<audio>` element, which cannot send a token.
//!
//! A ticket is for one recording, one person and one purpose, and short-lived. It is stored
//! hashed. Every use passes all the gates again with the roles its holder has by then.

use super::error::Error;
use super::play::{Heard, Wish};
use super::tokens::Secret;
use super::{Vault, tokens};
use crate::index;
use crate::model::{Caller, Timestamp};

/// A ticket, shown once.
pub struct Ticket {
    /// The secret part of the address.
    pub secret: Secret,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Vault {
    /// Gives the caller a ticket to a recording that it may hear now.
    pub async fn ticket(&self, caller: &Caller, wish: &Wish) -> Result<Ticket, Error> {
        let heard = self.hear(caller, wish).await?;
        let life = Self::ticket_life(&heard.recording);
        let life = jiff::SignedDuration::try_from(life).unwrap_or_default();
        let now = self.0.clock.now();
        let expires_at = now.plus(life);
        let secret = Secret::random()?;
        let ticket = index::tickets::Ticket {
            recording: wish.recording,
            principal: caller.id,
            purpose: heard.may.purpose(),
            case_id: wish.case.clone(),
            expires_at,
        };
        let mut tx = self.addition().await?;
        if let Err(capped) = self.within_cap(&mut tx, &heard.playback(now)).await {
            // The refusal is told in a transaction of its own.
            drop(tx);
            return self.capped(&heard, Err(capped)).await;
        }
        index::tickets::insert(&mut tx, &ticket, &secret.hash()).await?;
        tx.commit().await?;
        Ok(Ticket { secret, expires_at })
    }

    /// Decides whether the holder of a ticket may hear its recording now.
    pub async fn hear_by_ticket(&self, secret: &str) -> Result<Heard, Error> {
        let now = self.0.clock.now();
        let hash = tokens::hash(secret);
        let ticket = index::tickets::find_by_hash(&self.0.index, &hash)
            .await?
            .filter(|ticket| now < ticket.expires_at)
            .ok_or(Error::Unauthenticated)?;
        let caller = self.holder(ticket.principal).await?.ok_or(Error::Unauthenticated)?;
        let wish = Wish {
            recording: ticket.recording,
            purpose: Some(ticket.purpose),
            case: ticket.case_id,
        };
        self.hear(&caller, &wish).await
    }
}
