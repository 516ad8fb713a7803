//! Events out: endpoints that are told what happened, signed after Standard Webhooks.
//!
//! - here: adding, listing and removing endpoints; what was given up
//! - `tell`: entries of the ledger become deliveries, and deliveries are made
//! - `send`: one request, signed; `address`: where requests may go

mod address;
mod send;
mod tell;

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::error::Error;
use super::fields::bad;
use super::{Vault, must};
use crate::index::ledger_entries;
use crate::index::webhooks::{self, Delivery, Webhook};
use crate::model::{
    Caller, ControllerId, CustomerRef, CustomerStatus, Day, Grant, RecordingId, Timestamp,
    WebhookEvent, WebhookId,
};

pub(super) use tell::Sending;

/// What the sealing of a secret is bound to, beside whose it is and which endpoint.
const LABEL: &str = "webhook";

/// How many endpoints a controller has at most.
const MOST: usize = 20;

/// How many given-up deliveries are shown at once.
const SHOWN: i64 = 200;

/// An endpoint to be added.
#[derive(Clone, Debug)]
pub struct NewWebhook {
    /// Where it is.
    pub url: String,
    /// What it wants to hear of: everything when empty.
    pub events: BTreeSet<WebhookEvent>,
}

/// An endpoint, without its secret.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WebhookView {
    /// Which one.
    pub id: uuid::Uuid,
    /// Where it is.
    pub url: String,
    /// What it hears of.
    #[schema(value_type = Vec<String>)]
    pub events: BTreeSet<WebhookEvent>,
    /// When it was added.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// How many events are on their way to it.
    pub pending: i64,
    /// Since when the oldest of them is.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub oldest_pending: Option<Timestamp>,
    /// How many were given up.
    pub dead: i64,
}

/// An event that did not arrive and is not tried any more.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DeadDelivery {
    /// Its `webhook-id`.
    pub id: String,
    /// Which event.
    #[schema(value_type = String)]
    pub event: WebhookEvent,
    /// What would have been sent.
    #[schema(value_type = Object)]
    pub payload: serde_json::Value,
    /// How often it was tried.
    pub attempts: i32,
    /// What the last attempt failed with: a status, or `timeout`, `connect`, `address`, `secret`.
    pub error: Option<String>,
    /// Since when it waited.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Since when it is given up.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub dead_at: Option<Timestamp>,
}

impl From<Delivery> for DeadDelivery {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: send::message_id(delivery.id),
            event: delivery.event,
            payload: serde_json::from_str(&delivery.body).unwrap_or_default(),
            attempts: delivery.attempts,
            error: delivery.error_code,
            since: delivery.since,
            dead_at: delivery.dead_at,
        }
    }
}

impl Vault {
    /// Whose endpoints whoever can run commands on the machine means: a customer's or the
    /// provider's own.
    pub async fn webhooks_of(&self, customer: Option<&CustomerRef>) -> Result<ControllerId, Error> {
        let Some(reference) = customer else { return Ok(self.0.provider) };
        let found = crate::index::controllers::find_customer(&self.0.index, reference).await?;
        Ok(found.ok_or(Error::NotFound)?.id)
    }

    /// Adds an endpoint for the caller's own events and gives its secret, once.
    pub async fn add_webhook_for(
        &self,
        caller: &Caller,
        new: &NewWebhook,
    ) -> Result<(WebhookView, Zeroizing<String>), Error> {
        must(caller, Grant::ManageWebhooks)?;
        self.add_webhook(caller.controller, new).await
    }

    /// Adds an endpoint. It hears of what happens from now on.
    pub async fn add_webhook(
        &self,
        of: ControllerId,
        new: &NewWebhook,
    ) -> Result<(WebhookView, Zeroizing<String>), Error> {
        let private = self.0.settings.allow_private_webhooks;
        let url = address::checked(&new.url, private).map_err(|problem| bad("url", problem))?;
        let customer = crate::index::controllers::customer(&self.0.index, of).await?;
        if customer.is_some_and(|customer| customer.status == CustomerStatus::Ended) {
            return Err(Error::Conflict("the service of this customer has ended"));
        }
        if webhooks::list(&self.0.index, of).await?.len() >= MOST {
            return Err(Error::Conflict("there are 20 endpoints already; remove one first"));
        }
        let id = WebhookId::random();
        let mut key = Zeroizing::new([0_u8; 32]);
        getrandom::fill(key.as_mut_slice()).map_err(|_| crate::crypto::Error::Random)?;
        self.0.keys.ensure(&[of], &[Day::HOLD]).await?;
        let events = if new.events.is_empty() {
            WebhookEvent::ALL.iter().copied().collect()
        } else {
            new.events.clone()
        };
        let webhook = Webhook {
            id,
            controller: of,
            url: url.into(),
            events,
            secret: self.0.keys.seal_row(of, RecordingId(id.0), Day::HOLD, LABEL, &*key)?,
            next_seq: ledger_entries::size(&self.0.index, of).await?,
            created_at: self.0.clock.now(),
        };
        let mut tx = self.addition().await?;
        webhooks::insert(&mut tx, &webhook).await?;
        tx.commit().await?;
        let secret = Zeroizing::new(format!("whsec_{}", STANDARD.encode(key.as_slice())));
        Ok((self.webhook_view(webhook).await?, secret))
    }

