//! How much of what trainers are shown and hear: the sample, the daily cap, who hears far more than
//! the others; and what is found by what notes say.

use axum::http::{Request, StatusCode};
use callvault::http::{App, router};
use callvault::index::{ledger_entries, recordings as rows};
use callvault::model::{Event, RecordingId, Role};
use callvault::vault::{TrainingSettings, Vault};
use jiff::SignedDuration;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{ACME, SUPPORT, TestVault, tone};
use crate::on_each_vault;
use crate::training::ids;

on_each_vault! {
    trainers_see_and_hear_the_sample_and_evidence_everything,
    a_daily_cap_counts_recordings_over_nodes_and_until_midnight,
    who_hears_far_more_than_others_is_told_of_once_without_a_name,
    notes_and_tags_are_found_by_what_they_say,
}

async fn page(vault: &TestVault, token: &str, query: &str) -> Value {
    let answer = vault.get(&format!("/v1/recordings?{query}")).token(token).send().await;
    assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text());
    answer.json()
}

async fn trainers_see_and_hear_the_sample_and_evidence_everything(vault: TestVault) {
    let vault = vault.with_training(TrainingSettings { sample: 500_000, daily_cap: 0 }).await;
    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    for seed in 0..24 {
        let id = vault.recording(SUPPORT, &tone(0.2, seed)).await;
        let row = rows::find(vault.vault.index(), RecordingId(id)).await.unwrap().unwrap();
        if row.sampled { inside.push(id) } else { outside.push(id) }
    }
    // One in two: all alike would come about once in eight million runs.
    assert!(!inside.is_empty() && !outside.is_empty(), "{} of 24", inside.len());
    let trainer = vault.token(Role::Trainer).await;
    let shown = ids(&page(&vault, &trainer, "limit=200").await, "id");
    assert_eq!(shown.len(), inside.len());
    assert!(inside.iter().all(|id| shown.contains(id)));
    let (yes, no) = (inside[0], outside[0]);
    assert_eq!(vault.listen(&trainer, yes, "purpose=training").await.status, StatusCode::OK);
    for path in ["", "/audio?purpose=training", "/waveform?purpose=training", "/notes"] {
        let answer = vault.get(&format!("/v1/recordings/{no}{path}")).token(&trainer).send().await;
        assert_eq!(answer.code(), "not_found", "{path}");
    }
    let reader = vault.token(Role::Evidence).await;
    assert_eq!(ids(&page(&vault, &reader, "limit=200").await, "id").len(), 24);
    let heard = vault.listen(&reader, no, "purpose=evidence&case=C-1").await;
    assert_eq!(heard.status, StatusCode::OK);
    // The agent who had the calls hears all of them.
    let willem = crate::agents::agent(&vault, Role::Trainer, false).await;
    assert_eq!(ids(&page(&vault, &willem, "limit=200").await, "id").len(), 24);
    assert_eq!(vault.listen(&willem, no, "purpose=training").await.status, StatusCode::OK);

    // The same upload again is the same recording: nobody tries until it is in the sample. And a
    // customer's own recordings are no sample.
    let again = vault.upload(SUPPORT, &tone(0.2, 0)).await;
    assert_eq!(again.status, StatusCode::OK);
    let none = vault.with_training(TrainingSettings { sample: 0, daily_cap: 0 }).await;
    let id = none.recording(SUPPORT, &tone(0.2, 99)).await;
    assert_eq!(none.listen(&trainer, id, "purpose=training").await.code(), "not_found");
    let acme = none.recording(ACME, &tone(0.2, 98)).await;
    let listener = none.token(Role::CustomerListener).await;
    assert_eq!(none.listen(&listener, acme, "purpose=own_use").await.status, StatusCode::OK);
}

