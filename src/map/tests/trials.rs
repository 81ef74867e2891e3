//! What can be known of templates and conditions before an event comes.

use super::*;

/// The errors about a row with these members, as `place: message`.
fn errors(kind: SourceKind, keys: &str, members: &str) -> Vec<String> {
    let text = format!(
        "kind = \"{}\"\n[[row]]\n{keys}\n[row.leadping]\ntype = \"a\"\noutcome = \"b\"\n{members}\n",
        kind.as_str()
    );
    let (_, findings) = parse_table("voice", &file(&text), Some(kind));
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
fn voice(member: &str, expected: &[&str]) {
    assert_eq!(
        errors(SourceKind::Nlpearl, "", member),
        expected,
        "{member}"
    );
}

const CATEGORY: &str =
    "`category` is not one of Open, Qualified, Converted, Lost, Invalid, Duplicate";

#[test]
fn a_template_that_looks_at_nothing_is_checked_like_a_literal() {
    voice(
        "notes = \"{{ 1 / 0 }}\"",
        &["\"{{ 1 / 0 }}\": `notes` cannot be evaluated: unable to calculate 1 / 0"],
    );
    voice(
        "notes = \"x{{ 'a' - 1 }}\"",
        &[
            "\"x{{ 'a' - 1 }}\": `notes` cannot be evaluated: tried to use - operator on unsupported types string and number",
        ],
    );
    voice(
        "category = \"{{ 'Losst' }}\"",
        &[&format!("\"{{{{ 'Losst' }}}}\": {CATEGORY}")],
    );
    voice("category = \"{{ 'Lost' }}\"", &[]);
    let (table, _) = parse(
        SourceKind::Nlpearl,
        "kind = \"nlpearl\"\n[[row]]\nleadping = { type = \"{{ '' }}\", outcome = \"b\" }\n",
    );
    assert!(table.is_none(), "an empty required member");
    let found = parse(
        SourceKind::Capillary,
        "kind = \"capillary\"\n[[row]]\nnlpearl = { status = \"{{ 20 }}\" }\n",
    );
    assert!(
        found
            .1
            .iter()
            .any(|found| found.contains("which NLPearl does not let one write"))
    );
}

#[test]
fn every_value_that_a_template_may_come_to_has_to_fit() {
    voice(
        "category = \"{{ 'Lots' if lead.calls > 2 else 'Open' }}\"",
        &[&format!("'Lots': {CATEGORY}")],
    );
    voice(
        "category = \"{{ previous.category | default('open') }}\"",
        &[&format!("'open': {CATEGORY}")],
    );
    voice(
        "category = \"{% if lead.calls > 2 %}Lots{% else %}Open{% endif %}\"",
        &[&format!("Lots: {CATEGORY}")],
    );
    voice("category = \"{{ previous.category | default('') }}\"", &[]);
    voice("callbackAt = \"{{ collected.at | default('') }}\"", &[]);
}

#[test]
fn what_fails_for_every_event_is_an_error() {
    voice(
        "isMissedCallFollowUp = \"{{ lead.calls }}\"",
        &["\"{{ lead.calls }}\": `isMissedCallFollowUp` is not true or false"],
    );
    voice(
        "callbackAt = \"{{ lead.calls + 1 }}\"",
        &["\"{{ lead.calls + 1 }}\": `callbackAt` is not an RFC 3339 date-time"],
    );
    voice(
        "notes = \"{{ range(3) }}\"",
        &["\"{{ range(3) }}\": `notes` is a list, not text"],
    );
    voice(
        "notes = \"{{ lead.calls + ' calls' }}\"",
        &[
            "\"{{ lead.calls + ' calls' }}\": `notes` cannot be evaluated: tried to use + operator on unsupported types number and string",
        ],
    );
    voice(
        "notes = \"{{ event.received_at.hour }}\"",
        &[
            "event.received_at.hour: `notes`: `event.received_at` has no `hour`: it is a single value",
        ],
    );
    voice(
        "notes = \"{% for i in range(90) %}{% for j in range(lead.calls + 90) %}{{ i * j }}{% endfor %}{% endfor %}\"",
        &[
            "\"{% for i in range(90) %}{% for j in range(lead.calls + 90) %}{{ i * j }}{% endfor %}{% endfor %}\": `notes` takes too many steps",
        ],
    );
    voice(
        "notes = \"{{ (call.duration | default('')) / 60 }}\"",
        &[
            "\"{{ (call.duration | default('')) / 60 }}\": `notes` cannot be evaluated: tried to use / operator on unsupported types string and number, for an event that brings nothing optional",
        ],
    );
    let read_only = errors(
        SourceKind::Nlpearl,
        "status = 70\nnlpearl = { status = \"{{ event.status }}\" }",
        "",
    );
    assert!(
        read_only[0].contains("is 70 VoiceMailLeft, which NLPearl does not let one write"),
        "{read_only:?}"
    );
    assert_eq!(
        errors(SourceKind::Nlpearl, "when = \"lead.calls + 1\"", ""),
        ["\"lead.calls + 1\": `when` is number, not true or false"]
    );
    let empty = errors(SourceKind::Nlpearl, "nlpearl = {}", "");
    assert_eq!(empty, ["{}: `nlpearl` changes nothing"]);
}

#[test]
fn what_only_a_value_decides_is_left_to_the_event() {
    for member in [
        "notes = \"{{ (call.summary | default('0') | int) + 1 }}\"",
        "notes = \"{{ body.list | length }}\"",
        "notes = \"{{ body.a + ' x' }}\"",
        "callbackAt = \"{{ call.summary | default('') }}\"",
        "notes = \"{{ (call.duration | default(0)) / 60 }}\"",
        "notes = \"{{ event.received_at[:10] }}\"",
        "isMissedCallFollowUp = \"{{ call.transferred | default(false) }}\"",
        "isMissedCallFollowUp = \"{{ lead.calls > 2 }}\"",
        "notes = \"{{ collected.n + 1 if collected.n is defined else 'none' }}\"",
    ] {
        voice(member, &[]);
    }
    let guarded = errors(
        SourceKind::Nlpearl,
        "when = \"call.duration is defined\"",
        "notes = \"{{ (call.duration | default('')) / 60 }}\"",
    );
    assert_eq!(guarded, Vec::<String>::new());
}

#[test]
fn loops_know_their_numbers() {
    for template in [
        "{% for i in range(3) %}{{ i * i }}{{ loop.index * 2 }}{{ i + loop.index0 * i }}{% endfor %}",
        "{% for i in range(lead.calls + 1) %}{{ lead.calls * i }}{% endfor %}",
        "{% for i in [1, 2] if i * 2 > 2 %}{{ i * i }}{% else %}none{% endfor %}",
        "{% for i in range(3) | reverse %}{% for j in range(i) %}{{ i * j }}{% endfor %}{% endfor %}",
        "{{ ([1, 2] | sum) * 2 }}{{ ((1, 2) | max) * 3 }}",
        "{% for call in [1, 2] %}{{ call * 2 }}{% endfor %}",
        "{% for k, v in collected | items %}{{ k }}: {{ v }}{{ ', ' if not loop.last }}{% endfor %}",
    ] {
        voice(&format!("notes = \"{template}\""), &[]);
    }
    let numbers = "`*` multiplies numbers only";
    voice(
        "notes = \"{% for call in body.list %}{{ call.duration * 900 }}{% endfor %}\"",
        &[&format!("call.duration * 900: `notes`: {numbers}")],
    );
    voice(
        "notes = \"{% for x in body.list %}{{ loop.lenght }}{% endfor %}\"",
        &["loop.lenght: `notes`: `loop` has no `lenght`"],
    );
}
