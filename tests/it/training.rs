//! Notes, tags and training sets: written under the key of the recording, found, shared, and gone
//! with it.

use axum::http::{Request, StatusCode};
use callvault::index::{notes, recordings as rows};
use callvault::model::{RecordingId, Role};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::browser::{account, sign_in};
use crate::harness::{ACME, SUPPORT, TestResponse, TestVault, tone};
use crate::on_each_vault;

on_each_vault! {
    notes_are_written_changed_and_dropped_by_their_author,
    tags_are_kept_once_and_found,
    numbers_of_people_are_refused_wherever_text_is_free,
    what_is_written_is_hidden_at_once_and_shown_again_when_it_may_be,
    what_is_written_goes_with_the_recording_and_opens_from_no_copy,
    a_set_is_ordered_shared_and_holds_what_one_may_hear,
    a_set_is_nobody_elses,
    people_are_those_with_accounts_and_tokens,
    only_who_trains_or_listens_writes,
    bad_input_is_refused_by_name,
}

async fn send(vault: &TestVault, token: &str, how: &str, path: &str, body: Value) -> TestResponse {
    let request = Request::builder().method(how).uri(path);
    let request = vault.request(request).token(token);
    if body.is_null() { request.send().await } else { request.json(&body).send().await }
}

async fn get(vault: &TestVault, token: &str, path: &str) -> Value {
    let answer = vault.get(path).token(token).send().await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
    answer.json()
}

async fn note(vault: &TestVault, token: &str, id: Uuid, at: f64, text: &str) -> Value {
    let path = format!("/v1/recordings/{id}/notes");
    let answer = send(vault, token, "POST", &path, json!({"at": at, "text": text})).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    answer.json()
}

async fn tag(vault: &TestVault, token: &str, id: Uuid, tags: &[&str]) -> Value {
    let path = format!("/v1/recordings/{id}/tags");
    let answer = send(vault, token, "PUT", &path, json!({"tags": tags})).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()["tags"].clone()
}

async fn set(vault: &TestVault, token: &str, name: &str) -> String {
    let answer = send(vault, token, "POST", "/v1/training-sets", json!({"name": name})).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    format!("/v1/training-sets/{}", answer.json()["id"].as_str().unwrap())
}

