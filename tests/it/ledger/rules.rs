//! A log can be well signed and still tell what cannot be: the verifier says what.

use std::fs;
use std::path::Path;

use callvault::ledger::tiles::{Layer, Tile, bundle, hash_bytes};
use callvault::ledger::tree::Edge;
use callvault::ledger::verify::{self, Against, Verified};
use callvault::ledger::{Checkpoint, Hash, Signer, compose};
use callvault::model::{Event, RecordingId, Timestamp};
use serde_json::{Value, json};

const DUE: &str = "2026-06-01T12:00:00Z";

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

/// Writes and signs a small log of these leaves after the first one.
fn log(dir: &Path, leaves: &[(Event, &str, Value)]) {
    let id: RecordingId = "5f0c0000-0000-4000-8000-000000000001".parse().unwrap();
    let origin = "rules.example/1/c/provider";
    let mut entries = vec![compose(at(DUE), Event::LogOpened, None, &json!({"origin": origin}))];
    entries
        .extend(leaves.iter().map(|(event, time, body)| compose(at(time), *event, Some(id), body)));
    let hashes: Vec<_> = entries.iter().map(|entry| Hash::of_leaf(entry.as_bytes())).collect();
    let mut edge = Edge::default();
    for hash in &hashes {
        edge.push(*hash);
    }
    let width = edge.size();
    let write = |layer, bytes: Vec<u8>| {
        let path = dir.join(Tile { layer, n: 0, width }.path());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    write(Layer::Hashes(0), hash_bytes(&hashes));
    write(Layer::Entries, bundle(entries.iter().map(String::as_bytes)));
    let signer = Signer::create(&dir.join("key")).unwrap();
    let checkpoint = Checkpoint { origin: origin.into(), size: width, root: edge.root() };
    fs::write(dir.join("vkey"), signer.vkey(origin).to_string()).unwrap();
    fs::write(dir.join("checkpoint"), signer.sign(&checkpoint, &[]).unwrap().to_string()).unwrap();
}

fn verified(leaves: &[(Event, &str, Value)]) -> Result<Verified, String> {
    let dir = tempfile::tempdir().unwrap();
    log(dir.path(), leaves);
    let verified = verify::directory(dir.path(), &Against::default());
    verified.map(|mut logs| logs.remove(0)).map_err(|error| error.to_string())
}

fn accepted() -> (Event, &'static str, Value) {
    let body = json!({ "class": "support", "due": DUE, "pol": "support/1" });
    (Event::RecordingAccepted, "2026-03-03T12:00:00Z", body)
}

fn erased(
    event: Event,
    time: &'static str,
    cause: &str,
    case: Option<&str>,
) -> (Event, &'static str, Value) {
    (event, time, json!({ "cause": cause, "case": case, "due": DUE }))
}

#[test]
fn an_honest_life_is_accepted_and_counted() {
    let life = [
        accepted(),
        erased(Event::ErasureKeyDestroyed, "2026-06-01T11:00:01Z", "term", None),
        erased(Event::RecordingErased, "2026-06-01T11:00:02Z", "term", None),
    ];
    let sum = verified(&life).unwrap().recordings;
    assert_eq!((sum.accepted, sum.stored, sum.erased), (1, 0, [("term", 1)].into()));
    let late = (Event::RestrictionSet, "2026-06-02T11:00:00Z", json!({"case": "x"}));
    let sum = verified(&[accepted(), late.clone()]).unwrap().recordings;
    assert_eq!((sum.stored, sum.suspended, sum.overdue), (1, 1, 0));
    let lifted = (Event::RestrictionLifted, "2026-06-02T12:00:00Z", json!({"case": "x"}));
    let sum = verified(&[accepted(), late, lifted]).unwrap().recordings;
    assert_eq!((sum.stored, sum.suspended, sum.overdue), (1, 0, 1));
}

#[test]
fn a_hold_keeps_until_it_is_released() {
    let kept = (Event::HoldPlaced, "2026-06-01T12:30:00Z", json!({"hold": "h"}));
    let key = erased(Event::ErasureKeyDestroyed, "2026-06-02T11:00:00Z", "term", None);
    let freed = (Event::HoldReleased, "2026-06-02T10:00:00Z", json!({"hold": "h", "freed": 1}));
    let said = verified(&[accepted(), kept.clone(), key.clone()]).unwrap_err();
    assert!(said.contains("under a hold"), "{said}");
    let sum = verified(&[accepted(), kept.clone()]).unwrap().recordings;
    assert_eq!((sum.stored, sum.suspended), (1, 1));
    let sum = verified(&[accepted(), kept, freed, key]).unwrap().recordings;
    assert_eq!((sum.stored, sum.erasing), (0, 1));
}

#[test]
fn what_no_honest_log_says_is_refused() {
    let (key, done) = (Event::ErasureKeyDestroyed, Event::RecordingErased);
    let moment = "2026-06-01T12:00:00Z";
    let cases = [
        ("a second time", vec![accepted(), accepted()]),
        ("never accepted", vec![erased(key, moment, "term", None)]),
        (
            "erased a second time",
            vec![
                accepted(),
                erased(key, moment, "term", None),
                erased(done, moment, "term", None),
                erased(done, moment, "term", None),
            ],
        ),
        ("without a cause", vec![accepted(), erased(key, moment, "whim", None)]),
        ("the case that its cause needs", vec![accepted(), erased(key, moment, "request", None)]),
        ("before it ended", vec![accepted(), erased(key, "2026-06-01T10:59:59Z", "term", None)]),
        ("without its key", vec![accepted(), erased(done, moment, "term", None)]),
        (
            "at another time than was written down",
            vec![
                accepted(),
                (key, moment, json!({"cause": "term", "due": "2026-07-01T12:00:00Z"})),
            ],
        ),
        (
            "heard after",
            vec![
                accepted(),
                erased(key, moment, "term", None),
                (Event::AccessPlayed, moment, json!({"purpose": "training"})),
            ],
        ),
        ("begins with log.opened", vec![(Event::LogOpened, moment, json!({}))]),
    ];
    for (expected, leaves) in cases {
        let said = verified(&leaves).expect_err(expected);
        assert!(said.contains(expected), "{said}: {expected}");
    }
}
