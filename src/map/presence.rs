//! Templates and conditions that fail for some of the events that come to their row, because a
//! value that they cannot do without may be missing there. Errors: such an event would be parked
//! as invalid, mostly long after the table was saved.

use crate::config::SourceKind;
use crate::event::{EventKind, Status};
use crate::map::lint::{Need, is_proven, kind_proven};
use crate::map::place::TextPlace;
use crate::map::reader::Reader;
use crate::map::row::{Row, RowResult};
use crate::systems::nlpearl::vocabulary::in_progress;

/// Findings about one sound row; those about a default are told once for all rows.
pub fn check(reader: &mut Reader<'_>, kind: SourceKind, row: &Row) {
    let mut proven = Vec::new();
    if !row.sub_statuses.is_empty() {
        proven.push("event.sub_status".to_owned());
    }
    if !row.reason_ids.is_empty() {
        proven.push("event.reason_id".to_owned());
    }
    if let Some(when) = &row.when {
        report(
            reader,
            (kind, row),
            &proven,
            ("when", &when.condition.needs, &when.place),
        );
        proven.extend(when.condition.meaning.proven.iter().cloned());
    }
    if proven.iter().any(|path| path.starts_with("previous.")) {
        proven.extend(["previous.source".to_owned(), "previous.at".to_owned()]);
    }
    let RowResult::Targets(tables) = &row.result else {
        return;
    };
    for member in tables.iter().flat_map(|table| &table.members) {
        for (_, template, place) in member.value.typed_templates(member.member_type) {
            let found = (member.name, template.needs.as_slice(), place);
            report(reader, (kind, row), &proven, found);
        }
    }
}

fn report(
    reader: &mut Reader<'_>,
    (kind, row): (SourceKind, &Row),
    proven: &[String],
    (key, needs, place): (&str, &[Need], &TextPlace),
) {
    for need in needs {
        let on = row.on.or(need.on).or_else(|| kind_proven(proven));
        let Some(why) = may_lack_on((kind, row), on, &need.path) else {
            continue;
        };
        let span = place.at(&need.range);
        let message = format!("`{key}`: `{}` may be missing: {why}", need.path);
        if is_proven(&need.path, proven) || !reader.is_news(&span, &message) {
            continue;
        }
        let fallback = match need.path.as_str() {
            "call.duration" | "call.sentiment" | "event.reason_id" => "0",
            "call.transferred" => "false",
            _ => "''",
        };
        let mut hint = format!(
            "say what to take then: `{} | default({fallback})`",
            need.path
        );
        let is_of_calls = need.path.starts_with("call.") && kind == SourceKind::Nlpearl;
        if is_of_calls && on.is_none() {
            hint += ", or narrow the row with `on = \"call\"`";
        }
        reader.error(span, message).hint = Some(hint);
    }
}

const NOT_NAMED: &str = "not every webhook names it";

/// Why a value may be missing in events that come to this row.
pub fn may_lack(kind: SourceKind, row: &Row, path: &str) -> Option<&'static str> {
    may_lack_on((kind, row), row.on, path)
}

/// `on`: the kind of the events, where `on` or a condition leaves no other.
fn may_lack_on(
    (kind, row): (SourceKind, &Row),
    on: Option<EventKind>,
    path: &str,
) -> Option<&'static str> {
    let mut parts = path.split('.');
    match (parts.next()?, parts.next()?) {
        ("call", _) if kind == SourceKind::Capillary => Some("Capillary sends no calls"),
        ("call", _) if kind == SourceKind::Leadping => Some("LeadPing sends no calls"),
        ("call", _) if kind == SourceKind::Generic => Some(NOT_NAMED),
        // A voicemail has no mood.
        ("call", "recording" | "sentiment") if on == Some(EventKind::Call) => {
            Some("not every call has one")
        }
        // The start of a call knows nothing of its end.
        ("call", "summary") if on == Some(EventKind::Call) => {
            takes_a_start(row).then_some("the webhook of a call's start comes to this row too")
        }
        ("call", _) if on == Some(EventKind::Call) => None,
        ("call", _) => Some("lead webhooks come to this row too"),
        ("collected", _) => Some("not every conversation collects it"),
        ("previous", _) => Some("a lead's first event has nothing before it"),
        // Such a webhook without it is invalid.
        ("lead", "id" | "source_id") if kind == SourceKind::Leadping => None,
        ("lead", "id") => Some("the lead may not be linked yet"),
        ("lead", "external_id" | "phone") => Some("not every lead has one"),
        ("lead", "source_id") if kind == SourceKind::Generic => Some(NOT_NAMED),
        ("event", "sub_status" | "reason_id" | "occurred_at") => match kind {
            SourceKind::Nlpearl => Some("NLPearl does not send it"),
            _ => Some(NOT_NAMED),
        },
        // `body` is the sender's own, and whoever names a place in it has seen it there.
        _ => None,
    }
}

/// Whether the row takes what a call is while it goes on.
fn takes_a_start(row: &Row) -> bool {
    let statuses = row.statuses.as_ref();
    statuses.is_none_or(|statuses| {
        statuses
            .iter()
            .any(|status| matches!(status, Status::Number(number) if in_progress(*number)))
    })
}
