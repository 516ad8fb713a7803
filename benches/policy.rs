//! How fast a policy is previewed and a shorter one applied to all that is there:
//! `cargo bench --bench policy -- --rows 1000000`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use callvault::crypto::{Dek, Files, Keys, Kind, WrapFacts};
use callvault::index::recordings::{Marks, insert};
use callvault::index::{Db, Pool};
use callvault::model::{
    Class, Clock, Customer, Direction, Metadata, Recording, RecordingId, SealedKey, State, Term,
    TimeZone, Timestamp,
};
use callvault::retention::Schedule;
use callvault::store::{self, Store};
use callvault::vault::{
    Decider, LedgerSettings, Location, NewCustomer, Parts, PolicyWish, ScrubSettings, Settings,
    Vault,
};
use clap::Parser;
use jiff::SignedDuration;

type Failure = Box<dyn std::error::Error>;

const NOW: &str = "2026-06-01T12:00:00Z";

/// How many recordings go into one transaction.
const BATCH: u32 = 20_000;

/// Measures changes of policy.
#[derive(Parser)]
struct Options {
    /// How many recordings.
    #[arg(long, default_value_t = 1_000_000)]
    rows: u32,
    /// Where the vault goes.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// What cargo passes to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let options = Options::parse();
    let dir = match &options.dir {
        Some(dir) => tempfile::tempdir_in(dir)?,
        None => tempfile::tempdir()?,
    };
    let clock = Clock::manual(NOW.parse()?);
    let (vault, keys) = vault(dir.path(), &clock).await?;
    let customer = customer(&vault).await?;
    let started = Instant::now();
    fill(&vault, &keys, &customer, options.rows).await?;
    eprintln!("filled in {:?}, {} MiB", started.elapsed(), memory());

    println!("| {} recordings, SQLite | measured | limit | |", options.rows);
    println!("|---|---|---|---|");
    let rule = |scope: &str, term: &str| (scope.to_owned(), term.to_owned());
    let plain = PolicyWish { default: "P3Y".into(), rules: vec![], apply_to_existing: false };
    let rules = vec![rule("line:201", "P4Y"), rule("queue:sales", "P2Y"), rule("agent:a1", "P3Y")];
    let ruled = PolicyWish { rules, ..plain.clone() };
    for (what, wish) in [("preview", &plain), ("preview, 3 rules", &ruled)] {
        let mut taken = Vec::new();
        for _ in 0..3 {
            let started = Instant::now();
            vault.preview_policy_by(Decider::Machine, &customer.reference, wish).await?;
            taken.push(started.elapsed());
        }
        taken.sort_unstable();
        let seconds = taken.get(1).map_or(f64::NAN, Duration::as_secs_f64);
        let verdict = if seconds <= 2.0 { "met" } else { "MISSED" };
        println!("| {what} | {seconds:.2} s | 2 s | {verdict} |");
    }
    let before = memory();
    let by = Decider::Machine;
    let token = vault.preview_policy_by(by, &customer.reference, &plain).await?.token;
    vault.change_policy_by(by, &customer.reference, &plain, "bench", &token).await?;
    clock.advance(SignedDuration::from_secs(1));
    let started = Instant::now();
    vault.erase_due().await?;
    let rate = f64::from(options.rows) / started.elapsed().as_secs_f64();
    let history = vault.policy_history_by(by, &customer.reference).await?;
    let touched = history.in_force().map_or(0, |version| version.touched);
    if touched != i64::from(options.rows) {
        return Err(format!("{touched} of {} moved", options.rows).into());
    }
    let verdict = if rate >= 100_000.0 { "met" } else { "MISSED" };
    println!("| applying a shorter term | {rate:.0}/s | 100000/s | {verdict} |");
    println!("| peak memory, filling and after | {before} → {} MiB | flat | |", memory());
    Ok(())
}

/// The most memory this process has had, in MiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

