//! The whole corpus against the audio room: what PBXs write, and what goes wrong with it.
//!
//! `scripts/corpus.sh` builds the files, into `target/corpus` or wherever `CALLVAULT_CORPUS`
//! says. All of the good ones hold the same spoken minute.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::cast_precision_loss, reason = "counts of samples stay far below 2^52")]

use std::fs;
use std::io::Cursor;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use callvault::audio::{
    Analysis, Declared, Error, Limits, Rendition, SeekIndex, Waveform, analyse, sniff,
};

pub(crate) fn corpus(folder: &str) -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "the tests have no configuration")]
    let root = std::env::var_os("CALLVAULT_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/corpus"), PathBuf::from);
    let folder = root.join(folder);
    assert!(
        folder.is_dir(),
        "there is no corpus at {}: make it with scripts/corpus.sh, or set CALLVAULT_CORPUS",
        root.display()
    );
    folder
}

/// The files of a folder with their names, in order.
pub(crate) fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(corpus(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
        .iter()
        .map(|path| (path.file_name().unwrap().to_str().unwrap().into(), fs::read(path).unwrap()))
        .collect()
}

/// What the source of a file would say it is, which only headerless ones need.
pub(crate) fn format_of(name: &str) -> Option<String> {
    let (stem, kind) = name.split_once('.')?;
    let wide = stem.contains("16k");
    let kind = match kind {
        "ulaw" if wide => "ulaw16",
        "alaw" if wide => "alaw16",
        "sln" | "sln16" | "ulaw" | "alaw" | "gsm" | "g722" | "g729" | "g723" => kind,
        "g726le_32" => "g726-32",
        _ => return None,
    };
    let channels = if stem.starts_with("st") { 2 } else { 1 };
    Some(format!("{kind}:{channels}"))
}

pub(crate) fn declared(name: &str) -> Option<Declared> {
    format_of(name).map(|format| format.parse().unwrap())
}

pub(crate) fn analysed(bytes: &[u8], declared: Option<&Declared>) -> Result<Analysis, Error> {
    let head = &bytes[..bytes.len().min(64 * 1024)];
    sniff(head, Some(bytes.len() as u64), declared)?;
    analyse(Box::new(Cursor::new(bytes.to_vec())), declared, &Limits::default())
}

pub(crate) fn part(rendition: &Rendition, bytes: &[u8], range: Range<u64>) -> Vec<u8> {
    let mut part = Vec::new();
    let source = Box::new(Cursor::new(bytes.to_vec()));
    rendition
        .write(source, range, &mut |piece| {
            part.extend_from_slice(piece);
            ControlFlow::Continue(())
        })
        .unwrap();
    part
}

/// Numbers that are the same in every run.
pub(crate) fn dice() -> impl FnMut(u64) -> u64 {
    let mut state = 1_u64;
    move |below| {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (state >> 16) % below
    }
}

/// How loud each fiftieth of a second is, all channels together.
fn loudness(wav: &[u8]) -> Vec<f64> {
    let channels = usize::from(u16::from_le_bytes([wav[22], wav[23]]));
    let rate = u32::from_le_bytes([wav[24], wav[25], wav[26], wav[27]]) as usize;
    let samples: Vec<f64> = wav[44..]
        .chunks_exact(2)
        .map(|two| f64::from(i16::from_le_bytes([two[0], two[1]])))
        .collect();
    let power = |part: &[f64]| part.iter().map(|sample| sample * sample).sum::<f64>();
    samples
        .chunks(rate / 50 * channels)
        .map(|part| (power(part) / part.len() as f64).sqrt())
        .collect()
}

pub(crate) fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let len = a.len().min(b.len());
    let mean = |values: &[f64]| values[..len].iter().sum::<f64>() / len as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let pairs = a.iter().zip(b).map(|(a, b)| (a - mean_a, b - mean_b));
    let (ab, aa, bb) =
        pairs.fold((0.0, 0.0, 0.0), |(ab, aa, bb), (a, b)| (ab + a * b, aa + a * a, bb + b * b));
    ab / (aa * bb).sqrt()
}

/// How much alike two recordings sound, give or take the delay an encoder adds.
fn likeness(original: &[f64], decoded: &[f64]) -> f64 {
    (0..10).map(|delay| correlation(original, &decoded[delay..])).fold(-1.0, f64::max)
}

/// The greatest difference between the peaks of two waveforms.
fn difference(a: &Waveform, b: &Waveform) -> f32 {
    (0..a.channels())
        .flat_map(|channel| a.peaks(channel).zip(b.peaks(channel)))
        .map(|([a, b], [c, d])| (a - c).abs().max((b - d).abs()))
        .fold(0.0, f32::max)
}

/// How much decoding in parts may differ from decoding in one go.
///
/// AAC and Opus put noise of their own where there was noise; all others must be exact.
fn tolerance(name: &str) -> f32 {
    let noisy = [("aac", 0.04), ("frag.mp4", 0.04), ("opus", 0.01)];
    noisy.iter().find(|(part, _)| name.contains(part)).map_or(0.0, |(_, tolerance)| *tolerance)
}

