//! Detail of what the lead no longer is, and words of those who may not say them, go nowhere: whole
//! stories of a lead that is known in three systems, event by event.

use super::*;
use crate::event::Facts;
use crate::lead::{OwnWrite, SystemId};
use crate::systems::place::Campaigns;

const VOICE: &str = r#"kind = "nlpearl"
[[row]]
status = 100
leadping = { type = "Call", category = "Qualified", outcome = "Interested", notes = "{{ call.summary | default('') }}" }
capillary = { status = "OPEN", reasonId = 1 }
[[row]]
status = 110
leadping = { type = "Call", category = "Lost", outcome = "Not interested" }
capillary = { status = "LOST", reasonId = 5 }
[[row]]
status = 220
capillary = { status = "DELETED", reasonId = 5 }
"#;

const CRM: &str = r#"kind = "capillary"
[[row]]
status = "WON"
leadping = { type = "CRM", category = "Converted", outcome = "Won" }
[[row]]
status = "LOST"
leadping = { type = "CRM", category = "Lost", outcome = "Lost" }
nlpearl = { status = 130 }
[[row]]
status = "ON_HOLD"
ignore = "nobody else has to know"
"#;

const PEOPLE: &str = r#"kind = "leadping"
[[row]]
status = "Lost"
required = true
nlpearl = { status = 130 }
[[row]]
status = "Open"
ignore = "it is there"
"#;

struct Lead {
    history: LeadHistory,
    policy: Policy,
    sequence: i64,
}

impl Lead {
    fn new() -> Self {
        let mut policy = Policy::default();
        let reports = [
            ("voice", "nlpearl", "nlpearl"),
            ("crm", "capillary", "capillary"),
            ("people", "leadping", "leadping"),
        ];
        for (source, target, kind) in reports {
            let target = target.to_owned();
            policy
                .reports
                .insert(source.to_owned(), Reported { target, kind });
        }
        policy.decide.authority = vec![String::from("crm"), String::from("voice")];
        let ids = vec![SystemId::new("crm", "69"), SystemId::new("voice", "v1")];
        let history = LeadHistory {
            lead_id: Some(String::from("L1")),
            ids,
            pearls: BTreeMap::from([(String::from("v1"), String::from("p1"))]),
            ..LeadHistory::default()
        };
        Self {
            history,
            policy,
            sequence: 0,
        }
    }

    /// The verdicts on it: `target word`. Everything that was to be sent has arrived then.
    fn hears(&mut self, source: &str, facts: Facts) -> String {
        self.sequence += 1;
        let verdicts = self.decides(self.sequence, source, facts);
        self.arrives();
        verdicts
    }

    fn decides(&mut self, sequence: i64, source: &str, facts: Facts) -> String {
        let (text, kind) = match source {
            "voice" => (VOICE, SourceKind::Nlpearl),
            "crm" => (CRM, SourceKind::Capillary),
            _ => (PEOPLE, SourceKind::Leadping),
        };
        let event = Event {
            id: EventId(uuid::Uuid::nil()),
            sequence: Sequence(sequence),
            source: source.to_owned(),
            forced_kind: None,
            received_at: at(sequence * 10_000),
            body: "{}".into(),
        };
        let places = BTreeMap::from([
            (String::from("leadping"), Place::Leadping),
            (
                String::from("capillary"),
                Place::Sources(vec![String::from("crm")]),
            ),
            (
                String::from("nlpearl"),
                Place::Campaigns {
                    sources: vec![String::from("voice")],
                    campaigns: Campaigns::Pearls,
                },
            ),
        ]);
        let question = Question {
            event: &event,
            reading: &Reading {
                facts,
                standing: Standing::Usable,
            },
            history: &self.history,
            shadowed: &BTreeMap::new(),
            places: &places,
            policy: &self.policy,
            now: at(self.sequence * 10_000 + 1),
        };
        let decision = decide(&question, &table_of_kind(text, kind));
        self.history = self.history.after(&event, &decision);
        let verdicts = decision.record.targets.iter();
        let verdicts = verdicts
            .map(|(target, verdict)| match verdict {
                TargetVerdict::Stale { newest } => format!("{target} stale {}", newest.0),
                other => format!("{target} {}", other.as_str()),
            })
            .collect::<Vec<_>>();
        verdicts.join(", ")
    }

