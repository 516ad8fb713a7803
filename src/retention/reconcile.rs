//! What store and index disagree about.

use std::collections::HashSet;
use std::hash::BuildHasher;

use crate::model::{RecordingId, Timestamp};

/// An object the store has, under a name the vault gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredObject {
    /// Whose audio it would be.
    pub id: RecordingId,
    /// When it was written.
    pub written_at: Timestamp,
}

/// The objects without a row that expects them, once they are too old to be an upload under way.
#[must_use]
pub fn orphans<S: BuildHasher>(
    objects: &[StoredObject],
    expected: &HashSet<RecordingId, S>,
    settled_before: Timestamp,
) -> Vec<RecordingId> {
    objects
        .iter()
        .filter(|object| object.written_at < settled_before && !expected.contains(&object.id))
        .map(|object| object.id)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_an_orphan_when_it_is_old_and_nobody_expects_it() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000).unwrap();
        let object = |written_at| StoredObject { id: RecordingId::random(), written_at };
        let (known, old, young) = (object(at(10)), object(at(10)), object(at(100)));
        let expected = HashSet::from([known.id]);
        let found = orphans(&[known, old, young], &expected, at(100));
        assert_eq!(found, [old.id]);
    }
}
