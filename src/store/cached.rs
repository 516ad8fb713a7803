//! Reading what the kernel holds in memory already, without ever waiting for a disk.
//!
//! The file is opened by its name each time, so that one that was unlinked is never read.

use std::ops::Range;
use std::path::Path;

use super::buffer::Buffer;

/// A window of a file, or `None` when it cannot be had whole and at once. Why it cannot is for the
/// reader that may wait to find out.
#[cfg(target_os = "linux")]
pub(super) fn window(path: &Path, range: &Range<u64>) -> Option<Buffer> {
    use std::io::IoSliceMut;

    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
    use rustix::io::{ReadWriteFlags, preadv2};

    let wanted = usize::try_from(range.end.checked_sub(range.start)?).ok()?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED).ok()?;
    let mut bytes = Buffer::pooled(wanted);
    let mut whole = [IoSliceMut::new(&mut bytes)];
    let read = preadv2(&file, &mut whole, range.start, ReadWriteFlags::NOWAIT).ok()?;
    (read == wanted).then_some(bytes)
}

/// Elsewhere nothing is known of what the kernel holds.
#[cfg(not(target_os = "linux"))]
pub(super) const fn window(_: &Path, _: &Range<u64>) -> Option<Buffer> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_window_is_whole_or_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let content: Vec<u8> = (0..=255).cycle().take(70_000).collect();
        fs::write(&path, &content).unwrap();
        let found = window(&path, &(4_000..69_000));
        // A kernel may always decline; what it gives must be right.
        assert!(found.is_none_or(|bytes| *bytes == content[4_000..69_000]));
        assert!(window(&path, &(69_999..70_001)).is_none());
        fs::remove_file(&path).unwrap();
        assert!(window(&path, &(0..1)).is_none());
    }
}
