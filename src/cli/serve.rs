//! `callvault serve`: API and eraser in one process.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::open;
use crate::config::Config;
use crate::http::{self, App, router};
use crate::telemetry;
use crate::vault::{Provider, Upkeep};
use crate::web;

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
        let header_time = config.header_timeout()?;
        let vault = open::vault(config).await?;
        let settling = vault.clone();
        let address = self.listen.unwrap_or(config.http.listen);
        let listener =
            TcpListener::bind(address).await.with_context(|| format!("listening on {address}"))?;
        let address = listener.local_addr()?;
        let app = App::new(vault.clone(), move || {
            metrics.as_ref().map_or_else(String::new, |metrics| {
                metrics.run_upkeep();
                metrics.render()
            })
        })
        .limited(NonZeroU32::new(config.http.requests_per_second))
        .at(config.public_url()?)
        .with_provider(config.provider_elsewhere()?.map(Provider::new).transpose()?)
        .with_screens(web::answer);
        let stop = CancellationToken::new();
        let upkeep = Upkeep { erases: !self.no_eraser };
        // The keyring is followed and gates are kept until the last request is answered.
        let rest = CancellationToken::new();
        let keeping = tokio::spawn({
            let rest = rest.clone();
            async move { Box::pin(vault.keep_up(upkeep, rest)).await }
        });
        tracing::info!(%address, "serving");
        let serving = async {
            http::serve(listener, router(app), header_time, stop.cancelled()).await;
            settling.settle().await;
        };
        let stopping = async {
            told_to_stop().await;
            tracing::info!("stopping: running uploads are finished first");
            stop.cancel();
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            () = serving => {}
            () = stopping => tracing::warn!("some requests were still running and are cut"),
        }
        if let Err(error) = settling.end_own_playbacks().await {
            tracing::warn!(error = error.chain(), "playbacks that go on are ended by another node");
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
