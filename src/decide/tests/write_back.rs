//! Rows that write to several targets: a verdict each, whoever lacks an id.

use super::*;
use crate::lead::course::Words;
use crate::lead::{OwnWrite, SystemId};
use crate::systems::place::Campaigns;

const TABLE: &str = r#"kind = "capillary"
[[row]]
status = "WON"
nlpearl = { status = 130 }
[[row]]
status = "LOST"
leadping = { type = "CRM", category = "Lost", outcome = "Lost" }
nlpearl = { status = 110 }
[[row]]
status = "DELETED"
required = true
nlpearl = { status = 130 }
[[row]]
status = "ON_HOLD"
leadping = { lead = { enabled = false } }
[[row]]
status = "OPEN"
leadping = { type = "CRM", outcome = "Open", lead = { enabled = true } }
"#;

/// An event of the CRM, sequence 10, of a lead with this past.
pub(super) struct Given {
    pub(super) status: &'static str,
    /// In the source's own system.
    pub(super) id: Option<String>,
    call: Option<&'static str>,
    pub(super) history: LeadHistory,
    places: BTreeMap<String, Place>,
    pub(super) policy: Policy,
}

impl Given {
    pub(super) fn status(status: &'static str) -> Self {
        let places = [
            ("leadping", Place::Leadping),
            (
                "nlpearl",
                Place::Campaigns {
                    sources: vec![String::from("voice")],
                    campaigns: Campaigns::Outbounds(BTreeMap::from([
                        (String::from("p1"), String::from("o1")),
                        (String::from("p2"), String::from("o2")),
                    ])),
                },
            ),
        ];
        Self {
            status,
            id: None,
            call: None,
            history: LeadHistory::default(),
            places: places.map(|(name, place)| (name.to_owned(), place)).into(),
            policy: Policy::default(),
        }
    }

    pub(super) fn linked(mut self) -> Self {
        self.history.lead_id = Some(String::from("L1"));
        self
    }

    /// Known at NLPearl, in this pearl.
    pub(super) fn voice(mut self, id: &str, pearl: &str) -> Self {
        self.history.ids.push(SystemId::new("voice", id));
        self.history.pearls.insert(id.to_owned(), pearl.to_owned());
        self
    }

    pub(super) fn has(mut self, slot: &str, members: Value, call: Option<&str>) -> Self {
        let entry = Entry {
            delivery: DeliveryId::new_at(at(0)),
            event: Sequence(1),
            source: String::from("crm"),
            members: members.as_object().cloned().unwrap(),
            call: call.map(str::to_owned),
            timestamp: at(0),
            has_clock: false,
            entry_id: None,
            there_since: None,
            state: EntryState::There,
        };
        let past = self.history.targets.entry(slot.to_owned()).or_default();
        past.entries = vec![entry];
        self
    }

    pub(super) fn decide(&self) -> Decision {
        let file = SourceFile {
            path: "crm.toml".into(),
            text: TABLE.into(),
        };
        let (table, findings) = parse_table("crm", &file, Some(SourceKind::Capillary));
        let table = table.unwrap_or_else(|| panic!("{findings:#?}"));
        let event = Event {
            id: EventId(uuid::Uuid::nil()),
            sequence: Sequence(10),
            source: String::from("crm"),
            forced_kind: None,
            received_at: at(1000),
            body: bytes::Bytes::new(),
        };
        let facts = Facts {
            kind: Some(EventKind::Lead),
            status: Some(Status::Name(self.status.to_owned())),
            source_lead_id: self.id.clone(),
            call: self.call.map(str::to_owned),
            ..Facts::default()
        };
        let question = Question {
            event: &event,
            reading: &Reading {
                facts,
                standing: Standing::Usable,
            },
            history: &self.history,
            shadowed: &BTreeMap::new(),
            places: &self.places,
            policy: &self.policy,
            now: at(2000),
        };
        decide(&question, &table)
    }
}

/// `target: verdict` for each, then the cause, the deliveries, and where it was applied.
pub(super) fn story(decision: &Decision) -> String {
    let mut words: Vec<String> = decision
        .record
        .targets
        .iter()
        .map(|(target, verdict)| format!("{target}: {}", verdict.as_str()))
        .collect();
    words.extend(decision.cause.as_ref().map(|cause| format!("({cause})")));
    words.extend(decision.deliveries.iter().map(|sent| {
        let members: BTreeMap<_, _> = sent.members.iter().collect();
        format!("{} {} {}", sent.target, sent.lead_id, json!(members))
    }));
    if let Some(change) = &decision.applied {
        let previous = change.previous.as_ref();
        let outcome = previous.and_then(|previous| previous.outcome.as_deref());
        words.push(format!(
            "applied {} as {}",
            change.targets.join(" "),
            outcome.unwrap_or("-")
        ));
    }
    words.join("; ")
}

