//! The story of a payload, for a person: five short chapters, within 80 columns but for what is sent.

use std::fmt::Write as _;
use std::path::Path;

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::Story;
use crate::decision::{DecisionRecord, ParkCause, TargetVerdict, Verdict};
use crate::event::{Facts, Standing};
use crate::explain::{Explanation, FirstStory, LeadStory, RequestStory};

const TITLE: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Yellow.on_default();

const COLUMNS: usize = 80;

/// What is said where nothing is known of the lead's past.
pub(super) enum NoPast {
    /// A store was there.
    Nothing,
    NoStore,
}

// Writing to a string cannot fail: every result of `write!` below is dropped.

/// All of it; `table` is the file whose rows were looked at.
pub(super) fn payload(story: &Story, table: &Path) -> String {
    let mut out = String::new();
    if let Some(verification) = &story.verification {
        chapter(&mut out, "Verified");
        let (style, word) = if verification.admitted {
            (GOOD, "yes")
        } else {
            (BAD, "no, answered 401")
        };
        let _ = writeln!(out, "  {style}{word}{style:#}: {}", verification.because);
    }
    let explanation = &story.payload.explanation;
    let no_past = match story.payload.history_read {
        true => NoPast::Nothing,
        false => NoPast::NoStore,
    };
    facts(&mut out, explanation);
    decided_first(&mut out, &explanation.decided_first);
    lead(&mut out, &explanation.lead, &no_past);
    rows(&mut out, explanation, table);
    chapter(&mut out, "Becomes");
    becomes(&mut out, explanation);
    out
}

pub(super) fn chapter(out: &mut String, title: &str) {
    let _ = writeln!(out, "{TITLE}{title}{TITLE:#}");
}

pub(super) fn line(out: &mut String, name: &str, value: impl std::fmt::Display) {
    let mut lines = folded(&value.to_string(), COLUMNS - 17).into_iter();
    let first = lines.next().unwrap_or_default();
    let _ = writeln!(out, "  {DIM}{name:<14}{DIM:#} {first}");
    for more in lines {
        let _ = writeln!(out, "  {:<14} {more}", "");
    }
}

