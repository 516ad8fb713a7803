//! How fast the index answers when it is full: `cargo bench --bench index -- --rows 10000000`.
//!
//! Fills SQLite and PostgreSQL (`TEST_POSTGRES`, see scripts/test-services.sh) with recordings and
//! times the queries that must stay fast, through the functions that the vault calls. `--engine
//! sqlite|postgres` measures one of them, `--dir` says where the SQLite file goes.

mod fill;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use callvault::index::recordings::{Search, count_due, due, search};
use callvault::index::{Db, Kind, Pool};
use callvault::model::{Clock, ControllerId, Cursor, Limit};
use clap::Parser;
use jiff::SignedDuration;

use fill::{Filled, blind};

/// How often each query is timed.
const ROUNDS: usize = 300;

/// Measures the index.
#[derive(Parser)]
struct Options {
    /// How many recordings.
    #[arg(long, default_value_t = 1_000_000)]
    rows: i64,
    /// Only this engine.
    #[arg(long)]
    engine: Option<String>,
    /// Where the SQLite file goes.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// What cargo passes to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let options = Options::parse();
    println!("| query, median (p99) of {ROUNDS}, ms | engine | rows | measured | limit | |");
    println!("|---|---|---|---|---|---|");
    let wanted = |engine| options.engine.as_deref().is_none_or(|only| only == engine);
    if wanted("sqlite") {
        let dir = match &options.dir {
            Some(dir) => tempfile::tempdir_in(dir)?,
            None => tempfile::tempdir()?,
        };
        measure(&format!("sqlite:{}", dir.path().join("index.db").display()), options.rows).await?;
    }
    if wanted("postgres") {
        let server = server()?;
        let name = format!("bench_{}", uuid::Uuid::new_v4().simple());
        let admin = sqlx::PgPool::connect(&format!("{server}/postgres")).await?;
        sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&admin).await?;
        let measured = measure(&format!("{server}/{name}"), options.rows).await;
        let drop = format!("DROP DATABASE {name} WITH (FORCE)");
        sqlx::query(sqlx::AssertSqlSafe(drop)).execute(&admin).await?;
        measured?;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "benches are told their services like the tests")]
fn server() -> Result<String, Failure> {
    Ok(std::env::var("TEST_POSTGRES")
        .map_err(|_| "TEST_POSTGRES is not set: scripts/test-services.sh start, then env")?)
}

async fn measure(url: &str, rows: i64) -> Result<(), Failure> {
    let db = Db::connect(url, &Pool::default()).await?;
    db.migrate().await?;
    let started = Instant::now();
    let now = Clock::system().now();
    let filled = fill::fill(&db, now, rows).await?;
    eprintln!("{}: filled in {:?}", db.kind().as_str(), started.elapsed());
    let report = Report { engine: db.kind(), rows };
    let page = Limit::new(None);
    let depth = now.plus(SignedDuration::from_hours(-24 * 45));
    let deep = Cursor { started_at: depth, id: uuid::Uuid::max() };

    expect("due", count_due(&db, now).await?, rows.min(fill::OVERDUE) / 2)?;
    report.time("due, the next 1,000", 5.0, async |_| due(&db, now, 1000).await).await?;
    let list = async |nth: usize, change: &dyn Fn(&mut Search<'_>)| {
        let mut wish = Search::of(filled.controller(nth));
        change(&mut wish);
        let found = search(&db, &wish, page).await;
        found.map(|found| found.len())
    };
    expect("a page", i64::try_from(list(0, &|_| {}).await?)?, 50)?;
    report.time("a page of the newest", 2.0, async |nth| list(nth, &|_| {}).await).await?;
    let deeply = async |nth| list(nth, &|wish| wish.after = Some(deep)).await;
    report.time("a page 45 days back", 2.0, deeply).await?;
    let busiest = async |_: usize| list(0, &|wish| wish.after = Some(deep)).await;
    report.time("the same, of the provider", 2.0, busiest).await?;
    let agent = async |nth: usize| {
        let name = format!("agent-{}", nth % 20);
        let mut wish = Search::of(filled.controller(nth));
        wish.agent = Some(&name);
        search(&db, &wish, page).await.map(|found| found.len())
    };
    expect("an agent's page", i64::try_from(agent(0).await?)?, 1)?;
    report.time("a page of an agent", 2.0, agent).await?;
    let number = async |nth: usize| {
        let mark = blind(i64::try_from(nth).unwrap_or(0) * 655);
        let mut wish = Search::of(filled.controller(0));
        wish.number = Some(&mark);
        search(&db, &wish, page).await.map(|found| found.len())
    };
    expect("a number's page", i64::try_from(number(1).await?)?, 1)?;
    report.time("a number, on either side", 2.0, number).await?;
    db.close().await;
    Ok(())
}

/// A query that finds nothing is fast and says nothing.
fn expect(what: &str, found: i64, least: i64) -> Result<(), Failure> {
    if found >= least { Ok(()) } else { Err(format!("{what}: {found} of {least}").into()) }
}

struct Report {
    engine: Kind,
    rows: i64,
}

impl Report {
    async fn time<T, E: std::error::Error + 'static>(
        &self,
        what: &str,
        limit_ms: f64,
        query: impl AsyncFn(usize) -> Result<T, E>,
    ) -> Result<(), Failure> {
        for nth in 0..20 {
            query(nth).await?;
        }
        let mut taken = Vec::with_capacity(ROUNDS);
        for nth in 0..ROUNDS {
            let started = Instant::now();
            query(nth).await?;
            taken.push(started.elapsed());
        }
        taken.sort_unstable();
        let ms = |at: usize| taken.get(at).map_or(0.0, Duration::as_secs_f64) * 1e3;
        let (median, p99) = (ms(ROUNDS / 2), ms(ROUNDS * 99 / 100));
        let verdict = if median <= limit_ms { "met" } else { "MISSED" };
        let (engine, rows) = (self.engine.as_str(), self.rows);
        println!(
            "| {what} | {engine} | {rows} | {median:.2} ({p99:.2}) | {limit_ms} | {verdict} |"
        );
        Ok(())
    }
}

impl Filled {
    /// The provider first, then its customers, over and over.
    fn controller(&self, nth: usize) -> ControllerId {
        let all = &self.controllers;
        all.get(nth % all.len().max(1)).copied().unwrap_or(self.provider)
    }
}
