//! Entries of the ledger become deliveries, and deliveries are made: at least once each, in no
//! order, and however one endpoint does, the others are not kept waiting.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{StreamExt, stream};
use jiff::SignedDuration;
use reqwest::Client;
use serde_json::{Map, Value, json};

use super::send::{self, Message};
use crate::index::webhooks::{self, Delivery, NewDelivery, Told, Webhook};
use crate::model::{DeliveryId, Timestamp, WebhookEvent, WebhookId};
use crate::vault::Vault;
use crate::vault::error::Error;

/// How many entries become deliveries in one transaction.
const ENTRIES: i64 = 500;

/// How many deliveries to one endpoint are claimed at once, and made at once.
const CLAIMED: i64 = 16;
const AT_ONCE: usize = 4;

/// After how long a claim counts as that of a node that died.
const STALE: SignedDuration = SignedDuration::from_mins(2);

/// When a delivery is given up.
const ATTEMPTS: i32 = 20;
const GIVEN_UP: SignedDuration = SignedDuration::from_hours(72);

/// How long it is waited after the first failure, and at most.
const FIRST_WAIT: i64 = 5;
const LONGEST_WAIT: i64 = 6 * 3600;

/// What of an entry an event may hold: codes, ids and rounded times. Anything else stays inside,
/// whatever is put into entries one day.
const PASSED_ON: &[&str] =
    &["case", "cause", "class", "customer", "due", "hold", "kind", "pol", "reason", "version"];

/// What deliveries are made with.
pub(in crate::vault) struct Sending {
    client: Client,
    /// Endpoints that this node is at.
    busy: Arc<Mutex<HashSet<WebhookId>>>,
}

impl Sending {
    /// A client that goes to public addresses only, unless `private` ones are allowed.
    pub(in crate::vault) fn new(private: bool) -> Result<Self, Error> {
        let client = send::client(private).map_err(|_| Error::Malformed("no TLS to be had"))?;
        Ok(Self { client, busy: Arc::default() })
    }
}

/// An endpoint that this node is at; let go of when dropped.
struct Busy(WebhookId, Arc<Mutex<HashSet<WebhookId>>>);

fn locked(busy: &Mutex<HashSet<WebhookId>>) -> MutexGuard<'_, HashSet<WebhookId>> {
    busy.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Busy {
    fn drop(&mut self) {
        locked(&self.1).remove(&self.0);
    }
}

impl Vault {
    /// Makes deliveries of what is new in the ledgers, and sets out to make those that are due.
    ///
    /// Does not wait until they are made: an endpoint that does not answer takes its time alone.
    pub(in crate::vault) async fn tell_webhooks(&self) -> Result<(), Error> {
        for task in self.send_due().await? {
            drop(task);
        }
        Ok(())
    }

    /// As the timer does it every second, but waits until what is due was tried.
    pub async fn send_webhooks(&self) -> Result<(), Error> {
        for task in self.send_due().await? {
            task.await?;
        }
        Ok(())
    }

    async fn send_due(&self) -> Result<Vec<tokio::task::JoinHandle<()>>, Error> {
        for webhook in webhooks::behind(&self.0.index).await? {
            while self.make_deliveries(&webhook).await? {}
        }
        let now = self.0.clock.now();
        let mut tasks = Vec::new();
        for webhook in webhooks::waiting(&self.0.index, now).await? {
            let busy = &self.0.sending.busy;
            if !locked(busy).insert(webhook.id) {
                continue;
            }
            let busy = Busy(webhook.id, busy.clone());
            let vault = self.clone();
            tasks.push(tokio::spawn(async move {
                let _busy = busy;
                if let Err(error) = vault.deliver(&webhook).await {
                    tracing::warn!(error = error.chain(), "deliveries stay for now");
                }
            }));
        }
        Ok(tasks)
    }

    /// Makes deliveries of the next entries. Returns whether there may be more.
    async fn make_deliveries(&self, webhook: &Webhook) -> Result<bool, Error> {
        let mut tx = self.addition().await?;
        let next = webhooks::list(&mut tx, webhook.controller).await?;
        let Some(webhook) = next.into_iter().find(|other| other.id == webhook.id) else {
            return Ok(false);
        };
        let from = webhook.next_seq;
        let entries = webhooks::entries(&mut tx, webhook.controller, from, ENTRIES).await?;
        let Some(last) = entries.last() else { return Ok(false) };
        if !webhooks::move_on(&mut tx, webhook.id, from, last.seq + 1).await? {
            // Another node was first.
            return Ok(false);
        }
        let new: Vec<_> = entries.iter().filter_map(|entry| delivery(&webhook, entry)).collect();
        webhooks::enqueue(&mut tx, webhook.id, &new, self.0.clock.now()).await?;
        between_steps!("webhooks.enqueueing");
        tx.commit().await?;
        Ok(i64::try_from(entries.len()).is_ok_and(|count| count == ENTRIES))
    }