async fn add(vault: &TestVault, token: &str, set: &str, item: Value) -> String {
    let answer = send(vault, token, "POST", &format!("{set}/items"), item).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

/// The recordings of a list, in its order.
pub(crate) fn ids(page: &Value, field: &str) -> Vec<Uuid> {
    let id = |item: &Value| {
        let id = if item[field].is_object() { &item[field]["id"] } else { &item[field] };
        id.as_str().unwrap().parse().unwrap()
    };
    page["items"].as_array().unwrap().iter().map(id).collect()
}

async fn notes_are_written_changed_and_dropped_by_their_author(vault: TestVault) {
    let id = vault.recording(SUPPORT, &tone(10.0, 1)).await;
    let (trainer, colleague) = (vault.token(Role::Trainer).await, vault.token(Role::Trainer).await);
    let by = vault.vault.authenticate(&trainer).await.unwrap().id.to_string();
    let path = format!("/v1/recordings/{id}/notes");
    let late = note(&vault, &trainer, id, 7.25, "goed doorgevraagd").await;
    let first = note(&vault, &trainer, id, 0.0, "begroeting \u{2013} zo hoort het").await;
    assert_eq!((&late["author"]["id"], &late["mine"]), (&by.into(), &true.into()));
    assert_eq!(late["author"]["name"], "pbx-1");

    let part = json!({"at": 2.0, "to": 4.5, "text": "stilte"});
    let answer = send(&vault, &colleague, "POST", &path, part).await;
    assert_eq!((&answer.json()["at"], &answer.json()["to"]), (&2.0.into(), &4.5.into()));
    let all = get(&vault, &trainer, &path).await;
    let texts: Vec<_> = all["items"].as_array().unwrap().iter().map(|n| &n["text"]).collect();
    assert_eq!(texts, ["begroeting \u{2013} zo hoort het", "stilte", "goed doorgevraagd"]);
    assert_eq!(all["items"][1]["mine"], false);
    let view = get(&vault, &trainer, &format!("/v1/recordings/{id}")).await;
    assert_eq!(view["notes"], 3);
    assert_eq!(get(&vault, &trainer, "/v1/recordings").await["items"][0]["notes"], 3);

    // Page by page.
    let (mut seen, mut cursor) = (0, String::new());
    for _ in 0..4 {
        let page = get(&vault, &trainer, &format!("{path}?limit=1{cursor}")).await;
        seen += page["items"].as_array().unwrap().len();
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, 3);

    let mine = format!("{path}/{}", first["id"].as_str().unwrap());
    let change = json!({"text": "begroeting", "to": 1.5});
    for how in ["PATCH", "DELETE"] {
        let refused = send(&vault, &colleague, how, &mine, change.clone()).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "not_yours".into()));
    }
    let changed = send(&vault, &trainer, "PATCH", &mine, change).await.json();
    assert_eq!((&changed["text"], &changed["to"]), (&"begroeting".into(), &1.5.into()));
    assert!(changed["changed_at"].is_string() && changed["at"] == 0.0, "{changed}");
    let whole = send(&vault, &trainer, "PATCH", &mine, json!({"to": null})).await.json();
    assert_eq!((&whole["to"], &whole["text"]), (&Value::Null, &"begroeting".into()));
    assert_eq!(send(&vault, &trainer, "DELETE", &mine, Value::Null).await.status, 204);
    assert_eq!(send(&vault, &trainer, "DELETE", &mine, Value::Null).await.code(), "not_found");
    assert_eq!(get(&vault, &trainer, &path).await["items"].as_array().unwrap().len(), 2);
}

async fn tags_are_kept_once_and_found(vault: TestVault) {
    let id = vault.recording(SUPPORT, &tone(1.0, 1)).await;
    let other = vault.recording(SUPPORT, &tone(1.0, 2)).await;
    let trainer = vault.token(Role::Trainer).await;
    let kept = tag(&vault, &trainer, id, &[" Klacht ", "klacht", "opzegging"]).await;
    assert_eq!(kept, json!(["Klacht", "opzegging"]));
    tag(&vault, &trainer, other, &["opzegging"]).await;
    let found = async |query: &str| {
        ids(&get(&vault, &trainer, &format!("/v1/recordings?{query}")).await, "id")
    };
    assert_eq!(found("tag=KLACHT").await, [id]);
    assert_eq!(found("tag=opzegging").await.len(), 2);
    assert_eq!(found("tag=opzegging&agent=nobody").await, Vec::<Uuid>::new());
    assert_eq!(found("tag=opzeg").await, Vec::<Uuid>::new(), "a tag is a whole word");
    let view = get(&vault, &trainer, &format!("/v1/recordings/{id}")).await;
    assert_eq!((&view["tags"], &view["notes"]), (&kept, &0.into()));
    // Those who do not train see none of it, and find nothing by it.
    let reader = vault.token(Role::Evidence).await;
    let view = get(&vault, &reader, &format!("/v1/recordings/{id}")).await;
    assert_eq!(view["tags"], json!([]));
    let refused = vault.get("/v1/recordings?tag=klacht").token(&reader).send().await;
    assert_eq!(refused.code(), "forbidden");
    assert_eq!(tag(&vault, &trainer, id, &[]).await, json!([]));
    assert_eq!(found("tag=klacht").await, Vec::<Uuid>::new());
    let row = rows::find(vault.vault.index(), RecordingId(id)).await.unwrap().unwrap();
    assert!(!row.annotated, "nothing is left of it");
}

