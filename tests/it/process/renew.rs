//! A renewal, and the journal, killed at each step: what lives plays, what left opens nowhere, and
//! a restored index knows of all of it.

use callvault::index::{Db, Pool, recordings as rows};
use callvault::model::RecordingId;
use serde_json::json;
use sqlx::Connection;
use uuid::Uuid;

use super::{Process, Site, With, acme};
use crate::erasing::opens_with;
use crate::harness::{Engine, tone};

impl Site {
    /// A copy of the index as it is now, while nothing has it open.
    pub(super) async fn back_up_index(&self) -> String {
        if self.index_url.starts_with("sqlite") {
            let index = self.index().await;
            assert!(index.checkpoint().await.unwrap());
            index.close().await;
            let to = self.dir.path().join(format!("backup-{}.db", Uuid::new_v4()));
            std::fs::copy(self.data().join("index.db"), &to).unwrap();
            return format!("sqlite:{}", to.display());
        }
        let (server, name) = self.index_url.rsplit_once('/').unwrap();
        let copy = format!("copy_{}", Uuid::new_v4().simple());
        let mut admin = sqlx::PgConnection::connect(&format!("{server}/postgres")).await.unwrap();
        let create = format!("CREATE DATABASE {copy} TEMPLATE {name}");
        super::eventually("nobody uses the index", async || {
            let create = sqlx::AssertSqlSafe(create.clone());
            sqlx::raw_sql(create).execute(&mut admin).await.is_ok()
        })
        .await;
        format!("{server}/{copy}")
    }
}

impl Site {
    /// Loses what was exported of the ledger and what its key remembers: the journal is what is left.
    fn lose_the_ledger(&self) {
        std::fs::remove_dir_all(self.data().join("objects/ledger")).unwrap();
        std::fs::remove_dir_all(self.data().join("ledger.key.state")).unwrap();
    }
}

impl Process {
    /// Erases a recording of acme because somebody asked for it.
    pub(super) async fn erase_early(&self, site: &Site, id: Uuid) {
        let role = ["--role", "customer_admin", "--customer", "acme"];
        let make = ["token", "create", "--name", "admin"];
        let token = site.ok(&[&make[..], &role].concat()).await.out.trim().to_owned();
        let url = format!("{}/v1/recordings/{id}/erasure", self.url);
        let body = json!({"cause": "request", "case": "C-1"}).to_string();
        let request =
            site.http.post(url).bearer_auth(token).header("content-type", "application/json");
        let answer = request.body(body).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{}", answer.text().await.unwrap());
    }
}

/// Kills `args` at a step of a renewal and lets the next night go on.
async fn killed(args: &[&str], point: &'static str) {
    let site = Site::on(Engine::Sqlite).await;
    let node = site.serve().await;
    let mut kept = Vec::new();
    for seed in 1..4 {
        let id = node.upload(&site.pbx, &acme(&format!("k-{seed}")), tone(0.3, seed)).await.id();
        kept.push((id, seed));
    }
    let gone = node.upload(&site.pbx, &acme("g"), tone(0.3, 9)).await.id();
    node.terminate().await;
    assert_eq!(node.end().await, Some(0));
    let backup = site.back_up_index().await;
    let node = site.serve().await;
    node.erase_early(&site, gone).await;
    node.kill().await;

    let index = site.index().await;
    let day = rows::find(&index, RecordingId(gone)).await.unwrap().unwrap().key.day.to_string();
    index.close().await;
    let args: Vec<_> =
        args.iter().map(|arg| if *arg == "DAY" { day.as_str() } else { arg }).collect();
    let dying = site.start(&args, &With::stop_at(point));
    dying.stands_still().await;
    dying.kill().await;

    let plays = async |node: &Process| {
        for (id, seed) in &kept {
            let heard = node.play(&site.listener, *id, "own_use").await;
            assert_eq!(heard.body, tone(0.3, *seed), "{}", heard.text());
        }
    };
    let node = site.serve().await;
    plays(&node).await;
    let done = site.run(&["forget", "--json"], &With::default()).await;
    assert_eq!(done.code, Some(0), "{}", done.err);
    plays(&node).await;
    node.kill().await;
    assert!(!opens(&site, &backup, gone).await, "no backup opens what left");

    // And from that backup everything that lives comes back, whatever became of the ledger.
    site.lose_the_ledger();
    let with = With { env: vec![("CALLVAULT_INDEX__URL", backup)], ..With::default() };
    let done = site.run(&["restore", "--json"], &with).await;
    assert_eq!(done.code, Some(0), "{}{}", done.out, done.err);
    assert_eq!(done.json()["erased_again"], 1, "{}", done.out);
    let node = site.serve_with(&with).await;
    plays(&node).await;
    assert_eq!(node.play(&site.listener, gone, "own_use").await.status, 410);
}