/// Text in lines of at most so many characters; a word that is longer stays whole. What a sender
/// wrote cannot command a terminal.
fn folded(text: &str, most: usize) -> Vec<String> {
    let text = text.replace(char::is_control, " ");
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last_mut().expect("there is a line from the start");
        let length = last.chars().count();
        if length > 0 && length + 1 + word.chars().count() > most {
            lines.push(word.to_owned());
        } else {
            if length > 0 {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

/// A paragraph behind a sign of two characters.
pub(super) fn paragraph(out: &mut String, (style, sign): (Style, &str), text: &str) {
    for (number, line) in folded(text, COLUMNS - 4).iter().enumerate() {
        match (number, sign) {
            (0, "") => {
                let _ = writeln!(out, "  {style}{line}{style:#}");
            }
            (0, sign) => {
                let _ = writeln!(out, "  {style}{sign}{style:#} {line}");
            }
            _ => {
                let _ = writeln!(out, "    {style}{line}{style:#}");
            }
        }
    }
}

pub(super) fn facts(out: &mut String, explanation: &Explanation) {
    chapter(out, "What it says");
    let facts: &Facts = &explanation.facts;
    line(out, "source", &explanation.source);
    if let Some(kind) = facts.kind {
        line(out, "kind", kind.as_str());
    }
    if let Some(status) = &facts.status {
        line(out, "status", status);
    }
    for (name, value) in [
        ("sub_status", &facts.sub_status),
        ("source lead id", &facts.source_lead_id),
        ("event name", &facts.event_name),
        ("call", &facts.call),
    ] {
        if let Some(value) = value {
            line(out, name, value);
        }
    }
    if let Some(reason) = facts.reason_id {
        line(out, "reason_id", reason);
    }
    if let Some(at) = facts.occurred_at {
        line(out, "occurred at", at);
    }
    match &explanation.standing {
        Standing::Usable => {}
        Standing::Invalid(why) => line(out, "not usable", why),
        Standing::Ignored(why) => line(out, "not for us", why),
    }
}

fn decided_first(out: &mut String, first: &[FirstStory]) {
    if first.is_empty() {
        return;
    }
    chapter(
        out,
        "Decided first: what waited for the link that it teaches",
    );
    for one in first {
        let _ = writeln!(
            out,
            "  {} {} {DIM}received {:.0}{DIM:#}",
            one.event, one.source, one.received_at
        );
        let advice = one.cause.as_ref().map(ParkCause::suggestion);
        outcome(out, &one.decision, one.cause.as_ref().zip(advice));
        requests(out, &one.requests);
    }
}

pub(super) fn lead(out: &mut String, lead: &LeadStory, no_past: &NoPast) {
    chapter(out, "The lead");
    match &lead.lead_id {
        Some(id) => {
            let from = format_args!("{id} (from the {})", lead.lead_id_from);
            line(out, "LeadPing id", from);
        }
        None => {
            let unknown = "unknown: neither the payload nor the link table names it";
            line(out, "LeadPing id", unknown);
        }
    }
    line(out, "calls so far", lead.calls);
    let was = match (&lead.previous, no_past) {
        (Some(previous), _) => format!(
            "{} / {}, by {}",
            previous.category.as_deref().unwrap_or("-"),
            previous.outcome.as_deref().unwrap_or("-"),
            previous.source
        ),
        (None, NoPast::Nothing) => String::from("nothing decided before"),
        (None, NoPast::NoStore) => String::from("no store to read its past from"),
    };
    line(out, "was", was);
}

pub(super) fn rows(out: &mut String, explanation: &Explanation, table: &Path) {
    let file = table.display();
    chapter(out, "The rows");
    if explanation.rows.is_empty() {
        let none = format!("no row of {file} names this status");
        paragraph(out, (Style::new(), ""), &none);
    }
    for row in &explanation.rows {
        let sign = if row.matched {
            (GOOD, "✓")
        } else {
            (DIM, "·")
        };
        let text = format!("{file}:{} {}: {}", row.row.line, row.row, row.because);
        paragraph(out, sign, &text);
    }
}

/// The decision and what is sent.
pub(super) fn becomes(out: &mut String, explanation: &Explanation) {
    let cause = explanation.cause.as_ref();
    outcome(out, &explanation.decision, cause.zip(explanation.advice()));
    if let Some(row) = &explanation.row_to_paste {
        for text in row.lines() {
            let _ = writeln!(out, "    {text}");
        }
    }
    requests(out, &explanation.requests);
}

/// `parked`: as what, and what to do about it.
pub(super) fn outcome(
    out: &mut String,
    decision: &DecisionRecord,
    parked: Option<(&ParkCause, String)>,
) {
    if decision.verdict == Verdict::Matched && !decision.targets.is_empty() {
        for (target, verdict) in &decision.targets {
            let text = format!("{target}: {}", at_target(target, verdict));
            paragraph(out, (Style::new(), ""), &text);
        }
    } else {
        paragraph(out, (Style::new(), ""), &in_words(decision));
    }
    if let Some(told) = &decision.told {
        paragraph(out, (Style::new(), ""), &told.to_string());
    }
    if let Some((cause, advice)) = parked {
        let text = format!("parked as {cause}: {advice}");
        paragraph(out, (BAD, ""), &text);
    }
}

fn requests(out: &mut String, requests: &[RequestStory]) {
    for request in requests {
        let shadow = if request.withheld {
            " (withheld: shadow mode)"
        } else {
            ""
        };
        let RequestStory { method, url, .. } = request;
        let _ = writeln!(out, "  {GOOD}{method} {url}{GOOD:#}{shadow}");
        let _ = writeln!(out, "  {DIM}{}{DIM:#}", request.credential);
        if request.merged {
            let _ = writeln!(
                out,
                "  {DIM}the record is read first; this is changed in it{DIM:#}"
            );
        }
        let body = request.body.as_ref().unwrap_or(&Value::Null);
        for text in format!("{body:#}").lines() {
            let _ = writeln!(out, "  {text}");
        }
    }
}

pub(super) fn in_words(decision: &DecisionRecord) -> String {
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

#[cfg(test)]
mod tests {
    use super::folded;

    #[test]
    fn long_text_is_folded_between_words() {
        assert_eq!(folded("a row of words", 8), ["a row of", "words"]);
        assert_eq!(folded("averyverylongword x", 5), ["averyverylongword", "x"]);
        assert_eq!(folded("", 5), [""]);
        assert_eq!(folded("a\x1b[31m\nb", 20), ["a [31m b"]);
    }
}
