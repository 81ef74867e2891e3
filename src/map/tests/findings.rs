//! What is wrong with a table, and where.

use super::*;

/// The findings about a row with the given lines, without file name.
#[track_caller]
fn check_row(kind: SourceKind, lines: &str, expected: &[&str]) {
    let text = format!("kind = \"{}\"\n[[row]]\n{lines}\n", kind.as_str());
    let (table, findings) = parse(kind, &text);
    let errors: Vec<&str> = findings
        .iter()
        .filter_map(|finding| finding.strip_prefix("voice.toml:"))
        .filter(|finding| finding.contains(": error: "))
        .collect();
    assert_eq!(errors, expected, "{lines}");
    assert!(table.is_none(), "{lines}");
}

#[test]
fn a_fault_in_a_row_is_named_with_its_place_and_a_hint() {
    #[track_caller]
    fn check(lines: &str, expected: &[&str]) {
        check_row(SourceKind::Nlpearl, lines, expected);
    }
    check(
        "satus = 1\nignore = \"x\"",
        &["3:1: error: unknown key `satus` (did you mean `status`?)"],
    );
    check(
        "status = [\"Sucess\", 0, 1.5]\nignore = \"x\"",
        &[
            "3:11: error: unknown status `Sucess` (did you mean `Success`?)",
            "3:21: error: status 0 is not above 0",
            "3:24: error: `status` is not a name or a number but float",
        ],
    );
    check(
        "status = \"*\"\nignore = \"x\"",
        &["3:10: error: unknown status `*` (leave `status` out to match every status)"],
    );
    check(
        "status = []\non = \"calls\"\nignore = \"\"",
        &[
            "3:10: error: `status` is an empty list",
            "4:6: error: unknown event kind `calls` (did you mean `call`?)",
            "5:10: error: `ignore` needs a reason",
        ],
    );
    check(
        "status = 1",
        &["2:1: error: the row says nothing to do \
           (give it `leadping = { … }`, `ignore = \"why\"` or `park = \"why\"`)"],
    );
    check(
        "park = \"x\"\nignore = \"x\"",
        &["2:1: error: the row says more than one thing: ignore, park"],
    );
    check(
        "name = 5\nsub_status = 5\nreason_id = \"x\"\nwhen = true\nignore = [\"x\"]",
        &[
            "3:8: error: `name` is not text but integer (write \"5\", in quotes)",
            "4:14: error: `sub_status` is not text but integer (write \"5\", in quotes)",
            "5:13: error: `reason_id` is not a whole number but string",
            "6:8: error: `when` is not text but boolean (leave it out)",
            "7:10: error: `ignore` is not text but array",
        ],
    );
    check(
        "nlpearl = { status = 130 }\npark = \"x\"",
        &["2:1: error: the row says more than one thing: nlpearl, park"],
    );
    check(
        "required = true\nignore = \"x\"",
        &["3:12: error: `required` without a write-back \
           (it parks an event whose lead is not at NLPearl or Capillary; a LeadPing lead is always required)"],
    );
    check(
        "write = \"set\"\nignore = \"x\"",
        &["3:1: error: `write` means nothing in a row that writes nothing (take it out)"],
    );
    check(
        "write = \"amned\"\nfinal = \"yes\"\n[row.leadping]\ntype = \"Call\"\noutcome = \"x\"",
        &[
            "3:9: error: unknown write `amned` (did you mean `amend`?)",
            "4:9: error: `final` is not true or false but string (write true, without quotes)",
        ],
    );
}

#[test]
fn what_forces_a_disposition_needs_one() {
    let lost = "(it is about the disposition that LeadPing gets: take it out, or give the row one)";
    for targets in [
        "nlpearl = { status = 130 }",
        "leadping = { lead = { enabled = false } }",
    ] {
        check_row(
            SourceKind::Nlpearl,
            &format!("write = \"set\"\nfinal = true\n{targets}"),
            &[
                &format!("3:1: error: `write` means nothing in a row without a disposition {lost}"),
                &format!("4:1: error: `final` means nothing in a row without a disposition {lost}"),
            ],
        );
    }
}

