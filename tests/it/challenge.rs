//! Proof that recordings are there, for who may not hear them: what is there is proven, what is not is
//! said, and nobody chooses what is looked at.

use std::path::Path;

use axum::http::StatusCode;
use callvault::index::ledger_entries::{self, NewEntry};
use callvault::index::recordings::{Marks, find, insert};
use callvault::ledger::compose;
use callvault::ledger::verify::{self, Challenged};
use callvault::model::{Event, RecordingId, Role};
use futures_util::StreamExt;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{ACME, SUPPORT, TestResponse, TestVault, tone};
use crate::on_each_vault;

on_each_vault!(
    what_is_there_is_proven_and_one_changed_word_is_not,
    what_is_missing_or_changed_is_said,
    what_came_and_went_since_the_checkpoint_is_told_apart,
    recordings_without_a_root_are_counted,
    only_those_who_check_may_ask,
    a_renewed_key_changes_no_root,
);

const NONCE: &str = "0123456789abcdef-NONCE";

async fn ask(vault: &TestVault, token: &str, log: &str, samples: u32) -> TestResponse {
    let body = json!({ "nonce": NONCE, "samples": samples });
    vault.post(&format!("/v1/ledger/{log}/challenge")).token(token).json(&body).send().await
}

async fn answer(vault: &TestVault, token: &str, log: &str, samples: u32) -> Value {
    let answer = ask(vault, token, log, samples).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()
}

/// The log and its key, written out.
async fn exported(vault: &TestVault, dir: &Path) -> callvault::ledger::VerifierKey {
    vault.vault.project().await.unwrap();
    vault.vault.export_logs(dir, None).await.unwrap();
    std::fs::read_to_string(dir.join("provider/vkey")).unwrap().parse().unwrap()
}

fn verified(dir: &Path, answer: &Value, with_log: bool) -> Result<Challenged, String> {
    let path = dir.join("answer.json");
    std::fs::write(&path, answer.to_string()).unwrap();
    let log = dir.join("provider");
    let key = std::fs::read_to_string(log.join("vkey")).unwrap().parse().unwrap();
    let folder = with_log.then_some(log.as_path());
    verify::challenge(&path, &key, Some(NONCE), folder).map_err(|error| error.to_string())
}

fn statuses(answer: &Value) -> Vec<&str> {
    let samples = answer["samples"].as_array().unwrap();
    samples.iter().map(|sample| sample["status"].as_str().unwrap()).collect()
}

/// What somebody does to an answer.
type Change<'c> = &'c dyn Fn(&mut Value);

