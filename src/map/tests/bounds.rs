//! What a hostile table cannot do: every bound is a count of steps, bytes or rows, not a time.

use super::*;

#[track_caller]
fn refused(text: &str, expected: &str) {
    let (table, findings) = parse(SourceKind::Nlpearl, text);
    assert!(table.is_none());
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert!(findings[0].contains(expected), "{findings:#?}");
}

#[test]
fn a_table_has_its_limits() {
    let comment = format!("kind = \"nlpearl\"\n# {}\n", "x".repeat(1 << 20));
    refused(&comment, "the file is larger than 1048576 bytes");
    let rows = format!(
        "kind = \"nlpearl\"\n{}",
        "[[row]]\nignore = \"x\"\n".repeat(5001)
    );
    refused(&rows, "more than 5000 rows");
    let nested = format!(
        "kind = \"nlpearl\"\nx = {}1{}\n",
        "[".repeat(9000),
        "]".repeat(9000)
    );
    let (table, findings) = parse(SourceKind::Nlpearl, &nested);
    assert!(table.is_none(), "{findings:?}");
}

#[test]
fn a_file_of_any_size_is_read_in_part_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("voice.toml");
    std::fs::write(&path, "é".repeat(1 << 20)).unwrap();
    let wanted = BTreeMap::from([("voice".to_owned(), SourceKind::Nlpearl)]);
    let (tables, findings) = load_dir(dir.path(), &wanted);
    assert!(tables.is_none());
    assert!(
        findings[0].message.contains("larger than"),
        "{}",
        findings[0]
    );
    assert!(findings[0].file.text.len() <= (1 << 20) + 4);
    std::fs::write(&path, [b'k', 0xff]).unwrap();
    let (tables, findings) = load_dir(dir.path(), &wanted);
    assert!(tables.is_none());
    assert!(
        findings[0].message.contains("not written in UTF-8"),
        "{}",
        findings[0]
    );
}

#[test]
fn expressions_have_their_limits() {
    #[track_caller]
    fn check(expression: &str, expected: &str) {
        let when = toml::Value::from(expression);
        refused(
            &format!("kind = \"nlpearl\"\n[[row]]\nwhen = {when}\nignore = \"x\"\n"),
            expected,
        );
    }
    let filters = format!("body.list{} == []", " | sort".repeat(33));
    check(&filters, "more than 32 filters, tests and pieces");
    check(
        &format!("body.x == '{}'", "x".repeat(5000)),
        "longer than 4096 bytes",
    );
    check(
        &format!("{}1{} == 1", "[".repeat(1000), "]".repeat(1000)),
        "does not compile",
    );
}

/// However large the payload: steps are counted, and what is put together is cut off.
#[test]
fn an_evaluation_ends_at_its_steps_and_bytes() {
    let loops = |depth: usize, body: &str| {
        let opening = "{% for i in range(100) %}".repeat(depth);
        format!("{opening}{body}{}", "{% endfor %}".repeat(depth))
    };
    for (body, template, expected) in [
        (1, loops(2, "{{ '' }}"), "too many steps"),
        (1 << 20, loops(2, "{{ '' }}"), "too many steps"),
        (
            1 << 20,
            "{% for x in body.list %}{{ '' }}{% endfor %}".to_owned(),
            "too many steps",
        ),
        (9000, "{{ body.text }}".to_owned(), "longer than 8192 bytes"),
        (
            9000,
            "{{ body.text ~ body.text }}".to_owned(),
            "longer than 8192 bytes",
        ),
        (
            1 << 20,
            "x{% for i in range(100) %}{{ body.text }}{% endfor %}".to_owned(),
            "longer than 8192 bytes",
        ),
    ] {
        let given = Given {
            body: json!({ "text": "x".repeat(body), "list": vec![1; body / 16] }),
            ..Given::new(voice_facts(100))
        };
        let why = member(&given, "notes", &template).unwrap_err();
        assert!(why.contains(expected), "{template}: {why}");
    }
}

/// Each condition is cheap enough; thousands of them for one event would not be.
#[test]
fn an_event_has_few_conditions_to_try() {
    let table = |rows: &[(&str, usize)]| {
        let mut text = "kind = \"nlpearl\"\n".to_owned();
        for (keys, count) in rows {
            for number in 0..*count {
                let when = format!("when = \"lead.calls == {number}\"");
                text += &format!("[[row]]\n{keys}{when}\nignore = \"x\"\n");
            }
        }
        text
    };
    let bounded = "more than 64 conditions";
    let success = "status = 100\n";
    for rows in [
        vec![(success, 65)],
        vec![("", 65)],
        vec![("", 30), (success, 35)],
        vec![(success, 35), ("", 30)],
        vec![("status = [70, 100]\n", 33), (success, 32)],
    ] {
        let (refused, findings) = parse(SourceKind::Nlpearl, &table(&rows));
        assert!(refused.is_none(), "{rows:?}");
        let errors: Vec<&String> = findings
            .iter()
            .filter(|found| found.contains("error"))
            .collect();
        assert!(errors[0].contains(bounded), "{findings:?}");
    }
    for rows in [
        vec![(success, 64), ("status = 70\n", 64)],
        vec![("on = \"lead\"\n", 64), ("on = \"call\"\n", 64)],
    ] {
        let (taken, findings) = parse(SourceKind::Nlpearl, &table(&rows));
        assert!(taken.is_some(), "{rows:?}: {findings:?}");
    }
}

