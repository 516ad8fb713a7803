//! A load client for the side-by-side benches: plays or uploads recordings over HTTP/1.1 and prints one line
//! of JSON. Plain blocking sockets, so that on a small machine the server has the cores.

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use sha2::{Digest, Sha256};

/// What the load is and where it goes.
#[derive(Parser)]
struct Args {
    /// `127.0.0.1:PORT` of the server.
    #[arg(long)]
    server: String,
    /// One recording a line: URL path, size, SHA-256 and the file it came from, separated by tabs.
    #[arg(long)]
    list: PathBuf,
    #[arg(long, value_enum)]
    mode: Mode,
    /// Connections at once.
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// How long to go on (`full` and `seek`).
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Bytes of one range (`seek`).
    #[arg(long, default_value_t = 65_536)]
    range: u64,
    /// A header for every request.
    #[arg(long)]
    header: Vec<String>,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where `put` writes the URL path and `Location` of each recording.
    #[arg(long)]
    locations: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Mode {
    /// Whole recordings, at random, until the time is over.
    Full,
    /// Ranges at random places of recordings at random, until the time is over.
    Seek,
    /// Every recording once, compared with its size and SHA-256.
    Verify,
    /// Uploads every recording once.
    Put,
}

struct Item {
    path: String,
    size: u64,
    sha256: String,
    file: String,
}

struct Answer {
    status: u16,
    length: u64,
    location: Option<String>,
}

/// What one connection did.
#[derive(Default)]
struct Done {
    bytes: u64,
    errors: u64,
    latencies: Vec<Duration>,
    locations: Vec<String>,
}

/// Small and fast; the same sequence for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Connection {
    fn open(server: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        Ok(Self { stream, buffer: vec![0; 256 << 10], start: 0, end: 0 })
    }

    /// Reads more when nothing is left, and gives what is there.
    fn peek(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            self.start = 0;
            self.end = self.stream.read(&mut self.buffer)?;
            if self.end == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        loop {
            let bytes = self.peek()?;
            let found = bytes.iter().position(|byte| *byte == b'\n');
            let taken = found.unwrap_or(bytes.len());
            line.extend_from_slice(&bytes[..taken]);
            self.start += taken + usize::from(found.is_some());
            if found.is_some() {
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
        }
    }

    fn body(&mut self, mut left: u64, sink: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        while left > 0 {
            let bytes = self.peek()?;
            let taken = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            sink(&bytes[..taken]);
            self.start += taken;
            left -= taken as u64;
        }
        Ok(())
    }

    fn exchange(
        &mut self,
        head: &str,
        body: &[u8],
        sink: &mut dyn FnMut(&[u8]),
    ) -> io::Result<Answer> {
        self.stream.write_all(head.as_bytes())?;
        self.stream.write_all(body)?;
        let status = self.line()?.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        let (mut length, mut chunked, mut location) = (0, false, None);
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap_or(0),
                "transfer-encoding" => chunked = value.contains("chunked"),
                "location" => location = Some(value.trim().to_owned()),
                _ => {}
            }
        }
        if chunked {
            length = 0;
            loop {
                let size = u64::from_str_radix(&self.line()?, 16).unwrap_or(0);
                self.body(size, sink)?;
                self.line()?;
                length += size;
                if size == 0 {
                    break;
                }
            }
        } else {
            self.body(length, sink)?;
        }
        Ok(Answer { status, length, location })
    }
}

/// One connection's share of the load.
struct Worker<'a> {
    args: &'a Args,
    items: &'a [Item],
    next: &'a AtomicUsize,
    deadline: Instant,
    random: Random,
    done: Done,
}