async fn numbers_of_people_are_refused_wherever_text_is_free(vault: TestVault) {
    let id = vault.recording(SUPPORT, &tone(5.0, 1)).await;
    let trainer = vault.token(Role::Trainer).await;
    let notes = format!("/v1/recordings/{id}/notes");
    let good = note(&vault, &trainer, id, 1.0, "op 01-06-2026 om 10:15 gebeld").await;
    let good = format!("{notes}/{}", good["id"].as_str().unwrap());
    let set = set(&vault, &trainer, "Opzeggingen").await;
    let tags = format!("/v1/recordings/{id}/tags");
    for (number, what) in [
        ("111222333", "BSN"),
        ("1234.56.782", "BSN"),
        ("06-12345678", "telephone"),
        ("NL91 ABNA 0417 1643 00", "IBAN"),
        ("4111 1111 1111 1111", "card"),
    ] {
        let places = [
            ("POST", &notes, json!({"at": 1.0, "text": format!("zie {number}, zegt hij")})),
            ("PATCH", &good, json!({"text": number})),
            ("PUT", &tags, json!({"tags": ["goed", number]})),
            ("POST", &"/v1/training-sets".to_owned(), json!({"name": number})),
            ("PATCH", &set, json!({"name": format!("klant {number}")})),
        ];
        for (how, path, body) in places {
            let refused = send(&vault, &trainer, how, path, body).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{how} {path} {number}");
            assert_eq!(refused.code(), "personal_number");
            assert!(refused.text().contains(what), "it says what it looks like: {what}");
            assert!(!refused.text().contains(number), "it does not repeat it");
        }
    }
    let all = get(&vault, &trainer, &notes).await;
    assert_eq!(all["items"][0]["text"], "op 01-06-2026 om 10:15 gebeld");
    assert_eq!(all["items"].as_array().unwrap().len(), 1);
}

async fn what_is_written_is_hidden_at_once_and_shown_again_when_it_may_be(vault: TestVault) {
    let id = vault.recording(SUPPORT, &tone(5.0, 1)).await;
    let (trainer, dpo) = (vault.token(Role::Trainer).await, vault.token(Role::Compliance).await);
    note(&vault, &trainer, id, 1.0, "een zin over deze beller").await;
    tag(&vault, &trainer, id, &["klacht"]).await;
    let set = set(&vault, &trainer, "voorbeelden").await;
    add(&vault, &trainer, &set, json!({"recording": id})).await;
    let notes = format!("/v1/recordings/{id}/notes");
    let items = format!("{set}/items");
    let shown = async || {
        let listed = vault.get(&notes).token(&trainer).send().await;
        let item = get(&vault, &trainer, &items).await["items"].as_array().unwrap().len();
        let count = get(&vault, &trainer, &set).await["count"].as_i64().unwrap();
        let found = get(&vault, &trainer, "/v1/recordings?tag=klacht").await;
        let sought = get(&vault, &trainer, "/v1/recordings?q=zin%20over").await;
        let searched = ids(&found, "id").len() + ids(&sought, "id").len();
        (listed.status.as_u16(), item, count, searched)
    };
    assert_eq!(shown().await, (200, 1, 1, 2));

    // A restriction.
    let path = format!("/v1/recordings/{id}/restriction");
    let set_it = send(&vault, &dpo, "POST", &path, json!({"case": "C-9"})).await;
    assert_eq!(set_it.status, StatusCode::NO_CONTENT);
    assert_eq!(shown().await, (423, 0, 0, 0));
    let view = get(&vault, &trainer, &format!("/v1/recordings/{id}")).await;
    assert_eq!((&view["tags"], &view["notes"]), (&json!([]), &0.into()));
    for (how, path, body) in [
        ("POST", notes.clone(), json!({"at": 1.0, "text": "nog een"})),
        ("PUT", format!("/v1/recordings/{id}/tags"), json!({"tags": []})),
        ("POST", items.clone(), json!({"recording": id})),
    ] {
        let refused = send(&vault, &trainer, how, &path, body).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (423, "restricted"));
    }
    let over = json!({"case": "C-9", "outcome": "withdrawn"});
    send(&vault, &dpo, "DELETE", &path, over).await;
    assert_eq!(shown().await, (200, 1, 1, 2), "a lifted one shows them again");

    // An objection.
    let path = format!("/v1/recordings/{id}/objection");
    let made = send(&vault, &dpo, "POST", &path, json!({"case": "C-10"})).await;
    assert!(made.status.is_success(), "{}", made.text());
    let (status, rest) = {
        let all = shown().await;
        (all.0, (all.1, all.2, all.3))
    };
    assert_eq!((status, rest), (403, (0, 0, 0)));

    // Due, with no eraser running.
    let late = vault.recording(SUPPORT, &tone(1.0, 2)).await;
    tag(&vault, &trainer, late, &["laat"]).await;
    add(&vault, &trainer, &set, json!({"recording": late})).await;
    assert_eq!(get(&vault, &trainer, &items).await["items"].as_array().unwrap().len(), 1);
    vault.advance_days(91);
    let late = format!("/v1/recordings/{late}/notes");
    assert_eq!(vault.get(&late).token(&trainer).send().await.code(), "past_due");
    assert_eq!(get(&vault, &trainer, &items).await["items"], json!([]));
    assert_eq!(get(&vault, &trainer, &set).await["count"], 0);
}

