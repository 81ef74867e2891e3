//! The schemas say what the checks say: about every key, every word, the shipped files, and typos.

mod validate;

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::config::SourceKind;
use crate::diagnostic::{Severity, SourceFile};
use crate::map::{ROW_KEYS, TABLE_KEYS, parse_table};
use crate::systems;
use crate::systems::members::{Body, MemberType, TARGETS};
use validate::faults;

const BRIDGE: &str = include_str!("../../config/bridge.toml");
const VOICE: &str = include_str!("../../mappings/voice.toml");
const CRM: &str = include_str!("../../mappings/crm.toml");
const LEADPING: &str = include_str!("../../mappings/leadping.toml");

/// A TOML text as editors show it to a schema: date-times are text.
fn json_of(text: &str) -> Value {
    fn convert(value: &toml::Value) -> Value {
        match value {
            toml::Value::Table(table) => table
                .iter()
                .map(|(key, value)| (key.clone(), convert(value)))
                .collect(),
            toml::Value::Array(items) => items.iter().map(convert).collect(),
            toml::Value::Datetime(at) => Value::String(at.to_string()),
            toml::Value::String(text) => Value::String(text.clone()),
            toml::Value::Integer(number) => Value::from(*number),
            toml::Value::Float(number) => Value::from(*number),
            toml::Value::Boolean(truth) => Value::from(*truth),
        }
    }
    convert(&text.parse::<toml::Table>().map(toml::Value::Table).unwrap())
}

fn keys_of(schema: &Value) -> BTreeSet<&str> {
    let properties = schema["properties"].as_object().unwrap();
    properties.keys().map(String::as_str).collect()
}

/// Whether the checks find an error.
fn table_is_refused(kind: SourceKind, text: &str) -> bool {
    let file = SourceFile {
        path: "table.toml".into(),
        text: text.into(),
    };
    parse_table("table", &file, Some(kind)).0.is_none()
}

fn config_is_refused(text: &str) -> bool {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bridge.toml");
    std::fs::write(&path, text).unwrap();
    let findings = crate::config::inspect(&path, []).findings;
    findings
        .iter()
        .any(|finding| finding.severity == Severity::Error)
}

#[test]
fn the_shipped_schemas_are_what_the_command_prints() {
    for (shipped, made) in [
        (include_str!("../../config/schema.json"), config()),
        (include_str!("../../mappings/schema.json"), mapping()),
    ] {
        assert!(
            shipped == format!("{made:#}\n"),
            "run `leadping-bridge schema config > config/schema.json` and the same for mapping"
        );
    }
}

#[test]
fn the_shipped_files_name_their_schema_and_validate() {
    for (text, schema) in [
        (BRIDGE, config()),
        (VOICE, mapping()),
        (CRM, mapping()),
        (LEADPING, mapping()),
    ] {
        assert!(text.starts_with("#:schema ./schema.json\n"));
        assert_eq!(faults(&schema, &json_of(text)), Vec::<String>::new());
    }
}