#[track_caller]
fn check(given: Given, expected: &str) {
    assert_eq!(story(&given.decide()), expected);
}

const STOP: &str = r#"nlpearl o1/v1 {"status":130}"#;

#[test]
fn a_write_back_needs_no_leadping_id() {
    check(
        Given::status("WON").voice("v1", "p1"),
        &format!("nlpearl: delivery; {STOP}; applied nlpearl:o1/v1 as -"),
    );
}

#[test]
fn a_lead_that_is_not_there_is_absent_and_parks_only_where_it_is_required() {
    check(Given::status("WON").linked(), "nlpearl: absent");
    check(
        Given::status("DELETED").linked(),
        "nlpearl: absent; (unlinked:crm)",
    );
    let mut unknown_pearl = Given::status("WON");
    unknown_pearl.history.ids.push(SystemId::new("voice", "v1"));
    check(unknown_pearl, "nlpearl: absent");
}

#[test]
fn a_target_that_is_not_configured_is_off() {
    let mut given = Given::status("WON").voice("v1", "p1");
    given.places.remove("nlpearl");
    check(given, "nlpearl: off");
}

#[test]
fn a_pearl_without_its_outbound_parks_the_event_and_nothing_else() {
    let given = Given::status("LOST").linked().voice("v1", "p9");
    let decision = given.decide();
    assert_eq!(
        story(&decision),
        "leadping: delivery; nlpearl: invalid; (invalid:crm); \
         leadping L1 {\"category\":\"Lost\",\"outcome\":\"Lost\",\"type\":\"CRM\"}; applied leadping as Lost"
    );
}

#[test]
fn targets_are_weighed_one_by_one() {
    // LeadPing's part waits for the link, NLPearl's does not.
    check(
        Given::status("LOST").voice("v1", "p1"),
        "leadping: unlinked; nlpearl: delivery; (unlinked:crm); \
         nlpearl o1/v1 {\"status\":110}; applied nlpearl:o1/v1 as -",
    );
    // Decided again once it is linked, only LeadPing's part is left.
    check(
        Given::status("LOST").linked().voice("v1", "p1").has(
            "nlpearl:o1/v1",
            json!({ "status": 110 }),
            None,
        ),
        "leadping: delivery; nlpearl: unchanged; \
         leadping L1 {\"category\":\"Lost\",\"outcome\":\"Lost\",\"type\":\"CRM\"}; \
         applied leadping nlpearl:o1/v1 as Lost",
    );
}

#[test]
fn each_of_several_ids_gets_its_own_delivery() {
    check(
        Given::status("WON").voice("v1", "p1").voice("v2", "p2"),
        &format!(
            "nlpearl:o1/v1: delivery; nlpearl:o2/v2: delivery; {STOP}; \
             nlpearl o2/v2 {{\"status\":130}}; applied nlpearl:o1/v1 nlpearl:o2/v2 as -"
        ),
    );
    // The one that has it already is left alone.
    check(
        Given::status("WON")
            .voice("v1", "p1")
            .voice("v2", "p2")
            .has("nlpearl:o2/v2", json!({ "status": 130 }), None),
        &format!(
            "nlpearl:o1/v1: delivery; nlpearl:o2/v2: unchanged; {STOP}; \
             applied nlpearl:o1/v1 nlpearl:o2/v2 as -"
        ),
    );
}

#[test]
fn another_call_is_no_reason_to_write_the_same_state_again() {
    let mut given = Given::status("WON").voice("v1", "p1").has(
        "nlpearl:o1/v1",
        json!({ "status": 130 }),
        Some("c1"),
    );
    given.call = Some("c2");
    check(given, "nlpearl: unchanged; applied nlpearl:o1/v1 as -");
}

#[test]
fn a_later_event_at_one_target_makes_it_stale_there_alone() {
    let mut given = Given::status("LOST").linked().voice("v1", "p1");
    let newer = TargetHistory {
        applied: Some(Sequence(11)),
        ..TargetHistory::default()
    };
    given
        .history
        .targets
        .insert(String::from("nlpearl:o1/v1"), newer);
    check(
        given,
        "leadping: delivery; nlpearl: stale; \
         leadping L1 {\"category\":\"Lost\",\"outcome\":\"Lost\",\"type\":\"CRM\"}; applied leadping as Lost",
    );
}

#[test]
fn the_record_and_the_disposition_are_two_things() {
    check(
        Given::status("ON_HOLD").linked(),
        "leadping.lead: delivery; leadping L1 {\"lead\":{\"enabled\":false}}; applied leadping.lead as -",
    );
    check(
        Given::status("OPEN").linked().has(
            "leadping.lead",
            json!({ "lead": { "enabled": true } }),
            None,
        ),
        "leadping: delivery; leadping.lead: unchanged; \
         leadping L1 {\"outcome\":\"Open\",\"type\":\"CRM\"}; applied leadping leadping.lead as Open",
    );
    check(
        Given::status("ON_HOLD"),
        "leadping: unlinked; (unlinked:crm)",
    );
}

