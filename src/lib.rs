#![doc = include_str!("../docs/ARCHITECTURE.md")]

pub mod audio;
pub mod cli;
pub mod config;
pub mod crypto;
pub mod http;
pub mod index;
pub mod model;
pub mod retention;
pub mod store;
pub mod telemetry;
pub mod vault;