async fn what_is_there_is_proven_and_one_changed_word_is_not(vault: TestVault) {
    let auditor = vault.token(Role::Auditor).await;
    for seed in 0..4 {
        // Of one chunk, of a few, and of more than a window.
        vault.recording(SUPPORT, &tone(f64::from(1 + seed * 7), seed)).await;
    }
    vault.recording(SUPPORT, &tone(400.0, 9)).await;
    vault.recording(ACME, &tone(1.0, 10)).await;
    let given = answer(&vault, &auditor, "provider", 12).await;
    assert_eq!((&given["live"], &given["without_root"]), (&json!(5), &json!(0)));
    assert_eq!(statuses(&given), ["held"; 12]);
    let dir = tempfile::tempdir().unwrap();
    exported(&vault, dir.path()).await;
    for with_log in [false, true] {
        let proven = verified(dir.path(), &given, with_log).unwrap();
        assert_eq!((proven.is_whole(), proven.due_checked, proven.live), (true, with_log, 5));
    }
    // The same question has the same pieces; another nonce has others.
    let again = answer(&vault, &auditor, "provider", 12).await;
    assert_eq!(statuses(&again), ["held"; 12]);
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut other = given.clone();
        change(&mut other);
        verified(dir.path(), &other, true).expect_err("it was changed")
    };
    let last = given["samples"][11].clone();
    let other = "ZmFsc2UgZmFsc2UgZmFsc2UgZmFsc2UgZmFsc2UgZmE=";
    let cases: [(&str, Change); 14] = [
        ("no answer", &|of| of["more"] = json!(1)),
        ("no answer", &|of| of["schema"] = json!("callvault.challenge/2")),
        ("another nonce", &|of| of["nonce"] = json!("another-nonce-of-length")),
        ("another log", &|of| of["log"] = json!("other")),
        ("11 samples, and 12 were due", &|of| drop(of["samples"].as_array_mut().unwrap().pop())),
        ("chosen by somebody", &|of| of["samples"][0] = last.clone()),
        ("chosen by somebody", &|of| of["samples"].as_array_mut().unwrap().swap(0, 1)),
        ("by the log 5 do", &|of| of["live"] = json!(6)),
        ("is not in the log", &|of| of["samples"][3]["proof"][0] = json!(other)),
        ("is not in the log", &|of| of["samples"][3]["entry"] = json!("{}")),
        ("another number of chunks", &|of| of["samples"][4]["shown"]["chunks"] = json!(1_000_000)),
        ("another chunk than was due", &|of| of["samples"][4]["shown"]["chunk"] = json!(99_999)),
        ("not what was accepted", &|of| of["samples"][5]["shown"]["bytes"] = json!("AAAA")),
        ("by the log it is not", &|of| {
            of["samples"][6]["status"] = json!("erased_since");
            of["samples"][6].as_object_mut().unwrap().remove("shown");
        }),
    ];
    for (expected, change) in cases {
        let said = changed(change);
        assert!(said.contains(expected), "{said}: {expected}");
    }
    let said = changed(&|of| of["samples"][6]["status"] = json!("missing"));
    assert!(said.contains("says one thing and shows another"), "{said}");
    let flipped = given["checkpoint"].as_str().unwrap().replace("\n\n", "\nx\n\n");
    assert!(changed(&|of| of["checkpoint"] = json!(flipped)).contains("signature"));
    // Whoever withholds a bad piece has to take another one that is not due.
    let mut fewer = given.clone();
    fewer["asked"] = json!(11);
    drop(fewer["samples"].as_array_mut().unwrap().remove(0));
    let said = verified(dir.path(), &fewer, true).unwrap_err();
    assert!(said.contains("is not the one that was due"), "{said}");
}

/// Changes a byte of an object in the store.
async fn damage(vault: &TestVault, id: Uuid, at: usize) {
    let id = RecordingId(id);
    let len = vault.store.size(id).await.unwrap().unwrap();
    let mut bytes = vault.store.read(id, 0..len).await.unwrap().to_vec();
    bytes[at] ^= 1;
    vault.store.put(id, vec![bytes.into()]).await.unwrap();
}

async fn what_is_missing_or_changed_is_said(vault: TestVault) {
    let auditor = vault.token(Role::Auditor).await;
    let mut ids = Vec::new();
    for seed in 0..4 {
        ids.push(vault.recording(SUPPORT, &tone(0.5, seed)).await);
    }
    let gone = vault.store.delete(&[RecordingId(ids[0])]).await;
    assert!(gone.iter().all(|(_, result)| result.is_ok()));
    damage(&vault, ids[1], 200).await;
    let cut = vault.store.read(RecordingId(ids[2]), 0..100).await.unwrap();
    vault.store.put(RecordingId(ids[2]), vec![cut.to_vec().into()]).await.unwrap();
    let given = answer(&vault, &auditor, "provider", 8).await;
    for sample in given["samples"].as_array().unwrap() {
        let id: Uuid = sample["recording"].as_str().unwrap().parse().unwrap();
        let place = ids.iter().position(|other| *other == id).unwrap();
        let expected = ["missing", "altered", "altered", "held"][place];
        assert_eq!(sample["status"], expected, "{place}");
    }
    let dir = tempfile::tempdir().unwrap();
    exported(&vault, dir.path()).await;
    let told = verified(dir.path(), &given, true).unwrap();
    assert!(!told.is_whole());
    let said = told.sentence();
    assert!(said.contains("missing from the store"), "{said}");
    assert!(said.contains("not what was accepted"), "{said}");
    let entries = std::fs::read_dir(dir.path().join("provider/tile/entries")).unwrap();
    assert_eq!(entries.count(), 1);
    let leaves = crate::ledger::events(&dir.path().join("provider"));
    assert!(leaves.contains(&"inventory.attested".to_owned()), "{leaves:?}");
}

