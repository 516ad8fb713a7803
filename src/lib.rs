#![doc = include_str!("../docs/ARCHITECTURE.md")]

/// A place between two steps where a test lets the program stop, to kill it there.
///
/// Only builds for tests have it. It is two fail points, so that one can tell that the program got
/// here and the other, named with `.stop`, can hold it.
macro_rules! between_steps {
    ($name:literal) => {
        fail::fail_point!($name);
        fail::fail_point!(concat!($name, ".stop"));
    };
}

pub mod audio;
pub mod cli;
pub mod config;
pub mod crypto;
pub mod http;
pub mod index;
pub mod ledger;
pub mod model;
pub mod retention;
pub mod store;
pub mod telemetry;
pub mod vault;
pub mod web;
