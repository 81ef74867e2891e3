//! What a table file means, what is wrong with it, and what it makes of events.

mod shipped;
mod matching;
mod templates;
mod findings;
mod files;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::config::{AuthConfig, AuthScheme, SourceConfig, SourceKind};
use crate::diagnostic::{Finding, Severity, SourceFile};
use crate::event::{EventId, EventKind, Facts, Standing, Status};
use crate::lead::Previous;
use crate::systems;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn file(text: &str) -> SourceFile {
    SourceFile {
        path: "voice.toml".into(),
        text: text.into(),
    }
}

fn parse(kind: SourceKind, text: &str) -> (Option<Table>, Vec<String>) {
    let (table, findings) = parse_table("voice", &file(text), Some(kind));
    (table, findings.iter().map(Finding::to_string).collect())
}

fn voice_facts(status: i64) -> Facts {
    Facts {
        kind: Some(EventKind::Lead),
        status: Some(Status::Number(status)),
        ..Facts::default()
    }
}

struct Given {
    facts: Facts,
    body: Value,
    lead_id: Option<&'static str>,
    calls: u32,
    previous: Option<Previous>,
}

impl Given {
    fn new(facts: Facts) -> Self {
        Self {
            facts,
            body: json!({}),
            lead_id: None,
            calls: 0,
            previous: None,
        }
    }

    fn evaluate(&self, table: &Table) -> Mapped {
        let at: Timestamp = "2026-08-01T10:00:00Z".parse().unwrap();
        evaluate(
            table,
            &MapInput {
                event_id: EventId::new_at(at),
                source: "voice",
                received_at: at,
                facts: &self.facts,
                body: &self.body,
                lead_id: self.lead_id,
                calls: self.calls,
                previous: self.previous.as_ref(),
            },
        )
    }
}

/// Puts an expression or template into a row's member, and evaluates it.
#[track_caller]
fn member(given: &Given, name: &str, source: &str) -> Result<Option<Value>, String> {
    let text = format!(
        "kind = \"nlpearl\"\n[[row]]\nstatus = 100\n[row.leadping]\n\
         type = \"Call\"\noutcome = \"x\"\n{name} = {}\n",
        toml::Value::from(source)
    );
    let (table, findings) = parse(SourceKind::Nlpearl, &text);
    let table = table.unwrap_or_else(|| panic!("{findings:#?}"));
    match given.evaluate(&table) {
        Mapped::Wishes { mut wishes, .. } => Ok(wishes[0].members.remove(name)),
        Mapped::Invalid { why, .. } => Err(why),
        other => panic!("{other:?}"),
    }
}
