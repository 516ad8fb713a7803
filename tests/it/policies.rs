//! A customer decides how long its recordings are kept, sees what that does before it happens, and
//! can call it back (compliance-reference C.1.7).

use axum::http::{Request, StatusCode};
use callvault::index::{ledger_entries, recordings};
use callvault::model::{Event, Recording, RecordingId, Role, State};
use jiff::SignedDuration;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::erasing::{events, opens, row};
use crate::harness::{ACME, TestResponse, TestVault, tone};
use crate::on_each_vault;

on_each_vault! {
    a_shorter_term_waits_and_then_erases_with_its_own_cause,
    a_shorter_term_can_be_called_back_until_it_is_in_force,
    a_longer_term_reaches_what_is_there_only_when_asked,
    the_most_specific_rule_counts_for_what_comes_in,
    a_stale_preview_changes_nothing,
    what_makes_no_policy_is_refused_by_name,
    what_is_held_moves_and_stays,
    two_nodes_apply_a_change_once,
    more_than_was_agreed_to_waits_for_a_person,
    an_authority_extends_the_floor,
    a_floor_that_is_set_keeps_what_is_there,
    only_the_customer_changes_its_policy,
    a_wrong_clock_puts_nothing_in_force,
}

const RETENTION: &str = "/v1/customers/acme/retention";

async fn preview(vault: &TestVault, body: &Value) -> TestResponse {
    let admin = vault.token(Role::CustomerAdmin).await;
    vault.post(&format!("{RETENTION}/preview")).token(&admin).json(body).send().await
}

async fn put(vault: &TestVault, body: &Value, token: &str) -> TestResponse {
    let admin = vault.token(Role::CustomerAdmin).await;
    let mut body = body.clone();
    body["reason"] = "zoals afgesproken met de OR".into();
    body["preview_token"] = token.into();
    vault.request(Request::put(RETENTION)).token(&admin).json(&body).send().await
}

/// Looks at a change and makes it.
async fn change(vault: &TestVault, body: &Value) -> Value {
    let seen = preview(vault, body).await;
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.text());
    let set = put(vault, body, seen.json()["preview_token"].as_str().unwrap()).await;
    assert_eq!(set.status, StatusCode::ACCEPTED, "{}", set.text());
    set.json()
}

async fn retention(vault: &TestVault) -> Value {
    let admin = vault.token(Role::CustomerAdmin).await;
    vault.get(RETENTION).token(&admin).send().await.json()
}

/// A call of acme on a line, some days ago.
async fn call(vault: &TestVault, days_ago: i64, line: &str, seed: u32) -> Uuid {
    let ended = vault.clock.now().plus(SignedDuration::from_hours(-24 * days_ago)).to_string();
    let mut fields = ACME.to_vec();
    fields.retain(|(name, _)| !["ended_at", "line"].contains(name));
    fields.extend([("ended_at", ended.as_str()), ("line", line)]);
    vault.recording(&fields, &tone(0.1, seed)).await
}

async fn numbers(vault: &TestVault, id: Uuid) -> Value {
    let admin = vault.token(Role::CustomerAdmin).await;
    vault.get(&format!("/v1/recordings/{id}")).token(&admin).send().await.json()["callee"].clone()
}

async fn entries(vault: &TestVault, recording: &Recording) -> Vec<(Event, Value)> {
    let all = ledger_entries::list(vault.vault.index(), recording.controller, 0, 1000).await;
    let all = all.unwrap().into_iter();
    all.map(|entry| (entry.event, serde_json::from_str(&entry.body).unwrap())).collect()
}

