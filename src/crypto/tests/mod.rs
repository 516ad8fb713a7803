//! Tests of the room as a whole.

mod attacks;
mod contract;
mod crash;
mod files;
mod forgetting;
mod journal;
mod memory;
mod vectors;
mod wraps;

use std::sync::Arc;

use self::memory::Memory;
use super::{Context, Error, Keys, Kind, Opener, Place, Sealer, Span, WrapFacts};
use crate::model::{Class, ControllerId, Day, RecordingId};

/// A context of a recording of nobody else.
pub(super) fn context() -> Context {
    Context {
        controller: ControllerId::random(),
        recording: RecordingId::random(),
        kind: Kind::Audio,
    }
}

/// Bytes in which no two places look alike.
fn sound(len: usize) -> Vec<u8> {
    let byte = |at: usize| at.to_le_bytes()[0] ^ (at >> 9).to_le_bytes()[0].wrapping_mul(3);
    (0..len).map(|at| byte(at) ^ (at >> 16).to_le_bytes()[0].wrapping_mul(7)).collect()
}

/// A sealed object and all that is needed to open it.
struct Object {
    sealer: Sealer,
    context: Context,
    bytes: Vec<u8>,
    plain: Vec<u8>,
}

impl Object {
    fn new(context: Context, len: usize) -> Self {
        let mut sealer = Sealer::begin(context).unwrap();
        let plain = sound(len);
        let mut bytes = sealer.header().to_vec();
        sealer.seal(&plain, true, &mut bytes).unwrap();
        Self { sealer, context, bytes, plain }
    }

    fn opener(&self) -> Opener {
        self.opener_as(self.context, self.plain.len() as u64).unwrap()
    }

    fn opener_as(&self, context: Context, plain_len: u64) -> Result<Opener, Error> {
        let sealer = &self.sealer;
        Opener::new(sealer.dek(), context, sealer.salt(), sealer.commitment(), plain_len)
    }

    fn facts(&self, class: Class, day: Day) -> WrapFacts {
        WrapFacts {
            controller: self.context.controller,
            recording: self.context.recording,
            kind: self.context.kind,
            class,
            day,
            generation: 0,
            plain_len: self.plain.len() as u64,
            salt: *self.sealer.salt(),
            commitment: *self.sealer.commitment(),
        }
    }
}

/// Reads a span out of the bytes of an object as a store would, and opens it.
fn read(opener: &Opener, span: &Span, object: &[u8]) -> Result<Vec<u8>, Error> {
    let start = usize::try_from(span.object.start).unwrap().min(object.len());
    let end = usize::try_from(span.object.end).unwrap().min(object.len());
    let mut bytes = object[start..end].to_vec();
    let outcome = opener.open(span, &mut bytes);
    assert!(outcome.is_ok() || bytes.is_empty(), "what does not open is wiped");
    outcome.map(|()| bytes)
}

/// Reads a whole object as the vault does: header, then segments.
fn read_whole(opener: &Opener, plain_len: usize, object: &[u8]) -> Result<Vec<u8>, Error> {
    opener.check_header(object.get(..super::HEADER).ok_or(Error::Open)?)?;
    if object.len() as u64 != super::object_len(plain_len as u64) {
        return Err(Error::Open);
    }
    read(opener, &opener.span(0..plain_len as u64)?, object)
}

/// A keyring in memory.
async fn keys() -> (Arc<Memory>, Keys) {
    let place = Arc::new(Memory::default());
    let keys = Keys::init(Arc::clone(&place) as Arc<dyn Place>).await.unwrap();
    (place, keys)
}