#[test]
fn a_fault_in_a_disposition_is_named_with_its_place_and_a_hint() {
    #[track_caller]
    fn check(lines: &str, expected: &[&str]) {
        let lines = format!("[row.leadping]\n{lines}");
        check_row(SourceKind::Nlpearl, &lines, expected);
    }
    let complete = |lines: &str| format!("type = \"Call\"\noutcome = \"x\"\n{lines}");
    check(
        "catgeory = \"Open\"",
        &[
            "3:1: error: no `type` (set it here or in `[defaults.leadping]`: type = \"…\")",
            "3:1: error: no `outcome` (set it here or in `[defaults.leadping]`: outcome = \"…\")",
            "4:1: error: unknown key `catgeory` (did you mean `category`?)",
        ],
    );
    check(
        &complete("category = \"qualified\"\nchangeSource = \"Robot\""),
        &[
            "6:12: error: `category` is not one of Open, Qualified, Converted, Lost, Invalid, \
             Duplicate (did you mean `Qualified`?)",
            "7:16: error: `changeSource` is not one of User, AI, Automation, System, API",
        ],
    );
    check(
        &complete("notes = 5\nisMissedCallFollowUp = \"true\"\ncallbackAt = \"tomorrow\""),
        &[
            "6:9: error: `notes` is not text but integer (write \"5\", in quotes)",
            "7:24: error: `isMissedCallFollowUp` is not true or false but string (write true, without quotes)",
            "8:14: error: `callbackAt` is not an RFC 3339 date-time (such as 2026-08-01T10:00:00Z)",
        ],
    );
    check(
        &complete("callbackAt = 2026-08-01"),
        &["6:14: error: `callbackAt` is not an RFC 3339 date-time (such as 2026-08-01T10:00:00Z)"],
    );
    check(
        &complete("leadId = \"x\"\nlead = { enabled = false }"),
        &["6:1: error: `leadId` cannot be set in a table (the bridge fills it)"],
    );
    check(
        &complete("lead = { enabled = \"no\", tagNames = \"won\", tags = [] }"),
        &[
            "6:20: error: `enabled` is not true or false but string (write false, without quotes)",
            "6:37: error: `tagNames` is not a list of texts but string",
            "6:44: error: unknown key `tags` (did you mean `tagIds`?)",
        ],
    );
    check(
        &complete("lead = {}"),
        &["6:8: error: `lead` changes nothing"],
    );
}

#[test]
fn a_fault_in_a_write_back_is_named_with_its_place_and_a_hint() {
    #[track_caller]
    fn check(lines: &str, expected: &[&str]) {
        check_row(SourceKind::Capillary, lines, expected);
    }
    const WRITABLE: &str =
        "there are: 1 New, 10 NeedRetry, 100 Success, 110 NotSuccessful, 130 Completed";
    check(
        "nlpearl = { status = 20 }",
        &[&format!(
            "3:22: error: `status` is 20 InCallQueue, which NLPearl does not let one write ({WRITABLE})"
        )],
    );
    check(
        "nlpearl = { status = \"VoiceMailLeft\" }",
        &[&format!(
            "3:22: error: `status` is 70 VoiceMailLeft, which NLPearl does not let one write ({WRITABLE})"
        )],
    );
    check(
        "nlpearl = { status = \"WON\", stauts = 1 }",
        &[
            &format!(
                "3:22: error: `status` is not one of 1 New, 10 NeedRetry, 100 Success, 110 NotSuccessful, 130 Completed ({WRITABLE})"
            ),
            "3:29: error: unknown key `stauts` (did you mean `status`?)",
        ],
    );
    check(
        "nlpearl = { timeZoneId = \"Pacific Standart Time\", callData = { a = [1] } }",
        &[
            "3:26: error: `timeZoneId` is not the Windows name of a time zone (did you mean `Pacific Standard Time`?)",
            "3:68: error: `callData.a` is not text, a number, or true or false but array",
        ],
    );
    check(
        "capillary = { status = \"LOST\" }",
        &[
            "3:13: error: no `reasonId` (Capillary requires it, your own number of a reason (GET /v2/leads/reasons): reasonId = 2, here or in `[defaults.capillary]`)",
        ],
    );
    check(
        "capillary = { status = \"Lost\", reasonId = \"2\", createdOn = \"now\" }",
        &[
            "3:24: error: `status` is not one of OPEN, WON, LOST, ON_HOLD, DELETED (did you mean `LOST`?)",
            "3:43: error: `reasonId` is not a whole number but string (write 2, without quotes)",
            "3:60: error: `createdOn` is not an RFC 3339 date-time (such as 2026-08-01T10:00:00Z)",
        ],
    );
}

