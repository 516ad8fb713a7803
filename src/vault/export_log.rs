//! The logs as files that anybody can serve or verify: checkpoint, tiles, key and policy.

use std::fmt::Write as _;
use std::path::Path;

use tokio::fs;

use super::Vault;
use super::error::Error;
use super::logs::TOP;
use crate::index::ledger_tiles;
use crate::ledger::tiles::new_tiles;
use crate::ledger::{self, Checkpoint, Note};

impl Vault {
    /// Writes every log into a folder of its own below `to`, or only the one of this name. Gives
    /// the names. For whoever can run commands on the machine.
    pub async fn export_logs(&self, to: &Path, only: Option<&str>) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        for log in ledger_tiles::logs(&self.0.index).await? {
            let name = self.log_name(log.id);
            if only.is_none_or(|only| only == name)
                && self.export_one(&log, &to.join(&name)).await?
            {
                names.push(name);
            }
        }
        Ok(names)
    }

    async fn export_one(&self, log: &ledger_tiles::Log, to: &Path) -> Result<bool, Error> {
        let (Some(note), Some(vkey)) = (&log.note, self.vkey(log.id).await?) else {
            return Ok(false);
        };
        let size = Checkpoint::parse(note.parse::<Note>()?.text())?.size;
        for tile in new_tiles(0, size) {
            let bytes = self.tile_bytes(log, &tile).await?.ok_or(ledger::Error::Missing)?;
            write(&to.join(tile.path()), &bytes).await?;
        }
        let mut policy = format!("log {vkey}\n");
        if log.id == TOP {
            for witness in &self.0.settings.ledger.witnesses {
                let (name, vkey) = (witness.vkey.name(), &witness.vkey);
                let _ = writeln!(policy, "witness {name} {vkey} {}", witness.url);
            }
        }
        policy.push_str("quorum none\n");
        write(&to.join("vkey"), format!("{vkey}\n").as_bytes()).await?;
        write(&to.join("policy.txt"), policy.as_bytes()).await?;
        // Last: what has a checkpoint is whole.
        write(&to.join("checkpoint"), note.as_bytes()).await?;
        Ok(true)
    }
}

async fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let failed = |source| ledger::Error::Signer { what: path.display().to_string(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).await.map_err(failed)?;
    }
    Ok(fs::write(path, bytes).await.map_err(failed)?)
}
