//! What the demo prints: one aligned line per webhook, a summary, where to look next.

use std::collections::BTreeSet;

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::samples::Expected;
use super::{Demo, Outcome};

const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

pub(super) fn opening(demo: &Demo) {
    println!("{BOLD}leadping-bridge demo{BOLD:#}: sandbox, bridge and senders on this machine");
    println!("  webhooks   {}/webhooks/{{voice,crm}}", demo.webhooks);
    println!("  admin API  {}/api/v1/events", demo.admin);
    println!(
        "  LeadPing   {} {DIM}(the sandbox){DIM:#}",
        demo.sandbox_url
    );
    println!();
    let (source, shows, lead, becomes) = ("source", "webhook", "lead", "category / outcome");
    println!(
        "{DIM}  {source:<6} {shows:<22} {lead:<11} {becomes:<28} {:<6} {:>6} {:>6}{DIM:#}",
        "call", "answer", "ms"
    );
}

/// One line per webhook; whether all ended as expected.
pub(super) fn rows(outcomes: &[Outcome<'_>]) -> bool {
    let mut all = true;
    for outcome in outcomes {
        let met = is_as_expected(outcome);
        all &= met;
        let (style, sign) = if met { (GOOD, "✓") } else { (BAD, "✗") };
        let line = Line::of(outcome);
        println!(
            "{style}{sign}{style:#} {:<6} {:<22} {:<11} {:<28} {:<6} {:>6} {:>6}",
            outcome.sample.source,
            outcome.sample.shows,
            line.lead,
            line.becomes,
            line.call,
            line.answer,
            line.milliseconds
        );
        if !met {
            println!("  {BAD}expected {:?}{BAD:#}", outcome.sample.expected);
        }
    }
    all
}

struct Line {
    lead: String,
    becomes: String,
    call: String,
    answer: String,
    milliseconds: String,
}

impl Line {
    fn of(outcome: &Outcome<'_>) -> Self {
        let nothing = Value::Null;
        let event = outcome.event.as_ref().unwrap_or(&nothing);
        let delivery = &event["deliveries"][0];
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let number = |value: &Value| value.as_i64().map_or(String::from("-"), |n| n.to_string());
        let becomes = match (&outcome.sample.expected, event["cause"].as_str()) {
            (Expected::Answered(_), _) => format!("answered {}", outcome.http_status),
            (_, Some(cause)) => format!("parked {cause}"),
            (_, None) if delivery.is_object() => {
                format!(
                    "{} / {}",
                    text(&delivery["category"]),
                    text(&delivery["outcome"])
                )
            }
            (_, None) => text(&event["decision"]["verdict"]),
        };
        Self {
            lead: text(&event["lead_id"]),
            becomes,
            call: match event["decision"]["targets"]["leadping"]["verdict"].as_str() {
                _ if !delivery.is_object() => String::from("-"),
                Some("amend") => String::from("amend"),
                _ => String::from("set"),
            },
            answer: number(&delivery["last_http_status"]),
            milliseconds: number(&delivery["last_duration_ms"]),
        }
    }
}

fn is_as_expected(outcome: &Outcome<'_>) -> bool {
    let nothing = Value::Null;
    let event = outcome.event.as_ref().unwrap_or(&nothing);
    let delivery = &event["deliveries"][0];
    match &outcome.sample.expected {
        Expected::Answered(status) => outcome.http_status == *status,
        Expected::Parked(cause) => event["cause"] == *cause,
        Expected::Settled(verdict) => {
            event["state"] == "settled" && event["decision"]["verdict"] == *verdict
        }
        Expected::Delivered(category, outcome) => {
            delivery["state"] == "delivered"
                && delivery["category"] == *category
                && delivery["outcome"] == *outcome
        }
    }
}

pub(super) fn closing(demo: &Demo, outcomes: &[Outcome<'_>], met: bool) {
    let expected = outcomes
        .iter()
        .filter(|outcome| is_as_expected(outcome))
        .count();
    // An amend makes no disposition of its own.
    let delivered: BTreeSet<&str> = outcomes
        .iter()
        .filter_map(|outcome| outcome.event.as_ref())
        .filter(|event| event["decision"]["targets"]["leadping"]["verdict"] == "delivery")
        .map(|event| &event["deliveries"][0])
        .filter(|delivery| delivery["state"] == "delivered")
        .filter_map(|delivery| delivery["id"].as_str())
        .collect();
    let style = if met { GOOD } else { BAD };
    println!();
    println!(
        "{style}{expected} of {} ended as expected{style:#}; {} dispositions at LeadPing",
        outcomes.len(),
        delivered.len()
    );
    println!();
    println!("  events     curl {}/api/v1/events", demo.admin);
    println!("  parked     curl {}/api/v1/parked", demo.admin);
    println!("  targets    curl {}/api/v1/targets", demo.admin);
    println!("  metrics    curl {}/metrics", demo.admin);
    println!("  LeadPing   curl {}/_sandbox/journal", demo.sandbox_url);
}

pub(super) fn waiting(demo: &Demo) {
    println!();
    println!("Send one yourself:");
    println!(
        "  leadping-bridge send --config {} --source voice --url {} FILE.json",
        demo.config_path.display(),
        demo.webhooks
    );
    println!("Ctrl-C ends the demo and removes its files.");
}
