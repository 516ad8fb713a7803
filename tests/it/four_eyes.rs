//! What needs a second person needs another person, whoever they say they are.

use axum::http::StatusCode;
use callvault::model::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{ACME, SUPPORT, TestVault, tone};
use crate::holds::{claim, hold, post, somebody};
use crate::on_each_vault;

on_each_vault! {
    nobody_releases_alone_under_whatever_name,
    an_extension_takes_two_and_a_long_hold_begins_with_a_month,
    what_is_somebody_elses_does_not_exist,
}

/// A support recording that `token` holds, and the hold.
async fn held(vault: &TestVault, token: &str) -> Value {
    let id = vault.recording(SUPPORT, &tone(0.3, 1)).await;
    let placed = hold(vault, token, claim(&[id])).await;
    assert_eq!(placed.status, StatusCode::CREATED, "{}", placed.text());
    placed.json()
}

fn release_of(hold: &Value) -> String {
    format!("/v1/holds/{}/release", hold["id"].as_str().unwrap())
}

async fn pending(vault: &TestVault, token: &str) -> Vec<Value> {
    let page = vault.get("/v1/approvals").token(token).send().await.json();
    page["items"].as_array().unwrap().clone()
}

async fn nobody_releases_alone_under_whatever_name(vault: TestVault) {
    let anna = somebody(&vault, Role::Compliance, "Anna de Vries").await;
    let hold = held(&vault, &anna).await;
    let release = release_of(&hold);
    let ask = async |token: &str| post(&vault, token, &release, json!({})).await;

    assert_eq!(ask(&anna).await.status, StatusCode::ACCEPTED, "who placed it may ask");
    assert_eq!(ask(&anna).await.status, StatusCode::ACCEPTED, "twice is still once");
    let twin = somebody(&vault, Role::Compliance, " anna  DE vries").await;
    assert_eq!(ask(&twin).await.status, StatusCode::ACCEPTED, "a second token is no second person");
    let id = pending(&vault, &anna).await[0]["id"].as_str().unwrap().to_owned();
    let approve = format!("/v1/approvals/{id}/approve");
    for token in [&anna, &twin] {
        let answer = post(&vault, token, &approve, json!({})).await;
        assert_eq!(answer.code(), "second_person_required");
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
    for role in [Role::Evidence, Role::Auditor, Role::Trainer, Role::Operator, Role::Legal] {
        let token = somebody(&vault, role, "bram").await;
        for path in [&approve, &release] {
            let answer = post(&vault, &token, path, json!({})).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (StatusCode::FORBIDDEN, "forbidden"),
                "{role}"
            );
        }
    }

    // Somebody else asks, and the one who placed it agrees: that is no second person either.
    let bram = somebody(&vault, Role::Compliance, "bram").await;
    let refuse = format!("/v1/approvals/{id}/refuse");
    assert_eq!(post(&vault, &anna, &refuse, json!({})).await.status, StatusCode::NO_CONTENT);
    assert_eq!(post(&vault, &bram, &approve, json!({})).await.code(), "conflict", "taken back");
    assert_eq!(ask(&bram).await.status, StatusCode::ACCEPTED);
    for token in [&anna, &twin] {
        assert_eq!(ask(token).await.code(), "second_person_required");
    }
    let open = vault.get("/v1/holds?state=open").token(&anna).send().await.json();
    assert_eq!(open["items"][0]["pending"][0]["kind"], "hold.release");

    // Too late: it must be asked for again.
    let late = pending(&vault, &bram).await[0]["id"].as_str().unwrap().to_owned();
    vault.advance_days(8);
    let cleo = somebody(&vault, Role::Compliance, "cleo").await;
    let approve = format!("/v1/approvals/{late}/approve");
    assert_eq!(post(&vault, &cleo, &approve, json!({})).await.code(), "conflict");
    assert_eq!(ask(&cleo).await.status, StatusCode::ACCEPTED, "this only asks again");
    assert_eq!(ask(&bram).await.status, StatusCode::OK);
    assert!(pending(&vault, &bram).await.is_empty());
}

