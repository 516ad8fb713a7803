//! The promises of the vault, one file each, in one program.

#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene has failed")]

mod architecture;
mod audio_corpus;
mod backend;
mod certificates;
mod clock;
mod config_file;
mod corpus;
mod erasing;
mod evidence;
mod faults;
mod four_eyes;
mod freshness;
mod harness;
mod heard;
mod holds;
mod index;
mod ingest;
mod journal;
mod leaving;
mod leaving_kept;
mod ledger;
mod limits;
mod mutes;
mod playback;
mod policies;
mod privacy;
mod process;
mod reader;
mod restriction;
mod scrub;
mod store;
mod system;
mod tenants;
mod webhooks;
