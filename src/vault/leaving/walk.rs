//! Walking a range of an archive: what comes next, a piece at a time.

use std::collections::VecDeque;

use bytes::Bytes;
use crc32fast::Hasher;

use super::export::PAGE;
use super::layout::{JSON_CLOSING, JSON_OPENING, Layout, Section, audio_name, place};
use super::listing::heading;
use crate::crypto::SEGMENT;
use crate::index::exports::{self, Checksum, Export, Item, Part};
use crate::model::{Caller, Denied, take_along};
use crate::vault::Vault;
use crate::vault::content::{Gate, Opened};
use crate::vault::error::Error;
use crate::vault::windows::WINDOW;
use crate::vault::zip::File;

/// How many checksums are remembered at once, and after how many bytes at the latest.
const CHECKSUMS: usize = 16;
const REMEMBERED: u64 = 32 << 20;

/// The recordings around the place a walk has come to.
pub(super) struct Page {
    pub(super) of: Option<Section>,
    pub(super) items: VecDeque<Item>,
    pub(super) next: i64,
}

/// The recording whose audio goes out at this moment.
pub(super) struct Entry {
    ordinal: i64,
    opened: Opened,
    gate: Gate,
    /// The checksum of what comes before `hashed`.
    hasher: Hasher,
    hashed: u64,
}

/// A range of an archive on its way out.
pub(super) struct Walk {
    pub(super) vault: Vault,
    pub(super) caller: Caller,
    pub(super) export: Export,
    pub(super) layout: Layout,
    pub(super) start: u64,
    pub(super) at: u64,
    pub(super) end: u64,
    pub(super) page: Page,
    pub(super) entry: Option<Entry>,
    /// Checksums that are not remembered yet.
    pub(super) fresh: Vec<Checksum>,
    pub(super) remembered_at: u64,
}

impl Walk {
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Bytes>>, Error> {
        if self.at >= self.end {
            self.remember().await?;
            return Ok(None);
        }
        let piece = match self.piece().await {
            Err(
                error @ (Error::ExportBroken
                | Error::PastDue(_)
                | Error::Restricted
                | Error::Erased(_)
                | Error::Lost),
            ) => {
                tracing::info!(why = error.to_string(), "an export breaks off");
                let mut tx = self.vault.addition().await?;
                exports::break_off(&mut tx, self.export.id, self.vault.clock().now()).await?;
                tx.commit().await?;
                return Err(Error::ExportBroken);
            }
            piece => piece?,
        };
        let piece = until(piece, self.end - self.at);
        let len: u64 = piece.iter().map(|bytes| bytes.len() as u64).sum();
        if len == 0 {
            return Err(Error::ExportBroken);
        }
        self.at += len;
        if self.fresh.len() >= CHECKSUMS || self.at - self.remembered_at >= REMEMBERED {
            self.remember().await?;
        }
        Ok(Some(piece))
    }

    /// What comes next in the archive, at least a byte of it.
    async fn piece(&mut self) -> Result<Vec<Bytes>, Error> {
        let (section, offset) = self.layout.locate(self.at).ok_or(Error::ExportBroken)?;
        match section {
            Section::CsvHeader => Ok(tail(self.layout.csv().local_header(), offset)),
            Section::Csv => self.listed(Part::Csv, section, offset).await,
            Section::JsonHeader => Ok(tail(self.layout.json().local_header(), offset)),
            Section::Json => self.listed(Part::Json, section, offset).await,
            Section::Audio => self.audio(section, offset).await,
            Section::Lists => Ok(tail(self.layout.lists(), offset)),
            Section::Directory => self.directory(section, offset).await,
            Section::End => Ok(tail(self.layout.end(), offset)),
        }
    }

