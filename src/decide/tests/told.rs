//! What a system itself reports counts as what it has, whatever the table makes of the webhook.

use super::*;
use crate::decision::Told;
use crate::lead::OwnWrite;
use crate::lead::course::{Report, Words};

/// A webhook of LeadPing's own, recorded tenth, of an entry that a person made.
pub(super) fn told(category: &str, outcome: Option<&str>) -> Given {
    let mut given = Given::status(0);
    given.says = Some((category.to_owned(), outcome.map(str::to_owned)));
    let reported = Reported {
        target: String::from("leadping"),
        kind: "leadping",
    };
    given.source = "people";
    given
        .policy
        .reports
        .insert(String::from("people"), reported);
    given
}

/// What it changes, in a line.
fn news(given: &Given) -> String {
    let decision = given.decide();
    let Some(change) = &decision.applied else {
        assert_eq!(decision.record.told, None);
        return String::from("nothing");
    };
    assert!(change.is_only_told && change.occurred_at.is_none());
    let course = &change.courses["leadping"];
    let report = course.reported.as_ref().expect("it is a report");
    assert!(matches!(decision.record.told, Some(Told::Has { .. })));
    let words = |words: &Words| {
        let words = [&words.category, &words.outcome];
        words.map(|word| word.clone().unwrap_or_default()).join("/")
    };
    let over = match report.over {
        Some(over) => format!(" over {}", over.0.as_u128()),
        None => String::new(),
    };
    let newest = if change.targets.is_empty() {
        ""
    } else {
        ", newest word"
    };
    format!(
        "{}, course {} by {}{over}{newest}",
        words(&report.words),
        words(&course.words),
        course.source
    )
}

#[track_caller]
fn check_news(given: &Given, expected: &str) {
    assert_eq!(news(given), expected);
}

#[test]
fn what_it_says_counts_over_what_we_wrote() {
    let open = json!({ "category": "Open", "outcome": "New" });
    let lost = |given: Given| {
        given
            .has_of("crm", open.clone(), None)
            .has(interested(), None)
    };
    check_news(
        &lost(told("Lost", Some("Gone"))),
        "Lost/Gone, course Lost/Gone by people over 2",
    );
    // By LeadPing's own clock it is newer than what waits for a link.
    check_news(
        &lost(told("Lost", Some("Gone"))).occurred(500),
        "Lost/Gone, course Lost/Gone by people over 2, newest word",
    );
    // What is not said stays; which of the two is called the status is the sender's to choose.
    check_news(
        &lost(told("Lost", None)),
        "Lost/, course Lost/ by people over 2",
    );
    check_news(
        &lost(told("Sold", Some("Converted"))),
        "Converted/Sold, course Converted/Sold by people over 2",
    );
    check_news(
        &lost(told("Sold", None)),
        "Qualified/Sold, course Qualified/Sold by voice over 2",
    );
    // What we wrote is no news, in any letter case.
    for (category, outcome) in [
        ("Qualified", Some("Interested")),
        ("Qualified", Some("interested")),
        ("Qualified", None),
        ("Interested", None),
    ] {
        check_news(&lost(told(category, outcome)), "nothing");
    }
}

#[test]
fn it_counts_whatever_the_row_says() {
    for (category, verdict) in [
        ("Lost", "ignored supersede amends applied"),
        (
            "Invalid",
            "parked (row:people:Invalid) supersede amends applied",
        ),
        (
            "Duplicate",
            "invalid (invalid:people) supersede amends applied",
        ),
        (
            "Converted",
            "unmapped (unmapped:people:Converted) supersede amends applied",
        ),
    ] {
        let given = told(category, None).has(interested(), None);
        check_news(
            &given,
            &format!("{category}/, course {category}/ by people over 1"),
        );
        check(given, verdict);
    }
    let mut of_a_call = told("Lost", None).has(interested(), None);
    of_a_call.kind = EventKind::Call;
    check_news(&of_a_call, "nothing");
    let mut invalid = told("Lost", None).has(interested(), None);
    invalid.standing = Standing::Invalid(String::from("no lead"));
    check_news(&invalid, "nothing");
    let mut of_nobody = told("Lost", None).has(interested(), None);
    of_nobody.policy.reports.clear();
    check_news(&of_nobody, "nothing");
}

