//! Certificates of erasure, the population they are about, and the figures of compliance: an
//! outsider can check them, and they never say more than is so.

use std::path::Path;

use axum::http::StatusCode;
use callvault::index::certificates;
use callvault::ledger::verify::{self, Against};
use callvault::model::{ControllerId, Role};
use serde_json::Value;
use uuid::Uuid;

use crate::harness::{ACME, SUPPORT, TestVault, tone};
use crate::on_each_vault;

on_each_vault!(
    a_certificate_is_complete_only_when_nothing_remains,
    a_certificate_verifies_and_one_changed_bit_does_not,
    the_figures_are_those_of_the_ledger,
    the_population_is_the_callers_own,
    a_day_and_a_period_have_a_certificate,
    the_store_is_looked_at_once_a_day,
    accesses_and_the_register_are_shown,
);

async fn json(vault: &TestVault, token: &str, path: &str) -> Value {
    let answer = vault.get(path).token(token).send().await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
    answer.json()
}

/// What remains by a certificate.
fn remains(certificate: &Value) -> Vec<&str> {
    let all = certificate["remains"].as_array().unwrap();
    all.iter().map(|left| left["what"].as_str().unwrap()).collect()
}

/// A support recording that was erased by its term.
async fn erased(vault: &TestVault, seed: u32) -> Uuid {
    let id = vault.recording(SUPPORT, &tone(0.2, seed)).await;
    vault.advance_days(90);
    vault.vault.confirm_erasing().await.unwrap();
    vault.vault.erase_due().await.unwrap();
    vault.vault.confirm_erasing().await.unwrap();
    vault.vault.erase_due().await.unwrap();
    id
}

async fn a_certificate_is_complete_only_when_nothing_remains(vault: TestVault) {
    let token = vault.token(Role::Auditor).await;
    let id = vault.recording(SUPPORT, &tone(0.2, 1)).await;
    let path = format!("/v1/erasures/{id}");
    let none = vault.get(&path).token(&token).send().await;
    assert_eq!(none.status, StatusCode::NOT_FOUND, "what is there has no certificate");
    let erased = erased(&vault, 2).await;
    let path = format!("/v1/erasures/{erased}/certificate");
    let first = json(&vault, &token, &path).await;
    assert_eq!(first["status"], "partial");
    assert_eq!(remains(&first), ["backups", "second_look"]);
    assert_eq!(first["subject"]["erasure"]["cause"], "term");
    // The same facts are the same bytes, also from the table.
    let again = vault.get(&path).token(&token).send().await.body;
    vault.advance(jiff::SignedDuration::from_secs(90));
    assert_eq!(vault.get(&path).token(&token).send().await.body, again);
    vault.advance_days(1);
    vault.vault.forget().await.unwrap();
    let forgotten = json(&vault, &token, &path).await;
    assert_eq!(remains(&forgotten), ["second_look"]);
    assert!(forgotten["backups_unreadable_from"].as_str().is_some());
    vault.vault.erase_due().await.unwrap();
    let last = json(&vault, &token, &path).await;
    assert_eq!((&last["status"], remains(&last).len()), (&"complete".into(), 0), "{last}");
    let whole = json(&vault, &token, &format!("/v1/erasures/{erased}")).await;
    assert_eq!(whole["certificate"], last);
    assert_eq!(whole["tombstone"]["looked_again"], true);
}

/// Puts the certificate of a recording and what belongs to it into a folder, and gives the key.
async fn handed_out(vault: &TestVault, token: &str, base: &str, to: &Path) -> String {
    let (path, query) = base.split_once('?').map_or((base, ""), |(path, query)| (path, query));
    let (json, note, proof) = if query.is_empty() {
        (format!("{path}/certificate"), format!("{path}/certificate/note"), format!("{path}/proof"))
    } else {
        (base.into(), format!("{path}/note?{query}"), format!("{path}/proof?{query}"))
    };
    for (path, name) in [(json, "c.json"), (note, "c.note"), (proof, "c.tlog-proof")] {
        let answer = vault.get(&path).token(token).send().await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        std::fs::write(to.join(name), answer.body).unwrap();
    }
    let logs = vault.get("/v1/ledger").token(token).send().await.json();
    logs["items"][0]["vkey"].as_str().unwrap().to_owned()
}

async fn a_certificate_verifies_and_one_changed_bit_does_not(vault: TestVault) {
    let token = vault.token(Role::Compliance).await;
    let id = erased(&vault, 3).await;
    let dir = tempfile::tempdir().unwrap();
    let key = handed_out(&vault, &token, &format!("/v1/erasures/{id}"), dir.path()).await;
    let key = key.parse().unwrap();
    let path = dir.path().join("c.json");
    let right = verify::certificate(&path, &key).unwrap();
    assert_eq!(right.recording().unwrap().0, id);
    for name in ["c.json", "c.note", "c.tlog-proof"] {
        let file = dir.path().join(name);
        let bytes = std::fs::read(&file).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            std::fs::write(&file, &changed).unwrap();
            let error = verify::certificate(&path, &key);
            assert!(error.is_err(), "byte {at} of {name} may be anything");
        }
        std::fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
        assert!(verify::certificate(&path, &key).is_err(), "{name} may be cut");
        std::fs::remove_file(&file).unwrap();
        assert!(verify::certificate(&path, &key).is_err(), "{name} may be missing");
        std::fs::write(&file, &bytes).unwrap();
    }
    verify::certificate(&path, &key).unwrap();
    let other = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    assert!(verify::certificate(&path, &other.parse().unwrap()).is_err());
}

