//! The schema of `bridge.toml`: keys, types, ranges, words and defaults as the checks read them,
//! descriptions from the comments of the shipped reference.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{DRAFT, closed, described};
use crate::config::{Form, REFERENCE, Vocabulary, vocabulary};

/// Keys without a default.
const REQUIRED: &[(&str, &[&str])] = &[
    ("", &["sources", "targets"]),
    ("admin.tokens", &["name", "secret"]),
    ("sources.*", &["kind", "auth"]),
    ("sources.*.auth", &["scheme"]),
    ("sources.*.resolve", &["target"]),
    ("targets.leadping", &["kind", "token"]),
    ("targets.nlpearl", &["kind", "token"]),
    ("targets.capillary", &["kind", "base_url", "auth"]),
    ("targets.capillary.auth", &["scheme"]),
    ("telemetry.otlp", &["endpoint"]),
];

/// Keys that the reference shows inside their table, where no comment has a place.
const INSIDE: &[(&str, &str)] = &[
    ("returns", "So many times …"),
    ("requests", "So many …"),
    ("per_seconds", "… in every so many seconds"),
    ("burst", "How many may come at once; at most `requests`"),
    ("scheme", "basic | oauth"),
    ("username", "Of a till or store centre, for scheme basic"),
    ("password", "In clear, for scheme basic"),
    ("key", "For scheme oauth"),
    ("secret", "For scheme oauth"),
];

