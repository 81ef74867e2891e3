//! The schema of a mapping table: the keys of `map`, the statuses of each vendor, the members of
//! a disposition.

use serde_json::{Map, Value, json};

use super::{DRAFT, closed, described};
use crate::config::SourceKind;
use crate::event::EventKind;
use crate::map::{ROW_KEYS, TABLE_KEYS};
use crate::systems;
use crate::systems::members::{Body, MemberType, TARGETS};
use crate::systems::nlpearl::vocabulary::{SPELLINGS, STATUSES};
use crate::systems::nlpearl::zones::WINDOWS_ZONES;

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
    schema["definitions"] = json!({
        "disposition": disposition(),
        "record": body(Body::LeadRecord),
        "nlpearl": body(Body::CampaignLead),
        "capillary": body(Body::LeadStatus),
    });
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
            for (name, form) in TARGETS {
                let schema = match form {
                    Body::Disposition => body(*form),
                    _ => json!({ "$ref": format!("#/definitions/{name}") }),
                };
                targets.insert((*name).to_owned(), schema);
            }
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
    let written = TARGETS.iter().map(|(key, _)| json!({ "required": [key] }));
    row["oneOf"] = json!([
        { "anyOf": written.collect::<Vec<_>>() },
        { "required": ["ignore"] },
        { "required": ["park"] },
    ]);
    // Both are about the disposition.
    row["allOf"] = json!([{
        "if": { "anyOf": [{ "required": ["write"] }, { "required": ["final"] }] },
        "then": { "required": ["leadping"] },
    }]);
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
            "Beside `leadping`: forces a new entry, or more detail for the one that is there; left out, the bridge tells them apart",
        ),
        "final" => described(
            json!({ "type": "boolean", "default": false }),
            "Beside `leadping`: what this row sets may be left only by a source that stands at or before the one that set it (`decide.authority`)",
        ),
        "park" => described(reason, "A person has to look, and why"),
        "nlpearl" => described(
            json!({ "allOf": [{ "$ref": "#/definitions/nlpearl" }] }),
            "What is written back to the lead's campaigns at NLPearl",
        ),
        "capillary" => described(
            json!({ "allOf": [{ "$ref": "#/definitions/capillary" }] }),
            "What is written back to the lead at Capillary; status and reasonId are required, here or in `defaults`",
        ),
        "required" => described(
            json!({ "type": "boolean", "default": false }),
            "A lead that is not there to be written back to parks the event",
        ),
        _ => described(
            json!({ "allOf": [{ "$ref": "#/definitions/disposition" }] }),
            "What LeadPing is told; `lead` changes its record of the lead",
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
    let mut schema = body(Body::Disposition);
    let record = json!({ "allOf": [{ "$ref": "#/definitions/record" }] });
    let text = "Changes LeadPing's record of the lead: tags are added, metadata is set key by key";
    schema["properties"][Body::LeadRecord.key()] = described(record, text);
    schema
}

fn body(body: Body) -> Value {
    let members = body.members().iter().map(|(name, member_type)| {
        let mut schema = member(*member_type);
        if body.required().contains(name) {
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
        MemberType::Whole => described(
            json!({ "anyOf": [{ "type": "integer" }, template] }),
            "A whole number or {{ … }}",
        ),
        MemberType::WritableStatus => {
            let writable = STATUSES.iter().filter(|status| status.writable);
            let (numbers, mut names): (Vec<i64>, Vec<&str>) =
                writable.map(|status| (status.number, status.name)).unzip();
            let spelt = SPELLINGS
                .iter()
                .filter(|(_, number)| numbers.contains(number));
            names.extend(spelt.map(|(name, _)| *name));
            let digits = numbers.iter().map(i64::to_string);
            let patterns: Vec<String> = names
                .iter()
                .copied()
                .map(in_any_case)
                .chain(digits)
                .collect();
            let text = format!("^\\s*({})\\s*$", patterns.join("|"));
            described(
                json!({ "anyOf": [
                    { "enum": numbers }, { "enum": names }, { "type": "string", "pattern": text }, template,
                ] }),
                "A status that NLPearl lets one write, by its number or name, or {{ … }}",
            )
        }
        MemberType::WindowsZone => described(
            json!({ "anyOf": [{ "enum": WINDOWS_ZONES }, template] }),
            "The Windows name of a time zone, or {{ … }}",
        ),
        MemberType::Plain => described(
            json!({ "anyOf": [{ "type": "string" }, { "type": "number" }, { "type": "boolean" }] }),
            "Text, a number, true, false or {{ … }}",
        ),
        MemberType::Texts => described(
            json!({ "type": "array", "items": member(MemberType::Text) }),
            "A list of texts",
        ),
        MemberType::Values => described(
            json!({ "type": "object", "maxProperties": 100, "additionalProperties": member(MemberType::Plain) }),
            "Plain values under keys of your own",
        ),
        MemberType::Keys(keys) => under_keys(keys),
    }
}

fn under_keys(keys: &[&str]) -> Value {
    let keys: Map<String, Value> = keys
        .iter()
        .map(|key| ((*key).to_owned(), member(MemberType::Plain)))
        .collect();
    described(
        json!({ "type": "object", "properties": keys, "additionalProperties": false }),
        "Plain values under the keys that the vendor names",
    )
}