/// What one event costs is bounded by the rows of its status, not by the table.
#[test]
fn rows_of_other_statuses_are_not_looked_at() {
    let mut text = "kind = \"nlpearl\"\n".to_owned();
    for status in 1..=500 {
        text += &format!("[[row]]\nstatus = {status}\nwhen = \"lead.calls > 5\"\nignore = \"x\"\n");
        text += &format!("[[row]]\nstatus = {status}\npark = \"x\"\n");
    }
    let (table, _) = parse(SourceKind::Nlpearl, &text);
    let table = table.unwrap();
    let given = Given::new(voice_facts(333));
    let at: Timestamp = "2026-08-01T10:00:00Z".parse().unwrap();
    let mut looked_at = Vec::new();
    let input = MapInput {
        event_id: EventId::new_at(at),
        source: "voice",
        received_at: at,
        facts: &given.facts,
        body: b"{}",
        lead_id: None,
        calls: 0,
        previous: None,
    };
    evaluate_noting(&table, &input, &mut |row, _| {
        looked_at.push(row.reference.number)
    });
    assert_eq!(looked_at, [665, 666]);
}

/// One step may look at a list of any length; how often is bounded for all of an event.
#[test]
fn an_event_looks_at_so_much_and_no_more() {
    let given = Given {
        body: json!({ "list": vec!["a"; 20_000], "twin": vec!["a"; 20_000], "text": "x".repeat(200_000) }),
        ..Given::new(voice_facts(100))
    };
    for template in [
        "{% for i in range(100) %}{{ body.list | sort | length }}{% endfor %}",
        "{% for i in range(100) %}{{ body.list == body.twin }}{% endfor %}",
        "{% for i in range(100) %}{{ 'b' in body.list }}{% endfor %}",
        "{% for i in range(100) %}{% for j in range(5) %}{{ 'b' in body.text or 'c' in body.text }}{% endfor %}{% endfor %}",
    ] {
        let why = member(&given, "notes", template).unwrap_err();
        assert!(
            why.ends_with("looks at too much of the payload"),
            "{template}: {why}"
        );
    }
    let once =
        "{{ body.list | sort | length }} {{ 'b' in body.text }} {{ body.list == body.twin }}";
    assert_eq!(
        member(&given, "notes", once),
        Ok(Some(json!("20000 false true")))
    );
}

#[test]
fn a_row_fills_in_so_many_templates() {
    let tags = vec!["\"{{ lead.calls }}\""; 65].join(", ");
    let text =
        format!("kind = \"nlpearl\"\n[[row]]\nleadping = {{ lead = {{ tagNames = [{tags}] }} }}\n");
    let (table, findings) = parse(SourceKind::Nlpearl, &text);
    assert!(table.is_none());
    assert!(
        findings
            .iter()
            .any(|found| found.contains("more than 64 templates")),
        "{findings:?}"
    );
}

#[test]
fn more_findings_than_anybody_reads_are_counted() {
    let text = format!(
        "kind = \"nlpearl\"\n{}",
        "[[row]]\nstauts = 1\nignore = \"x\"\n".repeat(1500)
    );
    let (table, findings) = parse(SourceKind::Nlpearl, &text);
    assert!(table.is_none());
    assert_eq!(findings.len(), 1001);
    assert!(
        findings[1000].contains("more findings in this file"),
        "{}",
        findings[1000]
    );
    let text = format!("kind = \"nlpearl\"\n{}", "status = \n".repeat(5000));
    assert!(parse(SourceKind::Nlpearl, &text).1.len() <= 1001);
}

