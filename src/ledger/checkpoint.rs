//! Checkpoints (C2SP tlog-checkpoint): how large a log is and what its root is, signed; and proofs
//! that stand on their own (C2SP tlog-proof).

use std::fmt::Write as _;

use super::error::Error;
use super::note::{Note, VerifierKey};
use super::tree::{Hash, includes};

/// How a proof file begins.
const PROOF: &str = "c2sp.org/tlog-proof@v1";

/// What a log is at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many leaves it has.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root)
    }

    /// Reads the text that was signed.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = Error::Checkpoint;
        let mut lines = text.lines();
        let origin = lines.next().filter(|origin| !origin.is_empty());
        let origin = origin.ok_or(wrong("it names no log"))?.to_owned();
        let size = lines.next().filter(|size| *size == "0" || !size.starts_with(['0', '+']));
        let size = size.and_then(|size| size.parse().ok()).ok_or(wrong("it has no size"))?;
        let root = lines.next().and_then(Hash::parse).ok_or(wrong("it has no root"))?;
        if size == 0 && root != Hash::of_nothing() {
            return Err(wrong("a log without entries has another root"));
        }
        Ok(Self { origin, size, root })
    }

    /// The checkpoint in a note, if this log signed it.
    pub fn open(note: &Note, key: &VerifierKey) -> Result<Self, Error> {
        note.verify(key)?;
        let checkpoint = Self::parse(note.text())?;
        if checkpoint.origin != key.name() {
            return Err(Error::Origin { found: checkpoint.origin, expected: key.name().into() });
        }
        Ok(checkpoint)
    }
}

/// A proof that an entry is in a log, with the checkpoint it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// Where in the log the entry is.
    pub index: u64,
    /// The hashes beside its path, from the leaf up.
    pub hashes: Vec<Hash>,
    /// The checkpoint.
    pub note: Note,
}

impl TlogProof {
    /// The proof as a file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{PROOF}\nindex {}\n", self.index);
        for hash in &self.hashes {
            let _ = writeln!(text, "{hash}");
        }
        let _ = write!(text, "\n{}", self.note);
        text
    }

    /// Reads a proof file.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = Error::Proof;
        let (head, note) = text.split_once("\n\n").ok_or(wrong("it has no checkpoint"))?;
        let mut lines = head.lines();
        if lines.next() != Some(PROOF) {
            return Err(wrong("it does not begin as one"));
        }
        let mut lines = lines.peekable();
        lines.next_if(|line| line.starts_with("extra "));
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = index.and_then(|index| index.parse().ok()).ok_or(wrong("it has no index"))?;
        let hashes: Option<Vec<_>> = lines.map(Hash::parse).collect();
        let hashes = hashes.ok_or(wrong("a hash in it cannot be read"))?;
        Ok(Self { index, hashes, note: note.parse()? })
    }

    /// Checks that this entry is in the log whose key this is, and gives the checkpoint.
    pub fn verify(&self, entry: &[u8], key: &VerifierKey) -> Result<Checkpoint, Error> {
        let checkpoint = Checkpoint::open(&self.note, key)?;
        let leaf = Hash::of_leaf(entry);
        if includes(&checkpoint.root, checkpoint.size, self.index, leaf, &self.hashes) {
            Ok(checkpoint)
        } else {
            Err(Error::Proof("the entry is not at this place of the log"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_reads_back_and_a_malformed_one_is_refused() {
        let checkpoint = Checkpoint {
            origin: "example.org/log".into(),
            size: 20_852_163,
            root: Hash::of_leaf(b"x"),
        };
        assert_eq!(Checkpoint::parse(&checkpoint.text()).unwrap(), checkpoint);
        for text in [
            "",
            "o\n",
            "o\n01\nAAAA\n",
            "o\n-1\n",
            "o\n0\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        ] {
            assert!(Checkpoint::parse(text).is_err(), "{text:?}");
        }
    }
}
