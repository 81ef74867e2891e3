//! Who may leave what.

use super::*;

const FINAL: &str = r#"kind = "nlpearl"
[[row]]
status = 100
final = true
leadping = { type = "Call", category = "Qualified", outcome = "Interested" }
[[row]]
status = 70
leadping = { type = "Call", category = "Qualified", outcome = "Maybe" }
"#;

fn won() -> Value {
    json!({ "type": "Call", "category": "Converted", "outcome": "Won" })
}

/// An event of `source` on a lead that `setter` has won.
fn after(setter: &str, source: &'static str) -> Given {
    Given {
        source,
        ..Given::status(100).has_of(setter, won(), None)
    }
}

#[test]
fn a_terminal_category_is_left_only_by_who_stands_at_or_before_its_setter() {
    for (setter, source, expected) in [
        ("crm", "voice", "outranked"),
        ("crm", "nobody", "outranked"),
        ("voice", "nobody", "outranked"),
        ("crm", "crm", SENT),
        ("voice", "voice", SENT),
        ("voice", "crm", SENT),
        ("nobody", "voice", SENT),
        ("nobody", "anybody", SENT),
    ] {
        assert_eq!(
            line(&after(setter, source).decide()),
            expected,
            "{source} after {setter}"
        );
    }
}

#[test]
fn elsewhere_the_newer_event_wins_whoever_sent_it() {
    check(Given::status(100).has_of("crm", voicemail(""), None), SENT);
    let mut nothing_is_terminal = after("crm", "voice");
    nothing_is_terminal
        .policy
        .decide
        .terminal_categories
        .clear();
    check(nothing_is_terminal, SENT);
}

#[test]
fn stale_goes_before_outranked_and_outranked_before_unchanged() {
    check(after("crm", "voice").target_applied(11), "stale");
    // The won set was refused; what the target has is not what was decided.
    let refused = Given::status(100)
        .has(interested(), None)
        .has_of("crm", won(), None)
        .stands(EntryState::Absent);
    check(refused.clone(), "unchanged applied");
    let of_another = Given {
        source: "nobody",
        ..refused
    };
    check(of_another, "outranked");
}

#[test]
fn detail_of_an_entry_that_is_there_is_never_outranked() {
    let given = Given {
        note: "more",
        kind: EventKind::Call,
        ..Given::status(70).call("a")
    };
    let given = given
        .has(voicemail(""), Some("a"))
        .has_of("crm", won(), None);
    assert!(line(&given.decide()).starts_with("amend"));
}

#[test]
fn the_decision_names_who_stands_in_the_way() {
    let decision = after("crm", "voice").decide();
    let TargetVerdict::Outranked { by, stays } = &decision.record.targets["leadping"] else {
        panic!("outranked");
    };
    assert_eq!((&**by, stays.outcome.as_deref()), ("crm", Some("Won")));
    assert!(decision.cause.is_none() && decision.applied.is_none());
}

#[test]
fn a_weaker_source_that_says_the_same_takes_nothing_over() {
    let decision = Given {
        status: 100,
        ..after("crm", "voice")
    };
    // The voice says Converted too, in other words.
    let table = table_of(
        r#"kind = "nlpearl"
[[row]]
status = 100
leadping = { type = "Call", category = "Converted", outcome = "Upsold" }
"#,
    );
    let made = decision.ask(|question| decide(question, &table));
    let course = &made.applied.expect("it is set").courses["leadping"];
    assert_eq!(
        (&*course.source, course.words.outcome.as_deref()),
        ("crm", Some("Upsold"))
    );
    // A stronger one does.
    let made = after("voice", "crm").ask(|question| decide(question, &table));
    assert_eq!(made.applied.unwrap().courses["leadping"].source, "crm");
}

#[test]
fn a_final_row_is_as_good_as_a_terminal_category() {
    let table = table_of(FINAL);
    let made = Given {
        source: "crm",
        ..Given::status(100)
    }
    .ask(|question| decide(question, &table));
    let course = made.applied.expect("it is set").courses.remove("leadping");
    let after_it = |source, status| {
        let mut given = Given {
            source,
            ..Given::status(status).has_of("crm", interested(), None)
        };
        given.target().course.clone_from(&course);
        line(&given.ask(|question| decide(question, &table)))
    };
    assert_eq!(after_it("voice", 70), "outranked");
    assert_eq!(after_it("voice", 100), "unchanged applied");
    assert!(after_it("crm", 70).starts_with("delivery sent"));
}