async fn what_is_written_goes_with_the_recording_and_opens_from_no_copy(vault: TestVault) {
    let id = vault.recording(ACME, &tone(5.0, 1)).await;
    let listener = vault.token(Role::CustomerListener).await;
    note(&vault, &listener, id, 1.0, "kanarie in een notitie").await;
    tag(&vault, &listener, id, &["kanarie-tag"]).await;
    let set = set(&vault, &listener, "om te oefenen").await;
    add(&vault, &listener, &set, json!({"recording": id})).await;
    let index = vault.vault.index();
    let recording = RecordingId(id);
    let row = rows::find(index, recording).await.unwrap().unwrap();
    let sealed = notes::list(index, recording, None, 10).await.unwrap();
    let tags = notes::tags(index, &[recording]).await.unwrap();
    assert_eq!((sealed.len(), tags.len()), (1, 1));
    let copy = |at: usize| [&sealed[0].sealed, &tags[0].1][at].clone();
    for at in [0, 1] {
        let bytes = copy(at);
        assert!(!bytes.windows(7).any(|part| part == b"kanarie"), "it is sealed");
    }
    let opened = crate::erasing::note_of(&vault, &row, "note", &copy(0));
    assert_eq!(opened.as_deref(), Some(&b"kanarie in een notitie"[..]), "as long as the key is");

    vault.advance_days(31);
    assert_eq!(vault.vault.erase_due().await.unwrap().erased, 1);
    assert_eq!(notes::list(index, recording, None, 10).await.unwrap(), []);
    assert_eq!(notes::tags(index, &[recording]).await.unwrap(), []);
    assert_eq!(get(&vault, &listener, &format!("{set}/items")).await["items"], json!([]));
    let left: (i64,) = callvault::index::sql(
        "SELECT (SELECT COUNT(*) FROM recording_tags)
        + (SELECT COUNT(*) FROM training_set_items)",
    )
    .fetch_one(index)
    .await
    .unwrap();
    assert_eq!(left, (0,));
    vault.vault.forget().await.unwrap();
    for (label, at) in [("note", 0), ("tags", 1)] {
        assert_eq!(crate::erasing::note_of(&vault, &row, label, &copy(at)), None, "from no copy");
    }
}

