//! The promises of the vault, one file each, in one program.

#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene has failed")]

mod architecture;
mod audio_corpus;
mod backend;
mod clock;
mod config_file;
mod corpus;
mod erasing;
mod faults;
mod freshness;
mod harness;
mod index;
mod ingest;
mod ledger;
mod playback;
mod privacy;
mod process;
mod reader;
mod store;
mod system;
mod tenants;
