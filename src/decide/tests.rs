//! Each verdict of the contract in its order; `laws` hold for every input.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::config::SourceKind;
use crate::decision::Revision;
use crate::delivery::DeliveryId;
use crate::diagnostic::SourceFile;
use crate::event::{EventId, EventKind, Sequence, Status};
use crate::lead::course::Course;
use crate::lead::{Applied, Entry, EntryState, TargetHistory};
use crate::map::parse_table;

mod authority;
mod echo;
mod edits;
mod elsewhere;
mod give_way;
mod laws;
mod looping;
mod only;
mod told;
mod waiting;
mod write;
mod write_back;

const TABLE: &str = r#"kind = "nlpearl"
[defaults.leadping]
type = "Call"
[[row]]
status = 100
leadping = { category = "Qualified", outcome = "Interested" }
[[row]]
status = 70
leadping = { category = "Open", outcome = "Voicemail left", notes = "{{ body.note | default('') }}" }
[[row]]
status = 20
ignore = "in progress"
[[row]]
status = 110
park = "look at it"
[[row]]
status = 130
leadping = { category = "Lost", outcome = "{{ body.nowhere }}" }
"#;

/// By LeadPing's words: a row of each end that sends nothing, and one that writes there.
const PEOPLE: &str = r#"kind = "leadping"
[[row]]
status = ["Qualified", "Lost"]
ignore = "nobody else has to know"
[[row]]
status = "Invalid"
park = "look at it"
[[row]]
status = "Duplicate"
leadping = { type = "Task", category = "Lost", outcome = "{{ body.nowhere }}" }
"#;

fn table() -> Table {
    table_of(TABLE)
}

fn table_of(text: &str) -> Table {
    table_of_kind(text, SourceKind::Nlpearl)
}

fn table_of_kind(text: &str, kind: SourceKind) -> Table {
    let file = SourceFile {
        path: "voice.toml".into(),
        text: text.into(),
    };
    parse_table("voice", &file, Some(kind))
        .0
        .expect("the table is good")
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_785_578_400_000 + ms).unwrap()
}

/// An event of sequence 10, received at 1000 ms, of a lead with this past.
#[derive(Debug, Clone)]
struct Given {
    status: i64,
    standing: Standing,
    occurred_ms: Option<i64>,
    call: Option<&'static str>,
    kind: EventKind,
    reported: Option<crate::event::Reported>,
    /// LeadPing's category and outcome, for the table of its own webhooks.
    says: Option<(String, Option<String>)>,
    /// `notes` of a voicemail.
    note: &'static str,
    source: &'static str,
    history: LeadHistory,
    shadow: bool,
    policy: Policy,
}

impl Given {
    fn status(status: i64) -> Self {
        let history = LeadHistory {
            lead_id: Some(String::from("L1")),
            ..LeadHistory::default()
        };
        Self {
            status,
            standing: Standing::Usable,
            occurred_ms: None,
            call: None,
            kind: EventKind::Lead,
            reported: None,
            says: None,
            note: "",
            source: "voice",
            history,
            shadow: false,
            policy: Policy::default(),
        }
    }

    fn unlinked(mut self) -> Self {
        self.history.lead_id = None;
        self
    }

    fn occurred(mut self, ms: i64) -> Self {
        self.occurred_ms = Some(ms);
        self
    }

    fn call(mut self, call: &'static str) -> Self {
        self.call = Some(call);
        self
    }

    /// The newest applied event of this event's own source.
    fn applied(mut self, source: &str, sequence: i64, ms: Option<i64>) -> Self {
        let applied = Applied {
            sequence: Sequence(sequence),
            occurred_at: ms.map(at),
        };
        self.history.applied.insert(source.to_owned(), applied);
        self
    }

    fn target_applied(mut self, sequence: i64) -> Self {
        self.target().applied = Some(Sequence(sequence));
        self
    }

    /// One more entry, the newest, of this event's own source; the lead's course follows.
    fn has(self, members: Value, call: Option<&str>) -> Self {
        self.has_of("voice", members, call)
    }

