//! What proof costs: a challenge and a certificate over a large population, and how much of taking a
//! recording in is the ledger's: `cargo bench --bench proof -- --rows 1000000`.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callvault::crypto::{Files, Keys};
use callvault::index::ledger_entries::{self, NewEntry};
use callvault::index::recordings::{Marks, find, insert};
use callvault::index::{Db, Pool, derived, sql};
use callvault::ledger::{Signer, ciphertext, compose};
use callvault::model::{
    Caller, Class, Clock, Direction, Event, Recording, RecordingId, Role, Term, TimeZone,
};
use callvault::retention::Schedule;
use callvault::store::{self, Store};
use callvault::vault::{
    LedgerSettings, Location, NewToken, Parts, ScrubSettings, Settings, Span, Vault,
};
use clap::Parser;
use jiff::SignedDuration;
use serde_json::json;

type Failure = Box<dyn std::error::Error>;

const NOW: &str = "2026-06-01T12:00:00Z";

/// How many recordings go into one transaction.
const BATCH: u32 = 10_000;

/// Measures proof.
#[derive(Parser)]
struct Options {
    /// How many recordings there are.
    #[arg(long, default_value_t = 1_000_000)]
    rows: u32,
    /// How many recordings are taken in to see what the ledger costs.
    #[arg(long, default_value_t = 400)]
    ingests: u32,
    /// What cargo passes to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let Options { rows, ingests, .. } = Options::parse();
    println!("| {rows} recordings, SQLite and a folder | measured | limit | |");
    println!("|---|---:|---:|---|");
    share_of_an_ingest(ingests).await?;
    let dir = tempfile::tempdir()?;
    let clock = Clock::manual(NOW.parse()?);
    let vault = vault(dir.path(), &clock).await?;
    let auditor = caller(&vault, Role::Auditor).await?;
    let first = ingest(&vault, 0).await?;
    let like = find(vault.index(), first).await?.ok_or("it was taken in")?;
    fill(&vault, &like, rows).await?;
    vault.project().await?;
    for samples in [1, 300] {
        let (before, started) = (memory(), Instant::now());
        let answer = vault.challenge(&auditor, "provider", "a-nonce-of-some-length", samples);
        let live = answer.await?.live;
        let took = started.elapsed();
        println!(
            "| a challenge of {samples} over {live} recordings, without the reading | {took:.2?} | – | |"
        );
        println!("| memory for that | + {} MiB | – | |", memory().saturating_sub(before));
    }
    clock.advance(SignedDuration::from_hours(24 * 91));
    erase_all(&vault, &clock).await?;
    let from = clock.now();
    clock.advance(SignedDuration::from_hours(24));
    let from = from.plus(SignedDuration::from_hours(-1));
    let span = Span { class: None, from, to: clock.now() };
    let (before, started) = (memory(), Instant::now());
    let issued = vault.certificate_of(&auditor, span).await?;
    let took = started.elapsed();
    println!("| the certificate of that period | {took:.2?} | – | {} |", issued.certificate.status);
    verdict("memory for that", memory().saturating_sub(before) < 64, || {
        format!("+ {} MiB | flat", memory().saturating_sub(before))
    });
    let (before, started, mut lines) = (memory(), Instant::now(), 0_usize);
    let mut place = None;
    loop {
        let (chunk, next) = vault.population_csv(&auditor, span, place).await?;
        lines += chunk.lines().count();
        place = next;
        if place.is_none() {
            break;
        }
    }
    let took = started.elapsed();
    println!("| its list, {lines} lines | {took:.2?} | – | |");
    verdict("memory for that", memory().saturating_sub(before) < 64, || {
        format!("+ {} MiB | flat", memory().saturating_sub(before))
    });
    Ok(())
}

fn verdict(what: &str, met: bool, told: impl Fn() -> String) {
    println!("| {what} | {} | {} |", told(), if met { "met" } else { "**missed**" });
}