    /// Makes what is due at one endpoint, until nothing is or it fails.
    async fn deliver(&self, webhook: &Webhook) -> Result<(), Error> {
        loop {
            let now = self.0.clock.now();
            let mut tx = self.addition().await?;
            let until = now.plus(STALE);
            let claimed = webhooks::claim(&mut tx, webhook.id, now, until, CLAIMED).await?;
            tx.commit().await?;
            if claimed.is_empty() {
                return Ok(());
            }
            let outcomes: Vec<_> = stream::iter(claimed)
                .map(|delivery| self.attempt(webhook, delivery))
                .buffer_unordered(AT_ONCE)
                .collect()
                .await;
            let outcomes: Result<Vec<bool>, Error> = outcomes.into_iter().collect();
            if outcomes?.contains(&false) {
                return Ok(());
            }
        }
    }

    /// Makes one delivery. Returns whether it arrived.
    async fn attempt(&self, webhook: &Webhook, delivery: Delivery) -> Result<bool, Error> {
        if self.0.keys.is_behind(webhook.controller, &[crate::model::Day::HOLD]) {
            self.0.keys.refresh().await?;
        }
        let sent = match self.webhook_secret(webhook) {
            Err(_) => Err("secret".to_owned()),
            Ok(secret) => {
                let message = Message {
                    url: &webhook.url,
                    secret: &secret,
                    id: delivery.id,
                    body: &delivery.body,
                    now: self.0.clock.now(),
                    private: self.0.settings.allow_private_webhooks,
                };
                send::send(&self.0.sending.client, message).await
            }
        };
        between_steps!("webhooks.sent");
        let now = self.0.clock.now();
        let mut tx = self.addition().await?;
        match &sent {
            Ok(()) => webhooks::delivered(&mut tx, delivery.id).await?,
            Err(code) => {
                let dead = given_up(&delivery, now).then_some(now);
                let next = now.plus(wait(delivery.attempts, jitter()));
                webhooks::failed(&mut tx, delivery.id, code, next, dead).await?;
            }
        }
        tx.commit().await?;
        let outcome = if sent.is_ok() { "delivered" } else { "failed" };
        metrics::counter!("callvault_webhook_attempts_total", "outcome" => outcome).increment(1);
        Ok(sent.is_ok())
    }

    /// Sets the gauges of what is on its way.
    pub(in crate::vault) async fn measure_webhooks(&self) -> Result<(), Error> {
        let backlog = webhooks::backlog(&self.0.index, None).await?;
        let now = self.0.clock.now();
        let age = backlog.oldest.map_or(0.0, |since| now.since(since).as_secs_f64());
        metrics::gauge!("callvault_webhook_oldest_pending_seconds").set(age);
        metrics::gauge!("callvault_webhook_pending")
            .set(super::super::watch::count(backlog.pending));
        metrics::gauge!("callvault_webhook_dead").set(super::super::watch::count(backlog.dead));
        Ok(())
    }
}

/// What an endpoint is told of an entry, if it wants to hear of it.
fn delivery(webhook: &Webhook, entry: &Told) -> Option<NewDelivery> {
    let event = WebhookEvent::ALL.iter().find(|event| event.ledger_word() == entry.event)?;
    if !webhook.events.contains(event) {
        return None;
    }
    // A hold is told of with each recording it keeps, and not once more by itself.
    if *event == WebhookEvent::RecordingHeld && entry.recording.is_none() {
        return None;
    }
    let mut data = Map::new();
    data.insert("controller".into(), json!(webhook.controller));
    if let Some(recording) = entry.recording {
        data.insert("recording".into(), json!(recording));
    }
    if let Ok(Value::Object(body)) = serde_json::from_str(&entry.body) {
        let passed = |(name, value): &(String, Value)| {
            PASSED_ON.contains(&name.as_str()) && !value.is_object() && !value.is_array()
        };
        data.extend(body.into_iter().filter(passed));
    }
    let body = json!({ "type": event, "timestamp": entry.at.minute(), "data": data });
    let (id, seq) = (DeliveryId::random(), entry.seq);
    Some(NewDelivery { id, seq, event: *event, body: body.to_string() })
}

fn given_up(delivery: &Delivery, now: Timestamp) -> bool {
    delivery.attempts >= ATTEMPTS || now.since(delivery.since) >= GIVEN_UP
}

/// How long it is waited after so many attempts: longer each time, and not in step with others.
fn wait(attempts: i32, jitter: u8) -> SignedDuration {
    let doublings = attempts.saturating_sub(1).clamp(0, 20).unsigned_abs();
    let seconds = FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT);
    // Between three quarters and five quarters of it.
    let millis = seconds * 1000 * (768 + 2 * i64::from(jitter)) / 1024;
    SignedDuration::from_millis(millis)
}

/// Without randomness the wait is only less well spread.
fn jitter() -> u8 {
    let mut byte = [0];
    let _ = getrandom::fill(&mut byte);
    byte[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_six_hours_and_are_spread() {
        let cases = [(1, 0, 3_750), (1, 255, 6_240), (2, 128, 10_000), (30, 128, 21_600_000)];
        for (attempts, jitter, millis) in cases {
            assert_eq!(wait(attempts, jitter).as_millis(), millis, "{attempts} {jitter}");
        }
        // Twenty attempts would take longer than three days: whichever comes first.
        let all: SignedDuration = (1..ATTEMPTS).map(|attempt| wait(attempt, 128)).sum();
        assert!(all > SignedDuration::from_hours(36), "{all:?}");
    }
}
