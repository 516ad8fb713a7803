//! Erasing through the vault against the bare deletes of the same store, and how long forgetting a
//! day takes: `cargo bench --bench erase -- --recordings 2000`.
//!
//! In a folder, and in Garage when `TEST_S3_ENDPOINT` is set (scripts/test-services.sh).

#[path = "index/fill.rs"]
#[expect(dead_code, reason = "whose rows there are matters to the other bench only")]
mod fill;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use callvault::crypto::{Files, Keys};
use callvault::index::{Db, Pool};
use callvault::ledger::Signer;
use callvault::model::{Caller, Class, Clock, Day, RecordingId, Role, Term, TimeZone};
use callvault::retention::Schedule;
use callvault::store::{self, Store};
use callvault::vault::{LedgerSettings, Location, NewToken, Parts, Settings, Vault};
use clap::Parser;
use futures_util::{StreamExt, stream};
use jiff::SignedDuration;

type Failure = Box<dyn std::error::Error>;

const NOW: &str = "2026-06-01T12:00:00Z";

/// How often each side is measured, in turns.
const ROUNDS: usize = 3;

/// Measures erasing and forgetting.
#[derive(Parser)]
struct Options {
    /// How many recordings are erased in a round.
    #[arg(long, default_value_t = 2_000)]
    recordings: usize,
    /// What cargo passes to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let options = Options::parse();
    println!("| erasing {} recordings | store | vault | limit | |", options.recordings);
    println!("|---|---|---|---|---|");
    let folder = tempfile::tempdir()?;
    let url = format!("file:{}", folder.path().join("objects").display());
    let settings = store::Settings { url, ..store::Settings::default() };
    erase("folder", &settings, options.recordings).await?;
    if let Some(settings) = garage() {
        erase("Garage", &settings, options.recordings).await?;
    }
    for recordings in [10, 100_000] {
        forget(recordings).await?;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "benches are told their services like the tests")]
fn garage() -> Option<store::Settings> {
    let told = |name| std::env::var(name).ok();
    Some(store::Settings {
        url: format!("s3://{}/{}", told("TEST_S3_BUCKET")?, uuid::Uuid::new_v4()),
        endpoint: Some(told("TEST_S3_ENDPOINT")?),
        region: told("TEST_S3_REGION"),
        access_key_id: told("TEST_S3_ACCESS_KEY_ID"),
        secret_access_key: told("TEST_S3_SECRET_ACCESS_KEY").map(Into::into),
        allow_http: true,
        ..store::Settings::default()
    })
}

async fn erase(name: &str, settings: &store::Settings, count: usize) -> Result<(), Failure> {
    let (mut bare, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let store = Store::open(settings)?;
        let ids: Vec<_> = (0..count).map(|_| RecordingId::random()).collect();
        let object = Bytes::from(vec![7; wav(0).len() + 96]);
        let puts = stream::iter(ids.clone()).map(|id| store.put(id, vec![object.clone()]));
        let put: Vec<_> = puts.buffer_unordered(8).collect().await;
        put.into_iter().collect::<Result<(), _>>()?;
        let started = Instant::now();
        for (_, deleted) in store.delete(&ids).await {
            deleted?;
        }
        bare.push(started.elapsed());

        let dir = tempfile::tempdir()?;
        let clock = Clock::manual(NOW.parse()?);
        let vault = vault(dir.path(), store, &clock).await?;
        let caller = source(&vault).await?;
        let taken = stream::iter(0..count).map(|nth| ingest(&vault, &caller, nth));
        let taken: Vec<_> = taken.buffer_unordered(8).collect().await;
        taken.into_iter().collect::<Result<(), _>>()?;
        clock.advance(SignedDuration::from_hours(24 * 91));
        vault.confirm_erasing().await?;
        let started = Instant::now();
        let pass = vault.erase_due().await?;
        whole.push(started.elapsed());
        if pass.erased != count as u64 {
            return Err(format!("{} of {count} erased: {:?}", pass.erased, pass.paused).into());
        }
    }
    let (bare, whole) = (rate(&mut bare, count), rate(&mut whole, count));
    let ratio = whole / bare;
    let verdict = if ratio >= 0.8 { "met" } else { "MISSED" };
    println!("| {name} | {bare:.0}/s | {whole:.0}/s ({ratio:.2} ×) | 0.8 × | {verdict} |");
    Ok(())
}

