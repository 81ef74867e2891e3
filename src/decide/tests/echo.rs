//! Our own writes coming back.

use super::*;
use crate::lead::OwnWrite;

/// An event of the system that `leadping` is, with own writes awaited: (event, until ms, members).
fn awaiting(kind: &'static str, status: i64, writes: &[(i64, i64, Value)]) -> Given {
    let mut given = Given::status(status);
    let reported = Reported {
        target: String::from("leadping"),
        kind,
    };
    given.policy.reports.insert(String::from("voice"), reported);
    given.target().own_writes = writes
        .iter()
        .map(|(event, until, members)| OwnWrite {
            delivery: DeliveryId(uuid::Uuid::from_u128(event.unsigned_abs().into())),
            entry: DeliveryId(uuid::Uuid::from_u128(event.unsigned_abs().into())),
            event: Sequence(*event),
            members: members.as_object().unwrap().clone(),
            until: at(*until),
        })
        .collect();
    given
}

fn status(number: i64) -> Value {
    json!({ "status": number })
}

#[test]
fn a_write_of_ours_that_comes_back_is_an_echo_once() {
    check(
        awaiting("nlpearl", 100, &[(9, 1000, status(100))]),
        "echo echoed applied",
    );
    let given = awaiting(
        "nlpearl",
        100,
        &[(8, 1000, status(100)), (9, 1000, status(100))],
    );
    let decision = given.decide();
    let oldest = DeliveryId(uuid::Uuid::from_u128(8));
    assert_eq!(decision.revisions, [Revision::Echoed { delivery: oldest }]);
    let change = decision.applied.expect("an echo is applied");
    assert_eq!(change.targets, ["leadping"]);
    assert!(change.previous.is_none() && change.courses.is_empty());
}

#[test]
fn what_is_no_echo_is_decided_and_counted_as_a_near_miss() {
    let near = |writes: &[(i64, i64, Value)]| {
        let decision = awaiting("nlpearl", 100, writes).decide();
        assert_eq!(line(&decision), SENT);
        decision.record.near_miss
    };
    assert_eq!(near(&[]), None);
    assert_eq!(near(&[(9, 1000, status(130))]).as_deref(), Some("leadping"));
    // Its window is closed; or the write came after the event.
    assert_eq!(near(&[(9, 999, status(100))]), None);
    assert_eq!(near(&[(10, 2000, status(100))]), None);
    let mut of_nobody = awaiting("nlpearl", 100, &[(9, 1000, status(100))]);
    of_nobody.policy.reports.clear();
    check(of_nobody, SENT);
}

#[test]
fn verdicts_on_the_event_go_before_an_echo_which_waits_for_no_link() {
    let writes = [(9, 1000, status(20))];
    check(awaiting("nlpearl", 20, &writes), "ignored echoed");
    check(
        awaiting("nlpearl", 100, &[(9, 1000, status(100))]).unlinked(),
        "echo echoed applied",
    );
    // And an echo before stale.
    check(
        awaiting("nlpearl", 100, &[(9, 1000, status(100))]).target_applied(11),
        "echo echoed applied",
    );
}