    fn arrives(&mut self) {
        for target in self.history.targets.values_mut() {
            let mut entries = target.entries.iter_mut();
            let coming = entries.find(|entry| entry.state == EntryState::OnItsWay);
            if let Some(entry) = coming {
                entry.state = EntryState::There;
            }
        }
    }
}

fn lead_says(status: i64, call: &str) -> Facts {
    Facts {
        kind: Some(EventKind::Lead),
        status: Some(Status::Number(status)),
        source_lead_id: Some(String::from("v1")),
        call: Some(call.to_owned()),
        ..Facts::default()
    }
}

fn call_says(status: i64, call: &str) -> Facts {
    Facts {
        kind: Some(EventKind::Call),
        call_summary: Some(String::from("They want it.")),
        ..lead_says(status, call)
    }
}

/// By the sender's clock, in its tenth second since the start.
fn says(status: &str, number: i64) -> Facts {
    Facts {
        kind: Some(EventKind::Lead),
        status: Some(Status::Name(status.to_owned())),
        source_lead_id: Some(String::from("69")),
        occurred_at: Some(at(number * 10_000 - 500)),
        ..Facts::default()
    }
}

const BOTH: &str = "capillary delivery, leadping delivery";

/// A call of success, and what was said since.
fn interested_then(since: &[(&str, Facts)]) -> Lead {
    let mut lead = Lead::new();
    assert_eq!(lead.hears("voice", lead_says(100, "c1")), BOTH);
    for (source, facts) in since {
        lead.hears(source, facts.clone());
    }
    lead
}

#[test]
fn detail_of_what_the_lead_is_no_more_is_old_everywhere() {
    for since in [
        ("crm", says("WON", 2)),
        ("crm", says("LOST", 2)),
        ("voice", lead_says(110, "c2")),
    ] {
        let mut lead = interested_then(std::slice::from_ref(&since));
        let late = lead.hears("voice", call_says(100, "c1"));
        assert_eq!(late, "capillary stale 2, leadping amend", "{since:?}");
    }
    let mut lead = interested_then(&[("crm", says("WON", 2))]);
    let again = lead.hears("voice", lead_says(100, "c1"));
    assert_eq!(again, "capillary stale 2, leadping unchanged");
    // Another call is news.
    let mut lead = interested_then(&[("crm", says("LOST", 2))]);
    assert_eq!(lead.hears("voice", lead_says(100, "c2")), BOTH);
}

#[test]
fn where_it_is_there_all_the_same_it_is_unchanged() {
    let mut lead = interested_then(&[("voice", lead_says(100, "c2"))]);
    let late = lead.hears("voice", call_says(100, "c1"));
    assert_eq!(late, "capillary unchanged, leadping amend");
}

#[test]
fn detail_of_a_set_that_was_never_sent_is_old_everywhere() {
    let mut lead = interested_then(&[("crm", says("WON", 2))]);
    let past = lead.history.targets.get_mut("leadping").unwrap();
    past.entries[1].state = EntryState::Absent;
    let late = lead.hears("voice", call_says(100, "c1"));
    assert_eq!(late, "capillary stale 2, leadping stale 2");
}

#[test]
fn detail_of_what_the_lead_is_goes_over_nothing_that_was_reported_since() {
    let mut lead = interested_then(&[]);
    let detail = lead.hears("voice", call_says(100, "c1"));
    assert_eq!(detail, "capillary unchanged, leadping amend");
    // LeadPing was not told, and still has what it had.
    let mut lead = interested_then(&[("crm", says("ON_HOLD", 2))]);
    let detail = lead.hears("voice", call_says(100, "c1"));
    assert_eq!(detail, "capillary stale 2, leadping amend");
    assert_eq!(lead.hears("voice", lead_says(100, "c2")), BOTH);
    // A campaign that goes on is told to stop again.
    let mut lead = Lead::new();
    let stop = "leadping delivery, nlpearl delivery";
    assert_eq!(lead.hears("crm", says("LOST", 1)), stop);
    lead.hears("voice", lead_says(40, "c1"));
    let again = lead.hears("crm", says("LOST", 3));
    assert_eq!(again, "leadping unchanged, nlpearl delivery");
}

