//! callvault: a vault for call recordings.

pub mod model;
