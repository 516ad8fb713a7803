//! Restriction and objection: two states, each with a ground, an owner and an end.

use axum::http::{Request, StatusCode};
use callvault::index::{recordings as rows, restrictions};
use callvault::model::{Cause, Ground, HoldKind, Recording, RecordingId, Role, State};
use callvault::retention::{Facts, Verdict, precedence};
use callvault::vault::NewCustomer;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::erasing::{opens, row};
use crate::harness::{ACME, SUPPORT, TestResponse, TestVault, tone};
use crate::holds::{post, somebody};
use crate::on_each_vault;

on_each_vault! {
    each_ground_suspends_or_does_not_at_the_due_instant,
    a_refused_request_is_lifted_only_after_the_person_was_told,
    an_objection_ends_training_and_a_granted_one_ends_the_recording,
    the_eraser_takes_what_the_rules_say,
    a_floor_comes_before_a_request,
    what_is_open_is_listed_for_those_who_decide_and_check,
}

async fn delete(vault: &TestVault, token: &str, path: &str, body: Value) -> TestResponse {
    vault.request(Request::delete(path)).token(token).json(&body).send().await
}

fn restriction(id: Uuid) -> String {
    format!("/v1/recordings/{id}/restriction")
}

fn objection(id: Uuid) -> String {
    format!("/v1/recordings/{id}/objection")
}

async fn pass(vault: &TestVault) -> u64 {
    vault.vault.confirm_erasing().await.unwrap();
    vault.vault.erase_due().await.unwrap().erased
}

async fn each_ground_suspends_or_does_not_at_the_due_instant(vault: TestVault) {
    let dpo = somebody(&vault, Role::Compliance, "anna").await;
    let mut ids = Vec::new();
    for (n, ground) in Ground::ALL.iter().enumerate() {
        let id = vault.recording(SUPPORT, &tone(0.3, n.try_into().unwrap())).await;
        let body = json!({"case": "C-1", "ground": ground});
        let set = post(&vault, &dpo, &restriction(id), body).await;
        assert_eq!(set.status, StatusCode::NO_CONTENT, "{}", set.text());
        let card = vault.get(&format!("/v1/recordings/{id}")).token(&dpo).send().await.json();
        assert_eq!(
            (&card["restricted"], &card["restriction_ground"]),
            (&json!(true), &json!(ground))
        );
        let trainer = vault.token(Role::Trainer).await;
        assert_eq!(vault.listen(&trainer, id, "purpose=training").await.code(), "restricted");
        let card = vault.get(&format!("/v1/recordings/{id}")).token(&trainer).send().await.json();
        assert!(card["restricted"] == true && card["restriction_ground"].is_null());
        ids.push((id, *ground));
    }
    vault.advance_days(91);
    assert_eq!(pass(&vault).await, 1);
    vault.vault.forget().await.unwrap();
    let overdue = rows::overdue(vault.vault.index(), vault.clock.now()).await.unwrap();
    assert_eq!(overdue.count, 0, "suspended is not overdue");
    let kept = rows::suspended_past_due(vault.vault.index(), vault.clock.now()).await.unwrap();
    let kept: Vec<_> = kept.iter().map(|(ground, count)| (ground.as_str(), *count)).collect();
    assert_eq!(kept, [("accuracy", 1), ("claim", 1), ("unlawful", 1)]);
    for (id, ground) in ids {
        let row = row(&vault, id).await;
        let kept = row.state == State::Stored && opens(&vault, &row);
        assert_eq!(kept, ground.suspends(), "{ground}");
    }
    let today = vault.clock.now().day();
    let late = restrictions::count_overdue(vault.vault.index(), today).await.unwrap();
    assert_eq!(late, 3, "the restriction of what is erased is over");
}

