//! Templates and conditions that fail for some of the events that come to their row.

use super::*;

/// The errors about a row with these lines, as `place: message`.
fn errors(kind: SourceKind, lines: &str) -> Vec<String> {
    let text = format!(
        "kind = \"{}\"\n[[row]]\nleadping = {{ type = \"a\", outcome = \"b\" }}\n{lines}\n",
        kind.as_str()
    );
    errors_of(kind, &text)
}

fn errors_of(kind: SourceKind, text: &str) -> Vec<String> {
    let (_, findings) = parse_table("voice", &file(text), Some(kind));
    findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| {
            let place = &finding.file.text[finding.span.clone()];
            format!("{place}: {}", finding.message)
        })
        .collect()
}

#[track_caller]
fn check(kind: SourceKind, guards: &str, template: &str, expected: &[&str]) {
    let lines = format!("{guards}\nleadping.notes = {}", toml::Value::from(template));
    let lines = lines.replace(
        "leadping.notes",
        "[row.leadping]\ntype = \"a\"\noutcome = \"b\"\nnotes",
    );
    let text = format!("kind = \"{}\"\n[[row]]\n{lines}\n", kind.as_str());
    let found = errors_of(kind, &text);
    assert_eq!(found, expected, "{guards} {template}");
}

#[test]
fn a_value_that_may_be_missing_needs_a_default_or_a_guard() {
    let voice = |guards, template, expected: &[&str]| {
        check(SourceKind::Nlpearl, guards, template, expected);
    };
    let summary =
        "call.summary: `notes`: `call.summary` may be missing: lead webhooks come to this row too";
    voice("", "{{ call.summary }}", &[summary]);
    voice("", "said: {{ call.summary | upper }}", &[summary]);
    voice("on = \"lead\"", "{{ call.summary }}", &[summary]);
    voice("on = \"call\"\nstatus = 100", "{{ call.summary }}", &[]);
    voice("on = \"call\"", "{{ call.duration }}", &[]);
    let start = "call.summary: `notes`: `call.summary` may be missing: the webhook of a call's start comes to this row too";
    voice("on = \"call\"", "{{ call.summary }}", &[start]);
    voice("on = \"call\"\nstatus = 40", "{{ call.summary }}", &[start]);
    voice("", "{{ call.summary | default('') }}", &[]);
    voice("", "{{ call.summary | d('') | upper }}", &[]);
    voice("", "{{ call.summary | upper | default('') }}", &[summary]);
    voice(
        "",
        "{{ call['summary'] | default(call.summary) }}",
        &[summary],
    );
    voice(
        "",
        "{{ collected.name }}{{ previous.category }}",
        &[
            "collected.name: `notes`: `collected.name` may be missing: not every conversation collects it",
            "previous.category: `notes`: `previous.category` may be missing: a lead's first event has nothing before it",
        ],
    );
    voice(
        "",
        "{{ lead.calls }} {{ lead.source_id }} {{ event.kind }} {{ event.status }}",
        &[],
    );
    voice("", "{{ body.any.thing }}", &[]);
    voice(
        "",
        "{{ lead.id }}",
        &["lead.id: `notes`: `lead.id` may be missing: the lead may not be linked yet"],
    );
}

#[test]
fn a_guard_inside_the_template_counts() {
    #[track_caller]
    fn check_voice(template: &str, is_fine: bool) {
        let lines = format!(
            "[row.leadping]\ntype = \"a\"\noutcome = \"b\"\nnotes = {}",
            toml::Value::from(template)
        );
        let text = format!("kind = \"nlpearl\"\n[[row]]\n{lines}\n");
        let found = errors_of(SourceKind::Nlpearl, &text);
        assert_eq!(found.is_empty(), is_fine, "{template}: {found:?}");
    }
    check_voice("{{ call.summary if call.summary is defined }}", true);
    check_voice("{{ call.summary if call.summary is none }}", false);
    check_voice("{{ 'x' if call.summary is none else call.summary }}", true);
    check_voice(
        "{% if call.summary is defined %}{{ call.summary }}{% endif %}",
        true,
    );
    check_voice(
        "{% if call.summary is defined %}x{% else %}{{ call.summary }}{% endif %}",
        false,
    );
    check_voice(
        "{% if not call.summary is none %}{{ call.summary }}{% endif %}",
        true,
    );
    check_voice(
        "{% if event.kind == 'call' %}{{ call.summary }}{% endif %}",
        false,
    );
    check_voice(
        "{{ call.summary is defined and call.summary == 'x' }}",
        true,
    );
    check_voice(
        "{{ call.summary is defined or call.summary == 'x' }}",
        false,
    );
    check_voice("{{ call.summary is none or call.summary == 'x' }}", true);
    check_voice(
        "{% for x in collected.list | default([]) %}{{ x.y }}{% endfor %}",
        true,
    );
    check_voice("{% for x in collected.list %}{{ x }}{% endfor %}", false);
    check_voice("{{ collected.a.b | default('') }}", true);
    check_voice("{{ collected.a.b if collected.a is defined }}", false);
    check_voice("{{ collected.a if collected.a.b is defined }}", true);
}

