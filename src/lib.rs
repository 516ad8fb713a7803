//! callvault: a vault for call recordings.

pub mod crypto;
pub mod model;
