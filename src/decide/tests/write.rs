//! Set or amend, and what gives way.

use super::*;
use crate::config::OnNewer;

const FORCED: &str = r#"kind = "nlpearl"
[[row]]
status = 100
write = "set"
leadping = { type = "Call", category = "Open", outcome = "Voicemail left", notes = "new" }
[[row]]
status = 70
write = "amend"
leadping = { type = "Call", category = "Qualified", outcome = "Interested" }
"#;

/// A voicemail with more to say than the entry has.
fn more() -> Given {
    Given {
        note: "more",
        ..Given::status(70)
    }
}

const AMENDS: &str =
    r#"amend amends {"category":"Open","notes":"more","outcome":"Voicemail left","type":"Call"}"#;
const SETS: &str =
    r#"delivery sent {"category":"Open","notes":"more","outcome":"Voicemail left","type":"Call"}"#;

#[test]
fn more_about_the_same_amends_and_clears_nothing() {
    check(
        more().has(voicemail(""), None),
        &format!("{AMENDS} applied"),
    );
    let mut has = voicemail("");
    has["followUpStatus"] = json!("Pending");
    check(
        more().has(has, None),
        r#"amend amends {"category":"Open","followUpStatus":"Pending","notes":"more","outcome":"Voicemail left","type":"Call"} applied"#,
    );
    check(more().has(voicemail("more"), None), "unchanged applied");
}

#[test]
fn another_source_call_category_or_outcome_sets() {
    let sets = format!("{SETS} applied");
    check(more().has_of("crm", voicemail(""), None), &sets);
    check(more().call("b").has(voicemail(""), Some("a")), &sets);
    check(more().has(interested(), None), &sets);
}

#[test]
fn a_call_is_taken_over_from_the_first_event_that_names_one() {
    check(
        more().call("a").has(voicemail(""), None),
        &format!("{AMENDS} call applied"),
    );
    check(
        more().call("a").has(voicemail("more"), None),
        "unchanged call applied",
    );
    check(
        more().has(voicemail(""), Some("a")),
        &format!("{AMENDS} applied"),
    );
}

#[test]
fn a_call_webhook_is_detail_of_any_entry_of_its_call() {
    let call = |given: Given| Given {
        kind: EventKind::Call,
        ..given.call("a")
    };
    let amends = format!("{AMENDS} applied");
    let older = |given: Given| given.has(voicemail(""), Some("a"));
    check(
        call(older(more()).has_of("crm", interested(), None)),
        &amends,
    );
    check(call(older(more()).has(interested(), Some("a"))), &amends);
    check(call(older(more()).has(interested(), Some("b"))), &amends);
    // It is not the lead's newest word.
    let decision = call(older(more()).has(interested(), Some("b"))).decide();
    let change = decision.applied.expect("an amend is applied");
    assert!(change.previous.is_none() && change.courses.is_empty());
}

#[test]
fn a_lead_webhook_comes_back_to_what_its_source_has_left() {
    let sets = format!("{SETS} applied");
    let amends = format!("{AMENDS} applied");
    let older = |given: Given| given.has(voicemail(""), Some("a"));
    check(older(more()).has(interested(), Some("a")), &sets);
    check(older(more()).call("a").has(interested(), Some("a")), &sets);
    // About that call the source said nothing since; or others did.
    check(
        older(more()).call("a").has(interested(), Some("b")),
        &amends,
    );
    check(older(more()).has_of("crm", interested(), None), &amends);
}

#[test]
fn detail_goes_with_a_set_that_was_not_sent() {
    let stands = |state| more().has(voicemail(""), None).stands(state);
    check(stands(EntryState::Unsent), "folded fold applied");
    check(stands(EntryState::OnItsWay), &format!("{AMENDS} applied"));
    let decision = stands(EntryState::Unsent).decide();
    let Some(Revision::Fold { members, .. }) = decision.revisions.first() else {
        panic!("it folds");
    };
    assert_eq!(Value::Object(members.clone()), voicemail("more"));
}

#[test]
fn detail_of_a_set_that_never_got_there_becomes_a_set_unless_newer_was_decided() {
    let absent = more().has(voicemail(""), None).stands(EntryState::Absent);
    check(absent.clone(), &format!("{SETS} applied"));
    check(absent.has_of("crm", interested(), None), "stale");
}

#[test]
fn a_row_forces_one() {
    let forced = |given: Given| line(&given.ask(|question| decide(question, &table_of(FORCED))));
    let new = voicemail("new");
    assert_eq!(
        forced(Given::status(100).has(voicemail(""), None)),
        format!("delivery sent {new} applied")
    );
    assert_eq!(
        forced(Given::status(100).has(new, None)),
        "unchanged applied"
    );
    let interested: BTreeMap<String, Value> = interested()
        .as_object()
        .unwrap()
        .clone()
        .into_iter()
        .collect();
    let interested = json!(interested);
    assert_eq!(
        forced(Given::status(70).has_of("crm", voicemail(""), None)),
        format!("amend amends {interested} applied")
    );
    assert_eq!(
        forced(Given::status(70).call("b").has(voicemail(""), Some("a"))),
        format!("delivery sent {interested} applied")
    );
    assert_eq!(
        forced(Given::status(70)),
        format!("delivery sent {interested} applied")
    );
}

#[test]
fn unsent_older_ones_give_way_where_the_configuration_says_so() {
    let unsent = |on_newer| {
        let mut given = Given::status(100)
            .has_of("crm", voicemail(""), None)
            .stands(EntryState::Unsent)
            .has(voicemail("x"), None)
            .stands(EntryState::Unsent);
        given.policy.decide.on_newer = on_newer;
        given
    };
    check(unsent(OnNewer::Queue), SENT);
    let superseding = SENT.replace(" applied", " supersede supersede applied");
    check(unsent(OnNewer::Supersede), &superseding);
    let decision = unsent(OnNewer::Supersede).decide();
    assert_eq!(
        decision.record.saved_calls().collect::<Vec<_>>(),
        [("leadping", 2)]
    );
    // What may have arrived is not taken back, and an amend takes nothing's place.
    check(
        unsent(OnNewer::Supersede).stands(EntryState::OnItsWay),
        &superseding.replacen(" supersede", "", 1),
    );
    let mut amend = more()
        .has_of("crm", interested(), None)
        .stands(EntryState::Unsent)
        .has(voicemail(""), None);
    amend.policy.decide.on_newer = OnNewer::Supersede;
    check(amend, &format!("{AMENDS} applied"));
}

#[test]
fn an_amend_in_shadow_mode_is_withheld() {
    let mut given = more().has(voicemail(""), None);
    given.shadow = true;
    check(
        given,
        &format!(
            "{} applied",
            AMENDS.replace("amend amends", "amend withheld amend")
        ),
    );
}
