//! Listeners for the benches: each plays one recording at real-time pace from a random place, as an `<audio>`
//! element does, and counts how often the sound stops. Prints one line of JSON.

#![expect(clippy::cast_precision_loss, reason = "counts of bytes stay far below 2^52")]

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What is played and by how many.
#[derive(Parser)]
struct Args {
    /// `127.0.0.1:PORT` of the server.
    #[arg(long)]
    server: String,
    /// One recording a line: URL path, bytes and bytes a second of sound, separated by tabs.
    #[arg(long)]
    list: PathBuf,
    #[arg(long, default_value_t = 500)]
    listeners: usize,
    /// How long each listens.
    #[arg(long, default_value_t = 30.0)]
    seconds: f64,
    /// A header for every request.
    #[arg(long)]
    header: Vec<String>,
}

struct Item {
    path: String,
    bytes: f64,
    rate: f64,
}

/// What one listener went through.
#[derive(Default)]
struct Heard {
    first: Duration,
    stalls: u32,
    silent: Duration,
    failed: bool,
}

/// How far ahead a player reads before it pauses.
const AHEAD: f64 = 10.0;
/// How much sound a player has before it starts, and before it goes on after it stopped.
const START: f64 = 0.25;

async fn listen(
    args: &Args,
    item: &Item,
    place: f64,
) -> Result<Heard, Box<dyn Error + Send + Sync>> {
    let mut heard = Heard::default();
    let length = item.rate * (args.seconds + AHEAD);
    let from = ((item.bytes - length).max(0.0) * place).floor();
    let to = (from + length).min(item.bytes) - 1.0;
    let mut head = format!("GET {} HTTP/1.1\r\nHost: {}\r\n", item.path, args.server);
    for header in &args.header {
        head.push_str(header);
        head.push_str("\r\n");
    }
    head = format!("{head}Range: bytes={from:.0}-{to:.0}\r\n\r\n");
    let begun = Instant::now();
    let mut stream = TcpStream::connect(&args.server).await?;
    stream.set_nodelay(true)?;
    stream.write_all(head.as_bytes()).await?;
    let mut buffer = vec![0; 64 * 1024];
    let (mut head, mut received) = (Vec::new(), 0.0_f64);
    // Sound that was played, and since when it plays without a stop.
    let (mut played, mut since) = (0.0_f64, None::<Instant>);
    loop {
        if let Some(start) = since {
            let now = played + start.elapsed().as_secs_f64();
            if now >= args.seconds {
                return Ok(heard);
            }
            let ready = received / item.rate;
            if now > ready {
                heard.stalls += 1;
                (played, since) = (ready, None);
            } else if ready - now > AHEAD {
                tokio::time::sleep(Duration::from_secs_f64(ready - now - AHEAD + 0.1)).await;
                continue;
            }
        }
        let wait = since.map_or(Duration::from_secs(20), |start| {
            let left = received / item.rate - played - start.elapsed().as_secs_f64();
            Duration::from_secs_f64(left.max(0.0) + 0.001)
        });
        let waited = Instant::now();
        let Ok(count) = tokio::time::timeout(wait, stream.read(&mut buffer)).await else {
            continue;
        };
        let count = count?;
        if since.is_none() && received > 0.0 && played > 0.0 {
            heard.silent += waited.elapsed();
        }
        if count == 0 {
            heard.failed = received + 1.0 < to - from;
            return Ok(heard);
        }
        let bytes = &buffer[..count];
        if received == 0.0 {
            head.extend_from_slice(bytes);
            let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            if !head.starts_with(b"HTTP/1.1 206") {
                return Err(String::from_utf8_lossy(&head).into_owned().into());
            }
            received = (head.len() - end - 4) as f64;
        } else {
            received += count as f64;
        }
        if since.is_none() && received / item.rate >= played + START {
            if played == 0.0 {
                heard.first = begun.elapsed();
            }
            since = Some(Instant::now());
        }
    }
}

fn read_list(args: &Args) -> Result<Vec<Item>, Box<dyn Error>> {
    let text = std::fs::read_to_string(&args.list)?;
    let item = |line: &str| -> Result<Item, Box<dyn Error>> {
        let [path, bytes, rate] = line.split('\t').collect::<Vec<_>>()[..] else {
            return Err(format!("{}: not three columns", args.list.display()).into());
        };
        Ok(Item { path: path.to_owned(), bytes: bytes.parse()?, rate: rate.parse()? })
    };
    text.lines().map(item).collect()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Arc::new(Args::parse());
    // Load is sent to this machine and to no other.
    if !args.server.starts_with("127.0.0.1:") {
        return Err("the server must be on 127.0.0.1".into());
    }
    let items = Arc::new(read_list(&args)?);
    let mut listening = JoinSet::new();
    for number in 0..args.listeners {
        let (args, items) = (args.clone(), items.clone());
        listening.spawn(async move {
            // They come within two seconds, each at a place of its own.
            let share = number as f64 / args.listeners as f64;
            tokio::time::sleep(Duration::from_secs_f64(share * 2.0)).await;
            let place = (number as f64 * 0.618_033_988_75).fract();
            listen(&args, &items[number % items.len()], place).await
        });
    }
    let (mut first, mut stalls, mut stalled, mut failed) = (Vec::new(), 0, 0, 0);
    let mut silent = Duration::ZERO;
    while let Some(heard) = listening.join_next().await {
        match heard? {
            Ok(heard) => {
                first.push(heard.first);
                stalls += heard.stalls;
                stalled += usize::from(heard.stalls > 0);
                failed += usize::from(heard.failed);
                silent += heard.silent;
            }
            Err(error) => {
                eprintln!("{error}");
                failed += 1;
            }
        }
    }
    first.sort_unstable();
    let at = |percent: usize| {
        let index = first.len().saturating_sub(1) * percent / 100;
        first.get(index).map_or(0.0, |first| first.as_secs_f64() * 1e3)
    };
    let report = serde_json::json!({
        "listeners": args.listeners, "failed": failed, "stalls": stalls, "stalled": stalled,
        "silent_s": silent.as_secs_f64(), "first_p50_ms": at(50), "first_p99_ms": at(99),
        "first_max_ms": at(100),
    });
    println!("{report}");
    Ok(())
}
