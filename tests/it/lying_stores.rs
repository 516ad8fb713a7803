//! Stores that lie: what they keep is in the certificate, which is never complete, and raises an alarm
//! in the figures, in the metrics and in the ledger.

use axum::http::StatusCode;
use callvault::model::{RecordingId, Role};
use callvault::vault::ReconcileOptions;
use jiff::SignedDuration;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Engine, Place, SUPPORT, TestVault, tone};
use crate::store::double::{self, Shared};

/// What an operator's metrics say, on this thread until the guard is dropped.
struct Metrics {
    handle: PrometheusHandle,
    recorder: &'static metrics_exporter_prometheus::PrometheusRecorder,
}

impl Metrics {
    fn new() -> Self {
        // Lives as long as the test program: a guard borrows it.
        let recorder = Box::leak(Box::new(PrometheusBuilder::new().build_recorder()));
        Self { handle: recorder.handle(), recorder }
    }

    fn listen(&self) -> metrics::LocalRecorderGuard<'static> {
        metrics::set_default_local_recorder(self.recorder)
    }

    async fn says(&self, vault: &TestVault, line: &str) {
        vault.vault.measure().await.unwrap();
        let text = self.handle.render();
        assert!(text.lines().any(|said| said == line), "{line} in\n{text}");
    }
}

/// One pass of the eraser, after the time that a failed claim is waited for.
async fn pass(vault: &TestVault) -> callvault::vault::ErasePass {
    vault.advance(SignedDuration::from_mins(6));
    vault.vault.erase_due().await.unwrap()
}

async fn get(vault: &TestVault, path: &str) -> Value {
    let token = vault.token(Role::Auditor).await;
    let answer = vault.get(path).token(&token).send().await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
    answer.json()
}

/// How far the erasure is by its certificate, and what remains.
async fn certified(vault: &TestVault, id: Uuid) -> (String, Vec<String>) {
    told(&get(vault, &format!("/v1/erasures/{id}/certificate")).await)
}

fn told(certificate: &Value) -> (String, Vec<String>) {
    let all = certificate["remains"].as_array().unwrap().iter();
    let what = all.map(|left| left["what"].as_str().unwrap().to_owned()).collect();
    (certificate["status"].as_str().unwrap().to_owned(), what)
}

/// The certificate of everything that was erased in the last days.
async fn of_the_period(vault: &TestVault) -> (String, Vec<String>) {
    let now = vault.clock.now();
    let from = now.plus(SignedDuration::from_hours(-24 * 30));
    told(&get(vault, &format!("/v1/certificates?from={from}&to={now}")).await)
}

async fn events(vault: &TestVault, id: Uuid) -> Vec<String> {
    let index = vault.vault.index();
    let about = callvault::index::ledger_entries::about(index, RecordingId(id)).await.unwrap();
    about.iter().map(|entry| entry.event.to_string()).collect()
}

/// Everything that ends by itself has ended: backups are unreadable, and it was looked for again.
async fn time_passes(vault: &TestVault) {
    vault.advance_days(2);
    vault.vault.forget().await.unwrap();
    pass(vault).await;
    pass(vault).await;
}

async fn due(vault: &TestVault) {
    vault.advance_days(91);
    vault.vault.confirm_erasing().await.unwrap();
}

