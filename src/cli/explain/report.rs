//! The story of a payload, for a person: five short chapters.

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::Story;
use crate::config::Config;
use crate::decision::{DecisionRecord, TargetVerdict, Verdict};
use crate::event::Standing;
use crate::map::Table;

const TITLE: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Yellow.on_default();

pub(super) fn print(story: &Story, table: &Table, config: &Config) {
    if let Some(verification) = &story.verification {
        chapter("Verified");
        let (style, word) = if verification.admitted {
            (GOOD, "yes")
        } else {
            (BAD, "no, answered 401")
        };
        anstream::println!("  {style}{word}{style:#}: {}", verification.because);
    }
    facts(story);
    lead(story);
    rows(story, table, config);
    decision(story);
}

fn chapter(title: &str) {
    anstream::println!("{TITLE}{title}{TITLE:#}");
}

fn line(name: &str, value: impl std::fmt::Display) {
    anstream::println!("  {DIM}{name:<14}{DIM:#} {value}");
}

fn facts(story: &Story) {
    chapter("What it says");
    let facts = &story.explanation.facts;
    line("source", &story.explanation.source);
    if let Some(kind) = facts.kind {
        line("kind", kind.as_str());
    }
    if let Some(status) = &facts.status {
        line("status", status);
    }
    for (name, value) in [
        ("sub_status", &facts.sub_status),
        ("source lead id", &facts.source_lead_id),
        ("event name", &facts.event_name),
        ("call", &facts.call),
    ] {
        if let Some(value) = value {
            line(name, value);
        }
    }
    if let Some(reason) = facts.reason_id {
        line("reason_id", reason);
    }
    if let Some(at) = facts.occurred_at {
        line("occurred at", at);
    }
    match &story.explanation.standing {
        Standing::Usable => {}
        Standing::Invalid(why) => line("not usable", why),
        Standing::Ignored(why) => line("not for us", why),
    }
}

fn lead(story: &Story) {
    chapter("The lead");
    let lead = &story.explanation.lead;
    match &lead.lead_id {
        Some(id) => line(
            "LeadPing id",
            format_args!("{id} (from the {})", lead.lead_id_from),
        ),
        None => line(
            "LeadPing id",
            "unknown: neither the payload nor the link table names it",
        ),
    }
    line("calls so far", lead.calls);
    match &lead.previous {
        Some(previous) => line(
            "was",
            format_args!(
                "{} / {}, by {}",
                previous.category.as_deref().unwrap_or("-"),
                previous.outcome.as_deref().unwrap_or("-"),
                previous.source
            ),
        ),
        None if story.history_read => line("was", "nothing decided before"),
        None => line("was", "no store to read its past from"),
    }
}

fn rows(story: &Story, table: &Table, config: &Config) {
    let file = config.mappings.dir.join(format!("{}.toml", table.name));
    chapter("The rows");
    if story.explanation.rows.is_empty() {
        anstream::println!("  no row of {} names this status", file.display());
    }
    for row in &story.explanation.rows {
        let (style, sign) = if row.matched {
            (GOOD, "✓")
        } else {
            (DIM, "·")
        };
        anstream::println!(
            "  {style}{sign}{style:#} {}:{} {}: {}",
            file.display(),
            row.row.line,
            row.row,
            row.because
        );
    }
}

fn decision(story: &Story) {
    chapter("Becomes");
    let explanation = &story.explanation;
    anstream::println!("  {}", in_words(&explanation.decision));
    if let Some(cause) = &explanation.cause {
        anstream::println!("  {BAD}parked as {cause}{BAD:#}: {}", cause.suggestion());
    }
    for request in &explanation.requests {
        let shadow = if request.withheld {
            " (withheld: shadow mode)"
        } else {
            ""
        };
        anstream::println!("  {GOOD}{} {}{GOOD:#}{shadow}", request.method, request.url);
        anstream::println!("  {DIM}{}{DIM:#}", request.credential);
        if request.merged {
            anstream::println!("  {DIM}the record is read first; this is changed in it{DIM:#}");
        }
        let body = request.body.as_ref().unwrap_or(&Value::Null);
        for text in format!("{body:#}").lines() {
            anstream::println!("  {text}");
        }
    }
}

fn in_words(decision: &DecisionRecord) -> String {
    let why = decision.why.as_deref().unwrap_or_default();
    match decision.verdict {
        Verdict::Invalid => format!("invalid: {why}"),
        Verdict::Unmapped => String::from("unmapped: no row matches"),
        Verdict::Ignored => format!("ignored: {why}"),
        Verdict::Parked => format!("parked by the row: {why}"),
        Verdict::Matched => decision
            .targets
            .iter()
            .map(|(target, verdict)| format!("{target}: {}", at_target(target, verdict)))
            .collect::<Vec<_>>()
            .join("; "),
    }
}

fn at_target(target: &str, verdict: &TargetVerdict) -> String {
    match verdict {
        TargetVerdict::Unlinked => String::from("unlinked, waits for the lead's id there"),
        TargetVerdict::Echo { of } => format!("echo of our own write, delivery {of}"),
        TargetVerdict::Stale { newest } => format!("stale, event {} is newer", newest.0),
        TargetVerdict::Outranked { by, stays } => format!(
            "outranked, `{by}` set {} / {}, which only a source that stands at or before it may leave",
            stays.category.as_deref().unwrap_or("-"),
            stays.outcome.as_deref().unwrap_or("-"),
        ),
        TargetVerdict::Unchanged { since } => format!("unchanged since delivery {since}"),
        TargetVerdict::Looping {
            returns,
            per_seconds,
        } => format!(
            "looping, decided back {} times in {per_seconds} s",
            returns.len()
        ),
        TargetVerdict::Folded { into } => {
            format!("goes with delivery {into}, which has not been sent")
        }
        TargetVerdict::Delivery { supersedes, .. } if supersedes.is_empty() => {
            String::from("one call")
        }
        TargetVerdict::Delivery { supersedes, .. } => {
            format!("one call, which saves {} unsent ones", supersedes.len())
        }
        TargetVerdict::Amend { entry, .. } => {
            format!("one call, which amends the entry of delivery {entry}")
        }
        TargetVerdict::Absent => String::from("absent, the lead has no id there"),
        TargetVerdict::Invalid { why } => format!("invalid, {why}"),
        TargetVerdict::Off => format!("off, the configuration has no [targets.{target}]"),
    }
}