#[test]
fn every_key_of_a_table_is_in_the_schema_and_no_other() {
    let schema = mapping();
    let set = |keys: &[&'static str]| keys.iter().copied().collect::<BTreeSet<&str>>();
    assert_eq!(keys_of(&schema), set(TABLE_KEYS));
    assert_eq!(
        keys_of(&schema["properties"]["row"]["items"]),
        set(ROW_KEYS)
    );
    for (definition, body, inner) in [
        ("disposition", Body::Disposition, Some("lead")),
        ("record", Body::LeadRecord, None),
        ("nlpearl", Body::CampaignLead, None),
        ("capillary", Body::LeadStatus, None),
    ] {
        let names = body.members().iter().map(|(name, _)| *name);
        let members: BTreeSet<&str> = names.chain(inner).collect();
        assert_eq!(keys_of(&schema["definitions"][definition]), members);
    }
}

/// The section's keys, as the checks themselves tell them of an unknown one.
fn known_to_the_check(section: &str) -> BTreeSet<String> {
    let header = format!("[{section}]");
    let text = BRIDGE.replacen(&header, &format!("{header}\nno_such_key_at_all = 1\n#"), 1);
    let text = match section {
        "" => format!("no_such_key_at_all = 1\n{BRIDGE}"),
        _ => text,
    };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bridge.toml");
    std::fs::write(&path, text).unwrap();
    let findings = crate::config::inspect(&path, []).findings;
    let hints = findings
        .iter()
        .filter_map(|finding| finding.hint.as_deref());
    let known = hints
        .filter_map(|hint| hint.strip_prefix("known here: "))
        .next()
        .unwrap_or_else(|| panic!("[{section}]"));
    known.split(", ").map(str::to_owned).collect()
}

#[test]
fn every_key_of_the_configuration_is_in_the_schema_and_no_other() {
    let schema = config();
    let source = &schema["properties"]["sources"]["additionalProperties"];
    let target = &schema["properties"]["targets"]["properties"]["leadping"];
    let known = known_to_the_check("");
    assert_eq!(keys_of(&schema), known.iter().map(String::as_str).collect());
    for (section, node) in [
        ("server", &schema["properties"]["server"]),
        ("admin", &schema["properties"]["admin"]),
        ("store", &schema["properties"]["store"]),
        ("mappings", &schema["properties"]["mappings"]),
        ("decide", &schema["properties"]["decide"]),
        ("sources.crm", source),
        ("targets.leadping", target),
        ("targets.leadping.retry", &target["properties"]["retry"]),
        ("targets.leadping.breaker", &target["properties"]["breaker"]),
    ] {
        let known = known_to_the_check(section);
        let known: BTreeSet<&str> = known.iter().map(String::as_str).collect();
        assert_eq!(keys_of(node), known, "[{section}]");
    }
}

#[test]
fn everything_is_described() {
    fn visit(path: &str, schema: &Value, bare: &mut Vec<String>) {
        for (key, below) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{key}");
            if !below["description"].is_string() && below["$ref"].is_null() {
                bare.push(path.clone());
            }
            for inner in [below, &below["items"], &below["additionalProperties"]] {
                visit(&path, inner, bare);
            }
        }
    }
    let mut bare = Vec::new();
    visit("config", &config(), &mut bare);
    visit("mapping", &mapping(), &mut bare);
    // A name for what is described below it.
    let grouping = [
        "config.sources",
        "config.targets",
        "config.targets.leadping",
        "config.targets.nlpearl",
        "config.targets.capillary",
        "mapping.defaults.leadping",
    ];
    bare.retain(|path| !grouping.contains(&path.as_str()));
    assert_eq!(bare, Vec::<String>::new());
}

#[track_caller]
fn check_row(kind: SourceKind, row: &str, fine: bool) {
    let text = format!("kind = \"{}\"\n[[row]]\n{row}\n", kind.as_str());
    let found = faults(&mapping(), &json_of(&text));
    assert_eq!(found.is_empty(), fine, "schema: {row}: {found:?}");
    assert_eq!(!table_is_refused(kind, &text), fine, "check: {row}");
}

#[test]
fn what_the_schema_says_of_a_row_is_what_the_check_says() {
    let (voice, crm) = (SourceKind::Nlpearl, SourceKind::Capillary);
    for kind in [voice, crm, SourceKind::Leadping] {
        for name in systems::status_names(kind) {
            for spelling in [name.to_owned(), name.to_lowercase(), format!(" {name}")] {
                let row = format!("status = \"{spelling}\"\nignore = \"x\"");
                check_row(kind, &row, true);
            }
            let row = format!("status = [\"{name}x\"]\nignore = \"x\"");
            check_row(kind, &row, false);
        }
    }
    let shop = SourceKind::Generic;
    check_row(shop, "status = [\"any\", 7, \"**\"]\nignore = \"x\"", true);
    check_row(shop, "status = \" * \"\nignore = \"x\"", false);
    check_row(shop, "status = \" \"\nignore = \"x\"", false);
    check_row(shop, "status = true\nignore = \"x\"", false);
    check_row(SourceKind::Leadping, "status = 1\nignore = \"x\"", false);
    check_row(voice, "status = [1, 222, \"100\"]\nignore = \"x\"", true);
    check_row(voice, "status = 501\nignore = \"x\"", true);
    check_row(voice, "status = 0\nignore = \"x\"", false);
    check_row(voice, "status = \"WON\"\nignore = \"x\"", false);
    check_row(crm, "status = 100\nignore = \"x\"", false);
    check_row(crm, "status = []\nignore = \"x\"", false);
    check_row(voice, "on = \"calls\"\nignore = \"x\"", false);
    check_row(voice, "status = 1", false);
    check_row(voice, "ignore = \" \"", false);
    check_row(voice, "ignore = \"x\"\npark = \"y\"", false);
}

