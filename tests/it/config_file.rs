//! `config/callvault.toml` is the reference of the settings: it says every key, and the truth.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use callvault::config::Config;
use figment::Figment;
use figment::providers::{Format, Toml};
use serde_json::Value;

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/callvault.toml")
}

/// A line that is a setting taken out by a `#`.
fn setting(line: &str) -> Option<&str> {
    let line = line.strip_prefix('#')?;
    let (key, _) = line.split_once(" = ")?;
    key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_').then_some(line)
}

/// The file with every setting back in, and the keys it says have no default.
fn reference() -> (String, Vec<String>) {
    let (mut text, mut without) = (String::new(), Vec::new());
    let (mut section, mut comment, mut after_setting) = ("", String::new(), false);
    for line in std::fs::read_to_string(path()).unwrap().lines() {
        if let Some(setting) = setting(line) {
            // What is said is said of all the settings that follow at once.
            if comment.to_lowercase().contains("no default") {
                let key = setting.split(" = ").next().unwrap();
                without.push(format!("{section}.{key}"));
            }
            text.push_str(setting);
        } else {
            if after_setting || !line.starts_with('#') {
                comment.clear();
            }
            comment.push_str(line);
            if let Some(name) = line.strip_prefix('[') {
                section = [
                    "http",
                    "index",
                    "store",
                    "keyring",
                    "retention",
                    "training",
                    "ledger",
                    "provider",
                    "sign_in",
                    "oidc",
                    "webhooks",
                    "log",
                ]
                .into_iter()
                .find(|known| name == format!("{known}]"))
                .unwrap_or_else(|| panic!("{line} is no section"));
            }
            text.push_str(line);
        }
        after_setting = setting(line).is_some();
        text.push('\n');
    }
    (text, without)
}

/// Every key with its value, as `section.key`.
fn flat(settings: &Value) -> BTreeMap<String, Value> {
    let mut keys = BTreeMap::new();
    for (name, value) in settings.as_object().unwrap() {
        match value {
            Value::Object(section) => {
                keys.extend(section.iter().map(|(k, v)| (format!("{name}.{k}"), v.clone())));
            }
            value => drop(keys.insert(name.clone(), value.clone())),
        }
    }
    keys
}

fn load(text: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("callvault.toml");
    std::fs::write(&path, text).unwrap();
    Config::load(Some(&path), Vec::new()).unwrap_or_else(|error| panic!("{error}"))
}

fn json(config: &Config) -> Value {
    serde_json::to_value(config).unwrap()
}

#[test]
fn the_file_as_it_is_changes_nothing() {
    let loaded = Config::load(Some(&path()), Vec::new()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(json(&loaded), json(&Config::default()));
}

#[test]
fn every_setting_is_in_the_file() {
    let said: Value = Figment::from(Toml::string(&reference().0)).extract().unwrap();
    let said: Vec<_> = flat(&said).into_keys().collect();
    let all: Vec<_> = flat(&json(&Config::default())).into_keys().collect();
    assert!(all.len() > 20, "{all:?}");
    assert_eq!(said, all);
}

#[test]
fn what_the_file_says_is_the_default() {
    let (text, without) = reference();
    let (said, built_in) = (load(&text), Config::default());
    assert_eq!(said.index_url(), built_in.index_url());
    assert_eq!(said.store().url, built_in.store().url);
    assert_eq!(said.keyring_files(), built_in.keyring_files());
    // What is made from `data_dir` was compared above.
    let made = ["index.url", "store.url", "keyring.url", "keyring.root_paths", "ledger.key_path"];
    assert_eq!(said.ledger_key(), built_in.ledger_key());
    let (said, built_in) = (flat(&json(&said)), flat(&json(&built_in)));
    let mut compared = 0;
    for (key, value) in &built_in {
        if without.contains(key) {
            let none = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
            assert!(none, "{key} has a default: {value}");
        } else if !made.contains(&key.as_str()) {
            assert_eq!(said.get(key), Some(value), "{key}");
            compared += 1;
        }
    }
    assert!(compared >= 10, "only {compared} compared");
}
