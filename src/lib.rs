//! callvault: a vault for call recordings.

pub mod index;
pub mod model;
pub mod store;