async fn a_set_is_ordered_shared_and_holds_what_one_may_hear(vault: TestVault) {
    let mut calls = Vec::new();
    for seed in 1..=4 {
        calls.push(vault.recording(SUPPORT, &tone(4.0, seed)).await);
    }
    let trainer = vault.token(Role::Trainer).await;
    let colleague = vault.token(Role::Trainer).await;
    let set = set(&vault, &trainer, "Goede gesprekken").await;
    let items = format!("{set}/items");
    let mut added = Vec::new();
    for id in &calls {
        added.push(
            add(&vault, &trainer, &set, json!({"recording": id, "from": 0.5, "to": 2})).await,
        );
    }
    let page = get(&vault, &trainer, &items).await;
    assert_eq!(ids(&page, "recording"), calls);
    let first = &page["items"][0];
    assert_eq!((&first["from"], &first["to"]), (&0.5.into(), &2.0.into()));
    assert_eq!(first["recording"]["caller"], "+31•••••4567", "numbers are masked here, too");
    assert_eq!(get(&vault, &trainer, &set).await["count"], 4);

    // Another order; what is not named comes after it.
    let order = json!({"items": [added[3], added[0]]});
    assert_eq!(send(&vault, &trainer, "PUT", &format!("{set}/order"), order).await.status, 204);
    let wanted = [calls[3], calls[0], calls[1], calls[2]];
    assert_eq!(ids(&get(&vault, &trainer, &items).await, "recording"), wanted);
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for _ in 0..4 {
        let page = get(&vault, &trainer, &format!("{items}?limit=3{cursor}")).await;
        seen.extend(ids(&page, "recording"));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, wanted, "page by page");

    // Shared with a colleague, who sees it and changes nothing.
    assert_eq!(vault.get(&set).token(&colleague).send().await.code(), "not_found");
    let people = get(&vault, &trainer, "/v1/people").await;
    let person = people["items"].as_array().unwrap().iter().map(|person| &person["id"]);
    let person = person.cloned().collect::<Vec<_>>();
    assert_eq!(person.len(), 1, "{people}");
    let shared = send(&vault, &trainer, "PATCH", &set, json!({"shared_with": person})).await;
    assert_eq!(shared.json()["shared_with"], people["items"]);
    assert_eq!(shared.json()["owner"]["name"], "pbx-1");
    assert_eq!(ids(&get(&vault, &colleague, &items).await, "recording"), wanted);
    assert_eq!(get(&vault, &colleague, "/v1/training-sets").await["items"][0]["mine"], false);
    for (how, path, body) in [
        ("PATCH", set.clone(), json!({"name": "van mij"})),
        ("DELETE", set.clone(), Value::Null),
        ("POST", items.clone(), json!({"recording": calls[0]})),
        ("DELETE", format!("{items}/{}", added[0]), Value::Null),
        ("PUT", format!("{set}/order"), json!({"items": []})),
    ] {
        let refused = send(&vault, &colleague, how, &path, body).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "not_yours"), "{how}");
    }
    // An agent kept to own calls hears none of these: the set shows none.
    let kept = crate::agents::agent(&vault, Role::Trainer, true).await;
    let id = vault.vault.authenticate(&kept).await.unwrap().id.to_string();
    send(&vault, &trainer, "PATCH", &set, json!({"shared_with": [id]})).await;
    let own = crate::agents::call_of(&vault, SUPPORT, "mieke", 9).await;
    add(&vault, &trainer, &set, json!({"recording": own})).await;
    let theirs = ids(&get(&vault, &kept, &items).await, "recording");
    assert_eq!(theirs, wanted, "willem's own calls, and not mieke's");
    assert_eq!(vault.get(&set).token(&colleague).send().await.code(), "not_found", "no longer");

    assert_eq!(
        send(&vault, &trainer, "DELETE", &format!("{items}/{}", added[0]), Value::Null)
            .await
            .status,
        204
    );
    assert_eq!(send(&vault, &trainer, "DELETE", &set, Value::Null).await.status, 204);
    assert_eq!(vault.get(&set).token(&trainer).send().await.code(), "not_found");
    assert_eq!(vault.listen(&trainer, calls[0], "purpose=training").await.status, 200, "they stay");
}

