//! The integration tests: one program, one file per promise.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod backend;
mod index;
mod store;
