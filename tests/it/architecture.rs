//! Which room may import which, what is named in one place only, and how long a file may get.

use std::fs;
use std::path::{Path, PathBuf};

/// Each room and the rooms it may import, from the ground up.
const ROOMS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("crypto", &["model"]),
    ("audio", &["model"]),
    ("store", &["model"]),
    ("index", &["model"]),
    ("retention", &["model"]),
    ("ledger", &["model", "crypto", "index"]),
    ("vault", &["model", "crypto", "audio", "store", "index", "ledger", "retention"]),
    ("http", &["model", "vault"]),
    ("web", &[]),
    ("config", &["model", "store", "retention", "vault"]),
    ("telemetry", &["config"]),
    (
        "cli",
        &[
            "model",
            "crypto",
            "audio",
            "store",
            "index",
            "ledger",
            "retention",
            "vault",
            "http",
            "web",
            "config",
            "telemetry",
        ],
    ),
    ("lib", &[]),
    ("main", &[]),
];

/// What is named in these rooms only.
const NAMED_IN: &[(&str, &[&str])] = &[
    ("sqlx::", &["index", "model"]),
    ("axum::", &["http", "web", "cli"]),
    ("object_store::", &["store"]),
    ("aes_gcm::", &["crypto"]),
    ("symphonia::", &["audio"]),
    ("std::env::", &["config"]),
    ("SystemTime::now", &[]),
];

/// The longest a file may get, its tests included.
const CAP: usize = 400;

#[test]
fn rooms_import_only_what_they_may() {
    let mut wrong = Vec::new();
    for (room, file, text) in sources() {
        let (_, allowed) = ROOMS
            .iter()
            .find(|(name, _)| *name == room)
            .unwrap_or_else(|| panic!("{room} is not a known room"));
        for imported in imports(&text) {
            if imported != room && !allowed.contains(&imported) {
                wrong.push(format!("{} imports {imported}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn outside_crates_stay_in_their_rooms() {
    let mut wrong = Vec::new();
    for (room, file, text) in sources() {
        for (name, rooms) in NAMED_IN {
            if code(&text).contains(name) && !rooms.contains(&room.as_str()) {
                wrong.push(format!("{} names {name}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_changes_rows_says_so() {
    // A transaction begun behind the back of `recent` would leave old rows in use.
    let wrong: Vec<_> = sources()
        .into_iter()
        .filter(|(room, file, text)| {
            room == "vault" && !file.ends_with("recent.rs") && code(text).contains("0.index.begin(")
        })
        .map(|(_, file, _)| file.display().to_string())
        .collect();
    assert!(wrong.is_empty(), "use change() or addition(): {}", wrong.join("\n"));
}

#[test]
fn no_file_grows_past_the_cap() {
    let long: Vec<_> = sources()
        .into_iter()
        .filter(|(_, _, text)| text.lines().count() > CAP)
        .map(|(_, file, text)| format!("{}: {} lines", file.display(), text.lines().count()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

/// Every source file: its room, its path, its text.
fn sources() -> Vec<(String, PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    rust_files(&src)
        .into_iter()
        .map(|file| {
            let first = file.strip_prefix(&src).unwrap().components().next().unwrap();
            let room = first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned();
            let text = fs::read_to_string(&file).unwrap();
            (room, file, text)
        })
        .collect()
}

/// The text without its tests.
fn code(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

/// The rooms that `text` names as `crate::room` or `crate::{room, …}`.
fn imports(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for rest in code(text).split("crate::").skip(1) {
        if rest.starts_with("text_enum") || rest.starts_with("model::UnknownWord") {
            continue;
        }
        let names = match rest.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or(list).split(',').collect(),
            None => vec![rest],
        };
        for name in names {
            let name = name.trim();
            let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
            if !name[..end].is_empty() {
                found.push(&name[..end]);
            }
        }
    }
    found
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files
}
