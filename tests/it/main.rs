//! The tests of whole promises, in one program.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod reader;