    /// Makes the first recording of the page the one that `offset` is in.
    async fn seek(&mut self, part: Part, section: Section, offset: u64) -> Result<(), Error> {
        let (index, id) = (&self.vault.0.index, self.export.id);
        if self.page.of != Some(section) {
            let at = i64::try_from(offset).unwrap_or(i64::MAX);
            let next = exports::place(index, id, part, at).await?;
            self.page = Page { of: Some(section), items: VecDeque::new(), next };
        }
        loop {
            while let Some(item) = self.page.items.front() {
                if place(item, part).end > offset {
                    return Ok(());
                }
                self.page.items.pop_front();
            }
            let items = exports::page(index, id, self.page.next, PAGE).await?;
            let last = items.last().ok_or(Error::ExportBroken)?;
            self.page.next = last.ordinal + 1;
            self.page.items.extend(items);
        }
    }

    /// A piece of a list: the lines of a page of recordings, made anew.
    async fn listed(
        &mut self,
        part: Part,
        section: Section,
        offset: u64,
    ) -> Result<Vec<Bytes>, Error> {
        let csv = part == Part::Csv;
        let opening = if csv { heading() } else { JSON_OPENING };
        if offset < opening.len() as u64 {
            return Ok(tail(opening.to_vec(), offset));
        }
        let closing = if csv { b"" } else { JSON_CLOSING };
        let len = if csv { self.layout.csv() } else { self.layout.json() }.size;
        if let Some(past) = offset.checked_sub(len - closing.len() as u64) {
            return Ok(tail(closing.to_vec(), past));
        }
        self.seek(part, section, offset).await?;
        let items: Vec<_> = self.page.items.drain(..).collect();
        let found = self.vault.listed_rows(&items).await?;
        let mut text = Vec::new();
        for item in items.iter().filter(|item| item.csv_len > 0) {
            let lines = self.vault.lines(item, found.get(&item.recording_id))?;
            if i64::from(crate::vault::zip::crc(&[&lines.csv, &lines.json])) != item.text_crc {
                return Err(Error::ExportBroken);
            }
            text.extend(if csv { lines.csv } else { lines.json });
        }
        let first = items.first().ok_or(Error::ExportBroken)?;
        Ok(tail(text, offset - place(first, part).start))
    }

    /// A piece of a recording, or of the records around it.
    async fn audio(&mut self, section: Section, offset: u64) -> Result<Vec<Bytes>, Error> {
        self.seek(Part::Audio, section, offset).await?;
        let item = self.page.items.front().ok_or(Error::ExportBroken)?.clone();
        let offset = offset - place(&item, Part::Audio).start;
        let name = audio_name(item.recording_id, &item.extension);
        let size = u64::try_from(item.size).unwrap_or(0);
        let mut file = File { name: &name, size, crc: 0, described: true };
        let header = file.local_header();
        let Some(offset) = offset.checked_sub(header.len() as u64) else {
            self.open(&item).await?;
            self.tell().await?;
            return Ok(tail(header, offset));
        };
        if let Some(past) = offset.checked_sub(size) {
            file.crc = self.checksum(&item).await?;
            return Ok(tail(file.descriptor(), past));
        }
        self.open(&item).await?;
        self.tell().await?;
        // A download that begins in the middle of a recording nobody fetched before must know
        // the checksum of what comes before.
        if item.crc.is_none() {
            self.hash_to(&item, offset).await?;
        }
        self.window(&item, offset).await
    }

    /// A piece of what the directory says of the recordings.
    async fn directory(&mut self, section: Section, offset: u64) -> Result<Vec<Bytes>, Error> {
        self.seek(Part::Directory, section, offset).await?;
        let first = self.page.items.front().ok_or(Error::ExportBroken)?;
        let skip = offset - place(first, Part::Directory).start;
        let base = self.layout.start(Section::Audio);
        let mut records = Vec::new();
        for item in std::mem::take(&mut self.page.items) {
            if item.reason.is_some() {
                continue;
            }
            let crc = self.checksum(&item).await?;
            let name = audio_name(item.recording_id, &item.extension);
            let size = u64::try_from(item.size).unwrap_or(0);
            let file = File { name: &name, size, crc, described: true };
            records.extend(file.directory_header(base + place(&item, Part::Audio).start));
        }
        Ok(tail(records, skip))
    }

