//! Tells cargo that the migrations are part of the program, and puts the screens into it: what
//! `web/dist` holds, each file with its compressed forms. Without it there are none, and the program
//! says how to get them.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::{env, fs};

use sha2::{Digest, Sha256};

/// What is worth compressing, by how the name ends.
const TEXT: &[&str] = &["css", "html", "js", "json", "svg", "txt", "webmanifest"];

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=web/dist");
    let dist =
        Path::new(&env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("web/dist");
    // Cargo would take a folder that is not there for one that just changed, at every build.
    drop(fs::create_dir_all(&dist));
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    let mut table = String::from("&[\n");
    for file in files(&dist)? {
        let path = file.strip_prefix(&dist).map_err(io::Error::other)?;
        let path = path.to_string_lossy().replace('\\', "/");
        row(&mut table, &out, &file, &path)?;
    }
    table.push_str("]\n");
    fs::write(out.join("screens.rs"), table)
}

/// Every file of a folder and of those in it, in order.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return Ok(found) };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Writes a row of the table, and the compressed forms that are smaller than the plain one.
fn row(table: &mut String, out: &Path, file: &Path, path: &str) -> io::Result<()> {
    let plain = fs::read(file)?;
    let digest = Sha256::digest(&plain);
    let tag = hex::encode(digest.get(..12).unwrap_or(&digest));
    let kind = mime_guess::from_path(file).first_or_octet_stream();
    let text = file.extension().is_some_and(|end| TEXT.iter().any(|text| end == *text));
    let charset = if text { "; charset=utf-8" } else { "" };
    let mut forms = Vec::new();
    if text {
        for (name, packed) in [("br", brotli(&plain)?), ("gzip", gzip(&plain)?)] {
            let kept = out.join(format!("{tag}.{name}"));
            if packed.len() < plain.len() {
                fs::write(&kept, packed)?;
                forms.push(format!("({name:?}, include_bytes!({:?}))", kept.display().to_string()));
            }
        }
    }
    writeln!(
        table,
        "    Screen {{ path: {path:?}, kind: \"{kind}{charset}\", tag: {tag:?}, \
         plain: include_bytes!({:?}), packed: &[{}] }},",
        file.display().to_string(),
        forms.join(", "),
    )
    .map_err(io::Error::other)
}

fn brotli(plain: &[u8]) -> io::Result<Vec<u8>> {
    let parameters = brotli::enc::BrotliEncoderParams { quality: 11, ..Default::default() };
    let mut packed = Vec::new();
    brotli::BrotliCompress(&mut &plain[..], &mut packed, &parameters)?;
    Ok(packed)
}

fn gzip(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(plain)?;
    packer.finish()
}
