//! `healthcheck`: asks a running bridge whether it is ready, for container health checks.

use std::process::ExitCode;
use std::time::Duration;

use super::send::{base_url, client, told};
use crate::config::Config;

const TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: leadping-bridge healthcheck")]
pub struct HealthcheckArgs {
    /// Where the bridge listens [default: server.listen of the config]
    #[arg(long)]
    pub url: Option<String>,
}

/// 0 when `GET /readyz` is answered with 2xx, else 1.
pub async fn run(args: HealthcheckArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let base = base_url(args.url, config);
    let asked = client(&base)?
        .get(format!("{base}/readyz"))
        .timeout(TIMEOUT)
        .send();
    match asked.await {
        Ok(answer) if answer.status().is_success() => return Ok(ExitCode::SUCCESS),
        Ok(answer) => eprintln!("{base} is not ready: {}", answer.status()),
        Err(error) => eprintln!("no answer from {base}: {:#}", told(error)),
    }
    Ok(ExitCode::FAILURE)
}
