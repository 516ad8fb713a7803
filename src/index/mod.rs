//! ROWS. What the vault knows, in SQLite or in PostgreSQL: one file per table.
//!
//! Every statement is written once for both databases (see [`sql`]). What reads takes anything
//! that is a connection, `&Db` or `&mut Tx`; what writes takes a `&mut Tx`, so that a change of
//! state and its ledger entry are one transaction (I18). Nothing here decides: a function does what
//! its name says to the rows it is given, and refuses only what could never be right.

pub mod controllers;
mod db;
pub mod derived;
mod error;
pub mod facts;
pub mod guards;
mod ids;
mod keyring;
pub mod ledger_entries;
pub mod ledger_replay;
pub mod ledger_tiles;
pub mod ledger_witnesses;
pub mod recordings;
mod sql;
pub mod tickets;
pub mod tokens;

pub use db::{Db, Kind, POSTGRES_MIGRATIONS, Pool, SQLITE_MIGRATIONS, Tx};
pub use error::{Error, Fault};
pub use keyring::{Destroyed, Epoch, KeyringDb, Sealed};
pub use sql::{Conn, Param, Record, Sql, dialects, sql};
