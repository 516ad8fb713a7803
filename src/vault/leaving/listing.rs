//! What an export says of a recording: a line of CSV and a line of JSON, from what never changes.
//!
//! What can change without anybody taking it amiss, such as the instant it is due, is not in it:
//! the same list must come out the same for as long as it is downloaded.

use serde::Serialize;

use super::layout::{CSV_OPENING, audio_name};
use crate::model::{Direction, Numbers, Recording, RecordingId, Timestamp};

/// A recording as its customer takes it along.
#[derive(Serialize)]
pub(super) struct Listed<'a> {
    id: RecordingId,
    file: Option<String>,
    not_contained: Option<&'a str>,
    direction: Option<Direction>,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    duration_ms: Option<i64>,
    codec: Option<&'a str>,
    sample_rate: Option<i32>,
    channels: Option<i32>,
    size: Option<i64>,
    agent: Option<&'a str>,
    queue: Option<&'a str>,
    line: Option<&'a str>,
    caller: Option<String>,
    callee: Option<String>,
    withheld: bool,
    received_at: Timestamp,
}

/// The two lines of a recording.
pub(super) struct Lines {
    pub(super) csv: Vec<u8>,
    pub(super) json: Vec<u8>,
}

impl<'a> Listed<'a> {
    /// A withheld number was dropped at ingest: it is in neither list.
    pub(super) fn new(
        recording: &'a Recording,
        numbers: &Numbers,
        reason: Option<&'a str>,
        extension: &str,
    ) -> Self {
        let metadata = &recording.metadata;
        let number = |n: &Option<crate::model::E164>| n.as_ref().map(|n| n.reveal().to_owned());
        Self {
            id: recording.id,
            file: reason.is_none().then(|| audio_name(recording.id, extension)),
            not_contained: reason,
            direction: metadata.direction,
            started_at: metadata.started_at,
            ended_at: metadata.ended_at,
            duration_ms: metadata.duration_ms,
            codec: metadata.codec.as_deref(),
            sample_rate: metadata.sample_rate,
            channels: metadata.channels,
            size: metadata.size_bytes,
            agent: metadata.agent.as_deref(),
            queue: metadata.queue.as_deref(),
            line: metadata.line.as_deref(),
            caller: number(&numbers.caller),
            callee: number(&numbers.callee),
            withheld: metadata.withheld,
            received_at: recording.received_at,
        }
    }

    /// The lines, as the first of the list or as one that follows another.
    pub(super) fn lines(&self, first: bool) -> Lines {
        let mut json = if first { Vec::new() } else { b",\n".to_vec() };
        serde_json::to_writer(&mut json, self).expect("texts and numbers are always JSON");
        Lines { csv: self.csv().expect("texts and numbers are always CSV"), json }
    }

    fn csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut writer = csv::WriterBuilder::new()
            .has_headers(false)
            .terminator(csv::Terminator::CRLF)
            .from_writer(Vec::new());
        let inert = |text: Option<&str>| text.map(inert);
        writer.serialize((
            (self.id, &self.file, self.not_contained, self.direction),
            (self.started_at, self.ended_at, self.duration_ms),
            (self.codec, self.sample_rate, self.channels, self.size),
            (inert(self.agent), inert(self.queue), inert(self.line)),
            (&self.caller, &self.callee, self.withheld, self.received_at),
        ))?;
        let line = writer.into_inner();
        line.map_err(|error| csv::Error::from(std::io::Error::other(error.to_string())))
    }
}

/// A text that no spreadsheet takes for a formula; the JSON has it as it is.
fn inert(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// The heading of the CSV, which must name the columns in their order.
pub(super) fn heading() -> &'static [u8] {
    CSV_OPENING
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_a_formula() {
        assert_eq!(inert("=1+1"), "'=1+1");
        assert_eq!(inert("Willem"), "Willem");
    }

    #[test]
    fn the_heading_names_what_the_json_names_in_its_order() {
        let listed = Listed {
            id: RecordingId::random(),
            file: Some("audio/x.wav".into()),
            not_contained: None,
            direction: Some(Direction::Inbound),
            started_at: None,
            ended_at: None,
            duration_ms: Some(1),
            codec: None,
            sample_rate: None,
            channels: None,
            size: None,
            agent: Some("=\"a\",b"),
            queue: None,
            line: None,
            caller: Some("+31201234567".into()),
            callee: None,
            withheld: false,
            received_at: Timestamp::from_micros(0).unwrap(),
        };
        let lines = listed.lines(false);
        let json: serde_json::Map<_, _> = serde_json::from_slice(&lines.json[2..]).unwrap();
        let heading = std::str::from_utf8(heading()).unwrap().trim_end();
        let mut names: Vec<_> = heading.split(',').collect();
        assert_eq!(names.len(), json.len());
        names.sort_unstable();
        assert_eq!(names, json.keys().map(String::as_str).collect::<Vec<_>>());
        let csv = String::from_utf8(lines.csv).unwrap();
        assert!(csv.contains(",\"'=\"\"a\"\",b\",,,+31201234567,,false,1970-01-01T00:00:00Z\r\n"));
    }
}