#[test]
fn what_the_schema_says_of_a_member_is_what_the_check_says() {
    let voice = SourceKind::Nlpearl;
    for (target, body) in TARGETS {
        for (name, member_type) in body.members() {
            let others = others(*body, name);
            for (value, fine) in values_of(*member_type) {
                // Left out, a required member is lacking: no schema sees the defaults too.
                if value == "\"\"" && body.required().contains(name) {
                    continue;
                }
                check_row(
                    voice,
                    &format!("{target} = {{ {name} = {value}{others} }}"),
                    fine,
                );
            }
        }
    }
    for (name, member_type) in Body::LeadRecord.members() {
        for (value, fine) in values_of(*member_type) {
            let row = format!("leadping = {{ lead = {{ {name} = {value} }} }}");
            check_row(voice, &row, fine);
        }
    }
    check_row(voice, "nlpearl = { status = 130 }\nignore = \"x\"", false);
    check_row(
        voice,
        "nlpearl = { status = 130 }\ncapillary = { status = \"WON\", reasonId = 2 }\nrequired = true",
        true,
    );
    check_row(voice, "nlpearl = { status = 130 }\nrequired = 1", false);
    check_row(voice, "nlpearl = { state = 130 }", false);
    check_row(voice, "leadping = { lead = { notes = \"x\" } }", false);
}

/// What else the vendor requires.
fn others(body: Body, name: &str) -> String {
    let required = body.required().iter().filter(|other| **other != name);
    required
        .map(|other| match *other {
            "reasonId" => String::from(", reasonId = 2"),
            "status" => String::from(", status = \"WON\""),
            other => format!(", {other} = \"x\""),
        })
        .collect()
}

/// Values of a type, and whether they are fine.
fn values_of(member_type: MemberType) -> Vec<(String, bool)> {
    let (good, bad): (&[&str], &[&str]) = match member_type {
        MemberType::Text => (&["\"a\"", "\"\"", "\"{{ lead.calls }}\""], &["1", "true"]),
        MemberType::Bool => (&["true", "\"{{ lead.calls > 1 }}\""], &["\"true\"", "1"]),
        MemberType::Instant => (
            &[
                "2026-08-01T10:00:00Z",
                "\"2026-08-01T10:00:00+02:00\"",
                "\"{{ event.received_at }}\"",
            ],
            &["\"tomorrow\"", "2026-08-01", "1"],
        ),
        MemberType::Enum(_) => (&["\"{{ body.x }}\""], &["\"no such word\"", "1"]),
        MemberType::Whole => (&["7", "\"{{ lead.calls }}\""], &["\"7\"", "1.5", "true"]),
        MemberType::WritableStatus => (
            &["130", "\"Success\"", "\"notsuccessfull\"", "\"{{ 130 }}\""],
            &["20", "\"OnCall\"", "\"Won\"", "131", "true"],
        ),
        MemberType::WindowsZone => (
            &[
                "\"Pacific Standard Time\"",
                "\"Türkiye Standard Time\"",
                "\"{{ body.zone }}\"",
            ],
            &["\"Europe/Berlin\"", "1"],
        ),
        MemberType::Plain => (&["\"a\"", "1", "1.5", "true"], &["[]"]),
        MemberType::Texts => (
            &["[\"won\", \"{{ body.tag }}\"]", "[]"],
            &["\"won\"", "[1]", "{ a = 1 }"],
        ),
        MemberType::Values => (
            &["{ email = \"{{ body.email }}\", age = 7, old = false }"],
            &["\"a\"", "{ a = [1] }", "[]"],
        ),
        MemberType::Keys(_) => (
            &["{ externalId = \"{{ body.id }}\", smsOptedOut = false }"],
            &["\"a\"", "{ by = \"x\" }", "{ externalID = \"x\" }", "[]"],
        ),
    };
    let words: Vec<String> = match member_type {
        MemberType::Enum(words) => words.iter().map(|word| format!("\"{word}\"")).collect(),
        _ => Vec::new(),
    };
    let good = good.iter().map(|value| (*value).to_owned()).chain(words);
    let bad = bad.iter().map(|value| ((*value).to_owned(), false));
    good.map(|value| (value, true)).chain(bad).collect()
}

