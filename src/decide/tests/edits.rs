//! Somebody changed our entry at LeadPing in its place.

use super::told::told;
use super::*;

fn marker(number: u128) -> Option<String> {
    Some(DeliveryId(uuid::Uuid::from_u128(number)).to_string())
}

fn entry_id(id: &str) -> Option<String> {
    Some(id.to_owned())
}

/// Our entry of call `a`, and what LeadPing tells of it.
fn told_of(marker: Option<String>, entry_id: Option<String>) -> Given {
    let mut given = told("Lost", Some("Gave up")).has(interested(), Some("a"));
    given.target().entries[0].entry_id = Some(String::from("disp_1"));
    given.reported = Some(crate::event::Reported {
        marker,
        entry_id,
        ..crate::event::Reported::default()
    });
    given
}

#[test]
fn it_is_an_edit_unless_it_names_another_entry() {
    for (marker, entry_id, is_edit) in [
        (marker(1), None, true),
        (None, entry_id("disp_1"), true),
        (None, None, true),
        (None, entry_id("disp_2"), false),
        (marker(9), None, false),
    ] {
        let given = told_of(marker, entry_id);
        let decision = given.decide();
        let word = line(&decision);
        let expected = if is_edit {
            "ignored supersede amends applied"
        } else {
            "ignored applied"
        };
        assert_eq!(word, expected);
        let course = &decision.applied.unwrap().courses["leadping"];
        let edited = course.reported.as_ref().and_then(|report| report.edited);
        assert_eq!(edited.is_some(), is_edit);
        // More about the call, which would say all members anew.
        let mut detail = Given::status(100).call("a");
        detail.kind = EventKind::Call;
        detail.history = given.history.clone();
        detail.target().course = Some(course.clone());
        let mut known = interested();
        known["notes"] = json!("from an amend of ours");
        detail.target().entries[0].members = known.as_object().cloned().unwrap();
        let expected = if is_edit {
            "stale"
        } else {
            "unchanged applied"
        };
        check(detail.clone(), expected);
        // Another call is news.
        detail.call = Some("b");
        check(detail, SENT);
    }
}

#[test]
fn once_edited_it_stays_so() {
    let mut given = told_of(marker(1), None);
    let first = given.decide().applied.unwrap();
    given.target().course = Some(first.courses["leadping"].clone());
    let reported = given
        .target()
        .course
        .as_mut()
        .unwrap()
        .reported
        .as_mut()
        .unwrap();
    reported.event = Sequence(9);
    given.says = Some((String::from("Open"), None));
    given.reported = None;
    let again = given.decide().applied.unwrap();
    let report = again.courses["leadping"].reported.clone().unwrap();
    assert_eq!(report.edited, Some(DeliveryId(uuid::Uuid::from_u128(1))));
    assert_eq!(report.words.category.as_deref(), Some("Open"));
}
