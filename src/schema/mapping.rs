//! The schema of a mapping table: the keys of `map`, the statuses of each vendor, the members of
//! a disposition.

use serde_json::{Map, Value, json};

use super::{DRAFT, closed, described};
use crate::config::SourceKind;
use crate::event::EventKind;
use crate::map::{ROW_KEYS, TABLE_KEYS};
use crate::systems;
use crate::systems::leadping::vocabulary::{MEMBERS, MemberType, REQUIRED};
use crate::systems::nlpearl::vocabulary::{SPELLINGS, STATUSES};

const KINDS: [SourceKind; 4] = SourceKind::ALL;

/// Text with `{{ … }}` or `{% … %}` in it, or empty: leaves the member out.
const TEMPLATE: &str = "\\{\\{|\\{%|\\{#|^$";

/// The schema of a mapping.
pub fn mapping() -> Value {
    let properties = TABLE_KEYS
        .iter()
        .map(|key| ((*key).to_owned(), table_key(key)));
    let mut schema = closed(properties.collect(), &["kind"]);
    schema["$schema"] = json!(DRAFT);
    schema["title"] = json!("leadping-bridge: mapping table");
    let narrowed = KINDS.map(|kind| {
        json!({
            "if": { "properties": { "kind": { "const": kind.as_str() } }, "required": ["kind"] },
            "then": { "properties": { "row": { "items": { "properties": {
                "status": one_or_more(json!({ "anyOf": statuses(kind) })),
            } } } } },
        })
    });
    schema["allOf"] = json!(narrowed);
    schema["definitions"] = json!({ "disposition": disposition() });
    schema
}

fn table_key(key: &str) -> Value {
    match key {
        "kind" => described(
            json!({ "enum": KINDS.map(SourceKind::as_str) }),
            "The vendor whose statuses the rows speak of",
        ),
        "defaults" => {
            let mut targets = Map::new();
            let leadping = json!({ "$ref": "#/definitions/disposition" });
            targets.insert("leadping".to_owned(), leadping);
            let text = "What every row sets at a target unless it says otherwise";
            described(closed(targets, &[]), text)
        }
        _ => described(
            json!({ "type": "array", "items": row() }),
            "Tried from top to bottom; the first that matches wins",
        ),
    }
}

fn row() -> Value {
    let properties = ROW_KEYS.iter().map(|key| ((*key).to_owned(), row_key(key)));
    let mut row = closed(properties.collect(), &[]);
    let results = ["leadping", "ignore", "park"];
    row["oneOf"] = json!(results.map(|key| json!({ "required": [key] })));
    row
}

fn row_key(key: &str) -> Value {
    let text = json!({ "type": "string" });
    let reason = json!({ "type": "string", "pattern": "\\S" });
    match key {
        "name" => described(text, "What people call the row"),
        "status" => {
            // Of a kind without a vocabulary any text will do: for completion the others' words.
            let every: Vec<Value> = KINDS.into_iter().flat_map(statuses).collect();
            let schema = one_or_more(json!({ "anyOf": every }));
            described(
                schema,
                "A status by its name or number, or a list of them; every status if left out",
            )
        }
        "sub_status" => described(
            one_or_more(text),
            "Capillary's sub-status, LeadPing's outcome, or a list of them",
        ),
        "reason_id" => {
            let schema = one_or_more(json!({ "type": "integer" }));
            described(schema, "The number of the reason, or a list of them")
        }
        "on" => {
            let schema = json!({ "enum": EventKind::ALL.map(EventKind::as_str) });
            described(schema, "Only lead webhooks, or only call webhooks")
        }
        "when" => described(
            json!({ "type": "string", "minLength": 1, "maxLength": 4096 }),
            "A condition, such as lead.calls >= 3; it sees event, lead, call, collected, previous and body",
        ),
        "ignore" => described(reason, "Nothing is to be done, and why"),
        "write" => described(
            json!({ "enum": ["set", "amend"] }),
            "Forces a new entry, or more detail for the one that is there; left out, the bridge tells them apart",
        ),
        "final" => described(
            json!({ "type": "boolean", "default": false }),
            "What this row sets may be left only by a source that stands at or before the one that set it (`decide.authority`)",
        ),
        "park" => described(reason, "A person has to look, and why"),
        _ => described(
            json!({ "allOf": [{ "$ref": "#/definitions/disposition" }] }),
            "What LeadPing is told",
        ),
    }
}

/// The statuses of one vendor: for completion as it spells them, and in any letter case.
fn statuses(kind: SourceKind) -> Vec<Value> {
    if !systems::has_vocabulary(kind) {
        return vec![
            json!({ "type": "integer" }),
            json!({ "type": "string", "pattern": "[^\\s*]|\\*.*\\*" }),
        ];
    }
    let names = systems::status_names(kind);
    let mut spellings = names.clone();
    let mut forms = vec![json!({ "enum": names })];
    if kind == SourceKind::Nlpearl {
        spellings.extend(SPELLINGS.iter().map(|(name, _)| *name));
        let known: Vec<String> = STATUSES
            .iter()
            .map(|status| format!("{} {}", status.number, status.name))
            .collect();
        let range = json!({ "type": "integer", "minimum": 1 });
        forms.push(described(range, &known.join(", ")));
        let number = "^\\s*[1-9][0-9]*\\s*$";
        forms.push(json!({ "type": "string", "pattern": number }));
    }
    let patterns: Vec<String> = spellings.into_iter().map(in_any_case).collect();
    forms.push(
        json!({ "type": "string", "pattern": format!("^\\s*({})\\s*$", patterns.join("|")) }),
    );
    forms
}

fn in_any_case(name: &str) -> String {
    name.chars()
        .map(|letter| match letter.is_ascii_alphabetic() {
            true => format!(
                "[{}{}]",
                letter.to_ascii_lowercase(),
                letter.to_ascii_uppercase()
            ),
            false => letter.to_string(),
        })
        .collect()
}

fn one_or_more(item: Value) -> Value {
    json!({ "anyOf": [item, { "type": "array", "minItems": 1, "items": item }] })
}

fn disposition() -> Value {
    let members = MEMBERS.iter().map(|(name, member_type)| {
        let mut schema = member(*member_type);
        if REQUIRED.contains(name) {
            schema = described(schema, "Required, here or in `defaults`; text or {{ … }}");
        }
        ((*name).to_owned(), schema)
    });
    closed(members.collect(), &[])
}

fn member(member_type: MemberType) -> Value {
    let template = json!({ "type": "string", "pattern": TEMPLATE });
    match member_type {
        MemberType::Text => described(json!({ "type": "string" }), "Text or {{ … }}"),
        MemberType::Bool => described(
            json!({ "anyOf": [{ "type": "boolean" }, template] }),
            "true, false or {{ … }}",
        ),
        MemberType::Instant => described(
            json!({ "anyOf": [
                template,
                { "type": "string", "pattern": "^\\s*[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.]+([Zz]|[+-][0-9:]+)" },
            ] }),
            "A date-time with its zone, or {{ … }}",
        ),
        MemberType::Enum(words) => described(
            json!({ "anyOf": [{ "enum": words }, template] }),
            "One of these words, or {{ … }}",
        ),
    }
}
