//! `callvault serve`: API and eraser in one process.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::serve::ListenerExt;
use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::open;
use crate::config::Config;
use crate::http::{App, router};
use crate::telemetry;
use crate::vault::Upkeep;

/// How long a shutdown waits for uploads that are still running.
const GRACE: Duration = Duration::from_mins(10);

/// Runs the API and the eraser.
#[derive(Args)]
pub(super) struct Serve {
    /// The address to listen on.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Leave erasing and forgetting to other nodes.
    #[arg(long)]
    no_eraser: bool,
}

impl Serve {
    pub(super) async fn run(self, config: &Config) -> Result<ExitCode> {
        config.check_provider()?;
        let metrics = telemetry::measure();
        let vault = open::vault(config).await?;
        let address = self.listen.unwrap_or(config.http.listen);
        let listener =
            TcpListener::bind(address).await.with_context(|| format!("listening on {address}"))?;
        let address = listener.local_addr()?;
        // An answer leaves at once; a socket that refuses the option works without it.
        let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
        let app = App::new(vault.clone(), move || {
            metrics.as_ref().map_or_else(String::new, |metrics| {
                metrics.run_upkeep();
                metrics.render()
            })
        });
        let stop = CancellationToken::new();
        let upkeep = Upkeep { erases: !self.no_eraser };
        // The keyring is followed and gates are kept until the last request is answered.
        let rest = CancellationToken::new();
        let keeping = tokio::spawn({
            let rest = rest.clone();
            async move { vault.keep_up(upkeep, rest).await }
        });
        tracing::info!(%address, "serving");
        let serving = axum::serve(listener, router(app))
            .with_graceful_shutdown(stop.clone().cancelled_owned());
        let mut serving = std::pin::pin!(serving.into_future());
        tokio::select! {
            done = &mut serving => done.context("serving")?,
            () = told_to_stop() => {
                tracing::info!("stopping: running uploads are finished first");
                stop.cancel();
                if tokio::time::timeout(GRACE, serving).await.is_err() {
                    tracing::warn!("some requests were still running and are cut");
                }
            }
        }
        rest.cancel();
        keeping.await.context("the upkeep")?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Waits for SIGTERM or SIGINT.
async fn told_to_stop() {
    let Ok(mut term) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
    }
}