    fn has_of(mut self, source: &str, members: Value, call: Option<&str>) -> Self {
        let Value::Object(members) = members else {
            panic!("members are an object")
        };
        let event = Sequence(1 + i64::try_from(self.target().entries.len()).unwrap());
        let entry = Entry {
            delivery: DeliveryId(uuid::Uuid::from_u128(event.0.unsigned_abs().into())),
            event,
            source: source.to_owned(),
            members,
            call: call.map(str::to_owned),
            timestamp: at(0),
            has_clock: false,
            entry_id: None,
            there_since: None,
            state: EntryState::There,
        };
        let before = self.target().course.take();
        let step = crate::lead::course::Step {
            words: entry.words("leadping"),
            source,
            is_final: false,
            event,
            at: at(event.0),
        };
        let course = Course::after(before.as_ref(), &step, self.policy.span());
        self.target().course = Some(course);
        self.target().entries.insert(0, entry);
        self
    }

    /// Where the newest entry stands.
    fn stands(mut self, state: EntryState) -> Self {
        self.target().entries[0].state = state;
        self
    }

    fn target(&mut self) -> &mut TargetHistory {
        self.history
            .targets
            .entry(String::from("leadping"))
            .or_default()
    }

    fn decide(&self) -> Decision {
        let table = match self.says {
            Some(_) => table_of_kind(PEOPLE, SourceKind::Leadping),
            None => table(),
        };
        self.ask(|question| decide(question, &table))
    }

