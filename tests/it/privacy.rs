//! No personal data where it does not belong (I11, I12): unique values go in, and everything that
//! is written down is searched for them.

use std::io::Write;
use std::sync::{Arc, Mutex};

use callvault::index::ledger_entries;
use callvault::model::{ControllerId, RecordingId, Role};
use futures_util::StreamExt;

use crate::harness::{ACME, SUPPORT, TestVault, tone};

const CANARIES: &[&str] = &[
    "208675309",
    "687654321",
    "canary-agent",
    "canary-queue",
    "canary-call",
    "canary-leg",
    "canary-line",
    "canary-file",
    "canary-note",
    "canary-tag",
];

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_personal_is_in_no_ledger_log_metric_name_or_tombstone() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let vault = TestVault::new().await;
    let fields = |base: &[(&'static str, &'static str)]| {
        let mut fields = base.to_vec();
        fields.retain(|(name, _)| !["caller", "callee", "agent", "queue", "line"].contains(name));
        fields.extend([
            ("caller", "0208675309"),
            ("callee", "+31687654321"),
            ("agent", "canary-agent"),
            ("queue", "canary-queue"),
            ("line", "canary-line"),
            ("call_id", "canary-call"),
            ("leg", "canary-leg"),
        ]);
        fields
    };
    let support = vault.recording(&fields(SUPPORT), &tone(1.0, 1)).await;
    let acme = vault.recording(&fields(ACME), &tone(1.0, 2)).await;
    let refused = vault.upload(&fields(SUPPORT), b"canary-file is no audio").await;
    let ingest = vault.token(Role::Ingest).await;
    let path =
        "/v1/recordings/canary-file.wav?class=support&caller=0208675309&ended_at=canary-call";
    let bad = vault.request(axum::http::Request::put(path)).token(&ingest).send().await;
    let trainer = vault.token(Role::Trainer).await;
    vault.get("/v1/recordings?number=0208675309").token(&trainer).send().await;
    vault.listen(&trainer, support, "purpose=training").await;
    let note = serde_json::json!({"at": 0.5, "text": "canary-note"});
    let notes = format!("/v1/recordings/{support}/notes");
    let noted = vault.post(&notes).token(&trainer).json(&note).send().await;
    assert_eq!(noted.status, axum::http::StatusCode::CREATED, "{}", noted.text());
    let tags = axum::http::Request::put(format!("/v1/recordings/{support}/tags"));
    let tags = vault.request(tags).token(&trainer);
    let tagged = tags.json(&serde_json::json!({"tags": ["canary-tag"]})).send().await;
    assert_eq!(tagged.status, axum::http::StatusCode::OK, "{}", tagged.text());
    for sought in ["tag=canary-tag", "q=canary-note"] {
        let found = vault.get(&format!("/v1/recordings?{sought}")).token(&trainer).send().await;
        assert_eq!(found.json()["items"].as_array().unwrap().len(), 1, "{sought}");
    }
    vault.vault.end_own_playbacks().await.unwrap();
    vault.advance_days(200);
    vault.vault.confirm_erasing().await.unwrap();
    vault.vault.erase_due().await.unwrap();
    vault.vault.erase_due().await.unwrap();

    let mut written = vec![
        ("log", String::from_utf8(log.0.lock().unwrap().clone()).unwrap()),
        ("refusal", refused.text()),
        ("error", bad.text()),
    ];
    for id in [support, acme] {
        let row = crate::erasing::row(&vault, id).await;
        assert_eq!(row.state, callvault::model::State::Tombstone);
        written.push(("tombstone", format!("{row:?}")));
        written.push(("ledger", ledger(&vault, row.controller).await));
    }
    let names: Vec<_> = vault.store.list().map(|listed| listed.unwrap().name).collect().await;
    written.push(("object names", names.join("\n")));
    vault.vault.project().await.unwrap();
    let export = vault.dir.path().join("export");
    vault.vault.export_logs(&export, None).await.unwrap();
    for folder in [export, vault.dir.path().join("objects/ledger")] {
        let files = crate::process::files(&folder);
        assert!(files.iter().any(|file| file.ends_with("checkpoint")), "{files:?}");
        for file in files {
            let bytes = std::fs::read(&file).unwrap();
            let text = format!("{}\n{}", file.display(), String::from_utf8_lossy(&bytes));
            written.push(("exported ledger", text));
        }
    }
    let database = std::fs::read(vault.dir.path().join("index.db")).unwrap();
    written.push(("index file", String::from_utf8_lossy(&database).into_owned()));
    assert!(written[0].1.contains("request"), "the log was caught at all");
    for (place, text) in &written {
        for canary in CANARIES {
            assert!(!text.contains(canary), "{canary} is in the {place}");
        }
        assert!(!text.contains(&trainer), "a token is in the {place}");
    }
}

async fn ledger(vault: &TestVault, controller: ControllerId) -> String {
    let entries = ledger_entries::list(vault.vault.index(), controller, 0, 1000).await.unwrap();
    assert!(!entries.is_empty());
    entries.iter().map(|entry| entry.body.clone()).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn the_index_holds_no_number_and_no_digest_in_clear_while_a_recording_lives() {
    let vault = TestVault::new().await;
    let audio = tone(1.0, 1);
    let id = vault.recording(SUPPORT, &audio).await;
    let digest: [u8; 32] = {
        use sha2::Digest;
        sha2::Sha256::digest(&audio).into()
    };
    callvault::index::recordings::find(vault.vault.index(), RecordingId(id)).await.unwrap();
    for file in ["index.db", "index.db-wal"] {
        let bytes = std::fs::read(vault.dir.path().join(file)).unwrap_or_default();
        for secret in [&b"201234567"[..], b"881234567", &digest] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{file}");
        }
    }
}