#[test]
fn a_fault_in_an_expression_is_named_at_its_exact_place() {
    #[track_caller]
    fn check(when: &str, expected: &str) {
        let lines = format!("when = \"{when}\"\nignore = \"x\"");
        check_row(SourceKind::Nlpearl, &lines, &[expected]);
    }
    check(
        "1 + (2",
        "3:14: error: `when`: does not compile: unexpected end of input, expected `)` (a bracket is not closed)",
    );
    check(
        "lead.calls > 1 and cal.summary == ''",
        "3:28: error: `when`: unknown variable `cal` (did you mean `call`?)",
    );
    check(
        "call.sumary == ''",
        "3:9: error: `when`: `call` has no `sumary` (did you mean `call.summary`?)",
    );
    check(
        "lead['call'] == 1",
        "3:9: error: `when`: `lead` has no `call` (did you mean `lead.calls`?)",
    );
    check(
        "call.summary | uper == ''",
        "3:24: error: `when`: unknown filter `uper` (did you mean `upper`?)",
    );
    check(
        "call.summary is strng",
        "3:25: error: `when`: unknown test `strng` (did you mean `string`?)",
    );
    check(
        "rnge(3) == 1",
        "3:9: error: `when`: unknown function `rnge` (did you mean `range`?)",
    );
    check(
        "call.summary.upper() == ''",
        "3:9: error: `when`: values have no methods (write `x | upper`)",
    );
    check(
        "'x' * 90000000 == ''",
        "3:9: error: `when`: `*` multiplies numbers only (say that it is one: `x | float` or `x | int`)",
    );
    check(
        "body.x * 9 == 1",
        "3:9: error: `when`: `*` multiplies numbers only (say that it is one: `x | float` or `x | int`)",
    );
}

#[test]
fn what_cannot_be_bounded_is_refused() {
    #[track_caller]
    fn check(template: &str, expected: &str) {
        let text = format!(
            "kind = \"nlpearl\"\n[[row]]\n[row.leadping]\ntype = \"a\"\noutcome = {}\n",
            toml::Value::from(template)
        );
        let (table, findings) = parse(SourceKind::Nlpearl, &text);
        assert!(table.is_none());
        assert!(findings[0].contains(expected), "{template}: {findings:#?}");
    }
    check(
        "{% set x = 'a' %}{{ x }}",
        "a statement that tables do not have",
    );
    check(
        "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "a statement that tables do not have",
    );
    check(
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "does not compile",
    );
    check("{% include 'value' %}", "does not compile");
    check(
        "{% for a in [call.summary ~ call.summary] %}{{ a }}{% endfor %}",
        "not over what it puts together",
    );
    check(
        &format!("{{{{ {} }}}}", ["call.summary"; 80].join(" ~ ")),
        "more than 64 places",
    );
    check(
        &format!("{{{{ {}1 }}}}", "(".repeat(400)),
        "does not compile",
    );
    check(&"{{ 1 }}".repeat(2000), "longer than 4096 bytes");
    check("{{ body.list | map('upper') }}", "`map` takes");
    check("a {{ unknown }}", "unknown variable `unknown`");
    check(
        "{% for x in body.list %}{{ x.y }}{{ y }}{% endfor %}",
        "unknown variable `y`",
    );
}