#[test]
fn what_each_system_calls_its_value() {
    use crate::decide::echo::{Heard, listen};
    #[track_caller]
    fn hears(kind: &str, facts: Facts, members: Value, expected: bool) {
        let write = OwnWrite {
            delivery: DeliveryId(uuid::Uuid::nil()),
            entry: DeliveryId(uuid::Uuid::nil()),
            event: Sequence(1),
            members: members.as_object().unwrap().clone(),
            until: at(0),
        };
        let heard = listen(
            kind,
            &facts,
            (Sequence(2), at(0)),
            std::slice::from_ref(&write),
        );
        assert_eq!(matches!(heard, Heard::Echo(_)), expected);
    }
    let facts = |status: &str, sub: Option<&str>, reason| Facts {
        status: Some(Status::Name(status.to_owned())),
        sub_status: sub.map(str::to_owned),
        reason_id: reason,
        ..Facts::default()
    };
    let won = || json!({ "category": "Converted", "outcome": "Won" });
    for (status, sub, expected) in [
        ("Converted", Some("Won"), true),
        ("Won", Some("Converted"), true),
        ("Converted", None, true),
        ("Won", None, true),
        ("Converted", Some("Upsold"), false),
        ("Lost", Some("Won"), false),
    ] {
        hears("leadping", facts(status, sub, None), won(), expected);
    }
    let lost = || json!({ "status": "LOST", "subStatus": "WrongNumber", "reasonId": 4 });
    hears(
        "capillary",
        facts("LOST", Some("WrongNumber"), Some(4)),
        lost(),
        true,
    );
    hears("capillary", facts("LOST", None, None), lost(), true);
    hears(
        "capillary",
        facts("LOST", Some("Other"), Some(4)),
        lost(),
        false,
    );
    hears(
        "capillary",
        facts("LOST", Some("WrongNumber"), Some(5)),
        lost(),
        false,
    );
    hears(
        "capillary",
        facts("WON", Some("WrongNumber"), Some(4)),
        lost(),
        false,
    );
    hears("leadping", Facts::default(), won(), false);
}

#[test]
fn a_marker_says_exactly_which_write_it_was() {
    let marked = |marker: Option<&str>| {
        let members = json!({ "category": "70", "outcome": "Voicemail left" });
        let mut given = awaiting(
            "leadping",
            70,
            &[(8, 1000, members.clone()), (9, 1000, members)],
        );
        given.reported = marker.map(|marker| crate::event::Reported {
            marker: Some(marker.to_owned()),
            ..crate::event::Reported::default()
        });
        given.decide().revisions
    };
    let echoed = |number: u128| {
        let delivery = DeliveryId(uuid::Uuid::from_u128(number));
        vec![Revision::Echoed { delivery }]
    };
    let ninth = DeliveryId(uuid::Uuid::from_u128(9)).to_string();
    assert_eq!(marked(Some(&ninth)), echoed(9));
    assert_eq!(marked(None), echoed(8));
    let other = DeliveryId(uuid::Uuid::from_u128(7)).to_string();
    assert_eq!(marked(Some(&other)), []);
}

/// LeadPing reports that the entry of our eighth delivery is now Open and this; what we wrote there
/// last, by our ninth, is still to come back.
#[track_caller]
fn marked(outcome: &str, written: Value, expected: bool) {
    use crate::decide::echo::{Heard, listen};
    let number = |number| DeliveryId(uuid::Uuid::from_u128(number));
    let write = OwnWrite {
        delivery: number(9),
        entry: number(8),
        event: Sequence(1),
        members: written.as_object().unwrap().clone(),
        until: at(0),
    };
    let facts = Facts {
        status: Some(Status::Name("Open".to_owned())),
        sub_status: Some(outcome.to_owned()),
        reported: Some(crate::event::Reported {
            marker: Some(number(8).to_string()),
            ..crate::event::Reported::default()
        }),
        ..Facts::default()
    };
    let own = (Sequence(2), at(0));
    let heard = listen("leadping", &facts, own, std::slice::from_ref(&write));
    assert_eq!(matches!(heard, Heard::Echo(_)), expected, "{heard:?}");
}

#[test]
fn an_amend_comes_back_with_the_marker_of_the_set() {
    let written = || json!({ "category": "Open", "outcome": "Voicemail", "notes": "more" });
    marked("Voicemail", written(), true);
    // Somebody edited our entry meanwhile: that is no write of ours.
    marked("Spoke to her", written(), false);
    // LeadPing may say more than we wrote.
    marked("Spoke to her", json!({ "outcome": "Spoke to her" }), true);
    marked("Voicemail", json!({ "outcome": "Spoke to her" }), false);
}
