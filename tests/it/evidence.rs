//! Evidence packages: two persons, a record of every copy, and a file that an outsider can check.

use std::io::{Cursor, Read, Write};
use std::path::Path;
use std::process::Command;

use axum::http::{Method, Request, StatusCode};
use callvault::ledger::VerifierKey;
use callvault::ledger::verify;
use callvault::model::Role;
use serde_json::{Value, json};
use uuid::Uuid;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::harness::{ACME, SUPPORT, TestResponse, TestVault, tone};
use crate::holds::{post, somebody};
use crate::on_each_vault;

on_each_vault! {
    a_package_takes_two_persons_and_checks_out,
    what_was_handed_out_is_on_record_and_in_the_certificate,
    what_may_not_be_heard_is_not_handed_out,
}

fn wish() -> Value {
    json!({"case": "C-2026/17", "recipient": "mr. J. Jansen, Advocatenkantoor Noord", "destroy_by": "2026-12-31"})
}

async fn ask(vault: &TestVault, token: &str, id: Uuid, body: Value) -> TestResponse {
    post(vault, token, &format!("/v1/recordings/{id}/evidence"), body).await
}

async fn fetch(vault: &TestVault, token: &str, package: &str) -> TestResponse {
    vault.get(&format!("/v1/evidence/{package}/package")).token(token).send().await
}

/// Asks, agrees, and gives the package's id.
async fn agreed(vault: &TestVault, anna: &str, bram: &str, id: Uuid) -> String {
    let asked = ask(vault, anna, id, wish()).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{}", asked.text());
    let package = asked.json()["id"].as_str().unwrap().to_owned();
    let done = post(vault, bram, &format!("/v1/evidence/{package}/approval"), json!({})).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text());
    package
}

async fn key(vault: &TestVault) -> String {
    let auditor = vault.token(Role::Auditor).await;
    let logs = vault.get("/v1/ledger").token(&auditor).send().await;
    let logs = logs.json();
    let all = logs["items"].as_array().or_else(|| logs.as_array()).unwrap();
    let own = all.iter().find(|log| log["log"] == "provider").unwrap();
    own["vkey"].as_str().unwrap().to_owned()
}

fn checked(bytes: &[u8], key: &str) -> Result<verify::Evidence, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("package.zip");
    std::fs::write(&path, bytes).unwrap();
    let key: VerifierKey = key.parse().unwrap();
    verify::evidence(&path, &key).map_err(|error| error.to_string())
}

/// The files of an archive with their names.
type Files = Vec<(String, Vec<u8>)>;

fn entries(bytes: &[u8]) -> Files {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut all = Vec::new();
    for n in 0..archive.len() {
        let mut file = archive.by_index(n).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        all.push((file.name().unwrap().into_owned(), bytes));
    }
    all
}

