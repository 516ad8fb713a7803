//! The product: one operation a file. Each takes the caller first, checks the grant, does the work
//! and writes the ledger entry in the same transaction as the change (I18).
//!
//! - taking in: [`fields`], `ingest` (the upload), `accept` (the decision), `row`, `sealing`
//! - playing: `play`, `playing` and `keep_playing` (how much is heard), `content`, `windows`, `source`, `ticket`, `accesses`,
//!   `mutes` (what is silence)
//! - finding: `find`, [`view`]; training: `training` (notes, tags, sets)
//! - keeping: `policies`, `holds`, `restrict`, [`restrictions`] (what is open), `object`, `approvals` (the second person)
//! - erasing: `erase`, `early`, `forget`, `renew`, `reconcile`
//! - lasting: `journal`, `restore`, `scrub`
//! - the ledger: `ledger` (entries), `project` (tiles and checkpoints), `logs` (reading them),
//!   `standing` (is it what was signed), `replay` (after a restore), `witness`, `export_log`,
//!   `challenge` (proof that recordings are there)
//! - leaving: `leaving` (end of service, exports); telling: `webhooks` (events out)
//! - handing out: `evidence` (packages), `zip`
//! - showing it: [`erasures`], `certify`, [`compliance`], [`register`], `posture`
//! - people: `accounts`, `sessions` (signing in), `elsewhere` (`OpenID` Connect)
//! - around it: `customers`, `tokens`, `sources`, `health`, `recent`, `upkeep`, `watch`, [`doctor`]

mod accept;
mod accesses;
mod accounts;
mod approvals;
mod certify;
mod challenge;
mod claim;
pub mod compliance;
mod content;
mod customers;
mod daily_cap;
pub mod doctor;
mod early;
mod elsewhere;
mod erase;
pub mod erasures;
mod error;
mod evidence;
mod export_log;
pub mod fields;
mod find;
mod forget;
mod health;
mod holds;
mod ingest;
mod journal;
mod keep_playing;
mod keyring_place;
mod leaving;
mod ledger;
mod logs;
mod mutes;
mod numbers;
mod object;
mod outliers;
mod play;
mod playing;
mod policies;
mod posture;
mod project;
mod recent;
mod reconcile;
pub mod register;
mod renew;
mod replay;
mod replay_access;
mod replay_keeping;
mod restore;
mod restrict;
pub mod restrictions;
mod row;
mod scrub;
mod sealing;
mod sessions;
mod source;
mod sources;
mod standing;
mod ticket;
mod tokens;
mod training;
mod upkeep;
pub mod view;
mod watch;
mod webhooks;
mod windows;
mod witness;
mod zip;

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use moka::sync::Cache;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::crypto::Keys;
use crate::index::{self, Db};
use crate::ledger::Signer;
use crate::model::{Caller, Clock, ControllerId, E164, Grant, Recording, Timestamp};
use crate::retention::Schedule;
use crate::store::Store;

