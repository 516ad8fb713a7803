//! A witness over HTTP, written from the specification (C2SP tlog-witness): it cosigns what grows,
//! and the vault keeps and shows what it signed.

use std::sync::{Arc, Mutex};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use callvault::ledger::tree::grows;
use callvault::ledger::{Checkpoint, Hash, Note, VerifierKey};
use callvault::model::Role;
use callvault::vault::{LedgerSettings, Witness};
use jiff::SignedDuration;
use sha2::{Digest, Sha256};

use super::fill;
use crate::harness::TestVault;

const NAME: &str = "witness.example/w1";

/// What the witness has signed last, and with which key it checks.
struct Memory {
    key: Ed25519KeyPair,
    log: Option<VerifierKey>,
    signed: (u64, Hash),
    away: bool,
}

type Shared = Arc<Mutex<Memory>>;

fn key_bytes(key: &Ed25519KeyPair) -> Vec<u8> {
    [&[4], key.public_key().as_ref()].concat()
}

fn id(key: &Ed25519KeyPair) -> Vec<u8> {
    Sha256::digest([NAME.as_bytes(), b"\n", &key_bytes(key)].concat())[..4].to_vec()
}

async fn add_checkpoint(State(memory): State<Shared>, body: String) -> (StatusCode, String) {
    let mut memory = memory.lock().unwrap();
    if memory.away {
        return (StatusCode::SERVICE_UNAVAILABLE, String::new());
    }
    let (head, note) = body.split_once("\n\n").unwrap();
    let mut lines = head.lines();
    let old: u64 = lines.next().unwrap().strip_prefix("old ").unwrap().parse().unwrap();
    let proof: Vec<_> = lines.map(|line| Hash::parse(line).unwrap()).collect();
    let note: Note = note.parse().unwrap();
    let Ok(checkpoint) = Checkpoint::open(&note, memory.log.as_ref().unwrap()) else {
        return (StatusCode::FORBIDDEN, String::new());
    };
    let (size, root) = memory.signed;
    if old != size {
        return (StatusCode::CONFLICT, format!("{size}\n"));
    }
    if !grows((size, &root), (checkpoint.size, &checkpoint.root), &proof) {
        return (StatusCode::UNPROCESSABLE_ENTITY, String::new());
    }
    memory.signed = (checkpoint.size, checkpoint.root);
    let time = 1_780_000_000_u64;
    let signed = format!("cosignature/v1\ntime {time}\n{}", note.text());
    let signature = memory.key.sign(signed.as_bytes());
    let line = [&id(&memory.key), &time.to_be_bytes()[..], signature.as_ref()].concat();
    (StatusCode::OK, format!("\u{2014} {NAME} {}\n", STANDARD.encode(line)))
}

async fn witness() -> (Shared, Witness) {
    let key = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
    let vkey = format!("{NAME}+{}+{}", hex::encode(id(&key)), STANDARD.encode(key_bytes(&key)));
    let signed = (0, Hash::of_nothing());
    let memory = Arc::new(Mutex::new(Memory { key, log: None, signed, away: false }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .with_state(Arc::clone(&memory));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (memory, Witness { url, vkey: vkey.parse().unwrap() })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_cosigns_what_grows_and_its_state_is_shown() {
    let (memory, witness) = witness().await;
    let vkey = witness.vkey.clone();
    let ledger = LedgerSettings { witnesses: vec![witness], ..LedgerSettings::default() };
    let vault = TestVault::new().await.with_ledger(ledger).await;
    let token = vault.token(Role::Compliance).await;
    let top = async || {
        let logs = vault.get("/v1/ledger").token(&token).send().await.json();
        logs["items"].as_array().unwrap().iter().find(|log| log["log"] == "top").unwrap().clone()
    };
    let note = async || {
        let note = vault.get("/v1/ledger/top/checkpoint").token(&token).send().await.text();
        note.parse::<Note>().unwrap()
    };
    let grow = async || {
        vault.advance(SignedDuration::from_secs(61));
        fill(&vault, vault.vault.provider(), 3).await;
        vault.vault.project().await.unwrap();
        vault.vault.ask_witnesses().await.unwrap();
    };
    vault.vault.project().await.unwrap();
    let log_key = top().await["vkey"].as_str().unwrap().parse().unwrap();
    memory.lock().unwrap().log = Some(log_key);
    for _ in 0..3 {
        grow().await;
        assert_eq!(note().await.verify(&vkey).unwrap(), Some(1_780_000_000));
        let shown = top().await;
        assert_eq!(shown["witnesses"][0]["name"], NAME);
        assert_eq!(shown["witnesses"][0]["size"], shown["size"]);
        assert!(shown["witnesses"][0]["failing_since"].is_null());
    }
    // It is away: the log goes on without it, and says so.
    memory.lock().unwrap().away = true;
    grow().await;
    assert!(note().await.verify(&vkey).is_err());
    assert!(top().await["witnesses"][0]["failing_since"].is_string());
    memory.lock().unwrap().away = false;
    grow().await;
    assert!(note().await.verify(&vkey).is_ok());
    // It remembers more than the vault does: the vault asks again from there.
    let mut tx = vault.vault.index().begin().await.unwrap();
    callvault::index::sql("UPDATE ledger_witnesses SET size = 1").execute(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    grow().await;
    assert!(note().await.verify(&vkey).is_ok());
    // It signed another history: it never signs this one.
    memory.lock().unwrap().signed.1 = Hash::of_leaf(b"another history");
    grow().await;
    assert!(note().await.verify(&vkey).is_err());
    assert!(top().await["witnesses"][0]["failing_since"].is_string());
}
