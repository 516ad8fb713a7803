//! ROWS. What the vault knows, in SQLite or in PostgreSQL: one file per table.
//!
//! Every statement is written once for both databases (see [`sql`]). What reads takes anything
//! that is a connection, `&Db` or `&mut Tx`; what writes takes a `&mut Tx`, so that a change of
//! state and its ledger entry are one transaction (I18). Nothing here decides: a function does what
//! its name says to the rows it is given, and refuses only what could never be right.

pub mod accounts;
pub mod approvals;
pub mod certificates;
pub mod compliance;
pub mod controllers;
mod db;
pub mod departures;
pub mod derived;
pub mod erasures;
mod error;
pub mod evidence;
pub mod exports;
pub mod facts;
pub mod guards;
mod heal;
pub mod holds;
mod ids;
mod keyring;
pub mod ledger_entries;
pub mod ledger_presence;
pub mod ledger_replay;
pub mod ledger_tiles;
pub mod ledger_witnesses;
pub mod mutes;
pub mod nodes;
pub mod notes;
pub mod people;
pub mod playbacks;
pub mod policies;
pub mod recordings;
pub mod renewals;
pub mod replayed;
pub mod restrictions;
pub mod sessions;
pub mod sign_in_failures;
pub mod source_days;
mod sql;
pub mod tellings;
pub mod tickets;
pub mod tokens;
pub mod training_sets;
pub mod webhooks;

pub use db::{Db, Kind, POSTGRES_MIGRATIONS, Pool, SQLITE_MIGRATIONS, Tx};
pub use error::{Error, Fault};
pub use keyring::{Destroyed, Epoch, KeyringDb, Sealed};
pub use sql::{Conn, Param, Record, Sql, dialects, sql};
