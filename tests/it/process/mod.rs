//! The program itself, run as it is in production: started, killed at each step, started again.
//!
//! A [`Site`] is a data directory with a keyring, an index, customers and tokens; a [`Process`] is
//! one `callvault` on it. A fail point makes a process stop where a test wants to kill it, and
//! libfaketime lets it live in another week.

mod answer;
mod certify;
mod challenge;
mod commands;
mod erase;
mod forget;
mod forget_at_scale;
mod holds;
mod ingest;
mod leaving;
mod ledger;
mod memory;
mod nodes;
mod outage;
mod playback;
mod policy;
mod renew;
mod restore;

use answer::Answer;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use callvault::index::{Db, Pool};
use callvault::model::Clock;
use jiff::SignedDuration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use crate::harness::Engine;

/// How long anything may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_mins(1);

/// How a process is started.
#[derive(Clone, Debug, Default)]
pub(crate) struct With {
    /// The fail point it stops at, for ever.
    pub(crate) stop_at: Option<&'static str>,
    /// How far ahead its clock is.
    pub(crate) ahead: SignedDuration,
    /// More variables.
    pub(crate) env: Vec<(&'static str, String)>,
    /// Starts it through this shell line, in mounts of its own; `"$@"` is the program.
    pub(crate) shell: Option<String>,
    /// Whether a server erases by itself.
    pub(crate) eraser: bool,
    /// Whether a file that may not grow is an error to it and not its end.
    pub(crate) may_not_grow: bool,
}

impl With {
    /// Stops at this fail point.
    pub(crate) fn stop_at(point: &'static str) -> Self {
        Self { stop_at: Some(point), ..Self::default() }
    }

    /// With a clock that is this many days ahead.
    pub(crate) fn days_ahead(days: i64) -> Self {
        Self { ahead: SignedDuration::from_hours(24 * days), ..Self::default() }
    }

    pub(crate) fn and_ahead(self, more: SignedDuration) -> Self {
        Self { ahead: self.ahead + more, ..self }
    }

    pub(crate) fn and_stop_at(self, point: &'static str) -> Self {
        Self { stop_at: Some(point), ..self }
    }
}

/// A vault on disk, or over PostgreSQL and Garage, that processes are started on.
pub(crate) struct Site {
    pub(crate) dir: TempDir,
    pub(crate) index_url: String,
    pub(crate) env: Vec<(&'static str, String)>,
    pub(crate) http: reqwest::Client,
    pub(crate) pbx: String,
    pub(crate) trainer: String,
    pub(crate) listener: String,
}

impl Site {
    /// Everything an operator does before the first `serve`.
    pub(crate) async fn on(engine: Engine) -> Self {
        Self::on_with(engine, Vec::new()).await
    }

    /// The same with more variables from the start.
    pub(crate) async fn on_with(engine: Engine, more: Vec<(&'static str, String)>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let mut env = vec![
            ("CALLVAULT_DATA_DIR", data.display().to_string()),
            ("CALLVAULT_PROVIDER__NAME", "Voorbeeld Telecom".to_owned()),
            ("CALLVAULT_PROVIDER__PRIVACY_CONTACT", "privacy@example.nl".to_owned()),
            ("CALLVAULT_PROVIDER__STATEMENT_VERSION", "1".to_owned()),
            ("CALLVAULT_RETENTION__ERASER_INTERVAL", "PT1S".to_owned()),
        ];
        let mut index_url = format!("sqlite:{}", data.join("index.db").display());
        if matches!(engine, Engine::Postgres) {
            index_url = crate::backend::new_database().await;
            let store = crate::harness::garage();
            env.extend([
                ("CALLVAULT_INDEX__URL", index_url.clone()),
                ("CALLVAULT_KEYRING__URL", crate::backend::new_database().await),
                ("CALLVAULT_STORE__URL", store.url),
                ("CALLVAULT_STORE__ENDPOINT", store.endpoint.unwrap()),
                ("CALLVAULT_STORE__REGION", store.region.unwrap()),
                ("CALLVAULT_STORE__ACCESS_KEY_ID", store.access_key_id.unwrap()),
                ("CALLVAULT_STORE__SECRET_ACCESS_KEY", secret("TEST_S3_SECRET_ACCESS_KEY")),
                ("CALLVAULT_STORE__ALLOW_HTTP", "true".to_owned()),
            ]);
        }
        env.extend(more);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let (pbx, trainer, listener) = Default::default();
        let mut site = Self { dir, index_url, env, http, pbx, trainer, listener };
        site.ok(&["keyring", "init"]).await;
        site.ok(&["migrate"]).await;
        let add = ["customer", "add", "acme", "--name", "Acme", "--agreement", "A-1"];
        site.ok(&[&add[..], &["--term", "P30D"]].concat()).await;
        site.pbx = site.token(&["--role", "ingest"]).await;
        site.trainer = site.token(&["--role", "trainer"]).await;
        site.listener = site.token(&["--role", "customer_listener", "--customer", "acme"]).await;
        site
    }

    async fn token(&self, of: &[&str]) -> String {
        let made = self.ok(&[&["token", "create", "--name", "test"], of].concat()).await;
        made.out.trim().to_owned()
    }

