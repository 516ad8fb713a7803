//! What belongs to somebody else does not exist (I15).

use axum::http::{Request, StatusCode};
use callvault::index::ledger_entries;
use callvault::model::Role;

use crate::harness::{ACME, SUPPORT, TestVault, tone};
use crate::on_each_vault;

on_each_vault! {
    another_customers_recordings_do_not_exist,
    lists_hold_what_is_ones_own_newest_first,
    a_number_finds_its_calls_and_never_a_withheld_one,
    any_time_can_be_asked_for,
}

async fn another_customers_recordings_do_not_exist(vault: TestVault) {
    let acme = vault.recording(ACME, &tone(1.0, 1)).await;
    let unknown = uuid::Uuid::new_v4();
    let mut strangers = Vec::new();
    for role in [Role::CustomerAdmin, Role::CustomerListener] {
        strangers.push(vault.token_of(role, Some("globex"), None).await);
    }
    for role in [Role::Trainer, Role::Evidence, Role::Compliance, Role::Auditor, Role::Legal] {
        strangers.push(vault.token(role).await);
    }
    let case = serde_json::json!({"case": "C-1", "cause": "request"});
    for token in &strangers {
        let mut seen = Vec::new();
        for id in [acme, unknown] {
            let mut answers = Vec::new();
            for path in [
                format!("/v1/recordings/{id}"),
                format!("/v1/recordings/{id}/audio?purpose=own_use"),
                format!("/v1/recordings/{id}/waveform?purpose=own_use"),
            ] {
                answers.push(vault.get(&path).token(token).send().await);
            }
            let path = format!("/v1/recordings/{id}/erasure");
            answers.push(vault.post(&path).token(token).json(&case).send().await);
            let path = format!("/v1/recordings/{id}/playback");
            let purpose = serde_json::json!({"purpose": "own_use"});
            answers.push(vault.post(&path).token(token).json(&purpose).send().await);
            let bodies = answers.iter().map(|a| (a.status, a.text())).collect::<Vec<_>>();
            assert!(bodies.iter().all(|(status, _)| status.is_client_error()));
            seen.push(bodies);
        }
        assert_eq!(seen[0], seen[1], "somebody else's answers exactly like nobody's");
    }
}

async fn any_time_can_be_asked_for(vault: TestVault) {
    let token = vault.token(Role::CustomerAdmin).await;
    for range in ["from=-009999-01-02T01:59:59Z", "to=9999-12-30T22:00:00Z"] {
        let list = vault.get(&format!("/v1/recordings?{range}")).token(&token).send().await;
        assert_eq!(list.status, StatusCode::OK, "{range}");
    }
}

async fn lists_hold_what_is_ones_own_newest_first(vault: TestVault) {
    let mut ids = Vec::new();
    for hour in 0..7 {
        let ended = format!("2026-06-01T0{hour}:00:00Z");
        let mut fields = ACME.to_vec();
        fields[3] = ("ended_at", &ended);
        ids.insert(0, vault.recording(&fields, &tone(0.5, hour)).await.to_string());
    }
    vault.recording(SUPPORT, &tone(0.5, 50)).await;
    let token = vault.token(Role::CustomerAdmin).await;
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/recordings?limit=3{cursor}");
        let page = vault.get(&path).token(&token).send().await.json();
        let items = page["items"].as_array().unwrap().clone();
        assert!(items.len() <= 3);
        found.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found, ids);
    let globex = vault.token_of(Role::CustomerAdmin, Some("globex"), None).await;
    let other = vault.get("/v1/recordings").token(&globex).send().await.json();
    assert_eq!(other["items"].as_array().unwrap().len(), 0);
}

