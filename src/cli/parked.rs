//! `parked`: what waits for a person, shown, let go on, or given up, through the admin API of a
//! running bridge. A cause is gone through step by step; Ctrl-C between two steps leaves the rest
//! as it is.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::Value;

use super::admin_api::{AdminApi, AdminArgs};
use super::events::{lead_of, print_page, time, word, wrapped};
use crate::admin::{ParkedBody, ParkedFreed, told};
use crate::config::Config;

#[derive(Debug, Args)]
pub struct ParkedArgs {
    #[command(subcommand)]
    action: ParkedSubcommand,
    #[command(flatten)]
    admin: AdminArgs,
}

#[derive(Debug, Subcommand)]
enum ParkedSubcommand {
    /// Show what waits, by cause, and what to do about it
    #[command(
        after_help = "Example:\n  leadping-bridge parked list\n  leadping-bridge parked list --cause refused:leadping:422"
    )]
    List(ListArgs),
    /// Let it go on: decide it again now, with today's tables
    #[command(
        after_help = "Example:\n  leadping-bridge parked release --cause refused:leadping:422\n\n\
        It is weighed against the lead as it is now: where something newer was decided, it is stale or\n\
        superseded, and nothing is sent.\n\n\
        Exit codes: 0 done; 1 nothing was parked so, or the bridge refused; 69 the bridge cannot be\n\
        reached."
    )]
    Release(ReleaseArgs),
    /// Give it up for good
    #[command(
        after_help = "Example:\n  leadping-bridge parked discard --cause unmapped:voice:77\n\n\
        Exit codes: 0 done; 1 nothing was parked so, or the bridge refused; 69 the bridge cannot be\n\
        reached."
    )]
    Discard(WhichArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// The single events and deliveries of this cause, newest first
    #[arg(long)]
    cause: Option<String>,
    /// Of a cause: how many events at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Of a cause: go on where the last page ended
    #[arg(long, requires = "cause")]
    cursor: Option<String>,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ReleaseArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// Send deliveries as they are stored, without deciding again
    #[arg(long, conflicts_with = "event")]
    as_is: bool,
}

#[derive(Debug, Args)]
struct WhichArgs {
    #[command(flatten)]
    one: OneOf,
    /// Print what became of how many as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct OneOf {
    /// Everything with this cause, oldest first
    #[arg(long)]
    cause: Option<String>,
    /// One parked event
    #[arg(long, value_name = "ID")]
    event: Option<String>,
    /// One parked delivery
    #[arg(long, value_name = "ID")]
    delivery: Option<String>,
}

/// Exit 0 when done, 1 when refused, 69 when the bridge is not reachable.
pub async fn run(args: ParkedArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let api = match AdminApi::of(args.admin, config)? {
        Ok(api) => api,
        Err(unanswered) => return Ok(unanswered.into()),
    };
    match args.action {
        ParkedSubcommand::List(args) => list(&api, args).await,
        ParkedSubcommand::Release(args) => free(&api, "release", args.which, args.as_is).await,
        ParkedSubcommand::Discard(which) => free(&api, "discard", which, false).await,
    }
}

async fn free(
    api: &AdminApi,
    verb: &str,
    which: WhichArgs,
    as_is: bool,
) -> anyhow::Result<ExitCode> {
    let mut body = ParkedBody {
        event: which.one.event,
        delivery: which.one.delivery,
        cause: which.one.cause,
        cursor: None,
        as_is,
    };
    let mut results: BTreeMap<String, u64> = BTreeMap::new();
    loop {
        let path = format!("parked/{verb}");
        let step: ParkedFreed = match api.send(Method::POST, &path, &body).await? {
            Ok(step) => step,
            Err(unanswered) => {
                if !results.is_empty() {
                    eprintln!("done before that: {}", told(&results));
                }
                return Ok(unanswered.into());
            }
        };
        for (result, count) in step.results {
            *results.entry(result).or_default() += count;
        }
        body.cursor = step.next_cursor;
        if body.cursor.is_none() {
            break;
        }
        eprintln!("so far: {}", told(&results));
    }
    if which.json {
        println!("{}", serde_json::to_string(&results)?);
    } else if results.is_empty() {
        println!("nothing is parked for this cause");
    } else {
        println!("{}", told(&results));
    }
    Ok(match results.is_empty() {
        true => super::Exit::Unmet.into(),
        false => ExitCode::SUCCESS,
    })
}

async fn list(api: &AdminApi, args: ListArgs) -> anyhow::Result<ExitCode> {
    let page: Value = match &args.cause {
        None => match api.get("parked", &[]).await? {
            Ok(page) => page,
            Err(unanswered) => return Ok(unanswered.into()),
        },
        Some(cause) => {
            let mut query = vec![("limit", args.limit.to_string()), ("cause", cause.clone())];
            query.extend(args.cursor.map(|cursor| ("cursor", cursor)));
            match api.get("events", &query).await? {
                Ok(page) => page,
                Err(unanswered) => return Ok(unanswered.into()),
            }
        }
    };
    let print = |item: &Value| match &args.cause {
        None => print_cause(item),
        Some(cause) => print_items(item, cause),
    };
    print_page(&page, args.json, ("nothing is parked", &print));
    Ok(ExitCode::SUCCESS)
}

fn print_cause(row: &Value) {
    println!(
        "{}: {} events, {} deliveries, oldest {}",
        word(&row["cause"]),
        row["events"],
        row["deliveries"],
        time(&row["oldest_at"])
    );
    for line in wrapped(word(&row["suggestion"]), 76) {
        println!("    {line}");
    }
    let newest = &row["reasons"]["newest"];
    for reason in row["reasons"]["most"].as_array().into_iter().flatten() {
        let line = format!(
            "{} of the newest {newest}: {}",
            reason["events"],
            word(&reason["why"])
        );
        for (index, line) in wrapped(&line, 72).iter().enumerate() {
            let indent = if index == 0 { 4 } else { 8 };
            println!("{:indent$}{line}", "");
        }
    }
    if let Some(text) = row["row"]["text"].as_str() {
        println!("    such as, at the end of {}:", word(&row["row"]["file"]));
        for line in text.lines() {
            println!("      {line}");
        }
    }
}

/// The event, if it waits itself, and its deliveries that do.
fn print_items(event: &Value, cause: &str) {
    let lead = lead_of(event);
    let since = time(&event["received_at"]);
    if event["cause"] == cause {
        println!("event     {}  {since}  {lead}", word(&event["id"]));
    }
    for delivery in event["deliveries"].as_array().into_iter().flatten() {
        if delivery["cause"] == cause {
            println!("delivery  {}  {since}  {lead}", word(&delivery["id"]));
        }
    }
}
