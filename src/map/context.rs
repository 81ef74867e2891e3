//! What templates and conditions see: `event`, `lead`, `call`, `collected`, `previous`, `body`.
//!
//! Built once per event, and only when a row that is looked at asks for it; `body` only for an
//! expression that names it. null is left out, so that a null member is a missing one.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectExt};
use serde_json::Value as Json;

use crate::event::{EventId, Facts, Status};
use crate::lead::Previous;

/// Everything that a table may look at for one event.
#[derive(Debug, Clone, Copy)]
pub struct MapInput<'a> {
    pub event_id: EventId,
    /// The source's configured name.
    pub source: &'a str,
    pub received_at: Timestamp,
    pub facts: &'a Facts,
    /// The raw payload.
    pub body: &'a Json,
    /// The LeadPing lead id, once it is known.
    pub lead_id: Option<&'a str>,
    /// Distinct calls that the bridge has seen for this lead.
    pub calls: u32,
    pub previous: Option<&'a Previous>,
}

/// The members of the objects whose members are fixed.
pub const KNOWN: &[(&str, &[&str])] = &[
    (
        "event",
        &[
            "id",
            "source",
            "kind",
            "status",
            "sub_status",
            "reason_id",
            "occurred_at",
            "received_at",
        ],
    ),
    (
        "lead",
        &["id", "source_id", "external_id", "phone", "calls"],
    ),
    (
        "call",
        &[
            "summary",
            "duration",
            "recording",
            "sentiment",
            "transferred",
        ],
    ),
    ("previous", &["category", "outcome", "source", "at"]),
];

/// The objects whose members the sender decides.
pub const OPEN: &[&str] = &["collected", "body"];

/// Members that are numbers whenever they are there.
pub const NUMBERS: &[&str] = &[
    "lead.calls",
    "call.duration",
    "call.sentiment",
    "event.reason_id",
];

/// Starts a key that is a path: `lint` writes `body.a.b` as one look-up, so that `default` also
/// holds where `a` is missing.
pub const PATH: char = '\u{1}';

/// The context of one event, built when it is first asked for.
pub struct Context<'a> {
    input: &'a MapInput<'a>,
    without_body: OnceCell<Arc<Members>>,
    with_body: OnceCell<Value>,
}

impl<'a> Context<'a> {
    pub fn new(input: &'a MapInput<'a>) -> Self {
        Self {
            input,
            without_body: OnceCell::new(),
            with_body: OnceCell::new(),
        }
    }

    /// The root object for an expression.
    pub fn root(&self, uses_body: bool) -> Value {
        let facts = self
            .without_body
            .get_or_init(|| Arc::new(roots(self.input)));
        if !uses_body {
            return Value::from_dyn_object(Arc::clone(facts));
        }
        self.with_body
            .get_or_init(|| {
                let mut members = facts.0.clone();
                members.insert(Cow::Borrowed("body"), from_json(self.input.body));
                Value::from_object(Members(members))
            })
            .clone()
    }

    /// Whether a path such as `call.summary` leads to nothing.
    pub fn lacks(&self, path: &str) -> bool {
        let root = self.root(path.starts_with("body"));
        path.split('.')
            .try_fold(root, |value, part| {
                value
                    .get_attr(part)
                    .ok()
                    .filter(|value| !value.is_undefined())
            })
            .is_none()
    }
}

fn roots(input: &MapInput<'_>) -> Members {
    let facts = input.facts;
    let mut event = Members::default();
    event.put("id", Some(input.event_id.to_string()));
    event.put("source", Some(input.source));
    event.put("kind", facts.kind.map(|kind| kind.as_str()));
    event.put(
        "status",
        facts.status.as_ref().map(|status| match status {
            Status::Number(number) => Value::from(*number),
            Status::Name(name) => Value::from(name.as_str()),
        }),
    );
    event.put("sub_status", facts.sub_status.as_deref());
    event.put("reason_id", facts.reason_id);
    event.put("occurred_at", facts.occurred_at.map(|at| at.to_string()));
    event.put("received_at", Some(input.received_at.to_string()));

    let mut lead = Members::default();
    lead.put("id", input.lead_id);
    lead.put("source_id", facts.source_lead_id.as_deref());
    lead.put("external_id", facts.external_id.as_deref());
    lead.put("phone", facts.phone.as_deref());
    lead.put("calls", Some(input.calls));

    let mut call = Members::default();
    call.put("summary", facts.call_summary.as_deref());
    call.put("duration", facts.call_duration.map(number));
    call.put("recording", facts.call_recording.as_deref());
    call.put("sentiment", facts.call_sentiment);
    call.put("transferred", facts.call_transferred);

    let mut previous = Members::default();
    if let Some(before) = input.previous {
        previous.put("category", before.category.as_deref());
        previous.put("outcome", before.outcome.as_deref());
        previous.put("source", Some(before.source.as_str()));
        previous.put("at", Some(before.at.to_string()));
    }

    let mut root = Members::default();
    root.put("event", Some(Value::from_object(event)));
    root.put("lead", Some(Value::from_object(lead)));
    root.put("call", Some(Value::from_object(call)));
    root.put("previous", Some(Value::from_object(previous)));
    root.put("collected", Some(from_object(&facts.collected)));
    root
}

/// A number without a fraction prints without one.
#[expect(
    clippy::cast_possible_truncation,
    reason = "only whole numbers below 2^53 are cast"
)]
fn number(float: f64) -> Value {
    if float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0 {
        Value::from(float as i64)
    } else {
        Value::from(float)
    }
}

fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::UNDEFINED,
        Json::Bool(truth) => Value::from(*truth),
        Json::Number(number) => number
            .as_i64()
            .map(Value::from)
            .or_else(|| number.as_u64().map(Value::from))
            .or_else(|| number.as_f64().map(Value::from))
            .unwrap_or(Value::UNDEFINED),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::from(items.iter().map(from_json).collect::<Vec<_>>()),
        Json::Object(object) => from_object(object),
    }
}

fn from_object(object: &serde_json::Map<String, Json>) -> Value {
    let members = object
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (Cow::Owned(key.clone()), from_json(value)))
        .collect();
    Value::from_object(Members(members))
}

/// An object without null members.
#[derive(Debug, Clone, Default)]
struct Members(BTreeMap<Cow<'static, str>, Value>);

impl Members {
    fn put(&mut self, key: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.0.insert(Cow::Borrowed(key), value.into());
        }
    }

    fn follow(&self, path: &str) -> Option<Value> {
        let mut parts = path.split(PATH);
        let first = self.0.get(parts.next()?)?.clone();
        parts.try_fold(first, |value, part| {
            let found = match part.parse::<usize>() {
                Ok(index) if value.kind() == minijinja::value::ValueKind::Seq => {
                    value.get_item_by_index(index)
                }
                _ => value.get_attr(part),
            };
            found.ok().filter(|value| !value.is_undefined())
        })
    }
}

impl Object for Members {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key.strip_prefix(PATH) {
            Some(path) => self.follow(path),
            None => self.0.get(key).cloned(),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.mapped_enumerator(|this| Box::new(this.0.keys().map(|key| Value::from(key.as_ref()))))
    }
}
