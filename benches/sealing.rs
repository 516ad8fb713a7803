//! What encryption costs: the same pipeline into the same store on a RAM disk, in clear and sealed,
//! and with each of the two implementations of AES-256-GCM: `cargo bench --bench sealing`.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use callvault::crypto::{
    Context, HEADER, Kind, Opener, SEGMENT, Sealer, TAG, bench_segment, object_len,
};
use callvault::model::{ControllerId, RecordingId};
use callvault::store::{self, Buffer, Store};
use clap::Parser;
use sha2::{Digest, Sha256};

type Failure = Box<dyn std::error::Error>;

/// The parts and windows of the vault.
const PART: usize = 80 * SEGMENT;
const WINDOW: u64 = 32 * SEGMENT as u64;
const RANGE: u64 = 64 * 1024;

/// Measures what sealing costs.
#[derive(Parser)]
struct Options {
    /// Mebibytes of a large recording, and of small ones together.
    #[arg(long, default_value_t = 128)]
    mib: usize,
    /// How often each side is measured, in turns.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Where the store is: a RAM disk.
    #[arg(long, default_value = "/dev/shm")]
    dir: String,
    /// What cargo passes to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What happens to the bytes on their way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Clear,
    /// The real thing: [`Sealer`] and [`Opener`].
    Sealed,
    /// The same segments by one implementation or the other, both with one key.
    Segments {
        aws_lc: bool,
    },
}

const SIDES: [Side; 4] =
    [Side::Clear, Side::Sealed, Side::Segments { aws_lc: true }, Side::Segments { aws_lc: false }];

/// An object in the store and what opens it.
struct Object {
    id: RecordingId,
    opener: Option<Arc<Opener>>,
    len: u64,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let options = Options::parse();
    let dir = tempfile::tempdir_in(Path::new(&options.dir))?;
    let url = format!("file:{}", dir.path().display());
    let store = Store::open(&store::Settings { url, ..store::Settings::default() })?;
    let mut plain = vec![0_u8; options.mib << 20];
    getrandom::fill(&mut plain).map_err(|error| error.to_string())?;
    let plain = Bytes::from(plain);
    let mut taken: [[Vec<Duration>; 4]; 4] = Default::default();
    for _ in 0..options.rounds {
        for (nth, side) in SIDES.into_iter().enumerate() {
            let mut note = |what: usize, time: Duration| {
                if let Some(times) = taken.get_mut(what).and_then(|row| row.get_mut(nth)) {
                    times.push(time);
                }
            };
            let started = Instant::now();
            let mut small = Vec::new();
            for at in 0..options.mib {
                let one = plain.slice(at << 20..(at + 1) << 20);
                small.push(ingest(&store, side, one).await?.id);
            }
            note(0, started.elapsed());
            drop(store.delete(&small).await);
            let started = Instant::now();
            let object = ingest(&store, side, plain.clone()).await?;
            note(1, started.elapsed());
            let started = Instant::now();
            for at in (0..object.len).step_by(usize::try_from(WINDOW)?) {
                read(&store, side, &object, at..object.len.min(at + WINDOW)).await?;
            }
            note(2, started.elapsed());
            let mut ranges = Vec::new();
            let mut at = 1_u64;
            for _ in 0..2_000 {
                at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let from = (at >> 20) % (object.len - RANGE);
                let started = Instant::now();
                read(&store, side, &object, from..from + RANGE).await?;
                ranges.push(started.elapsed());
            }
            note(3, median(&mut ranges));
            drop(store.delete(&[object.id]).await);
        }
    }
    report(&mut taken, options.mib);
    Ok(())
}