#[test]
fn every_fault_of_a_file_is_found_at_once() {
    let (table, findings) = parse(
        SourceKind::Nlpearl,
        "knd = 1\nrow = 3\n[defaults.leadping]\ncategory = \"x\"\n[defaults.other]\n",
    );
    assert!(table.is_none());
    let expected = [
        "voice.toml:1:1: error: unknown key `knd` (did you mean `kind`?)",
        "voice.toml:1:7: error: `kind` is not text but integer",
        "voice.toml:2:7: error: `row` is not a list of tables (write `[[row]]`)",
        "voice.toml:4:12: error: `category` is not one of Open, Qualified, Converted, Lost, Invalid, Duplicate",
        "voice.toml:5:11: error: unknown key `other` (defaults has: leadping, nlpearl, capillary)",
    ];
    assert_eq!(findings, expected);

    let (table, findings) = parse(
        SourceKind::Nlpearl,
        "kind = \"nlpearl\"\n[[row]]\nstatus = \nignore = 'x\n[[row]]\nsatus = 1\nignore = \"y\"\n",
    );
    assert!(table.is_none());
    let places: Vec<&str> = findings
        .iter()
        .map(|finding| finding.split(": ").next().unwrap())
        .collect();
    assert_eq!(
        places,
        ["voice.toml:3:10", "voice.toml:4:10", "voice.toml:6:1"],
        "{findings:#?}"
    );

    let (_, findings) = parse(
        SourceKind::Nlpearl,
        "kind = \"nlpearl\"\nkind = \"nlpearl\"\n",
    );
    assert!(
        findings[0].starts_with("voice.toml:2:1: error: duplicate key"),
        "{findings:#?}"
    );
}

#[test]
fn the_kind_must_be_that_of_the_source() {
    #[track_caller]
    fn check(kind: &str, expected: &str) {
        let (table, findings) = parse(SourceKind::Nlpearl, &format!("kind = \"{kind}\"\n"));
        assert!(table.is_none());
        assert_eq!(findings, [format!("voice.toml:1:8: error: {expected}")]);
    }
    check("pearl", "unknown kind `pearl` (did you mean `nlpearl`?)");
    check(
        "hubspot",
        "unknown kind `hubspot` (there are: nlpearl, capillary, leadping, generic)",
    );
    check(
        "generic",
        "kind `generic`, but the source that uses mapping `voice` is of kind `nlpearl`",
    );
    check(
        "capillary",
        "kind `capillary`, but the source that uses mapping `voice` is of kind `nlpearl`",
    );
}

fn warnings(kind: SourceKind, rows: &str) -> Vec<String> {
    let text = format!("kind = \"{}\"\n{rows}", kind.as_str());
    let (table, findings) = parse_table("voice", &file(&text), None);
    assert!(table.is_some(), "{findings:#?}");
    findings
        .into_iter()
        .inspect(|finding| assert_eq!(finding.severity, Severity::Warning))
        .map(|finding| format!("{}: {}", finding.position().0, finding.message))
        .collect()
}

#[test]
fn uncovered_and_half_covered_statuses_are_warned_of() {
    let all_but_lost =
        "[[row]]\nstatus = [\"OPEN\", \"WON\", \"ON_HOLD\", \"DELETED\"]\nignore = \"x\"\n";
    #[track_caller]
    fn check(rows: &str, expected: &[&str]) {
        assert_eq!(warnings(SourceKind::Capillary, rows), expected, "{rows}");
    }
    check(
        all_but_lost,
        &["1: no row covers status LOST (lead webhooks)"],
    );
    check(
        &format!("{all_but_lost}[[row]]\nstatus = \"LOST\"\nsub_status = \"A\"\nignore = \"x\"\n"),
        &["5: status LOST is covered only under conditions (lead webhooks)"],
    );
    check(&format!("{all_but_lost}[[row]]\nignore = \"x\"\n"), &[]);

    let found = warnings(
        SourceKind::Nlpearl,
        "[[row]]\nstatus = 100\non = \"lead\"\nignore = \"x\"\n[[row]]\nstatus = [1, 222]\non = \"lead\"\nignore = \"x\"\n",
    );
    assert!(
        found.contains(&"1: no row covers status 100 (Success) (call webhooks)".to_owned()),
        "{found:#?}"
    );
    assert!(
        found.contains(&"7: status 222 is not among those that NLPearl documents".to_owned()),
        "{found:#?}"
    );
    assert!(
        !found.iter().any(|finding| finding.contains("(New)")),
        "{found:#?}"
    );
}

