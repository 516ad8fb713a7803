//! What the index promises, on both databases.

mod erasing;
mod erasures;
mod keyring;
mod ledger;
mod recordings;
mod schema;
mod search;
mod sqlite;
mod tables;

use callvault::index::recordings::{Marks, insert};
use callvault::index::{Db, controllers};
use callvault::model::{
    Class, ControllerId, Day, Direction, Metadata, Recording, RecordingId, SealedKey, State,
    Timestamp,
};

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

/// A time, in microseconds after the start of 2026-06-01 (UTC).
fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(1_780_272_000_000_000 + micros).unwrap()
}

/// The provider of this index.
async fn provider(db: &Db) -> ControllerId {
    let mut tx = db.begin().await.unwrap();
    let id = controllers::ensure_provider(&mut tx, ControllerId::random()).await.unwrap();
    tx.commit().await.unwrap();
    id
}

/// A recording of a call that ended at `at(n)` and is due a day later.
fn recording(controller: ControllerId, n: i64) -> Recording {
    Recording {
        id: RecordingId::random(),
        controller,
        class: Class::Support,
        state: State::Stored,
        source: "pbx-1".into(),
        policy: "support/1".into(),
        metadata: Metadata {
            direction: Some(Direction::Inbound),
            started_at: Some(at(n - 60_000_000)),
            ended_at: Some(at(n)),
            duration_ms: Some(60_000),
            size_bytes: Some(1 << 40),
            codec: Some("wav/pcm_mulaw".into()),
            sample_rate: Some(8_000),
            channels: Some(2),
            unplayable: None,
            agent: Some("naïve 'agent' \u{1F4DE}".into()),
            queue: Some("sales".into()),
            line: Some("201".into()),
            withheld: false,
            numbers: Some(vec![0, 255, 7]),
        },
        received_at: at(n + 1),
        due_at: at(n + DAY),
        metadata_due_at: at(n + 180 * DAY),
        held: false,
        restricted: false,
        ground: None,
        objected: false,
        sampled: true,
        annotated: false,
        muted: 0,
        mutes_version: 0,
        cause: None,
        case_id: None,
        key_destroyed_at: None,
        erased_at: None,
        key: SealedKey {
            wrap: Some(vec![9; 60]),
            day: Day(20_607),
            generation: 3,
            salt: vec![1; 32],
            commitment: vec![2; 32],
        },
    }
}

fn marks(n: u8) -> Marks {
    Marks {
        call_key: Some([n; 32]),
        content_key: Some([n; 32]),
        caller_blind: Some([n; 32]),
        callee_blind: Some([200; 32]),
        digest: vec![n; 60],
        ct_root: Some([n; 32]),
    }
}

/// Adds a recording without marks and returns it.
async fn add(db: &Db, recording: Recording) -> Recording {
    add_marked(db, recording, &Marks::default()).await
}

async fn add_marked(db: &Db, recording: Recording, marks: &Marks) -> Recording {
    let mut tx = db.begin().await.unwrap();
    insert(&mut tx, &recording, marks).await.unwrap();
    tx.commit().await.unwrap();
    recording
}

/// Runs one writing call in a transaction of its own.
macro_rules! write {
    ($db:expr, |$tx:ident| $call:expr) => {{
        let mut transaction = $db.begin().await.unwrap();
        let $tx = &mut transaction;
        let done = $call.await.unwrap();
        transaction.commit().await.unwrap();
        done
    }};
}
use write;