async fn a_set_is_nobody_elses(vault: TestVault) {
    let acme = vault.recording(ACME, &tone(1.0, 1)).await;
    let support = vault.recording(SUPPORT, &tone(1.0, 2)).await;
    let listener = vault.token(Role::CustomerListener).await;
    let globex = vault.token_of(Role::CustomerListener, Some("globex"), None).await;
    let trainer = vault.token(Role::Trainer).await;
    let set = set(&vault, &listener, "van acme").await;
    add(&vault, &listener, &set, json!({"recording": acme})).await;
    let written = note(&vault, &listener, acme, 0.5, "van acme").await;
    let written = written["id"].as_str().unwrap();
    for other in [&globex, &trainer] {
        let owner = vault.vault.authenticate(other).await.unwrap().id;
        for (how, path, body) in [
            ("GET", set.clone(), Value::Null),
            ("PATCH", set.clone(), json!({"name": "x"})),
            ("DELETE", set.clone(), Value::Null),
            ("GET", format!("{set}/items"), Value::Null),
            ("POST", format!("{set}/items"), json!({"recording": acme})),
            ("PUT", format!("{set}/order"), json!({"items": []})),
            ("GET", format!("/v1/recordings/{acme}/notes"), Value::Null),
            ("POST", format!("/v1/recordings/{acme}/notes"), json!({"at": 0.1, "text": "x"})),
            ("DELETE", format!("/v1/recordings/{acme}/notes/{written}"), Value::Null),
            ("PUT", format!("/v1/recordings/{acme}/tags"), json!({"tags": ["x"]})),
        ] {
            let refused = send(&vault, other, how, &path, body).await;
            assert_eq!(refused.code(), "not_found", "{how} {path}");
        }
        assert_eq!(get(&vault, other, "/v1/training-sets").await["items"], json!([]));
        // Nor is anybody of another controller somebody to share with.
        let share = json!({"shared_with": [owner]});
        let refused = send(&vault, &listener, "PATCH", &set, share).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (422, "invalid_field"));
    }
    let foreign = json!({"recording": support});
    let refused = send(&vault, &listener, "POST", &format!("{set}/items"), foreign).await;
    assert_eq!(refused.code(), "not_found");
    // A note of one recording is not one of another.
    let second = vault.recording(ACME, &tone(1.0, 3)).await;
    let elsewhere = format!("/v1/recordings/{second}/notes/{written}");
    assert_eq!(
        send(&vault, &listener, "DELETE", &elsewhere, Value::Null).await.code(),
        "not_found"
    );
}

async fn people_are_those_with_accounts_and_tokens(vault: TestVault) {
    let id = vault.recording(SUPPORT, &tone(2.0, 1)).await;
    account(&vault, "tess", &[Role::Trainer]).await;
    account(&vault, "olga", &[Role::Operator]).await;
    let trainer = vault.token(Role::Trainer).await;
    vault.token(Role::CustomerListener).await;
    let people = get(&vault, &trainer, "/v1/people").await;
    let names: Vec<_> = people["items"].as_array().unwrap().iter().map(|p| &p["name"]).collect();
    assert_eq!(names, ["tess"], "who trains, of the own controller, and not oneself");
    let set = set(&vault, &trainer, "voorbeelden").await;
    add(&vault, &trainer, &set, json!({"recording": id})).await;
    let share = json!({"shared_with": [people["items"][0]["id"]]});
    let shared = send(&vault, &trainer, "PATCH", &set, share).await;
    assert_eq!(shared.json()["shared_with"][0]["name"], "tess", "{}", shared.text());
    let tess = sign_in(&vault, "tess").await;
    assert_eq!(ids(&tess.get(&vault, &format!("{set}/items")).await.json(), "recording"), [id]);
    let notes = format!("/v1/recordings/{id}/notes");
    let made = tess.post(&vault, &notes, json!({"at": 0.5, "text": "helder"})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let seen = get(&vault, &trainer, &notes).await;
    assert_eq!(
        (&seen["items"][0]["author"]["name"], &seen["items"][0]["mine"]),
        (&"tess".into(), &false.into())
    );
}

async fn only_who_trains_or_listens_writes(vault: TestVault) {
    let id = vault.recording(SUPPORT, &tone(1.0, 1)).await;
    for role in [Role::Evidence, Role::Compliance, Role::Auditor, Role::Operator, Role::Legal] {
        let token = vault.token(role).await;
        for (how, path, body) in [
            ("GET", format!("/v1/recordings/{id}/notes"), Value::Null),
            ("POST", format!("/v1/recordings/{id}/notes"), json!({"at": 0.1, "text": "x"})),
            ("PUT", format!("/v1/recordings/{id}/tags"), json!({"tags": ["x"]})),
            ("GET", "/v1/training-sets".into(), Value::Null),
            ("POST", "/v1/training-sets".into(), json!({"name": "x"})),
            ("GET", "/v1/people".into(), Value::Null),
        ] {
            let refused = send(&vault, &token, how, &path, body).await;
            assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "forbidden"));
        }
    }
    let none = vault.get("/v1/training-sets").send().await;
    assert_eq!(none.status, StatusCode::UNAUTHORIZED);
}

