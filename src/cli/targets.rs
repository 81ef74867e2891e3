//! `targets`: what stands between each target and its deliveries; paused and resumed by a person,
//! through the admin API of a running bridge.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::Exit;
use super::admin_api::{AdminApi, AdminArgs, Unanswered};
use super::events::{print_page, time, word, wrapped};
use crate::config::Config;

#[derive(Debug, Args)]
pub struct TargetsArgs {
    #[command(subcommand)]
    action: TargetsAction,
    #[command(flatten)]
    admin: AdminArgs,
}

#[derive(Debug, Subcommand)]
enum TargetsAction {
    /// Show each target: what waits for it, its limit and what keeps it from being sent to
    #[command(after_help = "Example:\n  leadping-bridge targets list")]
    List(ListArgs),
    /// Send nothing to a target until it is resumed; survives a restart
    #[command(after_help = "Example:\n  leadping-bridge targets pause leadping\n\n\
        Webhooks are still taken and decided; calls under way end, and what is due waits in order.\n\n\
        Exit codes: 0 paused; 2 no such target; 69 the bridge cannot be reached.")]
    Pause(OneArgs),
    /// Send to a target again; where it refuses or fails, it is probed at once
    #[command(after_help = "Example:\n  leadping-bridge targets resume leadping\n\n\
        Exit codes: 0 resumed; 2 no such target; 69 the bridge cannot be reached.")]
    Resume(OneArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Print the targets as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct OneArgs {
    /// The target's name
    name: String,
    /// Print what it then is as JSON
    #[arg(long)]
    json: bool,
}

/// Exit 0 when done, 2 when there is no such target, 69 when the bridge is not reachable.
pub async fn run(args: TargetsArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let api = match AdminApi::of(args.admin, config)? {
        Ok(api) => api,
        Err(unanswered) => return Ok(unanswered.into()),
    };
    let (page, json) = match args.action {
        TargetsAction::List(args) => (api.get("targets", &[]).await?, args.json),
        TargetsAction::Pause(args) => return change(&api, args, "pause").await,
        TargetsAction::Resume(args) => return change(&api, args, "resume").await,
    };
    let page: Value = match page {
        Ok(page) => page,
        Err(unanswered) => return Ok(unanswered.into()),
    };
    print_page(&page, json, ("no targets", &print_target));
    Ok(ExitCode::SUCCESS)
}

async fn change(api: &AdminApi, args: OneArgs, verb: &str) -> anyhow::Result<ExitCode> {
    let path = ["targets", &args.name, verb];
    let target: Value = match api.send_to(Method::POST, &path, &json!({})).await? {
        Ok(target) => target,
        Err(Unanswered(Exit::Unmet)) => return Ok(Exit::WrongUsage.into()),
        Err(unanswered) => return Ok(unanswered.into()),
    };
    if args.json {
        println!("{target:#}");
    } else {
        print_target(&target);
    }
    Ok(ExitCode::SUCCESS)
}

fn print_target(target: &Value) {
    let mode = match word(&target["mode"]) {
        "shadow" => ", in shadow mode: nothing is sent",
        _ => "",
    };
    println!("{}  {}{mode}", word(&target["name"]), state(target));
    for line in wrapped(word(&target["base_url"]), 76) {
        println!("    {line}");
    }
    let counts = target["deliveries"].as_object();
    let counts: Vec<String> = counts
        .into_iter()
        .flatten()
        .filter(|(_, count)| count.as_i64() != Some(0))
        .map(|(state, count)| format!("{count} {}", state.replace('_', " ")))
        .collect();
    if !counts.is_empty() {
        for line in wrapped(&counts.join(", "), 76) {
            println!("    {line}");
        }
    }
    if !target["oldest_due_at"].is_null() {
        println!("    oldest due since {}", time(&target["oldest_due_at"]));
    }
    let limit = &target["rate_limit"];
    println!(
        "    limit {} in {} s, {} used; {} of {} calls under way",
        limit["requests"],
        limit["per_seconds"].as_f64().unwrap_or_default(),
        limit["used"],
        target["calls"],
        target["concurrency"]
    );
    let latency = &target["latency"];
    if latency.is_object() {
        println!(
            "    answers in {} ms, 19 of 20 within {} ms",
            latency["median_ms"], latency["p95_ms"]
        );
    }
}

/// `paused since 2026-08-01 12:00:03, answered 401, next try 12:01:03`.
fn state(target: &Value) -> String {
    let mut told = match word(&target["state"]) {
        "stopped" => format!("paused by {}", word(&target["stopped_by"])),
        state => state.to_owned(),
    };
    if !target["since"].is_null() {
        told.push_str(&format!(" since {}", time(&target["since"])));
    }
    if let Some(status) = target["paused_http_status"].as_u64() {
        told.push_str(&format!(", answered {status}"));
    }
    if !target["next_try_at"].is_null() {
        let at = time(&target["next_try_at"]);
        let clock = at.split(' ').nth(1).unwrap_or(&at);
        told.push_str(&format!(", next try {clock}"));
    }
    told
}