#[test]
fn a_lead_that_we_never_wrote_is_known_at_leadping_alone() {
    check_news(
        &told("Converted", Some("Sold")),
        "Converted/Sold, course Converted/Sold by people",
    );
    let mut elsewhere = told("Converted", None);
    let reported = elsewhere.policy.reports.get_mut("people").unwrap();
    reported.target = String::from("capillary");
    reported.kind = "capillary";
    check_news(&elsewhere, "nothing");
}

#[test]
fn what_is_older_than_what_it_has_is_no_news() {
    let given = || told("Lost", None).has(interested(), None);
    check_news(&given().occurred(-1_000), "nothing");
    // To the second.
    check_news(
        &given().occurred(0),
        "Lost/, course Lost/ by people over 1, newest word",
    );
    // Its source has said something since; by its clock, or without one as recorded.
    check_news(
        &given().applied("people", 9, Some(900)).occurred(800),
        "nothing",
    );
    check_news(&given().applied("people", 11, None), "nothing");
    // It has told it already, and says so again; or something newer has.
    let again = "/, course Qualified/Interested by voice";
    for (event, expected) in [(10, again), (11, "nothing")] {
        let mut given = given();
        given.target().course.as_mut().unwrap().reported = Some(Report {
            event: Sequence(event),
            source: String::from("people"),
            occurred_at: None,
            words: Words::default(),
            over: None,
            edited: None,
        });
        check_news(&given, expected);
    }
    // Decided again after something newer was written.
    let mut late = given();
    late.target().entries[0].event = Sequence(11);
    check_news(&late, "nothing");
    // An older event that waited was written only after it came.
    for (since_ms, expected) in [
        (1000, "nothing"),
        (999, "Lost/, course Lost/ by people over"),
    ] {
        let mut waited = given();
        waited.target().entries[0].there_since = Some(at(since_ms));
        assert!(news(&waited).starts_with(expected), "{since_ms}");
    }
}

#[test]
fn what_is_on_its_way_comes_after_it() {
    let given = told("Lost", None).has(voicemail(""), None);
    let mut given = given.has(interested(), None).stands(EntryState::OnItsWay);
    // But what was there before does not come back if that never arrives.
    check_news(&given, "Lost/, course Qualified/Interested by voice over 1");
    given.target().entries.remove(1);
    check_news(&given, "nothing");
}

#[test]
fn a_change_of_an_older_entry_is_not_what_the_lead_is_now() {
    let mut given = told("Lost", None)
        .has(voicemail(""), None)
        .has(interested(), None);
    let marked = |number: u128| crate::event::Reported {
        marker: Some(DeliveryId(uuid::Uuid::from_u128(number)).to_string()),
        ..crate::event::Reported::default()
    };
    given.reported = Some(marked(1));
    check_news(&given, "nothing");
    given.reported = Some(marked(2));
    check_news(&given, "Lost/, course Lost/ by people over 2");
}

#[test]
fn then_the_same_again_is_written_and_counts_as_a_way_back() {
    let mut given = Given::status(100).has(interested(), None);
    check(given.clone(), "unchanged applied");
    let told = told("Lost", None).has(interested(), None).decide();
    let change = told.applied.expect("it is told");
    given.target().course = Some(change.courses["leadping"].clone());
    check(given.clone(), SENT);
    let made = given.decide().applied.unwrap();
    let course = &made.courses["leadping"];
    assert_eq!(course.returns.len(), 1);
    // If that does not arrive, LeadPing still has what it said.
    assert_eq!(course.reported, change.courses["leadping"].reported);
}

#[test]
fn an_echo_in_a_webhook_that_no_row_acts_on_is_used_up_all_the_same() {
    let mut given = told("Qualified", Some("Interested")).has(interested(), None);
    let members = interested().as_object().unwrap().clone();
    let delivery = DeliveryId(uuid::Uuid::from_u128(1));
    given.target().own_writes = vec![OwnWrite {
        delivery,
        entry: delivery,
        event: Sequence(1),
        members,
        until: at(2000),
    }];
    let decision = given.decide();
    assert_eq!(line(&decision), "ignored echoed");
    let target = String::from("leadping");
    assert_eq!(
        decision.record.told,
        Some(Told::Echo {
            target,
            of: delivery
        })
    );
    given.says = Some((String::from("Lost"), None));
    let decision = given.decide();
    assert_eq!(decision.record.near_miss.as_deref(), Some("leadping"));
    assert_eq!(line(&decision), "ignored supersede amends applied");
}
