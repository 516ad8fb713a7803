//! callvault: a vault for call recordings.

pub mod audio;
pub mod model;
