//! `callvault verify`: checks what a vault handed out, offline.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Error, Result};
use clap::Args;
use serde_json::json;

use super::{FAILED, WRONG_USAGE, output};
use crate::ledger::VerifierKey;
use crate::ledger::verify::{self, Against, Verified};

/// Checks what a vault handed out, without the vault and without a network.
///
/// A folder is an exported log, or several: signatures, every tile and entry, and what the entries
/// say of the recordings. A file that ends in .tlog-proof proves that one entry is in a log. A file
/// that ends in .json is a certificate, with its .note and .tlog-proof beside it under the same name.
/// A file that ends in .zip is an evidence package.
/// The exit code is 0 only when everything holds.
#[derive(Args)]
pub(super) struct Verify {
    /// A folder made by `callvault ledger export`, a .tlog-proof, a certificate, or an evidence package.
    #[arg(required_unless_present = "challenge")]
    path: Option<PathBuf>,
    /// The answer to a challenge: every piece that it shows is there as it was accepted.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["path", "since", "entry", "population"])]
    challenge: Option<PathBuf>,
    /// With --challenge: the exported log, to check that what it shows was due.
    #[arg(long, value_name = "DIR", requires = "challenge")]
    log: Option<PathBuf>,
    /// With --challenge: the nonce you sent.
    #[arg(long, requires = "challenge")]
    nonce: Option<String>,
    /// The key you know to be right, or a file that holds it. Without one, the key in the export
    /// is believed.
    #[arg(long, value_name = "VKEY")]
    key: Vec<String>,
    /// A checkpoint you kept: the log must have grown from it.
    #[arg(long, value_name = "CHECKPOINT")]
    since: Vec<PathBuf>,
    /// The entry that a .tlog-proof is about.
    #[arg(long, value_name = "FILE")]
    entry: Option<PathBuf>,
    /// Print every recording with what became of it, as CSV.
    #[arg(long)]
    population: bool,
}

impl Verify {
    pub(super) fn run(&self, json: bool) -> Result<ExitCode> {
        let keys = self.key.iter().map(|key| read_key(key)).collect::<Result<Vec<_>>>()?;
        if let Some(answer) = &self.challenge {
            return self.challenge(answer, &keys, json);
        }
        let Some(path) = &self.path else { return Ok(WRONG_USAGE.into()) };
        if path.is_dir() {
            return self.logs(path, keys, json);
        }
        if path.extension().is_some_and(|extension| extension == "json") {
            return Self::certificate(path, &keys, json);
        }
        if path.extension().is_some_and(|extension| extension == "zip") {
            return Self::evidence(path, &keys, json);
        }
        let (Some(entry), [key]) = (&self.entry, keys.as_slice()) else {
            eprintln!("callvault: a .tlog-proof is verified with one --key and with --entry");
            return Ok(WRONG_USAGE.into());
        };
        let bytes = std::fs::read(entry).with_context(|| entry.display().to_string())?;
        let checkpoint = verify::proof(path, &bytes, key).map_err(|error| said(&error))?;
        let value = json!({
            "origin": checkpoint.origin, "root": checkpoint.root.to_string(),
            "size": checkpoint.size,
        });
        let line = format!("the entry is in {}, {} entries", checkpoint.origin, checkpoint.size);
        output::print(json, &value, [vec![line]])?;
        Ok(ExitCode::SUCCESS)
    }

    fn challenge(&self, path: &Path, keys: &[VerifierKey], json: bool) -> Result<ExitCode> {
        let [key] = keys else {
            eprintln!("callvault: an answer is verified with one --key: that of its log");
            return Ok(WRONG_USAGE.into());
        };
        let nonce = self.nonce.as_deref();
        let challenged = verify::challenge(path, key, nonce, self.log.as_deref());
        let challenged = challenged.map_err(|error| said(&error))?;
        let rows = [
            vec!["log".to_owned(), challenged.origin.clone()],
            vec!["entries".into(), challenged.size.to_string()],
            vec!["recordings".into(), challenged.live.to_string()],
            vec!["without a root".into(), challenged.without_root.to_string()],
            vec!["samples".into(), challenged.sentence()],
        ];
        output::print(json, &challenged, rows)?;
        if challenged.is_whole() {
            return Ok(ExitCode::SUCCESS);
        }
        eprintln!("callvault: {}", challenged.sentence());
        Ok(FAILED.into())
    }