    /// The endpoints for the caller's own events.
    pub async fn list_webhooks_for(&self, caller: &Caller) -> Result<Vec<WebhookView>, Error> {
        must(caller, Grant::ManageWebhooks)?;
        self.list_webhooks(caller.controller).await
    }

    /// The endpoints of a controller.
    pub async fn list_webhooks(&self, of: ControllerId) -> Result<Vec<WebhookView>, Error> {
        let mut views = Vec::new();
        // At most twenty of them.
        for webhook in webhooks::list(&self.0.index, of).await? {
            views.push(self.webhook_view(webhook).await?);
        }
        Ok(views)
    }

    /// Removes an endpoint of the caller's own, with what was on its way to it.
    pub async fn remove_webhook_for(&self, caller: &Caller, id: WebhookId) -> Result<(), Error> {
        must(caller, Grant::ManageWebhooks)?;
        self.remove_webhook(caller.controller, id).await
    }

    /// Removes an endpoint of a controller.
    pub async fn remove_webhook(&self, of: ControllerId, id: WebhookId) -> Result<(), Error> {
        let mut tx = self.addition().await?;
        let gone = webhooks::remove(&mut tx, of, id).await?;
        tx.commit().await?;
        if gone { Ok(()) } else { Err(Error::NotFound) }
    }

    /// What was given up at an endpoint of the caller's own.
    pub async fn dead_deliveries_for(
        &self,
        caller: &Caller,
        id: WebhookId,
    ) -> Result<Vec<DeadDelivery>, Error> {
        must(caller, Grant::ManageWebhooks)?;
        self.dead_deliveries(caller.controller, id).await
    }

    /// What was given up at an endpoint, the oldest first.
    pub async fn dead_deliveries(
        &self,
        of: ControllerId,
        id: WebhookId,
    ) -> Result<Vec<DeadDelivery>, Error> {
        self.own_webhook(of, id).await?;
        let dead = webhooks::dead(&self.0.index, id, SHOWN).await?;
        Ok(dead.into_iter().map(DeadDelivery::from).collect())
    }

    /// Takes up again what was given up at an endpoint of the caller's own.
    pub async fn retry_deliveries_for(&self, caller: &Caller, id: WebhookId) -> Result<u64, Error> {
        must(caller, Grant::ManageWebhooks)?;
        self.retry_deliveries(caller.controller, id).await
    }

    /// Takes up again what was given up at an endpoint. Returns how many events that are.
    pub async fn retry_deliveries(&self, of: ControllerId, id: WebhookId) -> Result<u64, Error> {
        self.own_webhook(of, id).await?;
        let mut tx = self.addition().await?;
        let count = webhooks::retry(&mut tx, id, self.0.clock.now()).await?;
        tx.commit().await?;
        Ok(count)
    }

    async fn own_webhook(&self, of: ControllerId, id: WebhookId) -> Result<(), Error> {
        let own = webhooks::list(&self.0.index, of).await?;
        own.iter().find(|webhook| webhook.id == id).map(|_| ()).ok_or(Error::NotFound)
    }

    async fn webhook_view(&self, webhook: Webhook) -> Result<WebhookView, Error> {
        let backlog = webhooks::backlog(&self.0.index, Some(webhook.id)).await?;
        Ok(WebhookView {
            id: webhook.id.0,
            url: webhook.url,
            events: webhook.events,
            created_at: webhook.created_at,
            pending: backlog.pending,
            oldest_pending: backlog.oldest,
            dead: backlog.dead,
        })
    }

    /// The secret of an endpoint.
    pub(super) fn webhook_secret(&self, webhook: &Webhook) -> Result<Zeroizing<Vec<u8>>, Error> {
        let (of, id) = (webhook.controller, RecordingId(webhook.id.0));
        Ok(self.0.keys.open_row(of, id, Day::HOLD, LABEL, &webhook.secret)?)
    }
}