async fn a_shorter_term_waits_and_then_erases_with_its_own_cause(vault: TestVault) {
    let old = call(&vault, 20, "201", 1).await;
    let young = call(&vault, 1, "201", 2).await;
    let before = row(&vault, young).await;
    let plain = numbers(&vault, young).await;
    let body = json!({"default": "P10D"});
    let seen = preview(&vault, &body).await.json();
    let count = |what: &str| seen[what]["count"].as_u64().unwrap();
    assert_eq!((count("erased_now"), count("erased_earlier"), count("unchanged")), (1, 1, 0));
    assert_eq!(seen["erased_now"]["oldest"], "2026-05-12T12:00:00Z");
    assert_eq!(seen["scopes"][0]["erased_now"]["bytes"], seen["erased_now"]["bytes"]);
    assert_eq!(row(&vault, young).await, before, "a preview changes nothing");

    let set = change(&vault, &body).await;
    assert_eq!(
        (&set["version"], &set["effective_at"]),
        (&json!(2), &json!("2026-06-02T12:00:00Z"))
    );
    vault.advance(SignedDuration::from_hours(23));
    assert_eq!(vault.vault.erase_due().await.unwrap().erased, 0, "it is cooling off");
    assert_eq!(retention(&vault).await["in_force"]["version"], 1);
    assert_eq!(retention(&vault).await["scheduled"]["default"], "P10D");

    vault.advance(SignedDuration::from_hours(1));
    assert_eq!(vault.vault.erase_due().await.unwrap().erased, 1);
    assert_eq!(row(&vault, old).await.state, State::Tombstone);
    assert_eq!(row(&vault, old).await.cause.unwrap().as_str(), "policy_shortened");
    assert_eq!(row(&vault, old).await.case_id.as_deref(), Some("policy/2"));
    let moved = row(&vault, young).await;
    assert_eq!(moved.due_at.to_string(), "2026-06-10T12:00:00Z");
    assert_eq!((moved.metadata_due_at, moved.policy.as_str()), (moved.due_at, "customer/2"));
    assert_eq!(moved.key.day, moved.due_at.day());
    assert!(opens(&vault, &moved), "its key has moved with it");
    assert_eq!(numbers(&vault, young).await, plain, "and so have its numbers");
    let moves = events(&vault, young).await;
    assert_eq!(moves, [Event::RecordingAccepted, Event::RecordingDueChanged]);

    let now = retention(&vault).await;
    assert_eq!((&now["in_force"]["version"], &now["in_force"]["touched"]), (&json!(2), &json!(2)));
    assert_eq!((&now["in_force"]["erased"], &now["change"]), (&json!(1), &json!(null)));
    assert_eq!(now["history"][0]["reason"], "zoals afgesproken met de OR");
    let told = entries(&vault, &moved).await;
    let changed = told.iter().find(|(event, _)| *event == Event::PolicyChanged).unwrap();
    assert_eq!(changed.1["counts"]["erased_now"], 1);
    assert!(told.iter().all(|(_, body)| !body.to_string().contains("OR")), "no free text (I12)");

    vault.advance_days(8);
    assert_eq!(vault.vault.erase_due().await.unwrap().erased, 1, "on its new day");
    assert_eq!(row(&vault, young).await.case_id.as_deref(), Some("policy/2"));
}

async fn a_shorter_term_can_be_called_back_until_it_is_in_force(vault: TestVault) {
    let id = call(&vault, 20, "201", 1).await;
    change(&vault, &json!({"default": "P10D"})).await;
    let admin = vault.token(Role::CustomerAdmin).await;
    let cancel = async || {
        let path = format!("{RETENTION}/pending");
        vault.request(Request::delete(path)).token(&admin).send().await.status
    };
    let second = preview(&vault, &json!({"default": "P5D"})).await.json();
    let token = second["preview_token"].as_str().unwrap();
    let refused = put(&vault, &json!({"default": "P5D"}), token).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "one change at a time waits");
    assert_eq!(cancel().await, StatusCode::NO_CONTENT);
    assert_eq!(cancel().await, StatusCode::CONFLICT);
    vault.advance(SignedDuration::from_hours(25));
    assert_eq!(vault.vault.erase_due().await.unwrap().erased, 0);
    assert_eq!(row(&vault, id).await.policy, "customer/1");
    assert_eq!(retention(&vault).await["history"][0]["state"], "cancelled");

    change(&vault, &json!({"default": "P25D"})).await;
    vault.advance(SignedDuration::from_hours(24));
    assert_eq!(cancel().await, StatusCode::CONFLICT, "its time has come");
}

