//! The restore drill: an old index, even with the old bucket, brings nothing back that was erased.

use std::fs;

use jiff::SignedDuration;

use super::{Site, With, acme, files, support};
use crate::harness::{Engine, tone};

#[tokio::test]
async fn an_index_from_before_an_erasure_plays_nothing_that_was_forgotten() {
    let site = Site::on(Engine::Sqlite).await;
    let node = site.serve().await;
    let secret = tone(1.0, 1);
    let gone = node.upload(&site.pbx, &acme("a-1"), secret.clone()).await.id();
    let audio = tone(1.0, 2);
    let call = support(SignedDuration::from_hours(1), "s-1");
    let kept = node.upload(&site.pbx, &call, audio.clone()).await.id();
    assert_eq!(node.play(&site.listener, gone, "own_use").await.body, secret);
    node.terminate().await;
    assert_eq!(node.end().await, Some(0));
    let (data, backup) = (site.data(), site.dir.path().join("backup"));
    let saved: Vec<_> = files(&data)
        .into_iter()
        .map(|path| path.strip_prefix(&data).unwrap().to_owned())
        .filter(|name| name.starts_with("objects") || name.to_string_lossy().contains("index.db"))
        .collect();
    for name in &saved {
        fs::create_dir_all(backup.join(name).parent().unwrap()).unwrap();
        fs::copy(data.join(name), backup.join(name)).unwrap();
    }

    let later = With::days_ahead(31);
    assert_eq!(site.run(&["erase", "--confirm"], &later).await.code, Some(0));
    assert_eq!(site.run(&["forget"], &later).await.code, Some(0));
    for path in files(&data).iter().filter(|path| path.to_string_lossy().contains("index.db")) {
        fs::remove_file(path).unwrap();
    }
    for name in &saved {
        fs::copy(backup.join(name), data.join(name)).unwrap();
    }

    // Whatever the clock says: set back, so that no date refuses it, or right.
    for with in [With::default(), later] {
        let node = site.serve_with(&with).await;
        for form in ["own_use", "own_use&as=wav"] {
            let answer = node.play(&site.listener, gone, form).await;
            // The log says that it was erased, and so it is again.
            assert_eq!(answer.status, 410, "{}", answer.text());
            assert!(answer.body.len() < 2000 && !answer.body.starts_with(b"RIFF"));
        }
        assert_eq!(node.play(&site.trainer, kept, "training").await.body, audio);
        node.kill().await;
    }
}

/// The whole drill: a backup of the index, then a renewal and a forgetting, then a disaster.
async fn drill(engine: Engine) {
    let site = Site::on(engine).await;
    let node = site.serve().await;
    let kept = node.upload(&site.pbx, &acme("a-1"), tone(0.5, 1)).await.id();
    let gone = node.upload(&site.pbx, &acme("a-2"), tone(0.5, 2)).await.id();
    let call = support(SignedDuration::from_hours(1), "s-1");
    let trained = node.upload(&site.pbx, &call, tone(0.5, 3)).await.id();
    node.terminate().await;
    assert_eq!(node.end().await, Some(0));
    let backup = site.back_up_index().await;

    let node = site.serve().await;
    let after = node.upload(&site.pbx, &acme("a-3"), tone(0.5, 4)).await.id();
    node.erase_early(&site, gone).await;
    site.ok(&["forget"]).await;
    assert_eq!(node.play(&site.listener, kept, "own_use").await.body, tone(0.5, 1));
    assert_eq!(node.play(&site.listener, after, "own_use").await.body, tone(0.5, 4));
    node.kill().await;
    // All of it is signed and exported.
    site.ok(&["ledger", "status"]).await;

    // The index is lost. What is left: its backup, the newest keyring, the store.
    let with = With { env: vec![("CALLVAULT_INDEX__URL", backup)], ..With::default() };
    let node = site.serve_with(&with).await;
    // The entries were put back at the start, and with them what they tell of.
    let answer = node.play(&site.listener, gone, "own_use").await;
    assert_eq!(answer.problem(), (410, "erased".to_owned()));
    assert_eq!(node.play(&site.listener, kept, "own_use").await.status, 500, "not yet");
    node.kill().await;
    let done = site.run(&["restore", "--json"], &with).await;
    let found = done.json();
    assert_eq!(done.code, Some(1), "one recording came in after the backup: {}", done.err);
    assert_eq!((&found["erased_again"], &found["unindexed"]), (&0.into(), &1.into()), "{found}");
    assert_eq!((&found["lost"], &found["damaged"]), (&0.into(), &0.into()), "{found}");

    let node = site.serve_with(&with).await;
    assert_eq!(node.play(&site.listener, kept, "own_use").await.body, tone(0.5, 1));
    assert_eq!(node.play(&site.trainer, trained, "training").await.body, tone(0.5, 3));
    let answer = node.play(&site.listener, gone, "own_use").await;
    assert_eq!(answer.problem(), (410, "erased".to_owned()));
    let seen = site.run(&["reconcile", "--grace", "PT0S", "--json"], &with).await.json();
    assert_eq!((&seen["unindexed"], &seen["orphans"]), (&1.into(), &0.into()), "{seen}");
    assert_eq!((&seen["objects"], &seen["missing"]), (&3.into(), &0.into()), "{seen}");
    let scrubbed = site.run(&["scrub", "--all", "--json"], &with).await;
    assert_eq!((scrubbed.code, &scrubbed.json()["objects"]), (Some(0), &2.into()));
}

#[tokio::test]
async fn an_index_from_before_a_renewal_is_restored_with_the_journal() {
    drill(Engine::Sqlite).await;
}

#[tokio::test]
async fn an_index_from_before_a_renewal_is_restored_with_the_journal_at_scale() {
    drill(Engine::Postgres).await;
}