#[test]
fn what_was_set_again_by_its_own_clock_is_no_detail_elsewhere() {
    let mut lead = Lead::new();
    lead.hears("crm", says("LOST", 1));
    assert_eq!(lead.hears("voice", lead_says(100, "c1")), BOTH);
    let again = lead.hears("crm", says("LOST", 3));
    assert_eq!(again, "leadping delivery, nlpearl delivery");
}

#[test]
fn a_row_that_tells_leadping_nothing_leaves_what_a_stronger_source_holds() {
    let mut lead = interested_then(&[]);
    assert_eq!(
        lead.hears("voice", lead_says(220, "c1")),
        "capillary delivery"
    );
    let mut lead = interested_then(&[("crm", says("WON", 2))]);
    let expected = "capillary outranked";
    assert_eq!(lead.hears("voice", lead_says(220, "c1")), expected);
    lead.policy.decide.authority.reverse();
    assert_eq!(
        lead.hears("voice", lead_says(220, "c1")),
        "capillary delivery"
    );
    // A person changed it at LeadPing: what is said there is where the lead is.
    lead.policy.decide.authority.reverse();
    lead.policy.decide.terminal_categories = vec![String::from("Lost")];
    lead.hears("crm", says("LOST", 5));
    let own = lead.hears("people", says("Lost", 6));
    assert_eq!(own, "nlpearl unchanged");
}

#[test]
fn a_row_that_tells_leadping_nothing_leaves_what_waits_for_its_link() {
    let mut lead = Lead::new();
    lead.history.lead_id = None;
    lead.hears("crm", says("WON", 1));
    let expected = "capillary outranked";
    assert_eq!(lead.hears("voice", lead_says(220, "c1")), expected);
    lead.history.targets.clear();
    assert_eq!(
        lead.hears("voice", lead_says(220, "c1")),
        "capillary delivery"
    );
}

#[test]
fn what_leadping_said_and_that_waited_is_older_than_what_it_says_now() {
    let waits = || {
        let mut lead = Lead::new();
        let voice = lead.history.ids.pop().unwrap();
        assert_eq!(lead.hears("people", says("Lost", 1)), "nlpearl absent");
        lead.history.ids.push(voice);
        lead
    };
    let mut lead = waits();
    let released = lead.decides(1, "people", says("Lost", 1));
    assert_eq!(released, "nlpearl delivery");
    let mut lead = waits();
    lead.hears("people", says("Open", 2));
    let released = lead.decides(1, "people", says("Lost", 1));
    assert_eq!(released, "nlpearl stale 2");
    // Without a clock by the order recorded.
    let mut lead = waits();
    let mut open = says("Open", 2);
    open.occurred_at = None;
    lead.hears("people", open);
    let released = lead.decides(1, "people", says("Lost", 1));
    assert_eq!(released, "nlpearl stale 2");
    // What was decided for LeadPing since counts too.
    let mut lead = waits();
    lead.hears("voice", lead_says(100, "c1"));
    let released = lead.decides(1, "people", says("Lost", 1));
    assert_eq!(released, "nlpearl stale 2");
}

#[test]
fn a_write_of_unknown_fate_whose_echo_was_heard_is_what_a_person_changed() {
    let mut lead = interested_then(&[]);
    let past = lead.history.targets.get_mut("capillary:69").unwrap();
    let write = past.entries[0].clone();
    past.entries[0].state = EntryState::OnItsWay;
    past.own_writes = vec![OwnWrite {
        delivery: write.delivery,
        entry: write.delivery,
        event: write.event,
        members: write.members.clone(),
        until: at(60_000),
    }];
    let edited = |mut lead: Lead| {
        let number = lead.sequence + 1;
        lead.hears("crm", says("ON_HOLD", number));
        let past = &lead.history.targets["capillary:69"];
        past.reported()
            .and_then(|report| report.over)
            .map(|over| over == write.delivery)
    };
    let mut heard = Lead {
        history: lead.history.clone(),
        policy: lead.policy.clone(),
        sequence: lead.sequence,
    };
    // Under way: it comes after what is said now.
    assert_eq!(edited(lead), None);
    heard.sequence += 1;
    heard.decides(2, "crm", says("OPEN", 2));
    assert_eq!(edited(heard), Some(true));
}