async fn a_longer_term_reaches_what_is_there_only_when_asked(vault: TestVault) {
    let past = call(&vault, 29, "201", 1).await;
    let kept = call(&vault, 1, "201", 2).await;
    vault.advance_days(1);
    let due = row(&vault, kept).await.due_at;
    let set = change(&vault, &json!({"default": "P1Y"})).await;
    assert_eq!(
        (&set["effective_at"], &set["shortens"]),
        (&json!("2026-06-02T12:00:00Z"), &json!(false))
    );
    let young = call(&vault, 0, "201", 3).await;
    assert_eq!(row(&vault, young).await.due_at.to_string(), "2027-06-02T12:00:00Z");
    assert_eq!(row(&vault, young).await.policy, "customer/2");
    vault.vault.erase_due().await.unwrap();
    assert_eq!(row(&vault, kept).await.due_at, due, "only what is new (I10)");

    let seen = change(&vault, &json!({"default": "P2Y", "apply_to_existing": true})).await;
    assert_eq!(seen["kept_longer"]["count"], 2);
    vault.vault.erase_due().await.unwrap();
    assert_eq!(row(&vault, kept).await.due_at.to_string(), "2028-05-31T12:00:00Z");
    assert!(opens(&vault, &row(&vault, kept).await));
    assert_eq!(row(&vault, past).await.state, State::Tombstone, "past due stays past due");
    assert_eq!(row(&vault, past).await.cause.unwrap().as_str(), "term");
    assert_eq!(events(&vault, kept).await, [Event::RecordingAccepted, Event::RecordingDueChanged]);
}

async fn the_most_specific_rule_counts_for_what_comes_in(vault: TestVault) {
    call(&vault, 1, "201", 1).await;
    call(&vault, 1, "202", 2).await;
    let rules = json!([
        {"scope": "direction:outbound", "term": "P40D"}, {"scope": "line:201", "term": "P60D"},
    ]);
    let set = change(&vault, &json!({"default": "P50D", "rules": rules})).await;
    assert_eq!(set["shortens"], false);
    let expected = [("201", "2026-07-31T12:00:00Z", 3), ("202", "2026-07-11T12:00:00Z", 4)];
    for (line, due, seed) in expected {
        let id = call(&vault, 0, line, seed).await;
        assert_eq!(row(&vault, id).await.due_at.to_string(), due, "{line}");
    }
    let rules = json!([{"scope": "line:201", "term": "P20D"}]);
    let seen = preview(&vault, &json!({"default": "P90D", "rules": rules})).await.json();
    assert_eq!(seen["scopes"][0]["scope"], "line:201");
    assert_eq!(seen["scopes"][0]["erased_earlier"]["count"], 2);
    assert_eq!(seen["scopes"][1]["unchanged"]["count"], 2);
}

async fn a_stale_preview_changes_nothing(vault: TestVault) {
    call(&vault, 1, "201", 1).await;
    let body = json!({"default": "P90D"});
    let token = preview(&vault, &body).await.json()["preview_token"].as_str().unwrap().to_owned();
    let other = json!({"default": "P90D", "apply_to_existing": true});
    for (body, token) in [(&other, token.as_str()), (&body, "x"), (&body, "x.y")] {
        let answer = put(&vault, body, token).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (StatusCode::CONFLICT, "stale_preview")
        );
    }
    vault.advance(SignedDuration::from_mins(16));
    assert_eq!(put(&vault, &body, &token).await.code(), "stale_preview", "too old");

    let token = preview(&vault, &body).await.json()["preview_token"].as_str().unwrap().to_owned();
    change(&vault, &json!({"default": "P91D"})).await;
    assert_eq!(put(&vault, &body, &token).await.code(), "stale_preview", "of another version");
    assert_eq!(retention(&vault).await["in_force"]["version"], 2);
}

