//! Following the pointers that a source of a free-form kind is configured with.

use jiff::Timestamp;
use serde_json_borrow::Value;

use super::json::{self, Json, Keys};
use super::safe_text;
use crate::config::{Field, Fields};
use crate::event::Standing;

/// A body, and where it says what.
pub struct Says<'a, 'b> {
    pub keys: Keys,
    pub body: &'a Json<'b>,
    pub fields: &'a Fields,
}

impl<'a, 'b> Says<'a, 'b> {
    /// What the field's first fruitful pointer leads to, and that pointer.
    pub fn found(&self, field: Field) -> Option<(&'a Json<'b>, &'a str)> {
        self.keys.first(self.body, self.fields.of(field))
    }

    pub fn value(&self, field: Field) -> Option<&'a Json<'b>> {
        self.found(field).map(|(value, _)| value)
    }

    /// An id; another type is a fault.
    pub fn id(&self, field: Field) -> Result<Option<String>, String> {
        match self.found(field) {
            Some((value, pointer)) => json::id(Some(value), pointer),
            None => Ok(None),
        }
    }

    /// Text or a whole number, for what a decision can do without.
    pub fn text(&self, field: Field) -> Option<String> {
        self.id(field).unwrap_or_default()
    }

    /// A number, or text that is one.
    pub fn number(&self, field: Field) -> Option<f64> {
        match self.value(field)? {
            Value::Number(number) => number.as_f64(),
            Value::Str(text) => text.trim().parse().ok().filter(|n: &f64| n.is_finite()),
            _ => None,
        }
    }

    /// When it happened. What is there and tells no time is a fault: an old one would go over a newer.
    pub fn instant(&self, field: Field) -> Result<Option<Timestamp>, String> {
        let Some((value, pointer)) = self.found(field) else {
            return Ok(None);
        };
        let instant = json::instant_of_any_unit(Some(value));
        let expected = "a time: RFC 3339 with an offset, or seconds or milliseconds since 1970";
        instant
            .map(Some)
            .ok_or_else(|| json::wrong(pointer, value, expected))
    }

    /// The verdict on an event whose name is not among those acted on. No names: all are; a body
    /// without any name is taken for what the route is for.
    pub fn outside(&self, events: &[String], name: Option<&str>) -> Option<Standing> {
        let name = name?;
        let is_outside = !events.is_empty() && !events.iter().any(|event| event == name);
        is_outside.then(|| {
            let name = safe_text(name);
            Standing::Ignored(format!("event name `{name}` is not in `events`"))
        })
    }

    /// "no status: nothing at `/status`".
    pub fn missing(&self, field: Field) -> String {
        nothing_at(field.key(), self.fields.of(field))
    }
}

pub fn nothing_at(what: &str, pointers: &[String]) -> String {
    let places: Vec<String> = pointers.iter().map(|p| format!("`{p}`")).collect();
    format!("no {what}: nothing at {}", places.join(", "))
}