async fn a_number_finds_its_calls_and_never_a_withheld_one(vault: TestVault) {
    let shown = vault.recording(ACME, &tone(0.5, 1)).await.to_string();
    let withheld = [ACME, &[("withheld", "true")]].concat();
    let hidden = vault.recording(&withheld, &tone(0.5, 2)).await.to_string();
    let token = vault.token(Role::CustomerAdmin).await;
    let find = async |query: &str| {
        let page = vault.get(&format!("/v1/recordings?{query}")).token(&token).send().await;
        let page = page.json();
        let items = page["items"].as_array().unwrap();
        items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(find("number=088%20111%201111").await, [shown.as_str()]);
    assert_eq!(find("number=%2B31881111111").await, [shown.as_str()]);
    assert_eq!(find("q=0881111111").await, [shown.as_str()]);
    assert_eq!(find("number=0201234567").await, [""; 0]);
    let card = vault.get(&format!("/v1/recordings/{shown}")).token(&token).send().await.json();
    assert_eq!(card["caller"], "+31881111111", "a customer sees its own numbers");
    let card = vault.get(&format!("/v1/recordings/{hidden}")).token(&token).send().await;
    assert!(card.json()["withheld"].as_bool().unwrap() && !card.text().contains("88111"));
}

#[tokio::test]
async fn filters_narrow_a_list() {
    let vault = TestVault::new().await;
    vault.recording(SUPPORT, &tone(2.0, 1)).await;
    let mut other = SUPPORT.to_vec();
    other[2] = ("ended_at", "2026-05-20T11:00:00Z");
    other[5] = ("agent", "fleur");
    vault.recording(&other, &tone(5.0, 2)).await;
    let token = vault.token(Role::Evidence).await;
    let count = async |query: &str| {
        let page = vault.get(&format!("/v1/recordings?{query}")).token(&token).send().await;
        assert_eq!(page.status, StatusCode::OK, "{query}: {}", page.text());
        page.json()["items"].as_array().unwrap().len()
    };
    let cases = [
        ("", 2),
        ("agent=fleur", 1),
        ("q=fleur", 1),
        ("queue=helpdesk", 2),
        ("min_duration=4", 1),
        ("max_duration=4", 1),
        ("from=2026-06-01T00:00:00Z", 1),
        ("to=2026-06-01T00:00:00Z", 1),
        ("direction=inbound", 2),
        ("direction=outbound", 0),
        ("class=customer", 0),
        ("state=audio_erased", 0),
    ];
    for (query, expected) in cases {
        assert_eq!(count(query).await, expected, "{query}");
    }
    for query in ["state=asleep", "colour=red", "cursor=x", "from=yesterday", "number=abc"] {
        let refused = vault.get(&format!("/v1/recordings?{query}")).token(&token).send().await;
        assert!(refused.status.is_client_error(), "{query}");
    }
}

#[tokio::test]
async fn operators_and_sources_list_nothing() {
    let vault = TestVault::new().await;
    for role in [Role::Operator, Role::Ingest] {
        let token = vault.token(role).await;
        let list = vault.get("/v1/recordings").token(&token).send().await;
        assert_eq!(list.status, StatusCode::FORBIDDEN, "{role}");
        let named = vault.get("/v1/recordings?customer=acme").token(&token).send().await;
        assert_eq!(named.status, StatusCode::FORBIDDEN, "{role}");
        let customers = vault.get("/v1/customers").token(&token).send().await;
        let may = role == Role::Operator;
        assert_eq!(customers.status == StatusCode::OK, may, "{role}");
    }
    let delete = vault.request(Request::delete("/v1/recordings")).send().await;
    assert_eq!(delete.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(delete.code(), "method_not_allowed");
    assert_eq!(vault.get("/v1/nothing").send().await.code(), "not_found");
}

#[tokio::test]
async fn who_runs_or_checks_the_vault_hears_nothing_and_an_agreement_is_no_blank() {
    let vault = TestVault::new().await;
    for roles in [[Role::Operator, Role::Trainer], [Role::Compliance, Role::Evidence]] {
        let new = callvault::vault::NewToken {
            name: "everything".into(),
            roles: roles.into(),
            customer: None,
            class: None,
            lines: None,
            agent: None,
            own_calls_only: false,
            expires_at: None,
        };
        assert!(vault.vault.create_token(&new).await.is_err(), "{roles:?}");
    }
    let operator = vault.token(Role::Operator).await;
    let body = serde_json::json!(
        {"reference": "initech", "name": "Initech", "agreement": " ", "term": "P1Y"}
    );
    let blank = vault.post("/v1/customers").token(&operator).json(&body).send().await;
    assert_eq!(blank.code(), "invalid_field");
    let patch = vault.request(Request::patch("/v1/customers/acme")).token(&operator);
    let blank = patch.json(&serde_json::json!({"agreement": ""})).send().await;
    assert_eq!(blank.code(), "invalid_field");
}

#[tokio::test]
async fn tokens_and_the_switch_of_a_customer_are_in_the_ledger() {
    let vault = TestVault::new().await;
    let operator = vault.token(Role::Operator).await;
    let admin = vault.token(Role::CustomerAdmin).await;
    let (operator_id, admin_holder) = (
        vault.vault.authenticate(&operator).await.unwrap().id,
        vault.vault.authenticate(&admin).await.unwrap(),
    );
    vault.vault.revoke_token(admin_holder.id).await.unwrap();
    assert!(vault.vault.revoke_token(admin_holder.id).await.is_err(), "once");
    for change in [
        serde_json::json!({"recording": false}),
        serde_json::json!({"recording": false}),
        serde_json::json!({"recording": true, "name": "Acme Holding"}),
    ] {
        let request = vault.request(Request::patch("/v1/customers/acme")).token(&operator);
        assert_eq!(request.json(&change).send().await.status, StatusCode::OK);
    }

    let told = async |controller| {
        let entries = ledger_entries::list(vault.vault.index(), controller, 0, 100).await.unwrap();
        assert!(entries.iter().all(|entry| !entry.body.contains("pbx-1")), "no name (I12)");
        entries.into_iter().map(|entry| (entry.event.as_str(), entry.body)).collect::<Vec<_>>()
    };
    let of_provider = told(vault.vault.provider()).await;
    let made = format!(r#""principal":"{operator_id}","roles":["operator"]"#);
    let told_of =
        |(event, leaf): &(&str, String)| *event == "token.created" && leaf.contains(&made);
    assert!(of_provider.iter().any(told_of), "{of_provider:?}");
    let of_acme = told(admin_holder.controller).await;
    let events: Vec<_> = of_acme.iter().map(|(event, _)| *event).collect();
    assert_eq!(
        events,
        [
            "log.opened",
            "tenant.enabled",
            "policy.created",
            "token.created",
            "token.revoked",
            "tenant.recording_off",
            "tenant.changed",
            "tenant.recording_on",
        ]
    );
    let principal = admin_holder.id.to_string();
    assert!(of_acme[3].1.contains(&principal) && of_acme[4].1.contains(&principal));
    assert!(of_acme[3].1.contains("customer_admin"));
}
