//! The API's document as a judge: every answer that a story gets must be what the document says.
//!
//! As much of JSON Schema as the document uses. Members that it does not name are faults: where
//! the schemas say nothing of further members, there are none.

use std::collections::BTreeSet;

use leadping_bridge::admin::document;
use serde_json::Value;

/// What is wrong with an answer to `method path`, if anything is.
pub fn fault(method: &str, path: &str, status: u16, body: &Value) -> Option<String> {
    let path = path.split('?').next().unwrap_or_default();
    let operation = operation(method, path)?;
    let responses = &operation["responses"];
    let response = match &responses[status.to_string()] {
        Value::Null => &responses["default"],
        response => response,
    };
    let content = response["content"].as_object()?;
    let schema = &content.values().next()?["schema"];
    let mut faults = Vec::new();
    check(schema, body, "", &mut faults);
    (!faults.is_empty()).then(|| format!("{method} {path} {status}: {}", faults.join("; ")))
}

/// The operation whose path fits best: one without a variable goes before one with.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let parts: Vec<&str> = path.split('/').collect();
    let paths = document()["paths"].as_object()?;
    let fitting = paths.iter().filter(|(template, _)| {
        let template: Vec<&str> = template.split('/').collect();
        let mut pairs = template.iter().zip(&parts);
        template.len() == parts.len()
            && pairs.all(|(wanted, part)| wanted.starts_with('{') || wanted == part)
    });
    let (_, item) = fitting.min_by_key(|(template, _)| template.matches('{').count())?;
    item.get(method.to_ascii_lowercase())
}

fn resolved(schema: &Value) -> &Value {
    let mut schema = schema;
    while let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.trim_start_matches('#');
        schema = document().pointer(pointer).expect("a schema of this name");
    }
    schema
}

fn check(schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    let schema = resolved(schema);
    if let Some(choices) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        let holds = |choice: &&Value| {
            let mut own = Vec::new();
            check(choice, value, at, &mut own);
            own.is_empty()
        };
        if !choices.iter().any(|choice| holds(&choice)) {
            faults.push(format!("{at} is none of its choices: {value}"));
        }
        return;
    }
    let types = &schema["type"];
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => false,
    };
    let fits = match types {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(is),
        _ => true,
    };
    if !fits {
        faults.push(format!("{at} is not {types}: {value}"));
        return;
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        faults.push(format!("{at} is not one of {words:?}: {value}"));
    }
    if let Some(items) = value.as_array() {
        for (place, item) in items.iter().enumerate() {
            check(&schema["items"], item, &format!("{at}/{place}"), faults);
        }
    }
    if value.is_object() {
        let mut named = BTreeSet::new();
        let is_open = check_members(schema, value, (at, &mut named), faults);
        let members = value.as_object().into_iter().flatten();
        for (name, _) in members.filter(|(name, _)| !is_open && !named.contains(*name)) {
            faults.push(format!("{at}/{name} is not in the document"));
        }
    }
}

/// Notes which members are named; whether others may be there.
fn check_members(
    schema: &Value,
    value: &Value,
    (at, named): (&str, &mut BTreeSet<String>),
    faults: &mut Vec<String>,
) -> bool {
    let schema = resolved(schema);
    let mut is_open = true;
    if let Some(parts) = schema["allOf"].as_array() {
        is_open = false;
        for part in parts {
            is_open |= check_members(part, value, (at, named), faults);
        }
    }
    for required in schema["required"].as_array().into_iter().flatten() {
        let name = required.as_str().unwrap_or_default();
        if value.get(name).is_none() {
            faults.push(format!("{at}/{name} is missing"));
        }
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        is_open = false;
        named.insert(name.clone());
        if let Some(member) = value.get(name) {
            check(schema, member, &format!("{at}/{name}"), faults);
        }
    }
    let others = &schema["additionalProperties"];
    if others.is_object() {
        for (name, member) in value.as_object().into_iter().flatten() {
            if named.insert(name.clone()) {
                check(others, member, &format!("{at}/{name}"), faults);
            }
        }
    }
    is_open
}
