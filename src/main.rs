//! The callvault program.

use std::process::ExitCode;

use callvault::cli::Cli;
use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Only builds for tests have points where they can be made to fail.
    let _scenario = fail::has_failpoints().then(fail::FailScenario::setup);
    let cli = Cli::parse();
    // A task that opens a window takes long: sockets are looked at after a few tasks, not after 61.
    match tokio::runtime::Builder::new_multi_thread().event_interval(7).enable_all().build() {
        Ok(runtime) => runtime.block_on(cli.run()),
        Err(error) => {
            eprintln!("callvault: no runtime: {error}");
            ExitCode::FAILURE
        }
    }
}