/// An unsent older delivery in this slot, while newer ones take the place of older ones.
fn superseding(slot: &str, older: Value) -> Given {
    let mut given = Given::status("WON")
        .voice("v1", "p1")
        .linked()
        .has(slot, older, None);
    given.policy.decide.on_newer = crate::config::OnNewer::Supersede;
    let past = given.history.targets.get_mut(slot).expect("it is there");
    past.entries[0].state = EntryState::Unsent;
    given
}

#[test]
fn a_partial_update_gives_way_only_to_one_that_says_all_of_it() {
    #[track_caller]
    fn check(older: Value, saved: usize) {
        let decision = superseding("nlpearl:o1/v1", older).decide();
        let saved_calls: Vec<_> = decision.record.saved_calls().collect();
        assert_eq!(
            saved_calls.iter().map(|(_, calls)| calls).sum::<usize>(),
            saved
        );
        assert_eq!(decision.revisions.len(), saved);
    }
    check(json!({ "status": 10 }), 1);
    check(json!({ "status": 10, "externalId": "19" }), 0);
    check(json!({ "callData": { "a": "b" } }), 0);
    // LeadPing's record likewise.
    for (older, gives_way) in [
        (json!({ "lead": { "enabled": true } }), 1),
        (json!({ "lead": { "tagNames": ["vip"] } }), 0),
    ] {
        let given = Given {
            status: "ON_HOLD",
            ..superseding("leadping.lead", older)
        };
        assert_eq!(given.decide().revisions.len(), gives_way);
    }
}

#[test]
fn an_echo_is_that_of_the_address_it_comes_from() {
    #[track_caller]
    fn check(id: &str, expected: &str) {
        let mut given = Given::status("LOST").linked().voice("v1", "p1");
        let reported = Reported {
            target: String::from("nlpearl"),
            kind: "nlpearl",
        };
        given.policy.reports.insert(String::from("crm"), reported);
        let write = crate::lead::OwnWrite {
            delivery: DeliveryId::new_at(at(0)),
            entry: DeliveryId::new_at(at(0)),
            event: Sequence(1),
            members: json!({ "status": "LOST" }).as_object().cloned().unwrap(),
            until: Timestamp::MAX,
        };
        let past = given.history.targets.entry(String::from("nlpearl:o1/v1"));
        past.or_default().own_writes = vec![write];
        given.id = Some(id.to_owned());
        let decision = given.decide();
        assert_eq!(decision.record.targets["leadping"].as_str(), expected);
    }
    check("v1", "echo");
    check("v2", "delivery");
}

/// The lead was won by `setter`, who stands above the CRM.
fn won_by(setter: &str) -> Given {
    let mut given = Given::status("LOST").linked().voice("v1", "p1").has(
        "leadping",
        json!({ "category": "Converted" }),
        None,
    );
    given.policy.decide.authority = vec![String::from("shop"), String::from("crm")];
    let past = given.history.targets.get_mut("leadping").unwrap();
    past.course = Some(Course {
        reported: None,
        words: Words {
            category: Some(String::from("Converted")),
            ..Words::default()
        },
        source: setter.to_owned(),
        is_final: false,
        had: Vec::new(),
        returns: Vec::new(),
        waits: None,
    });
    given
}

#[test]
fn what_may_not_be_said_at_leadping_is_said_nowhere() {
    assert_eq!(
        story(&won_by("shop").decide()),
        "leadping: outranked; nlpearl: outranked"
    );
    let freely = story(&won_by("nobody").decide());
    assert!(
        freely.starts_with("leadping: delivery; nlpearl: delivery"),
        "{freely}"
    );
    // Stale goes before outranked, there as well.
    let mut late = won_by("shop");
    let slot = "nlpearl:o1/v1";
    let past = late.history.targets.entry(slot.to_owned()).or_default();
    past.applied = Some(Sequence(11));
    assert_eq!(story(&late.decide()), "leadping: outranked; nlpearl: stale");
}

#[test]
fn an_echo_is_no_newer_word_at_targets_that_it_does_not_come_from() {
    let mut given = won_by("nobody");
    given.policy.reports.insert(
        String::from("crm"),
        Reported {
            target: String::from("leadping"),
            kind: "capillary",
        },
    );
    let past = given.history.targets.get_mut("leadping").unwrap();
    past.own_writes = vec![OwnWrite {
        delivery: DeliveryId::new_at(at(1)),
        entry: DeliveryId::new_at(at(1)),
        event: Sequence(9),
        members: json!({ "status": "LOST" }).as_object().cloned().unwrap(),
        until: at(5000),
    }];
    assert_eq!(
        story(&given.decide()),
        "leadping: echo; nlpearl: echo; applied leadping as -"
    );
}
