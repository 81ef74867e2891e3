//! What templates and conditions see: `event`, `lead`, `call`, `collected`, `previous`, `body`.
//!
//! Each object is built at most once per event, and only when an expression that is evaluated
//! names it: rows without templates and conditions cost nothing here. null is left out, so that a null member is a missing one.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::sync::Arc;

use jiff::Timestamp;
use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectExt, ObjectRepr, ValueKind};
use serde_json::Value as Json;

use crate::event::{EventId, Facts, Status};
use crate::lead::Previous;
use crate::map::budget;
use crate::systems::body;

/// Everything that a table may look at for one event.
#[derive(Debug, Clone, Copy)]
pub struct MapInput<'a> {
    pub event_id: EventId,
    /// The source's configured name.
    pub source: &'a str,
    pub received_at: Timestamp,
    pub facts: &'a Facts,
    /// The raw payload, a JSON object; read only if an expression names it.
    pub body: &'a [u8],
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

/// Which of the objects an expression names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Roots(u8);

const ROOTS: [&str; 6] = ["event", "lead", "call", "collected", "previous", "body"];

impl Roots {
    /// Of the paths that an expression uses, such as `call.summary`.
    pub fn of<'p>(paths: impl IntoIterator<Item = &'p String>) -> Self {
        let bits = paths
            .into_iter()
            .filter_map(|path| {
                let root = path.split('.').next()?;
                ROOTS.iter().position(|known| *known == root)
            })
            .fold(0, |bits, index| bits | 1 << index);
        Self(bits)
    }

    fn names(self) -> impl Iterator<Item = (usize, &'static str)> {
        ROOTS
            .into_iter()
            .enumerate()
            .filter(move |(index, _)| self.0 & 1 << index != 0)
    }
}

/// The context of one event: each object is built when an expression first names it.
pub struct Context<'a> {
    input: &'a MapInput<'a>,
    objects: [OnceCell<Value>; ROOTS.len()],
    /// Made once: the conditions of a table mostly name the same objects.
    roots: RefCell<Vec<(Roots, Value)>>,
}

impl<'a> Context<'a> {
    pub fn new(input: &'a MapInput<'a>) -> Self {
        budget::refill();
        Self {
            input,
            objects: Default::default(),
            roots: RefCell::default(),
        }
    }

    /// The root object for an expression.
    pub fn root(&self, roots: Roots) -> Value {
        let made = self
            .roots
            .borrow()
            .iter()
            .find_map(|(of, root)| (*of == roots).then(|| root.clone()));
        made.unwrap_or_else(|| {
            let root = self.make_root(roots);
            self.roots.borrow_mut().push((roots, root.clone()));
            root
        })
    }

    fn make_root(&self, roots: Roots) -> Value {
        let mut root = Members::default();
        for (index, name) in roots.names() {
            let object = self.objects[index].get_or_init(|| object(name, self.input));
            root.put(name, Some(object.clone()));
        }
        Value::from_object(root)
    }

    /// Whether a path such as `call.summary` leads to nothing.
    pub fn lacks(&self, path: &String) -> bool {
        let root = self.root(Roots::of([path]));
        path.split('.')
            .try_fold(root, |value, part| step(&value, part))
            .is_none()
    }
}

fn object(name: &str, input: &MapInput<'_>) -> Value {
    match name {
        "event" => Value::from_object(event(input)),
        "lead" => Value::from_object(lead(input)),
        "call" => Value::from_object(call(input.facts)),
        "collected" => from_object(&input.facts.collected),
        "previous" => Value::from_object(previous(input.previous)),
        // What cannot be read was never recorded as usable.
        _ => body::parse(input.body).map_or(Value::UNDEFINED, |body| from_json(&body)),
    }
}

fn event(input: &MapInput<'_>) -> Members {
    let facts = input.facts;
    let status = facts.status.as_ref().map(|status| match status {
        Status::Number(number) => Value::from(*number),
        Status::Name(name) => Value::from(name.as_str()),
    });
    let mut event = Members::default();
    event.hold("id", Some(Member::Id(input.event_id)));
    event.put("source", Some(input.source));
    event.put("kind", facts.kind.map(|kind| kind.as_str()));
    event.put("status", status);
    event.put("sub_status", facts.sub_status.as_deref());
    event.put("reason_id", facts.reason_id);
    event.hold("occurred_at", facts.occurred_at.map(Member::Instant));
    event.hold("received_at", Some(Member::Instant(input.received_at)));
    event
}