pub use crate::index::policies::Version as PolicyVersion;
pub use crate::ledger::{Language, is_name as is_log_name};
pub use crate::retention::{Keep, Refusal};
pub use accesses::Access;
pub use accounts::{AccountChange, AccountView, NewAccount, NewSecondFactor, ProposedView};
pub use approvals::ApprovalView;
pub use certify::{Issued, PopulationPlace, Span};
pub use content::Content;
pub use customers::{CustomerChange, NewCustomer};
pub use daily_cap::TrainingSettings;
pub use elsewhere::{ElsewhereSettings, GroupRoles, Provider, Start};
pub use erase::ErasePass;
pub use error::{Error, Gone};
pub use evidence::{NewPackage, Package, PackageView};
pub use find::Filter;
pub use forget::Forgetting;
pub use health::Health;
pub use holds::{HoldView, HoldWish, HoldsWanted, NewHold, Step};
pub use ingest::{Ingested, Intake};
pub use journal::Rewrapped;
pub use keyring_place::DatabasePlace;
pub use leaving::{
    Archive, EndOfService, EndPass, Erasures, ExportState, ExportView, Keeper, NewExport, Notice,
    Phase, Remaining,
};
pub use logs::{LedgerSettings, LogView, Witness, WitnessView, has_ledger_key};
pub use mutes::{MuteView, NewMute};
pub use object::Decision;
pub use play::{Form, Heard, Wish};
pub use policies::{
    Decider, FloorExtension, PolicyHistory, PolicyWish, Preview, Progress, Scheduled, Share, Tally,
    decided_by,
};
pub use posture::Posture;
pub use project::Projection;
pub use reconcile::{ReconcileOptions, Reconciled};
pub use register::Identity;
pub use renew::Renewal;
pub use restore::Restored;
pub use restrict::{Lifting, NewRestriction};
pub use scrub::{ScrubPass, ScrubSettings};
pub use sessions::{
    OwnSession, PersonView, SessionView, SignIn, SignInSettings, SignedIn, csrf_of,
};
pub use sources::SourceView;
pub use standing::Standing;
pub use ticket::Ticket;
pub use tokens::{NewToken, Secret, TokenView};
pub use training::{ItemView, NewItem, NewNote, NoteChange, NoteView, Person, SetChange, SetView};
pub use upkeep::Upkeep;
pub use webhooks::{DeadDelivery, NewWebhook, WebhookView};

/// How long a refusal is kept in mind.
const REFUSED: Duration = Duration::from_mins(30);

/// How many recordings that do not fit in one part come in at once; more are asked to come back.
const LARGE_UPLOADS: usize = 32;

/// What the vault needs to know apart from where things are.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The terms.
    pub schedule: Schedule,
    /// The largest recording taken in, in bytes.
    pub max_body: u64,
    /// How long a shortened term can be called back.
    pub cooling_off: SignedDuration,
    /// How often the eraser runs.
    pub eraser_interval: Duration,
    /// Whether a day that a recording left early is renewed before the nightly forgetting.
    pub renew_days: bool,
    /// How often and how fast every object is read.
    pub scrub: ScrubSettings,
    /// The version of the privacy statement the support terms come from.
    pub statement_version: Option<String>,
    /// Where the objects are.
    pub location: Location,
    /// Whether events may go out to addresses that are not public.
    pub allow_private_webhooks: bool,
    /// Who the provider is.
    pub identity: Identity,
    /// What trainers are shown, and how much of it a day.
    pub training: TrainingSettings,
    /// What the logs are called and who cosigns them.
    pub ledger: LedgerSettings,
    /// How people sign in.
    pub sign_in: SignInSettings,
}

/// Where the objects are, as far as the law asks.
#[derive(Clone, Debug)]
pub struct Location {
    /// The country (ISO 3166-1 alpha-2).
    pub country: String,
    /// What allows a country outside the EEA.
    pub instrument: Option<String>,
}

/// What a vault is put together from.
pub struct Parts {
    /// The index, migrated.
    pub index: Db,
    /// The object store.
    pub store: Store,
    /// The keyring.
    pub keys: Keys,
    /// The key of the logs, on a node that has it: only such a node signs.
    pub signer: Option<Signer>,
    /// Where the time comes from.
    pub clock: Clock,
    /// The rest.
    pub settings: Settings,
}

/// The vault. A handle: clones are the same vault.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    index: Db,
    store: Store,
    keys: Keys,
    signer: Option<Arc<Signer>>,
    /// How the ledger stands.
    stand: standing::Stand,
    /// What this process calls itself when it takes a log.
    node: Uuid,
    clock: Clock,
    settings: Settings,
    provider: ControllerId,
    /// What is heard now.
    players: playing::Players,
    /// Refusals already in the ledger, and since when.
    refused: Cache<play::Refused, Timestamp>,
    /// How many recordings are decoded at once.
    decoders: Arc<Semaphore>,
    /// How many passwords are hashed at once: each takes 19 MiB.
    hashers: Arc<Semaphore>,
    /// How many large recordings come in at once: each has some 25 MiB under way.
    large: Arc<Semaphore>,
    /// One challenge at a time: each reads tens of megabytes.
    challenges: Semaphore,
    /// What was read a moment ago.
    recent: recent::Recent,
    watch: watch::Watch,
    health: health::Kept,
    sources: sources::Sources,
    sending: webhooks::Sending,
    /// The uploads that are decided about, whether or not somebody waits for them.
    running: TaskTracker,
}