async fn a_daily_cap_counts_recordings_over_nodes_and_until_midnight(vault: TestVault) {
    let settings = TrainingSettings { daily_cap: 3, ..TrainingSettings::default() };
    let vault = vault.with_training(settings).await;
    let other = vault.node_with(settings).await;
    let mut calls = Vec::new();
    for seed in 0..6 {
        calls.push(vault.recording(SUPPORT, &tone(0.3, seed)).await);
    }
    let trainer = vault.token(Role::Trainer).await;
    let hear = async |node: &Vault, id: Uuid| {
        let request = Request::get(format!("/v1/recordings/{id}/audio?purpose=training"))
            .header("authorization", format!("Bearer {trainer}"))
            .body(axum::body::Body::empty());
        let router = router(App::new(node.clone(), String::new));
        tower::ServiceExt::oneshot(router, request.unwrap()).await.unwrap().status().as_u16()
    };
    assert_eq!(hear(&vault.vault, calls[0]).await, 200);
    assert_eq!(hear(&other, calls[1]).await, 200);
    // Two at once on two nodes: one of them is one too many.
    let both = tokio::join!(hear(&vault.vault, calls[2]), hear(&other, calls[3]));
    let mut both = [both.0, both.1];
    both.sort_unstable();
    assert_eq!(both, [200, 429]);

    let path = format!("/v1/recordings/{}", calls[4]);
    let refused = vault.listen(&trainer, calls[4], "purpose=training").await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (429, "daily_cap"));
    assert!(refused.text().contains("after midnight"), "{}", refused.text());
    // It is 14:00 in Amsterdam.
    assert_eq!(refused.header("retry-after"), (10 * 3600).to_string());
    let ticket = vault.post(&format!("{path}/playback")).token(&trainer);
    let ticket = ticket.json(&json!({"purpose": "training"})).send().await;
    assert_eq!(ticket.code(), "daily_cap");
    let waveform = vault.get(&format!("{path}/waveform?purpose=training")).token(&trainer);
    assert_eq!(waveform.send().await.code(), "daily_cap");
    let told = crate::playbacks::leaves(&vault, calls[4], "access.denied").await;
    assert_eq!((told.len(), &told[0]["why"]), (1, &"daily_cap".into()));
    // What was heard can be heard again, after its playback ended, too; a look at a list is none.
    vault.vault.end_own_playbacks().await.unwrap();
    assert_eq!(hear(&vault.vault, calls[0]).await, 200);
    assert_eq!(vault.get(&path).token(&trainer).send().await.status, StatusCode::OK);
    // Somebody else, and another purpose, have caps of their own or none.
    let colleague = vault.token(Role::Trainer).await;
    assert_eq!(vault.listen(&colleague, calls[4], "purpose=training").await.status, 200);
    let reader = vault.token(Role::Evidence).await;
    for id in &calls {
        let heard = vault.listen(&reader, *id, "purpose=evidence&case=C-1").await;
        assert_eq!(heard.status, StatusCode::OK);
    }
    vault.advance(SignedDuration::from_hours(10) - SignedDuration::from_secs(1));
    assert_eq!(hear(&vault.vault, calls[5]).await, 429);
    vault.advance(SignedDuration::from_secs(1));
    assert_eq!(hear(&vault.vault, calls[5]).await, 200, "midnight in Amsterdam");
}

