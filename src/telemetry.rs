//! Logs and metrics: what is written down about the vault's own working. Never a number, a token
//! or anything of a call (I12).

use std::io::IsTerminal;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use crate::config::LogFormat;

/// The buckets of what takes time, in seconds.
const SECONDS: &[f64] =
    &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0, 3600.0, 86_400.0];

/// Starts logging to standard error. Text on a terminal, JSON elsewhere, unless told.
pub fn start(format: Option<LogFormat>) {
    let terminal = std::io::stderr().is_terminal();
    let format = format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json });
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn,symphonia=off,object_store=warn"));
    let registry = tracing_subscriber::registry().with(filter);
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(false);
    // A second start, in tests, leaves the first one as it is.
    let _ = match format {
        LogFormat::Text => registry.with(lines.with_ansi(terminal)).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
}

/// Starts measuring. `None` when this process already does.
#[must_use]
pub fn measure() -> Option<PrometheusHandle> {
    let builder = PrometheusBuilder::new().set_buckets(SECONDS).ok()?;
    let handle = builder.install_recorder().ok()?;
    describe();
    Some(handle)
}

fn describe() {
    use metrics::{
        describe_counter as counter, describe_gauge as gauge, describe_histogram as time,
    };
    gauge!("callvault_overdue", "Recordings past their term that are not erased: 0 is the target");
    gauge!("callvault_overdue_oldest_seconds", "How long the most overdue recording is overdue");
    gauge!("callvault_suspended", "Recordings kept past their term, by ground");
    gauge!("callvault_holds_review_overdue", "Open holds that nobody looked at in time");
    gauge!("callvault_restrictions_review_overdue", "Open restrictions nobody looked at in time");
    gauge!("callvault_oldest_seconds", "Age of the oldest stored recording, by class");
    gauge!("callvault_eraser_paused", "1 while erasing waits for somebody to confirm");
    gauge!("callvault_forgetting_age_seconds", "Time since the last day was forgotten");
    gauge!("callvault_keyring_days", "Days whose keys are live");
    gauge!("callvault_keyring_epoch", "The epoch of the root key");
    gauge!("callvault_keyring_unfinished", "1 while a copy of an old root may still exist");
    counter!("callvault_ingest_bytes_total", "Bytes of audio taken in");
    counter!("callvault_playback_bytes_total", "Bytes of audio asked for");
    counter!("callvault_erased_total", "Recordings erased, verified");
    counter!(
        "callvault_reappeared_total",
        "Erased objects that were there again: an incident each"
    );
    counter!("callvault_store_errors_total", "Errors of the object store, by operation");
    time!("callvault_ingest_seconds", "Time from the first byte of an upload to its answer");
    time!("callvault_erasure_lag_seconds", "Verified erasure minus due");
    time!("callvault_http_seconds", "Time to answer a request, by status");
}
