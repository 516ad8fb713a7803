//! `callvault verify`: checks what a vault handed out, offline.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;

use super::{WRONG_USAGE, output};
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
    path: PathBuf,
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
        if self.path.is_dir() {
            return self.logs(keys, json);
        }
        if self.path.extension().is_some_and(|extension| extension == "json") {
            return self.certificate(&keys, json);
        }
        if self.path.extension().is_some_and(|extension| extension == "zip") {
            return self.evidence(&keys, json);
        }
        let (Some(entry), [key]) = (&self.entry, keys.as_slice()) else {
            eprintln!("callvault: a .tlog-proof is verified with one --key and with --entry");
            return Ok(WRONG_USAGE.into());
        };
        let bytes = std::fs::read(entry).with_context(|| entry.display().to_string())?;
        let checkpoint = verify::proof(&self.path, &bytes, key)?;
        let value = json!({
            "origin": checkpoint.origin, "root": checkpoint.root.to_string(),
            "size": checkpoint.size,
        });
        let line = format!("the entry is in {}, {} entries", checkpoint.origin, checkpoint.size);
        output::print(json, &value, [vec![line]])?;
        Ok(ExitCode::SUCCESS)
    }

    fn certificate(&self, keys: &[VerifierKey], json: bool) -> Result<ExitCode> {
        let [key] = keys else {
            eprintln!("callvault: a certificate is verified with one --key: that of its log");
            return Ok(WRONG_USAGE.into());
        };
        let certificate = verify::certificate(&self.path, key)?;
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

    fn evidence(&self, keys: &[VerifierKey], json: bool) -> Result<ExitCode> {
        let [key] = keys else {
            eprintln!("callvault: an evidence package is verified with one --key: that of its log");
            return Ok(WRONG_USAGE.into());
        };
        let found = verify::evidence(&self.path, key)?;
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

    fn logs(&self, keys: Vec<VerifierKey>, json: bool) -> Result<ExitCode> {
        let mut earlier = Vec::new();
        for path in &self.since {
            let name = || path.display().to_string();
            let text = std::fs::read_to_string(path).with_context(name)?;
            earlier.push(text.parse().with_context(name)?);
        }
        let unknown = keys.is_empty();
        let verified = verify::directory(&self.path, &Against { keys, earlier })?;
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

fn read_key(key: &str) -> Result<VerifierKey> {
    let text = match std::fs::read_to_string(key) {
        Ok(text) => text,
        Err(_) => key.to_owned(),
    };
    Ok(text.parse()?)
}
