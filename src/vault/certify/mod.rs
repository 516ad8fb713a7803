//! Certificates of erasure: made when somebody asks, signed, and in the ledger from then on. The
//! same facts give the same certificate.

mod left;
mod population;
mod recording;

use sha2::{Digest, Sha256};

use super::Vault;
use super::error::Error;
use crate::index::certificates::{self, Kept};
use crate::index::ledger_entries::{self, NewEntry};
use crate::index::{controllers, ledger_tiles};
use crate::ledger::certificate::{Certificate, Place, SCHEMA, Subject, judge, statement};
use crate::ledger::{self, Language, told};
use crate::model::{Caller, ControllerId, Event, Timestamp};

pub use population::{Place as PopulationPlace, Span};

/// A certificate that was issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// What it says.
    pub certificate: Certificate,
    /// Its bytes.
    pub text: String,
    /// The SHA-256 of these, in hexadecimal digits.
    pub sha256: String,
    /// The signed note over that.
    pub note: String,
    /// The place of the entry that tells of it.
    seq: u64,
    controller: ControllerId,
}

impl Issued {
    fn of(controller: ControllerId, kept: Kept) -> Result<Self, Error> {
        let certificate = serde_json::from_str(&kept.body)
            .map_err(|_| ledger::Error::Proof("a certificate that was kept cannot be read"))?;
        Ok(Self {
            certificate,
            sha256: hex::encode(&kept.sha256),
            text: kept.body,
            note: kept.note,
            seq: kept.seq.unsigned_abs(),
            controller,
        })
    }

    /// The same for people, as PDF.
    pub fn pdf(&self, language: Language) -> Result<Vec<u8>, Error> {
        Ok(ledger::pdf(&self.certificate, &self.sha256, language)?)
    }
}

impl Vault {
    /// A certificate of this controller about this, whose judgement is still to be made.
    async fn draft(
        &self,
        controller: ControllerId,
        subject: Subject,
        left: &left::Remains,
    ) -> Result<Certificate, Error> {
        let (status, remains) = judge(&left.left);
        let customer = controllers::customer(&self.0.index, controller).await?;
        Ok(Certificate {
            schema: SCHEMA.into(),
            log: self.origin(controller),
            issued_at: told(Event::CertificateIssued, self.0.clock.now()),
            controller: self.log_name(controller),
            customer: customer.map(|customer| customer.reference.to_string()),
            store: Place {
                country: self.0.settings.location.country.clone(),
                kind: self.0.store.kind().into(),
            },
            subject,
            backups_unreadable_from: left.unreadable_from,
            status,
            remains,
        })
    }

    /// The certificate that was issued for these facts, or a new one.
    async fn issue(
        &self,
        controller: ControllerId,
        about: &str,
        mut certificate: Certificate,
    ) -> Result<Issued, Error> {
        let facts = certificate.facts();
        if let Some(kept) = certificates::find(&self.0.index, controller, about, &facts).await? {
            return Issued::of(controller, kept);
        }
        let signer = self.0.signer.as_ref().ok_or(Error::Conflict(
            "this node does not sign: ask one that has the key of the ledger",
        ))?;
        self.prove(controller, &mut certificate).await?;
        let body = certificate.to_text();
        let sha256: [u8; 32] = Sha256::digest(&body).into();
        let log = self.origin(controller);
        let note = signer.attest(&log, statement(&log, &sha256))?.to_string();
        let entry = NewEntry {
            controller,
            at: certificate.issued_at,
            event: Event::CertificateIssued,
            recording: certificate.recording(),
            body: certificate.leaf(&sha256),
        };
        let mut tx = self.addition().await?;
        // The entry comes first: another node that issues the same waits for this one.
        let places = ledger_entries::append(&mut tx, &[entry]).await?;
        if let Some(kept) = certificates::find(&mut tx, controller, about, &facts).await? {
            tx.rollback().await?;
            return Issued::of(controller, kept);
        }
        let seq = places.first().copied().unwrap_or_default();
        let kept = Kept { seq, sha256: sha256.to_vec(), body, note };
        certificates::insert(&mut tx, controller, about, &facts, &kept).await?;
        between_steps!("certificate.issuing");
        tx.commit().await?;
        Issued::of(controller, kept)
    }

    /// Gives the entries in a certificate their proofs, and the checkpoint they are under.
    async fn prove(
        &self,
        controller: ControllerId,
        certificate: &mut Certificate,
    ) -> Result<(), Error> {
        let Subject::Recording(of) = &mut certificate.subject else { return Ok(()) };
        let last = of.entries.iter().map(|proven| proven.index).max().unwrap_or_default();
        let log = self.log_over(controller, last).await?;
        for proven in &mut of.entries {
            let proof = self.proof(&log, proven.index).await?.ok_or(Error::Busy)?;
            let proof = ledger::TlogProof::parse(&proof)?;
            proven.hashes = proof.hashes.iter().map(ToString::to_string).collect();
        }
        of.checkpoint = log.note.unwrap_or_default();
        Ok(())
    }

    /// A log whose checkpoint is over this entry; it is made now if that is still to come.
    pub(in crate::vault) async fn log_over(
        &self,
        controller: ControllerId,
        entry: u64,
    ) -> Result<ledger_tiles::Log, Error> {
        let covers = |log: &ledger_tiles::Log| log.signed.unsigned_abs() > entry;
        let log = ledger_tiles::log(&self.0.index, controller).await?;
        if let Some(log) = log.filter(covers) {
            return Ok(log);
        }
        self.project().await?;
        let log = ledger_tiles::log(&self.0.index, controller).await?;
        // Without the key, or while another node is at it, it comes within seconds.
        log.filter(covers).ok_or(Error::Busy)
    }

    /// The proof that a certificate was issued: that its entry is in the log (C2SP tlog-proof).
    pub async fn proof_of(&self, caller: &Caller, issued: &Issued) -> Result<String, Error> {
        if issued.controller != caller.controller {
            return Err(Error::NotFound);
        }
        let log = self.log_over(issued.controller, issued.seq).await?;
        self.proof(&log, issued.seq).await?.ok_or(Error::Busy)
    }
}

/// A day after an erasure it is looked for again.
fn second_look(erased_at: Timestamp) -> Timestamp {
    erased_at.plus(super::erase::LOOK_AGAIN)
}
