//! `links set`: teaches a running bridge which LeadPing lead a source's lead id means.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};

use super::Exit;
use super::send::client;
use crate::admin::{LinkBody, LinkSet};
use crate::config::Config;

#[derive(Debug, Args)]
pub struct LinksArgs {
    #[command(subcommand)]
    action: LinksAction,
    /// The admin API's address [default: admin.listen of the config]
    #[arg(
        long,
        env = "LEADPING_BRIDGE_ADMIN_URL",
        global = true,
        value_name = "URL"
    )]
    admin_url: Option<String>,
    /// The admin token [default: admin.token of the config]
    #[arg(
        long,
        env = "LEADPING_BRIDGE_ADMIN_TOKEN",
        hide_env_values = true,
        global = true,
        value_name = "TOKEN"
    )]
    admin_token: Option<String>,
    /// Print the answer as JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum LinksAction {
    /// Teach a link and decide what waited for it
    #[command(
        after_help = "Example:\n  leadping-bridge links set voice 68c3f1a2b4d5e6f708192a3b lead_7Q2M4"
    )]
    Set {
        /// The source's name in the config
        source: String,
        /// The lead's id at that source
        source_lead_id: String,
        /// The LeadPing lead id
        lead_id: String,
    },
}

/// Exit 0 when set, 1 when refused, 69 when the bridge is not reachable.
pub async fn run(args: LinksArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let LinksAction::Set {
        source,
        source_lead_id,
        lead_id,
    } = args.action;
    let url = args
        .admin_url
        .unwrap_or_else(|| format!("http://{}", config.admin.listen));
    let token = match (args.admin_token, &config.admin.token) {
        (Some(token), _) => Some(token),
        (None, Some(reference)) => match reference.load() {
            Ok(token) => Some(token.expose().to_owned()),
            Err(error) => {
                eprintln!("error: {error} (for admin.token)");
                return Ok(Exit::BadConfig.into());
            }
        },
        (None, None) => None,
    };
    let body = LinkBody {
        source,
        source_lead_id,
        lead_id,
    };
    let mut call = client(&url)?
        .put(format!("{}/api/v1/links", url.trim_end_matches('/')))
        .json(&body);
    if let Some(token) = token {
        call = call.bearer_auth(token);
    }
    let Ok(response) = call.send().await else {
        eprintln!(
            "error: no bridge answers at {url}; is it running, and is this its admin listener?"
        );
        return Ok(Exit::Unavailable.into());
    };
    let status = response.status();
    let text = response.text().await.context("the answer broke off")?;
    if !status.is_success() {
        eprintln!("error: the bridge answered {status}: {text}");
        return Ok(Exit::Unmet.into());
    }
    if args.json {
        anstream::println!("{text}");
    } else {
        let set: LinkSet = serde_json::from_str(&text)?;
        anstream::println!(
            "linked {} {} to {}; decided again: {}",
            body.source,
            body.source_lead_id,
            body.lead_id,
            set.decided
        );
    }
    Ok(ExitCode::SUCCESS)
}
