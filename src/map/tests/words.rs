//! Signs and words of other languages, and other slips of the pen: what was probably meant.

use super::*;

/// The errors of a file, as `place: message (hint)`.
fn errors(text: &str) -> Vec<String> {
    let (_, findings) = parse_table("voice", &file(text), Some(SourceKind::Nlpearl));
    findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| {
            let place = &finding.file.text[finding.span.clone()];
            let hint = finding.hint.as_deref().unwrap_or("-");
            format!("{place}: {} ({hint})", finding.message)
        })
        .collect()
}

#[track_caller]
fn check_when(when: &str, expected: &[&str]) {
    let when = toml::Value::from(when);
    let text = format!("kind = \"nlpearl\"\n[[row]]\nwhen = {when}\nignore = \"x\"\n");
    assert_eq!(errors(&text), expected, "{when}");
}

#[test]
fn signs_of_other_languages_are_translated_each_at_its_place() {
    let sign = |sign: &str, hint: &str| {
        format!("{sign}: `when`: does not compile: there is no `{sign}` ({hint})")
    };
    check_when(
        "lead.calls > 1 && lead.calls = 5 || !call.transferred",
        &[
            &sign("&&", "write `and`"),
            &sign("=", "to compare, write `==`"),
            &sign("||", "write `or`"),
            &sign("!", "write `not`"),
        ],
    );
    check_when("lead.calls === 1", &[&sign("===", "write `==`")]);
    check_when("lead.calls <> 1", &[&sign("<>", "write `!=`")]);
    check_when("lead.calls => 1", &[&sign("=>", "write `>=`")]);
    check_when(
        "NOT (lead.calls > 1 AND lead.calls < 4)",
        &[&sign("NOT", "write `not`"), &sign("AND", "write `and`")],
    );
    check_when(
        "event.kind == \u{201c}call\u{201d}",
        &[
            &sign("\u{201c}", "write a plain quote: '"),
            &sign("\u{201d}", "write a plain quote: '"),
        ],
    );
    check_when(
        "call.summary contains 'a && b'",
        &[&sign(
            "contains",
            "write `'word' in call.summary | default('')`",
        )],
    );
}

#[test]
fn names_of_other_languages_are_translated() {
    let nothing = "what is missing or null is asked for with `is undefined` and `is defined`";
    for name in ["null", "nil", "NULL"] {
        check_when(
            &format!("call.summary | default('') == {name}"),
            &[&format!(
                "{name}: `when`: unknown variable `{name}` ({nothing})"
            )],
        );
    }
    check_when(
        "previous.category is defined and previous.category == None",
        &[
            "None: `when`: nothing is equal to `none`: null counts as missing \
           (write `previous.category is undefined` or `previous.category is defined`)",
        ],
    );
    check_when(
        "call.summary is null",
        &["null: `when`: unknown test `null` (did you mean `undefined`?)"],
    );
    check_when(
        "(call.summary | default('') | len) > 3",
        &["len: `when`: unknown filter `len` (did you mean `length`?)"],
    );
    check_when(
        "calls > 3",
        &["calls: `when`: unknown variable `calls` (did you mean `lead.calls`?)"],
    );
    check_when(
        "event.kind == call",
        &[
            "call: `when`: `call` is an object, and equal to nothing (a text stands in quotes: 'call')",
        ],
    );
    check_when(
        "event.id.startswith('x')",
        &["event.id.startswith: `when`: values have no methods (write `x is startingwith 'word'`)"],
    );
    check_when(
        "{{ lead.calls > 2 }}",
        &[
            "{{ lead.calls > 2 }}: `when`: a condition stands without braces (write `lead.calls > 2`)",
        ],
    );
    check_when(
        "lead.calls > 2 and",
        &[
            "and: `when`: does not compile: unexpected end of input, expected expression (something is missing at the end)",
        ],
    );
    check_when(
        "event.id == 'x",
        &[
            "'x: `when`: does not compile: the text in quotes does not end (close it with the same quote)",
        ],
    );
}

#[test]
fn braces_that_do_not_match_are_told() {
    #[track_caller]
    fn check(notes: &str, expected: &str) {
        let text = format!(
            "kind = \"nlpearl\"\n[[row]]\nleadping = {{ type = \"a\", outcome = \"b\", notes = \"{notes}\" }}\n"
        );
        let (_, findings) = parse_table("voice", &file(&text), Some(SourceKind::Nlpearl));
        let found = findings
            .iter()
            .find(|found| found.message.contains("notes"));
        let found = found.unwrap_or_else(|| panic!("{notes}: {findings:?}"));
        assert!(found.message.contains(expected), "{notes}: {found}");
    }
    check("{{ lead.calls }", "`{{` is not closed");
    check("{% if lead.calls > 2 %}x", "expected end of block");
    check("{{ }}", "is empty");
    check("{{ if lead.calls > 2 }}x{{ endif }}", "`if` comes second");
    check("{ call.summary }", "is sent as it stands, braces included");
    check("lead.calls }}", "is sent as it stands, braces included");
}