fn rate(taken: &mut [Duration], count: usize) -> f64 {
    taken.sort_unstable();
    let median = taken.get(taken.len() / 2).map_or(f64::NAN, Duration::as_secs_f64);
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / median
}

async fn forget(recordings: i64) -> Result<(), Failure> {
    let dir = tempfile::tempdir()?;
    let clock = Clock::manual(NOW.parse()?);
    let url = format!("file:{}", dir.path().join("objects").display());
    let store = Store::open(&store::Settings { url, ..store::Settings::default() })?;
    let vault = vault(dir.path(), store, &clock).await?;
    fill::fill(vault.index(), clock.now(), recordings).await?;
    let mut taken = Vec::new();
    for _ in 0..5 {
        clock.advance(SignedDuration::from_hours(24));
        vault.confirm_erasing().await?;
        let started = Instant::now();
        let done = vault.forget().await?;
        taken.push(started.elapsed());
        if done.days.is_empty() {
            return Err("no day was forgotten".into());
        }
    }
    taken.sort_unstable();
    let median = taken.get(2).map_or(f64::NAN, Duration::as_secs_f64) * 1e3;
    let verdict = if median <= 100.0 { "met" } else { "MISSED" };
    println!(
        "| forgetting a day, {recordings} in the index | – | {median:.1} ms | 100 ms | {verdict} |"
    );
    Ok(())
}

async fn vault(dir: &Path, store: Store, clock: &Clock) -> Result<Vault, Failure> {
    let url = format!("sqlite:{}", dir.join("index.db").display());
    let index = Db::connect(&url, &Pool::default()).await?;
    index.migrate().await?;
    let files = Files::new(dir.join("keyring"), vec![dir.join("root.key")]);
    let keys = Keys::init(Arc::new(files)).await?;
    // The days that are forgotten: as many as a year of use leaves.
    let today = clock.now().day().0;
    let days: Vec<_> = (0..365).map(|ahead| Day(today + ahead)).collect();
    keys.ensure(&[], &days).await?;
    let settings = Settings {
        schedule: Schedule {
            support_term: Term::days(90),
            support_metadata_term: Term::months(6),
            zone: TimeZone::UTC,
        },
        max_body: 1 << 20,
        cooling_off: SignedDuration::from_hours(24),
        eraser_interval: Duration::from_hours(1),
        renew_days: false,
        training: callvault::vault::TrainingSettings::default(),
        scrub: callvault::vault::ScrubSettings { every: None, rate: 1 },
        statement_version: Some("1".into()),
        location: Location { country: "NL".into(), instrument: None },
        allow_private_webhooks: false,
        sign_in: callvault::vault::SignInSettings::default(),
        identity: callvault::vault::Identity::default(),
        ledger: LedgerSettings::default(),
    };
    let signer = Some(Signer::create(&dir.join("ledger.key"))?);
    let parts = Parts { index, store, keys, signer, clock: clock.clone(), settings };
    Ok(Vault::open(parts).await?)
}

async fn source(vault: &Vault) -> Result<Caller, Failure> {
    let token = NewToken {
        name: "pbx-1".into(),
        roles: BTreeSet::from([Role::Ingest]),
        customer: None,
        class: Some(Class::Support),
        lines: None,
        agent: None,
        own_calls_only: false,
        expires_at: None,
    };
    let (_, secret) = vault.create_token(&token).await?;
    Ok(vault.authenticate(secret.reveal()).await?)
}

async fn ingest(vault: &Vault, caller: &Caller, nth: usize) -> Result<(), callvault::vault::Error> {
    let mut intake = vault.intake(caller)?;
    for (name, value) in [
        ("class", "support"),
        ("direction", "inbound"),
        ("ended_at", "2026-06-01T11:00:00Z"),
        ("caller", "+31201234567"),
        ("callee", "+31881234567"),
        ("call_id", &nth.to_string()),
    ] {
        intake.fields().add(name, value)?;
    }
    let audio = Ok::<_, std::io::Error>(Bytes::from(wav(nth)));
    intake.audio(stream::iter([audio])).await?;
    intake.finish().await.map(drop)
}

/// A second of 8 kHz PCM16 that differs with `nth`.
fn wav(nth: usize) -> Vec<u8> {
    let mut wav = b"RIFF\xa4\x3e\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\x80\x3e\0\0".to_vec();
    for sample in 0..8_000_usize {
        let value = i16::try_from(sample * (nth % 500 + 1) % 20_000).unwrap_or(0);
        wav.extend_from_slice(&value.to_le_bytes());
    }
    wav
}