fn lead(input: &MapInput<'_>) -> Members {
    let facts = input.facts;
    let mut lead = Members::default();
    lead.put("id", input.lead_id);
    lead.put("source_id", facts.source_lead_id.as_deref());
    lead.put("external_id", facts.external_id.as_deref());
    lead.put("phone", facts.phone.as_deref());
    lead.put("calls", Some(input.calls));
    lead
}

fn call(facts: &Facts) -> Members {
    let mut call = Members::default();
    call.put("summary", facts.call_summary.as_deref());
    call.put("duration", facts.call_duration.map(number));
    call.put("recording", facts.call_recording.as_deref());
    call.put("sentiment", facts.call_sentiment);
    call.put("transferred", facts.call_transferred);
    call
}

fn previous(before: Option<&Previous>) -> Members {
    let mut previous = Members::default();
    if let Some(before) = before {
        previous.put("category", before.category.as_deref());
        previous.put("outcome", before.outcome.as_deref());
        previous.put("source", Some(before.source.as_str()));
        previous.hold("at", Some(Member::Instant(before.at)));
    }
    previous
}

/// A number without a fraction prints without one.
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
        Json::Array(items) => Value::from_object(Items(items.iter().map(from_json).collect())),
        Json::Object(object) => from_object(object),
    }
}

fn from_object(object: &serde_json::Map<String, Json>) -> Value {
    let members = object
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (Cow::Owned(key.clone()), Member::Value(from_json(value))))
        .collect();
    Value::from_object(Members::sorted(members))
}

/// A list of the sender's.
#[derive(Debug)]
struct Items(Vec<Value>);

impl Object for Items {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.get(key.as_usize()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.len())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.0.len())
    }
}

/// An object without null members, in the order of their names.
#[derive(Debug, Clone, Default)]
struct Members(Vec<(Cow<'static, str>, Member)>);

/// What is written out only for those who ask.
#[derive(Debug, Clone)]
enum Member {
    Value(Value),
    Instant(Timestamp),
    Id(EventId),
}

impl Member {
    fn value(&self) -> Value {
        match self {
            Self::Value(value) => value.clone(),
            Self::Instant(at) => Value::from(at.to_string()),
            Self::Id(id) => Value::from(id.to_string()),
        }
    }
}

impl Members {
    fn sorted(mut members: Vec<(Cow<'static, str>, Member)>) -> Self {
        members.sort_by(|(left, _), (right, _)| left.cmp(right));
        Self(members)
    }

    fn put(&mut self, key: &'static str, value: Option<impl Into<Value>>) {
        self.hold(key, value.map(|value| Member::Value(value.into())));
    }

    fn hold(&mut self, key: &'static str, member: Option<Member>) {
        if let Some(member) = member {
            let place = self.0.partition_point(|(known, _)| known.as_ref() < key);
            self.0.insert(place, (Cow::Borrowed(key), member));
        }
    }

    fn get(&self, key: &str) -> Option<Value> {
        let place = self
            .0
            .binary_search_by(|(known, _)| known.as_ref().cmp(key));
        Some(self.0.get(place.ok()?)?.1.value())
    }

    fn follow(&self, path: &str) -> Option<Value> {
        let mut parts = path.split(PATH);
        let first = self.get(parts.next()?)?;
        parts.try_fold(first, |value, part| step(&value, part))
    }
}

/// One step of a path: into an object by name, into a list by number.
fn step(value: &Value, part: &str) -> Option<Value> {
    let found = match part.parse::<usize>() {
        Ok(index) if value.kind() == ValueKind::Seq => value.get_item_by_index(index),
        _ => value.get_attr(part),
    };
    found.ok().filter(|value| !value.is_undefined())
}

impl Object for Members {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key.strip_prefix(PATH) {
            Some(path) => self.follow(path),
            None => self.get(key),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.mapped_enumerator(|this| {
            Box::new(this.0.iter().map(|(key, _)| Value::from(key.as_ref())))
        })
    }
}
