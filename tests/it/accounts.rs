//! Who looks after accounts, what they may give, and who has to agree.

use axum::http::StatusCode;
use callvault::model::Role;
use callvault::vault::NewAccount;
use serde_json::{Value, json};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::browser::{Browser, PASSWORD, account, account_of, sign_in, sign_in_with, try_to};
use crate::harness::{SUPPORT, TestVault, tone};
use crate::holds::{claim, hold, somebody};
use crate::on_each_vault;

on_each_vault! {
    what_an_operator_gives_counts_when_compliance_agrees,
    a_customers_administrator_looks_after_the_own_people_only,
    nobody_changes_the_own_rights_and_the_last_administrator_stays,
    what_an_operator_resets_has_to_be_agreed_to_again,
    changes_end_sessions_and_an_ended_name_is_free,
    a_person_with_a_token_and_an_account_is_one_person,
    the_ledger_knows_pseudonyms_and_no_names,
    a_customer_that_left_leaves_no_account,
}

async fn patch(
    vault: &TestVault,
    by: &Browser,
    id: &str,
    body: Value,
) -> crate::harness::TestResponse {
    by.send(vault, "PATCH", &format!("/v1/accounts/{id}"), body).await
}

async fn what_an_operator_gives_counts_when_compliance_agrees(vault: TestVault) {
    account(&vault, "olga", &[Role::Operator]).await;
    account(&vault, "fatima", &[Role::Compliance]).await;
    let (olga, fatima) = (sign_in(&vault, "olga").await, sign_in(&vault, "fatima").await);
    let made =
        olga.post(&vault, "/v1/accounts", json!({"name": "Tess", "roles": ["trainer"]})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    assert_eq!(made.header("cache-control"), "no-store");
    let made = made.json();
    assert_eq!((&made["roles"], &made["proposed"]["roles"]), (&json!([]), &json!(["trainer"])));
    let id = made["id"].as_str().unwrap().to_owned();
    let password = made["password"].as_str().unwrap().to_owned();

    // She signs in, has to change the password, and may do nothing yet.
    let tess = sign_in_with(&vault, json!({"name": "tess", "password": password})).await;
    assert_eq!(tess.view["must_change_password"], true);
    assert_eq!(tess.get(&vault, "/v1/recordings").await.code(), "password_change_required");
    let new = json!({"old": password, "new": PASSWORD});
    assert_eq!(tess.send(&vault, "PUT", "/v1/account/password", new).await.status, 204);
    assert_eq!(tess.get(&vault, "/v1/recordings").await.code(), "forbidden");

    let approval = format!("/v1/accounts/{id}/approval");
    assert_eq!(olga.post(&vault, &approval, json!({})).await.code(), "second_person_required");
    assert_eq!(tess.post(&vault, &approval, json!({})).await.code(), "forbidden");
    let list = fatima.get(&vault, "/v1/accounts").await.json();
    assert!(
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["proposed"]["roles"] == json!(["trainer"]))
    );
    let agreed = fatima.post(&vault, &approval, json!({})).await;
    assert_eq!(agreed.json()["roles"], json!(["trainer"]), "{}", agreed.text());
    assert_eq!(fatima.post(&vault, &approval, json!({})).await.code(), "conflict");
    assert_eq!(tess.get(&vault, "/v1/recordings").await.status, 401, "sign in anew");
    let tess = sign_in(&vault, "tess").await;
    assert_eq!(tess.get(&vault, "/v1/recordings").await.status, 200);

    // More is a proposal, less is at once; and a proposal can be refused.
    let more = patch(&vault, &olga, &id, json!({"roles": ["trainer", "evidence"]})).await.json();
    assert_eq!(
        (&more["roles"], &more["proposed"]["roles"]),
        (&json!(["trainer"]), &json!(["trainer", "evidence"]))
    );
    let refused = fatima.ask(&vault, "DELETE", &approval).send().await.json();
    assert_eq!((&refused["roles"], &refused["proposed"]), (&json!(["trainer"]), &Value::Null));
    let less = patch(&vault, &olga, &id, json!({"roles": []})).await;
    assert_eq!(less.code(), "invalid_field");
    for (roles, field) in [
        (json!(["ingest"]), "roles"),
        (json!(["operator", "trainer"]), "role"),
        (json!(["customer_admin"]), "customer"),
    ] {
        let answer = patch(&vault, &olga, &id, json!({"roles": roles})).await;
        assert_eq!(answer.json()["field"], field, "{}", answer.text());
    }
}

