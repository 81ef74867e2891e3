//! One webhook of the round in words: what became of it, which calls it led to, whether that is
//! what was expected.

use serde_json::Value;

use super::round::{Back, Outcome};
use super::samples::Expected;

pub(super) struct Line {
    pub(super) lead: String,
    pub(super) becomes: String,
    pub(super) calls: Vec<Call>,
}

/// One delivery.
pub(super) struct Call {
    /// Target and what is done there.
    pub(super) name: String,
    pub(super) is_delivered: bool,
    answer: String,
    milliseconds: String,
}

impl Call {
    pub(super) fn shown(&self) -> String {
        format!("{} {} {}ms", self.name, self.answer, self.milliseconds)
    }
}

impl Line {
    pub(super) fn of(outcome: &Outcome) -> Self {
        let nothing = Value::Null;
        let event = outcome.event.as_ref().unwrap_or(&nothing);
        let becomes = match &outcome.sample.expected {
            Expected::Answered(_) => format!("answered {}", outcome.http_status),
            _ => becomes(event),
        };
        Self {
            lead: text(&event["lead_id"]),
            becomes,
            // Its twin's are told there.
            calls: match outcome.is_at_the_door() {
                true => Vec::new(),
                false => calls(event),
            },
        }
    }

    pub(super) fn of_back(back: &Back) -> Self {
        Self {
            lead: text(&back.event["lead_id"]),
            becomes: verdict(&back.event),
            calls: calls(&back.event),
        }
    }
}

impl Outcome {
    /// Nothing new was recorded.
    fn is_at_the_door(&self) -> bool {
        matches!(self.sample.expected, Expected::Answered(_))
    }
}

fn becomes(event: &Value) -> String {
    if let Some(cause) = event["cause"].as_str() {
        return format!("parked {cause}");
    }
    let deliveries = event["deliveries"].as_array();
    let mut deliveries = deliveries.into_iter().flatten();
    match deliveries.find(|delivery| delivery["outcome"].is_string()) {
        Some(told) => format!("{} / {}", text(&told["category"]), text(&told["outcome"])),
        None if calls(event).is_empty() => verdict(event),
        None => String::from("written back"),
    }
}

/// The word for an event without calls: the one of its targets, if they agree.
fn verdict(event: &Value) -> String {
    if event["cause"].is_string() {
        return becomes(event);
    }
    let targets = event["decision"]["targets"].as_object();
    let mut words: Vec<String> = targets
        .into_iter()
        .flatten()
        .map(|(_, target)| text(&target["verdict"]))
        .collect();
    words.dedup();
    match words.is_empty() {
        true => text(&event["decision"]["verdict"]),
        false => words.join(", "),
    }
}

fn calls(event: &Value) -> Vec<Call> {
    let deliveries = event["deliveries"].as_array();
    let mut calls: Vec<Call> = deliveries
        .into_iter()
        .flatten()
        .map(|delivery| Call {
            name: format!("{} {}", text(&delivery["target"]), does(event, delivery)),
            is_delivered: delivery["state"] == "delivered",
            answer: number(&delivery["last_http_status"]),
            milliseconds: number(&delivery["last_duration_ms"]),
        })
        .collect();
    calls.sort_by(|one, other| one.name.cmp(&other.name));
    calls
}

/// Which of the target's calls a delivery is.
fn does(event: &Value, delivery: &Value) -> &'static str {
    let verdict = &event["decision"]["targets"]["leadping"];
    match delivery["target"].as_str() {
        Some("nlpearl") => "lead",
        Some("capillary") => "status",
        _ if delivery["outcome"].is_null() => "record",
        _ if verdict["verdict"] == "amend" && verdict["id"] == delivery["id"] => "amend",
        _ => "set",
    }
}

pub(super) fn is_as_expected(outcome: &Outcome) -> bool {
    let nothing = Value::Null;
    let event = outcome.event.as_ref().unwrap_or(&nothing);
    let line = Line::of(outcome);
    let becomes = match &outcome.sample.expected {
        Expected::Answered(status) => outcome.http_status == *status,
        Expected::Parked(cause) => event["cause"] == *cause,
        Expected::Settled(verdict) => event["state"] == "settled" && line.becomes == *verdict,
        Expected::WrittenBack => event["state"] == "settled" && line.becomes == "written back",
        Expected::Told(category, outcome) => line.becomes == format!("{category} / {outcome}"),
    };
    let called: Vec<&str> = line.calls.iter().map(|call| call.name.as_str()).collect();
    let back: Vec<String> = outcome.back.iter().map(reported).collect();
    becomes
        && called == outcome.sample.calls
        && line.calls.iter().all(|call| call.is_delivered)
        && back == outcome.sample.back
}

/// As the samples write what comes back.
pub(super) fn reported(back: &Back) -> String {
    format!(
        "{} {}: {}",
        back.source,
        back.says,
        Line::of_back(back).becomes
    )
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("-").to_owned()
}

fn number(value: &Value) -> String {
    value.as_i64().map_or(String::from("-"), |n| n.to_string())
}