async fn what_came_and_went_since_the_checkpoint_is_told_apart(vault: TestVault) {
    let compliance = vault.token(Role::Compliance).await;
    let stays = vault.recording(SUPPORT, &tone(0.5, 1)).await;
    let goes = vault.recording(SUPPORT, &tone(0.5, 2)).await;
    vault.vault.project().await.unwrap();
    let came = vault.recording(SUPPORT, &tone(0.5, 3)).await;
    let body = json!({ "cause": "objection", "case": "C-1" });
    let path = format!("/v1/recordings/{goes}/erasure");
    let erased = vault.post(&path).token(&compliance).json(&body).send().await;
    assert_eq!(erased.status, StatusCode::OK, "{}", erased.text());
    // A node that does not sign answers by the last checkpoint there is.
    let other = vault.unsigned_node().await;
    let caller = other.authenticate(&compliance).await.unwrap();
    let given = other.challenge(&caller, "provider", NONCE, 6).await.unwrap();
    let given = serde_json::to_value(given).unwrap();
    assert_eq!(given["live"], 2);
    let mut seen = Vec::new();
    for sample in given["samples"].as_array().unwrap() {
        let id: Uuid = sample["recording"].as_str().unwrap().parse().unwrap();
        let expected = if id == stays { "held" } else { "erased_since" };
        assert_eq!((sample["status"].as_str().unwrap(), id == came), (expected, false));
        seen.push(id);
    }
    assert!(seen.contains(&stays) && seen.contains(&goes), "three of each");
    let dir = tempfile::tempdir().unwrap();
    exported(&vault, dir.path()).await;
    let told = verified(dir.path(), &given, true).unwrap();
    assert!(told.is_whole() && told.sentence().contains("3 erased after"), "{}", told.sentence());
    let now = answer(&vault, &compliance, "provider", 4).await;
    assert_eq!((&now["live"], statuses(&now)), (&json!(2), vec!["held"; 4]));
    // The export may not be older than what was asked about.
    let later = answer(&vault, &compliance, "provider", 4).await;
    assert!(verified(dir.path(), &later, true).unwrap_err().contains("rolled back"));
}

async fn recordings_without_a_root_are_counted(vault: TestVault) {
    let auditor = vault.token(Role::Auditor).await;
    let known = vault.recording(SUPPORT, &tone(0.5, 1)).await;
    // As they were taken in before there were roots.
    let index = vault.vault.index();
    let mut old = find(index, RecordingId(known)).await.unwrap().unwrap();
    old.id = RecordingId::random();
    let (controller, at, event) = (old.controller, vault.clock.now(), Event::RecordingAccepted);
    let body = json!({ "class": "support", "due": old.due_at.hour_rounded_up(), "pol": "x/1" });
    let recording = Some(old.id);
    let body = compose(at, event, recording, &body);
    let mut tx = index.begin().await.unwrap();
    let marks = Marks { content_key: Some([9; 32]), ..Marks::default() };
    insert(&mut tx, &old, &marks).await.unwrap();
    let entry = NewEntry { controller, at, event, recording, body };
    ledger_entries::append(&mut tx, &[entry]).await.unwrap();
    tx.commit().await.unwrap();
    let given = answer(&vault, &auditor, "provider", 3).await;
    assert_eq!((&given["live"], &given["without_root"]), (&json!(1), &json!(1)));
    let dir = tempfile::tempdir().unwrap();
    exported(&vault, dir.path()).await;
    assert!(verified(dir.path(), &given, true).unwrap().is_whole());
}

