//! Which row an event ends in.

use super::*;

const MATCHING: &str = r#"
kind = "nlpearl"

[[row]]
name = "third call"
status = [70, "Unreachable"]
when = "lead.calls >= 3"
ignore = "a"

[[row]]
name = "any call"
on = "call"
ignore = "b"

[[row]]
name = "voicemail"
status = "voicemailleft"
park = "c"

[[row]]
name = "the rest"
ignore = "d"

[[row]]
name = "never"
status = 100
ignore = "e"
"#;

#[test]
fn the_first_row_that_matches_wins() {
    let (table, _) = parse(SourceKind::Nlpearl, MATCHING);
    let table = table.unwrap();
    #[track_caller]
    fn check(table: &Table, status: i64, kind: EventKind, calls: u32, expected: (&str, u32, u32)) {
        let given = Given {
            calls,
            ..Given::new(Facts {
                kind: Some(kind),
                ..voice_facts(status)
            })
        };
        let row = match given.evaluate(table) {
            Mapped::Ignored { row, .. } | Mapped::Parked { row, .. } => row,
            other => panic!("{other:?}"),
        };
        let name = row.name.as_deref().unwrap();
        assert_eq!((name, row.number, row.line), expected);
    }
    check(&table, 70, EventKind::Lead, 3, ("third call", 1, 4));
    check(&table, 150, EventKind::Call, 4, ("third call", 1, 4));
    check(&table, 70, EventKind::Call, 2, ("any call", 2, 10));
    check(&table, 70, EventKind::Lead, 2, ("voicemail", 3, 15));
    check(&table, 150, EventKind::Lead, 2, ("the rest", 4, 20));
    check(&table, 100, EventKind::Lead, 0, ("the rest", 4, 20));
    check(&table, 777, EventKind::Lead, 0, ("the rest", 4, 20));
}

#[test]
fn sub_status_and_reason_narrow_a_row() {
    let (table, _) = parse(
        SourceKind::Capillary,
        r#"
        kind = "capillary"
        [[row]]
        name = "both"
        status = "lost"
        sub_status = ["A", "B"]
        reason_id = [2, 3]
        ignore = "x"
        "#,
    );
    let table = table.unwrap();
    #[track_caller]
    fn check(table: &Table, sub_status: Option<&str>, reason_id: Option<i64>, matches: bool) {
        let given = Given::new(Facts {
            kind: Some(EventKind::Lead),
            status: Some(Status::Name("LOST".to_owned())),
            sub_status: sub_status.map(str::to_owned),
            reason_id,
            ..Facts::default()
        });
        let found = given.evaluate(table) != Mapped::Unmapped;
        assert_eq!(found, matches, "{sub_status:?} {reason_id:?}");
    }
    check(&table, Some("A"), Some(2), true);
    check(&table, Some("B"), Some(3), true);
    check(&table, Some("C"), Some(2), false);
    check(&table, Some("A"), Some(4), false);
    check(&table, None, Some(2), false);
    check(&table, Some("A"), None, false);
}

#[track_caller]
fn check_when(when: &str, expected: Result<bool, &str>) {
    let given = Given {
        calls: 3,
        body: json!({"a": {"b": "secret"}, "n": null}),
        ..Given::new(voice_facts(100))
    };
    let found = match given.evaluate(&table_of(Some(when), Vec::new())) {
        Mapped::Ignored { .. } => Ok(true),
        Mapped::Unmapped => Ok(false),
        Mapped::Invalid { why, .. } => Err(why),
        other => panic!("{other:?}"),
    };
    assert_eq!(found, expected.map_err(str::to_owned), "{when}");
}

#[test]
fn a_condition_must_be_true_or_false() {
    let check = check_when;
    check("lead.calls >= 3", Ok(true));
    check("lead.calls * 2 == 6 and not event.status == 70", Ok(true));
    check("event.status in [70, 110]", Ok(false));
    check(
        "previous.category is defined and previous.category == 'Lost'",
        Ok(false),
    );
    check("previous.category | default('none') == 'none'", Ok(true));
    check("body.a.b == 'secret'", Ok(true));
    check("body['a']['b'] is startingwith('sec')", Ok(true));
    check("body.n is none", Ok(true));
    check("body.x.y.z | default(1) == 1", Ok(true));
    check("body.x.y is defined", Ok(false));
    check(
        "body.a.b",
        Err("row 1, condition `when` is text, not true or false"),
    );
    check(
        "lead.calls",
        Err("row 1, condition `when` is a number, not true or false"),
    );
    check(
        "previous.category == 'Lost'",
        Err(
            "row 1, condition `when` cannot be evaluated: undefined value; missing: `previous.category`",
        ),
    );
    check(
        "body.x.y == 1",
        Err("row 1, condition `when` cannot be evaluated: undefined value; missing: `body.x.y`"),
    );
    check(
        "body.a.b > 3 + body.a.b",
        Err("row 1, condition `when` cannot be evaluated: invalid operation"),
    );
}

/// The engine would put every text after every number.
#[test]
fn text_and_numbers_have_no_order() {
    let check = check_when;
    check("[] < range(1) and range(2) < [0, 2]", Ok(true));
    check("1 < lead.calls <= 3 != 4", Ok(true));
    check("1 < lead.calls < 3", Ok(false));
    for (when, why) in [
        ("body.a < [1]", "compares an object with a list"),
        ("body.a.b > 5", "compares text with a number"),
        ("5 < body.a.b", "compares a number with text"),
        ("1 < lead.calls < body.a.b", "compares a number with text"),
        ("body.x | default('') >= 18", "compares text with a number"),
        ("body.a.b is gt(5)", "compares text with a number"),
        ("[3, 'x'] | max == 3", "compares a number with text"),
        (
            "[1, 'x'] | select('lt', 2) | list == []",
            "compares text with a number",
        ),
        ("body.a.b > true", "compares text with true or false"),
    ] {
        let why = format!("row 1, condition `when` {why}");
        check(when, Err(&why));
    }
    check("'5' == 5", Ok(false));
}