/// Whatever goes through a list or a text pays for its size before it begins, so that no number of
/// conditions makes an event cost more than the one budget that it has.
#[test]
fn what_costs_by_size_is_paid_for() {
    let items: Vec<String> = (0..20_000).map(|number| format!("item {number}")).collect();
    let given = Given {
        body: json!({ "items": items, "long": ["é".repeat(100_000)], "n": 1 }),
        ..Given::new(voice_facts(100))
    };
    for walk in [
        "body.items | sort | length",
        "body.items | unique | length",
        "body.items | reverse | list | length",
        "body.items | list | list | list | length",
        "body.items | map(attribute='x', default='') | list | length",
        "body.items | select('startingwith', 'x') | list | length",
        "body.items | select('in', body.items) | list | length",
        "body.items | min == 'x'",
        "body.items | string | length",
        "body.items[1:] | list | length",
        "body.items[::-1] | list | length",
        "(body.items + body.items) | list | length",
        "'x' in body.items",
        "body.items == body.items[:]",
        "body.items < body.items[:]",
        "text | upper | length",
        "text | lower | length",
        "text | title | length",
        "text | capitalize | length",
        "text | trim | length",
        "text | reverse | length",
        "text | split('x') | length",
        "text | split('') | length",
        "text | lines | length",
        "text | list | length",
        "text | string | length",
        "(text ~ text) | length",
        "(text + text) | length",
        "text[1:] | length",
        "text[::-1] | length",
        "'x' in text",
        "text == text ~ ''",
        "text > text ~ ''",
        "text is endingwith('x')",
        "text is lower",
    ] {
        // Each turn is a few steps; together they are within the steps of one template.
        let template = format!(
            "{{% for i in range(100) %}}{{% for text in body.long %}}{{{{ '' if ({walk}) }}}}{{% endfor %}}{{% endfor %}}"
        );
        let Err(why) = member(&given, "notes", &template) else {
            panic!("{walk} costs nothing");
        };
        assert!(
            why.ends_with("looks at too much of the payload"),
            "{walk}: {why}"
        );
    }
}

/// The one budget is the event's, not the condition's.
#[test]
fn sixty_conditions_cost_no_more_than_one() {
    let mut text = "kind = \"nlpearl\"\n".to_owned();
    for number in 0..60 {
        text += &format!(
            "[[row]]\nstatus = 100\nwhen = \"body.items | unique | sort | join(',') == 'x{number}'\"\nignore = \"x\"\n"
        );
    }
    let (table, findings) = parse(SourceKind::Nlpearl, &text);
    let table = table.unwrap_or_else(|| panic!("{findings:#?}"));
    let items: Vec<String> = (0..25_000).map(|number| format!("{number:07}")).collect();
    let given = Given {
        body: json!({ "items": items }),
        ..Given::new(voice_facts(100))
    };
    let Mapped::Invalid { row, why } = given.evaluate(&table) else {
        panic!("it was decided");
    };
    assert_eq!(row.number, 1);
    assert_eq!(
        why,
        "row 1, condition `when` looks at too much of the payload"
    );
    let few = Given {
        body: json!({ "items": ["a", "b"] }),
        ..Given::new(voice_facts(100))
    };
    assert_eq!(few.evaluate(&table), Mapped::Unmapped);
}

/// What puts texts together without end: only numbers are summed.
#[test]
fn only_numbers_are_summed() {
    let given = Given {
        body: json!({ "items": vec!["x"; 1000], "n": [1, 2.5] }),
        ..Given::new(voice_facts(100))
    };
    for sum in ["sum(start='')", "sum(start=[])", "sum"] {
        let template = format!("{{{{ body.items | {sum} }}}}");
        assert!(member(&given, "notes", &template).is_err(), "{sum}");
    }
    let summed = member(&given, "notes", "{{ body.n | sum(start=1) }}");
    assert_eq!(summed, Ok(Some(json!("4.5"))));
}

#[test]
fn what_is_written_out_has_the_limit_of_what_a_template_may_make() {
    let long = "x".repeat(8193);
    let sendable = format!("{}\u{e9}", "x".repeat(8190));
    let told = "is longer than 8192 bytes";
    let row = |members: &str| {
        format!(
            "kind = \"nlpearl\"\n[[row]]\nleadping = {{ type = \"a\", outcome = \"b\", {members} }}\n"
        )
    };
    refused(
        &row(&format!("notes = \"{long}\"")),
        &format!("`notes` {told}"),
    );
    let tags = format!("lead = {{ tagNames = [\"{long}\"] }}");
    refused(&row(&tags), &format!("`tagNames` {told}"));
    let park = format!("kind = \"nlpearl\"\n[[row]]\npark = \"{long}\"\n");
    refused(&park, &format!("`park` {told}"));
    let (table, findings) = parse(
        SourceKind::Nlpearl,
        &row(&format!("notes = \"{sendable}\"")),
    );
    assert!(table.is_some(), "{findings:?}");
    // What is evaluated has a limit of its own, which is the one to be told.
    let when = format!("kind = \"nlpearl\"\n[[row]]\nignore = \"x\"\nwhen = \"'{long}' == 'x'\"\n");
    refused(&when, "longer than 4096 bytes");
    let limits = include_str!("../../../docs/tables.md");
    for limit in ["8 KiB (8,192 bytes)", "4 KiB (4,096 bytes)"] {
        assert!(limits.contains(limit), "{limit}");
    }
}
