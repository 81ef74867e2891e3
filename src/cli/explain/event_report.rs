//! The story of a recorded event, for a person: what it became, why, and what it would become.

use std::fmt::Write as _;
use std::path::Path;

use anstyle::{AnsiColor, Style};

use super::report::{NoPast, becomes, chapter, facts, in_words, lead, line, outcome, rows};
use crate::event::{EventState, Status};
use crate::explain::Explanation;
use crate::map::offer;
use crate::review::EventStory;
use crate::store::{DeliveryRow, EventRow};

const DIM: Style = Style::new().dimmed();
const BAD: Style = AnsiColor::Yellow.on_default();

// Writing to a string cannot fail: every result of `write!` below is dropped.

/// All of it; `table` is the file whose rows were looked at.
pub(super) fn text(story: &EventStory, table: &Path) -> String {
    let mut out = String::new();
    let told = story.candidate.as_ref().unwrap_or(&story.current);
    became(&mut out, &story.became, told.facts.status.as_ref());
    facts(&mut out, told);
    lead(&mut out, &told.lead, &NoPast::Nothing);
    if story.begins_midway {
        let _ = writeln!(
            out,
            "  {DIM}its oldest events were not looked at: it has too many{DIM:#}"
        );
    }
    rows(&mut out, told, table);
    if story.candidate.is_some() {
        chapter(&mut out, "Becomes as it came in, by the tables in force");
        becomes(&mut out, &story.current);
        chapter(&mut out, "Becomes as it came in, by these tables");
    } else {
        chapter(&mut out, "Becomes as it came in, by the tables in force");
    }
    becomes(&mut out, told);
    now(&mut out, &story.now);
    out
}

fn became(out: &mut String, event: &EventRow, status: Option<&Status>) {
    chapter(out, "What it became");
    line(out, "event", event.id);
    line(out, "received", format_args!("{:.0}", event.received_at));
    line(out, "state", event.state.as_str());
    match &event.decision {
        Some(decision) => {
            if let (Some(row), Some(hash)) = (&decision.row, &decision.table) {
                let by = format_args!("{row}, line {}, of table {hash}", row.line);
                line(out, "decided by", by);
            }
            line(
                out,
                "decided at",
                format_args!("{:.0}", decision.decided_at),
            );
            let status = status.map(offer::in_toml);
            let cause = event.cause.as_ref();
            let advice = cause.map(|cause| cause.suggestion_for(status.as_deref()));
            outcome(out, decision, cause.zip(advice));
        }
        None if event.state == EventState::Received => {
            let _ = writeln!(out, "  {BAD}not decided yet{BAD:#}");
        }
        None => {}
    }
    for delivery in &event.deliveries {
        line(out, &delivery.target, delivered(delivery));
    }
}

fn delivered(delivery: &DeliveryRow) -> String {
    let mut text = String::from(delivery.state.as_str());
    if let (category, Some(outcome)) = (&delivery.category, &delivery.outcome) {
        let category = category.as_deref().unwrap_or("-");
        let _ = write!(text, ", {category} / {outcome}");
    }
    let tries = delivery.attempts;
    let _ = write!(
        text,
        ", {tries} {}",
        if tries == 1 { "try" } else { "tries" }
    );
    if let Some(status) = delivery.last_http_status {
        let _ = write!(text, ", answered {status}");
    }
    if let Some(cause) = &delivery.cause {
        let _ = write!(text, ", parked as {cause}: {}", cause.suggestion());
    }
    text
}

/// Short: what was said above is not said again.
fn now(out: &mut String, explanation: &Explanation) {
    chapter(out, "Becomes if it is decided again now, as a replay would");
    let calls = explanation.requests.len();
    let text = match calls {
        0 => format!("{}; nothing is sent", in_words(&explanation.decision)),
        _ => in_words(&explanation.decision),
    };
    super::report::paragraph(out, (Style::new(), ""), &text);
}
