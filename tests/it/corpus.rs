//! The whole corpus through the API, as a PBX would send it: good files and malformed ones.

use axum::http::StatusCode;
use callvault::model::Role;
use callvault::vault::TrainingSettings;

use crate::audio_corpus::{expected_reason, files, format_of};
use crate::harness::{SUPPORT, TestResponse, TestVault};

/// Uploads a file of the corpus as a call of its own.
async fn upload(vault: &TestVault, token: &str, name: &str, bytes: &[u8]) -> TestResponse {
    let mut fields = SUPPORT.to_vec();
    fields.push(("call_id", name));
    let format = format_of(name);
    if let Some(format) = &format {
        fields.push(("format", format));
    }
    vault.upload_as(token, &fields, bytes).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_good_file_is_taken_in_and_plays_as_wav_or_says_why_not() {
    // One person hears more here than anybody should in a day.
    let all = TrainingSettings { daily_cap: 0, ..TrainingSettings::default() };
    let vault = TestVault::new().await.with_training(all).await;
    let (pbx, trainer) = (vault.token(Role::Ingest).await, vault.token(Role::Trainer).await);
    let mut heard = 0;
    for (name, bytes) in files("ok") {
        let answer = upload(&vault, &pbx, &name, &bytes).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{name}: {}", answer.text());
        let recording = answer.json();
        let id = recording["id"].as_str().unwrap().parse().unwrap();
        let original = vault.listen(&trainer, id, "purpose=training").await;
        assert!(original.body == bytes, "{name} comes back as it came");
        let wav = vault.listen(&trainer, id, "purpose=training&as=wav").await;
        if let Some(reason) = expected_reason(&name) {
            assert_eq!(recording["playable"], false, "{name}");
            assert_eq!(recording["unplayable_reason"], reason, "{name}");
            assert_eq!(wav.code(), "not_playable", "{name}");
            continue;
        }
        assert_eq!(wav.status, StatusCode::OK, "{name}: {}", wav.text());
        assert!(!wav.cut && wav.body.starts_with(b"RIFF"), "{name}");
        let seconds = recording["duration"].as_f64().unwrap();
        assert!((seconds - 60.0).abs() < 0.5, "{name}: {seconds} s");
        heard += 1;
    }
    assert!(heard > 100, "the corpus is whole: {heard} played");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_malformed_file_fails_the_vault() {
    let vault = TestVault::new().await;
    let (pbx, trainer) = (vault.token(Role::Ingest).await, vault.token(Role::Trainer).await);
    for (name, bytes) in files("bad") {
        let answer = upload(&vault, &pbx, &name, &bytes).await;
        match answer.status {
            StatusCode::CREATED => {
                let recording = answer.json();
                let id = recording["id"].as_str().unwrap().parse().unwrap();
                let wav = vault.listen(&trainer, id, "purpose=training&as=wav").await;
                let expected = if recording["playable"] == true { 200 } else { 409 };
                assert_eq!(wav.status.as_u16(), expected, "{name}: {recording}");
            }
            StatusCode::UNSUPPORTED_MEDIA_TYPE => assert_eq!(answer.code(), "not_audio", "{name}"),
            status => panic!("{name}: {status} {}", answer.text()),
        }
    }
}
