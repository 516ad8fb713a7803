//! How the vault itself does: its nodes, its store, its keyring, and what the doctor finds. Nothing
//! of a call is in it.

use jiff::SignedDuration;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::doctor::Finding;
use super::error::Error;
use super::posture::Posture;
use super::{Vault, must};
use crate::index::nodes::{self as rows, Node};
use crate::model::{Caller, Day, Grant, Timestamp};

/// How often a node says that it is there.
pub(super) const SAY: std::time::Duration = std::time::Duration::from_secs(30);

/// How long a node counts as there after it last said so, and how long it is still shown.
const SILENT: SignedDuration = SignedDuration::from_secs(90);
const SHOWN: SignedDuration = SignedDuration::from_hours(24);

/// A clock that is this far off is worth a look.
const CLOCK: i64 = 1_000;

/// How long an answer counts: the doctor writes to the store and reads it back.
const KEPT: SignedDuration = SignedDuration::from_secs(60);

/// The last answer, and when it was given.
pub(super) type Kept = tokio::sync::Mutex<Option<(SignedDuration, Health)>>;

/// How the vault does.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Health {
    /// When it was looked at; an answer counts for a minute.
    #[schema(value_type = String, format = DateTime)]
    pub checked_at: Timestamp,
    /// The processes that serve, those that were silent for less than a day included.
    pub nodes: Vec<NodeView>,
    /// What the doctor finds.
    pub findings: Vec<Check>,
    /// The object store.
    pub store: StoreHealth,
    /// The keyring.
    pub keyring: KeyringHealth,
    /// The day of the last forgetting, if there was one.
    #[schema(value_type = Option<String>, format = Date)]
    pub last_forgetting: Option<String>,
}

/// A process that serves.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NodeView {
    /// What it calls itself, since it started.
    pub id: Uuid,
    /// Which version it is.
    pub version: String,
    /// When it started.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When it said last that it is there.
    #[schema(value_type = String, format = DateTime)]
    pub seen_at: Timestamp,
    /// How far its clock is ahead of the database server's, when there is another one to compare.
    pub clock_offset_ms: Option<i64>,
    /// Whether it erases and forgets.
    pub erases: bool,
    /// Whether it signs the ledger.
    pub signs: bool,
    /// Whether it said within ninety seconds that it is there.
    pub alive: bool,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Check {
    /// What.
    pub check: &'static str,
    /// `ok`, `warning` or `wrong`.
    pub status: &'static str,
    /// What was found, and what to do if it is not in order.
    pub detail: String,
}

/// How the object store does.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StoreHealth {
    /// `folder`, `bucket` or `objects`.
    pub kind: &'static str,
    /// The country the objects are in.
    pub country: String,
    /// Whether it writes, reads and deletes.
    pub answers: bool,
    /// Whether it keeps versions: `off`, `on`, `suspended`, `unsupported`; null when it does not say.
    pub versioning: Option<&'static str>,
    /// Whether it locks objects; null when it does not say.
    pub lock: Option<bool>,
    /// What stands in the way of erasing, or of keeping.
    pub drift: Vec<&'static str>,
}

/// How the keyring does.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct KeyringHealth {
    /// Counts roots: every forgetting makes a new one.
    pub epoch: i64,
    /// How many days have keys.
    pub days: usize,
    /// How many controllers have one.
    pub controllers: usize,
    /// The first day that has a key.
    #[schema(value_type = Option<String>, format = Date)]
    pub oldest_day: Option<String>,
    /// No day before this one opens any more.
    #[schema(value_type = String, format = Date)]
    pub forgotten_before: String,
    /// Whether something of an old root could still be there.
    pub unfinished: bool,
    /// The copies of the root.
    pub replicas: Vec<ReplicaView>,
}

/// A copy of the root.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReplicaView {
    /// Which one.
    pub name: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found.
    pub detail: String,
}

impl From<Finding> for Check {
    fn from(finding: Finding) -> Self {
        let status = if finding.ok { "ok" } else { "wrong" };
        Self { check: finding.about, status, detail: finding.detail }
    }
}

