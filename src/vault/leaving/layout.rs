//! Where everything is in an export's archive: its parts, one after the other.
//!
//! The lists come first, so that what is due soonest can go as soon as it was fetched; the audio
//! follows in the order of the list; the directory ends it.

use std::ops::Range;

use crate::index::exports::{Export, Item, Part};
use crate::model::RecordingId;
use crate::vault::zip::{DESCRIPTOR, DIRECTORY, END, File, LOCAL};

/// The names of the lists.
const CSV: &str = "recordings.csv";
const JSON: &str = "recordings.json";

/// What the lists begin and end with.
pub(super) const CSV_OPENING: &[u8] = b"id,file,not_contained,direction,started_at,ended_at,duration_ms,codec,sample_rate,channels,size,agent,queue,line,caller,callee,withheld,received_at\r\n";
pub(super) const JSON_OPENING: &[u8] = b"[\n";
pub(super) const JSON_CLOSING: &[u8] = b"\n]\n";

/// The name of a recording's file.
pub(super) fn audio_name(id: RecordingId, extension: &str) -> String {
    format!("audio/{id}.{extension}")
}

/// A part of the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    CsvHeader,
    Csv,
    JsonHeader,
    Json,
    Audio,
    /// What the directory says of the lists.
    Lists,
    Directory,
    End,
}

/// The lengths of an archive's parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    csv: (u64, u32),
    json: (u64, u32),
    audio_len: u64,
    directory_len: u64,
    contained: u64,
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

fn checksum(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(0)
}

impl Layout {
    pub(super) fn of(export: &Export) -> Self {
        Self {
            csv: (unsigned(export.csv_len), checksum(export.csv_crc)),
            json: (unsigned(export.json_len), checksum(export.json_crc)),
            audio_len: unsigned(export.audio_len),
            directory_len: unsigned(export.directory_len),
            contained: unsigned(export.contained),
        }
    }

    const fn list(name: &str, (size, crc): (u64, u32)) -> File<'_> {
        File { name, size, crc, described: false }
    }

    pub(super) const fn csv(&self) -> File<'static> {
        Self::list(CSV, self.csv)
    }

    pub(super) const fn json(&self) -> File<'static> {
        Self::list(JSON, self.json)
    }

    fn sections(&self) -> [(Section, u64); 8] {
        let (csv, json) = (CSV.len() as u64, JSON.len() as u64);
        [
            (Section::CsvHeader, LOCAL + csv),
            (Section::Csv, self.csv.0),
            (Section::JsonHeader, LOCAL + json),
            (Section::Json, self.json.0),
            (Section::Audio, self.audio_len),
            (Section::Lists, 2 * DIRECTORY + csv + json),
            (Section::Directory, self.directory_len),
            (Section::End, END),
        ]
    }

    /// The length of the whole.
    pub(super) fn len(&self) -> u64 {
        self.sections().iter().map(|(_, len)| len).sum()
    }

    /// In which part a place is, and how far from its beginning.
    pub(super) fn locate(&self, at: u64) -> Option<(Section, u64)> {
        let mut offset = at;
        for (section, len) in self.sections() {
            if offset < len {
                return Some((section, offset));
            }
            offset -= len;
        }
        None
    }

    /// Where a part begins.
    pub(super) fn start(&self, of: Section) -> u64 {
        self.sections().iter().take_while(|(section, _)| *section != of).map(|(_, len)| len).sum()
    }

    /// What the directory says of the lists.
    pub(super) fn lists(&self) -> Vec<u8> {
        let mut out = self.csv().directory_header(0);
        out.extend(self.json().directory_header(self.start(Section::JsonHeader)));
        out
    }

    /// The end of the archive.
    pub(super) fn end(&self) -> Vec<u8> {
        let at = self.start(Section::Lists);
        crate::vault::zip::end(self.contained + 2, at, self.start(Section::End) - at)
    }
}

/// Where a recording is within a part: empty when its audio is not contained.
pub(super) fn place(item: &Item, part: Part) -> Range<u64> {
    let name = audio_name(item.recording_id, &item.extension).len() as u64;
    let contained = |len: u64| if item.reason.is_none() { len } else { 0 };
    let (at, len) = match part {
        Part::Csv => (item.csv_at, unsigned(item.csv_len)),
        Part::Json => (item.json_at, unsigned(item.json_len)),
        Part::Audio => (item.audio_at, contained(LOCAL + name + unsigned(item.size) + DESCRIPTOR)),
        Part::Directory => (item.directory_at, contained(DIRECTORY + name)),
    };
    unsigned(at)..unsigned(at) + len
}