async fn a_refused_request_is_lifted_only_after_the_person_was_told(vault: TestVault) {
    let id = vault.recording(ACME, &tone(0.3, 1)).await;
    let admin = somebody(&vault, Role::CustomerAdmin, "anna").await;
    let path = restriction(id);
    for (field, value) in [
        ("ground", json!("whim")),
        ("review_on", json!("2026-07-02")),
        ("review_on", json!("2026-06-01")),
        ("case", json!("mevrouw de Vries")),
    ] {
        let mut body = json!({"case": "C-1"});
        body[field] = value;
        let answer = post(&vault, &admin, &path, body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.json()["detail"].as_str().unwrap().starts_with(field), "{}", answer.text());
    }
    for case in ["C-1", "C-2", "C-1"] {
        let body = json!({"case": case, "ground": "claim", "review_on": "2026-07-01"});
        let set = post(&vault, &admin, &path, body).await;
        assert_eq!(set.status, StatusCode::NO_CONTENT, "{}", set.text());
    }
    let other = json!({"case": "C-1", "ground": "accuracy"});
    assert_eq!(post(&vault, &admin, &path, other).await.code(), "conflict");

    let lift = async |body: Value| {
        let answer = delete(&vault, &admin, &path, body).await;
        let code = if answer.status.is_success() { String::new() } else { answer.code() };
        (answer.status.as_u16(), code)
    };
    let no = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(lift(json!({"case": "C-1"})).await, no(422, "invalid_field"));
    assert_eq!(lift(json!({"case": "C-1", "outcome": "erased"})).await, no(422, "invalid_field"));
    assert_eq!(lift(json!({"case": "C-1", "outcome": "refused"})).await, no(409, "conflict"));
    for wrong in ["2026-06-02", "2026-05-31", "1900-01-01"] {
        let told = json!({"case": "C-1", "outcome": "refused", "informed_on": wrong});
        assert_eq!(lift(told).await, no(422, "invalid_field"), "{wrong}");
    }
    assert_eq!(lift(json!({"case": "C-3", "outcome": "granted"})).await, no(409, "conflict"));
    assert!(row(&vault, id).await.restricted, "none of that lifted it");

    let told = json!({"case": "C-1", "informed_on": "2026-06-01"});
    assert_eq!(lift(told).await, no(204, ""));
    assert!(row(&vault, id).await.restricted, "the other case goes on");
    assert_eq!(lift(json!({"case": "C-2", "outcome": "withdrawn"})).await, no(204, ""));
    let free = row(&vault, id).await;
    assert_eq!((free.restricted, free.ground), (false, None));
    let listener = vault.token(Role::CustomerListener).await;
    assert_eq!(vault.listen(&listener, id, "purpose=own_use").await.status, StatusCode::OK);
}

async fn an_objection_ends_training_and_a_granted_one_ends_the_recording(vault: TestVault) {
    let id = vault.recording(SUPPORT, &tone(0.3, 1)).await;
    let (dpo, trainer) =
        (somebody(&vault, Role::Compliance, "anna").await, vault.token(Role::Trainer).await);
    let path = objection(id);
    let listen = async || vault.listen(&trainer, id, "purpose=training").await;
    assert_eq!(post(&vault, &trainer, &path, json!({"case": "C-1"})).await.code(), "forbidden");
    let nothing = json!({"case": "C-1", "decision": "granted"});
    assert_eq!(delete(&vault, &dpo, &path, nothing).await.code(), "conflict");
    for case in ["C-1", "C-2", "C-1"] {
        let made = post(&vault, &dpo, &path, json!({"case": case})).await;
        assert_eq!(made.status, StatusCode::NO_CONTENT, "{}", made.text());
    }
    assert_eq!(listen().await.code(), "purpose_not_allowed");
    let known = async |token: &str| {
        let one = vault.get(&format!("/v1/recordings/{id}")).token(token).send().await;
        let list = vault.get("/v1/recordings").token(token).send().await;
        (one.status.as_u16(), list.json()["items"].as_array().unwrap().len())
    };
    assert_eq!(known(&trainer).await, (404, 0), "out of training at once");
    assert_eq!(known(&dpo).await, (200, 1));
    let reader = vault.token(Role::Evidence).await;
    let evidence = vault.listen(&reader, id, "purpose=evidence&case=C-1").await;
    assert_eq!(evidence.status, StatusCode::OK, "out of training and out of nothing else");

    let decide = async |body: Value| delete(&vault, &dpo, &path, body).await;
    assert_eq!(decide(json!({"case": "C-1"})).await.code(), "invalid_field");
    assert_eq!(decide(json!({"case": "C-1", "decision": "refused"})).await.code(), "conflict");
    let before = json!({"case": "C-1", "decision": "refused", "informed_on": "2026-05-31"});
    assert_eq!(decide(before).await.code(), "invalid_field", "told before it was made");
    let told = json!({"case": "C-1", "decision": "refused", "informed_on": "2026-06-01"});
    assert_eq!(decide(told).await.status, StatusCode::NO_CONTENT);
    assert_eq!(listen().await.code(), "purpose_not_allowed", "the other objection is open");

    // A restriction that suspends comes first; one that waits for the objection does not.
    let claims = json!({"case": "C-9", "ground": "claim"});
    post(&vault, &dpo, &restriction(id), claims).await;
    let granted = json!({"case": "C-2", "decision": "granted"});
    assert_eq!(decide(granted.clone()).await.code(), "suspended");
    let over = json!({"case": "C-9", "outcome": "withdrawn"});
    delete(&vault, &dpo, &restriction(id), over).await;
    post(&vault, &dpo, &restriction(id), json!({"case": "C-2", "ground": "objection_pending"}))
        .await;
    let gone = decide(granted).await;
    assert_eq!((gone.status, &gone.json()["cause"]), (StatusCode::OK, &json!("objection")));
    let erased = row(&vault, id).await;
    assert_eq!((erased.state, erased.case_id.as_deref()), (State::AudioErased, Some("C-2")));
    assert!(
        restrictions::objections(vault.vault.index(), RecordingId(id)).await.unwrap().is_empty()
    );
    assert_eq!(post(&vault, &dpo, &path, json!({"case": "C-3"})).await.code(), "conflict");
}

