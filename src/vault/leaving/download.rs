//! The bytes of an export: any range of them, the same every time.
//!
//! A range is walked piece by piece, and nothing is read ahead: whether a recording may go out is
//! asked for every piece of it (I1, I2). One that was erased, restricted or rectified before it
//! was fetched breaks the export: its bytes have a place that nothing else can take.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;
use futures_util::{StreamExt, stream, stream::BoxStream};
use serde_json::json;

use super::layout::Layout;
use super::walk::{Page, Walk};
use crate::index::exports::{self, Checksum, Export};
use crate::index::ledger_entries;
use crate::model::{Caller, CustomerRef, Event, ExportId, Grant};
use crate::vault::error::Error;
use crate::vault::{Vault, ledger, must};

/// How much audio one entry in the ledger may run ahead of: recordings are told of in batches.
const TOLD_AHEAD: u64 = 8 << 20;

/// An export's archive, for a caller that may download it.
pub struct Archive {
    vault: Vault,
    caller: Caller,
    export: Export,
    layout: Layout,
    etag: String,
}

impl Vault {
    /// The archive of an export of the caller's own customer.
    pub async fn archive(
        &self,
        caller: &Caller,
        reference: &CustomerRef,
        id: ExportId,
    ) -> Result<Archive, Error> {
        must(caller, Grant::Export)?;
        let customer = self.own_customer(caller, reference).await?;
        let found = exports::find(&self.0.index, customer.id, id).await?;
        let export = found.ok_or(Error::NotFound)?;
        if export.broken_at.is_some() {
            return Err(Error::ExportBroken);
        }
        if export.ready_at.is_none() {
            return Err(Error::Conflict("the export is not ready; ask again shortly"));
        }
        let layout = Layout::of(&export);
        let etag = format!("\"{}\"", export.id.0.simple());
        Ok(Archive { vault: self.clone(), caller: caller.clone(), export, layout, etag })
    }
}

impl Archive {
    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.layout.len()
    }

    /// Whether there are none: never, an empty archive has its lists.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A strong entity tag: the same bytes for as long as there are any.
    #[must_use]
    pub fn etag(&self) -> &str {
        &self.etag
    }

    /// The bytes of a range, as a stream of windows; the pieces of each come in order.
    #[must_use]
    pub fn windows(&self, range: Range<u64>) -> BoxStream<'static, Result<Vec<Bytes>, Error>> {
        metrics::counter!("callvault_export_bytes_total").increment(range.end - range.start);
        let walk = Walk {
            vault: self.vault.clone(),
            caller: self.caller.clone(),
            export: self.export.clone(),
            layout: self.layout,
            start: range.start,
            at: range.start,
            end: range.end,
            page: Page { of: None, items: VecDeque::new(), next: 0 },
            entry: None,
            fresh: Vec::new(),
            remembered_at: range.start,
        };
        stream::unfold(Some(walk), |walk| async {
            let mut walk = walk?;
            match walk.next().await {
                Ok(Some(piece)) => Some((Ok(piece), Some(walk))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed()
    }
}

impl Walk {
    /// Puts it into the ledger that recordings are taken along, once for each, before the first
    /// byte of them leaves.
    pub(super) async fn tell(&mut self) -> Result<(), Error> {
        let mut ahead = 0;
        let untold = self.page.items.iter_mut().take_while(|item| {
            let begun = ahead;
            ahead += u64::try_from(item.size).unwrap_or(0);
            begun < TOLD_AHEAD
        });
        let mut batch: Vec<_> = untold.collect();
        let (Some(first), Some(last)) = (batch.first(), batch.last()) else { return Ok(()) };
        if first.told {
            return Ok(());
        }
        let (from, to) = (first.ordinal, last.ordinal + 1);
        let now = self.vault.clock().now();
        let body = json!({
            "by": self.caller.id, "purpose": "own_use", "case": self.export.case_id,
            "export": self.export.id,
        });
        let mut tx = self.vault.addition().await?;
        let told = exports::tell(&mut tx, self.export.id, from, to).await?;
        let about = |id| ledger::about(self.export.customer, now, Event::AccessExported, id, &body);
        let entries: Vec<_> = told.into_iter().map(about).collect();
        ledger_entries::append(&mut tx, &entries).await?;
        tx.commit().await?;
        for item in &mut batch {
            item.told = true;
        }
        Ok(())
    }

    /// Remembers checksums and how far it came.
    pub(super) async fn remember(&mut self) -> Result<(), Error> {
        let fresh = std::mem::take(&mut self.fresh);
        self.remembered_at = self.at;
        remember(&self.vault, self.export.id, fresh, self.start, self.at).await
    }
}

async fn remember(
    vault: &Vault,
    id: ExportId,
    fresh: Vec<Checksum>,
    start: u64,
    at: u64,
) -> Result<(), Error> {
    let signed = |place: u64| i64::try_from(place).unwrap_or(i64::MAX);
    let mut tx = vault.addition().await?;
    exports::progress(&mut tx, id, &fresh, signed(start), signed(at)).await?;
    tx.commit().await?;
    Ok(())
}

impl Drop for Walk {
    /// A download that broke off remembers how far it came.
    fn drop(&mut self) {
        if self.at == self.remembered_at && self.fresh.is_empty() {
            return;
        }
        let (vault, id) = (self.vault.clone(), self.export.id);
        let (fresh, start, at) = (std::mem::take(&mut self.fresh), self.start, self.at);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = remember(&vault, id, fresh, start, at).await {
                    tracing::warn!(%error, "how far a download came is not remembered");
                }
            });
        }
    }
}