/// How much of taking a recording in is the ledger's: measured by its parts, each through the code that
/// an ingest runs.
async fn share_of_an_ingest(count: u32) -> Result<(), Failure> {
    let dir = tempfile::tempdir()?;
    let clock = Clock::manual(NOW.parse()?);
    let vault = vault(dir.path(), &clock).await?;
    let first = ingest(&vault, 0).await?;
    let started = Instant::now();
    for seed in 1..=count {
        ingest(&vault, seed).await?;
    }
    let whole = started.elapsed() / count;
    let started = Instant::now();
    vault.project().await?;
    let projected = started.elapsed() / count;
    let like = find(vault.index(), first).await?.ok_or("it was taken in")?;
    let with = rows(&vault, &like, count, true).await?;
    let without = rows(&vault, &like, count, false).await?;
    let append = with.saturating_sub(without);
    let object = vec![7_u8; 961_000];
    let started = Instant::now();
    for _ in 0..count {
        let mut tree = ciphertext::Hasher::default();
        tree.update(&object);
        std::hint::black_box(tree.finish().root());
    }
    let tree = started.elapsed() / count;
    println!("| taking in 60 s of WAV, 0.92 MiB | {whole:.2?} | – | |");
    for (what, took) in [
        ("of that: the entry, in its transaction", append),
        ("of that: the tree over the ciphertext", tree),
        ("beside it: tiles and checkpoint, an entry", projected),
    ] {
        let share = 100.0 * took.as_secs_f64() / whole.as_secs_f64();
        println!("| {what} | {took:.2?} = {share:.1} % | – | |");
    }
    let all = append + tree + projected;
    let rest = whole.saturating_sub(append + tree);
    let cost = 100.0 * all.as_secs_f64() / rest.as_secs_f64();
    verdict("what the ledger costs an ingest", cost < 10.0, || format!("{cost:.1} % | < 10 %"));
    Ok(())
}

/// What an ingest writes into the index, with or without the entry: a transaction each.
async fn rows(
    vault: &Vault,
    like: &Recording,
    count: u32,
    entry: bool,
) -> Result<Duration, Failure> {
    let started = Instant::now();
    for _ in 0..count {
        let (recording, marks) = another(like);
        let mut tx = vault.index().begin().await?;
        insert(&mut tx, &recording, &marks).await?;
        for kind in ["seek", "waveform", ciphertext::KIND] {
            derived::insert(&mut tx, recording.id, kind, &[7; 400]).await?;
        }
        if entry {
            ledger_entries::append(&mut tx, &[accepted(&recording)]).await?;
        }
        tx.commit().await?;
    }
    Ok(started.elapsed() / count)
}

fn another(like: &Recording) -> (Recording, Marks) {
    let id = RecordingId::random();
    let mut key = [0; 32];
    for (to, from) in key.iter_mut().zip(id.0.as_bytes().iter().cycle()) {
        *to = *from;
    }
    let marks = Marks {
        call_key: Some(key),
        content_key: Some(key),
        caller_blind: Some(key),
        callee_blind: Some(key),
        digest: vec![7; 60],
        ct_root: Some(key),
    };
    (Recording { id, ..like.clone() }, marks)
}

fn accepted(of: &Recording) -> NewEntry {
    let root = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let body = json!({
        "class": of.class, "due": of.due_at.hour_rounded_up(), "pol": of.policy, "len": 1 << 20,
        "loc": "NL", "kek": "0123456789abcdef", "ct_root": root, "ct_chunks": root,
    });
    let (at, event, recording) = (of.received_at, Event::RecordingAccepted, Some(of.id));
    let body = compose(at, event, recording, &body);
    NewEntry { controller: of.controller, at, event, recording, body }
}

