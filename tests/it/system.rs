//! For those who run it: health, the document, and clear problems.

use axum::http::StatusCode;
use callvault::model::Role;

use crate::harness::TestVault;

#[tokio::test]
async fn health_and_readiness_answer() {
    let vault = TestVault::new().await;
    assert_eq!(vault.get("/healthz").send().await.status, StatusCode::OK);
    let ready = vault.get("/readyz").send().await;
    assert_eq!(ready.status, StatusCode::OK);
    let all = serde_json::json!({"index": true, "keyring": true, "ledger": true, "store": true});
    assert_eq!(ready.json(), all);
}

#[tokio::test]
async fn the_document_lists_every_route_and_the_browser_shows_it() {
    let vault = TestVault::new().await;
    let document = vault.get("/v1/openapi.json").send().await.json();
    let paths: Vec<_> = document["paths"].as_object().unwrap().keys().cloned().collect();
    insta::assert_snapshot!(paths.join("\n"));
    let whole = document.to_string();
    let schemas = &document["components"]["schemas"];
    for name in
        whole.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next())
    {
        assert!(schemas[name].is_object(), "{name} is named and not described");
    }
    let items = document["paths"].as_object().unwrap().values();
    let operations = items.flat_map(|item| item.as_object().unwrap().values());
    let mut names: Vec<_> =
        operations.map(|one| one["operationId"].as_str().unwrap_or_default()).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert!(count == names.len() && !names.contains(&""), "every operation has a name of its own");
    let browser = vault.get("/docs/").send().await;
    assert_eq!(browser.status, StatusCode::OK);
    assert!(browser.text().contains("swagger"));
}

#[tokio::test]
async fn every_answer_carries_a_request_id_and_every_problem_the_same_shape() {
    let vault = TestVault::new().await;
    let token = vault.token(Role::Trainer).await;
    let answer = vault.get("/v1/recordings/nonsense").token(&token).send().await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.header("x-request-id").len(), 36);
    let problem = answer.json();
    assert_eq!(problem["type"], "urn:callvault:not_found");
    assert_eq!(problem["status"], 404);
    assert!(problem["title"].is_string() && problem["detail"].is_string());
}

#[tokio::test]
async fn the_doctor_finds_a_sound_vault_sound() {
    let vault = TestVault::new().await;
    let findings = vault.vault.examine().await;
    for about in ["location", "clock", "eraser", "index", "store", "bucket", "keyring", "root"] {
        let finding = findings.iter().find(|finding| finding.about == about).expect(about);
        assert!(finding.ok, "{finding:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_recording_is_kept_short() {
    let vault = TestVault::new().await;
    let token = vault.token(Role::CustomerListener).await;
    let id = uuid::Uuid::new_v4();
    let case = "x".repeat(3 << 20);
    let answer = vault
        .post(&format!("/v1/recordings/{id}/playback"))
        .token(&token)
        .json(&serde_json::json!({"purpose": "own_use", "case": case}))
        .send()
        .await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.code(), "too_large");
}

#[tokio::test]
async fn the_document_says_that_an_archive_comes_in_ranges() {
    let vault = TestVault::new().await;
    let document = vault.get("/v1/openapi.json").send().await.json();
    let zip = &document["paths"]["/v1/customers/{ref}/export/{id}/zip"]["get"]["parameters"];
    for name in ["Range", "If-Range"] {
        let headers = zip.as_array().unwrap().iter().filter(|one| one["in"] == "header");
        assert_eq!(headers.filter(|one| one["name"] == name).count(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_wrong_json_body_names_the_field_and_repeats_no_value() {
    let vault = TestVault::new().await;
    let admin = vault.token(Role::CustomerAdmin).await;
    let path = "/v1/customers/acme/retention/preview";
    for (body, field, what) in [
        (r#"{"default":5,"rules":[]}"#, Some("default"), "another type"),
        (r#"{"rules":[]}"#, Some("default"), "required"),
        (r#"{"default":"P1Y","rules":[{"scope":"line:1"}]}"#, Some("rules[0].term"), "required"),
        (r#"{"default":"P1Y","rules":[{"scope":1,"term":"P1Y"}]}"#, Some("rules[0].scope"), "type"),
        (r#"{"default":"P1Y","rules":[],"more":1}"#, Some("more"), "no field"),
        (r#"{"default":"P1Y","rules":"0612345678"}"#, Some("rules"), "another type"),
        (r#"{"default":"P1Y","rules":[],"+31612345678":1}"#, None, "no field"),
        (r"[612345678]", None, "another type"),
        (r#"{"default":"P1Y","rules":"#, None, "cannot be read"),
    ] {
        let request = vault.post(path).token(&admin).header("content-type", "application/json");
        let answer = request.body(body).send().await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "malformed"), "{body}");
        let problem = answer.json();
        assert_eq!(problem["field"].as_str(), field, "{body}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(what), "{body}: {problem}");
        assert!(!answer.text().contains("612345678"), "{problem}");
    }
}