/// Why a good file is kept unplayed, by its name.
pub(crate) fn expected_reason(name: &str) -> Option<&'static str> {
    let reasons = [
        (".amr", "nothing here decodes AMR"),
        (".awb", "nothing here decodes AMR"),
        (".c2", "nothing here decodes Codec 2"),
        (".speex.spx", "nothing here decodes Speex"),
        (".g729", "nothing here decodes G.729"),
        (".g723", "nothing here decodes G.723.1"),
        (".g726", "nothing here decodes G.726"),
    ];
    reasons.iter().find(|(part, _)| name.contains(part)).map(|(_, reason)| *reason)
}

#[test]
fn every_good_file_of_one_party_at_8_khz_plays_whole_and_in_parts() {
    play_all("mo8k");
}

#[test]
fn every_good_file_of_one_party_at_16_khz_plays_whole_and_in_parts() {
    play_all("mo16k");
}

#[test]
fn every_good_file_of_two_parties_at_8_khz_plays_whole_and_in_parts() {
    play_all("st8k");
}

#[test]
fn every_good_file_of_two_parties_at_16_khz_plays_whole_and_in_parts() {
    play_all("st16k");
}

fn play_all(stem: &str) {
    let spoken = loudness(&fs::read(corpus("src").join(format!("{stem}.wav"))).unwrap());
    let channels = if stem.starts_with("st") { 2 } else { 1 };
    let mut random = dice();
    for (name, bytes) in files("ok").into_iter().filter(|(name, _)| name.starts_with(stem)) {
        let analysis = analysed(&bytes, declared(&name).as_ref()).unwrap();
        assert_eq!(analysis.unplayable, expected_reason(&name), "{name}");
        if analysis.unplayable.is_some() {
            continue;
        }
        let duration = Duration::from_millis(analysis.duration_ms.unwrap()).as_secs_f64();
        // Codecs in blocks and with a delay last a little longer than what went in.
        assert!((59.9..60.3).contains(&duration), "{name} lasts {duration} s");
        assert_eq!(analysis.channels, channels, "{name}");
        assert_eq!(analysis.waveform.channels(), channels, "{name}");
        assert!((analysis.waveform.duration_s() - duration).abs() < 0.2, "{name}");
        let picture = analysis.waveform.to_bytes();
        assert_eq!(Waveform::from_bytes(&picture).unwrap(), analysis.waveform, "{name}");

        let stored = analysis.index.to_bytes();
        assert!(stored.len() < 1_000, "{name}");
        let rendition = Rendition::open(&SeekIndex::from_bytes(&stored).unwrap()).unwrap();
        let wav = part(&rendition, &bytes, 0..rendition.len());
        assert_eq!(wav.len() as u64, rendition.len(), "{name}");
        for _ in 0..12 {
            let first = random(rendition.len());
            let last = (first + random(64 * 1024)).min(rendition.len());
            let expected = &wav[first.try_into().unwrap()..last.try_into().unwrap()];
            assert!(part(&rendition, &bytes, first..last) == expected, "{name} {first}..{last}");
        }

        let likeness = likeness(&spoken, &loudness(&wav));
        assert!(likeness > 0.95, "{name} sounds like another recording: {likeness}");
        let again = analyse(Box::new(Cursor::new(wav)), None, &Limits::default()).unwrap();
        let difference = difference(&analysis.waveform, &again.waveform);
        assert!(difference <= tolerance(&name), "{name} in parts differs by {difference}");
    }
}

#[test]
fn headers_that_crashed_or_streamed_are_repaired() {
    let cases = [
        ("asterisk_crash_len0.wav", 60.0),
        ("stream_ffffffff.wav", 60.0),
        ("stream_7ffff000.wav", 60.0),
        ("data_short.wav", 60.0),
        ("len0_ulaw.wav", 60.0),
        ("len0_gsm49.wav", 60.0),
        ("ffmpeg_pipe.wav", 60.0),
        ("sox_pipe.wav", 60.0),
        ("flac_pipe_nosamples.flac", 60.0),
        ("w64_pipe.w64", 60.0),
        ("list_huge.wav", 60.0),
        ("list_info_huge.wav", 60.0),
        ("fmtsize_huge.wav", 60.0),
        ("align0.wav", 60.0),
        ("trunc_half.wav", 30.0),
        ("trunc_odd.wav", 30.0),
        ("id3_huge.mp3", 60.0),
        ("garbage_prefix_4k.mp3", 60.0),
        ("trunc.mp3", 30.0),
        ("trunc.flac", 30.0),
        ("trunc.ogg", 30.0),
        ("trunc.opus", 30.0),
        ("trunc.webm", 30.0),
        ("pcm_trunc.caf", 25.0),
    ];
    for (name, seconds) in cases {
        let bytes = fs::read(corpus("bad").join(name)).unwrap();
        let analysis = analysed(&bytes, None).unwrap();
        let duration = analysis.duration_ms.map(|ms| Duration::from_millis(ms).as_secs_f64());
        let off = duration.map_or(f64::MAX, |duration| (duration - seconds).abs());
        assert!(off < 2.0, "{name} lasts {duration:?}, {:?}", analysis.unplayable);
    }
}

