//! Why a recording is kept but cannot be played: the texts `Analysis::unplayable` holds.

pub(super) const ADPCM: &str = "nothing here decodes this kind of ADPCM";
pub(super) const AIFF: &str = "nothing here decodes AIFF";
pub(super) const AMR: &str = "nothing here decodes AMR";
pub(super) const CHANNELS: &str = "it has more channels than are played";
pub(super) const CODEC: &str = "nothing here decodes its codec";
pub(super) const CODEC2: &str = "nothing here decodes Codec 2";
pub(super) const DECODER: &str = "its decoder failed";
pub(super) const EMPTY: &str = "it holds no sound";
pub(super) const G723: &str = "nothing here decodes G.723.1";
pub(super) const G726: &str = "nothing here decodes G.726";
pub(super) const G729: &str = "nothing here decodes G.729";
pub(super) const HEADER: &str = "its header makes no sense";
pub(super) const MOOV: &str = "its table of contents was never written";
pub(super) const SLOW: &str = "it took too long to decode";
pub(super) const SPEEX: &str = "nothing here decodes Speex";
pub(super) const TOO_LARGE: &str = "it is too large to decode";