impl Vault {
    /// Puts a vault together; the provider gets its identifier the first time.
    pub async fn open(parts: Parts) -> Result<Self, Error> {
        let Parts { index, store, keys, signer, clock, settings } = parts;
        let mut tx = index.begin().await?;
        let provider = index::controllers::ensure_provider(&mut tx, ControllerId::random()).await?;
        logs::stay_the_same(&mut tx, signer.as_ref(), &settings.ledger).await?;
        tx.commit().await?;
        keys.ensure(&[provider], &[]).await?;
        let watch = watch::Watch::default();
        watch.remember(index::guards::guard(&index).await?.last_seen);
        tokio::task::spawn_blocking(E164::warm_up);
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let vault = Self(Arc::new(Inner {
            index,
            store,
            keys,
            signer: signer.map(Arc::new),
            stand: standing::Stand::default(),
            node: Uuid::new_v4(),
            clock,
            sending: webhooks::Sending::new(settings.allow_private_webhooks)?,
            settings,
            provider,
            players: playing::Players::default(),
            refused: Cache::builder().max_capacity(100_000).time_to_live(REFUSED).build(),
            decoders: Arc::new(Semaphore::new(cores * 2)),
            hashers: Arc::new(Semaphore::new(cores)),
            large: Arc::new(Semaphore::new(LARGE_UPLOADS)),
            challenges: Semaphore::new(1),
            recent: recent::Recent::default(),
            watch,
            health: health::Kept::default(),
            sources: sources::Sources::default(),
            running: TaskTracker::new(),
        }));
        vault.settle_ledger().await?;
        if vault.standing() == Standing::Sound {
            let mut tx = vault.addition().await?;
            vault.open_log(&mut tx, provider, vault.0.clock.now()).await?;
            tx.commit().await?;
        }
        Ok(vault)
    }

    /// The largest recording taken in, in bytes.
    #[must_use]
    pub fn max_body(&self) -> u64 {
        self.0.settings.max_body
    }

    /// The provider's identifier.
    #[must_use]
    pub fn provider(&self) -> ControllerId {
        self.0.provider
    }

    /// The clock of the vault.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The index, for tests and reports of the composition root; it enforces no access rule.
    #[must_use]
    pub fn index(&self) -> &Db {
        &self.0.index
    }

    /// Follows the keyring at once when another node made the keys of these rows a moment ago.
    async fn catch_up<'r>(
        &self,
        rows: impl IntoIterator<Item = &'r Recording>,
    ) -> Result<(), Error> {
        let keys = &self.0.keys;
        let behind = |row: &Recording| {
            keys.is_behind(row.controller, &[row.key.day, row.metadata_due_at.day()])
                || row.key.generation > keys.generation(row.key.day)
                || numbers::generation(row) > Some(keys.generation(numbers::day(row)))
        };
        if rows.into_iter().any(behind) {
            keys.refresh().await?;
        }
        Ok(())
    }

    /// Waits for a place among the decoders.
    async fn decoder(&self) -> Result<tokio::sync::OwnedSemaphorePermit, Error> {
        let wait = self.0.decoders.clone().acquire_owned();
        match tokio::time::timeout(Duration::from_secs(20), wait).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(Error::Busy),
        }
    }
}

/// Refuses unless one of the caller's roles allows it.
fn must(caller: &Caller, grant: Grant) -> Result<(), Error> {
    if caller.has(grant) { Ok(()) } else { Err(Error::Forbidden) }
}
