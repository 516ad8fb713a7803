//! What is heard after a seek, in every format there is, against what ffmpeg decodes.
//!
//! PCM, G.711, lossless and ADPCM must come out as ffmpeg's samples, at their place; the other codecs with
//! at most the delay of a codec between the two and an error that nobody hears. The light rendition is coded
//! once more: its loudness must follow the original's, hundredth of a second by hundredth.

use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::process::{Command, Stdio};

use callvault::audio::{Analysis, Light, Rendition};

use crate::audio_corpus::{
    analysed, correlation, declared, dice, expected_reason, files, format_of, part,
};

/// How long each piece is that is compared, in seconds.
const PIECE: usize = 2;

/// Runs a program over a file and gives what it prints.
fn run(program: &str, args: &[&str]) -> Vec<u8> {
    let done = Command::new(program).args(args).stdin(Stdio::null()).output().unwrap();
    assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

/// What ffmpeg hears: samples of this rate, channels interleaved.
fn reference(name: &str, analysis: &Analysis) -> Vec<f64> {
    // ffmpeg takes the tag of this one for another codec; what is in it is the same as in that.
    let name = if name == "mo16k.g722_65.wav" { "mo16k.g722" } else { name };
    let path = crate::audio_corpus::corpus("ok").join(name);
    let (rate, channels) = (analysis.sample_rate.to_string(), analysis.channels.to_string());
    let mut args = vec!["-v", "error", "-nostdin"];
    let format = format_of(name);
    let kind = format.as_deref().and_then(|format| format.split(':').next()).unwrap_or_default();
    let raw = match kind {
        "sln" | "sln16" => "s16le",
        "ulaw" | "ulaw16" => "mulaw",
        "alaw" | "alaw16" => "alaw",
        other => other,
    };
    if !raw.is_empty() {
        args.extend(["-f", raw]);
        // These two have one rate only.
        if raw != "g722" && raw != "gsm" {
            args.extend(["-ar", &rate, "-ac", &channels]);
        }
    }
    if name.contains("opus") {
        // ffmpeg's own decoder of Opus resamples in another way, which is not what is tested.
        args.extend(["-c:a", "libopus"]);
    }
    let path = path.to_str().unwrap();
    args.extend(["-i", path, "-f", "s16le", "-ar", &rate, "-ac", &channels, "-"]);
    samples(&run("ffmpeg", &args))
}

fn samples(bytes: &[u8]) -> Vec<f64> {
    let pairs = bytes.as_chunks::<2>().0;
    pairs.iter().map(|pair| f64::from(i16::from_le_bytes(*pair))).collect()
}

/// How much stronger the sound is than the error, in decibels.
fn clarity(original: &[f64], heard: &[f64]) -> f64 {
    let sound: f64 = original.iter().map(|sample| sample * sample).sum();
    let error: f64 = original.iter().zip(heard).map(|(a, b)| (a - b) * (a - b)).sum();
    10.0 * ((sound + 1.0) / (error + 1e-9)).log10()
}

/// The slice of interleaved frames.
fn frames(samples: &[f64], at: Range<usize>, channels: usize) -> &[f64] {
    &samples[at.start * channels..at.end * channels]
}

/// By how many frames `heard` lies behind `original` at a place, at most `most`.
fn lag(original: &[f64], heard: &[f64], at: usize, most: usize, channels: usize) -> (i64, f64) {
    let len = 1_000;
    let piece = frames(heard, at..at + len, channels);
    let mut best = (0, f64::MIN);
    for by in 0..=most {
        for place in [at.checked_sub(by), Some(at + by)].into_iter().flatten() {
            let found = clarity(frames(original, place..place + len, channels), piece);
            if found > best.1 {
                best = (i64::try_from(at).unwrap() - i64::try_from(place).unwrap(), found);
            }
        }
        if best.1 > 45.0 {
            break;
        }
    }
    best
}

/// How far off a codec's decoders may be from each other: samples, and what is left of the sound.
fn allowed(name: &str) -> (usize, f64) {
    let lossy = [
        // Decoders of MP3 and AAC disagree about the delay at the beginning.
        (".mp3", (2_500, 25.0)),
        ("aac", (2_500, 15.0)),
        ("frag.mp4", (2_500, 15.0)),
        ("vorbis", (2_500, 25.0)),
        ("opus", (4_000, 20.0)),
        ("g722", (64, 30.0)),
        ("gsm", (160, 60.0)),
        ("asterisk.WAV", (160, 60.0)),
    ];
    lossy.iter().find(|(part, _)| name.contains(part)).map_or((0, 140.0), |(_, allowed)| *allowed)
}

#[test]
fn after_a_seek_the_wav_is_what_ffmpeg_decodes() {
    let mut random = dice();
    let mut heard = 0;
    let mut wrong = Vec::new();
    for (name, bytes) in files("ok") {
        if expected_reason(&name).is_some() {
            continue;
        }
        let analysis = analysed(&bytes, declared(&name).as_ref()).unwrap();
        let original = reference(&name, &analysis);
        let (rate, channels) = (analysis.sample_rate as usize, usize::from(analysis.channels));
        let wav = Rendition::open(&analysis.index).unwrap();
        let (most, least) = allowed(&name);
        for _ in 0..3 {
            let at = rate * 2 + usize::try_from(random(54 * rate as u64)).unwrap();
            let begin = 44 + 2 * (at * channels) as u64;
            let bytes = part(&wav, &bytes, begin..begin + 2 * (PIECE * rate * channels) as u64);
            // Silence where the piece would be, so that places are the same in both.
            let mut here = vec![0.0; at * channels];
            here.extend(samples(&bytes));
            let (lag, _) = lag(&original, &here, at + rate / 2, most, channels);
            let end = (at + PIECE * rate).min(original.len() / channels - most);
            let first = usize::try_from(i64::try_from(at).unwrap() - lag).unwrap();
            let found = clarity(
                frames(&original, first..first + end - at, channels),
                frames(&here, at..end, channels),
            );
            if found < least {
                wrong.push(format!("{name} at {at}: {found:.1} dB, {lag} samples off"));
            }
        }
        heard += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(heard > 100, "{heard} played");
}

/// How loud each hundredth of a second is, all channels together.
#[expect(clippy::cast_precision_loss, reason = "counts of samples stay far below 2^52")]
fn loudness(samples: &[f64], rate: usize, channels: usize) -> Vec<f64> {
    let power = |part: &[f64]| part.iter().map(|sample| sample * sample).sum::<f64>();
    let parts = samples.chunks_exact(rate / 100 * channels);
    parts.map(|part| (power(part) / part.len() as f64).sqrt()).collect()
}

/// What ffmpeg hears, moved by as much as its decoder is ahead of ours or behind it.
fn at_our_place(mut original: Vec<f64>, analysis: &Analysis, name: &str, bytes: &[u8]) -> Vec<f64> {
    let (rate, channels) = (analysis.sample_rate as usize, usize::from(analysis.channels));
    let wav = Rendition::open(&analysis.index).unwrap();
    let at = 20 * rate;
    let begin = 44 + 2 * (at * channels) as u64;
    let mut here = vec![0.0; at * channels];
    here.extend(samples(&part(&wav, bytes, begin..begin + 2 * (rate * channels) as u64)));
    let (lag, _) = lag(&original, &here, at + rate / 4, allowed(name).0, channels);
    let frames = usize::try_from(lag.unsigned_abs()).unwrap() * channels;
    if lag > 0 {
        original.splice(0..0, vec![0.0; frames]);
    } else {
        original.drain(0..frames);
    }
    original
}

fn light_part(light: &Light, bytes: &[u8], range: Range<u64>) -> Vec<u8> {
    let mut part = Vec::new();
    let source = Box::new(std::io::Cursor::new(bytes.to_vec()));
    let mut keep = |piece: &[u8]| {
        part.extend_from_slice(piece);
        ControlFlow::Continue(())
    };
    light.write(source, range, &mut keep).unwrap();
    part
}

/// What ffmpeg hears in an Ogg Opus file that is a head and pages from somewhere on.
fn decoded(dir: &Path, opus: &[u8], analysis: &Analysis) -> Vec<f64> {
    let path = dir.join("light.opus");
    std::fs::write(&path, opus).unwrap();
    let rate = analysis.sample_rate.to_string();
    let path = path.to_str().unwrap();
    let args = ["-v", "error", "-nostdin", "-i", path, "-f", "s16le", "-ar", &rate, "-"];
    samples(&run("ffmpeg", &args))
}

/// Where the pages of sound begin.
fn pages(opus: &[u8]) -> Vec<usize> {
    let found = opus.windows(5).enumerate().filter(|(_, bytes)| *bytes == b"OggS\0");
    found.map(|(at, _)| at).skip(2).collect()
}

#[test]
fn after_a_seek_the_light_rendition_sounds_like_the_original() {
    let dir = tempfile::tempdir().unwrap();
    let mut random = dice();
    let mut heard = 0;
    for (name, bytes) in files("ok") {
        if expected_reason(&name).is_some() {
            continue;
        }
        let analysis = analysed(&bytes, declared(&name).as_ref()).unwrap();
        let light = Light::open(&analysis.index).unwrap();
        let opus = light_part(&light, &bytes, 0..light.len());
        assert_eq!(opus.len() as u64, light.len(), "{name}");
        let channels = usize::from(analysis.channels);
        let most = if channels == 2 { 34_000 } else { 26_000 };
        assert!(light.len() * 8 / 60 < most, "{name} is light: {} bytes", light.len());
        let page = pages(&opus);
        assert_eq!(page.len(), 61, "{name}: a page a second");

        // Any range is that slice of the whole, whatever was computed before.
        for _ in 0..4 {
            let first = random(light.len());
            let last = (first + random(9_000)).min(light.len());
            let expected = &opus[usize::try_from(first).unwrap()..usize::try_from(last).unwrap()];
            assert!(light_part(&light, &bytes, first..last) == expected, "{name} {first}..{last}");
        }

        let rate = analysis.sample_rate as usize;
        let original = at_our_place(reference(&name, &analysis), &analysis, &name, &bytes);
        let original = loudness(&original, rate, channels);
        for from in [0, 7, 33] {
            let seek = [&opus[..page[0]], &opus[page[from]..]].concat();
            let sound = loudness(&decoded(dir.path(), &seek, &analysis), rate, channels);
            // The decoder settles for a tenth of a second; the two may be two hundredths apart.
            let (begin, len) = (from * 100 + 40, 1_500);
            let heard = &sound[40..40 + len];
            let near =
                (begin - 2..=begin + 2).map(|at| correlation(&original[at..at + len], heard));
            let likeness = near.fold(-1.0, f64::max);
            assert!(likeness > 0.95, "{name} from {from} s: {likeness}");
        }
        heard += 1;
    }
    assert!(heard > 100, "{heard} played");
}

#[test]
fn where_one_encoder_takes_over_from_another_nothing_is_heard() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["mo8k.pcm16.wav", "mo16k.pcm16.wav", "st8k.pcm16.wav", "st16k.pcm16.wav"] {
        let bytes = std::fs::read(crate::audio_corpus::corpus("ok").join(name)).unwrap();
        let analysis = analysed(&bytes, None).unwrap();
        let light = Light::open(&analysis.index).unwrap();
        let opus = light_part(&light, &bytes, 0..light.len());
        let path = dir.path().join("whole.opus");
        std::fs::write(&path, &opus).unwrap();
        let told = String::from_utf8(run("opusinfo", &[path.to_str().unwrap()])).unwrap();
        assert!(!told.contains("WARNING"), "{name}: {told}");

        let original = samples(&bytes[44..]);
        let heard = decoded(dir.path(), &opus, &analysis);
        let (rate, channels) = (analysis.sample_rate as usize, usize::from(analysis.channels));
        assert_eq!(heard.len(), original.len(), "{name}: as long as the original");
        let loud = loudness(&original, rate, channels);
        let sound = loudness(&heard, rate, channels);
        // How far the loudness is off, within 60 ms after each second: every fifth is a new encoder.
        let off = |second: usize| -> f64 {
            (second * 100..second * 100 + 6).map(|at| (loud[at] - sound[at]).abs()).sum()
        };
        let mean = |seconds: &mut dyn Iterator<Item = usize>| {
            let all: Vec<f64> = seconds.map(off).collect();
            #[expect(clippy::cast_precision_loss, reason = "a few")]
            let count = all.len() as f64;
            all.iter().sum::<f64>() / count
        };
        let joins = mean(&mut (1..11).map(|join| join * 5));
        let elsewhere = mean(&mut (1..55).filter(|second| second % 5 != 0));
        assert!(joins < 2.0 * elsewhere + 100.0, "{name}: {joins} at joins, {elsewhere} elsewhere");
    }
}
