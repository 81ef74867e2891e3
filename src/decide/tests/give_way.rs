//! What is not sent yet gives way to what its own system reports since.

use super::told::told;
use super::*;
use crate::decision::Told;
use crate::lead::course::Words;

fn won() -> Value {
    json!({ "type": "CRM", "category": "Converted", "outcome": "Won" })
}

/// Deliveries that give way, by number; what the report stands over, and whose the course is.
fn yields(given: &Given) -> String {
    let decision = given.decide();
    let Some(Told::Has { supersedes, .. }) = &decision.record.told else {
        assert!(decision.revisions.is_empty(), "{:?}", decision.revisions);
        return String::from("nothing");
    };
    let revised: Vec<DeliveryId> = decision
        .revisions
        .iter()
        .filter_map(|revision| match revision {
            Revision::Supersede { delivery } => Some(*delivery),
            // What was there may have been changed in its place.
            Revision::SupersedeAmends { .. } => None,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(revised, *supersedes);
    let saved: usize = decision.record.saved_calls().map(|(_, calls)| calls).sum();
    assert_eq!(saved, supersedes.len());
    let change = decision.applied.expect("it is told");
    let course = &change.courses["leadping"];
    let over = course.reported.as_ref().and_then(|report| report.over);
    let over = over.map(|over| over.0.as_u128());
    let numbers: Vec<u128> = supersedes.iter().map(|it| it.0.as_u128()).collect();
    format!("{numbers:?} over {over:?} by {}", course.source)
}

#[track_caller]
fn check_yields(given: &Given, expected: &str) {
    assert_eq!(yields(given), expected);
}

fn unsent(given: Given, source: &str, members: Value) -> Given {
    given
        .has_of(source, members, None)
        .stands(EntryState::Unsent)
}

#[test]
fn all_of_it_gives_way_that_can_be_taken_back() {
    let lost = || told("Lost", Some("Gave up")).has(voicemail(""), None);
    check_yields(&lost(), "[] over Some(1) by people");
    let one = || unsent(lost(), "voice", interested());
    check_yields(&one(), "[2] over Some(2) by people");
    let new = json!({ "type": "Call", "category": "Open", "outcome": "New" });
    check_yields(
        &unsent(one(), "crm", new.clone()),
        "[3, 2] over Some(3) by people",
    );
    // What is under way comes after it, and counts.
    let coming = unsent(one().stands(EntryState::OnItsWay), "voice", new);
    check_yields(&coming, "[3] over Some(1) by voice");
    check_yields(
        &one().stands(EntryState::Absent),
        "[] over Some(1) by people",
    );
    // Nothing of ours was ever there.
    let first = unsent(told("Lost", Some("Gave up")), "voice", interested());
    check_yields(&first, "[1] over Some(1) by people");
    let mut queue = one();
    queue.policy.decide.on_newer = crate::config::OnNewer::Supersede;
    check_yields(&queue, "[2] over Some(2) by people");
}

#[test]
fn newer_is_told_by_both_clocks_else_by_the_order_recorded() {
    let written_at = |clock: Option<i64>| {
        let mut given = unsent(told("Lost", None), "voice", interested());
        let entry = &mut given.target().entries[0];
        entry.has_clock = clock.is_some();
        entry.timestamp = at(clock.unwrap_or(-900));
        given
    };
    let gives_way = "[1] over Some(1) by people";
    // A second decides; within one, the order recorded.
    for (ours, theirs, expected) in [
        (Some(-5000), Some(-6000), gives_way),
        (Some(-5000), Some(-4000), "nothing"),
        (Some(-4900), Some(-4100), gives_way),
        (Some(-5000), None, gives_way),
        (None, Some(900), gives_way),
        (None, None, gives_way),
    ] {
        let mut given = written_at(theirs);
        given.occurred_ms = ours;
        check_yields(&given, expected);
    }
    // Decided again, after what was recorded later.
    let mut later = written_at(None);
    later.target().entries[0].event = Sequence(11);
    check_yields(&later, "nothing");
    // Its source has said something newer: it is late itself.
    check_yields(&written_at(None).applied("people", 11, None), "nothing");
}

#[test]
fn what_says_the_same_and_what_is_no_news_take_nothing_back() {
    // It is what is to be written.
    let same = unsent(told("Qualified", Some("Interested")), "voice", interested());
    check_yields(&same, "nothing");
    // It is what we wrote before: nobody changed it.
    let repeats = unsent(
        told("Open", Some("Voicemail left")).has(voicemail(""), None),
        "voice",
        interested(),
    );
    check_yields(&repeats, "nothing");
    // A call webhook tells of a call.
    let mut of_a_call = unsent(told("Lost", None), "voice", interested());
    of_a_call.kind = EventKind::Call;
    check_yields(&of_a_call, "nothing");
}

#[test]
fn what_a_stronger_source_set_for_good_stays() {
    let crm_won = |category| unsent(told(category, Some("Sold")), "crm", won());
    check_yields(&crm_won("Lost"), "nothing");
    // The category stays: it is left to nobody.
    check_yields(&crm_won("Converted"), "[1] over Some(1) by crm");
    let mut equal = crm_won("Lost");
    equal.policy.decide.authority = vec![String::from("people"), String::from("crm")];
    check_yields(&equal, "[1] over Some(1) by people");
    let mut not_terminal = crm_won("Lost");
    not_terminal.policy.decide.terminal_categories.clear();
    check_yields(&not_terminal, "[1] over Some(1) by people");
}

/// The CRM says what it has; `writer` wanted LOST there.
fn crm_says(status: &'static str, writer: &str) -> write_back::Given {
    let slot = "capillary:69";
    let members = json!({ "status": "LOST", "reasonId": 5 });
    let mut given = write_back::Given::status(status)
        .linked()
        .has(slot, members, None);
    given.id = Some(String::from("69"));
    let reported = Reported {
        target: String::from("capillary"),
        kind: "capillary",
    };
    given.policy.reports.insert(String::from("crm"), reported);
    let past = given.history.targets.get_mut(slot).unwrap();
    past.entries[0].state = EntryState::Unsent;
    past.entries[0].source = writer.to_owned();
    given
}

fn calls_saved(given: &write_back::Given) -> usize {
    let decision = given.decide();
    decision.record.saved_calls().map(|(_, calls)| calls).sum()
}

#[test]
fn at_another_system_a_lead_held_by_a_stronger_source_keeps_what_that_wants() {
    assert_eq!(calls_saved(&crm_says("WON", "voice")), 1);
    assert_eq!(
        calls_saved(&crm_says("LOST", "voice")),
        0,
        "it is what is wanted"
    );
    for (authority, category, saved) in [
        (["shop", "crm"], "Converted", 0),
        (["crm", "shop"], "Converted", 1),
        (["shop", "crm"], "Open", 1),
    ] {
        for writer in ["shop", "voice"] {
            let mut given = crm_says("WON", writer);
            given.policy.decide.authority = authority.map(str::to_owned).to_vec();
            let lead = given
                .history
                .targets
                .entry(String::from("leadping"))
                .or_default();
            lead.course = Some(Course {
                words: Words {
                    category: Some(category.to_owned()),
                    outcome: None,
                },
                source: String::from("shop"),
                ..Course::default()
            });
            // What a weaker one wants is not what the stronger one set.
            let saved = if writer == "voice" { 1 } else { saved };
            assert_eq!(
                calls_saved(&given),
                saved,
                "{authority:?} {category} {writer}"
            );
        }
    }
}

#[test]
fn a_campaign_that_goes_on_takes_no_order_to_stop_back() {
    let mut given = crm_says("WON", "crm");
    let reported = Reported {
        target: String::from("capillary"),
        kind: "nlpearl",
    };
    given.policy.reports.insert(String::from("crm"), reported);
    assert_eq!(calls_saved(&given), 0);
}

#[test]
fn its_detail_is_stale_and_the_same_said_anew_is_written() {
    let mut given = unsent(told("Lost", None), "voice", interested());
    given.target().entries[0].call = Some(String::from("a"));
    let change = given.decide().applied.expect("it is told");
    let mut detail = Given::status(100).call("a").has(interested(), Some("a"));
    detail = detail.stands(EntryState::Absent);
    detail.target().course = Some(change.courses["leadping"].clone());
    detail.kind = EventKind::Call;
    assert_eq!(line(&detail.decide()), "stale");
    detail.kind = EventKind::Lead;
    assert_eq!(line(&detail.decide()), SENT);
}