/// Whether the row in the backup opens with the keys there are now.
async fn opens(site: &Site, backup: &str, id: Uuid) -> bool {
    let roots = vec![site.data().join("root.key")];
    let place = callvault::crypto::Files::new(site.data().join("keyring"), roots);
    let keys = callvault::crypto::Keys::open(std::sync::Arc::new(place)).await.unwrap();
    let index = Db::connect(backup, &Pool::default()).await.unwrap();
    let row = rows::find(&index, RecordingId(id)).await.unwrap().unwrap();
    index.close().await;
    opens_with(&keys, &row)
}

const RENEW: &[&str] = &["keyring", "renew", "DAY"];

#[tokio::test]
async fn killed_when_the_new_key_is_made() {
    killed(RENEW, "renew.key_made").await;
}

#[tokio::test]
async fn killed_when_the_day_is_fenced() {
    killed(RENEW, "renew.fenced").await;
}

#[tokio::test]
async fn killed_when_the_journal_has_the_new_wraps() {
    killed(RENEW, "renew.journaled").await;
}

#[tokio::test]
async fn killed_while_wraps_are_written() {
    killed(RENEW, "renew.wrapping").await;
}

#[tokio::test]
async fn killed_when_wraps_are_written() {
    killed(RENEW, "renew.wrapped").await;
}

#[tokio::test]
async fn killed_when_numbers_are_written() {
    killed(RENEW, "renew.resealed").await;
}

#[tokio::test]
async fn killed_when_it_is_ready() {
    killed(RENEW, "renew.ready").await;
}

#[tokio::test]
async fn killed_when_the_journal_is_written_and_not_marked() {
    killed(&["forget"], "journal.appended").await;
}

#[tokio::test]
async fn killed_while_the_journal_is_marked() {
    killed(&["forget"], "journal.marking").await;
}

#[tokio::test]
async fn killed_when_the_older_key_is_dropped_and_nobody_was_told() {
    killed(&["forget"], "forget.forgotten").await;
}

#[tokio::test]
async fn a_restore_that_is_killed_is_run_again() {
    let site = Site::on(Engine::Sqlite).await;
    let node = site.serve().await;
    let kept = node.upload(&site.pbx, &acme("k"), tone(0.3, 1)).await.id();
    let gone = node.upload(&site.pbx, &acme("g"), tone(0.3, 2)).await.id();
    node.terminate().await;
    node.end().await;
    let backup = site.back_up_index().await;
    let node = site.serve().await;
    node.erase_early(&site, gone).await;
    node.kill().await;
    site.ok(&["forget"]).await;
    site.lose_the_ledger();
    let with = With { env: vec![("CALLVAULT_INDEX__URL", backup)], ..With::default() };
    for point in ["restore.replayed", "erase.key_destroyed", "restore.batch"] {
        let dying = site.start(&["restore"], &with.clone().and_stop_at(point));
        dying.stands_still().await;
        dying.kill().await;
    }
    let done = site.run(&["restore"], &with).await;
    assert_eq!(done.code, Some(0), "{}{}", done.out, done.err);
    let node = site.serve_with(&with).await;
    assert_eq!(node.play(&site.listener, kept, "own_use").await.body, tone(0.3, 1));
    assert_eq!(node.play(&site.listener, gone, "own_use").await.status, 410);
}
