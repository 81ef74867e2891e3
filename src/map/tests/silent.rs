//! What `check` was to find and passed over, each once.

use super::*;

/// Every finding, as `place: message (hint)`.
fn told(kind: SourceKind, text: &str) -> Vec<String> {
    let (_, findings) = parse_table("voice", &file(text), Some(kind));
    let told = findings.iter().map(|finding| {
        let place = &finding.file.text[finding.span.clone()];
        let hint = finding.hint.as_deref().unwrap_or("-");
        format!("{place}: {} ({hint})", finding.message)
    });
    told.collect()
}

/// The errors about one row with these members.
fn errors(keys: &str, members: &str) -> Vec<String> {
    let text = format!("kind = \"nlpearl\"\n[[row]]\n{keys}\n[row.leadping]\n{members}\n");
    let (_, findings) = parse_table("voice", &file(&text), Some(SourceKind::Nlpearl));
    let errors = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| finding.message.clone()).collect()
}

fn outcome(keys: &str, template: &str) -> Vec<String> {
    errors(keys, &format!("type = \"a\"\noutcome = \"{template}\""))
}

#[test]
fn a_branch_of_nothing_in_a_required_member_is_found_by_the_values_it_names() {
    for (template, place) in [
        ("{{ '' if lead.calls > 3 else 'x' }}", "`lead.calls` is 4"),
        (
            "{{ 'x' if collected.y | default('') != 'no' }}",
            "`collected.y` is \"no\"",
        ),
        (
            "{% if body.a | default(0) > 7 and lead.calls == 5 %}{% else %}x{% endif %}",
            "`body.a` is 8 and `lead.calls` is 5",
        ),
        (
            "{{ '' if previous.category | default('') == 'Lost' else 'x' }}",
            "`previous.category` is \"Lost\"",
        ),
    ] {
        let expected = format!("`outcome` is empty, but required, where {place}");
        assert_eq!(outcome("", template), [expected], "{template}");
    }
    // Such events do not come to the row.
    let many = "{{ '' if lead.calls > 3 else 'x' }}";
    assert_eq!(outcome("when = \"lead.calls <= 3\"", many), [""; 0]);
    let none = "{{ '' if lead.calls == 0 else 'x' }}";
    assert_eq!(outcome("on = \"call\"", none), [""; 0]);
    let notes = format!("type = \"a\"\noutcome = \"b\"\nnotes = \"{many}\"");
    assert_eq!(errors("", &notes), [""; 0]);
    let text = "kind = \"capillary\"\n[[row]]\ncapillary = { status = \"LOST\", reasonId = \"{{ '' if lead.calls > 3 else 3 }}\" }\n";
    let found = told(SourceKind::Capillary, text).join("\n");
    assert!(
        found.contains("`reasonId` is empty, but required, where `lead.calls` is 4"),
        "{found}"
    );
}

#[test]
fn not_every_call_has_a_mood() {
    let notes = |template: &str| {
        let members = format!("type = \"a\"\noutcome = \"b\"\nnotes = \"{template}\"");
        errors("on = \"call\"\nstatus = 70", &members)
    };
    assert_eq!(
        notes("{{ call.sentiment }}"),
        ["`notes`: `call.sentiment` may be missing: not every call has one"]
    );
    assert_eq!(notes("{{ call.sentiment | default(0) }}"), [""; 0]);
}

#[test]
fn a_condition_on_the_kind_narrows_a_row_as_on_does() {
    let notes = |keys: &str, template: &str| {
        let members = format!("type = \"a\"\noutcome = \"b\"\nnotes = \"{template}\"");
        errors(&format!("status = 70\n{keys}"), &members)
    };
    let summary = "{{ call.summary }}";
    for condition in [
        "event.kind == 'call'",
        "'call' == event.kind",
        "event.kind != 'lead'",
        "not event.kind == 'lead'",
        "event.kind in ['call']",
        "event.kind not in ['lead']",
        "event.kind == 'call' and lead.calls > 2",
    ] {
        let keys = format!("when = \"{condition}\"");
        assert_eq!(notes(&keys, summary), [""; 0], "{condition}");
        let inside = format!("{{{{ call.summary if {condition} else '' }}}}");
        assert_eq!(notes("", &inside), [""; 0], "{inside}");
        let voicemail = notes(&keys, "{{ call.recording }}");
        let expected = "`notes`: `call.recording` may be missing: not every call has one";
        assert_eq!(voicemail, [expected], "{condition}");
    }
    for condition in [
        "event.kind == 'lead'",
        "event.kind in ['call', 'lead']",
        "event.kind == 'call' or lead.calls > 2",
    ] {
        let found = notes(&format!("when = \"{condition}\""), summary);
        let why = "`notes`: `call.summary` may be missing: lead webhooks come to this row too";
        assert_eq!(found, [why], "{condition}");
    }
}

