//! The log over HTTP: in the form of C2SP tlog-tiles, to those who may see it.

use callvault::ledger::verify::{self, Against};
use callvault::model::{Event, Role};

use super::{events, export, fill};
use crate::harness::{ACME, SUPPORT, TestVault, tone};
use crate::on_each_vault;

on_each_vault! {
    a_log_is_served_as_tiles_to_those_who_may_see_it,
    what_happens_is_in_the_log_and_the_log_says_what_became_of_it,
    two_nodes_make_one_log,
}

async fn a_log_is_served_as_tiles_to_those_who_may_see_it(vault: TestVault) {
    fill(&vault, vault.vault.provider(), 600).await;
    vault.vault.project().await.unwrap();
    let token = vault.token(Role::Auditor).await;
    let logs = vault.get("/v1/ledger").token(&token).send().await.json();
    let names: Vec<_> = logs["items"].as_array().unwrap().iter().map(|log| &log["log"]).collect();
    assert_eq!(names, ["provider", "top"]);
    let size = logs["items"][0]["size"].as_u64().unwrap();
    assert!(size >= 601, "{logs}");
    let get = |path: String| {
        let token = token.clone();
        let request = vault.get(&format!("/v1/ledger/{path}"));
        async move { request.token(&token).send().await }
    };
    let checkpoint = get("provider/checkpoint".into()).await;
    assert!(checkpoint.text().starts_with("callvault.localhost/1/c/provider\n"));
    assert!(checkpoint.header("content-type").starts_with("text/plain"));
    assert_eq!(get("top/checkpoint".into()).await.status, 200);
    let full = get("provider/tile/0/000".into()).await;
    assert_eq!((full.status.as_u16(), full.body.len()), (200, 256 * 32));
    let part = get("provider/tile/0/000.p/7".into()).await;
    assert_eq!(part.body, full.body[..7 * 32]);
    let width = size % 256;
    let last = get(format!("provider/tile/entries/002.p/{width}")).await;
    assert_eq!(last.status, 200);
    assert_eq!(last.header("content-type"), "application/octet-stream");
    assert_eq!(get("provider/tile/1/000.p/2".into()).await.body.len(), 64);
    for beyond in [
        format!("provider/tile/entries/002.p/{}", width + 1),
        "provider/tile/0/002".into(),
        "provider/tile/1/000.p/3".into(),
        "provider/tile/2/000.p/1".into(),
        "provider/tile/0/0".into(),
        "provider/tile/0/..%2f000".into(),
        "nobody/checkpoint".into(),
    ] {
        assert_eq!(get(beyond.clone()).await.status, 404, "{beyond}");
    }
    // Somebody else's log is none, and a trainer has no business with any.
    let customer = vault.token(Role::CustomerAdmin).await;
    let logs = vault.get("/v1/ledger").token(&customer).send().await.json();
    let own = logs["items"][0]["log"].as_str().unwrap().to_owned();
    assert_eq!(logs["items"].as_array().unwrap().len(), 1);
    let own = format!("/v1/ledger/{own}/checkpoint");
    assert_eq!(vault.get(&own).token(&customer).send().await.status, 200);
    for (path, holder, status) in [
        ("/v1/ledger/provider/checkpoint", &customer, 404),
        ("/v1/ledger/top/checkpoint", &customer, 404),
        (own.as_str(), &token, 404),
        ("/v1/ledger", &vault.token(Role::Trainer).await, 403),
        ("/v1/ledger/provider/checkpoint", &vault.token(Role::Operator).await, 403),
    ] {
        assert_eq!(vault.get(path).token(holder).send().await.status, status, "{path}");
    }
}

async fn what_happens_is_in_the_log_and_the_log_says_what_became_of_it(vault: TestVault) {
    let dir = tempfile::tempdir().unwrap();
    vault.recording(SUPPORT, &tone(1.0, 1)).await;
    let early = vault.recording(ACME, &tone(1.0, 2)).await;
    vault.recording(ACME, &tone(1.0, 3)).await;
    let admin = vault.token(Role::CustomerAdmin).await;
    let path = format!("/v1/recordings/{early}/erasure");
    let body = serde_json::json!({ "cause": "request", "case": "dsr-1" });
    assert_eq!(vault.post(&path).token(&admin).json(&body).send().await.status, 200);
    vault.advance_days(91);
    vault.vault.confirm_erasing().await.unwrap();
    vault.vault.erase_due().await.unwrap();
    let names = export(&vault, dir.path()).await;
    assert!(names.contains(&"top".to_owned()) && names.len() == 4, "{names:?}");
    let verified = verify::directory(dir.path(), &Against::default()).unwrap();
    let of = |origin: &str| verified.iter().find(|log| log.origin.ends_with(origin)).unwrap();
    let provider = &of("c/provider").recordings;
    assert_eq!((provider.accepted, provider.stored, provider.overdue), (1, 0, 0));
    assert_eq!(provider.erased, [("term", 1)].into());
    assert_eq!(of("c/provider").consistent_with, 1, "the log over all logs vouches for it");
    let acme = verified.iter().find(|log| log.recordings.accepted == 2).unwrap();
    assert_eq!(acme.recordings.erased, [("request", 1), ("term", 1)].into());
    assert_eq!(acme.population.csv().len(), 3);
    let told = events(&dir.path().join("provider"));
    for event in [
        Event::LogOpened,
        Event::TokenCreated,
        Event::RecordingAccepted,
        Event::ErasureStarted,
        Event::ErasureKeyDestroyed,
        Event::RecordingErased,
    ] {
        assert!(told.iter().any(|told| told == event.as_str()), "{event}");
    }
}

async fn two_nodes_make_one_log(vault: TestVault) {
    let other = vault.second_node().await;
    let dir = tempfile::tempdir().unwrap();
    for round in 0..5 {
        fill(&vault, vault.vault.provider(), 100).await;
        let (one, two) = tokio::join!(vault.vault.project(), other.project());
        assert!(one.is_ok() && two.is_ok(), "{round}: {one:?} {two:?}");
    }
    // What a node took and did not get to is done by whoever comes next.
    let names = export(&vault, dir.path()).await;
    assert!(names.contains(&"provider".to_owned()));
    let verified = verify::directory(&dir.path().join("provider"), &Against::default()).unwrap();
    assert!(verified[0].size >= 501, "{}", verified[0].size);
}
