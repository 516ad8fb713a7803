//! The command line as data: what is asked, what comes out and how it ends (`tests/cmd`).

use super::Site;
use crate::harness::Engine;

#[test]
fn the_command_line_answers_as_written_down() {
    let cases = trycmd::TestCases::new();
    cases.default_bin_path(env!("CARGO_BIN_EXE_callvault"));
    cases.case("tests/cmd/*.trycmd").case("tests/cmd/*.toml");
}

#[tokio::test]
async fn a_token_stands_alone_on_standard_output() {
    let site = Site::on(Engine::Sqlite).await;
    let made = site.ok(&["token", "create", "--role", "auditor", "--name", "a"]).await;
    let (token, rest) = made.out.split_once('\n').unwrap();
    assert_eq!((token.len(), rest), (43, ""), "256 bits and nothing else");
    assert!(made.err.contains("only this once") && !made.err.contains(token));
    let listed = site.ok(&["token", "list"]).await;
    assert!(listed.out.contains("auditor") && !listed.out.contains(token));
}

#[tokio::test]
async fn the_doctor_and_a_dry_run_speak_json_and_end_as_they_find() {
    let site = Site::on(Engine::Sqlite).await;
    let found = site.ok(&["doctor", "--json"]).await.json();
    assert!(found.as_array().unwrap().iter().all(|finding| finding["ok"] == true), "{found}");
    let due = site.ok(&["erase", "--dry-run", "--json"]).await;
    assert_eq!(due.json(), serde_json::json!({ "due": 0 }));
    std::fs::remove_file(site.data().join("root.key")).unwrap();
    let found = site.run(&["doctor", "--json"], &super::With::default()).await;
    assert_eq!(found.code, Some(1));
    assert!(found.json().as_array().unwrap().iter().any(|finding| finding["ok"] == false));
    let again = site.run(&["keyring", "init"], &super::With::default()).await;
    assert_eq!(again.code, Some(1), "a keyring is never made twice: {}", again.err);
}

#[tokio::test]
async fn every_copy_of_the_root_is_one_that_forgetting_destroys() {
    let site = Site::on(Engine::Sqlite).await;
    let with = |paths: &[&std::path::Path]| {
        let paths = serde_json::to_string(paths).unwrap();
        let env = vec![("CALLVAULT_KEYRING__ROOT_PATHS", paths)];
        super::With { env, ..super::With::default() }
    };
    let first = site.data().join("root.key");
    let disk = site.dir.path().join("disk");
    let second = disk.join("root.key");
    let add = ["keyring", "add-replica", second.to_str().unwrap()];
    std::fs::create_dir(&disk).unwrap();
    let refused = site.run(&add, &super::With::default()).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("root_paths") && !second.exists(), "{}", refused.err);

    let both = with(&[&first, &second]);
    let added = site.run(&add, &both).await;
    assert_eq!(added.code, Some(0), "{}", added.err);
    let status = site.run(&["keyring", "status", "--json"], &both).await;
    assert_eq!(status.code, Some(0), "{}{}", status.out, status.err);
    assert_eq!(site.run(&["forget"], &both).await.code, Some(0));
    assert_eq!(std::fs::read(&first).unwrap(), std::fs::read(&second).unwrap());

    // Its disk is away: a forgetting without it would leave the old root on it.
    std::fs::rename(&disk, site.dir.path().join("unmounted")).unwrap();
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["forget"], &["keyring", "status"]]
    {
        let refused = site.run(command, &both).await;
        assert_eq!(refused.code, Some(1), "{command:?}");
        assert!(refused.err.contains("mount its disk"), "{command:?}: {}", refused.err);
    }
    assert!(!disk.exists(), "nor is a folder made for it");
}