    /// Opens the recording of an item, if it may still go out.
    async fn open(&mut self, item: &Item) -> Result<(), Error> {
        if self.entry.as_ref().is_some_and(|entry| entry.ordinal == item.ordinal) {
            return Ok(());
        }
        let (vault, of) = (&self.vault, self.export.customer);
        let row = vault.recent_recording(of, item.recording_id).await?;
        let row = row.ok_or(Error::ExportBroken)?;
        let may =
            take_along(&self.caller, &row, vault.latest()).map_err(|denied| match denied {
                Denied::NotAllowed => Error::Forbidden,
                _ => Error::ExportBroken,
            })?;
        if row.metadata.size_bytes != Some(item.size) {
            return Err(Error::ExportBroken);
        }
        vault.catch_up([&*row]).await?;
        let opened = vault.opened(&row, may)?;
        let vault = vault.clone();
        // A customer takes its originals along, whole.
        let gate = Gate { vault, controller: of, id: row.id, opens_held: false, mutes: None };
        let hasher = Hasher::new();
        self.entry = Some(Entry { ordinal: item.ordinal, opened, gate, hasher, hashed: 0 });
        Ok(())
    }

    /// Reads a window of the open recording from `offset` on.
    async fn window(&mut self, item: &Item, offset: u64) -> Result<Vec<Bytes>, Error> {
        let entry = self.entry.as_mut().ok_or(Error::ExportBroken)?;
        let size = u64::try_from(item.size).unwrap_or(0);
        let edge = (offset / SEGMENT as u64) * SEGMENT as u64 + WINDOW;
        between_steps!("export.window");
        entry.gate.check().await?;
        let piece = entry.opened.read(offset..edge.min(size)).await?;
        if item.crc.is_none() && entry.hashed == offset {
            for bytes in &piece {
                entry.hasher.update(bytes);
                entry.hashed += bytes.len() as u64;
            }
            if entry.hashed == size {
                let crc = entry.hasher.clone().finalize();
                self.note(item.ordinal, crc);
            }
        }
        Ok(piece)
    }

    /// Reads the open recording up to `to` for its checksum alone.
    async fn hash_to(&mut self, item: &Item, to: u64) -> Result<(), Error> {
        loop {
            let entry = self.entry.as_ref().ok_or(Error::ExportBroken)?;
            let hashed = entry.hashed;
            if hashed >= to {
                return Ok(());
            }
            self.window(item, hashed).await?;
        }
    }

    /// The checksum of a recording's audio: remembered, or read for it.
    async fn checksum(&mut self, item: &Item) -> Result<u32, Error> {
        let fresh = self.fresh.iter().find(|fresh| fresh.ordinal == item.ordinal);
        if let Some(fresh) = fresh {
            return Ok(fresh.crc);
        }
        if let Some(crc) = item.crc {
            return u32::try_from(crc).map_err(|_| Error::ExportBroken);
        }
        self.open(item).await?;
        let size = u64::try_from(item.size).unwrap_or(0);
        self.hash_to(item, size).await?;
        let entry = self.entry.as_ref().ok_or(Error::ExportBroken)?;
        let crc = entry.hasher.clone().finalize();
        self.note(item.ordinal, crc);
        Ok(crc)
    }

    fn note(&mut self, ordinal: i64, crc: u32) {
        if let Some(item) = self.page.items.iter_mut().find(|item| item.ordinal == ordinal) {
            item.crc = Some(crc.into());
        }
        if self.fresh.iter().all(|fresh| fresh.ordinal != ordinal) {
            self.fresh.push(Checksum { ordinal, crc });
        }
    }
}

/// What is left of a few bytes from a place on.
fn tail(bytes: Vec<u8>, from: u64) -> Vec<Bytes> {
    let from = usize::try_from(from).unwrap_or(usize::MAX).min(bytes.len());
    vec![Bytes::from(bytes).slice(from..)]
}

/// The first `left` bytes of pieces.
fn until(pieces: Vec<Bytes>, left: u64) -> Vec<Bytes> {
    let mut left = usize::try_from(left).unwrap_or(usize::MAX);
    let cut = pieces.into_iter().map(|bytes| {
        let bytes = bytes.slice(..bytes.len().min(left));
        left -= bytes.len();
        bytes
    });
    cut.filter(|bytes| !bytes.is_empty()).collect()
}