    fn certificate(path: &Path, keys: &[VerifierKey], json: bool) -> Result<ExitCode> {
        let [key] = keys else {
            eprintln!("callvault: a certificate is verified with one --key: that of its log");
            return Ok(WRONG_USAGE.into());
        };
        let certificate = verify::certificate(path, key).map_err(|error| said(&error))?;
        let mut rows = vec![
            vec!["log".to_owned(), certificate.log.clone()],
            vec!["issued".into(), certificate.issued_at.to_string()],
            vec!["status".into(), certificate.status.to_string()],
        ];
        for left in &certificate.remains {
            let until = left.until.map_or_else(String::new, |until| format!(" until {until}"));
            rows.push(vec!["remains".into(), format!("{} {}{until}", left.count, left.what)]);
        }
        output::print(json, &certificate, rows)?;
        Ok(ExitCode::SUCCESS)
    }

    fn evidence(path: &Path, keys: &[VerifierKey], json: bool) -> Result<ExitCode> {
        let [key] = keys else {
            eprintln!("callvault: an evidence package is verified with one --key: that of its log");
            return Ok(WRONG_USAGE.into());
        };
        let found = verify::evidence(path, key)?;
        let (manifest, details) = (&found.manifest, &found.details);
        let row = |what: &str, value: String| vec![what.to_owned(), value];
        let rows = [
            row("log", manifest.log.clone()),
            row("package", manifest.package.to_string()),
            row("recording", manifest.recording.to_string()),
            row("case", details.case.clone()),
            row("issued", manifest.issued_at.to_string()),
            row("sha256", details.audio.sha256.clone()),
            row("custody", format!("{} entries, all in the log", found.entries)),
        ];
        output::print(json, details, rows)?;
        Ok(ExitCode::SUCCESS)
    }

    fn logs(&self, path: &Path, keys: Vec<VerifierKey>, json: bool) -> Result<ExitCode> {
        let mut earlier = Vec::new();
        for path in &self.since {
            let name = || path.display().to_string();
            let text = std::fs::read_to_string(path).with_context(name)?;
            earlier.push(text.parse().with_context(name)?);
        }
        let unknown = keys.is_empty();
        let verified =
            verify::directory(path, &Against { keys, earlier }).map_err(|error| said(&error))?;
        if self.population {
            for line in verified.iter().flat_map(|log| log.population.csv()) {
                println!("{line}");
            }
        } else {
            output::print(json, &verified, verified.iter().flat_map(rows))?;
        }
        if unknown {
            eprintln!("the keys in the export were believed: give --key to check whose log it is");
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn rows(log: &Verified) -> Vec<Vec<String>> {
    let sum = &log.recordings;
    let row = |what: &str, value: String| vec![what.to_owned(), value];
    let mut rows = vec![
        row("log", log.origin.clone()),
        row("entries", log.size.to_string()),
        row("root", log.root.clone()),
        row("consistent with", format!("{} other checkpoints", log.consistent_with)),
        row("accepted", sum.accepted.to_string()),
    ];
    let erased = sum.erased.iter().map(|(cause, count)| row("erased", format!("{count} {cause}")));
    rows.extend(erased);
    let counts = [
        ("being erased", sum.erasing),
        ("lost", sum.lost),
        ("still there", sum.stored),
        ("of those suspended", sum.suspended),
        ("of those overdue", sum.overdue),
    ];
    rows.extend(counts.map(|(what, count)| row(what, count.to_string())));
    rows
}

/// The sentence, which holds what is behind it.
fn said(error: &verify::Error) -> Error {
    Error::msg(error.to_string())
}

fn read_key(key: &str) -> Result<VerifierKey> {
    let text = match std::fs::read_to_string(key) {
        Ok(text) => text,
        Err(_) => key.to_owned(),
    };
    Ok(text.parse()?)
}
