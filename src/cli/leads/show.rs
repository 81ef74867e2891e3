//! `leads show`: one lead's story: who it is, what each target has of it, and what came in, newest
//! first, with what was decided and sent, and why.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use crate::cli::admin_api::AdminApi;
use crate::cli::events::{duplicates, print_tries, time, word, wrapped};

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// LeadPing's id of the lead, or any source's
    id: String,
    /// Whose id it is, where it could mean several leads: a source's name, or leadping
    #[arg(long)]
    source: Option<String>,
    /// How many events at most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Go on where the last page ended
    #[arg(long)]
    cursor: Option<String>,
    /// Print the lead and its events as JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(api: &AdminApi, args: ShowArgs) -> anyhow::Result<ExitCode> {
    let mut query = vec![("limit", args.limit.to_string())];
    let given = [("source", args.source), ("cursor", args.cursor)];
    let given = given.into_iter();
    query.extend(given.filter_map(|(key, value)| Some((key, value?))));
    let story: Value = match api.get_of(&["leads", &args.id], &query).await? {
        Ok(story) => story,
        Err(unanswered) => return Ok(unanswered.into()),
    };
    if args.json {
        println!("{story:#}");
        return Ok(ExitCode::SUCCESS);
    }
    print_lead(&story["lead"], &args.id);
    for event in list(&story["items"]) {
        print_event(event);
    }
    if let Some(cursor) = story["next_cursor"].as_str() {
        eprintln!("there may be more: --cursor {cursor}");
    }
    Ok(ExitCode::SUCCESS)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn print_lead(lead: &Value, asked: &str) {
    let name = lead["lead_id"].as_str().unwrap_or(asked);
    let calls = match lead["calls"].as_u64() {
        Some(1) => String::from("1 call"),
        calls => format!("{} calls", calls.unwrap_or(0)),
    };
    println!("lead {name}, {calls}");
    for id in list(&lead["ids"]) {
        let own = word(&id["id"]);
        let pearl = match lead["pearls"][own].as_str() {
            Some(pearl) => format!(", pearl {pearl}"),
            None => String::new(),
        };
        println!("    {:10} {own}{pearl}", word(&id["system"]));
    }
    for has in list(&lead["has"]) {
        let mut target = word(&has["target"]).to_owned();
        if has["is_record"] == true {
            target.push_str(" record");
        }
        let told = match (has["category"].as_str(), has["outcome"].as_str()) {
            (Some(category), Some(outcome)) => format!("{category}/{outcome}"),
            (one, other) => one.or(other).unwrap_or("-").to_owned(),
        };
        let state = match word(&has["state"]) {
            "there" => "has",
            "on_its_way" => "is being told",
            "unsent" => "will be told",
            "told" => "says that it has",
            _ => "has nothing of ours",
        };
        match has["source"].as_str() {
            Some(source) => {
                println!("{target} {state} {told}");
                println!("    by {source}, {}", time(&has["at"]));
            }
            None => println!("{target} {state}"),
        }
    }
}

fn print_event(event: &Value) {
    let facts = &event["facts"];
    let status = match &facts["status"] {
        Value::String(name) => name.clone(),
        Value::Null => String::from("no status"),
        status => status.to_string(),
    };
    println!(
        "\n{}  {} {} {status}: {}{}",
        time(&event["received_at"]),
        word(&event["source"]),
        facts["kind"].as_str().unwrap_or_default(),
        word(&event["state"]),
        duplicates(event),
    );
    println!("    event {}", word(&event["id"]));
    if let Some(cause) = event["cause"].as_str() {
        println!("    {cause}");
    }
    print_decision(&event["decision"]);
    for delivery in list(&event["deliveries"]) {
        print_delivery(delivery);
    }
}

fn print_decision(decision: &Value) {
    if let Some(row) = decision["row"].as_object() {
        let number = row.get("number").unwrap_or(&Value::Null);
        let name = row.get("name").and_then(Value::as_str).unwrap_or_default();
        let line = format!("row {number} {name}");
        let hash: String = word(&decision["table"]).chars().take(12).collect();
        println!("    {} of table {hash}", line.trim_end());
    } else if let Some(verdict) = decision["verdict"].as_str() {
        println!("    {verdict}");
    }
    for line in wrapped(decision["why"].as_str().unwrap_or_default(), 76) {
        println!("    {line}");
    }
    for (target, verdict) in decision["targets"].as_object().into_iter().flatten() {
        println!("    {target}: {}", word(&verdict["verdict"]));
    }
    print_told(&decision["told"]);
}

/// What the event says of its own system.
fn print_told(told: &Value) {
    let target = word(&told["target"]);
    match told["told"].as_str() {
        Some("has") => {
            let words = [&told["category"], &told["outcome"]];
            let words: Vec<&str> = words.into_iter().filter_map(Value::as_str).collect();
            println!("    {target} itself says that it has {}", words.join("/"));
        }
        Some(_) => println!("    {target} reports our own write"),
        None => {}
    }
}

fn print_delivery(delivery: &Value) {
    let told: Vec<&str> = ["category", "outcome"]
        .iter()
        .filter_map(|member| delivery[member].as_str())
        .collect();
    let cause = match (delivery["cause"].as_str(), &delivery["gave_way_to"]) {
        (Some(cause), _) => format!(", {cause}"),
        (None, Value::Null) => String::new(),
        (None, newer) => format!(", not sent: event no. {newer} is newer"),
    };
    println!(
        "    {} {} {}{cause}",
        word(&delivery["target"]),
        word(&delivery["state"]),
        told.join("/")
    );
    print_tries(delivery);
}