async fn vault(dir: &Path, clock: &Clock) -> Result<(Vault, Keys), Failure> {
    let url = format!("sqlite:{}", dir.join("index.db").display());
    let index = Db::connect(&url, &Pool::default()).await?;
    index.migrate().await?;
    let url = format!("file:{}", dir.join("objects").display());
    let store = Store::open(&store::Settings { url, ..store::Settings::default() })?;
    let files = Files::new(dir.join("keyring"), vec![dir.join("root.key")]);
    let keys = Keys::init(Arc::new(files)).await?;
    let settings = Settings {
        schedule: Schedule {
            support_term: Term::days(90),
            support_metadata_term: Term::months(6),
            zone: TimeZone::get("Europe/Amsterdam")?,
        },
        max_body: 1 << 20,
        cooling_off: SignedDuration::ZERO,
        eraser_interval: Duration::from_hours(1),
        statement_version: Some("1".into()),
        location: Location { country: "NL".into(), instrument: None },
        allow_private_webhooks: false,
        sign_in: callvault::vault::SignInSettings::default(),
        identity: callvault::vault::Identity::default(),
        ledger: LedgerSettings::default(),
        renew_days: true,
        training: callvault::vault::TrainingSettings::default(),
        scrub: ScrubSettings { every: None, rate: 1 << 20 },
    };
    let (keyring, clock) = (keys.clone(), clock.clone());
    let parts = Parts { index, store, keys: keyring, signer: None, clock, settings };
    Ok((Vault::open(parts).await?, keys))
}

async fn customer(vault: &Vault) -> Result<Customer, Failure> {
    let new = NewCustomer {
        reference: "acme".parse()?,
        name: "Acme".into(),
        agreement: Some("A-1".into()),
        term: Some("P5Y".parse()?),
        floor: None,
        ceiling: None,
        legal_basis: None,
    };
    Ok(vault.add_customer(new).await?)
}

/// Recordings of the last two years, in the order in which they came in.
async fn fill(vault: &Vault, keys: &Keys, of: &Customer, rows: u32) -> Result<(), Failure> {
    let now: Timestamp = NOW.parse()?;
    let zone = TimeZone::get("Europe/Amsterdam")?;
    let step = 730 * 86_400 / i64::from(rows.max(1)).max(1);
    let term: Term = "P5Y".parse()?;
    let ended = |nth: u32| now.plus(SignedDuration::from_secs(-step * i64::from(rows - nth) - 60));
    for first in (0..rows).step_by(BATCH as usize) {
        let last = rows.min(first + BATCH);
        let days = (first..last).map(|nth| term.after(ended(nth), &zone).day());
        let days: std::collections::BTreeSet<_> = days.collect();
        keys.ensure(&[of.id], &days.into_iter().collect::<Vec<_>>()).await?;
        let mut tx = vault.index().begin().await?;
        for nth in first..last {
            let recording = recording(keys, of, nth, ended(nth), term, &zone)?;
            insert(&mut tx, &recording, &Marks::default()).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

fn recording(
    keys: &Keys,
    of: &Customer,
    nth: u32,
    ended_at: Timestamp,
    term: Term,
    zone: &TimeZone,
) -> Result<Recording, Failure> {
    let id = RecordingId::random();
    let due_at = term.after(ended_at, zone);
    let (salt, commitment) = ([7; 32], [9; 32]);
    let facts = WrapFacts {
        controller: of.id,
        recording: id,
        kind: Kind::Audio,
        class: Class::Customer,
        day: due_at.day(),
        generation: keys.generation(due_at.day()),
        plain_len: 1_920_044,
        salt,
        commitment,
    };
    let plain = br#"{"caller":"+31201234567","callee":"+31612345678"}"#;
    let wrap = keys.wrap(&Dek::generate()?, &facts)?;
    let numbers = keys.seal_row(of.id, id, facts.day, "numbers", plain)?;
    Ok(Recording {
        id,
        controller: of.id,
        class: Class::Customer,
        state: State::Stored,
        source: "pbx-1".into(),
        policy: "customer/1".into(),
        metadata: Metadata {
            direction: Some(Direction::Inbound),
            started_at: Some(ended_at.plus(SignedDuration::from_secs(-120))),
            ended_at: Some(ended_at),
            duration_ms: Some(120_000),
            size_bytes: Some(1_920_044),
            codec: Some("wav/pcm_s16le".into()),
            sample_rate: Some(8000),
            channels: Some(1),
            agent: Some(format!("a{}", nth % 20)),
            queue: Some(if nth.is_multiple_of(3) { "sales" } else { "help" }.into()),
            line: Some(format!("{}", 200 + nth % 50)),
            numbers: Some(numbers),
            ..Metadata::default()
        },
        received_at: ended_at,
        due_at,
        metadata_due_at: due_at,
        held: false,
        restricted: false,
        ground: None,
        objected: false,
        sampled: true,
        annotated: false,
        muted: 0,
        mutes_version: 0,
        cause: None,
        case_id: None,
        key_destroyed_at: None,
        erased_at: None,
        key: SealedKey {
            wrap: Some(wrap),
            day: facts.day,
            generation: facts.generation,
            salt: salt.to_vec(),
            commitment: commitment.to_vec(),
        },
    })
}
