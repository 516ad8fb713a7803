//! Signed notes (C2SP signed-note): text, an empty line, and a line for each signature.
//!
//! ```text
//! — <name> base64(key id (4) ‖ signature)
//! key id = SHA-256(name ‖ 0x0A ‖ type ‖ public key)[..4]
//! vkey   = <name>+<hex key id>+base64(type ‖ public key)
//! ```

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::error::Error;

/// An Ed25519 signature over the text.
const ED25519_KEY: u8 = 1;

/// An Ed25519 signature over the text and a time (C2SP tlog-cosignature).
const COSIGNATURE_KEY: u8 = 4;

/// How a signature line begins.
const DASH: &str = "\u{2014} ";

/// A key that signatures are checked with, under its name.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    kind: u8,
    public: [u8; 32],
}

impl VerifierKey {
    /// The key of a log.
    #[must_use]
    pub fn of_log(name: &str, public: [u8; 32]) -> Self {
        Self { name: name.to_owned(), kind: ED25519_KEY, public }
    }

    /// Whether it is the same key, under whatever name.
    #[must_use]
    pub fn is_same_key(&self, other: &Self) -> bool {
        (self.kind, self.public) == (other.kind, other.public)
    }

    /// The name it signs under. For a log it is its origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first bytes of the hash over name and key: which key a signature says it is of.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        let all = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', self.kind])
            .chain_update(self.public)
            .finalize();
        let mut id = [0; 4];
        id.iter_mut().zip(all).for_each(|(to, from)| *to = from);
        id
    }

    /// Whether the key is that of a witness, which signs a time as well.
    #[must_use]
    pub const fn is_witness(&self) -> bool {
        self.kind == COSIGNATURE_KEY
    }

    /// Checks one signature; a witness's gives the time (seconds) it was made at.
    fn check(&self, text: &str, signature: &[u8]) -> Result<Option<u64>, Error> {
        let wrong = || Error::Signature(self.name.clone());
        let key = UnparsedPublicKey::new(&ED25519, self.public);
        if !self.is_witness() {
            key.verify(text.as_bytes(), signature).map_err(|_| wrong())?;
            return Ok(None);
        }
        let (time, signature) = signature.split_first_chunk::<8>().ok_or_else(wrong)?;
        let time = u64::from_be_bytes(*time);
        let signed = format!("cosignature/v1\ntime {time}\n{text}");
        key.verify(signed.as_bytes(), signature).map_err(|_| wrong())?;
        Ok(Some(time))
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![self.kind];
        key.extend_from_slice(&self.public);
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id()), STANDARD.encode(key))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for VerifierKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |what| Error::Key(what);
        let mut parts = text.trim_end().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong("it is no name+id+key"));
        };
        let key = STANDARD.decode(key).map_err(|_| wrong("its last part is no Base64"))?;
        let (kind, public) = match key.split_first() {
            Some((kind @ (&ED25519_KEY | &COSIGNATURE_KEY), public)) => (*kind, public),
            _ => return Err(wrong("it is no Ed25519 key")),
        };
        let public = public.try_into().map_err(|_| wrong("an Ed25519 key has 32 bytes"))?;
        let key = Self { name: name.to_owned(), kind, public };
        if hex::encode(key.id()) != id || !is_name(name) {
            return Err(wrong("its id is not that of its name and key"));
        }
        Ok(key)
    }
}

/// Whether this can be the name of a key: no spaces, no plus.
#[must_use]
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

/// A note: what is signed, and by whom it says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Signature {
    name: String,
    id: [u8; 4],
    bytes: Vec<u8>,
}

impl Note {
    /// A note with one signature. `text` ends with a line end.
    #[must_use]
    pub fn signed(text: String, key: &VerifierKey, signature: &[u8]) -> Self {
        let name = key.name.clone();
        Self { text, signatures: vec![Signature { name, id: key.id(), bytes: signature.into() }] }
    }

