//! Echoes: a system that we wrote to reports the change that we made. Such a webhook is recognised
//! by target, lead and value, once, within the echo window. Pure.
//!
//! The writes that wait for their echo are the store's: they stand there before the call leaves.

use crate::delivery::DeliveryId;
use crate::event::{Facts, Sequence};
use crate::lead::OwnWrite;

use jiff::Timestamp;
use serde_json::{Map, Value};

/// What the own writes of the event's own system say about it.
#[derive(Debug, PartialEq)]
pub(super) enum Heard<'h> {
    /// This write of ours comes back.
    Echo(&'h OwnWrite),
    /// One was awaited, but with another value.
    NearMiss,
    Nothing,
}

/// `kind` is the vendor's word; `sequence` and `received_at` the event's.
pub(super) fn listen<'h>(
    kind: &str,
    facts: &Facts,
    (sequence, received_at): (Sequence, Timestamp),
    writes: &'h [OwnWrite],
) -> Heard<'h> {
    let mut awaited = writes
        .iter()
        .filter(|write| write.event < sequence && received_at <= write.until)
        // What waited, and came before that was decided, was no echo then either.
        .filter(|write| {
            let decided_at = write.delivery.decided_at();
            decided_at.is_none_or(|at| at <= received_at)
        })
        .peekable();
    if awaited.peek().is_none() {
        return Heard::Nothing;
    }
    awaited
        .find(|write| says_the_same(kind, facts, (&write.members, write.entry)))
        .map_or(Heard::NearMiss, Heard::Echo)
}

/// Whether the webhook reports the value that was written, with the entry that this made or amended.
pub(super) fn says_the_same(
    kind: &str,
    facts: &Facts,
    (members, entry): (&Map<String, Value>, DeliveryId),
) -> bool {
    let marker = facts.reported.as_ref().and_then(|it| it.marker.as_deref());
    let Some(status) = facts.status.as_ref().map(ToString::to_string) else {
        return false;
    };
    let written = |member: &str| match members.get(member)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    // A system may spell a word its own way.
    let is = |written: &Option<String>, reported: &str| {
        let written = written.as_deref();
        written.is_some_and(|written| written.eq_ignore_ascii_case(reported))
    };
    // A member that was not written keeps what it had; one that is not reported says nothing.
    let same = |written: Option<String>, reported: Option<&str>| {
        written.is_none() || reported.is_none_or(|reported| is(&written, reported))
    };
    let sub_status = facts.sub_status.as_deref();
    match kind {
        // Which of the two a customer's webhook calls its status is theirs to choose. The marker says
        // whose entry it is, and somebody who edits that leaves it: the value counts all the same.
        "leadping" => {
            let (category, outcome) = (written("category"), written("outcome"));
            let is_ours = marker.map(|marker| marker == entry.to_string());
            let either = |first: &Option<String>, second: Option<String>| {
                let says_it = is(first, &status);
                (says_it || (is_ours == Some(true) && first.is_none())) && same(second, sub_status)
            };
            is_ours != Some(false)
                && (either(&category, outcome.clone()) || either(&outcome, category.clone()))
        }
        "capillary" => {
            let reason = facts.reason_id.map(|reason| reason.to_string());
            is(&written("status"), &status)
                && same(written("subStatus"), sub_status)
                && same(written("reasonId"), reason.as_deref())
        }
        _ => is(&written("status"), &status),
    }
}
