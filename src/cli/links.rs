//! `links`: which ids of which systems are one lead, shown, taught, and carried as CSV, through the
//! admin API of a running bridge.

mod csv;
mod export;
mod import;
mod list;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde::Deserialize;

use super::admin_api::{AdminApi, AdminArgs};
use crate::admin::{LinkBody, LinkSet, LinkView};
use crate::config::Config;

#[derive(Debug, Args)]
pub struct LinksArgs {
    #[command(subcommand)]
    action: LinksAction,
    #[command(flatten)]
    admin: AdminArgs,
}

#[derive(Debug, Subcommand)]
enum LinksAction {
    /// Show links, in the order of source and id
    #[command(
        after_help = "Example:\n  leadping-bridge links list --source voice\n  leadping-bridge links list --lead lead_7Q2M4"
    )]
    List(list::ListArgs),
    /// Teach a link and decide what waited for it
    #[command(
        after_help = "Example:\n  leadping-bridge links set voice 68c3f1a2b4d5e6f708192a3b lead_7Q2M4\n  leadping-bridge links set voice 68c3f1a2b4d5e6f708192a3b lead_7Q2M4 \\\n      --pearl 66f1a2b3c4d5e6f708192a3b"
    )]
    Set(SetArgs),
    /// Teach the links of a CSV file; every faulty line is told with its number
    #[command(after_help = "Example:\n  leadping-bridge links import links.csv\n\n\
        The first line names the columns: source, source_lead_id, and lead_id (LeadPing's id) or\n\
        same_as (source:id, another id of the same lead), optionally pearl_id. Separated by comma,\n\
        semicolon or tab. Lines that hold are taught whatever the others say, and a link that is known\n\
        already changes nothing: mend the faulty lines and import the file again.\n\n\
        Exit codes: 0 every line holds; 1 some are faulty; 2 the file cannot be used; 69 the bridge\n\
        cannot be reached, and the output says how far it came.")]
    Import(import::ImportArgs),
    /// Write every link as CSV, as `links import` takes it
    #[command(after_help = "Example:\n  leadping-bridge links export > links.csv")]
    Export,
}

#[derive(Debug, Args)]
struct SetArgs {
    /// The source's name in the config
    source: String,
    /// The lead's id at that source
    source_lead_id: String,
    /// The LeadPing lead id
    lead_id: String,
    /// NLPearl's campaign of the lead, which write-backs address it by
    #[arg(long, value_name = "ID")]
    pearl: Option<String>,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

/// A page as the API answers it.
#[derive(Deserialize)]
struct LinksPage {
    items: Vec<LinkView>,
    next_cursor: Option<String>,
}

/// Exit 0 when done, 1 when refused, 69 when the bridge is not reachable.
pub async fn run(args: LinksArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let api = match AdminApi::of(args.admin, config)? {
        Ok(api) => api,
        Err(unanswered) => return Ok(unanswered.into()),
    };
    match args.action {
        LinksAction::List(args) => list::run(&api, args).await,
        LinksAction::Set(args) => set(&api, args).await,
        LinksAction::Import(args) => import::run(&api, args).await,
        LinksAction::Export => export::run(&api).await,
    }
}

async fn set(api: &AdminApi, args: SetArgs) -> anyhow::Result<ExitCode> {
    let body = LinkBody {
        source: args.source,
        source_lead_id: args.source_lead_id,
        lead_id: args.lead_id,
        pearl_id: args.pearl,
    };
    let set: LinkSet = match api.send(Method::PUT, "links", &body).await? {
        Ok(set) => set,
        Err(unanswered) => return Ok(unanswered.into()),
    };
    if args.json {
        println!("{}", serde_json::to_string(&set)?);
    } else {
        let LinkBody {
            source,
            source_lead_id,
            lead_id,
            pearl_id: _,
        } = &body;
        let before = match (set.result.as_str(), &set.moved_from) {
            (_, Some(before)) => format!(", moved from {before}"),
            ("known", None) => String::from(", as it was"),
            _ => String::new(),
        };
        let decided = set.decided;
        println!("linked {source} {source_lead_id} to {lead_id}{before}; decided again: {decided}");
    }
    Ok(ExitCode::SUCCESS)
}