#[test]
fn what_is_no_audio_is_refused() {
    for name in [
        "empty.wav",
        "one_byte.wav",
        "trunc_in_fmt.wav",
        "text.wav",
        "html_error.wav",
        "text_riff.wav",
        "zeros_1M.wav",
        "random_1M.bin",
        "random_1M.mp3",
        "jpeg.wav",
        "capture_only.ogg",
        "freeformat.mp3",
        "garbage_prefix_300k.mp3",
        "trunc.gsm",
    ] {
        let bytes = fs::read(corpus("bad").join(name)).unwrap();
        assert!(matches!(analysed(&bytes, None), Err(Error::NotAudio)), "{name}");
    }
    for (name, bytes) in files("ok").iter().filter(|(name, _)| declared(name).is_some()) {
        assert!(matches!(analysed(bytes, None), Err(Error::NotAudio)), "{name} was not declared");
    }
}

#[test]
fn what_makes_no_sense_is_kept_unplayed() {
    let cases = [
        ("header_only_44.wav", "it holds no sound"),
        ("headers_only.opus", "its header makes no sense"),
        ("ch0.wav", "its header makes no sense"),
        ("rate0.wav", "its header makes no sense"),
        ("rate1.wav", "its header makes no sense"),
        ("rate_ffffffff.wav", "its header makes no sense"),
        ("bits0.wav", "its header makes no sense"),
        ("nofmt.wav", "its header makes no sense"),
        ("ima_align0.wav", "its header makes no sense"),
        ("trunc_nomoov.m4a", "its table of contents was never written"),
        ("ch65535.wav", "it has more channels than are played"),
        ("bomb_8ch_2h.flac", "it is too large to decode"),
    ];
    for (name, reason) in cases {
        let bytes = fs::read(corpus("bad").join(name)).unwrap();
        let analysis = analysed(&bytes, None).unwrap();
        assert_eq!(analysis.unplayable, Some(reason), "{name}");
        assert!(Rendition::open(&analysis.index).is_err(), "{name}");
    }
}

#[test]
fn no_bad_file_takes_long_and_each_range_is_a_slice() {
    for (name, bytes) in files("bad") {
        let begun = Instant::now();
        let Ok(analysis) = analysed(&bytes, None) else { continue };
        assert!(begun.elapsed() < Duration::from_secs(20), "{name} took {:?}", begun.elapsed());
        let Ok(rendition) = Rendition::open(&analysis.index) else { continue };
        let whole = part(&rendition, &bytes, 0..rendition.len());
        for first in [50, rendition.len() / 3 + 1, rendition.len() / 2, rendition.len() - 1] {
            let last = (first + 10_001).min(rendition.len());
            let first = first.min(last);
            let expected = &whole[first.try_into().unwrap()..last.try_into().unwrap()];
            assert!(part(&rendition, &bytes, first..last) == expected, "{name} {first}..{last}");
        }
    }
}

#[test]
fn a_bomb_that_hides_its_length_is_stopped_while_it_decodes() {
    let mut bytes = fs::read(corpus("bad").join("bomb_8ch_2h.flac")).unwrap();
    // The count of samples in STREAMINFO, 36 bits: 0 is "unknown".
    bytes[21] &= 0xF0;
    bytes[22..26].fill(0);
    let limits = Limits { samples: 20_000_000, ..Limits::default() };
    let source = Box::new(Cursor::new(bytes.clone()));
    let analysis = analyse(source, None, &limits).unwrap();
    assert_eq!(analysis.unplayable, Some("it is too large to decode"));

    let limits = Limits { time: Duration::from_millis(200), ..Limits::default() };
    let begun = Instant::now();
    let analysis = analyse(Box::new(Cursor::new(bytes)), None, &limits).unwrap();
    assert_eq!(analysis.unplayable, Some("it took too long to decode"));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn damage_anywhere_is_survived_and_what_still_plays_agrees_with_itself() {
    let mut random = dice();
    for (name, mut bytes) in files("ok") {
        let declared = declared(&name);
        bytes.truncate(30_000);
        for _ in 0..6 {
            let mut hurt = bytes.clone();
            for _ in 0..=random(8) {
                // Headers are where the trouble is.
                let within = if random(2) == 0 { 200 } else { hurt.len() as u64 };
                let place = usize::try_from(random(within)).unwrap();
                hurt[place] = u8::try_from(random(256)).unwrap();
            }
            let begun = Instant::now();
            let Ok(analysis) = analysed(&hurt, declared.as_ref()) else { continue };
            assert!(begun.elapsed() < Duration::from_secs(10), "{name}: {:?}", begun.elapsed());
            let Ok(rendition) = Rendition::open(&analysis.index) else { continue };
            let end = rendition.len().min(3_000_000);
            let whole = part(&rendition, &hurt, 0..end);
            let first = random(end);
            let last = (first + 20_000).min(end);
            let expected = &whole[first.try_into().unwrap()..last.try_into().unwrap()];
            assert!(part(&rendition, &hurt, first..last) == expected, "{name} {first}..{last}");
        }
    }
}