async fn a_customers_administrator_looks_after_the_own_people_only(vault: TestVault) {
    account(&vault, "ada", &[Role::CustomerAdmin]).await;
    let stranger = account_of(&vault, "gil", &[Role::CustomerListener], "globex").await;
    let provider = account(&vault, "tess", &[Role::Trainer]).await;
    let ada = sign_in(&vault, "ada").await;
    let made = ada
        .post(&vault, "/v1/accounts", json!({"name": "jan", "roles": ["customer_listener"], "lines": ["201"], "agent": "jan"}))
        .await
        .json();
    assert_eq!(made["roles"], json!(["customer_listener"]), "it counts at once: {made}");
    assert_eq!((&made["customer"], &made["lines"]), (&json!("acme"), &json!(["201"])));
    let id = made["id"].as_str().unwrap();
    for (body, field) in [
        (json!({"name": "x", "roles": ["trainer"]}), "roles"),
        (json!({"name": "x", "roles": ["operator"]}), "roles"),
        (json!({"name": "x", "roles": ["customer_listener"], "customer": "globex"}), "customer"),
        (json!({"name": "x", "roles": []}), "role"),
        (json!({"name": " ", "roles": ["customer_listener"]}), "name"),
        (json!({"name": "x", "roles": ["customer_listener"], "agent": ""}), "agent"),
        (json!({"name": "x", "roles": ["customer_listener"], "person": Uuid::new_v4()}), "person"),
    ] {
        let answer = ada.post(&vault, "/v1/accounts", body.clone()).await;
        assert_eq!(answer.json()["field"], field, "{body}");
    }
    assert_eq!(
        ada.post(&vault, "/v1/accounts", json!({"name": " JAN", "roles": ["customer_listener"]}))
            .await
            .code(),
        "conflict"
    );
    let list = ada.get(&vault, "/v1/accounts").await.json();
    let names: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.contains(&json!("jan")) && names.contains(&json!("ada")), "{names:?}");
    for other in [&stranger, &provider, &Uuid::new_v4().to_string(), &"nonsense".to_owned()] {
        let changed = patch(&vault, &ada, other, json!({"disabled": true})).await;
        assert_eq!(changed.status, StatusCode::NOT_FOUND);
        let path = format!("/v1/accounts/{other}");
        assert_eq!(ada.ask(&vault, "DELETE", &path).send().await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(
        patch(&vault, &ada, id, json!({"roles": ["customer_listener", "trainer"]})).await.status,
        422
    );
    let free = patch(&vault, &ada, id, json!({"lines": null, "agent": null})).await.json();
    assert_eq!((&free["lines"], &free["agent"]), (&Value::Null, &Value::Null));
    for role in [Role::Trainer, Role::Evidence, Role::Auditor, Role::Legal, Role::CustomerListener]
    {
        let token = vault.token(role).await;
        assert_eq!(
            vault.get("/v1/accounts").token(&token).send().await.code(),
            "forbidden",
            "{role}"
        );
    }
}

async fn nobody_changes_the_own_rights_and_the_last_administrator_stays(vault: TestVault) {
    let olga = account(&vault, "olga", &[Role::Operator]).await;
    let second = account(&vault, "otto", &[Role::Operator]).await;
    let by = sign_in(&vault, "olga").await;
    for body in [
        json!({"roles": ["operator", "compliance"]}),
        json!({"disabled": true}),
        json!({"reset_password": true}),
    ] {
        assert_eq!(patch(&vault, &by, &olga, body).await.code(), "own_account");
    }
    assert_eq!(
        by.ask(&vault, "DELETE", &format!("/v1/accounts/{olga}")).send().await.code(),
        "own_account"
    );
    // Another account that is known to be hers is hers too.
    let new = NewAccount {
        name: "Olga in the evening".into(),
        roles: [Role::Auditor].into(),
        person: Some(olga.parse().unwrap()),
        ..NewAccount::default()
    };
    let password = Some(Zeroizing::new(PASSWORD.to_owned()));
    let twin = vault.vault.add_account(&new, password).await.unwrap().0.id.to_string();
    assert_eq!(
        patch(&vault, &by, &twin, json!({"roles": ["trainer"]})).await.code(),
        "own_account"
    );

    let token = somebody(&vault, Role::Operator, "machine").await;
    let change = |id: &str, body: Value| {
        let path = format!("/v1/accounts/{id}");
        vault.request(axum::http::Request::patch(path)).token(&token).json(&body).send()
    };
    assert_eq!(change(&second, json!({"disabled": true})).await.status, 200);
    for body in [json!({"disabled": true}), json!({"roles": ["auditor"]})] {
        assert_eq!(change(&olga, body).await.code(), "conflict", "the last one stays");
    }
    assert_eq!(change(&second, json!({"disabled": false})).await.status, 200);
    assert_eq!(change(&olga, json!({"disabled": true})).await.status, 200);
}

async fn what_an_operator_resets_has_to_be_agreed_to_again(vault: TestVault) {
    account(&vault, "olga", &[Role::Operator]).await;
    let tess = account(&vault, "tess", &[Role::Trainer]).await;
    account(&vault, "fatima", &[Role::Compliance]).await;
    let (olga, before) = (sign_in(&vault, "olga").await, sign_in(&vault, "tess").await);
    let reset = patch(&vault, &olga, &tess, json!({"reset_password": true})).await.json();
    assert_eq!((&reset["roles"], &reset["proposed"]["roles"]), (&json!([]), &json!(["trainer"])));
    assert_eq!(before.get(&vault, "/v1/session").await.status, 401);
    let password = reset["password"].as_str().unwrap();
    let tess_again = sign_in_with(&vault, json!({"name": "tess", "password": password})).await;
    let new = json!({"old": password, "new": PASSWORD});
    tess_again.send(&vault, "PUT", "/v1/account/password", new).await;
    assert_eq!(tess_again.get(&vault, "/v1/recordings").await.code(), "forbidden");
    let fatima = sign_in(&vault, "fatima").await;
    fatima.post(&vault, &format!("/v1/accounts/{tess}/approval"), json!({})).await;
    assert_eq!(sign_in(&vault, "tess").await.get(&vault, "/v1/recordings").await.status, 200);

    // A customer's administrator answers for the own people.
    account(&vault, "ada", &[Role::CustomerAdmin]).await;
    let jan = account(&vault, "jan", &[Role::CustomerListener]).await;
    sign_in(&vault, "jan").await.second_factor(&vault).await;
    let ada = sign_in(&vault, "ada").await;
    let body = json!({"reset_password": true, "reset_second_factor": true});
    let reset = patch(&vault, &ada, &jan, body).await.json();
    assert_eq!(
        (&reset["roles"], &reset["second_factor"]),
        (&json!(["customer_listener"]), &json!(false))
    );
    sign_in_with(&vault, json!({"name": "jan", "password": reset["password"]})).await;
}

async fn changes_end_sessions_and_an_ended_name_is_free(vault: TestVault) {
    account(&vault, "ada", &[Role::CustomerAdmin]).await;
    let ada = sign_in(&vault, "ada").await;
    for body in [
        json!({"roles": ["customer_admin", "customer_listener"]}),
        json!({"lines": ["201"]}),
        json!({"agent": "jan"}),
        json!({"disabled": true}),
    ] {
        let id = account(&vault, "jan", &[Role::CustomerListener]).await;
        let jan = sign_in(&vault, "jan").await;
        let changed = patch(&vault, &ada, &id, body.clone()).await;
        assert_eq!(changed.status, 200, "{body}: {}", changed.text());
        assert_eq!(jan.get(&vault, "/v1/session").await.status, 401, "{body}");
        let path = format!("/v1/accounts/{id}");
        assert_eq!(ada.ask(&vault, "DELETE", &path).send().await.status, 204, "{body}");
        assert_eq!(ada.ask(&vault, "DELETE", &path).send().await.status, 404);
        let gone = try_to(&vault, json!({"name": "jan", "password": PASSWORD})).await;
        assert_eq!(gone.code(), "wrong_credentials");
    }
    let list = ada.get(&vault, "/v1/accounts").await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "{list}");
}