async fn what_makes_no_policy_is_refused_by_name(vault: TestVault) {
    call(&vault, 1, "201", 1).await;
    let operator = vault.token(Role::Operator).await;
    let patch = async |body: Value| {
        let path = "/v1/customers/acme";
        vault.request(Request::patch(path)).token(&operator).json(&body).send().await
    };
    let limits = json!({"floor": "P20D", "ceiling": "P5Y", "legal_basis": "MiFID II 16(7)"});
    for bare in [json!({"floor": "P20D"}), json!({"ceiling": "P11Y"})] {
        assert_eq!(patch(bare).await.json()["field"], "legal_basis");
    }
    assert_eq!(patch(limits).await.status, StatusCode::OK);
    assert_eq!(patch(json!({"floor": "P19D"})).await.status, StatusCode::CONFLICT, "only up");
    let rule = |scope: &str, term: &str| json!([{"scope": scope, "term": term}]);
    let cases = [
        (json!({"default": "P0D"}), "default", "invalid_policy"),
        (json!({"default": "-P3D"}), "default", "invalid_policy"),
        (json!({"default": "P99Y"}), "default", "invalid_policy"),
        (json!({"default": "forever"}), "default", "invalid_policy"),
        (json!({"default": "P19D"}), "default", "invalid_policy"),
        (
            json!({"default": "P1Y", "rules": rule("line:201", "P6Y")}),
            "rules[0].term",
            "invalid_policy",
        ),
        (
            json!({"default": "P1Y", "rules": rule("moon:1", "P1Y")}),
            "rules[0].scope",
            "invalid_policy",
        ),
        (
            json!({"default": "P1Y", "rules": rule("line:999", "P1Y")}),
            "rules[0].scope",
            "unknown_line",
        ),
        (
            json!({"default": "P1Y", "rules": rule("agent:x", "P1Y")}),
            "rules[0].scope",
            "unknown_agent",
        ),
        (
            json!({"default": "P1Y", "rules": rule("queue:x", "P1Y")}),
            "rules[0].scope",
            "unknown_queue",
        ),
        (
            json!({"default": "P1Y", "rules": [
                {"scope": "line:201", "term": "P1Y"}, {"scope": "line:201", "term": "P2Y"}]}),
            "rules[1].scope",
            "invalid_policy",
        ),
    ];
    for (body, field, code) in cases {
        let answer = preview(&vault, &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert_eq!(
            (answer.code().as_str(), &answer.json()["field"]),
            (code, &json!(field)),
            "{body}"
        );
    }
    let cases = [
        (json!({"floor": "P6Y"}), "floor"),
        (json!({"floor": "P31D"}), "default"),
        (json!({"ceiling": "P29D"}), "default"),
        (json!({"floor": "P0D"}), "floor"),
        (json!({"floor": "+P25D"}), "floor"),
        (json!({"floor": null}), "floor"),
        (json!({"ceiling": null}), "ceiling"),
        (json!({"status": "ended"}), "status"),
        (json!({"lines": [""]}), "lines"),
    ];
    for (body, field) in cases {
        let answer = patch(body.clone()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert_eq!(answer.json()["field"], field, "{body}");
    }
    assert_eq!(patch(json!({"lines": ["999"]})).await.status, StatusCode::OK);
    let declared = json!({"default": "P1Y", "rules": rule("line:999", "P1Y")});
    assert_eq!(preview(&vault, &declared).await.status, StatusCode::OK, "a declared line is known");
}

async fn what_is_held_moves_and_stays(vault: TestVault) {
    let held = call(&vault, 20, "201", 1).await;
    let mut tx = vault.vault.index().begin().await.unwrap();
    recordings::set_held(&mut tx, RecordingId(held), true).await.unwrap();
    tx.commit().await.unwrap();
    let set = change(&vault, &json!({"default": "P10D"})).await;
    assert_eq!(set["untouched"]["held"]["count"], 1);
    vault.advance(SignedDuration::from_hours(24));
    assert_eq!(vault.vault.erase_due().await.unwrap().erased, 0, "a hold keeps it (I7)");
    let moved = row(&vault, held).await;
    assert_eq!((moved.state, moved.policy.as_str()), (State::Stored, "customer/2"));
    vault.advance_days(2);
    vault.vault.forget().await.unwrap();
    assert!(opens(&vault, &row(&vault, held).await), "and its key outlives the night");
    let mut tx = vault.vault.index().begin().await.unwrap();
    recordings::set_held(&mut tx, RecordingId(held), false).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(vault.vault.erase_due().await.unwrap().erased, 1);
    assert_eq!(row(&vault, held).await.case_id.as_deref(), Some("policy/2"));
}

async fn two_nodes_apply_a_change_once(vault: TestVault) {
    let mut ids = Vec::new();
    for seed in 0..12 {
        ids.push(call(&vault, 1, "201", seed).await);
    }
    change(&vault, &json!({"default": "P20D"})).await;
    vault.advance(SignedDuration::from_hours(24));
    let other = vault.second_node().await;
    let (one, two) = tokio::join!(vault.vault.erase_due(), other.erase_due());
    assert_eq!(one.unwrap().erased + two.unwrap().erased, 0);
    for id in ids {
        let events = events(&vault, id).await;
        assert_eq!(events, [Event::RecordingAccepted, Event::RecordingDueChanged], "one leaf");
    }
    assert_eq!(retention(&vault).await["in_force"]["touched"], 12);
    assert_eq!(retention(&vault).await["in_force"]["state"], "applied");
}

async fn more_than_was_agreed_to_waits_for_a_person(vault: TestVault) {
    for seed in 0..3 {
        call(&vault, 20, "201", seed).await;
    }
    change(&vault, &json!({"default": "P10D"})).await;
    // What somebody agreed to was three; sixty more come in before it is in force.
    for seed in 3..63 {
        call(&vault, 19, "201", seed).await;
    }
    let due = vault.recording(ACME, &tone(0.1, 70)).await;
    vault.advance(SignedDuration::from_hours(24));
    let pass = vault.vault.erase_due().await.unwrap();
    assert_eq!(pass.erased, 0);
    assert!(pass.paused.is_some_and(|reason| reason.contains("63 recordings")));
    let told = entries(&vault, &row(&vault, due).await).await;
    let braked = told.iter().find(|(event, _)| *event == Event::EraserBraked).unwrap();
    assert_eq!((&braked.1["count"], &braked.1["allowed"]), (&json!(63), &json!(53)));
    assert_eq!(vault.vault.erase_due().await.unwrap().erased, 0, "and goes on waiting");
    vault.vault.confirm_erasing().await.unwrap();
    let pass = vault.vault.erase_due().await.unwrap();
    assert_eq!((pass.erased, pass.paused), (63, None));
}

async fn an_authority_extends_the_floor(vault: TestVault) {
    let operator = vault.token(Role::Operator).await;
    let id = vault.recording(ACME, &tone(0.1, 1)).await;
    let extend = async |term: &str| {
        let body = json!({"until_term": term, "authority_reference": "AFM-2026-17"});
        let path = "/v1/customers/acme/floor-extension";
        vault.post(path).token(&operator).json(&body).send().await
    };
    assert_eq!(extend("P7Y").await.json()["field"], "until_term", "there is no floor");
    let body = json!({"floor": "P30D", "legal_basis": "MiFID II 16(7)"});
    let path = "/v1/customers/acme";
    let patched = vault.request(Request::patch(path)).token(&operator).json(&body).send().await;
    assert_eq!(patched.status, StatusCode::OK, "{}", patched.text());
    assert_eq!(extend("P20D").await.json()["field"], "until_term");
    assert_eq!(extend("P11Y").await.json()["field"], "until_term");
    let extended = extend("P7Y").await;
    assert_eq!((extended.status, &extended.json()["term"]), (StatusCode::OK, &json!("P7Y")));
    vault.vault.erase_due().await.unwrap();
    let row = row(&vault, id).await;
    assert_eq!(row.due_at.to_string(), "2033-06-01T11:00:00Z");
    assert!(opens(&vault, &row));
    let told = entries(&vault, &row).await;
    assert!(told.iter().any(|(event, _)| *event == Event::PolicyFloorExtended));
    assert!(told.iter().all(|(_, body)| !body.to_string().contains("AFM")));
    let short = preview(&vault, &json!({"default": "P1Y"})).await;
    assert_eq!(short.json()["field"], "default");
}

async fn a_floor_that_is_set_keeps_what_is_there(vault: TestVault) {
    let operator = vault.token(Role::Operator).await;
    let id = call(&vault, 20, "201", 1).await;
    let late = call(&vault, 29, "201", 2).await;
    // What is there keeps its own due under the longer term.
    change(&vault, &json!({"default": "P2Y"})).await;
    vault.advance_days(2);
    let body = json!({"floor": "P1Y", "legal_basis": "MiFID II 16(7)"});
    let patch = vault.request(Request::patch("/v1/customers/acme")).token(&operator);
    let patched = patch.json(&body).send().await;
    assert_eq!(patched.status, StatusCode::OK, "{}", patched.text());
    vault.advance_days(30);
    assert_eq!(vault.vault.erase_due().await.unwrap().erased, 0, "the floor comes before the due");
    for id in [id, late] {
        let row = row(&vault, id).await;
        assert_eq!(row.state, State::Stored);
        assert!(row.due_at > vault.clock.now().plus(SignedDuration::from_hours(24 * 250)));
        assert!(events(&vault, id).await.contains(&Event::RecordingDueChanged));
        assert!(opens(&vault, &row));
    }
    vault.advance_days(340);
    assert_eq!(vault.vault.erase_due().await.unwrap().erased, 2, "and not for ever");
}

async fn only_the_customer_changes_its_policy(vault: TestVault) {
    let body = json!({"default": "P90D"});
    for role in [
        Role::CustomerAdmin,
        Role::Compliance,
        Role::Auditor,
        Role::Operator,
        Role::CustomerListener,
    ] {
        let own = vault.token(role).await;
        let seen = vault.get(RETENTION).token(&own).send().await.status;
        let set = vault.post(&format!("{RETENTION}/preview")).token(&own).json(&body).send().await;
        let expected = match role {
            Role::CustomerAdmin => (StatusCode::OK, StatusCode::OK),
            Role::Compliance => (StatusCode::OK, StatusCode::FORBIDDEN),
            _ => (StatusCode::FORBIDDEN, StatusCode::FORBIDDEN),
        };
        assert_eq!((seen, set.status), expected, "{role}");
    }
    let stranger = vault.token_of(Role::CustomerAdmin, Some("globex"), None).await;
    for path in [RETENTION, "/v1/customers/nobody/retention"] {
        let seen = vault.get(path).token(&stranger).send().await;
        assert_eq!(seen.status, StatusCode::NOT_FOUND, "{path}");
        let path = format!("{path}/preview");
        let seen = vault.post(&path).token(&stranger).json(&body).send().await;
        assert_eq!(seen.status, StatusCode::NOT_FOUND, "{path}");
    }
}

async fn a_wrong_clock_puts_nothing_in_force(vault: TestVault) {
    let id = call(&vault, 20, "201", 1).await;
    vault.vault.erase_due().await.unwrap();
    change(&vault, &json!({"default": "P10D"})).await;
    vault.clock.jump(SignedDuration::from_hours(30));
    let pass = vault.vault.erase_due().await.unwrap();
    assert!(pass.paused.is_some(), "the clock jumped (I17)");
    assert_eq!(retention(&vault).await["in_force"]["version"], 1);
    assert_eq!(row(&vault, id).await.policy, "customer/1");
    vault.clock.jump(SignedDuration::from_hours(-30));
    vault.vault.confirm_erasing().await.unwrap();
    assert_eq!(vault.vault.erase_due().await.unwrap().erased, 0);
    assert_eq!(retention(&vault).await["in_force"]["version"], 1, "it still cools off");
}