impl<'a> Worker<'a> {
    fn run(mut self) -> Done {
        let mut connection = None;
        while let Some(item) = self.pick() {
            let begun = Instant::now();
            match self.once(connection.take(), item) {
                Ok(open) => {
                    self.done.latencies.push(begun.elapsed());
                    connection = Some(open);
                }
                Err(error) => {
                    eprintln!("{}: {error}", item.path);
                    self.done.errors += 1;
                    // A server that is away must not be hammered.
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        }
        self.done
    }

    fn pick(&mut self) -> Option<&'a Item> {
        match self.args.mode {
            Mode::Put | Mode::Verify => self.items.get(self.next.fetch_add(1, Ordering::Relaxed)),
            Mode::Full | Mode::Seek if Instant::now() < self.deadline => {
                let chosen = self.random.below(self.items.len() as u64);
                self.items.get(usize::try_from(chosen).unwrap_or(0))
            }
            Mode::Full | Mode::Seek => None,
        }
    }

    /// One request, checked; gives the connection back for the next.
    fn once(&mut self, open: Option<Connection>, item: &Item) -> io::Result<Connection> {
        let mut connection = open.map_or_else(|| Connection::open(&self.args.server), Ok)?;
        let verb = if self.args.mode == Mode::Put { "PUT" } else { "GET" };
        let mut head = vec![format!("{verb} {} HTTP/1.1", item.path)];
        head.push(format!("Host: {}", self.args.server));
        head.extend(self.args.header.iter().cloned());
        let (mut body, mut expected) = (Vec::new(), (200, item.size));
        match self.args.mode {
            Mode::Seek => {
                let length = self.args.range.min(item.size);
                let first = self.random.below(item.size - length + 1);
                head.push(format!("Range: bytes={first}-{}", first + length - 1));
                expected = (206, length);
            }
            Mode::Put => {
                body = std::fs::read(&item.file)?;
                head.push(format!("Content-Length: {}", body.len()));
            }
            Mode::Full | Mode::Verify => {}
        }
        let head = head.join("\r\n") + "\r\n\r\n";
        let mut hash = (self.args.mode == Mode::Verify).then(Sha256::new);
        let answer = connection.exchange(&head, &body, &mut |bytes| {
            if let Some(hash) = &mut hash {
                hash.update(bytes);
            }
        })?;
        if self.args.mode == Mode::Put {
            return self.note_location(&answer, item, connection);
        }
        self.done.bytes += answer.length;
        if (answer.status, answer.length) != expected {
            return Err(wrong(&format!("status {}, {} bytes", answer.status, answer.length)));
        }
        if hash.is_some_and(|hash| hex::encode(hash.finalize()) != item.sha256) {
            return Err(wrong("other bytes"));
        }
        Ok(connection)
    }

    fn note_location(
        &mut self,
        answer: &Answer,
        item: &Item,
        connection: Connection,
    ) -> io::Result<Connection> {
        let Some(location) = answer.location.as_ref().filter(|_| answer.status == 201) else {
            return Err(wrong(&format!("status {}", answer.status)));
        };
        self.done.bytes += item.size;
        self.done.locations.push(format!("{}\t{location}\n", item.path));
        Ok(connection)
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::other(what.to_owned())
}

fn read_list(args: &Args) -> Result<Vec<Item>, Box<dyn Error>> {
    let mut items = Vec::new();
    for line in std::fs::read_to_string(&args.list)?.lines() {
        let [path, size, sha256, file] = line.split('\t').collect::<Vec<_>>()[..] else {
            return Err(format!("{}: not four columns", args.list.display()).into());
        };
        items.push(Item {
            path: path.to_owned(),
            size: size.parse()?,
            sha256: sha256.to_owned(),
            file: file.to_owned(),
        });
    }
    Ok(items)
}

fn run_all(args: &Args, items: &[Item]) -> Done {
    let next = AtomicUsize::new(0);
    let deadline = Instant::now() + Duration::from_secs_f64(args.seconds);
    let mut all = Done::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (1..=args.connections as u64)
            .map(|number| {
                let seed = args.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(number << 17);
                let random = Random(seed | 1);
                let done = Done::default();
                let worker = Worker { args, items, next: &next, deadline, random, done };
                scope.spawn(move || worker.run())
            })
            .collect();
        for worker in workers {
            let done = worker.join().expect("a worker does not panic");
            all.bytes += done.bytes;
            all.errors += done.errors;
            all.latencies.extend(done.latencies);
            all.locations.extend(done.locations);
        }
    });
    all
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    // Load is sent to this machine and to no other.
    if !args.server.starts_with("127.0.0.1:") {
        return Err("the server must be on 127.0.0.1".into());
    }
    let items = read_list(&args)?;
    let begun = Instant::now();
    let mut all = run_all(&args, &items);
    let seconds = begun.elapsed().as_secs_f64();
    if let Some(to) = &args.locations {
        std::fs::write(to, all.locations.concat())?;
    }
    all.latencies.sort_unstable();
    let at = |percent: usize| {
        let index = all.latencies.len().saturating_sub(1) * percent / 100;
        all.latencies.get(index).map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
    };
    let report = serde_json::json!({
        "requests": all.latencies.len(), "errors": all.errors, "bytes": all.bytes,
        "seconds": seconds, "p50_ms": at(50), "p99_ms": at(99),
    });
    println!("{report}");
    Ok(())
}