async fn a_person_with_a_token_and_an_account_is_one_person(vault: TestVault) {
    let token = somebody(&vault, Role::Compliance, "Anna de Vries").await;
    let id = vault.recording(SUPPORT, &tone(0.3, 1)).await;
    let placed = hold(&vault, &token, claim(&[id])).await.json();
    let release = format!("/v1/holds/{}/release", placed["id"].as_str().unwrap());
    let asked = vault.post(&release).token(&token).json(&json!({})).send().await;
    assert_eq!(asked.status, StatusCode::ACCEPTED);
    account(&vault, "anna de vries", &[Role::Compliance]).await;
    let by_token = vault.vault.authenticate(&token).await.unwrap().id;
    let new = NewAccount {
        name: "A. de Vries".into(),
        roles: [Role::Compliance].into(),
        person: Some(by_token),
        ..NewAccount::default()
    };
    let password = Some(Zeroizing::new(PASSWORD.to_owned()));
    vault.vault.add_account(&new, password).await.unwrap();
    let list = vault.get("/v1/approvals").token(&token).send().await.json();
    let approve = format!("/v1/approvals/{}/approve", list["items"][0]["id"].as_str().unwrap());
    for name in ["anna de vries", "a. de vries"] {
        let herself = sign_in(&vault, name).await;
        assert_eq!(
            herself.post(&vault, &approve, json!({})).await.code(),
            "second_person_required"
        );
    }
    account(&vault, "bram", &[Role::Compliance]).await;
    let bram = sign_in(&vault, "bram").await;
    assert_eq!(bram.post(&vault, &approve, json!({})).await.status, StatusCode::NO_CONTENT);
}

