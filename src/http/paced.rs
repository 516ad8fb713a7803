//! A body that a form parser reads at its own pace.
//!
//! The parser takes all that is ready before it looks at any of it, and keeps the head of a part
//! until it ends, however long that is. Here it gets one chunk a time, and a head that does not end
//! breaks the body off.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, BodyDataStream};
use axum::extract::Request;
use bytes::Bytes;
use futures_util::Stream;

/// The most that is read for the head of a part and what stands before it.
const MAX_HEAD: u64 = 256 * 1024;

/// What counts the bytes of a head. Clones are the same meter.
#[derive(Clone)]
pub(super) struct Meter(Arc<AtomicU64>);

impl Meter {
    /// A head begins: it may be so long and no longer.
    pub(super) fn head(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Content begins: whoever reads it counts it.
    pub(super) fn content(&self) {
        self.0.store(u64::MAX, Ordering::Relaxed);
    }

    fn is_full(&self) -> bool {
        let count = self.0.load(Ordering::Relaxed);
        count != u64::MAX && count >= MAX_HEAD
    }

    fn count(&self, bytes: &Bytes) {
        let count = self.0.load(Ordering::Relaxed);
        if count != u64::MAX {
            self.0.store(count.saturating_add(bytes.len() as u64).min(MAX_HEAD), Ordering::Relaxed);
        }
    }
}

struct Paced {
    body: BodyDataStream,
    meter: Meter,
    gave: bool,
}

impl Stream for Paced {
    type Item = Result<Bytes, io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.gave) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.meter.is_full() {
            let error =
                io::Error::new(io::ErrorKind::InvalidData, "the head of a part is too long");
            return Poll::Ready(Some(Err(error)));
        }
        let next = Pin::new(&mut self.body).poll_next(context);
        if let Poll::Ready(Some(Ok(bytes))) = &next {
            self.meter.count(bytes);
            self.gave = true;
        }
        next.map(|next| next.map(|chunk| chunk.map_err(io::Error::other)))
    }
}

/// The request with its body at the parser's pace, and what counts the heads in it.
pub(super) fn paced(request: Request) -> (Request, Meter) {
    let meter = Meter(Arc::default());
    let counting = meter.clone();
    let request = request.map(move |body| {
        Body::from_stream(Paced { body: body.into_data_stream(), meter: counting, gave: false })
    });
    (request, meter)
}
