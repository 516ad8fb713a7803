//! Witnesses (C2SP tlog-witness): others who sign that they saw the log over all logs grow, and
//! when. Each remembers what it signed, so that no two histories can both be cosigned.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use super::error::Error;
use super::logs::{TOP, Witness};
use super::{Vault, ledger};
use crate::index::{ledger_entries, ledger_tiles, ledger_witnesses};
use crate::ledger::tree::consistency_ranges;
use crate::ledger::{Checkpoint, Note};
use crate::model::Event;

/// How long a witness may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest answer that is read.
const LONGEST: usize = 64 * 1024;

impl Vault {
    /// Asks the witnesses to cosign the log over all logs, those that did not yet.
    pub async fn ask_witnesses(&self) -> Result<(), Error> {
        let witnesses = &self.0.settings.ledger.witnesses;
        if witnesses.is_empty() || self.0.signer.is_none() {
            return Ok(());
        }
        let Some(top) = ledger_tiles::log(&self.0.index, TOP).await? else { return Ok(()) };
        let Some(note) = &top.note else { return Ok(()) };
        let mut note: Note = note.parse()?;
        let checkpoint = Checkpoint::parse(note.text())?;
        let known = ledger_witnesses::list(&self.0.index).await?;
        let mut grew = false;
        for witness in witnesses {
            let name = witness.vkey.name();
            let before = known.iter().find(|known| known.name == name);
            let signed = note.verify(&witness.vkey).is_ok();
            if signed {
                continue;
            }
            let last = before.map_or(0, |known| known.size.unsigned_abs());
            let asked = self.ask_one(witness, &mut note, &checkpoint, last).await;
            if let Err(why) = &asked {
                tracing::warn!(witness = name, why, "a witness did not cosign");
            }
            grew |= asked.is_ok();
            self.stands(name, before, asked.is_ok(), &checkpoint).await?;
        }
        if grew {
            let text = note.to_string();
            self.0.store.put_file("top/checkpoint", text.clone()).await?;
            let mut tx = self.addition().await?;
            let signed_at = top.signed_at.unwrap_or_else(|| self.0.clock.now());
            ledger_tiles::keep_note(&mut tx, TOP, top.signed, &text, signed_at).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Asks one witness; where it stands otherwise than thought, once more from there.
    async fn ask_one(
        &self,
        witness: &Witness,
        note: &mut Note,
        checkpoint: &Checkpoint,
        last: u64,
    ) -> Result<u64, String> {
        let mut old = last.min(checkpoint.size);
        for _ in 0..2 {
            let request = self.request(note, old, checkpoint.size).await;
            let request = request.map_err(|error| error.chain())?;
            let (status, answer) = post(&witness.url, request).await?;
            match status {
                StatusCode::OK => {
                    return note.add(&answer, &witness.vkey).map_err(|error| error.to_string());
                }
                // It signed another size last: the answer says which.
                StatusCode::CONFLICT => match answer.trim().parse() {
                    Ok(size) if size <= checkpoint.size => old = size,
                    _ => return Err("it has signed a larger tree than there is".into()),
                },
                StatusCode::UNPROCESSABLE_ENTITY => {
                    return Err("it says that the log does not grow from what it signed".into());
                }
                other => return Err(format!("it answers {}", other.as_u16())),
            }
        }
        Err("it names another size each time".into())
    }

    /// The request to cosign: how it grew from what the witness signed last, and the checkpoint.
    async fn request(&self, note: &Note, old: u64, size: u64) -> Result<String, Error> {
        let ranges = consistency_ranges(old, size);
        let shelf = self.shelf(TOP, &ranges).await?;
        let hashes = shelf.hashes(&ranges).ok_or(crate::ledger::Error::Missing)?;
        let lines: Vec<_> = hashes.iter().map(ToString::to_string).collect();
        let end = if lines.is_empty() { "" } else { "\n" };
        Ok(format!("old {old}\n{}{end}\n{note}", lines.join("\n")))
    }

    /// Writes down how a witness stands; in the ledger only when that changed.
    async fn stands(
        &self,
        name: &str,
        before: Option<&ledger_witnesses::Witness>,
        well: bool,
        checkpoint: &Checkpoint,
    ) -> Result<(), Error> {
        let now = self.0.clock.now();
        let mut stands = before.cloned().unwrap_or_else(|| ledger_witnesses::Witness {
            name: name.to_owned(),
            size: 0,
            cosigned_at: None,
            failing_since: None,
        });
        let was_well = stands.cosigned_at.is_some() && stands.failing_since.is_none();
        let was_ill = stands.failing_since.is_some();
        let event = if well {
            stands.size = i64::try_from(checkpoint.size).unwrap_or(i64::MAX);
            (stands.cosigned_at, stands.failing_since) = (Some(now), None);
            (!was_well).then_some(Event::WitnessCosigned)
        } else {
            stands.failing_since.get_or_insert(now);
            (!was_ill).then_some(Event::WitnessUnreachable)
        };
        let label = name.to_owned();
        let age = stands.cosigned_at.map_or(-1.0, |at| now.since(at).as_secs_f64());
        metrics::gauge!("callvault_witness_age_seconds", "witness" => label).set(age);
        let mut tx = self.addition().await?;
        ledger_witnesses::set(&mut tx, &stands).await?;
        if let Some(event) = event {
            let body = json!({ "witness": name });
            let entry = ledger::general(self.0.provider, now, event, &body);
            ledger_entries::append(&mut tx, &[entry]).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

async fn post(url: &str, request: String) -> Result<(StatusCode, String), String> {
    let away = |error: reqwest::Error| format!("it does not answer: {}", error.without_url());
    let client = reqwest::Client::builder().timeout(PATIENCE).build().map_err(away)?;
    let address = format!("{}/add-checkpoint", url.trim_end_matches('/'));
    let mut answer = client.post(address).body(request).send().await.map_err(away)?;
    let status = answer.status();
    let mut text = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(away)? {
        text.extend_from_slice(&chunk);
        if text.len() > LONGEST {
            return Err("its answer is too long".into());
        }
    }
    Ok((status, String::from_utf8(text).map_err(|_| "its answer is no text".to_owned())?))
}
