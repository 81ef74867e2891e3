//! What templates make of an event, and what they cannot do.

use super::*;

fn call_end() -> Given {
    Given {
        body: json!({"list": [1, {"x": "deep"}], "name": "Sarah", "nothing": null}),
        lead_id: Some("lead_1"),
        calls: 2,
        previous: Some(Previous {
            category: Some("Open".to_owned()),
            outcome: None,
            source: "crm".to_owned(),
            at: "2026-08-01T09:00:00Z".parse().unwrap(),
        }),
        ..Given::new(Facts {
            kind: Some(EventKind::Call),
            call_summary: Some("Wants a visit.".to_owned()),
            call_duration: Some(99.0),
            call_transferred: Some(false),
            collected: json!({"at": "2026-08-03T17:00:00+02:00", "yes": true, "no": null})
                .as_object()
                .unwrap()
                .clone(),
            ..voice_facts(100)
        })
    }
}

#[test]
fn templates_are_filled_in() {
    #[track_caller]
    fn check(source: &str, expected: &str) {
        let found = member(&call_end(), "notes", source);
        assert_eq!(found, Ok(Some(json!(expected))), "{source}");
    }
    check("{{ call.summary }}", "Wants a visit.");
    check(
        "{{ call.duration }} s, {{ call.summary[:5] | upper }}",
        "99 s, WANTS",
    );
    check("{{ call.duration }}", "99");
    check("{{ call.transferred }}", "false");
    check(
        "{{ event.status }} {{ event.kind }} {{ event.source }}",
        "100 call voice",
    );
    check("{{ event.received_at }}", "2026-08-01T10:00:00Z");
    check("{{ lead.id }}/{{ lead.calls }}", "lead_1/2");
    check("{{ previous.category }}", "Open");
    check("{{ previous.outcome | default('none') }}", "none");
    check("{{ collected.yes }}", "true");
    check("{{ body.list[1].x }} {{ body.name }}", "deep Sarah");
    check("{{ body.missing.at.all | default('-') }}", "-");
    check("{{ body.nothing | default('-') }}", "-");
    check("{% if call.transferred %}a{% else %}b{% endif %}", "b");
    check(
        "{% for part in ['x', 'y'] %}{{ part }}{{ loop.index }}{% endfor %}",
        "x1y2",
    );
    check("{{- 'trimmed' -}}", "trimmed");
    check("<b>{{ 'a & b' }}</b>", "<b>a & b</b>");
}

#[test]
fn an_empty_result_leaves_the_member_out() {
    #[track_caller]
    fn check(source: &str) {
        assert_eq!(member(&call_end(), "notes", source), Ok(None), "{source}");
    }
    check("{{ previous.outcome | default('') }}");
    check("{{ 'x' if lead.calls > 7 }}");
    check("{% if false %}x{% endif %}");
    check("{{ none }}");
    check("");
}

#[test]
fn results_have_the_member_s_type() {
    #[track_caller]
    fn check(name: &str, source: &str, expected: Result<Value, &str>) {
        let found = member(&call_end(), name, source);
        let expected = expected.map(Some).map_err(str::to_owned);
        assert_eq!(found, expected, "{name} {source}");
    }
    check(
        "isMissedCallFollowUp",
        "{{ collected.yes }}",
        Ok(json!(true)),
    );
    check(
        "isMissedCallFollowUp",
        "{{ lead.calls > 7 }}",
        Ok(json!(false)),
    );
    check(
        "isMissedCallFollowUp",
        "{{ call.summary }}",
        Err("row 1, member `isMissedCallFollowUp` is not true or false"),
    );
    check(
        "callbackAt",
        "{{ collected.at }}",
        Ok(json!("2026-08-03T15:00:00Z")),
    );
    check(
        "callbackAt",
        "{{ call.summary }}",
        Err("row 1, member `callbackAt` is not an RFC 3339 date-time"),
    );
    check("category", "{{ previous.category }}", Ok(json!("Open")));
    check(
        "category",
        "{{ call.summary }}",
        Err(
            "row 1, member `category` is not one of Open, Qualified, Converted, Lost, Invalid, Duplicate",
        ),
    );
    check(
        "notes",
        "{{ body.list }}",
        Err("row 1, member `notes` is a list, not text"),
    );
    check(
        "notes",
        "{{ body.nothing }}",
        Err("row 1, member `notes` cannot be evaluated: undefined value; missing: `body.nothing`"),
    );
    check(
        "notes",
        "said: {{ collected.no }}",
        Err("row 1, member `notes` cannot be evaluated: undefined value; missing: `collected.no`"),
    );
}

#[test]
fn literals_and_defaults_are_merged_and_normalised() {
    let (table, findings) = parse(
        SourceKind::Nlpearl,
        r#"
        kind = "nlpearl"
        [defaults.leadping]
        type = "Call"
        outcome = "x"
        notes = "{{ call.summary }}"
        [[row]]
        leadping = { notes = "", isMissedCallFollowUp = true, taskDueAt = 2026-08-01T12:00:00+02:00, callbackAt = "2026-08-01T12:00:00Z" }
        "#,
    );
    assert!(findings.is_empty(), "{findings:#?}");
    let Mapped::Wishes { wishes, .. } = Given::new(voice_facts(1)).evaluate(&table.unwrap()) else {
        panic!("no wish");
    };
    let expected = json!({
        "type": "Call", "outcome": "x", "isMissedCallFollowUp": true,
        "taskDueAt": "2026-08-01T10:00:00Z", "callbackAt": "2026-08-01T12:00:00Z",
    });
    assert_eq!(Value::Object(wishes[0].members.clone()), expected);
}

#[test]
fn hostile_templates_end_at_their_bounds() {
    #[track_caller]
    fn check(source: &str, expected: &str) {
        let mut given = call_end();
        given.body = json!({"long": "x".repeat(200_000), "list": vec!["y"; 20_000]});
        let why = member(&given, "notes", source).unwrap_err();
        assert!(why.contains(expected), "{source}: {why}");
        assert!(!why.contains("xxx"), "{why}");
    }
    let loops = |depth: usize, body: &str| {
        let opening = "{% for i in range(100) %}".repeat(depth);
        format!("{opening}{body}{}", "{% endfor %}".repeat(depth))
    };
    check(&loops(3, ""), "too many steps");
    check(
        &loops(2, "{{ 1 if body.long | length < 9 }}"),
        "looks at too much of the payload",
    );
    check(&loops(1, &"0123456789".repeat(9)), "longer than 8192 bytes");
    check("{{ range(100000000) }}", "range() counts to 100");
    check("{{ body.long }}", "longer than 8192 bytes");
    check("a{{ body.long }}", "longer than 8192 bytes");
    check("{{ body | tojson }}", "goes beyond a limit");
    check(
        "{{ body.long | replace('x', 'xxxxxxxxxx') }}",
        "goes beyond a limit",
    );
    check(
        "{{ body.list | join('xxxxxxxxxx') }}",
        "goes beyond a limit",
    );
    check(
        &format!("{{{{ {} }}}}", ["body.long"; 60].join(" ~ ")),
        "looks at too much of the payload",
    );
    check("{{ 9 ** 9 ** 9 ** 9 }}", "invalid operation");
}
