//! Puts a vault together from the settings.

use std::os::unix::fs::DirBuilderExt as _;
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use crate::config::Config;
use crate::crypto::{self, Files, Keys, Place};
use crate::index::{Db, KeyringDb, Pool};
use crate::ledger::Signer;
use crate::model::Clock;
use crate::store::Store;
use crate::vault::{self, DatabasePlace, Parts, Vault, doctor};

/// Where the keyring is.
pub(super) async fn place(config: &Config) -> Result<Arc<dyn Place>> {
    if let Some(url) = config.keyring_database() {
        let database = KeyringDb::connect(url).await.context("the keyring database")?;
        return Ok(Arc::new(DatabasePlace::new(database)));
    }
    let (folder, roots) = config.keyring_files();
    Ok(Arc::new(Files::new(folder, roots)))
}

/// Makes the folder for what has no address of its own, for its owner alone: the index holds call
/// details in clear.
pub(super) fn data_dir(config: &Config) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(&config.data_dir);
    made.with_context(|| format!("data_dir {}", config.data_dir.display()))
}

/// Opens the index. The embedded one is brought up to date; a server's is only checked, since
/// several nodes share it.
pub(super) async fn index(config: &Config) -> Result<Db> {
    data_dir(config)?;
    let url = config.index_url();
    let index = Db::connect(&url, &Pool::default()).await.context("the index")?;
    if url.starts_with("sqlite:") {
        index.migrate().await.context("bringing the index up to date")?;
    } else if !index.pending_migrations().await.context("the index")?.is_empty() {
        bail!("the index is not up to date: run callvault migrate");
    }
    Ok(index)
}

/// Refuses to start while the disk of a root is away: a forgetting would leave the old root on it.
fn check_disks(config: &Config) -> Result<()> {
    let (folder, roots) = config.keyring_files();
    if config.keyring_database().is_some() || !folder.is_dir() {
        return Ok(());
    }
    for root in roots {
        if !std::path::absolute(&root)?.parent().is_some_and(std::path::Path::is_dir) {
            bail!(
                "keyring.root_paths: the folder of {} is not there: mount its disk, or take the path \
                 out of the settings if the disk is lost",
                root.display()
            );
        }
    }
    Ok(())
}

/// Opens the keyring.
pub(super) async fn keys(config: &Config) -> Result<Keys> {
    check_disks(config)?;
    match Keys::open(place(config).await?).await {
        Err(crypto::Error::NoKeyring) => {
            bail!("there is no keyring yet: run callvault keyring init")
        }
        keys => keys.context("the keyring"),
    }
}

/// Opens the vault.
pub(super) async fn vault(config: &Config) -> Result<Vault> {
    let settings = config.vault()?;
    let location = doctor::location(&settings.location);
    if !location.ok {
        bail!("{}", location.detail);
    }
    let index = index(config).await?;
    let store = Store::open(&config.store()).context("the object store")?;
    let keys = keys(config).await?;
    for replica in keys.check_replicas().await.iter().filter(|replica| !replica.ok) {
        let (name, detail) = (&replica.name, &replica.detail);
        tracing::error!(name, detail, "a copy of the root is not as it should be");
    }
    let signer = signer(config, &index).await?;
    let parts = Parts { index, store, keys, signer, clock: Clock::system(), settings };
    Ok(Vault::open(parts).await?)
}

/// Opens the key that signs the logs. The first node there ever was makes it.
async fn signer(config: &Config, index: &Db) -> Result<Option<Signer>> {
    let path = config.ledger_key();
    if let Some(signer) = Signer::open(&path).context("the key of the ledger")? {
        return Ok(Some(signer));
    }
    if vault::has_ledger_key(index).await.context("the index")? {
        tracing::warn!(
            path = %path.display(),
            "the key of the ledger is not here: this node signs nothing"
        );
        return Ok(None);
    }
    Signer::create(&path).map(Some).context("the key of the ledger")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn nobody_else_may_look_into_the_data_folder() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { data_dir: folder.path().join("a/data"), ..Config::default() };
        data_dir(&config).unwrap();
        data_dir(&config).unwrap();
        let mode = std::fs::metadata(&config.data_dir).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
