//! `events`: what came in and what became of it, shown, and decided again, through the admin API of a running bridge.

mod replay;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::admin_api::{AdminApi, AdminArgs};
use crate::config::Config;

#[derive(Debug, Args)]
pub struct EventsArgs {
    #[command(subcommand)]
    action: EventsSubcommand,
    #[command(flatten)]
    admin: AdminArgs,
}

#[derive(Debug, Subcommand)]
enum EventsSubcommand {
    /// Show events, newest first
    #[command(
        after_help = "Example:\n  leadping-bridge events list --lead lead_7Q2M4\n  leadping-bridge events list --state parked --source voice"
    )]
    List(ListArgs),
    /// Show one event: its decision, the row that made it, its deliveries and their last answers
    #[command(
        after_help = "Example:\n  leadping-bridge events show 01986f0e-7c00-7000-8000-000000000001"
    )]
    Show(ShowArgs),
    /// Decide recorded events again, against the lead as it is now
    #[command(
        after_help = "Example:\n  leadping-bridge events replay --since 2d --source voice\n  leadping-bridge events replay --since 2d --source voice --start\n\n\
        It first says how many calls that costs and how long it takes; with --start it begins. Where\n\
        something newer was applied, or the target has it already, nothing is sent. Ctrl-C cancels.\n\n\
        Exit codes: 0 done; 1 refused, cancelled or failed; 69 the bridge cannot be reached."
    )]
    Replay(replay::ReplayArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only events of this lead: any of its ids
    #[arg(long, value_name = "ID")]
    lead: Option<String>,
    /// Only this source's
    #[arg(long)]
    source: Option<String>,
    /// Only those that stand so: received, decided, settled, parked or discarded
    #[arg(long)]
    state: Option<String>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Go on where the last page ended
    #[arg(long)]
    cursor: Option<String>,
    /// Print the page as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ShowArgs {
    /// The event's id
    id: String,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Exit 0 when shown, 1 when there is no such event, 69 when the bridge is not reachable.
pub async fn run(args: EventsArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let api = match AdminApi::of(args.admin, config)? {
        Ok(api) => api,
        Err(unanswered) => return Ok(unanswered.into()),
    };
    match args.action {
        EventsSubcommand::List(args) => list(&api, args).await,
        EventsSubcommand::Show(args) => show(&api, args).await,
        EventsSubcommand::Replay(args) => replay::run(&api, args).await,
    }
}

async fn list(api: &AdminApi, args: ListArgs) -> anyhow::Result<ExitCode> {
    let mut query = vec![("limit", args.limit.to_string())];
    let given = [
        ("lead", args.lead),
        ("source", args.source),
        ("state", args.state),
        ("cursor", args.cursor),
    ];
    let given = given.into_iter();
    query.extend(given.filter_map(|(key, value)| Some((key, value?))));
    let page = loop {
        let page: Value = match api.get("events", &query).await? {
            Ok(page) => page,
            Err(unanswered) => return Ok(unanswered.into()),
        };
        // A page looks back only so far: on to where something is.
        let is_empty = page["items"].as_array().is_none_or(Vec::is_empty);
        match page["next_cursor"].as_str().filter(|_| is_empty) {
            Some(cursor) => {
                let cursor = cursor.to_owned();
                query.retain(|(key, _)| *key != "cursor");
                query.push(("cursor", cursor));
            }
            None => break page,
        }
    };
    print_page(&page, args.json, ("no events", &print_line));
    Ok(ExitCode::SUCCESS)
}

/// A page of the API: as it is, or item by item with what to say of none.
pub(super) fn print_page(page: &Value, json: bool, (none, print): (&str, &dyn Fn(&Value))) {
    if json {
        println!("{page:#}");
        return;
    }
    let items = page["items"].as_array().map_or(&[][..], Vec::as_slice);
    if items.is_empty() {
        println!("{none}");
    }
    items.iter().for_each(print);
    if let Some(cursor) = page["next_cursor"].as_str() {
        eprintln!("there may be more: --cursor {cursor}");
    }
}

async fn show(api: &AdminApi, args: ShowArgs) -> anyhow::Result<ExitCode> {
    let event: Value = match api.get_of(&["events", &args.id], &[]).await? {
        Ok(event) => event,
        Err(unanswered) => return Ok(unanswered.into()),
    };
    if args.json {
        println!("{event:#}");
    } else {
        print_line(&event);
        print_decision(&event["decision"]);
        print_deliveries(&event["deliveries"]);
    }
    Ok(ExitCode::SUCCESS)
}

/// Three lines or more, none wider than a terminal.
fn print_line(event: &Value) {
    println!("{}  {}", word(&event["id"]), time(&event["received_at"]));
    let about = format!(
        "{} {} {}{}",
        word(&event["source"]),
        word(&event["state"]),
        lead_of(event),
        duplicates(event)
    );
    for line in wrapped(&about, 76) {
        println!("    {line}");
    }
    let what = match event["cause"].as_str() {
        Some(cause) => cause.to_owned(),
        None => verdicts(&event["decision"]),
    };
    for line in wrapped(&what, 76) {
        println!("    {line}");
    }
}

/// LeadPing's id of the event's lead, else the sender's.
pub(super) fn lead_of(event: &Value) -> &str {
    word(match event["lead_id"].is_null() {
        true => &event["source_lead_id"],
        false => &event["lead_id"],
    })
}

/// `leadping delivery, nlpearl absent`, else the event's own verdict.
fn verdicts(decision: &Value) -> String {
    let targets = decision["targets"].as_object();
    let told: Vec<String> = targets
        .into_iter()
        .flatten()
        .map(|(target, verdict)| format!("{target} {}", word(&verdict["verdict"])))
        .collect();
    match told.is_empty() {
        true => word(&decision["verdict"]).to_owned(),
        false => told.join(", "),
    }
}

fn print_decision(decision: &Value) {
    if decision.is_null() {
        return;
    }
    println!("decided  {}", time(&decision["decided_at"]));
    if let Some(row) = decision["row"].as_object() {
        let number = row.get("number").unwrap_or(&Value::Null);
        let name = row.get("name").and_then(Value::as_str).unwrap_or_default();
        let line = format!("row {number} {name}");
        println!(
            "    {} of table {}",
            line.trim_end(),
            word(&decision["table"])
        );
    }
    let targets = || decision["targets"].as_object().into_iter().flatten();
    // A target's own reason stands beside its verdict.
    let is_of_a_target = targets().any(|(_, verdict)| verdict["why"].is_string());
    let why = decision["why"].as_str().filter(|_| !is_of_a_target);
    for line in wrapped(why.unwrap_or_default(), 76) {
        println!("    {line}");
    }
    for (target, verdict) in targets() {
        let mut line = format!("{target}: {}", word(&verdict["verdict"]));
        if let Some(why) = verdict["why"].as_str() {
            line = format!("{line}, {why}");
        }
        for line in wrapped(&line, 76) {
            println!("    {line}");
        }
    }
}

fn print_deliveries(deliveries: &Value) {
    for delivery in deliveries.as_array().into_iter().flatten() {
        println!(
            "delivery {}  {}  {}",
            word(&delivery["id"]),
            word(&delivery["target"]),
            word(&delivery["state"])
        );
        if let Some(cause) = delivery["cause"].as_str() {
            println!("    {cause}");
        }
        let answer = match delivery["last_http_status"].as_u64() {
            Some(status) => format!(", last answer {status}"),
            None => String::new(),
        };
        println!("    tries {}{answer}", delivery["attempts"]);
        print_tries(delivery);
    }
}

/// `, sent 2 times more`, of an event that was.
pub(super) fn duplicates(event: &Value) -> String {
    match event["duplicates"].as_u64() {
        Some(1) => String::from(", sent once more"),
        Some(count) if count > 1 => format!(", sent {count} times more"),
        _ => String::new(),
    }
}

/// Every try of a delivery, oldest first: when, what, the answer; then the request.
pub(super) fn print_tries(delivery: &Value) {
    for one in delivery["tries"].as_array().into_iter().flatten() {
        let result = word(&one["result"]);
        let answer = match one["http_status"].as_u64() {
            Some(status) => format!("{status} {result}"),
            None => result.replace('_', " "),
        };
        println!(
            "      {}. {}  {}  {answer}, {} ms",
            one["number"],
            time(&one["started_at"]),
            word(&one["call"]),
            one["duration_ms"],
        );
        println!("         {}", word(&one["request"]));
    }
}

pub(super) fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

/// `2026-08-01 12:00:03`, of a time in JSON.
pub(super) fn time(value: &Value) -> String {
    word(value)
        .chars()
        .take(19)
        .collect::<String>()
        .replace('T', " ")
}

/// Lines of whole words, at most so wide where words allow.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
