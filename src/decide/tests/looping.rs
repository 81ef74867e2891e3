//! The write budget.

use super::*;
use crate::config::WriteBudget;
use std::time::Duration;

/// The lead went to and fro `times` times, each a second after the other, and is at a voicemail.
fn to_and_fro(times: usize) -> Given {
    let mut given = Given::status(100);
    given.policy.decide.write_budget = WriteBudget {
        returns: 3,
        per: Duration::from_secs(60),
    };
    let span = given.policy.span();
    let mut course = None;
    for turn in 0..=times {
        let members = if turn % 2 == times % 2 {
            voicemail("")
        } else {
            interested()
        };
        let step = crate::lead::course::Step {
            words: crate::lead::course::Words::of("leadping", members.as_object().unwrap()),
            source: "crm",
            is_final: false,
            event: Sequence(i64::try_from(turn).unwrap()),
            at: at(i64::try_from(turn).unwrap() * 1000 - 30_000),
        };
        course = Some(Course::after(course.as_ref(), &step, span));
    }
    given = given.has_of("crm", voicemail(""), None);
    given.target().course = course;
    given
}

#[test]
fn a_lead_decided_back_more_often_than_its_budget_is_parked_with_the_evidence() {
    // The first two steps are new words; every further one is a return.
    for (times, expected) in [
        (1, SENT),
        (2, SENT),
        (3, SENT),
        (4, "looping (looping:leadping)"),
    ] {
        assert_eq!(line(&to_and_fro(times).decide()), expected, "{times}");
    }
    let decision = to_and_fro(4).decide();
    let TargetVerdict::Looping {
        returns,
        per_seconds,
    } = &decision.record.targets["leadping"]
    else {
        panic!("looping");
    };
    assert_eq!((returns.len(), *per_seconds), (3, 60));
    let outcomes: Vec<_> = returns
        .iter()
        .filter_map(|back| back.to.outcome.as_deref())
        .collect();
    assert_eq!(outcomes, ["Voicemail left", "Interested", "Voicemail left"]);
    assert!(decision.applied.is_none());
}

#[test]
fn only_what_was_recorded_within_the_time_counts() {
    let mut given = to_and_fro(4);
    given.policy.decide.write_budget.per = Duration::from_secs(28);
    check(given, SENT);
}

#[test]
fn who_is_released_when_the_time_has_passed_goes() {
    let released = |seconds| {
        to_and_fro(4).ask(|question| {
            let now = question.event.received_at + jiff::SignedDuration::from_secs(seconds);
            decide(&Question { now, ..*question }, &table())
        })
    };
    assert_eq!(line(&released(60)), "looping (looping:leadping)");
    assert_eq!(line(&released(61)), SENT);
}

#[test]
fn new_words_and_the_same_words_never_trip_it() {
    let mut given = to_and_fro(8);
    given.note = "x";
    given.status = 70;
    // Another source, the same words: more detail is a new entry, but no way back.
    assert!(line(&given.decide()).starts_with("delivery sent"));
    let table = table_of(
        r#"kind = "nlpearl"
[[row]]
status = 100
leadping = { type = "Call", category = "Lost", outcome = "Never heard" }
"#,
    );
    let made = to_and_fro(8).ask(|question| decide(question, &table));
    assert!(line(&made).starts_with("delivery sent"));
}

#[test]
fn what_is_remembered_stays_small() {
    let course = to_and_fro(100).target().course.clone().unwrap();
    assert_eq!((course.returns.len(), course.had.len()), (3, 1));
    let policy = Policy::default();
    let mut course = Course::default();
    for number in 0..100 {
        let step = crate::lead::course::Step {
            words: crate::lead::course::Words {
                category: None,
                outcome: Some(number.to_string()),
            },
            source: "crm",
            is_final: false,
            event: Sequence(number),
            at: at(number),
        };
        course = Course::after(Some(&course), &step, policy.span());
    }
    assert_eq!((course.returns.len(), course.had.len()), (0, 16));
}
