//! What a table file means, what is wrong with it, and what it makes of events.

mod shipped;
mod matching;
mod write_back;
mod templates;
mod findings;
mod kinds;
mod presence;
mod conditions;
mod credentials;
mod bounds;
mod trials;
mod words;
mod together;
mod files;
mod offers;
mod slips;
mod numbers;
mod silent;

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::config::{SourceConfig, SourceKind};
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
                body: self.body.to_string().as_bytes(),
                lead_id: self.lead_id,
                calls: self.calls,
                previous: self.previous.as_ref(),
            },
        )
    }
}

/// A table of one row, past the checks of what may be missing.
fn table_of(when: Option<&str>, members: Vec<row::Member>) -> Table {
    let when = when.map(|text| row::When {
        text: text.to_owned(),
        condition: expression::Condition::compile(text).unwrap_or_else(|why| panic!("{why:#?}")),
        place: place::TextPlace::of(text, &(0..text.len()), text),
        is_always_true: false,
    });
    let result = match members.as_slice() {
        [] => row::RowResult::Ignore("x".to_owned()),
        _ => row::RowResult::Targets(vec![row::TargetTable {
            body: systems::members::Body::Disposition,
            members,
        }]),
    };
    let row = Row {
        reference: RowRef {
            number: 1,
            name: None,
            line: 1,
        },
        span: 0..0,
        statuses: None,
        on: None,
        sub_statuses: Vec::new(),
        reason_ids: Vec::new(),
        when,
        required: false,
        write: None,
        is_final: false,
        result,
    };
    Table::new("voice", SourceKind::Nlpearl, "", vec![row])
}

/// Evaluates an expression or template as a row's member.
#[track_caller]
fn member(given: &Given, name: &str, source: &str) -> Result<Option<Value>, String> {
    let (name, member_type) = systems::leadping::vocabulary::member(name).unwrap();
    let value = if expression::Template::is_one(source) {
        let template = expression::Template::compile(source);
        let template = template.unwrap_or_else(|why| panic!("{why:#?}"));
        let place = place::TextPlace::of(source, &(0..source.len()), source);
        row::MemberValue::Template(std::sync::Arc::new(template), place)
    } else {
        assert_eq!(source, "", "not a template");
        row::MemberValue::LeftOut
    };
    let member = row::Member {
        name,
        member_type,
        value,
    };
    match given.evaluate(&table_of(None, vec![member])) {
        Mapped::Wishes { mut wishes, .. } => Ok(wishes[0].members.remove(name)),
        Mapped::Invalid { why, .. } => Err(why),
        other => panic!("{other:?}"),
    }
}