    /// What is signed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Checks the signature of this key; the time when it is a witness's.
    pub fn verify(&self, key: &VerifierKey) -> Result<Option<u64>, Error> {
        let id = key.id();
        let mut of_key = self
            .signatures
            .iter()
            .filter(|signature| signature.id == id && signature.name == key.name)
            .peekable();
        if of_key.peek().is_none() {
            return Err(Error::Unsigned(key.name.clone()));
        }
        // Each of them has to be right: a wrong one beside a right one is no accident.
        let mut time = None;
        for signature in of_key {
            time = key.check(&self.text, &signature.bytes)?;
        }
        Ok(time)
    }

    /// Adds the signature lines that a witness answered, those of `key` that are right.
    pub fn add(&mut self, lines: &str, key: &VerifierKey) -> Result<u64, Error> {
        let added = Self { text: self.text.clone(), signatures: parse_lines(lines)? };
        let time = added.verify(key)?.unwrap_or(0);
        let id = key.id();
        self.signatures.retain(|signature| signature.id != id || signature.name != key.name);
        self.signatures.extend(
            added.signatures.into_iter().filter(|added| added.id == id && added.name == key.name),
        );
        Ok(time)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for Signature { name, id, bytes } in &self.signatures {
            writeln!(f, "{DASH}{name} {}", STANDARD.encode([id, bytes.as_slice()].concat()))?;
        }
        Ok(())
    }
}

impl FromStr for Note {
    type Err = Error;

    fn from_str(note: &str) -> Result<Self, Error> {
        let wrong = Error::Note;
        let (text, lines) = note.rsplit_once("\n\n").ok_or(wrong("it has no signatures"))?;
        if note.chars().any(|c| c.is_control() && c != '\n') {
            return Err(wrong("it holds control characters"));
        }
        Ok(Self { text: format!("{text}\n"), signatures: parse_lines(lines)? })
    }
}

fn parse_lines(lines: &str) -> Result<Vec<Signature>, Error> {
    let wrong = || Error::Note("a signature line cannot be read");
    let lines = lines.strip_suffix('\n').ok_or_else(wrong)?;
    lines
        .split('\n')
        .map(|line| {
            let (name, signature) =
                line.strip_prefix(DASH).and_then(|line| line.split_once(' ')).ok_or_else(wrong)?;
            let signature = STANDARD.decode(signature).map_err(|_| wrong())?;
            let (id, bytes) = signature.split_first_chunk::<4>().ok_or_else(wrong)?;
            if !is_name(name) || bytes.is_empty() {
                return Err(wrong());
            }
            Ok(Signature { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference implementation (golang.org/x/mod/sumdb/note).
    const VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\
        \n\
        \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn the_example_of_the_reference_implementation_verifies() {
        let key: VerifierKey = VKEY.parse().unwrap();
        assert_eq!(key.to_string(), VKEY);
        let note: Note = NOTE.parse().unwrap();
        assert_eq!(note.to_string(), NOTE);
        assert_eq!(note.verify(&key).unwrap(), None);
        let changed: Note = NOTE.replace("answer", "Answer").parse().unwrap();
        assert!(matches!(changed.verify(&key), Err(Error::Signature(_))));
        let other = VerifierKey::of_log("PeterNeumann", [7; 32]);
        assert!(matches!(note.verify(&other), Err(Error::Unsigned(_))));
    }

    #[test]
    fn what_is_no_note_and_no_key_is_refused() {
        for note in ["", "text\n", "text\n\n", "text\n\n- name AAAAAAAA\n", "a\n\n\u{2014} n !\n"] {
            assert!(note.parse::<Note>().is_err(), "{note:?}");
        }
        for key in ["", "name", "a+b+c", &VKEY.replace("c74f", "c74e"), &VKEY.replace("ARp", "BRp")]
        {
            assert!(key.parse::<VerifierKey>().is_err(), "{key}");
        }
    }
}