async fn only_those_who_check_may_ask(vault: TestVault) {
    let acme = vault.token(Role::CustomerAdmin).await;
    let auditor = vault.token(Role::Auditor).await;
    vault.recording(ACME, &tone(0.5, 1)).await;
    vault.vault.project().await.unwrap();
    let logs = vault.get("/v1/ledger").token(&acme).send().await.json();
    let own = logs["items"][0]["log"].as_str().unwrap().to_owned();
    let given = answer(&vault, &acme, &own, 2).await;
    assert_eq!((&given["live"], statuses(&given)), (&json!(1), vec!["held", "held"]));
    assert_eq!(answer(&vault, &auditor, "provider", 2).await["samples"], json!([]), "none yet");
    for (role, log, status, code) in [
        (Role::Trainer, "provider", 403, "forbidden"),
        (Role::Operator, "provider", 403, "forbidden"),
        (Role::CustomerListener, own.as_str(), 403, "forbidden"),
        (Role::CustomerAdmin, "provider", 404, "not_found"),
        (Role::Auditor, own.as_str(), 404, "not_found"),
        (Role::Auditor, "top", 400, "malformed"),
    ] {
        let token = vault.token(role).await;
        let refused = ask(&vault, &token, log, 1).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (status, code.to_owned()), "{role}");
    }
    for (body, status, word) in [
        (json!({ "nonce": "short", "samples": 1 }), 422, "nonce"),
        (json!({ "nonce": "0123456789 abcdef", "samples": 1 }), 422, "nonce"),
        (json!({ "nonce": NONCE, "samples": 0 }), 422, "samples"),
        (json!({ "nonce": NONCE, "samples": 301 }), 422, "samples"),
        (json!({ "nonce": NONCE, "samples": -1 }), 400, ""),
        (json!({ "nonce": NONCE }), 400, ""),
        (json!({ "nonce": NONCE, "samples": 1, "recording": "x" }), 400, ""),
    ] {
        let token = vault.token(Role::Auditor).await;
        let path = "/v1/ledger/provider/challenge";
        let refused = vault.post(path).token(&token).json(&body).send().await;
        assert_eq!(refused.status.as_u16(), status, "{body}");
        assert!(refused.text().contains(word), "{}", refused.text());
    }
    // Each reads much of the store.
    let busy = vault.token(Role::Compliance).await;
    for _ in 0..6 {
        assert_eq!(ask(&vault, &busy, "provider", 1).await.status, 200);
    }
    let refused = ask(&vault, &busy, "provider", 1).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (429, "too_many_requests"));
    assert!(refused.header("retry-after").parse::<u32>().unwrap() >= 1);
}

async fn a_renewed_key_changes_no_root(vault: TestVault) {
    let compliance = vault.token(Role::Compliance).await;
    let stays = vault.recording(SUPPORT, &tone(0.5, 1)).await;
    let goes = vault.recording(SUPPORT, &tone(0.5, 2)).await;
    let before = find(vault.vault.index(), RecordingId(stays)).await.unwrap().unwrap();
    let body = json!({ "cause": "objection", "case": "C-1" });
    let path = format!("/v1/recordings/{goes}/erasure");
    vault.post(&path).token(&compliance).json(&body).send().await;
    vault.advance_days(1);
    vault.vault.forget().await.unwrap();
    let after = find(vault.vault.index(), RecordingId(stays)).await.unwrap().unwrap();
    assert_ne!(before.key.wrap, after.key.wrap, "its day was renewed");
    let given = answer(&vault, &compliance, "provider", 5).await;
    assert_eq!((&given["live"], statuses(&given)), (&json!(1), vec!["held"; 5]));
    assert_eq!(vault.store.list().count().await, 1);
}