async fn the_figures_are_those_of_the_ledger(vault: TestVault) {
    let token = vault.token(Role::Auditor).await;
    erased(&vault, 4).await;
    let ended = vault.clock.now().plus(jiff::SignedDuration::from_mins(-5)).to_string();
    let mut fields = SUPPORT.to_vec();
    fields.retain(|(name, _)| *name != "ended_at");
    fields.push(("ended_at", &ended));
    let compliance = vault.token(Role::Compliance).await;
    let early = vault.recording(&fields, &tone(0.2, 5)).await;
    vault.recording(&fields, &tone(0.2, 6)).await;
    let body = serde_json::json!({ "cause": "objection", "case": "C-1" });
    let path = format!("/v1/recordings/{early}/erasure");
    let answer = vault.post(&path).token(&compliance).json(&body).send().await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    vault.vault.project().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    vault.vault.export_logs(dir.path(), Some("provider")).await.unwrap();
    let log = verify::directory(&dir.path().join("provider"), &Against::default()).unwrap();
    let told = &log[0].recordings;
    let figures = json(&vault, &token, "/v1/compliance/summary").await;
    let number = |name: &str| figures[name].as_u64().unwrap();
    assert_eq!(number("accepted"), told.accepted);
    assert_eq!(number("stored"), told.stored);
    assert_eq!(number("lost"), told.lost);
    assert_eq!(number("erasing"), told.erasing);
    assert_eq!(number("overdue"), told.overdue);
    assert_eq!(figures["suspended"], serde_json::json!({}));
    assert_eq!(told.suspended, 0);
    assert_eq!(figures["erased"], serde_json::to_value(&told.erased).unwrap());
    assert_eq!(figures["early"], serde_json::json!({ "objection": 1 }));
    assert_eq!((told.accepted, told.stored), (3, 1));
    assert_eq!(number("ledger_size"), log[0].size);
    assert_eq!(figures["erasure_lag"]["count"], 1);
    assert_eq!(number("due_30d"), 0);
    // The population of the log is the one the API lists.
    let list = json(&vault, &token, "/v1/erasures").await;
    let mut listed: Vec<_> = list["items"].as_array().unwrap().iter().collect();
    listed.sort_by_key(|item| item["id"].as_str().unwrap().to_owned());
    let mut replayed = log[0].population.csv();
    replayed.retain(|line| line.contains(",erased,"));
    replayed.sort();
    assert_eq!(listed.len(), replayed.len());
    for (item, line) in listed.iter().zip(&replayed) {
        let columns: Vec<_> = line.split(',').collect();
        assert_eq!(item["id"], columns[0]);
        assert_eq!(item["cause"], columns[5]);
    }
    let trainer = vault.token(Role::Trainer).await;
    for path in ["/v1/compliance/summary", "/v1/erasures", "/v1/accesses", "/v1/register"] {
        let answer = vault.get(path).token(&trainer).send().await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
}

async fn the_population_is_the_callers_own(vault: TestVault) {
    let support = erased(&vault, 7).await;
    let acme = vault.token(Role::CustomerAdmin).await;
    let auditor = vault.token(Role::Auditor).await;
    let ended = vault.clock.now().plus(jiff::SignedDuration::from_mins(-5)).to_string();
    let mut fields = ACME.to_vec();
    fields.retain(|(name, _)| *name != "ended_at");
    fields.push(("ended_at", &ended));
    let own = vault.recording(&fields, &tone(0.2, 8)).await;
    let body = serde_json::json!({ "cause": "request", "case": "-C-2" });
    let path = format!("/v1/recordings/{own}/erasure");
    assert_eq!(vault.post(&path).token(&acme).json(&body).send().await.status, StatusCode::OK);
    let list = json(&vault, &acme, "/v1/erasures?customer=acme").await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(list["items"][0]["id"], own.to_string());
    let certificate = json(&vault, &acme, &format!("/v1/erasures/{own}/certificate")).await;
    assert_eq!(certificate["customer"], "acme");
    for personal in ["acme BV", "0612345678", "31612345678", "0881111111", "201\""] {
        assert!(!certificate.to_string().contains(personal), "{personal}");
    }
    for (token, id) in [(&acme, support), (&auditor, own), (&auditor, Uuid::new_v4())] {
        for path in ["", "/certificate", "/certificate/note", "/proof"] {
            let path = format!("/v1/erasures/{id}{path}");
            let answer = vault.get(&path).token(token).send().await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
    let others = vault.get("/v1/erasures?customer=globex").token(&acme).send().await;
    assert_eq!(others.status, StatusCode::NOT_FOUND);
    let csv =
        vault.get("/v1/erasures?cause=request").token(&acme).header("accept", "text/csv").send();
    let csv = csv.await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    let text = csv.text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[1].starts_with(&own.to_string()) && lines[1].contains(",'-C-2,"), "{text}");
    let none = json(&vault, &acme, "/v1/erasures?cause=pci").await;
    assert_eq!(none["items"], serde_json::json!([]));
}

async fn a_day_and_a_period_have_a_certificate(vault: TestVault) {
    let token = vault.token(Role::Auditor).await;
    let id = erased(&vault, 9).await;
    let day = vault.clock.now().to_string();
    let day = day.split('T').next().unwrap();
    let base = format!("/v1/certificates?class=support&day={day}");
    let early = vault.get(&base).token(&token).send().await;
    assert_eq!(early.status, StatusCode::UNPROCESSABLE_ENTITY, "the day is not over");
    vault.advance_days(2);
    vault.vault.forget().await.unwrap();
    vault.vault.erase_due().await.unwrap();
    let certificate = json(&vault, &token, &base).await;
    assert_eq!(certificate["subject"]["count"], 1);
    assert_eq!(certificate["status"], "complete", "{certificate}");
    let dir = tempfile::tempdir().unwrap();
    let key = handed_out(&vault, &token, &base, dir.path()).await.parse().unwrap();
    let csv = vault.get(&base).token(&token).header("accept", "text/csv").send().await;
    assert!(csv.text().contains(&id.to_string()));
    std::fs::write(dir.path().join("c.csv"), &csv.body).unwrap();
    let path = dir.path().join("c.json");
    verify::certificate(&path, &key).unwrap();
    std::fs::write(dir.path().join("c.csv"), csv.text().replace("term", "lost")).unwrap();
    assert!(verify::certificate(&path, &key).is_err());
    for lang in ["nl", "en"] {
        let path = format!("{base}&lang={lang}");
        let pdf = || vault.get(&path).token(&token).header("accept", "application/pdf").send();
        let (one, two) = (pdf().await, pdf().await);
        assert!(one.body.starts_with(b"%PDF-"), "{}", one.text());
        assert_eq!(one.body, two.body, "the same certificate is the same file");
    }
    let wrong = vault.get("/v1/certificates?class=support").token(&token).send().await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    let none = certificates::find(
        vault.vault.index(),
        ControllerId::random(),
        "population/support",
        &[0; 32],
    );
    assert_eq!(none.await.unwrap(), None);
}

async fn the_store_is_looked_at_once_a_day(vault: TestVault) {
    assert!(vault.vault.check_posture().await.unwrap().is_some());
    assert!(vault.second_node().await.check_posture().await.unwrap().is_none());
    vault.advance_days(1);
    let posture = vault.vault.check_posture().await.unwrap().unwrap();
    assert_eq!(posture.drift, [""; 0], "{posture:?}");
}

async fn accesses_and_the_register_are_shown(vault: TestVault) {
    let id = vault.recording(SUPPORT, &tone(0.2, 10)).await;
    let trainer = vault.token(Role::Trainer).await;
    let heard = vault.listen(&trainer, id, "purpose=training").await;
    assert_eq!(heard.status, StatusCode::OK);
    let token = vault.token(Role::Compliance).await;
    let accesses = json(&vault, &token, "/v1/accesses?limit=1").await;
    let first = &accesses["items"][0];
    assert_eq!((&first["event"], &first["purpose"]), (&"access.played".into(), &"training".into()));
    assert!(first["by"].as_str().unwrap().parse::<Uuid>().is_ok());
    let next = accesses["next"].as_str().unwrap();
    let rest = json(&vault, &token, &format!("/v1/accesses?limit=1&cursor={next}")).await;
    assert_eq!(rest["items"], serde_json::json!([]));
    json(&vault, &token, "/v1/policy-changes").await;
    let dpo = vault.token(Role::Compliance).await;
    let acme = json(&vault, &dpo, "/v1/policy-changes?customer=acme").await;
    assert_eq!(acme["items"][0]["event"], "policy.created", "{acme}");
    assert_eq!(acme["items"][0]["by"], "command_line", "{acme}");
    // Whoever only checks sees the own, and a customer nobody else's.
    let admin = vault.token(Role::CustomerAdmin).await;
    for (token, of, status) in [
        (&token, "acme", 404),
        (&dpo, "nobody", 404),
        (&dpo, "no+reference", 404),
        (&admin, "acme", 403),
    ] {
        let answer =
            vault.get(&format!("/v1/policy-changes?customer={of}")).token(token).send().await;
        assert_eq!(answer.status.as_u16(), status, "{of}");
    }
    let register = json(&vault, &token, "/v1/register").await;
    assert_eq!(register["items"][0]["term"], "P90D");
    assert_eq!(register["items"][1]["role"], "processor");
    for row in register["items"].as_array().unwrap() {
        for both in row["purposes"].as_array().unwrap() {
            assert!(both["nl"].is_string() && both["en"].is_string());
        }
    }
}