#[track_caller]
fn check_never(kind: SourceKind, rows: &[&str], expected: Option<&str>) {
    let rows: String = rows
        .iter()
        .map(|row| format!("[[row]]\n{row}\nignore = \"x\"\n"))
        .collect();
    let found: Vec<String> = warnings(kind, &rows)
        .into_iter()
        .filter_map(|finding| {
            finding
                .split_once(": row can never match: ")
                .map(|(line, why)| format!("{line}: {why}"))
        })
        .collect();
    assert_eq!(found, Vec::from_iter(expected.map(str::to_owned)), "{rows}");
}

#[test]
fn rows_that_can_never_match_are_warned_of() {
    let check = check_never;
    let voice = SourceKind::Nlpearl;
    let crm = SourceKind::Capillary;
    check(crm, &["on = \"call\""], Some("2: Capillary sends no calls"));
    check(
        voice,
        &["reason_id = 1"],
        Some("2: NLPearl sends no reason id"),
    );
    check(
        voice,
        &["sub_status = \"A\""],
        Some("2: NLPearl sends no sub-status"),
    );
}

#[test]
fn shadowed_rows_are_warned_of() {
    let voice = |rows: &[&str], expected| check_never(SourceKind::Nlpearl, rows, expected);
    let crm = |rows: &[&str], expected| check_never(SourceKind::Capillary, rows, expected);
    let second_by_first = Some("5: the row in line 2 takes all of it");
    voice(
        &["status = 70", "status = \"VoiceMailLeft\""],
        second_by_first,
    );
    voice(&["status = 70", "status = [70, 100]"], None);
    voice(
        &["status = 70", "status = 100", "status = [70, 100]"],
        Some("8: the rows in lines 2 and 5 together take all of it"),
    );
    voice(&["", "status = 70"], second_by_first);
    voice(&["status = 70", ""], None);
    voice(&["status = 70\non = \"call\"", "status = 70"], None);
    voice(
        &[
            "status = 70\non = \"call\"",
            "status = 70\non = \"lead\"",
            "status = 70",
        ],
        Some("10: the rows in lines 2 and 6 together take all of it"),
    );
    voice(
        &["status = 70\nwhen = \"lead.calls > 1\"", "status = 70"],
        None,
    );
    voice(
        &["status = 70\nwhen = \"true\"", "status = 70"],
        Some("6: the row in line 2 takes all of it"),
    );
    let when = "status = 70\nwhen = \"lead.calls > 1\"";
    voice(&[when, when], Some("6: the row in line 2 takes all of it"));
    crm(
        &[
            "sub_status = [\"A\", \"B\"]",
            "sub_status = \"B\"\nreason_id = 1",
        ],
        second_by_first,
    );
    crm(&["sub_status = \"B\"", "sub_status = [\"A\", \"B\"]"], None);
}

#[test]
fn a_table_cut_off_anywhere_is_no_worse_than_faulty() {
    let path = format!("{ROOT}/mappings/crm.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.split_once("kind = ").unwrap().1;
    let whole = format!("kind = {rows}");
    for end in 0..whole.len() {
        let Some(part) = whole.get(..end) else {
            continue;
        };
        let (_, findings) = parse_table("crm", &file(part), Some(SourceKind::Capillary));
        for finding in findings {
            assert!(finding.span.end <= part.len(), "{end}: {finding}");
        }
    }
}

#[test]
fn what_people_see_of_a_faulty_table() {
    let text = r#"kind = "nlpearl"

[[row]]
status = ["Sucess", 70]
when = "call.duration > 30 and event.status == 'Success'"
leadping = { type = "Call", category = "Qualifed", outcome = "{{ call.sumary }}" }

[[row]]
status = 100
token = "lp_live_0123456789"
park = "to be looked at"
"#;
    let (_, findings) = parse_table("voice", &file(text), Some(SourceKind::Nlpearl));
    let shown = crate::diagnostic::render::render(&findings);
    insta::assert_snapshot!(anstream::adapter::strip_str(&shown).to_string());
}