impl Vault {
    /// Says that this process is there.
    pub(super) async fn say_node(&self, erases: bool, started_at: Timestamp) -> Result<(), Error> {
        let now = self.0.clock.now();
        let reference = self.reference_time().await?;
        let offset = reference.map(|reference| self.0.clock.now().since(reference).as_millis());
        let node = Node {
            id: self.0.node,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at,
            seen_at: now,
            clock_offset_ms: offset.and_then(|offset| i64::try_from(offset).ok()),
            erases,
            signs: self.0.signer.is_some(),
        };
        let mut tx = self.addition().await?;
        rows::say(&mut tx, &node).await?;
        rows::purge(&mut tx, now.plus(-SHOWN)).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Takes this process off the list.
    pub(super) async fn leave_nodes(&self) -> Result<(), Error> {
        let mut tx = self.addition().await?;
        rows::leave(&mut tx, self.0.node).await?;
        tx.commit().await?;
        Ok(())
    }

    /// How the vault does. An answer counts for a minute.
    pub async fn health(&self, caller: &Caller) -> Result<Health, Error> {
        must(caller, Grant::SeeHealth)?;
        let mut kept = self.0.health.lock().await;
        let elapsed = self.0.clock.elapsed();
        if let Some((at, health)) = &*kept
            && elapsed - *at < KEPT
        {
            return Ok(health.clone());
        }
        let health = self.look_at_health().await?;
        *kept = Some((elapsed, health.clone()));
        Ok(health)
    }

    async fn look_at_health(&self) -> Result<Health, Error> {
        let now = self.0.clock.now();
        let nodes: Vec<_> = rows::list(&self.0.index)
            .await?
            .into_iter()
            .map(|node| NodeView {
                alive: now.since(node.seen_at) < SILENT,
                id: node.id,
                version: node.version,
                started_at: node.started_at,
                seen_at: node.seen_at,
                clock_offset_ms: node.clock_offset_ms,
                erases: node.erases,
                signs: node.signs,
            })
            .collect();
        let found = self.examine().await;
        let answers = found.iter().any(|finding| finding.about == "store" && finding.ok);
        let mut findings: Vec<Check> = found.into_iter().map(Check::from).collect();
        findings.extend(about_nodes(&nodes));
        findings.push(match self.must_be_sound() {
            Ok(()) => Check { check: "ledger", status: "ok", detail: "what was signed".into() },
            Err(error) => Check { check: "ledger", status: "wrong", detail: error.to_string() },
        });
        let posture = self.0.store.posture().await.ok().map(|found| Posture::from(&found));
        let store = StoreHealth {
            kind: self.0.store.kind(),
            country: self.0.settings.location.country.clone(),
            answers,
            versioning: posture.as_ref().map(|posture| posture.versioning),
            lock: posture.as_ref().and_then(|posture| posture.lock),
            drift: posture.map(|posture| posture.drift).unwrap_or_default(),
        };
        let last = self.last_forgetting().await?;
        let last_forgetting = last.map(|day| day.to_string());
        let keyring = self.keyring_health();
        Ok(Health { checked_at: now, nodes, findings, store, keyring, last_forgetting })
    }

    fn keyring_health(&self) -> KeyringHealth {
        let status = self.0.keys.status();
        let replicas = status.replicas.into_iter().map(|replica| ReplicaView {
            name: replica.name,
            ok: replica.ok,
            detail: replica.detail,
        });
        KeyringHealth {
            epoch: status.epoch,
            days: status.days,
            controllers: status.tenants,
            oldest_day: status
                .oldest_day
                .filter(|day| *day != Day::HOLD)
                .map(|day| day.to_string()),
            forgotten_before: status.forgotten_before.to_string(),
            unfinished: status.unfinished,
            replicas: replicas.collect(),
        }
    }
}

/// What the list of nodes says: somebody is silent, nobody erases, a clock is off.
fn about_nodes(nodes: &[NodeView]) -> Vec<Check> {
    let mut checks = Vec::new();
    let alive = nodes.iter().filter(|node| node.alive).count();
    let silent = nodes.len() - alive;
    let (status, detail) = match (alive, silent) {
        (0, _) => ("warning", "no process has said that it serves".to_owned()),
        (_, 0) => ("ok", format!("{alive} serving")),
        _ => ("warning", format!("{alive} serving, {silent} silent for ninety seconds or more")),
    };
    checks.push(Check { check: "nodes", status, detail });
    if alive > 0 && !nodes.iter().any(|node| node.alive && node.erases) {
        let detail = "no node erases: start one without --no-eraser".to_owned();
        checks.push(Check { check: "erasers", status: "wrong", detail });
    }
    let off = |node: &&NodeView| node.clock_offset_ms.is_some_and(|ms| ms.abs() > CLOCK);
    if let Some(node) = nodes.iter().filter(|node| node.alive).find(off) {
        let ms = node.clock_offset_ms.unwrap_or_default();
        let detail = format!("the clock of node {} is {ms} ms off: synchronise it", node.id);
        checks.push(Check { check: "clocks", status: "warning", detail });
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(alive: bool, erases: bool, clock_offset_ms: Option<i64>) -> NodeView {
        let at = Timestamp::from_micros(0).expect("a time");
        let version = String::new();
        let (id, signs) = (Uuid::new_v4(), true);
        NodeView { id, version, started_at: at, seen_at: at, clock_offset_ms, erases, signs, alive }
    }

    #[test]
    fn silent_nodes_missing_erasers_and_wrong_clocks_are_found() {
        let statuses = |nodes: &[NodeView]| -> Vec<_> {
            about_nodes(nodes).into_iter().map(|check| (check.check, check.status)).collect()
        };
        assert_eq!(statuses(&[]), [("nodes", "warning")]);
        assert_eq!(statuses(&[node(true, true, Some(3))]), [("nodes", "ok")]);
        assert_eq!(
            statuses(&[node(true, true, None), node(false, true, None)]),
            [("nodes", "warning")]
        );
        assert_eq!(
            statuses(&[node(true, false, Some(-5_000)), node(false, true, None)]),
            [("nodes", "warning"), ("erasers", "wrong"), ("clocks", "warning")]
        );
    }
}
