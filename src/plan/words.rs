//! Decisions and ends in a few words, for the columns before and after: what becomes of a lead at
//! every place that it is told to. Pure.

use serde_json::{Map, Value};

use crate::decision::{Decision, PlannedDelivery, Verdict};
use crate::delivery::Slot;
use crate::lead::LEADPING;
use crate::lead::course::Words;
use crate::systems::leadping::record;

/// The longest value of one member that is shown.
const MOST_OF_A_VALUE: usize = 40;

/// Where the event ends: what every target is told, in short.
pub(super) fn of_decision(decision: &Decision) -> String {
    if let Some(cause) = &decision.cause {
        // A row that writes back as well does the one even while the other waits.
        let told = told(&decision.deliveries);
        let parked = format!("parked {cause}");
        return joined(std::iter::once(parked).chain(told));
    }
    if decision.record.verdict == Verdict::Ignored {
        return String::from("ignored");
    }
    let mut parts: Vec<String> = Vec::new();
    for (target, verdict) in &decision.record.targets {
        let word = verdict.as_str();
        if matches!(word, "delivery" | "amend") {
            continue;
        }
        let slot = Slot::parse(target);
        match slot.is_disposition() {
            true => parts.push(
                format!("{word} {}", becomes(decision))
                    .trim_end()
                    .to_owned(),
            ),
            false => parts.push(format!("{} {word}", place(slot))),
        }
    }
    parts.extend(told(&decision.deliveries));
    joined(parts)
}

fn joined(parts: impl IntoIterator<Item = String>) -> String {
    let parts: Vec<String> = parts.into_iter().collect();
    parts.join("; ")
}

/// What the lead then is at LeadPing, where that is said.
fn becomes(decision: &Decision) -> String {
    let change = decision.applied.as_ref();
    let previous = change.and_then(|change| change.previous.as_ref());
    previous.map_or_else(String::new, |previous| {
        disposition(previous.category.as_deref(), previous.outcome.as_deref())
    })
}

fn told(deliveries: &[PlannedDelivery]) -> impl Iterator<Item = String> {
    deliveries.iter().map(|delivery| {
        let slot = delivery.slot();
        let slot = Slot::parse(&slot);
        let said = of_members(slot, &delivery.members);
        match slot.is_disposition() {
            true => said,
            false => format!("{} {said}", place(slot)),
        }
    })
}

/// `lead record`, `nlpearl`: a disposition needs no name.
pub(super) fn place(slot: Slot<'_>) -> &str {
    match slot.is_record {
        true => "lead record",
        false => slot.target,
    }
}

/// What these members say, in short.
pub(super) fn of_members(slot: Slot<'_>, members: &Map<String, Value>) -> String {
    if slot.is_record {
        return record::changes(members).map_or_else(String::new, listed);
    }
    let words = Words::of(slot.target, members);
    match (slot.target, &words.outcome) {
        (LEADPING, _) => disposition(words.category.as_deref(), words.outcome.as_deref()),
        (_, Some(status)) => status.clone(),
        (_, None) => listed(members),
    }
}

/// `Lost / No answer`.
pub(super) fn disposition(category: Option<&str>, outcome: Option<&str>) -> String {
    format!("{} / {}", category.unwrap_or("-"), outcome.unwrap_or("-"))
}

/// The names of the members in which these differ.
pub(super) fn differing<'m>(
    left: &'m Map<String, Value>,
    right: &'m Map<String, Value>,
) -> impl Iterator<Item = &'m str> {
    let names = left
        .keys()
        .chain(right.keys().filter(|name| !left.contains_key(*name)));
    names
        .filter(|name| left.get(*name) != right.get(*name))
        .map(String::as_str)
}

/// `enabled false, tagNames ["won"]`.
pub(super) fn listed(members: &Map<String, Value>) -> String {
    let members = members.iter().map(|(name, value)| {
        let value = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if value.chars().count() <= MOST_OF_A_VALUE {
            return format!("{name} {value}");
        }
        let kept: String = value.chars().take(MOST_OF_A_VALUE - 1).collect();
        format!("{name} {kept}…")
    });
    members.collect::<Vec<_>>().join(", ")
}
