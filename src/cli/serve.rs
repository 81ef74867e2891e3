//! `serve`: the daemon, from start to SIGTERM.

use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::Exit;
use super::config_file::refuse;
use crate::app::App;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::map;

#[derive(Debug, Args)]
pub struct ServeArgs {}

/// Runs until SIGTERM or SIGINT; a second one exits at once. SIGHUP reloads tables and secrets.
pub async fn run(_: ServeArgs, config: Config) -> anyhow::Result<ExitCode> {
    // Everything that can be wrong is found before a port is bound.
    let (tables, findings) = map::load_dir(&config.mappings.dir, &config.mapping_kinds());
    let missing = config::missing_secrets(&config);
    for secret in &missing {
        eprintln!("error: {secret}");
    }
    let Some(tables) = tables else {
        return Ok(refuse(&findings));
    };
    if !missing.is_empty() {
        return Ok(Exit::BadConfig.into());
    }
    for finding in &findings {
        tracing::warn!("{finding}");
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tracing::info!(config = %config::redacted(&config), "starting");
    let app = App::start(config, tables, Clock::System).await?;
    tracing::info!(
        webhooks = %app.webhook_address,
        admin = %app.admin_address,
        "ready"
    );
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => app.reload().await,
        }
    }
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

/// Nothing is lost: what was acknowledged is on disk, and open calls are looked up at the start.
fn at_once() -> ExitCode {
    tracing::warn!("a second signal: exiting at once");
    std::process::exit(0)
}
