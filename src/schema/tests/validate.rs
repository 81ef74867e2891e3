//! As much of JSON Schema as the schemas use; a keyword that is not known here fails the test.

use regex::Regex;
use serde_json::Value;

const KNOWN: &[&str] = &[
    "$schema",
    "title",
    "description",
    "default",
    "definitions",
    "$ref",
    "type",
    "enum",
    "const",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "properties",
    "required",
    "additionalProperties",
    "propertyNames",
    "minProperties",
    "maxProperties",
    "items",
    "minItems",
    "anyOf",
    "oneOf",
    "allOf",
    "if",
    "then",
];

/// What the schema finds wrong with the value, each with its place.
pub fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    Validator { root: schema }.visit(schema, value, "", &mut faults);
    faults
}

struct Validator<'s> {
    root: &'s Value,
}

impl Validator<'_> {
    fn holds(&self, schema: &Value, value: &Value) -> bool {
        let mut faults = Vec::new();
        self.visit(schema, value, "", &mut faults);
        faults.is_empty()
    }

    fn visit(&self, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        let Some(object) = schema.as_object() else {
            assert!(schema.is_boolean(), "not a schema: {schema}");
            if schema == false {
                faults.push(format!("{at}: not allowed"));
            }
            return;
        };
        for (keyword, wanted) in object {
            assert!(KNOWN.contains(&keyword.as_str()), "keyword {keyword}");
            let holds = match keyword.as_str() {
                "$ref" => {
                    let pointer = wanted.as_str().unwrap().strip_prefix('#').unwrap();
                    let meant = self.root.pointer(pointer).expect("a definition");
                    self.visit(meant, value, at, faults);
                    true
                }
                "allOf" => {
                    for part in list(wanted) {
                        self.visit(part, value, at, faults);
                    }
                    true
                }
                "anyOf" => list(wanted).iter().any(|part| self.holds(part, value)),
                "oneOf" => {
                    list(wanted)
                        .iter()
                        .filter(|part| self.holds(part, value))
                        .count()
                        == 1
                }
                "if" => {
                    if self.holds(wanted, value) {
                        self.visit(&object["then"], value, at, faults);
                    }
                    true
                }
                "properties" | "additionalProperties" | "propertyNames" | "items" => {
                    self.descend(keyword, (object, wanted), (value, at), faults);
                    true
                }
                _ => simple(keyword, wanted, value),
            };
            if !holds {
                faults.push(format!("{at}: {keyword} {wanted}"));
            }
        }
    }

    fn descend(
        &self,
        keyword: &str,
        (schema, wanted): (&serde_json::Map<String, Value>, &Value),
        (value, at): (&Value, &str),
        faults: &mut Vec<String>,
    ) {
        if let ("items", Value::Array(items)) = (keyword, value) {
            for (index, item) in items.iter().enumerate() {
                self.visit(wanted, item, &format!("{at}/{index}"), faults);
            }
        }
        let Value::Object(members) = value else {
            return;
        };
        for (key, member) in members {
            let at = format!("{at}/{key}");
            let is_named = schema
                .get("properties")
                .is_some_and(|all| all.get(key).is_some());
            match keyword {
                "properties" if is_named => self.visit(&wanted[key], member, &at, faults),
                "additionalProperties" if !is_named => self.visit(wanted, member, &at, faults),
                "propertyNames" => self.visit(wanted, &Value::String(key.clone()), &at, faults),
                _ => {}
            }
        }
    }
}

fn list(schemas: &Value) -> &[Value] {
    schemas.as_array().unwrap()
}

fn simple(keyword: &str, wanted: &Value, value: &Value) -> bool {
    let number = || wanted.as_f64().unwrap();
    let count = || wanted.as_u64().unwrap() as usize;
    match (keyword, value) {
        ("type", _) => match wanted.as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
            "number" => value.is_number(),
            other => panic!("type {other}"),
        },
        ("enum", _) => list(wanted).contains(value),
        ("const", _) => wanted == value,
        ("pattern", Value::String(text)) => {
            Regex::new(wanted.as_str().unwrap()).unwrap().is_match(text)
        }
        ("minLength", Value::String(text)) => text.chars().count() >= count(),
        ("maxLength", Value::String(text)) => text.chars().count() <= count(),
        ("minimum", Value::Number(found)) => found.as_f64().unwrap() >= number(),
        ("maximum", Value::Number(found)) => found.as_f64().unwrap() <= number(),
        ("minItems", Value::Array(items)) => items.len() >= count(),
        ("minProperties", Value::Object(members)) => members.len() >= count(),
        ("maxProperties", Value::Object(members)) => members.len() <= count(),
        ("required", Value::Object(members)) => list(wanted)
            .iter()
            .all(|key| members.contains_key(key.as_str().unwrap())),
        _ => true,
    }
}
