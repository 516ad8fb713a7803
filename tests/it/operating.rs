//! What operators see and do: tokens for machines, sources, the health of the vault. Never content.

use axum::http::{Request, StatusCode};
use callvault::model::Role;
use serde_json::{Value, json};

use crate::browser::{account, sign_in};
use crate::harness::{SUPPORT, TestVault, tone};
use crate::on_each_vault;

on_each_vault! {
    tokens_of_machines_are_made_listed_and_revoked,
    sources_tell_what_came_from_each,
    health_tells_of_nodes_store_keyring_and_findings,
}

async fn tokens_of_machines_are_made_listed_and_revoked(vault: TestVault) {
    account(&vault, "olga", &[Role::Operator]).await;
    let olga = sign_in(&vault, "olga").await;
    let new = json!({"name": "pbx-9", "roles": ["ingest"], "customer": "acme", "lines": ["201"]});
    let made = olga.post(&vault, "/v1/tokens", new).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    assert_eq!(made.header("cache-control"), "no-store");
    let (token, id) = (made.json()["token"].clone(), made.json()["id"].clone());
    let token = token.as_str().unwrap();
    let caller = vault.vault.authenticate(token).await.unwrap();
    assert_eq!(caller.id.to_string(), id.as_str().unwrap());

    let list = olga.get(&vault, "/v1/tokens?limit=1").await.json();
    let one = &list["items"][0];
    assert_eq!(
        (&one["name"], &one["customer"], &one["state"], &one["source"], &one["lines"]),
        (&json!("pbx-9"), &json!("acme"), &json!("valid"), &json!("pbx-9"), &json!(["201"]))
    );
    assert!(!list.to_string().contains(token), "the secret is shown once");
    // Pages end, and hold everything once.
    for _ in 0..3 {
        vault.token(Role::Auditor).await;
    }
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/tokens?limit=2{next}");
        let page = olga.get(&vault, &path).await.json();
        let ids = page["items"].as_array().unwrap().iter().map(|one| one["id"].to_string());
        seen.extend(ids);
        match page["next"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((all, seen.len()), (4, 4));

    let path = format!("/v1/tokens/{}", id.as_str().unwrap());
    assert_eq!(olga.ask(&vault, "DELETE", &path).send().await.status, StatusCode::NO_CONTENT);
    assert_eq!(olga.ask(&vault, "DELETE", &path).send().await.status, StatusCode::NOT_FOUND);
    assert!(vault.vault.authenticate(token).await.is_err());
    for role in
        ["trainer", "evidence", "legal", "compliance", "customer_listener", "customer_admin"]
    {
        let new = json!({"name": "x", "roles": [role], "customer": Value::Null});
        let answer = olga.post(&vault, "/v1/tokens", new).await;
        assert_eq!(answer.json()["field"], "roles", "{role}: {}", answer.text());
    }
    for (body, field) in [
        (json!({"name": "", "roles": ["ingest"]}), "name"),
        (json!({"name": "x", "roles": []}), "role"),
        (json!({"name": "x", "roles": ["king"]}), "roles"),
        (json!({"name": "x", "roles": ["ingest"], "customer": "nobody"}), "customer"),
        (json!({"name": "x", "roles": ["ingest"], "customer": "no ref"}), "customer"),
        (json!({"name": "x", "roles": ["ingest"], "class": "secret"}), "class"),
    ] {
        let answer = olga.post(&vault, "/v1/tokens", body.clone()).await;
        assert_eq!(answer.json()["field"], field, "{body}: {}", answer.text());
    }
    for path in ["/v1/tokens?limit=x", "/v1/tokens?cursor=x", "/v1/tokens?odd=1"] {
        assert_eq!(olga.get(&vault, path).await.code(), "malformed", "{path}");
    }
    let told = crate::ledger_of(&vault, vault.vault.provider()).await;
    assert!(told.contains("token.revoked") || told.contains("token.created"));
}

async fn sources_tell_what_came_from_each(vault: TestVault) {
    account(&vault, "olga", &[Role::Operator]).await;
    let olga = sign_in(&vault, "olga").await;
    vault.recording(SUPPORT, &tone(0.3, 1)).await;
    vault.recording(SUPPORT, &tone(0.3, 2)).await;
    assert_eq!(vault.upload(SUPPORT, b"no audio").await.code(), "not_audio");
    let list = olga.get(&vault, "/v1/sources").await.json();
    let source = &list["items"][0];
    assert_eq!(source["source"], "pbx-1", "{list}");
    assert_eq!(source["tokens"], 3);
    assert_eq!(
        (&source["received_today"], &source["received_week"], &source["refused_week"]),
        (&json!(2), &json!(2), &json!(1))
    );
    assert_eq!(source["last_refusal"], "not_audio");
    assert_eq!(source["last_received_at"], "2026-06-01T12:00:00Z");
    vault.advance_days(2);
    let olga = sign_in(&vault, "olga").await;
    let list = olga.get(&vault, "/v1/sources").await.json();
    let source = &list["items"][0];
    assert_eq!((&source["received_today"], &source["received_week"]), (&json!(0), &json!(2)));
    assert!(list["next"].is_null());
}

async fn health_tells_of_nodes_store_keyring_and_findings(vault: TestVault) {
    account(&vault, "olga", &[Role::Operator]).await;
    let stop = tokio_util::sync::CancellationToken::new();
    let upkeep = callvault::vault::Upkeep { erases: true };
    let (node, stopped) = (vault.vault.clone(), stop.clone());
    let running = tokio::spawn(async move { Box::pin(node.keep_up(upkeep, stopped)).await });
    let nodes = async || callvault::index::nodes::list(vault.vault.index()).await.unwrap();
    while nodes().await.is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let olga = sign_in(&vault, "olga").await;
    let health = olga.get(&vault, "/v1/health").await;
    assert_eq!(health.status, StatusCode::OK, "{}", health.text());
    let health = health.json();
    let node = &health["nodes"][0];
    assert_eq!(
        (&node["alive"], &node["erases"], &node["signs"]),
        (&json!(true), &json!(true), &json!(true))
    );
    assert_eq!(node["version"], env!("CARGO_PKG_VERSION"));
    let findings = health["findings"].as_array().unwrap();
    for check in [
        "location", "clock", "eraser", "index", "store", "bucket", "keyring", "root", "ledger",
        "nodes",
    ] {
        let found = findings.iter().find(|one| one["check"] == check).expect(check);
        assert_eq!(found["status"], "ok", "{found}");
        assert!(found["detail"].is_string());
    }
    assert_eq!(
        (&health["store"]["answers"], &health["store"]["country"]),
        (&json!(true), &json!("NL"))
    );
    assert!(health["keyring"]["epoch"].is_i64() && health["keyring"]["replicas"].is_array());
    // A minute later it is looked at again.
    assert_eq!(olga.get(&vault, "/v1/health").await.json()["checked_at"], health["checked_at"]);
    stop.cancel();
    running.await.unwrap();
    assert!(nodes().await.is_empty(), "a node that stops says so");
    vault.advance(jiff::SignedDuration::from_secs(61));
    let later = olga.get(&vault, "/v1/health").await.json();
    assert_ne!(later["checked_at"], health["checked_at"]);
    assert_eq!(later["nodes"], json!([]));
}

#[tokio::test]
async fn nobody_else_sees_what_is_for_operators() {
    let vault = TestVault::new().await;
    for &role in Role::ALL {
        let token = vault.token(role).await;
        for path in ["/v1/tokens", "/v1/sources", "/v1/health"] {
            let answer = vault.get(path).token(&token).send().await;
            let may = role == Role::Operator;
            assert_eq!(answer.status == StatusCode::OK, may, "{role} {path}");
            assert!(may || answer.code() == "forbidden");
        }
    }
    let id = uuid::Uuid::new_v4();
    let token = vault.token(Role::Compliance).await;
    let made =
        vault.post("/v1/tokens").token(&token).json(&json!({"name": "x", "roles": ["ingest"]}));
    assert_eq!(made.send().await.code(), "forbidden");
    let path = format!("/v1/tokens/{id}");
    assert_eq!(
        vault.request(Request::delete(&path)).token(&token).send().await.code(),
        "forbidden"
    );
    assert_eq!(vault.get("/v1/health").send().await.status, StatusCode::UNAUTHORIZED);
}
