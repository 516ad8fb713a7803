//! The keyring's own database: PostgreSQL, replicated, never archived.
//!
//! Plain bytes in, plain bytes out; what they mean is not known here.
//!
//! PostgreSQL keeps what is overwritten or deleted. `VACUUM FULL` drops it only when no transaction
//! on the whole server, in whatever database, is older than the deletion; so an epoch is destroyed
//! by writing the others into new files (`TRUNCATE` and insert, one transaction) and unlinking the
//! old ones, which waits for nobody.

use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use zeroize::Zeroizing;

use super::error::Error;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/keyring");

/// One epoch of the keyring. It has no `Debug`: it holds the root.
pub struct Sealed {
    /// Which epoch.
    pub epoch: i64,
    /// Which version within it.
    pub seq: i64,
    /// The sealed keyring.
    pub sealed: Vec<u8>,
    /// The key it is sealed with.
    pub root: Zeroizing<Vec<u8>>,
}

/// Which version of the keyring is the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Epoch {
    /// Which epoch.
    pub epoch: i64,
    /// Which version within it.
    pub seq: i64,
}

/// What became of a destroyed epoch on this server. Its row is in no file of the table any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destroyed {
    /// Whether the server was made to write its buffers out and to recycle its log, which takes a
    /// right of its own (`pg_checkpoint`). Otherwise it does so by itself after some minutes.
    pub checkpointed: bool,
}

/// The keyring's database.
#[derive(Clone, Debug)]
pub struct KeyringDb(PgPool);

impl KeyringDb {
    /// Opens the database at `url` (`postgres://…`) and makes its table if it has none.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let options = url.parse::<PgConnectOptions>()?.disable_statement_logging();
        let pool = PgPoolOptions::new()
            .max_connections(3)
            .acquire_timeout(Duration::from_secs(5))
            .connect_with(options)
            .await?;
        MIGRATIONS.run(&pool).await?;
        Ok(Self(pool))
    }

    /// The newest epoch and version, if there is a keyring.
    pub async fn head(&self) -> Result<Option<Epoch>, Error> {
        let head = sqlx::query_as("SELECT epoch, seq FROM keyring ORDER BY epoch DESC LIMIT 1")
            .fetch_optional(&self.0)
            .await?;
        Ok(head)
    }

    /// Every epoch there is, in order.
    pub async fn epochs(&self) -> Result<Vec<i64>, Error> {
        let rows: Vec<(i64,)> =
            sqlx::query_as("SELECT epoch FROM keyring ORDER BY epoch").fetch_all(&self.0).await?;
        Ok(rows.into_iter().map(|(epoch,)| epoch).collect())
    }

    /// An epoch.
    pub async fn read(&self, epoch: i64) -> Result<Option<Sealed>, Error> {
        let row: Option<(i64, Vec<u8>, Vec<u8>)> =
            sqlx::query_as("SELECT seq, sealed, root FROM keyring WHERE epoch = $1")
                .bind(epoch)
                .fetch_optional(&self.0)
                .await?;
        let sealed =
            |(seq, sealed, root)| Sealed { epoch, seq, sealed, root: Zeroizing::new(root) };
        Ok(row.map(sealed))
    }

    /// Adds an epoch, durably. [`Error::Conflict`] when there is that one or a later one, or another
    /// node changed the keyring since.
    pub async fn create(&self, new: &Sealed) -> Result<(), Error> {
        let mut tx = self.0.begin().await?;
        // Two nodes that forget at once: the second one waits here, and then finds the first.
        sqlx::query("LOCK TABLE keyring IN SHARE ROW EXCLUSIVE MODE").execute(&mut *tx).await?;
        let newest: (Option<i64>, Option<i64>) =
            sqlx::query_as("SELECT MAX(epoch), MAX(seq) FROM keyring").fetch_one(&mut *tx).await?;
        if newest.0 >= Some(new.epoch) || newest.1 >= Some(new.seq) {
            return Err(Error::moved("the keyring was changed by another node"));
        }
        insert(&mut tx, new).await?;
        between_steps!("forget.root_written");
        tx.commit().await?;
        Ok(())
    }

    /// Writes an epoch anew. [`Error::Conflict`] when another node did so before.
    pub async fn update(
        &self,
        epoch: i64,
        expected_seq: i64,
        seq: i64,
        sealed: &[u8],
    ) -> Result<(), Error> {
        let done = sqlx::query(
            "UPDATE keyring SET seq = $3, sealed = $4
             WHERE epoch = $1 AND seq = $2 AND epoch = (SELECT MAX(epoch) FROM keyring)",
        )
        .bind(epoch)
        .bind(expected_seq)
        .bind(seq)
        .bind(sealed)
        .execute(&self.0)
        .await?;
        if done.rows_affected() == 0 {
            return Err(Error::moved("the keyring was changed by another node"));
        }
        Ok(())
    }

    /// Destroys an epoch, root and all. Destroying one that is gone does no harm.
    pub async fn destroy(&self, epoch: i64) -> Result<Destroyed, Error> {
        let mut tx = self.0.begin().await?;
        sqlx::query("LOCK TABLE keyring IN ACCESS EXCLUSIVE MODE").execute(&mut *tx).await?;
        let others: Vec<(i64, i64, Vec<u8>, Vec<u8>)> =
            sqlx::query_as("SELECT epoch, seq, sealed, root FROM keyring WHERE epoch <> $1")
                .bind(epoch)
                .fetch_all(&mut *tx)
                .await?;
        sqlx::query("TRUNCATE keyring").execute(&mut *tx).await?;
        for (epoch, seq, sealed, root) in others {
            let other = Sealed { epoch, seq, sealed, root: Zeroizing::new(root) };
            insert(&mut tx, &other).await?;
        }
        tx.commit().await?;
        between_steps!("forget.root_destroyed");
        let checkpointed = sqlx::query("CHECKPOINT").execute(&self.0).await.is_ok();
        Ok(Destroyed { checkpointed })
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), Error> {
        self.head().await.map(drop)
    }
}

async fn insert(on: &mut PgConnection, row: &Sealed) -> Result<(), Error> {
    sqlx::query("INSERT INTO keyring (epoch, seq, sealed, root) VALUES ($1, $2, $3, $4)")
        .bind(row.epoch)
        .bind(row.seq)
        .bind(row.sealed.as_slice())
        .bind(row.root.as_slice())
        .execute(on)
        .await?;
    Ok(())
}