#[test]
fn a_test_that_a_filter_names_is_looked_up() {
    let found = |when: &str| {
        let text = format!("kind = \"nlpearl\"\n[[row]]\nwhen = \"{when}\"\nignore = \"x\"\n");
        let told = told(SourceKind::Nlpearl, &text);
        let about = told.into_iter().filter(|told| told.contains("test"));
        about.collect::<Vec<_>>()
    };
    for path in ["body.tags", "body.tags | default([])"] {
        assert_eq!(
            found(&format!(
                "{path} | select('equalto', 'vip') | list | length > 0"
            )),
            ["'equalto': `when`: unknown test `equalto` (did you mean `eq`?)"]
        );
        assert_eq!(
            found(&format!(
                "{path} | rejectattr('a', 'startswith', 'vip') | list | length > 0"
            )),
            ["'startswith': `when`: unknown test `startswith` (did you mean `startingwith`?)"]
        );
        let known = found(&format!(
            "{path} | selectattr('a', 'eq', 'vip') | list | length > 0"
        ));
        assert_eq!(known, [""; 0]);
    }
}

#[test]
fn too_many_conditions_are_refused_and_not_weighed_as_well() {
    let row = |calls: usize| {
        format!("[[row]]\nstatus = 100\nwhen = \"lead.calls == {calls}\"\nignore = \"x\"\n")
    };
    let rows: String = (0..4_990).chain([69]).map(row).collect();
    let other = "[[row]]\nstatus = 70\nignore = \"x\"\n".repeat(2);
    let told = told(
        SourceKind::Nlpearl,
        &format!("kind = \"nlpearl\"\n{rows}{other}"),
    );
    let has = |words: &str| told.iter().filter(|told| told.contains(words)).count();
    assert_eq!(has("more than 64 conditions"), 1, "{told:#?}");
    assert_eq!(has("covered only under conditions"), 0, "{told:#?}");
    // The one of the other status.
    assert_eq!(has("can never match"), 1, "{told:#?}");
}

#[test]
fn a_condition_on_one_status_covers_no_other() {
    let text = "kind = \"capillary\"\n[[row]]\nstatus = [\"LOST\", \"ON_HOLD\", \"DELETED\"]\nignore = \"x\"\n[[row]]\nwhen = \"event.status == 'REOPENED'\"\nignore = \"x\"\n";
    let found = told(SourceKind::Capillary, text);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].contains("no row covers statuses OPEN, WON"),
        "{found:#?}"
    );
    let some = text.replace("== 'REOPENED'", "in ['REOPENED', 'WON'] and lead.calls > 2");
    let found = told(SourceKind::Capillary, &some);
    let has = |words: &str| found.iter().any(|told| told.contains(words));
    assert!(has("no row covers status OPEN"), "{found:#?}");
    assert!(
        has("status WON is covered only under conditions"),
        "{found:#?}"
    );
}

#[test]
fn what_the_eye_does_not_see_is_named_by_its_number() {
    let voice = |text: &str| told(SourceKind::Nlpearl, text).join("\n");
    let row = |members: &str| {
        format!("kind = \"nlpearl\"\n[[row]]\nleadping = {{ type = \"a\", {members} }}\n")
    };
    let cyrillic = voice(&row("outcom\u{435} = \"b\""));
    let expected = "\u{435}: `\u{435}` (U+0435) is no letter of a key, whatever it looks like (type the key again, with plain letters)";
    assert!(cyrillic.starts_with(expected), "{cyrillic}");
    let blank = voice(&row("outcome\u{a0}= \"b\""));
    let expected =
        "\u{a0}: an invisible character stands here: U+00A0 (write a plain blank in its place)";
    assert!(blank.starts_with(expected), "{blank}");
    let width = voice("kind = \"nlpearl\"\n[[row]]\nsta\u{200b}tus = 70\nignore = \"x\"\n");
    let expected = "\u{200b}: an invisible character stands here: U+200B (take it out";
    assert!(width.contains(expected), "{width}");
    // A word without quotes is told as before.
    let word = voice("kind = \"nlpearl\"\n[[row]]\nstatus = 70\nignore = \u{dc}bung\n");
    assert!(word.contains("write \"\u{dc}bung\""), "{word}");
    for (sign, hint) in [
        ("\u{a0}", "write a plain blank"),
        ("\u{200b}", "take it out"),
    ] {
        let text = format!(
            "kind = \"nlpearl\"\n[[row]]\nwhen = \"lead.calls{sign} > 3\"\nignore = \"x\"\n"
        );
        let number = u32::from(sign.chars().next().unwrap());
        let expected = format!(
            "{sign}: `when`: does not compile: an invisible character stands here: U+{number:04X} ({hint})"
        );
        assert_eq!(voice(&text).lines().next(), Some(expected.as_str()));
    }
}