async fn fill(vault: &Vault, like: &Recording, count: u32) -> Result<(), Failure> {
    for first in (0..count).step_by(BATCH as usize) {
        let mut entries = Vec::new();
        let mut tx = vault.index().begin().await?;
        for _ in first..count.min(first + BATCH) {
            let (recording, marks) = another(like);
            insert(&mut tx, &recording, &marks).await?;
            entries.push(accepted(&recording));
        }
        ledger_entries::append(&mut tx, &entries).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// What the eraser leaves of everything, without its entries.
async fn erase_all(vault: &Vault, clock: &Clock) -> Result<(), Failure> {
    let mut tx = vault.index().begin().await?;
    sql("UPDATE recordings SET state = 'audio_erased', cause = 'term', wrap = NULL,
             content_key = NULL, key_destroyed_at = $1, erased_at = $1")
    .bind(clock.now())
    .execute(&mut tx)
    .await?;
    tx.commit().await?;
    Ok(())
}

/// The most memory this process had since it was asked last, in MiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    drop(std::fs::write("/proc/self/clear_refs", "5"));
    kib.unwrap_or(0) / 1024
}

async fn vault(dir: &Path, clock: &Clock) -> Result<Vault, Failure> {
    let url = format!("sqlite:{}", dir.join("index.db").display());
    let index = Db::connect(&url, &Pool::default()).await?;
    index.migrate().await?;
    let files = Files::new(dir.join("keyring"), vec![dir.join("root.key")]);
    let keys = Keys::init(Arc::new(files)).await?;
    let url = format!("file:{}", dir.join("objects").display());
    let store = Store::open(&store::Settings { url, ..store::Settings::default() })?;
    let settings = Settings {
        schedule: Schedule {
            support_term: Term::days(90),
            support_metadata_term: Term::months(6),
            zone: TimeZone::UTC,
        },
        max_body: 1 << 24,
        cooling_off: SignedDuration::from_hours(24),
        eraser_interval: Duration::from_hours(1),
        renew_days: false,
        scrub: ScrubSettings { every: None, rate: 1 },
        statement_version: Some("1".into()),
        location: Location { country: "NL".into(), instrument: None },
        allow_private_webhooks: false,
        identity: callvault::vault::Identity::default(),
        ledger: LedgerSettings::default(),
    };
    let signer = Some(Signer::create(&dir.join("ledger.key"))?);
    let clock = clock.clone();
    Ok(Vault::open(Parts { index, store, keys, signer, clock, settings }).await?)
}

async fn caller(vault: &Vault, role: Role) -> Result<Caller, Failure> {
    let token = NewToken {
        name: "bench".into(),
        roles: [role].into(),
        customer: None,
        class: None,
        lines: None,
        expires_at: None,
    };
    let (_, secret) = vault.create_token(&token).await?;
    Ok(vault.authenticate(secret.reveal()).await?)
}

/// Takes a minute of sound in, as a PBX sends it.
async fn ingest(vault: &Vault, seed: u32) -> Result<RecordingId, Failure> {
    let pbx = caller(vault, Role::Ingest).await?;
    let mut intake = vault.intake(&pbx)?;
    let call = format!("call-{seed}");
    for (name, value) in [
        ("class", Class::Support.as_str()),
        ("direction", Direction::Inbound.as_str()),
        ("ended_at", "2026-06-01T11:00:00Z"),
        ("caller", "+31201234567"),
        ("callee", "+31881234567"),
        ("call_id", call.as_str()),
    ] {
        intake.fields().add(name, value)?;
    }
    let chunk: Result<_, std::io::Error> = Ok(bytes::Bytes::from(wav(seed)));
    intake.audio(futures_util::stream::iter([chunk])).await?;
    Ok(RecordingId(intake.finish().await?.recording.id))
}

fn wav(seed: u32) -> Vec<u8> {
    let data = 960_000_u32;
    let mut wav = Vec::with_capacity(961_000);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + data).to_le_bytes());
    wav.extend_from_slice(
        b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data",
    );
    wav.extend_from_slice(&data.to_le_bytes());
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    for _ in 0..data / 2 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        wav.extend_from_slice(&state.to_le_bytes()[2..]);
    }
    wav
}
