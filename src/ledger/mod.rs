//! WHAT HAPPENED, as others can check it: one log a controller and one over all of them, in the
//! formats of C2SP (signed-note, tlog-checkpoint, tlog-tiles, tlog-proof), with Ed25519 and the
//! SHA-256 tree of RFC 6962.
//!
//! What is here is pure but for [`Signer`], which keeps its key and its memory in files. The rows
//! are the index's, the timing is the vault's. Nothing here is needed to verify a log: tests do
//! that with Go's `sumdb` packages, with Cloudflare's crates and with a few lines of Python.

pub mod certificate;
mod certificate_pdf;
mod certificate_told;
mod certificate_words;
pub mod challenge;
mod checkpoint;
pub mod ciphertext;
mod error;
pub mod evidence;
mod evidence_words;
mod leaf;
mod note;
mod signer;
pub mod tiles;
pub mod tree;
pub mod verify;

pub use certificate_pdf::pdf;
pub use certificate_told::{is_evidence, told as told_of};
pub use certificate_words::Language;
pub use checkpoint::{Checkpoint, TlogProof};
pub use error::Error;
pub use evidence_words::cover;
pub use leaf::{Leaf, compose, told};
pub use note::{Note, VerifierKey, is_name};
pub use signer::Signer;
pub use tiles::MAX_ENTRY;
pub use tree::Hash;
