//! `callvault account`: makes the first accounts, and gets people back in.

use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Read as _};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde_json::json;
use zeroize::Zeroizing;

use super::{open, output};
use crate::config::Config;
use crate::model::{CustomerRef, PrincipalId, Role};
use crate::vault::{AccountView, NewAccount};

/// Makes, lists, disables and resets the accounts people sign in with.
#[derive(Subcommand)]
pub(super) enum Account {
    /// Make an account; its password comes from standard input, or is made and printed once.
    Add(Add),
    /// List accounts.
    List,
    /// Let nobody sign in with an account any more.
    Disable {
        /// The name it signs in with.
        name: String,
    },
    /// Give an account a new password, without a second factor, and enable it.
    Reset {
        /// The name it signs in with.
        name: String,
        #[command(flatten)]
        password: Password,
    },
}

/// An account to be made.
#[derive(Args)]
pub(super) struct Add {
    /// What its holder is called and signs in with.
    name: String,
    /// What its holder is; can be given more than once.
    #[arg(long = "role", required = true)]
    roles: Vec<Role>,
    /// The customer it belongs to.
    #[arg(long, value_name = "REF")]
    customer: Option<CustomerRef>,
    /// A line it is kept to; can be given more than once.
    #[arg(long = "line")]
    lines: Vec<String>,
    /// Which agent of recorded calls its holder is.
    #[arg(long)]
    agent: Option<String>,
    /// Keep calls of others from its holder.
    #[arg(long, requires = "agent")]
    own_calls_only: bool,
    /// Another account or token of the same person.
    #[arg(long, value_name = "ID")]
    person: Option<PrincipalId>,
    #[command(flatten)]
    password: Password,
}

/// Where a password comes from.
#[derive(Args)]
pub(super) struct Password {
    /// Make a password and print it, once.
    #[arg(long)]
    generate: bool,
}

impl Password {
    /// The password on standard input, its line's end taken off; none when one is to be made.
    fn read(&self) -> Result<Option<Zeroizing<String>>> {
        if self.generate {
            return Ok(None);
        }
        let mut input = std::io::stdin();
        if input.is_terminal() {
            bail!("give the password on standard input, or --generate one");
        }
        let mut text = Zeroizing::new(String::new());
        input.read_to_string(&mut text).context("the password on standard input")?;
        let password = text.strip_suffix('\n').unwrap_or(&text);
        let password = password.strip_suffix('\r').unwrap_or(password);
        if password.is_empty() {
            bail!("there is no password on standard input; --generate makes one");
        }
        Ok(Some(Zeroizing::new(password.to_owned())))
    }

    /// Shows a password that was made.
    fn show(&self, json: bool, account: &AccountView, password: &str) {
        let made = self.generate.then_some(password);
        if json {
            println!("{}", json!({ "id": account.id, "name": account.name, "password": made }));
        } else if let Some(password) = made {
            eprintln!(
                "account {} ({}); the password is shown only this once:",
                account.name, account.id
            );
            println!("{password}");
        } else {
            eprintln!("account {} ({})", account.name, account.id);
        }
    }
}

impl Account {
    pub(super) async fn run(self, config: &Config, json: bool) -> Result<ExitCode> {
        let vault = open::vault(config).await?;
        match self {
            Self::Add(add) => {
                let given = add.password.read()?;
                let lines: BTreeSet<_> = add.lines.into_iter().collect();
                let new = NewAccount {
                    name: add.name,
                    roles: add.roles.into_iter().collect(),
                    customer: add.customer,
                    lines: (!lines.is_empty()).then_some(lines),
                    agent: add.agent,
                    own_calls_only: add.own_calls_only,
                    person: add.person,
                };
                let (account, password) = vault.add_account(&new, given).await?;
                add.password.show(json, &account, &password);
            }
            Self::List => {
                let accounts = vault.all_accounts().await?;
                output::print(json, &accounts, accounts.iter().map(row))?;
            }
            Self::Disable { name } => {
                vault.disable_account(&name).await.context("disabling")?;
                eprintln!("disabled");
            }
            Self::Reset { name, password } => {
                let given = password.read()?;
                let (account, made) =
                    vault.reset_account(&name, given).await.context("resetting")?;
                password.show(json, &account, &made);
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn row(account: &AccountView) -> Vec<String> {
    let words = |roles: &BTreeSet<Role>| {
        roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(",")
    };
    let mut state = account.state.to_owned();
    if let Some(proposed) = &account.proposed {
        state = format!("{state}, proposed: {}", words(&proposed.roles));
    }
    let customer = account.customer.as_ref().map_or_else(String::new, ToString::to_string);
    vec![account.id.to_string(), words(&account.roles), customer, account.name.clone(), state]
}