/// Every key and every quoted word of the shipped files, with a letter too many.
#[test]
fn a_typo_is_refused_by_both() {
    let keyed = |text: &str| -> Vec<String> {
        let lines: Vec<&str> = text.lines().collect();
        let typo = |at: usize| {
            let line = lines[at];
            let (key, _) = line.split_once(" = ")?;
            let plain = key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            plain.then(|| {
                let mut lines = lines.clone();
                let misspelt = format!("{key}q{}", &line[key.len()..]);
                lines[at] = &misspelt;
                lines.join("\n")
            })
        };
        (0..lines.len()).filter_map(typo).collect()
    };
    let mut tried = 0;
    for (kind, text) in [
        (SourceKind::Nlpearl, VOICE),
        (SourceKind::Capillary, CRM),
        (SourceKind::Leadping, LEADPING),
    ] {
        for text in keyed(text) {
            tried += 1;
            assert!(table_is_refused(kind, &text), "{text}");
            assert!(!faults(&mapping(), &json_of(&text)).is_empty(), "{text}");
        }
    }
    for text in keyed(BRIDGE) {
        tried += 1;
        assert!(config_is_refused(&text), "{text}");
        assert!(!faults(&config(), &json_of(&text)).is_empty(), "{text}");
    }
    assert!(tried > 80, "{tried}");
}

/// The ends of every range, and one beyond.
#[test]
fn the_ranges_are_those_of_the_check() {
    #[track_caller]
    fn check(old: &str, new: &str, fine: bool) {
        assert!(BRIDGE.contains(old), "{old}");
        let text = BRIDGE.replacen(old, new, 1);
        let found = faults(&config(), &json_of(&text));
        assert_eq!(found.is_empty(), fine, "schema: {new}: {found:?}");
        assert_eq!(!config_is_refused(&text), fine, "check: {new}");
    }
    check("max_connections = 4096", "max_connections = 1000000", true);
    check("max_connections = 4096", "max_connections = 1000001", false);
    check("max_connections = 4096", "max_connections = 0", false);
    check("max_connections = 4096", "max_connections = 1.5", false);
    check(
        "header_timeout_ms = 5000",
        "header_timeout_ms = 5000.5",
        false,
    );
    check("retention_days = 90", "retention_days = 90.5", true);
    check("retention_days = 90", "retention_days = 0", false);
    check("jitter = 0.5", "jitter = 1", true);
    check("jitter = 0.5", "jitter = 1.1", false);
    check("mode = \"live\"", "mode = \"shadow\"", true);
    check("mode = \"live\"", "mode = \"dry\"", false);
    check("watch = true", "watch = \"true\"", false);
    check(
        "{ env = \"LEADPING_API_KEY\" }",
        "{ file = \"/run/secrets/x\" }",
        true,
    );
    check("{ env = \"LEADPING_API_KEY\" }", "{}", false);
    check("{ env = \"LEADPING_API_KEY\" }", "\"lp_0123456789\"", false);
    check("\nkind = \"leadping\"", "", false);
    check("[targets.leadping]", "[targets.leadpin]", false);
    check("[sources.voice]", "[sources.\"a b\"]", false);
}

#[test]
fn the_configuration_knows_leadpings_categories() {
    use crate::systems::leadping::vocabulary::CATEGORIES;
    for category in CATEGORIES {
        let text = BRIDGE.replacen("[\"Converted\"]", &format!("[\"{category}\"]"), 1);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bridge.toml");
        std::fs::write(&path, text).unwrap();
        assert!(
            crate::config::inspect(&path, []).config.is_some(),
            "{category}"
        );
    }
}