/// The schema of the configuration.
pub fn config() -> Value {
    let vocabulary = vocabulary();
    let comments = comments(REFERENCE);
    let mut schema = section("", &vocabulary, &comments);
    schema["$schema"] = json!(DRAFT);
    schema["title"] = json!("leadping-bridge: configuration");
    let pointer = json!({ "type": "string", "pattern": "^/([^~]|~[01])*$" });
    schema["definitions"] = json!({
        "secret": {
            "description": "A reference, never the secret itself",
            "type": "object",
            "properties": {
                "env": { "type": "string", "description": "The name of an environment variable", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" },
                "file": { "type": "string", "description": "The path of a file that holds nothing else", "minLength": 1 },
            },
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
        },
        "pointers": {
            "description": "A JSON pointer, or a list of which the first that leads to something counts",
            "anyOf": [pointer, { "type": "array", "minItems": 1, "items": pointer }],
        }
    });
    schema
}

type Comments = BTreeMap<(String, String), String>;

fn section(path: &str, vocabulary: &Vocabulary, comments: &Comments) -> Value {
    let required = REQUIRED
        .iter()
        .find(|(section, _)| *section == path)
        .map_or(&[][..], |(_, keys)| *keys);
    let empty = BTreeMap::new();
    let mut properties = Map::new();
    for (key, form) in vocabulary.get(path).unwrap_or(&empty) {
        let below = match path {
            "" => key.clone(),
            path => format!("{path}.{key}"),
        };
        let schema = match form {
            Form::Table => table(&below, vocabulary, comments),
            Form::Tables => json!({
                "type": "array",
                "minItems": 1,
                "items": section(&below, vocabulary, comments),
            }),
            form => value(form),
        };
        // What is the same for every target is said of the first.
        let twin = || like_first_target(path);
        let known = comments
            .get(&(path.to_owned(), key.clone()))
            .or_else(|| comments.get(&(below.clone(), String::new())))
            .or_else(|| comments.get(&(twin()?, key.clone())))
            .or_else(|| comments.get(&(like_first_target(&below)?, String::new())));
        let inside = || {
            let (_, comment) = INSIDE.iter().find(|(name, _)| name == key)?;
            Some(*comment)
        };
        let schema = match known.map(String::as_str).or_else(inside) {
            Some(comment) => described(schema, comment),
            None => schema,
        };
        properties.insert(key.clone(), schema);
    }
    closed(properties, required)
}

/// The section of the first target that is like this one of another.
fn like_first_target(path: &str) -> Option<String> {
    let rest = path.strip_prefix("targets.")?;
    let (_, inner) = rest.split_once('.').unwrap_or((rest, ""));
    Some(match inner {
        "" => String::from("targets.leadping"),
        inner => format!("targets.leadping.{inner}"),
    })
}

/// A table whose keys are ours, or the user's names.
fn table(path: &str, vocabulary: &Vocabulary, comments: &Comments) -> Value {
    match path {
        "sources" => json!({
            "type": "object",
            "minProperties": 1,
            "propertyNames": { "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$" },
            "additionalProperties": section("sources.*", vocabulary, comments),
        }),
        "targets" => {
            let mut targets = Map::new();
            for name in ["leadping", "nlpearl", "capillary"] {
                let path = format!("targets.{name}");
                targets.insert(name.to_owned(), section(&path, vocabulary, comments));
            }
            let mut targets = closed(targets, &[]);
            targets["minProperties"] = json!(1);
            targets
        }
        "targets.nlpearl.outbound_ids" => json!({
            "type": "object",
            "propertyNames": { "pattern": "^[A-Za-z0-9_-]+$" },
            "additionalProperties": { "type": "string", "pattern": "^[A-Za-z0-9_-]+$" },
        }),
        "sources.*.links" => json!({
            "type": "object",
            "additionalProperties": { "type": "string", "pattern": "^/" },
        }),
        path => section(path, vocabulary, comments),
    }
}

fn value(form: &Form) -> Value {
    match form {
        Form::Text(None) => json!({ "type": "string" }),
        Form::Text(Some(default)) => json!({ "type": "string", "default": default }),
        Form::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Form::Pointers => json!({ "allOf": [{ "$ref": "#/definitions/pointers" }] }),
        Form::Words(words) => json!({ "enum": words }),
        Form::Truth(default) => json!({ "type": "boolean", "default": default }),
        Form::Whole {
            default,
            least,
            most,
        } => {
            let whole = |number: &f64| json!(*number as i64);
            json!({ "type": "integer", "default": whole(default), "minimum": whole(least), "maximum": whole(most) })
        }
        Form::Decimal {
            default,
            least,
            most,
        } => {
            json!({ "type": "number", "default": default, "minimum": least, "maximum": most })
        }
        Form::Secret => json!({ "allOf": [{ "$ref": "#/definitions/secret" }] }),
        Form::Table | Form::Tables => json!({}),
    }
}

/// What the reference says of each key, by section and key; of a section itself, by an empty key.
fn comments(reference: &str) -> Comments {
    let mut comments = Comments::new();
    let mut section = String::new();
    let mut above = String::new();
    for line in reference.lines() {
        let is_prose = line.starts_with("# ") && !line.starts_with("# --");
        if let Some(prose) = line.strip_prefix("# ").filter(|_| is_prose) {
            if !above.is_empty() {
                above.push(' ');
            }
            above.push_str(prose);
            continue;
        }
        let code = line.trim_start_matches('#');
        let (code, beside) = code
            .split_once(" # ")
            .map_or((code, ""), |(code, beside)| (code, beside.trim()));
        let comment = match above.as_str() {
            "" => beside,
            above => above,
        };
        let code = code.trim();
        let entry = if code.starts_with('[') {
            section = starred(code.trim_matches(['[', ']']));
            Some((section.clone(), String::new()))
        } else {
            let key = code.split_once(" = ").map(|(key, _)| key.trim());
            key.map(|key| (section.clone(), key.to_owned()))
        };
        if let Some(entry) = entry.filter(|_| !comment.is_empty()) {
            comments.entry(entry).or_insert_with(|| comment.to_owned());
        }
        // A blank line, or two keys that share a comment: the next key begins anew or goes on.
        if code.is_empty() || code.starts_with('[') {
            above.clear();
        } else if !line.starts_with('#') || code.contains(" = ") {
            above = String::new();
        }
    }
    comments
}

/// A source's own name, as the vocabulary writes it.
fn starred(section: &str) -> String {
    let mut parts: Vec<&str> = section.split('.').collect();
    if let ["sources", name, ..] = parts.as_mut_slice() {
        *name = "*";
    }
    parts.join(".")
}
