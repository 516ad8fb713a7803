//! Issuing a certificate, killed in the middle: there is one entry about it, and one certificate.

use std::time::Duration;

use callvault::ledger::verify;
use jiff::SignedDuration;

use super::{Site, With, eventually, support};
use crate::harness::{Engine, tone};

#[tokio::test]
async fn a_certificate_whose_issuing_is_killed_is_issued_once() {
    let site = Site::on(Engine::Sqlite).await;
    let auditor = site.ok(&["token", "create", "--name", "a", "--role", "auditor"]).await;
    let auditor = auditor.out.trim().to_owned();
    let node = site.serve().await;
    let fields = support(SignedDuration::from_mins(5), "c1");
    let uploaded = node.upload(&site.pbx, &fields, tone(1.0, 1)).await;
    let id = uploaded.id();
    let early = ["erase-early", &id.to_string(), "--cause", "pci", "--case", "C-1"];
    let compliance = site.ok(&["token", "create", "--name", "c", "--role", "compliance"]).await;
    let with = With {
        env: vec![
            ("CALLVAULT_URL", node.url.clone()),
            ("CALLVAULT_TOKEN", compliance.out.trim().to_owned()),
        ],
        ..With::default()
    };
    let erased = site.run(&early, &with).await;
    assert_eq!(erased.code, Some(0), "{}", erased.err);
    node.kill().await;
    let path = format!("/v1/erasures/{id}/certificate");
    let node = site.serve_with(&With::stop_at("certificate.issuing")).await;
    // What the first process took of the log is free again after a while: until then it is busy.
    let mut last = String::new();
    for _ in 0..40 {
        let asked = tokio::time::timeout(Duration::from_secs(1), node.try_get(&path, &auditor));
        match asked.await {
            Ok(answer) => last = answer.map_or_else(|error| error.to_string(), |a| a.text()),
            Err(_) if node.log.text().contains("reached") => break,
            Err(_) => "no answer".clone_into(&mut last),
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(node.log.text().contains("reached"), "{last}\n{}", node.log.text());
    node.kill().await;
    let node = site.serve().await;
    eventually("it is issued", async || node.get(&path, &auditor).await.status == 200).await;
    let first = node.get(&path, &auditor).await;
    assert_eq!(first.status, 200, "{}", String::from_utf8_lossy(&first.body));
    assert_eq!(node.get(&path, &auditor).await.body, first.body);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("c.json"), &first.body).unwrap();
    for (path, name) in
        [(format!("{path}/note"), "c.note"), (format!("/v1/erasures/{id}/proof"), "c.tlog-proof")]
    {
        // The log that holds the proof may be busy a little longer than the certificate.
        eventually("it has its proof", async || node.get(&path, &auditor).await.status == 200)
            .await;
        let answer = node.get(&path, &auditor).await;
        assert_eq!(answer.status, 200);
        std::fs::write(dir.path().join(name), &answer.body).unwrap();
    }
    node.kill().await;
    let export = dir.path().join("export");
    site.ok(&["ledger", "export", export.to_str().unwrap()]).await;
    let key = std::fs::read_to_string(export.join("provider/vkey")).unwrap().parse().unwrap();
    verify::certificate(&dir.path().join("c.json"), &key).unwrap();
    let events = crate::ledger::events(&export.join("provider"));
    let issued = events.iter().filter(|event| *event == "certificate.issued").count();
    assert_eq!(issued, 1, "{events:?}");
}
