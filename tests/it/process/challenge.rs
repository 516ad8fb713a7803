//! Asking for proof and checking it, each with one command.

use super::{Site, With, eventually, support};
use crate::harness::{Engine, tone};
use jiff::SignedDuration;

#[tokio::test]
async fn an_auditor_asks_with_one_command_and_checks_with_another() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let site = Site::on(engine).await;
        let auditor = site.ok(&["token", "create", "--name", "a", "--role", "auditor"]).await;
        let node = site.serve().await;
        for seed in 0..3 {
            let fields = support(SignedDuration::from_mins(5), &format!("c{seed}"));
            let answer = node.upload(&site.pbx, &fields, tone(1.0, seed)).await;
            assert_eq!(answer.status, 201);
        }
        let with = With {
            env: vec![
                ("CALLVAULT_URL", node.url.clone()),
                ("CALLVAULT_TOKEN", auditor.out.trim().to_owned()),
            ],
            ..With::default()
        };
        let file = site.dir.path().join("answer.json");
        let file = file.to_str().unwrap();
        let ask = ["challenge", "--samples", "9", "--nonce", "a-nonce-of-some-length"];
        let asked = site.run(&[&ask[..], &["--output", file]].concat(), &with).await;
        assert_eq!(asked.code, Some(0), "{}", asked.err);
        assert!(asked.out.contains("of recordings") && asked.out.contains('3'), "{}", asked.out);
        let to = site.dir.path().join("export");
        let dir = to.to_str().unwrap();
        eventually("the logs are signed", async || {
            site.ok(&["ledger", "export", dir]).await.out.contains("provider")
        })
        .await;
        let (key, log) = (format!("{dir}/provider/vkey"), format!("{dir}/provider"));
        let check = ["verify", "--challenge", file, "--key", &key, "--log", &log];
        let done = site.ok(&[&check[..], &["--nonce", "a-nonce-of-some-length"]].concat()).await;
        assert!(done.out.contains("9 of 9 samples are there as accepted"), "{}", done.out);
        let other = [&check[..], &["--nonce", "a-nonce-that-was-not-sent"]].concat();
        let done = site.run(&other, &With::default()).await;
        assert_eq!(done.code, Some(1));
        assert!(done.err.contains("another nonce than the one you sent"), "{}", done.err);
        let mut text = std::fs::read_to_string(file).unwrap();
        text = text.replace("\"status\":\"held\"", "\"status\":\"altered\"");
        text = without_shown(&text);
        std::fs::write(file, text).unwrap();
        let done = site.run(&check, &With::default()).await;
        assert_eq!(done.code, Some(1), "what is not there fails");
        assert!(done.err.contains("9 not what was accepted"), "{}", done.err);
        node.kill().await;
    }
}

/// The answer without what is shown.
fn without_shown(text: &str) -> String {
    let mut answer: serde_json::Value = serde_json::from_str(text).unwrap();
    for sample in answer["samples"].as_array_mut().unwrap() {
        sample.as_object_mut().unwrap().remove("shown");
    }
    answer.to_string()
}
