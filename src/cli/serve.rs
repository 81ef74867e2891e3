//! `serve`: the daemon, from start to SIGTERM.

mod service;

use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::config_file::{inspect_all, refuse};
use super::{Exit, GlobalArgs};
use crate::app::{App, unusable_credentials};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::map::Tables;
use crate::store::StoreError;

#[derive(Debug, Args)]
pub struct ServeArgs {}

/// Runs until SIGTERM or SIGINT; a second one exits at once. SIGHUP reloads tables and secrets.
pub async fn run(_: ServeArgs, global: &GlobalArgs) -> anyhow::Result<ExitCode> {
    let Some((config, tables)) = load(global) else {
        return Ok(Exit::BadConfig.into());
    };
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tracing::info!(config = %config::redacted(&config), "starting");
    let app = match App::start(config, tables, Clock::System).await {
        Err(error) if error.is::<StoreError>() => {
            eprintln!("error: {error:#}");
            return Ok(Exit::Unavailable.into());
        }
        started => started?,
    };
    tracing::info!(
        webhooks = %app.webhook_address,
        admin = %app.admin_address,
        "ready"
    );
    let status = format!(
        "webhooks on {}, admin on {}",
        app.webhook_address, app.admin_address
    );
    service::ready(&status);
    let watchdog = service::watch(app.pulse());
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => {
                service::reloading();
                app.reload().await;
                service::ready(&status);
            }
        }
    }
    service::stopping(watchdog);
    tracing::info!("stopping: new webhooks are refused, calls under way are finished");
    tokio::select! {
        () = app.stop() => {
            tracing::info!("stopped; everything is written down");
            Ok(ExitCode::SUCCESS)
        }
        _ = terminate.recv() => Ok(at_once()),
        _ = interrupt.recv() => Ok(at_once()),
    }
}

/// Everything that can be wrong, found before a port is bound; with any fault, all are shown.
fn load(global: &GlobalArgs) -> Option<(Config, Tables)> {
    let (config, tables, findings) = inspect_all(&global.config, config::process_environment());
    // Which secrets a faulty config needs is not known.
    let secrets = config.as_ref().map(faults_of_secrets).unwrap_or_default();
    if let (Some(config), Some(tables), true) = (config, tables, secrets.is_empty()) {
        for finding in &findings {
            tracing::warn!("{finding}");
        }
        return Some((config, tables));
    }
    refuse(&findings);
    for fault in &secrets {
        eprintln!("error: {fault}");
    }
    None
}

/// Secrets that are not there; or, if all are, those that cannot be used.
fn faults_of_secrets(config: &Config) -> Vec<String> {
    let missing = config::missing_secrets(config);
    if missing.is_empty() {
        return unusable_credentials(config);
    }
    missing.iter().map(ToString::to_string).collect()
}

/// Nothing is lost: what was acknowledged is on disk, and open calls are looked up at the start.
fn at_once() -> ExitCode {
    tracing::warn!("a second signal: exiting at once");
    std::process::exit(0)
}