fn zipped(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in files {
        writer.start_file(name.as_str(), stored).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

async fn a_package_takes_two_persons_and_checks_out(vault: TestVault) {
    let audio = tone(3.0, 1);
    let id = vault.recording(SUPPORT, &audio).await;
    let (anna, bram) = (
        somebody(&vault, Role::Evidence, "Anna").await,
        somebody(&vault, Role::Compliance, "bram").await,
    );
    vault.listen(&anna, id, "purpose=evidence&case=C-2026/17").await;
    let asked = ask(&vault, &anna, id, wish()).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{}", asked.text());
    assert_eq!(asked.json()["state"], "asked");
    let package = asked.json()["id"].as_str().unwrap().to_owned();
    let approval = format!("/v1/evidence/{package}/approval");
    assert_eq!(fetch(&vault, &anna, &package).await.code(), "conflict", "nobody agreed");
    let twin = somebody(&vault, Role::Evidence, " anna ").await;
    for token in [&anna, &twin] {
        let answer = post(&vault, token, &approval, json!({})).await;
        assert_eq!(answer.code(), "second_person_required");
    }
    for role in [Role::Trainer, Role::Auditor, Role::Operator, Role::CustomerAdmin] {
        let token = somebody(&vault, role, "cleo").await;
        assert_eq!(post(&vault, &token, &approval, json!({})).await.code(), "forbidden", "{role}");
        assert_eq!(ask(&vault, &token, id, wish()).await.code(), "forbidden", "{role}");
        assert_eq!(fetch(&vault, &token, &package).await.code(), "forbidden", "{role}");
    }
    let done = post(&vault, &bram, &approval, json!({})).await;
    assert_eq!((done.status, &done.json()["state"]), (StatusCode::OK, &json!("approved")));
    assert_eq!(
        post(&vault, &bram, &approval, json!({})).await.code(),
        "conflict",
        "once is enough"
    );
    assert_eq!(fetch(&vault, &bram, &package).await.code(), "forbidden", "who agrees gets nothing");

    let path = format!("/v1/evidence/{package}/package");
    let head = vault.request(Request::builder().method(Method::HEAD).uri(&path)).token(&anna);
    assert_eq!(head.send().await.status, StatusCode::METHOD_NOT_ALLOWED);
    let got = fetch(&vault, &anna, &package).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text());
    assert_eq!(got.header("content-type"), "application/zip");
    assert_eq!(got.header("cache-control"), "no-store");
    assert_eq!(got.header("content-length"), got.body.len().to_string());
    let key = key(&vault).await;
    let found = checked(&got.body, &key).unwrap();
    assert_eq!(found.details.recording.caller.as_deref(), Some("+31201234567"), "a case opens it");
    assert_eq!(found.details.recipient, wish()["recipient"].as_str().unwrap());
    let files = entries(&got.body);
    let name = format!("audio/{id}.wav");
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["cover.pdf", "details.json", "custody.json", "manifest.note", &name]);
    assert!(files[0].1.starts_with(b"%PDF") && files[4].1 == audio);
    let custody: Value = serde_json::from_slice(&files[2].1).unwrap();
    let told: Vec<String> = custody["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| serde_json::from_str::<Value>(entry["entry"].as_str().unwrap()).unwrap())
        .map(|leaf| leaf["ev"].as_str().unwrap().to_owned())
        .collect();
    let expected =
        ["recording.accepted", "evidence.approved", "access.played", "evidence.handed_out"];
    assert_eq!(told, expected);
    damage_is_found(&got.body, &key);
    command(&got.body, &key);
}

/// What `callvault verify` says, as a program.
fn command(package: &[u8], key: &str) {
    let dir = tempfile::tempdir().unwrap();
    let run = |path: &Path, key: &str| {
        let program = env!("CARGO_BIN_EXE_callvault");
        let done = Command::new(program).arg("verify").arg(path).args(["--key", key]).output();
        let done = done.unwrap();
        let text = [done.stdout, done.stderr].concat();
        (done.status.success(), String::from_utf8(text).unwrap())
    };
    let path = dir.path().join("package.zip");
    std::fs::write(&path, package).unwrap();
    let (sound, said) = run(&path, key);
    assert!(sound && said.contains("all in the log"), "{said}");
    std::fs::write(&path, &package[..package.len() - 50]).unwrap();
    let (sound, said) = run(&path, key);
    assert!(!sound && said.contains("cut or changed"), "{said}");
}

/// Changes a package in every way there is, and looks whether that is told.
fn damage_is_found(package: &[u8], key: &str) {
    let files = entries(package);
    assert!(checked(&zipped(&files), key).is_ok(), "packed again it is the same package");
    let with = |change: &dyn Fn(&mut Files)| {
        let mut changed = files.clone();
        change(&mut changed);
        checked(&zipped(&changed), key).expect_err("a changed package")
    };
    for n in 0..files.len() {
        let name = &files[n].0;
        let said = with(&|files| {
            let middle = files[n].1.len() / 3;
            files[n].1[middle] ^= 1;
        });
        let told =
            said.contains("changed") || said.contains("manifest") || said.contains("of vault");
        assert!(told || said.contains("is of "), "{name}: {said}");
        let said = with(&|files| drop(files.remove(n)));
        assert!(said.contains(&format!("{name} is not in it")), "{name}: {said}");
    }
    let said = with(&|files| files.push(("note.txt".into(), b"x".to_vec())));
    assert!(said.contains("note.txt is in it and not in its manifest"), "{said}");
    for end in [0, 100, package.len() / 2, package.len() - 1] {
        let said = checked(&package[..end], key).expect_err("a cut package");
        assert!(said.contains("cut or changed"), "{end}: {said}");
    }
    // No byte of it can be another without somebody noticing, or it is one nobody reads.
    let step = package.len() / 400;
    for at in (0..package.len()).step_by(step) {
        let mut changed = package.to_vec();
        changed[at] ^= 0x10;
        if let Ok(found) = checked(&changed, key) {
            assert_eq!(entries(&changed), files, "{at}");
            assert_eq!(found.manifest.files.len(), 4);
        }
    }
    let stranger = VerifierKey::of_log(key.split('+').next().unwrap(), [9; 32]).to_string();
    let said = checked(package, &stranger).expect_err("another key");
    assert!(said.contains("no signature"), "{said}");
    let elsewhere = VerifierKey::of_log("other/1", [9; 32]).to_string();
    let said = checked(package, &elsewhere).expect_err("another log");
    assert!(said.contains("the key is of other/1"), "{said}");
}

async fn what_was_handed_out_is_on_record_and_in_the_certificate(vault: TestVault) {
    let id = vault.recording(SUPPORT, &tone(1.0, 2)).await;
    let (anna, bram) = (
        somebody(&vault, Role::Evidence, "anna").await,
        somebody(&vault, Role::Evidence, "bram").await,
    );
    let package = agreed(&vault, &anna, &bram, id).await;
    for _ in 0..2 {
        assert_eq!(fetch(&vault, &anna, &package).await.status, StatusCode::OK);
    }
    let auditor = somebody(&vault, Role::Auditor, "rik").await;
    let list = vault.get("/v1/evidence").token(&auditor).send().await.json();
    let listed = &list["items"][0];
    assert_eq!((&listed["state"], &listed["handed_out"]), (&json!("handed_out"), &json!(2)));
    assert_eq!((&listed["destroy_by"], &listed["overdue"]), (&json!("2026-12-31"), &json!(false)));
    assert!(listed.get("recipient").is_none(), "an auditor need not know who");
    let path = format!("/v1/evidence/{package}");
    let shown = vault.get(&path).token(&bram).send().await.json();
    assert_eq!(shown["recipient"], wish()["recipient"]);

    // Codes only: neither the ledger nor the table holds the name in clear.
    let leaves: Vec<(String,)> = callvault::index::sql("SELECT leaf FROM ledger_entries")
        .fetch_all(vault.vault.index())
        .await
        .unwrap();
    assert!(leaves.iter().all(|(leaf,)| !leaf.contains("Jansen")));
    let rows: Vec<(Vec<u8>,)> = callvault::index::sql("SELECT recipient FROM evidence_packages")
        .fetch_all(vault.vault.index())
        .await
        .unwrap();
    assert!(rows.iter().all(|(row,)| !row.windows(6).any(|part| part == b"Jansen")));

    vault.advance_days(91);
    vault.vault.confirm_erasing().await.unwrap();
    assert_eq!(vault.vault.erase_due().await.unwrap().erased, 1);
    assert_eq!(fetch(&vault, &anna, &package).await.code(), "erased");
    let path = format!("/v1/erasures/{id}/certificate");
    let certificate = vault.get(&path).token(&auditor).send().await.json();
    let remains = certificate["remains"].as_array().unwrap();
    let outside = remains.iter().find(|left| left["what"] == "handed_out").unwrap();
    assert_eq!(outside["count"], 1, "one package, however often it was fetched");
    assert_eq!(outside["until"], "2027-01-01T00:00:00Z");
    let day = certificate["subject"]["erasure"]["absent_at"].as_str().unwrap()[..10].to_owned();
    vault.advance_days(2);
    let path = format!("/v1/certificates?class=support&day={day}");
    let of_day = vault.get(&path).token(&auditor).send().await.json();
    let remains = of_day["remains"].as_array().unwrap();
    assert!(remains.iter().any(|left| left["what"] == "handed_out"), "{of_day}");
    vault.advance_days(200);
    let list = vault.get("/v1/evidence").token(&auditor).send().await.json();
    assert_eq!(list["items"][0]["overdue"], true, "the promise is not forgotten");
}

async fn what_may_not_be_heard_is_not_handed_out(vault: TestVault) {
    let id = vault.recording(SUPPORT, &tone(1.0, 3)).await;
    let acme = vault.recording(ACME, &tone(1.0, 4)).await;
    let (anna, bram, dpo) = (
        somebody(&vault, Role::Evidence, "anna").await,
        somebody(&vault, Role::Evidence, "bram").await,
        somebody(&vault, Role::Compliance, "dora").await,
    );
    assert_eq!(ask(&vault, &anna, acme, wish()).await.code(), "not_found");
    assert_eq!(ask(&vault, &anna, Uuid::new_v4(), wish()).await.code(), "not_found");
    for (field, value) in [
        ("case", json!("mevrouw de Vries")),
        ("recipient", json!("  ")),
        ("recipient", json!("x".repeat(201))),
        ("recipient", json!("a\u{7}")),
        ("destroy_by", json!("2026-06-01")),
        ("destroy_by", json!("2040-01-01")),
        ("destroy_by", json!("soon")),
        ("language", json!("fr")),
    ] {
        let mut body = wish();
        body[field] = value.clone();
        let answer = ask(&vault, &anna, id, body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field} {value}");
        assert_eq!(answer.json()["field"], field, "{value}");
    }
    for body in [json!({}), json!({"case": "C-1"}), json!([])] {
        assert_eq!(ask(&vault, &anna, id, body).await.status, StatusCode::BAD_REQUEST);
    }

    let package = agreed(&vault, &anna, &bram, id).await;
    let restriction = format!("/v1/recordings/{id}/restriction");
    post(&vault, &dpo, &restriction, json!({"case": "C-9"})).await;
    let locked = fetch(&vault, &anna, &package).await;
    assert_eq!((locked.status.as_u16(), locked.code().as_str()), (423, "restricted"));
    assert_eq!(ask(&vault, &anna, id, wish()).await.code(), "restricted");
    let over = json!({"case": "C-9", "outcome": "withdrawn"});
    vault.request(Request::delete(&restriction)).token(&dpo).json(&over).send().await;

    // Refused, and asked for too long ago.
    let other = ask(&vault, &anna, id, wish()).await.json();
    let approvals = vault.get("/v1/approvals").token(&dpo).send().await.json();
    assert_eq!(approvals["items"][0]["kind"], "evidence.package");
    let approval = approvals["items"][0]["id"].as_str().unwrap();
    let refused = post(&vault, &dpo, &format!("/v1/approvals/{approval}/refuse"), json!({})).await;
    assert_eq!(refused.status, StatusCode::NO_CONTENT);
    let path = format!("/v1/evidence/{}", other["id"].as_str().unwrap());
    assert_eq!(vault.get(&path).token(&dpo).send().await.json()["state"], "refused");
    assert_eq!(
        post(&vault, &bram, &format!("{path}/approval"), json!({})).await.code(),
        "conflict"
    );
    let late = ask(&vault, &anna, id, wish()).await.json();
    vault.advance_days(8);
    let path = format!("/v1/evidence/{}/approval", late["id"].as_str().unwrap());
    assert_eq!(post(&vault, &bram, &path, json!({})).await.code(), "conflict", "too late");
    for path in ["x".to_owned(), Uuid::new_v4().to_string()] {
        let unknown = vault.get(&format!("/v1/evidence/{path}")).token(&anna).send().await;
        assert_eq!(unknown.code(), "not_found");
    }

    // Two of the legal desk for an order, in the other language.
    let (jan, eva) =
        (somebody(&vault, Role::Legal, "jan").await, somebody(&vault, Role::Legal, "eva").await);
    let mut order = wish();
    order["language"] = json!("en");
    let package = ask(&vault, &jan, id, order).await.json();
    assert_eq!(package["purpose"], "disclosure");
    let path = format!("/v1/evidence/{}", package["id"].as_str().unwrap());
    post(&vault, &eva, &format!("{path}/approval"), json!({})).await;
    let got = vault.get(&format!("{path}/package")).token(&jan).send().await;
    let found = checked(&got.body, &key(&vault).await).unwrap();
    assert_eq!(found.details.case, "C-2026/17");
}