async fn the_ledger_knows_pseudonyms_and_no_names(vault: TestVault) {
    account(&vault, "canary-operator", &[Role::Operator]).await;
    let by = sign_in(&vault, "canary-operator").await;
    let made = by
        .post(&vault, "/v1/accounts", json!({"name": "canary-trainer", "roles": ["trainer"]}))
        .await
        .json();
    let id = made["id"].as_str().unwrap();
    patch(&vault, &by, id, json!({"agent": "canary-agent", "disabled": true})).await;
    let told = crate::ledger_of(&vault, vault.vault.provider()).await;
    for event in ["account.created", "account.roles_proposed", "account.changed", "session.started"]
    {
        assert!(told.contains(event), "{event}: {told}");
    }
    assert!(told.contains(id) && told.contains("\"disabled\""), "{told}");
    assert!(!told.contains("canary"), "{told}");
    let token = vault.token(Role::Auditor).await;
    let log = vault.get("/v1/ledger").token(&token).send().await;
    assert_eq!(log.status, StatusCode::OK);
}

async fn a_customer_that_left_leaves_no_account(vault: TestVault) {
    account(&vault, "ada", &[Role::CustomerAdmin]).await;
    let ada = sign_in(&vault, "ada").await;
    let mut tx = vault.vault.index().begin().await.unwrap();
    let acme = ada.view["controller"].as_str().unwrap().parse().unwrap();
    callvault::index::accounts::end_all(&mut tx, acme, vault.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    vault.advance(jiff::SignedDuration::from_secs(1));
    assert_eq!(ada.get(&vault, "/v1/session").await.status, 401);
    let again = try_to(&vault, json!({"name": "ada", "password": PASSWORD})).await;
    assert_eq!(again.code(), "wrong_credentials");
}