/// Every combination of what can be true of a recording at the due instant, as rows and as facts:
/// the statements of the eraser and the function decide the same.
async fn the_eraser_takes_what_the_rules_say(vault: TestVault) {
    let template = row(&vault, vault.recording(SUPPORT, &tone(0.3, 1)).await).await;
    let index = vault.vault.index();
    let now = vault.clock.now();
    let grounds = [None].into_iter().chain(Ground::ALL.iter().copied().map(Some));
    let mut population = Vec::new();
    for ground in grounds {
        for held in [false, true] {
            for due in [-1, 0, 1] {
                for cause in [Cause::Term, Cause::Request, Cause::Objection, Cause::Pci] {
                    population.push((ground, held, due, cause));
                }
            }
        }
    }
    let facts = |&(ground, held, due, cause): &(Option<Ground>, bool, i64, Cause)| {
        let holds: &[HoldKind] = if held { &[HoldKind::LegalClaim] } else { &[] };
        precedence(&Facts {
            holds,
            floor_until: None,
            restrictions: ground.as_slice(),
            asked: &[cause],
            due_at: now.plus(jiff::SignedDuration::from_secs(due)),
            now,
        })
    };
    let mut ids = Vec::new();
    let mut tx = index.begin().await.unwrap();
    for (ground, held, due, _) in &population {
        let recording = Recording {
            id: RecordingId::random(),
            held: *held,
            restricted: ground.is_some(),
            ground: *ground,
            due_at: now.plus(jiff::SignedDuration::from_secs(*due)),
            ..template.clone()
        };
        rows::insert(&mut tx, &recording, &rows::Marks::default()).await.unwrap();
        ids.push(recording.id);
    }
    tx.commit().await.unwrap();

    // What a person asks for, one by one, in a transaction that is given up.
    let mut tx = index.begin().await.unwrap();
    for (id, what) in ids.iter().zip(&population) {
        let case = (what.3 != Cause::Term).then_some("C-1");
        let claimed = rows::claim_one(&mut tx, *id, what.3, case, now).await.unwrap();
        let verdict = facts(what);
        let expected = match verdict {
            Verdict::Erase(cause) => Some(cause),
            Verdict::Keep(_) => None,
        };
        assert_eq!(claimed.map(|claimed| claimed.cause), expected, "{what:?}: {verdict:?}");
    }
    drop(tx);

    // What the eraser takes by itself.
    let mut tx = index.begin().await.unwrap();
    let mut claimed = Vec::new();
    loop {
        let batch = rows::claim_due(&mut tx, now, 7).await.unwrap();
        if batch.is_empty() {
            break;
        }
        claimed.extend(batch.into_iter().map(|claimed| claimed.id));
    }
    let overdue = rows::overdue(&mut tx, now).await.unwrap().count;
    assert_eq!(usize::try_from(overdue).unwrap(), claimed.len());
    for (id, what) in ids.iter().zip(&population) {
        let term = facts(&(what.0, what.1, what.2, Cause::Term));
        let taken = claimed.contains(id);
        assert_eq!(taken, term == Verdict::Erase(Cause::Term), "{what:?}: {term:?}");
    }
    // And of what it took, nothing that a hold or a restriction came to loses its key.
    rows::hold(&mut tx, &claimed[..1]).await.unwrap();
    rows::set_restricted(&mut tx, claimed[1], Some(Ground::Claim)).await.unwrap();
    rows::set_restricted(&mut tx, claimed[2], Some(Ground::ObjectionPending)).await.unwrap();
    let destroyed = rows::destroy_wraps(&mut tx, &claimed, now).await.unwrap();
    assert_eq!(destroyed.len(), claimed.len() - 2);
    assert!(!destroyed.contains(&claimed[0]) && !destroyed.contains(&claimed[1]));
}