async fn bad_input_is_refused_by_name(vault: TestVault) {
    let id = vault.recording(SUPPORT, &tone(5.0, 1)).await;
    let trainer = vault.token(Role::Trainer).await;
    let set = set(&vault, &trainer, "x").await;
    let notes = format!("/v1/recordings/{id}/notes");
    let tags = format!("/v1/recordings/{id}/tags");
    let items = format!("{set}/items");
    let many: Vec<_> = (0..21).map(|n| format!("tag {n}")).collect();
    let unknown = Uuid::new_v4();
    let cases = [
        ("POST", notes.as_str(), json!({"at": -1, "text": "x"}), 422, "invalid_field"),
        ("POST", &notes, json!({"at": 7, "text": "x"}), 422, "invalid_field"),
        ("POST", &notes, json!({"at": 1e300, "text": "x"}), 422, "invalid_field"),
        ("POST", &notes, json!({"at": 3, "to": 3, "text": "x"}), 422, "invalid_field"),
        ("POST", &notes, json!({"at": 3, "text": " "}), 422, "invalid_field"),
        ("POST", &notes, json!({"at": 3, "text": "x".repeat(2001)}), 422, "invalid_field"),
        ("POST", &notes, json!({"at": 3, "text": "\u{7}"}), 422, "invalid_field"),
        ("POST", &notes, json!({"at": 3}), 400, "malformed"),
        ("POST", &notes, json!({"at": 3, "text": "x", "author": "y"}), 400, "malformed"),
        ("PUT", &tags, json!({"tags": many}), 422, "invalid_field"),
        ("PUT", &tags, json!({"tags": ["x".repeat(41)]}), 422, "invalid_field"),
        ("PUT", &tags, json!({"tags": [""]}), 422, "invalid_field"),
        ("POST", "/v1/training-sets", json!({"name": "x".repeat(101)}), 422, "invalid_field"),
        ("POST", &items, json!({"recording": unknown}), 404, "not_found"),
        ("POST", &items, json!({"recording": "x"}), 400, "malformed"),
        ("POST", &items, json!({"recording": id, "from": 3, "to": 1}), 422, "invalid_field"),
        ("PUT", &format!("{set}/order"), json!({"items": [unknown]}), 422, "invalid_field"),
        ("PATCH", &set, json!({"shared_with": [unknown]}), 422, "invalid_field"),
        ("DELETE", &format!("{items}/{unknown}"), Value::Null, 404, "not_found"),
        ("DELETE", &format!("{items}/x"), Value::Null, 404, "not_found"),
        ("GET", "/v1/training-sets/x", Value::Null, 404, "not_found"),
        ("GET", "/v1/training-sets?cursor=x", Value::Null, 400, "malformed"),
        ("GET", &format!("{notes}?cursor=x"), Value::Null, 400, "malformed"),
    ];
    for (how, path, body, status, code) in cases {
        let refused = send(&vault, &trainer, how, path, body.clone()).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (status, code),
            "{how} {path} {body}: {}",
            refused.text()
        );
    }
}
