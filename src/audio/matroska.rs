//! Finds the cluster of a Matroska file that a moment lies in.
//!
//! A live recording has no index, and the library then reads everything before the moment. But
//! clusters say when they begin, and so can be bisected.

use std::io;

use super::source::{Bytes, Shared, WINDOW, Window};

/// What a cluster begins with.
const CLUSTER: [u8; 4] = [0x1F, 0x43, 0xB6, 0x75];
/// The longest beginning of a cluster up to its timestamp: two sizes, a checksum, a number.
const LONGEST: usize = 4 + 8 + 6 + 1 + 1 + 8;

/// A cluster: where it is and when it begins, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cluster {
    at: u64,
    begins: u64,
}

/// Where the clusters begin, and where the last one does that begins at `ticks` or before.
pub(super) fn find(source: &Shared, ticks: u64) -> io::Result<Option<(u64, u64)>> {
    let mut window = Window::new(source);
    let Some(first) = next(&mut window, 0, source.len())? else { return Ok(None) };
    let (mut low, mut high) = (first, source.len());
    while high.saturating_sub(low.at) > WINDOW as u64 {
        let middle = low.at + (high - low.at) / 2;
        match next(&mut window, middle, high)? {
            Some(cluster) if cluster.begins <= ticks => low = cluster,
            _ => high = middle,
        }
    }
    while let Some(cluster) = next(&mut window, low.at + 4, high)? {
        if cluster.begins > ticks {
            break;
        }
        low = cluster;
    }
    Ok((low.begins <= ticks).then_some((first.at, low.at)))
}

/// The first cluster that begins in a part of the file.
fn next(window: &mut Window, from: u64, until: u64) -> io::Result<Option<Cluster>> {
    let mut at = from;
    while at < until {
        let bytes = window.at(at, WINDOW)?;
        let found = bytes
            .windows(CLUSTER.len())
            .enumerate()
            .filter(|(_, start)| *start == CLUSTER)
            .find_map(|(offset, _)| {
                Some((offset as u64, begins(bytes.get(offset + CLUSTER.len()..)?)?))
            });
        if let Some((offset, begins)) = found {
            let cluster = Cluster { at: at + offset, begins };
            return Ok((cluster.at < until).then_some(cluster));
        }
        // The last bytes may be the beginning of one.
        let step = bytes.len().saturating_sub(LONGEST);
        if step == 0 {
            break;
        }
        at += step as u64;
    }
    Ok(None)
}

/// When a cluster begins, by what follows its first four bytes.
fn begins(bytes: &[u8]) -> Option<u64> {
    let size = 1 + bytes.first()?.leading_zeros() as usize;
    let mut bytes = bytes.get(size..).filter(|_| size <= 8)?;
    // A checksum may come before the timestamp.
    if let [0xBF, 0x84, _, _, _, _, rest @ ..] = bytes {
        bytes = rest;
    }
    let [0xE7, size @ 0x81..=0x88, rest @ ..] = bytes else { return None };
    let value = rest.get(..usize::from(size & 0x0F))?;
    Some(value.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// Junk for a head, then a cluster every 20,000 bytes and every 1,000 ticks.
    fn file(clusters: u16) -> Vec<u8> {
        let mut file = vec![0x2A; 300];
        for cluster in 0..clusters {
            let ticks = (u32::from(cluster) * 1_000).to_be_bytes();
            file.extend(CLUSTER);
            file.extend([0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xE7, 0x84]);
            file.extend(ticks);
            file.resize(300 + 20_000 * (usize::from(cluster) + 1), 0x75);
        }
        file
    }

    #[test]
    fn a_moment_is_in_the_last_cluster_that_began_before_it() {
        let source = Shared::new(Box::new(Cursor::new(file(200))), None);
        for (ticks, cluster) in [(0, 0), (999, 0), (1_000, 1), (123_456, 123), (9_000_000, 199)] {
            let expected = Some((300, 300 + 20_000 * cluster));
            assert_eq!(find(&source, ticks).unwrap(), expected, "{ticks}");
        }
    }

    #[test]
    fn a_file_without_clusters_has_none() {
        for bytes in [vec![0x1F; 200_000], CLUSTER.to_vec(), Vec::new()] {
            let source = Shared::new(Box::new(Cursor::new(bytes)), None);
            assert_eq!(find(&source, 5).unwrap(), None);
        }
    }
}
