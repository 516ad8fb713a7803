//! A writing connection that a failed commit left behind.
//!
//! When the disk is full SQLite undoes a transaction by itself. The connection is then told to undo
//! it once more, fails at that, and counts as within a transaction for ever: no other one can begin
//! on it, and it is the only one that writes.

use sqlx::Connection as _;

use super::db::Db;

impl Db {
    /// Closes the writing connection if it is in such a state; the next transaction opens another.
    /// Returns whether it was.
    pub async fn heal(&self) -> bool {
        let Self::Sqlite { writer, .. } = self else { return false };
        let Ok(connection) = writer.acquire().await else { return false };
        // Nobody else has it now, so it is within nobody's transaction.
        let stuck = connection.is_in_transaction();
        if stuck {
            drop(connection.close().await);
        }
        stuck
    }
}
