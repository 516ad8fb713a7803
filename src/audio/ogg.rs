//! The pages of an Ogg Opus stream (RFC 3533 and RFC 7845), one at a time.
//!
//! No crate for Ogg begins to write in the middle of a stream. Here every page can be written
//! without those before it, because where it is follows from arithmetic.

use symphonia::core::checksum::Crc32;
use symphonia::core::io::Monitor;

/// What every page of a rendition says it belongs to. A file holds one stream, so one will do.
const SERIAL: u32 = u32::from_le_bytes(*b"cvlt");
/// Who made it: nothing about the recording.
const VENDOR: &[u8] = b"callvault";

/// The bytes before a page's table of packets.
const PAGE: usize = 27;
/// How long the two pages of headers are.
pub(super) const HEADERS: usize = (PAGE + 1 + 19) + (PAGE + 1 + 8 + 4 + VENDOR.len() + 4);

/// Where in the stream a page is.
#[derive(Clone, Copy)]
enum Place {
    First,
    Within,
    Last,
}

/// The length of a page with so many packets of a size below 255 bytes.
pub(super) const fn page_len(packets: u64, size: u64) -> u64 {
    PAGE as u64 + packets + packets * size
}

/// The two pages that say what follows.
pub(super) fn headers(channels: u8, pre_skip: u16, sample_rate: u32) -> Vec<u8> {
    let mut head = b"OpusHead\x01".to_vec();
    head.push(channels);
    head.extend(pre_skip.to_le_bytes());
    head.extend(sample_rate.to_le_bytes());
    // No gain; one stream, of one or two channels.
    head.extend([0, 0, 0]);
    let mut tags = b"OpusTags".to_vec();
    tags.extend([u8::try_from(VENDOR.len()).unwrap_or_default(), 0, 0, 0]);
    tags.extend(VENDOR);
    tags.extend([0; 4]);
    let mut pages = assemble(0, 0, Place::First, &[head]);
    pages.extend(assemble(1, 0, Place::Within, &[tags]));
    pages
}

/// A page of sound; `granule` is how many samples end with it, counted at 48 kHz.
pub(super) fn page(number: u64, granule: u64, last: bool, packets: &[Vec<u8>]) -> Vec<u8> {
    // Four hours have 14,400 pages.
    let sequence = u32::try_from(number.saturating_add(2)).unwrap_or(u32::MAX);
    let place = if last { Place::Last } else { Place::Within };
    assemble(sequence, granule, place, packets)
}

fn assemble(sequence: u32, granule: u64, place: Place, packets: &[Vec<u8>]) -> Vec<u8> {
    let flags = match place {
        Place::First => 2,
        Place::Within => 0,
        Place::Last => 4,
    };
    let mut page = b"OggS\0".to_vec();
    page.push(flags);
    page.extend(granule.to_le_bytes());
    page.extend(SERIAL.to_le_bytes());
    page.extend(sequence.to_le_bytes());
    let checksum = page.len();
    page.extend([0; 4]);
    page.push(u8::try_from(packets.len()).unwrap_or(u8::MAX));
    // A packet below 255 bytes takes one place in the table.
    page.extend(packets.iter().map(|packet| u8::try_from(packet.len()).unwrap_or(u8::MAX)));
    page.extend(packets.iter().flatten());
    let mut crc = Crc32::new(0);
    crc.process_buf_bytes(&page);
    for (place, byte) in page.iter_mut().skip(checksum).zip(crc.crc().to_le_bytes()) {
        *place = byte;
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_as_long_as_arithmetic_says() {
        assert_eq!(headers(2, 312, 8_000).len(), HEADERS);
        let packets = vec![vec![7; 60]; 50];
        assert_eq!(page(3, 48_000, false, &packets).len() as u64, page_len(50, 60));
        assert_eq!(page(3, 48_000, true, &packets[..1]).len() as u64, page_len(1, 60));
    }
}