#[tokio::test]
async fn a_store_that_only_says_it_deletes() {
    let (metrics, vault) = (Metrics::new(), TestVault::on(Engine::Sqlite, Place::Faulty).await);
    let (_guard, faults) = (metrics.listen(), vault.faults.clone().unwrap());
    let id = vault.recording(SUPPORT, &tone(0.2, 1)).await;
    due(&vault).await;
    faults.lie_about_deleting(true);
    for _ in 0..5 {
        let done = pass(&vault).await;
        assert_eq!((done.erased, done.unfinished), (0, 1));
        let (status, what) = certified(&vault, id).await;
        assert_eq!(status, "pending");
        assert!(what.contains(&"object".to_owned()), "{what:?}");
    }
    assert!(events(&vault, id).await.contains(&"erasure.stuck".to_owned()));
    let figures = get(&vault, "/v1/compliance/summary").await;
    let said = (&figures["unverified"], &figures["stuck"], &figures["overdue"]);
    assert_eq!(said, (&json!({ "present": 1 }), &json!(1), &json!(1)));
    metrics.says(&vault, "callvault_erasures_unverified{why=\"present\"} 1").await;
    metrics.says(&vault, "callvault_erasure_attempts_failed_total{why=\"present\"} 5").await;
    metrics.says(&vault, "callvault_overdue 1").await;
    // However long it is waited, nothing of it becomes complete.
    time_passes(&vault).await;
    assert_eq!(certified(&vault, id).await.0, "pending");
    assert_eq!(of_the_period(&vault).await, ("pending".into(), vec!["object".into()]));
    faults.lie_about_deleting(false);
    assert_eq!(pass(&vault).await.erased, 1);
    assert_eq!(certified(&vault, id).await.1, ["second_look"]);
    time_passes(&vault).await;
    assert_eq!(certified(&vault, id).await, ("complete".into(), vec![]));
    assert_eq!(of_the_period(&vault).await, ("complete".into(), vec![]));
    metrics.says(&vault, "callvault_erasures_unverified{why=\"present\"} 0").await;
    let figures = get(&vault, "/v1/compliance/summary").await;
    assert_eq!((&figures["unverified"], &figures["stuck"]), (&json!({}), &json!(0)));
}

/// A vault over the double of a bucket.
async fn over(state: &Shared) -> TestVault {
    let (store, dir) = (double::open(state).await, tempfile::tempdir().unwrap());
    TestVault::over(Engine::Sqlite, store, None, dir).await
}

/// The versions of an object, delete markers among them.
fn versions(state: &Shared, id: Uuid) -> Vec<String> {
    let server = state.lock().unwrap();
    let mut all = server.versions.iter().filter(|(key, _)| key.ends_with(&id.to_string()));
    all.next().map_or(Vec::new(), |(_, all)| all.iter().map(|(id, _)| id.clone()).collect())
}

#[tokio::test]
async fn a_bucket_that_keeps_versions() {
    let (metrics, state) = (Metrics::new(), Shared::default());
    let (_guard, vault) = (metrics.listen(), over(&state).await);
    state.lock().unwrap().versioned = true;
    let locked = vault.recording(SUPPORT, &tone(0.2, 1)).await;
    let free = vault.recording(SUPPORT, &tone(0.2, 2)).await;
    let version = versions(&state, locked).remove(0);
    state.lock().unwrap().locked = Some(version);
    due(&vault).await;
    let done = pass(&vault).await;
    assert_eq!((done.erased, done.unfinished), (1, 1));
    assert_eq!(versions(&state, free), [""; 0], "nor a delete marker");
    assert_eq!(certified(&vault, free).await.1, ["backups", "second_look"]);
    let (status, what) = certified(&vault, locked).await;
    assert_eq!((status.as_str(), what[0].as_str()), ("pending", "versions"));
    metrics.says(&vault, "callvault_erasures_unverified{why=\"versions_remain\"} 1").await;
    vault.vault.check_posture().await.unwrap();
    metrics.says(&vault, "callvault_posture_drift{what=\"versions\"} 1").await;
    let figures = get(&vault, "/v1/compliance/summary").await;
    assert_eq!(figures["unverified"], json!({ "versions_remain": 1 }));
    time_passes(&vault).await;
    assert_eq!(certified(&vault, free).await, ("complete".into(), vec![]));
    assert_eq!(certified(&vault, locked).await, ("pending".into(), vec!["versions".into()]));
    assert_eq!(of_the_period(&vault).await, ("pending".into(), vec!["versions".into()]));
    state.lock().unwrap().locked = None;
    pass(&vault).await;
    time_passes(&vault).await;
    assert_eq!(certified(&vault, locked).await, ("complete".into(), vec![]));
    assert_eq!(versions(&state, locked), [""; 0]);
}