async fn a_floor_comes_before_a_request(vault: TestVault) {
    let new = NewCustomer {
        reference: "bank".parse().unwrap(),
        name: "Bank".into(),
        agreement: Some("A".into()),
        term: Some("P90D".parse().unwrap()),
        floor: Some("P60D".parse().unwrap()),
        ceiling: None,
        legal_basis: Some("MiFID II art. 16(7)".into()),
    };
    vault.vault.add_customer(new).await.unwrap();
    let mut call = ACME.to_vec();
    call[1] = ("customer", "bank");
    let id = vault.recording(&call, &tone(0.3, 1)).await;
    let admin = vault.token_of(Role::CustomerAdmin, Some("bank"), None).await;
    let path = format!("/v1/recordings/{id}/erasure");
    let ask =
        async || post(&vault, &admin, &path, json!({"cause": "request", "case": "C-1"})).await;
    let floored = ask().await;
    assert_eq!((floored.status, floored.code().as_str()), (StatusCode::CONFLICT, "below_floor"));
    assert!(floored.text().contains("MiFID II art. 16(7)"), "{}", floored.text());
    vault.advance_days(60);
    assert_eq!(ask().await.status, StatusCode::OK);
    assert!(matches!(
        precedence(&Facts {
            holds: &[],
            floor_until: Some(vault.clock.now()),
            restrictions: &[],
            asked: &[],
            due_at: vault.clock.now(),
            now: vault.clock.now(),
        }),
        Verdict::Erase(Cause::Term)
    ));
}

async fn what_is_open_is_listed_for_those_who_decide_and_check(vault: TestVault) {
    let dpo = vault.token(Role::Compliance).await;
    let mut ids = Vec::new();
    for seed in 0..3 {
        ids.push(vault.recording(SUPPORT, &tone(0.3, seed)).await);
        vault.advance(jiff::SignedDuration::from_secs(1));
    }
    let foreign = vault.recording(ACME, &tone(0.3, 9)).await;
    let admin = vault.token(Role::CustomerAdmin).await;
    post(&vault, &admin, &restriction(foreign), json!({"case": "A-1"})).await;
    let claims = json!({"case": "C-1", "ground": "claim", "review_on": "2026-06-20"});
    post(&vault, &dpo, &restriction(ids[0]), claims).await;
    vault.advance(jiff::SignedDuration::from_secs(1));
    post(&vault, &dpo, &format!("/v1/recordings/{}/objection", ids[1]), json!({"case": "C-2"}))
        .await;
    vault.advance(jiff::SignedDuration::from_secs(1));
    post(&vault, &dpo, &restriction(ids[2]), json!({"case": "C-3"})).await;
    let over = json!({"case": "C-3", "outcome": "withdrawn"});
    delete(&vault, &dpo, &restriction(ids[2]), over).await;
    let auditor = vault.token(Role::Auditor).await;
    let list = vault.get("/v1/restrictions").token(&auditor).send().await.json();
    let told: Vec<_> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            let word = |name: &str| item[name].as_str().unwrap_or("").to_owned();
            [word("recording"), word("kind"), word("ground"), word("case"), word("review_on")]
        })
        .collect();
    let expected = [
        [&ids[0].to_string(), "restriction", "claim", "C-1", "2026-06-20"],
        [&ids[1].to_string(), "objection", "", "C-2", ""],
    ];
    assert_eq!(told, expected);
    // Page by page it is the same.
    let first = vault.get("/v1/restrictions?limit=1").token(&dpo).send().await.json();
    let next = first["next"].as_str().unwrap();
    let path = format!("/v1/restrictions?limit=1&cursor={next}");
    let second = vault.get(&path).token(&dpo).send().await.json();
    assert_eq!([&first["items"][0], &second["items"][0]], [&list["items"][0], &list["items"][1]]);
    let own = vault.get("/v1/restrictions").token(&admin).send().await.json();
    assert_eq!(own["items"].as_array().unwrap().len(), 1);
    assert_eq!(own["items"][0]["recording"], foreign.to_string());
    for (path, role, status) in [
        ("/v1/restrictions", Role::Trainer, 403),
        ("/v1/restrictions", Role::Operator, 403),
        ("/v1/restrictions?cursor=x", Role::Compliance, 400),
        ("/v1/restrictions?open=1", Role::Compliance, 400),
    ] {
        let token = vault.token(role).await;
        assert_eq!(vault.get(path).token(&token).send().await.status.as_u16(), status, "{path}");
    }
}
