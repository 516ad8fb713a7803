//! A certificate, with what lies beside it: the signature, the proof, the entries it carries.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::super::certificate::{Certificate, OfRecording, SCHEMA, Subject, judge, statement};
use super::super::certificate_told::told;
use super::super::checkpoint::{Checkpoint, TlogProof};
use super::super::note::{Note, VerifierKey};
use super::super::tree::{Hash, includes};
use super::{Error, read, read_text};
use crate::ledger::certificate::Left;

/// What is wrong with a certificate.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    /// It cannot be read.
    #[error("it is no certificate that can be read here: it was changed, or is of another version")]
    Schema,
    /// Its bytes are not what its contents are written as.
    #[error("it is not written as a certificate is: it was changed")]
    Written,
    /// It is of another log than the key.
    #[error("it is of {log}, and the key is of {key}")]
    Log {
        /// Whose it is.
        log: String,
        /// Whose key was given.
        key: String,
    },
    /// What was signed is not this certificate.
    #[error("what was signed is not this certificate: one of the two was changed")]
    Statement,
    /// A file beside it is not written as such a file is.
    #[error("it is not written as such a file is: it was changed")]
    Beside,
    /// An entry that it carries is not in the log.
    #[error("entry {0} that it carries is not in the log")]
    Entry(u64),
    /// What it says does not follow from the entries.
    #[error("what it says of the recording does not follow from the entries it carries")]
    Told,
    /// What it says of how far the erasure is does not follow from what remains.
    #[error("its status does not follow from what remains")]
    Status,
    /// The population beside it is another.
    #[error("it is not the population that the certificate is about")]
    Population,
    /// Its parts are right and do not belong together.
    #[error("two checkpoints of one size differ: the log was forked")]
    Forked,
}

/// Where the parts of a certificate lie: beside it, under the same name.
fn beside(path: &Path, extension: &str) -> PathBuf {
    path.with_extension(extension)
}

/// Verifies a certificate: `x.json`, with `x.note` and `x.tlog-proof` beside it, and with `x.csv`
/// if that is there.
pub fn certificate(path: &Path, key: &VerifierKey) -> Result<Certificate, Error> {
    let wrong = |wrong| Error::Certificate { path: path.into(), wrong };
    let bytes = read(path)?;
    let certificate: Certificate =
        serde_json::from_slice(&bytes).map_err(|_| wrong(Wrong::Schema))?;
    if certificate.schema != SCHEMA {
        return Err(wrong(Wrong::Schema));
    }
    if certificate.to_text().as_bytes() != bytes {
        return Err(wrong(Wrong::Written));
    }
    if certificate.log != key.name() {
        let (log, key) = (certificate.log, key.name().to_owned());
        return Err(wrong(Wrong::Log { log, key }));
    }
    let sha256: [u8; 32] = Sha256::digest(&bytes).into();
    signature(&beside(path, "note"), &statement(&certificate.log, &sha256), key)?;
    let leaf = certificate.leaf(&sha256);
    let proven = proof(&beside(path, "tlog-proof"), &leaf, key)?;
    if let Subject::Recording(of) = &certificate.subject {
        entries(of, key, &proven).map_err(wrong)?;
    }
    let left: Left =
        certificate.remains.iter().map(|left| (left.what, (left.count, left.until))).collect();
    if judge(&left) != (certificate.status, certificate.remains.clone()) {
        return Err(wrong(Wrong::Status));
    }
    if let Subject::Population(of) = &certificate.subject {
        let path = beside(path, "csv");
        if path.is_file()
            && population(&read_text(&path)?) != (of.count, of.population_sha256.clone())
        {
            return Err(Error::Certificate { path, wrong: Wrong::Population });
        }
    }
    Ok(certificate)
}

fn signature(path: &Path, statement: &str, key: &VerifierKey) -> Result<(), Error> {
    let wrong = |wrong| Error::Certificate { path: path.into(), wrong };
    let file = |source| Error::File { path: path.into(), source };
    let text = read_text(path)?;
    let note: Note = text.parse().map_err(file)?;
    if note.to_string() != text {
        return Err(wrong(Wrong::Beside));
    }
    note.verify(key).map_err(file)?;
    // It carries this signature and no other.
    if note.text() == statement && text.lines().count() == 5 {
        Ok(())
    } else {
        Err(wrong(Wrong::Statement))
    }
}

fn proof(path: &Path, leaf: &str, key: &VerifierKey) -> Result<Checkpoint, Error> {
    let file = |source| Error::File { path: path.into(), source };
    let text = read_text(path)?;
    let proof = TlogProof::parse(&text).map_err(file)?;
    if proof.to_text() != text {
        return Err(Error::Certificate { path: path.into(), wrong: Wrong::Beside });
    }
    proof.verify(leaf.as_bytes(), key).map_err(file)
}

fn entries(of: &OfRecording, key: &VerifierKey, proven: &Checkpoint) -> Result<(), Wrong> {
    let note: Note = of.checkpoint.parse().map_err(|_| Wrong::Told)?;
    let checkpoint = Checkpoint::open(&note, key).map_err(|_| Wrong::Told)?;
    if checkpoint.size == proven.size && checkpoint.root != proven.root {
        return Err(Wrong::Forked);
    }
    let mut last = None;
    for entry in &of.entries {
        let wrong = Wrong::Entry(entry.index);
        let hashes: Option<Vec<_>> = entry.hashes.iter().map(|hash| Hash::parse(hash)).collect();
        let Some(hashes) = hashes else { return Err(wrong) };
        let leaf = Hash::of_leaf(entry.entry.as_bytes());
        let included = includes(&checkpoint.root, checkpoint.size, entry.index, leaf, &hashes);
        if !included || last.is_some_and(|last| last >= entry.index) {
            return Err(wrong);
        }
        last = Some(entry.index);
    }
    let said = told(of.erasure.recording, of.entries.iter().map(|entry| entry.entry.as_str()));
    if said.as_ref() == Some(&of.erasure) { Ok(()) } else { Err(Wrong::Told) }
}

/// How many lines a population has, and the hash over them.
fn population(csv: &str) -> (u64, String) {
    let mut lines: Vec<_> = csv.split_inclusive('\n').skip(1).collect();
    lines.sort_unstable();
    let mut hash = Sha256::new();
    for line in &lines {
        hash.update(line);
    }
    (lines.len() as u64, hex::encode(hash.finalize()))
}