async fn an_extension_takes_two_and_a_long_hold_begins_with_a_month(vault: TestVault) {
    let id = vault.recording(SUPPORT, &tone(0.3, 1)).await;
    let (anna, bram) = (
        somebody(&vault, Role::Compliance, "anna").await,
        somebody(&vault, Role::Compliance, "bram").await,
    );
    let mut body = claim(&[id]);
    body["review_on"] = json!("2026-12-01");
    let reader = somebody(&vault, Role::Evidence, "reader").await;
    let alone = hold(&vault, &reader, body.clone()).await;
    assert_eq!(alone.code(), "invalid_field", "an evidence reader holds for 30 days");

    let placed = hold(&vault, &anna, body).await.json();
    assert_eq!(placed["review_on"], "2026-07-01", "kept from now on, and 30 days for now");
    assert_eq!(placed["pending"][0]["kind"], "hold.extend");
    let path = format!("/v1/holds/{}/review", placed["id"].as_str().unwrap());
    let review =
        async |token: &str, day: &str| post(&vault, token, &path, json!({"review_on": day})).await;
    assert_eq!(review(&anna, "2026-12-01").await.status, StatusCode::ACCEPTED);
    assert_eq!(review(&bram, "2026-12-02").await.code(), "conflict", "not what was asked for");
    let done = review(&bram, "2026-12-01").await;
    assert_eq!((done.status, &done.json()["review_on"]), (StatusCode::OK, &json!("2026-12-01")));

    let sooner = review(&anna, "2026-06-15").await;
    assert_eq!(
        (sooner.status, &sooner.json()["review_on"]),
        (StatusCode::OK, &json!("2026-06-15"))
    );
    let asked = review(&bram, "2026-07-15").await;
    assert_eq!(
        (asked.status, &asked.json()["review_on"]),
        (StatusCode::ACCEPTED, &json!("2026-06-15"))
    );
    for wrong in ["", "2026-05-01", "2029-01-01"] {
        assert_eq!(review(&bram, wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
    let approval = asked.json()["pending"][0]["id"].as_str().unwrap().to_owned();
    let approve = format!("/v1/approvals/{approval}/approve");
    assert_eq!(post(&vault, &anna, &approve, json!({})).await.status, StatusCode::NO_CONTENT);
    let now = vault.get(&path.replace("/review", "")).token(&bram).send().await.json();
    assert_eq!(now["review_on"], "2026-07-15");
    assert_eq!(
        post(&vault, &reader, &path, json!({"review_on": "2026-07-20"})).await.code(),
        "forbidden"
    );
}

async fn what_is_somebody_elses_does_not_exist(vault: TestVault) {
    let acme = vault.recording(ACME, &tone(0.3, 1)).await;
    let anna = somebody(&vault, Role::CustomerAdmin, "anna").await;
    let placed = hold(&vault, &anna, claim(&[acme])).await.json();
    post(&vault, &anna, &release_of(&placed), json!({})).await;
    let approval = pending(&vault, &anna).await[0]["id"].as_str().unwrap().to_owned();
    let strangers = [
        vault.token_of(Role::CustomerAdmin, Some("globex"), None).await,
        somebody(&vault, Role::Compliance, "dpo").await,
    ];
    let hold_id = placed["id"].as_str().unwrap().to_owned();
    for token in &strangers {
        let mut seen = Vec::new();
        for (hold_id, approval) in [
            (hold_id.clone(), approval.clone()),
            (Uuid::new_v4().to_string(), Uuid::new_v4().to_string()),
            ("nonsense".into(), "nonsense".into()),
        ] {
            let answers = [
                vault.get(&format!("/v1/holds/{hold_id}")).token(token).send().await,
                post(&vault, token, &format!("/v1/holds/{hold_id}/release"), json!({})).await,
                post(
                    &vault,
                    token,
                    &format!("/v1/holds/{hold_id}/review"),
                    json!({"review_on": "2026-06-20"}),
                )
                .await,
                post(&vault, token, &format!("/v1/approvals/{approval}/approve"), json!({})).await,
                post(&vault, token, &format!("/v1/approvals/{approval}/refuse"), json!({})).await,
            ];
            assert!(answers.iter().all(|answer| answer.status == StatusCode::NOT_FOUND));
            seen.push(answers.map(|answer| answer.text()));
        }
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
        assert!(pending(&vault, token).await.is_empty());
        let list = vault.get("/v1/holds").token(token).send().await.json();
        assert_eq!(list["items"], json!([]));
    }
}
