//! The header and the segments of an object: no bytes open that were not sealed, and none panic.

#![no_main]

use callvault::crypto::{Context, Dek, Kind, Opener, check_header};
use callvault::model::{ControllerId, RecordingId};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (header, rest) = data.split_at(data.len().min(80));
    let salt = header.get(16..48).unwrap_or_default();
    let commitment = header.get(48..80).unwrap_or_default();
    let _ = check_header(header, salt, commitment);
    let Ok(dek) = Dek::generate() else { return };
    let context = Context {
        controller: ControllerId::random(),
        recording: RecordingId::random(),
        kind: Kind::Audio,
    };
    assert!(Opener::new(&dek, context, salt, commitment, rest.len() as u64).is_err());
});
