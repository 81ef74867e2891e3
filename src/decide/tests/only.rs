//! A delivery that is released is decided again alone: nothing is decided for the other targets of
//! its event, for LeadPing's other part, or for the lead's other addresses.

use super::write_back::{Given, story};
use super::*;

/// Decided for the place of this slot alone.
#[track_caller]
fn check(mut given: Given, slot: &str, expected: &str) {
    given.history.only = Some(Only::of(Slot::parse(slot)));
    let decision = given.decide();
    assert_eq!(story(&decision), expected, "{slot}");
    let applied = decision.applied.map(|change| change.targets);
    let elsewhere = |slot: &String| decision.deliveries.iter().all(|sent| sent.slot() != *slot);
    assert!(!applied.unwrap_or_default().iter().any(elsewhere), "{slot}");
}

/// What this very event had decided in a slot, which did not get there.
fn parked(mut given: Given, slot: &str, members: Value) -> Given {
    given = given.has(slot, members, None);
    let past = given.history.targets.get_mut(slot).expect("it is there");
    past.entries[0].event = Sequence(10);
    past.entries[0].state = EntryState::Absent;
    given
}

const LOST: &str = r#"leadping L1 {"category":"Lost","outcome":"Lost","type":"CRM"}"#;

#[test]
fn a_target_is_released_without_the_other() {
    let both = || Given::status("LOST").linked().voice("v1", "p1");
    let leadping = format!("leadping: delivery; {LOST}; applied leadping as Lost");
    let nlpearl = r#"nlpearl: delivery; nlpearl o1/v1 {"status":110}; applied nlpearl:o1/v1 as -"#;
    check(both(), "leadping", &leadping);
    check(both(), "nlpearl:o1/v1", nlpearl);
    // Whatever became of the other one: parked as well, or refused while this one was not.
    let members = json!({ "status": 110 });
    check(
        parked(both(), "nlpearl:o1/v1", members),
        "leadping",
        &leadping,
    );
    // A lead that is nowhere at the other target does not park the event for that.
    check(
        Given::status("LOST").voice("v1", "p1"),
        "nlpearl:o1/v1",
        nlpearl,
    );
    check(Given::status("LOST").linked(), "leadping", &leadping);
    // And what only the other one wants is nothing at all here.
    check(
        Given::status("WON").linked().voice("v1", "p1"),
        "leadping",
        "",
    );
}

#[test]
fn the_record_is_released_without_the_disposition() {
    let open = || Given::status("OPEN").linked();
    check(
        open(),
        "leadping",
        r#"leadping: delivery; leadping L1 {"outcome":"Open","type":"CRM"}; applied leadping as Open"#,
    );
    check(
        open(),
        "leadping.lead",
        r#"leadping.lead: delivery; leadping L1 {"lead":{"enabled":true}}; applied leadping.lead as -"#,
    );
}

#[test]
fn one_address_is_released_without_the_others() {
    let members = || json!({ "status": 130 });
    let both = || Given::status("WON").voice("v1", "p1").voice("v2", "p2");
    let first =
        r#"nlpearl:o1/v1: delivery; nlpearl o1/v1 {"status":130}; applied nlpearl:o1/v1 as -"#;
    let second =
        r#"nlpearl:o2/v2: delivery; nlpearl o2/v2 {"status":130}; applied nlpearl:o2/v2 as -"#;
    check(both(), "nlpearl:o1/v1", first);
    check(both(), "nlpearl:o2/v2", second);
    let other_parked = parked(both(), "nlpearl:o2/v2", members());
    check(other_parked, "nlpearl:o1/v1", first);
    // The campaign has another number now: there, and not at the address that had its own.
    let moved = parked(both(), "nlpearl:o2/v2", members());
    check(
        parked(moved, "nlpearl:o9/v1", members()),
        "nlpearl:o9/v1",
        first,
    );
}