    /// A process that was not started yet.
    fn command(&self, with: &With) -> Command {
        let program = env!("CARGO_BIN_EXE_callvault");
        let mut command = match &with.shell {
            None if with.may_not_grow => {
                let mut command = Command::new("env");
                command.args(["--ignore-signal=XFSZ", program]);
                command
            }
            None => Command::new(program),
            Some(line) => {
                let mut command = Command::new("unshare");
                let line = format!("{line} && exec \"$@\"");
                command.args(["-rm", "sh", "-ec", &line, "sh", program]);
                command
            }
        };
        // What a developer has set must not reach it; nor does it find a config file.
        command.env_clear().env("PATH", "/usr/bin:/bin").current_dir(self.dir.path());
        command.envs(self.env.iter().cloned()).envs(with.env.iter().cloned());
        if let Some(point) = with.stop_at {
            command.env("FAILPOINTS", format!("{point}=print(reached);{point}.stop=pause"));
        }
        if !with.ahead.is_zero() {
            command.env("LD_PRELOAD", faketime()).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
            command.env("FAKETIME", format!("{:+}s", with.ahead.as_secs()));
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        command
    }

    /// Starts a command.
    pub(crate) fn start(&self, args: &[&str], with: &With) -> Process {
        let mut child = self.command(with).args(args).spawn().unwrap();
        let log = Lines::of(child.stderr.take().unwrap());
        Process { child, log, url: String::new(), http: self.http.clone() }
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, args: &[&str], with: &With) -> Done {
        let output = self.command(with).args(args).output();
        let output = tokio::time::timeout(PATIENCE, output).await.expect("it hangs").unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Done { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Runs a command that must succeed.
    #[track_caller]
    pub(crate) fn ok(&self, args: &[&str]) -> impl Future<Output = Done> {
        let args: Vec<_> = args.iter().map(|arg| (*arg).to_owned()).collect();
        async move {
            let args: Vec<_> = args.iter().map(String::as_str).collect();
            let done = self.run(&args, &With::default()).await;
            assert_eq!(done.code, Some(0), "callvault {args:?}: {}", done.err);
            done
        }
    }

    /// Starts a server without an eraser.
    pub(crate) async fn serve(&self) -> Process {
        self.serve_with(&With::default()).await
    }

    /// Starts a server and waits until it is ready.
    pub(crate) async fn serve_with(&self, with: &With) -> Process {
        let mut args = vec!["serve", "--listen", "127.0.0.1:0"];
        if !with.eraser {
            args.push("--no-eraser");
        }
        let mut server = self.start(&args, with);
        let line = server.log.wait_for("\"serving\"").await;
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        server.url = format!("http://{}", line["address"].as_str().unwrap());
        eventually("it is ready", async || server.get("/readyz", "").await.status == 200).await;
        server
    }

    /// The index, beside the processes.
    pub(crate) async fn index(&self) -> Db {
        Db::connect(&self.index_url, &Pool::default()).await.unwrap()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }
}

/// The fields of a support call that ended this long ago.
pub(crate) fn support(ago: SignedDuration, call: &str) -> Vec<(String, String)> {
    let fields = [("class", "support"), ("direction", "inbound"), ("caller", "0201234567")];
    fields_of(&fields, ago, call)
}

/// The fields of a call of acme, which chose 30 days, that ended just now.
pub(crate) fn acme(call: &str) -> Vec<(String, String)> {
    let fields = [("class", "customer"), ("customer", "acme"), ("direction", "outbound")];
    fields_of(&fields, SignedDuration::from_mins(1), call)
}

fn fields_of(fields: &[(&str, &str)], ago: SignedDuration, call: &str) -> Vec<(String, String)> {
    let ended_at = Clock::system().now().plus(-ago).to_string();
    let all = fields.iter().copied().chain([("ended_at", ended_at.as_str()), ("call_id", call)]);
    all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What a command did.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{}{}", self.out, self.err))
    }
}

/// A running `callvault`. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
    pub(crate) log: Lines,
    pub(crate) url: String,
    http: reqwest::Client,
}

impl Process {
    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Waits until it stands at its fail point.
    pub(crate) async fn stands_still(&self) {
        self.log.wait_for("reached").await;
    }

    /// Kills it as a power cut would: no handler runs, nothing is flushed.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks it to stop.
    pub(crate) async fn terminate(&self) {
        let id = self.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().await.unwrap();
        assert!(sent.success());
    }

    /// Waits for its end and gives its exit code.
    pub(crate) async fn end(mut self) -> Option<i32> {
        let end = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        end.expect("it does not end").unwrap().code()
    }
}

/// What a process wrote to standard error, line by line as it comes.
#[derive(Clone)]
pub(crate) struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn of(stream: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let lines = Self(Arc::default());
        let kept = lines.clone();
        tokio::spawn(async move {
            let mut reader = BufReader::new(stream).lines();
            while let Ok(Some(line)) = reader.next_line().await {
                kept.0.lock().unwrap().push(line);
            }
        });
        lines
    }

    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }

    /// Waits for a line with this text.
    pub(crate) async fn wait_for(&self, text: &str) -> String {
        let find = || self.0.lock().unwrap().iter().find(|line| line.contains(text)).cloned();
        for _ in 0..PATIENCE.as_millis() / 10 {
            if let Some(line) = find() {
                return line;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no line with {text}:\n{}", self.text());
    }
}

/// Waits until something holds.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..PATIENCE.as_millis() / 20 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never: {what}");
}

/// The library that shifts a process's clock (Debian's faketime).
fn faketime() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().flatten();
    let mut paths = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    paths.find(|path| path.exists()).expect("faketime is installed (scripts/install.sh test)")
}

#[expect(clippy::disallowed_methods, reason = "tests are told their services by the environment")]
fn secret(name: &str) -> String {
    std::env::var(name).unwrap()
}

/// Every file below a folder, by its path from there.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}
