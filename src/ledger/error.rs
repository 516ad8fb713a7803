//! What can be wrong with a log, by what somebody does about it.

/// Why something of a log is not what it must be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An entry cannot become a leaf.
    #[error("an entry of the ledger {0}")]
    Leaf(&'static str),
    /// A key cannot be read.
    #[error("this is no key of a log: {0}")]
    Key(&'static str),
    /// A note cannot be read.
    #[error("this is no signed note: {0}")]
    Note(&'static str),
    /// A note is not signed by this key.
    #[error("the note carries no signature of {0} with this key")]
    Unsigned(String),
    /// A signature does not fit the text and the key.
    #[error("the signature of {0} is wrong: text, signature or key was changed")]
    Signature(String),
    /// A checkpoint cannot be read.
    #[error("this is no checkpoint: {0}")]
    Checkpoint(&'static str),
    /// A checkpoint is of another log.
    #[error("the checkpoint is of {found}, not of {expected}")]
    Origin {
        /// Whose it is.
        found: String,
        /// Whose it had to be.
        expected: String,
    },
    /// A proof cannot be read.
    #[error("this is no proof: {0}")]
    Proof(&'static str),
    /// The log would get smaller than what was signed.
    #[error("the log has {size} entries, and {signed} were signed already: it was rolled back")]
    RolledBack {
        /// How many it has.
        size: u64,
        /// How many were signed.
        signed: u64,
    },
    /// The log does not begin with what was signed.
    #[error("the log does not begin with the {signed} entries that were signed: it was forked")]
    Forked {
        /// How many were signed.
        signed: u64,
    },
    /// The key or the state of the signer cannot be read or written.
    #[error("{what}: {source}")]
    Signer {
        /// Which file.
        what: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A certificate cannot be drawn.
    #[error("the certificate cannot be drawn: {0}")]
    Rendering(String),
    /// A tile is not there.
    #[error("a tile of the log is not there")]
    Missing,
}
