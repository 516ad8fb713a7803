//! The name of an object: `{prefix}/{first two hex digits}/{recording id}`.
//!
//! Two digits of a random id spread the objects evenly: a bucket has limits per prefix, a file
//! system dislikes large folders.

use object_store::ObjectMeta;
use object_store::path::Path;

use crate::model::{RecordingId, Timestamp};

/// The folder of an object: two hex digits.
pub(super) fn folder(id: RecordingId) -> String {
    let [first, ..] = id.as_bytes();
    format!("{first:02x}")
}

/// The path of an object.
pub(super) fn path(prefix: &Path, id: RecordingId) -> Path {
    prefix.clone().join(folder(id)).join(id.to_string())
}

/// The recording whose object is at this path, if the path is one that the vault makes.
pub(super) fn parse(prefix: &Path, location: &Path) -> Option<RecordingId> {
    let id: RecordingId = location.filename()?.parse().ok()?;
    (path(prefix, id) == *location).then_some(id)
}

/// An object as a list names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The recording it belongs to; `None` when its name is not one the vault gives.
    pub id: Option<RecordingId>,
    /// Its whole name.
    pub name: String,
    /// Its size.
    pub size: u64,
    /// When it was written.
    pub modified: Timestamp,
}

impl Listed {
    pub(super) fn new(prefix: &Path, meta: &ObjectMeta) -> Self {
        let micros = meta.last_modified.timestamp_micros();
        Self {
            id: parse(prefix, &meta.location),
            name: meta.location.to_string(),
            size: meta.size,
            // A time that is no time is taken for new: what is new is never swept away.
            modified: Timestamp::from_micros(micros).unwrap_or_else(latest),
        }
    }
}

fn latest() -> Timestamp {
    let epoch = Timestamp::from_micros(0).expect("the epoch is a time");
    epoch.plus(jiff::SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_vaults_own_names_name_a_recording() {
        let id: RecordingId = "a0b1c2d3-0000-4000-8000-000000000001".parse().unwrap();
        let prefix = Path::from("some/prefix");
        let own = path(&prefix, id);
        assert_eq!(own.as_ref(), "some/prefix/a0/a0b1c2d3-0000-4000-8000-000000000001");
        assert_eq!(parse(&prefix, &own), Some(id));
        for other in [
            "a0/a0b1c2d3-0000-4000-8000-000000000001",
            "some/prefix/a1/a0b1c2d3-0000-4000-8000-000000000001",
            "some/prefix/a0/A0B1C2D3-0000-4000-8000-000000000001",
            "some/prefix/a0/a0b1c2d3000040008000000000000001",
            "some/prefix/probe/x",
            "some/prefix",
        ] {
            assert_eq!(parse(&prefix, &Path::from(other)), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn every_id_reads_back_from_its_path(bytes: [u8; 16], prefix in "[a-z]{0,3}") {
            let id = RecordingId(uuid::Uuid::from_bytes(bytes));
            let prefix = Path::from(prefix);
            prop_assert_eq!(parse(&prefix, &path(&prefix, id)), Some(id));
        }
    }
}
