//! The command line: the composition root. One command a file; nothing else reads the settings or
//! puts a vault together.

mod account;
mod challenge;
mod change;
mod customer;
mod demo;
mod doctor;
mod erase;
mod export;
mod forget;
mod hold;
mod keyring;
mod leaving;
mod ledger;
mod migrate;
mod open;
mod output;
mod policy;
mod put;
mod reconcile;
mod remote;
mod restore;
mod restrict;
mod scrub;
mod serve;
mod token;
mod verify;
mod webhook;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, environment};
use crate::telemetry;

/// A vault for call recordings.
#[derive(Parser)]
#[command(name = "callvault", version, about, max_term_width = 100)]
pub struct Cli {
    /// The file with the settings.
    #[arg(long, global = true, value_name = "FILE", env = "CALLVAULT_CONFIG")]
    config: Option<PathBuf>,
    /// Print machine-readable JSON instead of a table.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the API and the eraser.
    Serve(serve::Serve),
    /// Bring the index up to date.
    Migrate(migrate::Migrate),
    /// Make, list and revoke tokens.
    #[command(subcommand)]
    Token(token::Token),
    /// Make, list, disable and reset the accounts people sign in with.
    #[command(subcommand)]
    Account(account::Account),
    /// Add and list customers; let them leave.
    #[command(subcommand)]
    Customer(customer::Customer),
    /// Look after the endpoints that events go out to.
    #[command(subcommand)]
    Webhook(webhook::Webhook),
    /// Show and change how long a customer keeps its recordings.
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Upload recordings through the API.
    Put(Box<put::Put>),
    /// Place, list, extend and release holds.
    #[command(subcommand)]
    Hold(hold::Hold),
    /// Restrict the use of a recording.
    Restrict(restrict::Restrict),
    /// List the restrictions and objections that are open.
    Restrictions(restrict::Restrictions),
    /// Lift the restriction of a case.
    Lift(restrict::Lift),
    /// Erase one recording before its term ends, for a case.
    EraseEarly(restrict::EraseEarly),
    /// Note or decide an objection to a recording.
    Object(restrict::Object),
    /// Run one pass of the eraser.
    Erase(erase::Erase),
    /// Forget the keys of the days that have passed.
    Forget(forget::Forget),
    /// Compare store and index, both ways.
    Reconcile(reconcile::Reconcile),
    /// Read and open objects, to know of loss and damage.
    Scrub(scrub::Scrub),
    /// Bring an index from a backup up to date.
    Restore(restore::Restore),
    /// Make and look after the keyring.
    #[command(subcommand)]
    Keyring(keyring::Keyring),
    /// Show and hand out the logs that others can check.
    #[command(subcommand)]
    Ledger(ledger::Ledger),
    /// Ask a vault for proof that recordings are there.
    Challenge(challenge::Challenge),
    /// Check what a vault handed out, offline.
    Verify(verify::Verify),
    /// Check settings, clock, index, store and keyring.
    Doctor(doctor::Doctor),
    /// Fill an empty vault with examples.
    Demo(demo::Demo),
}

/// What a command failed with that is no error of the program: 1.
const FAILED: u8 = 1;
/// A command line or a setting that makes no sense: 2.
const WRONG_USAGE: u8 = 2;

impl Cli {
    /// Runs the command.
    pub async fn run(self) -> ExitCode {
        let config = match Config::load(self.config.as_deref(), environment()) {
            Ok(config) => config,
            Err(error) => {
                eprintln!("callvault: {error}");
                return WRONG_USAGE.into();
            }
        };
        telemetry::start(config.log.format);
        let json = self.json;
        let done = match self.command {
            Command::Serve(command) => command.run(&config).await,
            Command::Migrate(command) => command.run(&config).await,
            Command::Token(command) => command.run(&config, json).await,
            Command::Account(command) => command.run(&config, json).await,
            Command::Customer(command) => command.run(&config, json).await,
            Command::Webhook(command) => command.run(&config, json).await,
            Command::Policy(command) => command.run(&config, json).await,
            Command::Put(command) => command.run(json).await,
            Command::Hold(command) => command.run(json).await,
            Command::Restrict(command) => command.run(json).await,
            Command::Restrictions(command) => command.run(json).await,
            Command::Lift(command) => command.run(json).await,
            Command::Object(command) => command.run(json).await,
            Command::EraseEarly(command) => command.run(json).await,
            Command::Erase(command) => command.run(&config, json).await,
            Command::Forget(command) => command.run(&config, json).await,
            Command::Reconcile(command) => command.run(&config, json).await,
            Command::Scrub(command) => command.run(&config, json).await,
            Command::Restore(command) => command.run(&config, json).await,
            Command::Keyring(command) => command.run(&config, json).await,
            Command::Ledger(command) => command.run(&config, json).await,
            Command::Challenge(command) => command.run(json).await,
            Command::Verify(command) => command.run(json),
            Command::Doctor(command) => command.run(&config, json).await,
            Command::Demo(command) => command.run(&config).await,
        };
        match done {
            Ok(code) => code,
            Err(error) => {
                eprintln!("callvault: {error:#}");
                FAILED.into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
