//! Memory that does not grow with the recording.

use std::fs;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use jiff::SignedDuration;

use super::{Process, Site, support};
use crate::harness::{Engine, tone};

/// How much more memory a recording may take, whatever its size.
const MORE_KIB: u64 = 64 * 1024;

/// A WAV header for this much data of a format.
fn header(format: u16, data: u32) -> Bytes {
    let mut wav = tone(0.0, 1);
    wav[4..8].copy_from_slice(&(36 + data).to_le_bytes());
    wav[20..22].copy_from_slice(&format.to_le_bytes());
    wav[40..44].copy_from_slice(&data.to_le_bytes());
    wav.into()
}

/// Uploads this much made-up audio and gives the answer and how much memory grew meanwhile.
async fn grows(site: &Site, node: &Process, format: u16, data: u32) -> (super::Answer, u64) {
    // What any upload needs is there already.
    let warm = support(SignedDuration::from_hours(2), "warm");
    node.upload(&site.pbx, &warm, tone(10.0, 1)).await.id();
    let block = Bytes::from(tone(60.0, 7)).slice(44..);
    let blocks = u64::from(data).div_ceil(block.len() as u64);
    let pieces = (0..blocks).map(move |number| {
        let left = u64::from(data) - number * block.len() as u64;
        block.slice(..usize::try_from(left).unwrap().min(block.len()))
    });
    let pieces = std::iter::once(header(format, data)).chain(pieces).map(Ok::<_, std::io::Error>);
    let body = reqwest::Body::wrap_stream(stream::iter(pieces));
    let before = forget_peak(node);
    let call = support(SignedDuration::from_hours(1), "large");
    let answer = node.upload(&site.pbx, &call, body).await;
    (answer, status(node, "VmHWM:").saturating_sub(before))
}

/// Forgets the peak so far, and gives what is used now.
fn forget_peak(node: &Process) -> u64 {
    fs::write(format!("/proc/{}/clear_refs", node.id()), "5").unwrap();
    status(node, "VmRSS:")
}

/// A figure of the process, in KiB.
fn status(node: &Process, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", node.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_recording_of_four_hours_takes_no_more_memory() {
    four_hours(Engine::Sqlite).await;
}

#[tokio::test]
async fn a_recording_of_four_hours_takes_no_more_memory_at_scale() {
    four_hours(Engine::Postgres).await;
}

/// 230 MB up and down again.
async fn four_hours(engine: Engine) {
    let site = Site::on(engine).await;
    let node = site.serve().await;
    let data = 4 * 3600 * 16_000;
    let (answer, more) = grows(&site, &node, 1, data).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.json()["duration"], 14_400.0);
    assert!(more < MORE_KIB, "{more} KiB more");
    // Any part of it is as near as any other.
    let path = format!("/v1/recordings/{}/audio?purpose=training", answer.id());
    let late = node.range(&path, &site.trainer, u64::from(data) - 100_000, 1000).await;
    assert_eq!((late.status, late.body.len()), (206, 1000));
    let before = forget_peak(&node);
    let heard = node.drain(&path, &site.trainer).await;
    assert_eq!(heard, u64::from(data) + 44);
    let more = status(&node, "VmHWM:").saturating_sub(before);
    assert!(more < MORE_KIB, "{more} KiB more to play it");
}

#[tokio::test]
async fn a_recording_of_two_gibibytes_takes_no_more_memory() {
    let site = Site::on(Engine::Sqlite).await;
    let node = site.serve().await;
    // G.729: kept as it is and not decoded, which would take minutes in a build for tests.
    let data = (2 << 30) - (1 << 20);
    let upload = tokio::time::timeout(Duration::from_mins(2), grows(&site, &node, 0x83, data));
    let (answer, more) = upload.await.unwrap();
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert!(more < MORE_KIB, "{more} KiB more");
}