async fn who_hears_far_more_than_others_is_told_of_once_without_a_name(vault: TestVault) {
    let mut calls = Vec::new();
    for seed in 0..16 {
        calls.push(vault.recording(SUPPORT, &tone(0.2, seed)).await);
    }
    let keen = vault.token(Role::Trainer).await;
    let others = [vault.token(Role::Trainer).await, vault.token(Role::Trainer).await];
    for id in &calls {
        vault.listen(&keen, *id, "purpose=training").await;
    }
    assert_eq!(vault.vault.watch_listening().await.unwrap(), 0, "nobody to compare with");
    for other in &others {
        vault.listen(other, calls[0], "purpose=training").await;
        vault.listen(other, calls[1], "purpose=training").await;
    }
    let second = vault.second_node().await;
    let (one, two) = tokio::join!(vault.vault.watch_listening(), second.watch_listening());
    assert_eq!(one.unwrap() + two.unwrap(), 1);
    assert_eq!(vault.vault.watch_listening().await.unwrap(), 0, "once a day");
    let provider = vault.vault.provider();
    let entries = ledger_entries::list(vault.vault.index(), provider, 0, 1000).await.unwrap();
    let told: Vec<_> = entries.iter().filter(|e| e.event == Event::AccessOutlier).collect();
    assert_eq!((told.len(), told[0].recording), (1, None));
    let leaf: Value = serde_json::from_str(&told[0].body).unwrap();
    let by = vault.vault.authenticate(&keen).await.unwrap().id.to_string();
    assert_eq!((&leaf["by"], &leaf["n"], &leaf["median"]), (&by.into(), &16.into(), &2.into()));
    assert!(!told[0].body.contains("pbx-1"), "no name (I12)");
    let dpo = vault.token(Role::Compliance).await;
    let summary = vault.get("/v1/compliance/summary").token(&dpo).send().await.json();
    assert_eq!(summary["listening_outliers_30d"], 1);
    vault.advance_days(31);
    let summary = vault.get("/v1/compliance/summary").token(&dpo).send().await.json();
    assert_eq!(summary["listening_outliers_30d"], 0);
}

async fn notes_and_tags_are_found_by_what_they_say(vault: TestVault) {
    let mut calls = Vec::new();
    for n in 0..2 {
        let ended = format!("2026-06-01T1{n}:00:00Z");
        let mut fields: Vec<_> = SUPPORT.to_vec();
        fields.retain(|(name, _)| *name != "ended_at" && *name != "agent");
        fields.extend([("ended_at", ended.as_str()), ("agent", "mieke")]);
        calls.push(vault.recording(&fields, &tone(1.0, n)).await);
    }
    let by_name = crate::agents::call_of(&vault, SUPPORT, "geduldig", 7).await;
    let trainer = vault.token(Role::Trainer).await;
    let note = async |id: Uuid, text: &str| {
        let request = vault.post(&format!("/v1/recordings/{id}/notes")).token(&trainer);
        let made = request.json(&json!({"at": 0.5, "text": text})).send().await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    };
    note(calls[0], "Blijft GEDULDIG uitleggen").await;
    note(calls[0], "daarna een stilte").await;
    let request = Request::put(format!("/v1/recordings/{}/tags", calls[1]));
    let tags = vault.request(request).token(&trainer).json(&json!({"tags": ["Ongeduldig"]}));
    assert_eq!(tags.send().await.status, StatusCode::OK);

    let found = |query: &str| {
        let query = query.to_owned();
        let (vault, trainer) = (&vault, &trainer);
        async move { ids(&page(vault, trainer, &query).await, "id") }
    };
    // The agent of that name, a note and a tag: newest call first.
    assert_eq!(found("q=geduldig").await, [by_name, calls[1], calls[0]]);
    assert_eq!(found("q=een%20stilte").await, [calls[0]]);
    assert_eq!(found("q=mieke").await, [calls[1], calls[0]], "an agent, as before");
    assert_eq!(found("q=geduldig&agent=mieke").await, [calls[1], calls[0]]);
    assert_eq!(found("q=niets%20daarvan").await, Vec::<Uuid>::new());
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for _ in 0..5 {
        let page = page(&vault, &trainer, &format!("q=geduldig&limit=1{cursor}")).await;
        seen.extend(ids(&page, "id"));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, [by_name, calls[1], calls[0]], "page by page");
    // Who does not train finds agents by it and nothing that notes say.
    let reader = vault.token(Role::Evidence).await;
    assert_eq!(ids(&page(&vault, &reader, "q=geduldig").await, "id"), [by_name]);
    assert_eq!(ids(&page(&vault, &reader, "q=stilte").await, "id"), Vec::<Uuid>::new());
}
