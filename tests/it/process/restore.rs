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