#[test]
fn a_slip_of_toml_is_said_in_plain_words() {
    #[track_caller]
    fn check(lines: &str, expected: &[&str]) {
        let text = format!("kind = \"nlpearl\"\n[[row]]\n{lines}\n[[row]]\nignore = \"x\"\n");
        assert_eq!(errors(&text), expected, "{lines}");
    }
    check(
        "status = \nignore = \"x\"",
        &[": nothing stands behind `=` (a text in quotes, a number, true or false)"],
    );
    const QUOTES: &str = "a text in quotes ends at the next quote of its kind: put a text with \" in it between '…', one with ' in it between \"…\"";
    check(
        "ignore = \"x",
        &["\"x: the text has no closing quote (end it with \" on the same line)"],
    );
    let ended = |place: &str| format!("{place}: the text in quotes ended before this ({QUOTES})");
    check("ignore = 'it's'", &[&ended("s")]);
    check(
        "status = Success\nignore = \"x\"",
        &["Success: a text stands in quotes (write \"Success\")"],
    );
    check(
        "ignore = \u{201c}x\u{201d}",
        &["\u{201c}: `\u{201c}` is no quote of TOML (write plain quotes: \")"],
    );
    check(
        "ignore = \"it\u{2019}s\" x",
        &["x: something follows the value (one key and its value stand on a line)"],
    );
    check(
        "ignore = \"x\";",
        &[";: `;` behind the value (a line ends without a sign)"],
    );
    check(
        "// why\nignore = \"x\"",
        &["// why: not a comment of TOML (a comment begins with `#`)"],
    );
    check(
        "ignore = \"C:\\Users\"",
        &[
            "\\: `\\` in \"…\" begins an escape (put the text between '…', where `\\` is a plain sign, or write `\\\\`)",
        ],
    );
    check(
        "ignore = \"x\"\nignore = \"y\"",
        &["ignore: duplicate key `ignore` (a key stands once in a table: take one of the two out)"],
    );
    check(
        "status = [\"New\" \"Error\"]\nignore = \"x\"",
        &[
            "\"Error\": something follows the value (put a comma between the two, or close the list with `]`)",
        ],
    );
    let colon = errors("kind = \"nlpearl\"\n[[row]]\nstatus: 1\nignore = \"x\"\n");
    assert!(colon[0].contains("write `=` instead of `:`"), "{colon:?}");
}

#[test]
fn a_key_in_the_wrong_place_is_told_where_it_belongs() {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = errors(&format!("kind = \"nlpearl\"\n{text}\n"));
        assert!(
            found.iter().any(|found| found.ends_with(expected)),
            "{text}: {found:#?}"
        );
    }
    check(
        "[row]\nignore = \"x\"",
        "(write `[[row]]`, with two brackets: there can be several)",
    );
    check(
        "[[row]]\nignore = \"x\"\n[leadping]\ntype = \"Call\"",
        "(a row's result stands in the row: write `[row.leadping]`, or `[defaults.leadping]` for all rows)",
    );
    check(
        "[[row]]\ncategory = \"Lost\"",
        "(it belongs into the target's table: leadping = { category = … })",
    );
    check(
        "[[row]]\nleadping = { type = \"a\", outcome = \"b\", when = \"x\" }",
        "(it is a key of the row, and stands beside the target's table)",
    );
    check(
        "[[row]]\nleadping = { type = \"a\", outcome = \"b\", tagNames = [\"x\"] }",
        "(it belongs into the lead's record: lead = { tagNames = … })",
    );
    check(
        "[defaults]\ntype = \"Call\"",
        "(it belongs into the target's table: `[defaults.leadping]`)",
    );
    check(
        "[[row]]\n[[row.leadping]]\ntype = \"a\"",
        "(write `[row.leadping]` or `leadping = { … }`, once)",
    );
    check(
        "[[row]]\nfinal = \"yes\"\nignore = \"x\"",
        "(write true, without quotes)",
    );
    check("[[row]]\nignore = true", "(say why: ignore = \"…\")");
    check(
        "[[row]]\nstatus = \"Success, New\"\nignore = \"x\"",
        "(write a list: [\"Success\", \"New\"])",
    );
    check(
        "[[row]]\nstatus = \"Sucess \"\nignore = \"x\"",
        "(did you mean `Success`, without the blanks?)",
    );
}