    fn ask(&self, ask: impl FnOnce(&Question<'_>) -> Decision) -> Decision {
        let event = Event {
            id: EventId(uuid::Uuid::nil()),
            sequence: Sequence(10),
            source: self.source.to_owned(),
            forced_kind: None,
            received_at: at(1000),
            body: json!({ "note": self.note }).to_string().into(),
        };
        let facts = Facts {
            kind: Some(self.kind),
            status: Some(match &self.says {
                Some((category, _)) => Status::Name(category.clone()),
                None => Status::Number(self.status),
            }),
            sub_status: self.says.as_ref().and_then(|(_, outcome)| outcome.clone()),
            occurred_at: self.occurred_ms.map(at),
            call: self.call.map(str::to_owned),
            reported: self.reported.clone(),
            ..Facts::default()
        };
        let shadowed = BTreeMap::from([(String::from("leadping"), self.shadow)]);
        let places = BTreeMap::from([(String::from("leadping"), Place::Leadping)]);
        ask(&Question {
            event: &event,
            reading: &Reading {
                facts,
                standing: self.standing.clone(),
            },
            history: &self.history,
            shadowed: &shadowed,
            places: &places,
            policy: &self.policy,
            now: at(2000),
        })
    }
}

/// The decision in one line: its words, its cause, and what is to be sent.
fn line(decision: &Decision) -> String {
    let mut line = decision.record.words().join(" ");
    if let Some(cause) = &decision.cause {
        line.push_str(&format!(" ({cause})"));
    }
    for delivery in &decision.deliveries {
        let word = match (&delivery.amends, delivery.withheld) {
            (None, false) => "sent",
            (None, true) => "withheld",
            (Some(_), false) => "amends",
            (Some(_), true) => "withheld amend",
        };
        let members: BTreeMap<_, _> = delivery.members.iter().collect();
        line.push_str(&format!(" {word} {}", json!(members)));
    }
    for revision in &decision.revisions {
        line.push_str(match revision {
            Revision::Call { .. } => " call",
            Revision::Fold { .. } => " fold",
            Revision::Supersede { .. } => " supersede",
            Revision::SupersedeAmends { .. } => " supersede amends",
            Revision::Echoed { .. } => " echoed",
        });
    }
    if decision.applied.is_some() {
        line.push_str(" applied");
    }
    line
}

#[track_caller]
fn check(given: Given, expected: &str) {
    assert_eq!(line(&given.decide()), expected);
}

/// The body of every event here says what a row may quote.
fn voicemail(notes: &str) -> Value {
    let mut members = json!({ "type": "Call", "category": "Open", "outcome": "Voicemail left" });
    if !notes.is_empty() {
        members["notes"] = json!(notes);
    }
    members
}

fn interested() -> Value {
    json!({ "type": "Call", "category": "Qualified", "outcome": "Interested" })
}

const SENT: &str =
    r#"delivery sent {"category":"Qualified","outcome":"Interested","type":"Call"} applied"#;

#[test]
fn verdicts_on_the_event_come_first() {
    check(Given::status(220), "unmapped (unmapped:voice:220)");
    check(Given::status(20), "ignored");
    check(Given::status(110), "parked (row:voice:110)");
    check(Given::status(130), "invalid (invalid:voice)");
    // Only a row that wants a call needs a link.
    for status in [220, 20, 110, 130] {
        let linked = line(&Given::status(status).decide());
        check(Given::status(status).unlinked(), &linked);
    }
    let mut given = Given::status(100);
    given.standing = Standing::Invalid(String::from("no status"));
    check(given.clone(), "invalid (invalid:voice)");
    given.standing = Standing::Ignored(String::from("a call of nobody"));
    check(given.clone(), "ignored");
    given.standing = Standing::Usable;
    assert_eq!(line(&given.ask(without_table)), "invalid (invalid:voice)");
}

#[test]
fn a_wish_of_an_unlinked_lead_waits() {
    check(Given::status(100).unlinked(), "unlinked (unlinked:voice)");
    check(
        Given::status(100).unlinked().target_applied(11),
        "unlinked (unlinked:voice)",
    );
}

#[test]
fn older_by_its_sources_own_clock_is_stale() {
    let applied = |ms| Given::status(100).applied("voice", 9, Some(ms));
    check(applied(500).occurred(499), "stale");
    check(applied(500).occurred(500), SENT);
    check(applied(500).occurred(501), SENT);
    // Missing on either side: the order recorded.
    check(applied(500), SENT);
    check(
        Given::status(100).applied("voice", 9, None).occurred(1),
        SENT,
    );
    // Another source's clock says nothing.
    check(
        Given::status(100).applied("crm", 9, Some(900)).occurred(1),
        SENT,
    );
    // A stamp in the future counts as the time received.
    check(applied(1000).occurred(9_000_000), SENT);
    check(applied(1001).occurred(9_000_000), "stale");
}

#[test]
fn an_event_that_waited_is_stale_where_a_later_one_was_applied() {
    check(Given::status(100).target_applied(11), "stale");
    check(Given::status(100).target_applied(9), SENT);
    // Stale goes before unchanged.
    check(
        Given::status(100)
            .target_applied(11)
            .has(interested(), None),
        "stale",
    );
}

#[test]
fn unchanged_means_no_other_call_and_every_member_equal() {
    let has = |call| Given::status(100).has(interested(), call);
    check(has(None), "unchanged applied");
    check(has(Some("a")), "unchanged applied");
    check(has(None).call("a"), "unchanged call applied");
    check(has(Some("a")).call("a"), "unchanged applied");
    check(has(Some("a")).call("b"), SENT);
    let mut more = interested();
    more["notes"] = json!("kept");
    check(Given::status(100).has(more, None), "unchanged applied");
    for member in ["category", "outcome"] {
        let mut other = interested();
        other[member] = json!("other");
        check(Given::status(100).has(other.clone(), None), SENT);
        other.as_object_mut().unwrap().remove(member);
        check(Given::status(100).has(other, None), SENT);
    }
    // Whoever set it: the target has it.
    check(
        Given::status(100).has_of("crm", interested(), None),
        "unchanged applied",
    );
}

#[test]
fn a_shadowed_target_is_decided_and_withheld() {
    let mut given = Given::status(100);
    given.shadow = true;
    check(given, &SENT.replace("sent", "withheld"));
}

#[test]
fn what_is_sent_carries_the_lead_the_call_and_the_clock() {
    let sent = |given: Given| given.decide().deliveries.remove(0);
    let delivery = sent(Given::status(100).call("a"));
    assert_eq!((&*delivery.lead_id, &*delivery.target), ("L1", "leadping"));
    assert_eq!(delivery.call.as_deref(), Some("a"));
    assert_eq!(
        delivery.timestamp,
        at(1000),
        "received, where the source has no clock"
    );
    assert_eq!(sent(Given::status(100).occurred(400)).timestamp, at(400));
    assert_eq!(sent(Given::status(100).occurred(4000)).timestamp, at(1000));
}

#[test]
fn the_record_names_what_it_was_made_from() {
    let mut given = Given::status(100);
    let previous = Previous {
        category: Some(String::from("Open")),
        outcome: None,
        source: String::from("crm"),
        at: at(3),
    };
    given.history.previous = Some(previous.clone());
    let decision = given.decide();
    assert_eq!(decision.record.table, Some(table().hash.to_string()));
    assert_eq!(decision.record.row.map(|row| row.number), Some(1));
    assert_eq!(decision.record.previous, Some(previous));
    assert_eq!(decision.record.decided_at, at(2000));
    let change = decision.applied.expect("it was applied");
    assert_eq!(change.targets, ["leadping"]);
    let now_is = change.previous.expect("it is the lead's newest word");
    assert_eq!(now_is.category.as_deref(), Some("Qualified"));
    assert_eq!((&*now_is.source, now_is.at), ("voice", at(1000)));
}