#[tokio::test]
async fn a_bucket_that_lets_nobody_at_one_object() {
    for may_look in [true, false] {
        let (metrics, state) = (Metrics::new(), Shared::default());
        let (_guard, vault) = (metrics.listen(), over(&state).await);
        let kept = vault.recording(SUPPORT, &tone(0.2, 1)).await;
        let free = vault.recording(SUPPORT, &tone(0.2, 2)).await;
        due(&vault).await;
        let (what, why) = if may_look { ("object", "present") } else { ("unverified", "unknown") };
        {
            let mut server = state.lock().unwrap();
            let end = Some(kept.to_string());
            *(if may_look { &mut server.kept } else { &mut server.hidden }) = end;
        }
        let done = pass(&vault).await;
        assert_eq!((done.erased, done.unfinished), (1, 1), "one does not hold up the other");
        let (status, left) = certified(&vault, kept).await;
        assert_eq!((status.as_str(), left.contains(&what.to_owned())), ("pending", true));
        let line = format!("callvault_erasures_unverified{{why=\"{why}\"}} 1");
        metrics.says(&vault, &line).await;
        let figures = get(&vault, "/v1/compliance/summary").await;
        assert_eq!(figures["unverified"], json!({ why: 1 }));
        time_passes(&vault).await;
        assert_eq!(certified(&vault, free).await, ("complete".into(), vec![]));
        assert_eq!(certified(&vault, kept).await, ("pending".into(), vec![what.into()]));
        assert_eq!(of_the_period(&vault).await, ("pending".into(), vec![what.into()]));
        {
            let mut server = state.lock().unwrap();
            (server.kept, server.hidden) = (None, None);
        }
        pass(&vault).await;
        time_passes(&vault).await;
        assert_eq!(certified(&vault, kept).await, ("complete".into(), vec![]));
    }
}

#[tokio::test]
async fn a_copy_that_comes_back() {
    let (metrics, vault) = (Metrics::new(), TestVault::on(Engine::Sqlite, Place::Faulty).await);
    let (_guard, faults) = (metrics.listen(), vault.faults.clone().unwrap());
    let id = vault.recording(SUPPORT, &tone(0.2, 1)).await;
    let object = RecordingId(id);
    let len = vault.store.size(object).await.unwrap().unwrap();
    let copy = vault.store.read(object, 0..len).await.unwrap().to_vec();
    due(&vault).await;
    assert_eq!(pass(&vault).await.erased, 1);
    // Before the second look, which finds it, and cannot take it away for a while.
    vault.store.put(object, vec![copy.clone().into()]).await.unwrap();
    faults.lie_about_deleting(true);
    vault.advance_days(2);
    vault.vault.forget().await.unwrap();
    assert_eq!(pass(&vault).await.reappeared, 1);
    assert_eq!(certified(&vault, id).await, ("partial".into(), vec!["reappeared".into()]));
    assert!(of_the_period(&vault).await.1.contains(&"reappeared".to_owned()));
    metrics.says(&vault, "callvault_reappeared_total 1").await;
    let figures = get(&vault, "/v1/compliance/summary").await;
    assert_eq!(figures["reappeared"], 1);
    faults.lie_about_deleting(false);
    for _ in 0..3 {
        vault.advance(SignedDuration::from_mins(6));
        pass(&vault).await;
    }
    assert_eq!(certified(&vault, id).await, ("complete".into(), vec![]));
    assert_eq!(get(&vault, "/v1/compliance/summary").await["reappeared"], 0);
    // Days after the second look, when only the comparison of store and index finds it.
    vault.advance_days(5);
    vault.store.put(object, vec![copy.into()]).await.unwrap();
    // By the real time, in which this store lives, everything in it is old.
    let grace = SignedDuration::from_hours(-24 * 365 * 50);
    let options = ReconcileOptions { dry_run: false, confirm: false, grace };
    let found = vault.vault.reconcile(options).await.unwrap();
    assert_eq!((found.orphans, found.reappeared, found.orphans_removed), (1, 1, 1));
    assert_eq!(certified(&vault, id).await, ("partial".into(), vec!["reappeared".into()]));
    assert_eq!(get(&vault, "/v1/compliance/summary").await["reappeared"], 1);
    metrics.says(&vault, "callvault_reappeared_total 3").await;
    pass(&vault).await;
    assert_eq!(certified(&vault, id).await, ("complete".into(), vec![]));
    let told = events(&vault, id).await;
    let reappeared = told.iter().filter(|event| *event == "erasure.reappeared").count();
    assert!(reappeared >= 2, "{told:?}");
}
