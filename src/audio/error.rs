//! What can go wrong with sound.

use std::io;

/// Why audio could not be taken, decoded or played.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are no audio of any kind this room knows.
    #[error("this is not audio")]
    NotAudio,
    /// The bytes could not be read from where they are kept.
    #[error("the audio could not be read")]
    Io(#[from] io::Error),
    /// A decoder gave up in a way it should not have.
    #[error("a decoder failed on this audio")]
    Decoder,
    /// The encoder of the light rendition failed.
    #[error("the encoder failed on this audio")]
    Encoder,
    /// The audio is kept but nothing here can decode it.
    #[error("this audio cannot be decoded")]
    Unplayable,
    /// A stored seek index or waveform does not say what one says.
    #[error("the stored facts about this audio are damaged")]
    Damaged,
    /// The range reaches past the end of the rendition.
    #[error("the range lies outside the rendition")]
    OutOfRange,
}
