//! What is read once for many requests is never used after it changed: at once on the node that
//! changes it, within half a second on the others (I1, I2, I15).

use axum::http::{Request, StatusCode};
use callvault::http::{App, router};
use callvault::model::{Cause, Role};
use callvault::store::Store;
use callvault::vault::{ReconcileOptions, Vault};
use jiff::SignedDuration;
use serde_json::json;
use uuid::Uuid;

use crate::harness::{SUPPORT, TestVault, tone};

/// A recording that a trainer is listening to: what a request needs was read just now.
struct Scene {
    vault: TestVault,
    id: Uuid,
    trainer: String,
}

async fn somebody_listens() -> Scene {
    let vault = TestVault::new().await;
    let id = vault.recording(SUPPORT, &tone(1.0, 1)).await;
    let trainer = vault.token(Role::Trainer).await;
    let scene = Scene { vault, id, trainer };
    assert_eq!(scene.listen().await, StatusCode::OK);
    scene
}

impl Scene {
    async fn listen(&self) -> StatusCode {
        self.vault.listen(&self.trainer, self.id, "purpose=training").await.status
    }

    /// Has this node do something by its API, as somebody with this role.
    async fn asks(&self, role: Role, request: axum::http::request::Builder, body: &str) {
        let token = self.vault.token(role).await;
        let request = self.vault.request(request.header("content-type", "application/json"));
        let answer = request.token(&token).body(body.to_owned()).send().await;
        assert!(answer.status.is_success(), "{}", answer.text());
    }
}

/// The scene as another node that shares index, store and keyring plays a part in it.
async fn other_node(scene: &Scene) -> TestVault {
    let TestVault { clock, keys, .. } = &scene.vault;
    let vault: Vault = scene.vault.second_node().await;
    TestVault {
        router: router(App::new(vault.clone(), String::new)),
        vault,
        clock: clock.clone(),
        keys: keys.clone(),
        store: scene.vault.store.clone(),
        faults: None,
        dir: tempfile::tempdir().unwrap(),
    }
}

#[tokio::test]
async fn a_restriction_and_its_lifting_count_at_once() {
    let scene = somebody_listens().await;
    let path = format!("/v1/recordings/{}/restriction", scene.id);
    let case = json!({"case": "C-9"}).to_string();
    scene.asks(Role::Compliance, Request::post(&path), &case).await;
    assert_eq!(scene.listen().await, StatusCode::LOCKED);
    let over = json!({"case": "C-9", "outcome": "granted"}).to_string();
    scene.asks(Role::Compliance, Request::delete(&path), &over).await;
    assert_eq!(scene.listen().await, StatusCode::OK);
}

#[tokio::test]
async fn what_is_erased_early_is_gone_at_once() {
    let scene = somebody_listens().await;
    let token = scene.vault.token(Role::Compliance).await;
    let caller = scene.vault.vault.authenticate(&token).await.unwrap();
    let id = callvault::model::RecordingId(scene.id);
    scene.vault.vault.erase_early(&caller, id, Cause::Request, "C-1").await.unwrap();
    assert_eq!(scene.listen().await, StatusCode::GONE);
}

#[tokio::test]
async fn a_revoked_token_is_worth_nothing_at_once() {
    let scene = somebody_listens().await;
    let holder = scene.vault.vault.authenticate(&scene.trainer).await.unwrap();
    scene.vault.vault.revoke_token(holder.id).await.unwrap();
    assert_eq!(scene.listen().await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_was_read_before_the_term_ended_is_refused_the_moment_it_does() {
    let scene = somebody_listens().await;
    let token = scene.trainer.as_str();
    let due = scene.vault.get(&format!("/v1/recordings/{}", scene.id)).token(token).send().await;
    let due = due.json()["due_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let now = scene.vault.clock.now().to_string().parse::<jiff::Timestamp>().unwrap();
    let tick = SignedDuration::from_millis(1);
    scene.vault.advance(due.duration_since(now) - tick);
    assert_eq!(scene.listen().await, StatusCode::OK, "a millisecond before");
    scene.vault.advance(tick);
    assert_eq!(scene.listen().await, StatusCode::GONE);
}

#[tokio::test]
async fn what_the_eraser_took_is_erased_at_once_and_no_longer_past_due() {
    let scene = somebody_listens().await;
    scene.vault.clock.jump(SignedDuration::from_hours(24 * 91));
    let code =
        async || scene.vault.listen(&scene.trainer, scene.id, "purpose=training").await.code();
    assert_eq!(code().await, "past_due");
    scene.vault.vault.confirm_erasing().await.unwrap();
    assert_eq!(scene.vault.vault.erase_due().await.unwrap().erased, 1);
    assert_eq!(code().await, "erased");
}

#[tokio::test]
async fn a_recording_marked_as_lost_is_gone_at_once() {
    let scene = somebody_listens().await;
    let store: &Store = &scene.vault.store;
    store.delete(&[callvault::model::RecordingId(scene.id)]).await;
    let options =
        ReconcileOptions { dry_run: false, confirm: false, grace: SignedDuration::from_hours(1) };
    assert_eq!(scene.vault.vault.reconcile(options).await.unwrap().marked_lost, 1);
    assert_eq!(scene.listen().await, StatusCode::GONE);
}

#[tokio::test]
async fn what_another_node_changes_counts_within_half_a_second() {
    let scene = somebody_listens().await;
    let other = other_node(&scene).await;
    let path = format!("/v1/recordings/{}/restriction", scene.id);
    let dpo = other.token(Role::Compliance).await;
    let case = json!({"case": "C-9"});
    let restricted = other.post(&path).token(&dpo).json(&case).send().await;
    assert_eq!(restricted.status, StatusCode::NO_CONTENT);
    scene.vault.advance(SignedDuration::from_millis(500));
    assert_eq!(scene.listen().await, StatusCode::LOCKED);

    let holder = other.vault.authenticate(&scene.trainer).await.unwrap();
    other.vault.revoke_token(holder.id).await.unwrap();
    scene.vault.advance(SignedDuration::from_millis(500));
    assert_eq!(scene.listen().await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_row_is_read_once_for_the_ranges_that_a_player_asks_for_one_after_the_other() {
    let scene = somebody_listens().await;
    // Another node's change is the way to see from outside whether the index was asked again.
    let other = other_node(&scene).await;
    let holder = other.vault.authenticate(&scene.trainer).await.unwrap();
    other.vault.revoke_token(holder.id).await.unwrap();
    scene.vault.advance(SignedDuration::from_millis(499));
    assert_eq!(scene.listen().await, StatusCode::OK);
}

#[tokio::test]
async fn a_listener_of_another_tenant_is_not_helped_by_what_was_read_for_the_first() {
    let scene = somebody_listens().await;
    let stranger = scene.vault.token(Role::CustomerListener).await;
    let answer = scene.vault.listen(&stranger, scene.id, "purpose=own_use").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}
