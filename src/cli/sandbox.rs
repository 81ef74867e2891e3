//! `leadping-bridge sandbox`: the stand-in on an address of one's choice, until it is stopped.
//!
//! Says where it listens and how to make it misbehave; everything else is `crate::sandbox`.

use std::net::SocketAddr;

use anyhow::Context;
use clap::builder::NonEmptyStringValueParser;

use crate::sandbox::{RequestLimit, Sandbox, SandboxOptions};
use crate::secret::Secret;

/// Pretends to be LeadPing: strict, stateful, in memory, with faults on request.
#[derive(Debug, clap::Args)]
// On `--help`; `-h` has the example alone.
#[command(after_long_help = "Example:
  leadping-bridge sandbox --token secret --strict-leads
  curl -X POST http://127.0.0.1:8090/_sandbox/faults \\
    -d '{\"on\":\"set\",\"times\":3,\"fault\":{\"answer\":{\"status\":503,\"retry_after\":\"2\"}}}'

Faults: answer, answer_after_apply, drop_before, drop_after_apply, delay_ms, truncate_after_apply,
hang_after_apply. What arrived: GET /_sandbox/journal. The control interface asks for no token.")]
pub struct SandboxArgs {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    pub listen: SocketAddr,
    /// The bearer token to accept; any that is not empty if absent
    #[arg(
        long,
        value_name = "TOKEN",
        env = "SANDBOX_TOKEN",
        hide_env_values = true,
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub token: Option<String>,
    /// Requests admitted within --per-seconds; 0 lifts the limit
    #[arg(long, value_name = "NUMBER", default_value_t = RequestLimit::LEADPING.requests)]
    pub requests: u32,
    /// The span of the rate limit
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = RequestLimit::LEADPING.per_seconds,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub per_seconds: u32,
    /// Answer 404 for leads that were not created under /_sandbox/leads
    #[arg(long)]
    pub strict_leads: bool,
}

/// Runs until Ctrl-C or SIGTERM.
pub async fn run(args: SandboxArgs) -> anyhow::Result<()> {
    let (listen, has_token) = (args.listen, args.token.is_some());
    let sandbox = Sandbox::start(SandboxOptions {
        listen,
        token: args.token.map(Secret::new),
        limit: RequestLimit {
            requests: args.requests,
            per_seconds: args.per_seconds,
        },
        strict_leads: args.strict_leads,
        ..SandboxOptions::default()
    })
    .with_context(|| format!("the sandbox cannot listen on {listen}"))?;
    let url = sandbox.base_url();
    let token = match has_token {
        true => "the given token",
        false => "any bearer token",
    };
    anstream::println!("LeadPing   {url}   accepts {token}");
    anstream::println!("control    {url}/_sandbox   journal {url}/_sandbox/journal");
    stop_asked_for()
        .await
        .context("cannot listen for signals")?;
    sandbox.stop().await;
    Ok(())
}

#[cfg(unix)]
async fn stop_asked_for() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn stop_asked_for() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