#[test]
fn a_guard_of_the_row_counts() {
    let voice = SourceKind::Nlpearl;
    let crm = SourceKind::Capillary;
    let previous = "{{ previous.category }}";
    check(
        voice,
        "when = \"previous.category is defined\"",
        previous,
        &[],
    );
    check(
        voice,
        "when = \"previous.category | default('') == 'Lost'\"",
        previous,
        &[],
    );
    check(
        voice,
        "when = \"'Lost' == previous.category | default('')\"",
        previous,
        &[],
    );
    check(
        voice,
        "when = \"previous.category | default('') in ['Lost', 'Open']\"",
        previous,
        &[],
    );
    check(
        voice,
        "when = \"previous.category is defined\"",
        "{{ previous.at }}",
        &[],
    );
    check(
        voice,
        "when = \"collected.n | default(0) > 3\"",
        "{{ collected.n }}",
        &[],
    );
    let may_lack = "previous.category: `notes`: `previous.category` may be missing: a lead's first event has nothing before it";
    check(
        voice,
        "when = \"previous.category | default('') != 'Lost'\"",
        previous,
        &[may_lack],
    );
    check(
        voice,
        "when = \"previous.category is defined or lead.calls > 2\"",
        previous,
        &[may_lack],
    );
    check(crm, "sub_status = \"A\"", "{{ event.sub_status }}", &[]);
    check(crm, "reason_id = 1", "{{ event.reason_id }}", &[]);
    check(
        crm,
        "",
        "{{ event.sub_status }}{{ call.summary }}",
        &[
            "event.sub_status: `notes`: `event.sub_status` may be missing: not every webhook names it",
            "call.summary: `notes`: `call.summary` may be missing: Capillary sends no calls",
        ],
    );
}

#[test]
fn a_condition_may_not_fail_either() {
    assert_eq!(
        errors(SourceKind::Nlpearl, "when = \"call.duration > 30\""),
        [
            "call.duration: `when`: `call.duration` may be missing: lead webhooks come to this row too"
        ]
    );
    assert_eq!(
        errors(
            SourceKind::Nlpearl,
            "when = \"call.duration | default(0) > 30\""
        ),
        Vec::<String>::new()
    );
    let escaped = "when = \"lead.calls > 1 and collected[\\\"a\\\"] == \\\"é\\\"\"";
    assert_eq!(
        errors(SourceKind::Nlpearl, escaped),
        [
            "collected[\\\"a\\\"]: `when`: `collected.a` may be missing: not every conversation collects it"
        ]
    );
}

/// Whatever the check lets through is evaluated without a missing value; what it holds back fails.
#[test]
fn what_the_check_says_is_what_happens() {
    let bare = Given::new(voice_facts(100));
    for (template, fails) in [
        ("{{ call.summary }}", true),
        ("{{ previous.category | upper }}", true),
        ("{{ 'x' if previous.category }}", true),
        ("{{ 'x' if not collected.a }}", true),
        ("{{ collected.a is string }}", false),
        ("{{ previous.category in ['Lost'] }}", true),
        ("{{ lead.id ~ '' }}", true),
        ("{{ call.summary if call.summary is defined }}", false),
        ("{{ call.summary is none or call.summary == 'x' }}", false),
        ("{{ collected.a.b | default('') }}", false),
        ("{{ event.status }}{{ event.kind }}{{ lead.calls }}", false),
    ] {
        let happened = member(&bare, "notes", template).is_err();
        assert_eq!(happened, fails, "{template}");
        let needs = expression::Template::compile(template).unwrap().needs;
        let lacks = needs.iter().any(|need| {
            !["event.status", "event.kind", "lead.calls"].contains(&need.path.as_str())
        });
        assert!(lacks || !fails, "{template} fails unforeseen");
    }
}

#[test]
fn a_default_of_the_table_is_told_once() {
    let rows = "[[row]]\nstatus = 100\nleadping = {}\n".repeat(3);
    let defaults =
        "[defaults.leadping]\ntype = \"a\"\noutcome = \"b\"\nnotes = \"{{ call.summary }}\"\n";
    let text = format!("kind = \"nlpearl\"\n{defaults}{rows}");
    assert_eq!(errors_of(SourceKind::Nlpearl, &text).len(), 1);
    let own = rows.replace("{}", "{ notes = \"\" }");
    let text = format!("kind = \"nlpearl\"\n{defaults}{own}");
    assert_eq!(errors_of(SourceKind::Nlpearl, &text), Vec::<String>::new());
}