fn report(taken: &mut [[Vec<Duration>; 4]; 4], mib: usize) {
    println!("| {mib} MiB | in clear | sealed | limit | | AWS-LC | aes-gcm | AWS-LC ÷ aes-gcm |");
    println!("|---|---|---|---|---|---|---|---|");
    let rows = [
        ("taking in, 1 MiB each", 0.8, true),
        ("taking in, one large", 0.8, true),
        ("playing through", 0.5, true),
        ("a random 64 KiB range, median", 1.7, false),
    ];
    for ((what, limit, is_rate), times) in rows.into_iter().zip(taken) {
        let [clear, sealed, aws, rust] = times.each_mut().map(|times| median(times).as_secs_f64());
        let mib = f64::from(u32::try_from(mib).unwrap_or(0));
        let shown = |time: f64| {
            if is_rate {
                format!("{:.0} MiB/s", mib / time)
            } else {
                format!("{:.0} µs", time * 1e6)
            }
        };
        let ratio = if is_rate { clear / sealed } else { sealed / clear };
        let met = if is_rate { ratio >= limit } else { ratio <= limit };
        let sign = if is_rate { '≥' } else { '≤' };
        println!(
            "| {what} | {} | {} ({ratio:.2} ×) | {sign} {limit} × | {} | {} | {} | {:.2} × |",
            shown(clear),
            shown(sealed),
            if met { "met" } else { "MISSED" },
            shown(aws),
            shown(rust),
            rust / aws,
        );
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// As the vault does it: a small recording in one job and one object, a large one part by part.
async fn ingest(store: &Store, side: Side, plain: Bytes) -> Result<Object, Failure> {
    let id = RecordingId::random();
    let context = Context { controller: ControllerId::random(), recording: id, kind: Kind::Audio };
    let mut work = Work { side, sealer: Sealer::begin(context)?, hash: Sha256::new() };
    let len = plain.len() as u64;
    if plain.len() <= PART {
        let (done, object) = work.run(plain, true, true).await?;
        work = done;
        store.put(id, vec![object.into()]).await?;
    } else {
        let mut upload = store.begin(id).await?;
        let mut at = 0;
        while at < plain.len() {
            let end = plain.len().min(at + PART);
            let part = plain.slice(at..end);
            let (done, object) = work.run(part, at == 0, end == plain.len()).await?;
            work = done;
            upload.part(object.into()).await?;
            at = end;
        }
        upload.finish().await?;
    }
    let Work { sealer, hash, .. } = work;
    std::hint::black_box(hash.finalize());
    let opener = (side == Side::Sealed)
        .then(|| Opener::new(sealer.dek(), context, sealer.salt(), sealer.commitment(), len))
        .transpose()?;
    Ok(Object { id, opener: opener.map(Arc::new), len })
}

/// What hashes and seals; moved into each job and back.
struct Work {
    side: Side,
    sealer: Sealer,
    hash: Sha256,
}

impl Work {
    async fn run(self, plain: Bytes, first: bool, last: bool) -> Result<(Self, Vec<u8>), Failure> {
        let mut work = self;
        let job = tokio::task::spawn_blocking(move || {
            let capacity = object_len(plain.len() as u64);
            let mut object = Vec::with_capacity(usize::try_from(capacity).unwrap_or(0));
            work.seal(&plain, first, last, &mut object)?;
            Ok::<_, callvault::crypto::Error>((work, object))
        });
        Ok(job.await??)
    }

    fn seal(
        &mut self,
        plain: &[u8],
        first: bool,
        last: bool,
        object: &mut Vec<u8>,
    ) -> Result<(), callvault::crypto::Error> {
        if first {
            object.extend_from_slice(self.sealer.header());
        }
        self.hash.update(plain);
        match self.side {
            Side::Clear => object.extend_from_slice(plain),
            Side::Sealed => self.sealer.seal(plain, last, object)?,
            Side::Segments { aws_lc } => {
                for segment in plain.chunks(SEGMENT) {
                    let from = object.len();
                    object.extend_from_slice(segment);
                    let tag = bench_segment(aws_lc, object.get_mut(from..).unwrap_or_default())?;
                    object.extend_from_slice(&tag);
                }
            }
        }
        Ok(())
    }
}

/// Reads a window and opens it, as the vault does it. In clear there are no segments to cover.
async fn read(
    store: &Store,
    side: Side,
    object: &Object,
    range: std::ops::Range<u64>,
) -> Result<(), Failure> {
    let header = HEADER as u64;
    let plain = match (side, &object.opener) {
        (Side::Sealed, Some(opener)) => {
            let span = opener.span(range)?;
            let (opener, segments) = (opener.clone(), span.clone());
            let open =
                move |mut sealed: Buffer| opener.open_apart(&segments, &mut sealed).map(|_| sealed);
            store.read_with(object.id, span.object, open).await??
        }
        (Side::Segments { aws_lc }, _) => {
            let sealed = (SEGMENT + TAG) as u64;
            let first = header + range.start / SEGMENT as u64 * sealed;
            let end =
                object_len(object.len).min(header + range.end.div_ceil(SEGMENT as u64) * sealed);
            let open = move |mut bytes: Buffer| {
                for segment in bytes.chunks_mut(SEGMENT + TAG) {
                    let len = segment.len() - TAG;
                    bench_segment(aws_lc, segment.get_mut(..len).unwrap_or_default())?;
                }
                Ok::<_, callvault::crypto::Error>(bytes)
            };
            store.read_with(object.id, first..end, open).await??
        }
        _ => {
            let range = header + range.start..header + range.end;
            store.read_with(object.id, range, |bytes| bytes).await?
        }
    };
    std::hint::black_box(plain);
    Ok(())
}
