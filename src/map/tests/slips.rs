//! One slip of the hand in the shipped table is one finding, at the slip.

use super::*;

const VOICE: &str = include_str!("../../../mappings/voice.toml");

/// Every finding, as `place: message (hint)`.
#[track_caller]
fn slip(from: &str, to: &str, expected: &[&str]) {
    assert!(VOICE.contains(from), "{from}");
    let text = VOICE.replacen(from, to, 1);
    let (table, findings) = parse_table("voice", &file(&text), Some(SourceKind::Nlpearl));
    let told: Vec<String> = findings
        .iter()
        .map(|finding| {
            let place = &finding.file.text[finding.span.clone()];
            let hint = finding.hint.as_deref().unwrap_or("-");
            let hint = hint.split_once(';').map_or(hint, |(hint, _)| hint);
            format!("{place}: {} ({hint})", finding.message)
        })
        .collect();
    assert_eq!(told, expected);
    assert!(table.is_none());
    // The same in a file of Windows.
    let windows = text.replace('\n', "\r\n");
    let (_, there) = parse_table("voice", &file(&windows), Some(SourceKind::Nlpearl));
    let places = |findings: &[Finding]| -> Vec<(usize, usize)> {
        findings.iter().map(Finding::position).collect()
    };
    assert_eq!(places(&there), places(&findings));
}

#[test]
fn a_quote_too_few_is_told_once_and_in_its_line() {
    const MISSING: &str =
        "a quote is missing in this line (every text begins and ends with its quote)";
    slip(
        "outcome = \"New\" }",
        "outcome = \"New }",
        &[&format!("\"New }}: {MISSING}")],
    );
    slip(
        "outcome = \"New\" }",
        "outcome = New\" }",
        &["New\": a text stands in quotes (write \"New\")"],
    );
    slip(
        "{ category = \"Open\", outcome = \"New\"",
        "{ category = \"Open, outcome = \"New\"",
        &[&format!("New\": {MISSING}")],
    );
    slip(
        "name = \"new\"",
        "name = \"new",
        &["\"new: the text has no closing quote (end it with \" on the same line)"],
    );
}

#[test]
fn a_bracket_too_few_is_told_where_it_opens() {
    let list = "status = [\"NeedRetry\", \"InCallQueue\", \"OnCall\"]";
    slip(
        list,
        &list.replace(']', ""),
        &["[: `[` is not closed (it ends with `]`)"],
    );
    slip(
        "outcome = \"New\" }",
        "outcome = \"New\"",
        &["{: `{` is not closed (it ends with `}`)"],
    );
    slip(
        "park = \"the campaign reports an error for this lead\"",
        "leadping = { outcome = \"New\"",
        &["{: `{` is not closed (it ends with `}`)"],
    );
    slip(
        "\"NeedRetry\", \"InCallQueue\"",
        "\"NeedRetry\" \"InCallQueue\"",
        &[
            "\"InCallQueue\": something follows the value (put a comma between the two, or close the list with `]`)",
        ],
    );
    slip(
        list,
        "status = \"NeedRetry\", \"InCallQueue\"",
        &[",: `,` behind the value (several values are a list, in brackets: [\"…\", \"…\"])"],
    );
    // Over several lines a list may stand as well.
    slip(
        list,
        "status = [\n  \"NeedRetry\"\n  \"OnCall\",\n]",
        &[
            "\": no comma before the next line (put a comma at the end of the line: its brackets are closed further down)",
        ],
    );
}

#[test]
fn a_row_that_does_not_begin_is_told_once() {
    slip(
        "[[row]]\nname = \"voicemail\"",
        "name = \"voicemail\"",
        &[
            "name: duplicate key `name` (is the line `[[row]]` missing above it? Every row begins with its own)",
        ],
    );
    slip(
        "[[row]]\nname = \"voicemail\"",
        "[row]\nname = \"voicemail\"",
        &[
            "[row]: `[row]` is no list of rows (write `[[row]]`, with two brackets: there can be several)",
        ],
    );
    slip(
        "[[row]]\nname = \"voicemail\"",
        "[[Row]]\nname = \"voicemail\"",
        &["Row: unknown key `Row` (did you mean `row`?)"],
    );
    slip(
        "name = \"voicemail\"",
        "name = \"voicemail\"\nname = \"voice mail\"",
        &["name: duplicate key `name` (a key stands once in a table: take one of the two out)"],
    );
}

#[test]
fn a_sign_of_another_language_is_told_once() {
    slip(
        "outcome = \"New\" }",
        "outcome = \"New\"; }",
        &[";: `;` behind the value (write `,` between two members)"],
    );
    slip(
        "status = \"New\"",
        "status \"New\"",
        &[": no `=` behind the key (write `key = value`)"],
    );
}

#[test]
fn several_slips_are_each_told() {
    let text = VOICE
        .replace("outcome = \"New\" }", "outcome = \"New }")
        .replace("status = \"Unreachable\"", "status = \"Unreachabel\"")
        .replace("[[row]]\nname = \"completed\"", "name = \"completed\"")
        .replace("park = \"the call", "park = the call");
    let (_, findings) = parse_table("voice", &file(&text), Some(SourceKind::Nlpearl));
    let lines: Vec<usize> = findings.iter().map(|found| found.position().0).collect();
    let line_of = |part: &str| text[..text.find(part).unwrap()].matches('\n').count() + 1;
    let expected = [
        "\"New }",
        "Unreachabel",
        "name = \"completed\"",
        "park = the call",
    ]
    .map(line_of);
    assert_eq!(lines, expected, "{findings:#?}");
}

#[test]
fn what_was_probably_meant_is_said_in_words_that_help() {
    #[track_caller]
    fn check(row: &str, hint: &str) {
        let text = format!("kind = \"nlpearl\"\n[[row]]\nignore = \"x\"\n{row}\n");
        let (_, findings) = parse_table("voice", &file(&text), Some(SourceKind::Nlpearl));
        let hints: Vec<_> = findings
            .iter()
            .filter_map(|finding| finding.hint.as_deref())
            .collect();
        assert!(hints.contains(&hint), "{row}: {findings:?}");
    }
    check("status = \"Voicemail\"", "did you mean `VoiceMailLeft`?");
    check(
        "on = \"lead, call\"",
        "leave it out for both kinds of webhook",
    );
    check(
        "when = \"event.received_at > now()\"",
        "tables have no clock: `event.received_at` is when the webhook came",
    );
    check(
        "when = \"lead.id | truncate(3) == 'abc'\"",
        "the first 20 letters are `x[:20]`",
    );
    check(
        "when = \"lead.calls in 1, 2\"",
        "a list stands in brackets: `x in [1, 2]`",
    );
    check(
        "when = \"lead.calls in [1 2]\"",
        "put `,` between what stands in brackets, or close the bracket before it",
    );
    check("when = \"lead.calls in [1, 2\"", "a bracket is not closed");
}

#[test]
fn rows_of_one_name_are_told_unless_one_is_just_a_copy() {
    let twins = |condition: &str| {
        let text = format!(
            "kind = \"nlpearl\"\n[[row]]\nname = \"a\"\nstatus = 70\nignore = \"x\"\n\
             [[row]]\nname = \"a\"\n{condition}\nignore = \"y\"\n"
        );
        let (_, findings) = parse_table("voice", &file(&text), Some(SourceKind::Nlpearl));
        let about = findings.into_iter().map(|finding| finding.message);
        about
            .filter(|about| !about.contains("cover"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        twins("status = 100"),
        ["the row in line 2 has the name `a` too"]
    );
    let copy = twins("status = 70");
    assert!(
        copy.len() == 1 && copy[0].contains("never match"),
        "{copy:?}"
    );
}

#[test]
fn a_torn_line_is_one_finding_where_it_is_torn() {
    #[track_caller]
    fn check(row: &str, expected: &[&str]) {
        let (_, findings) = parse_table(
            "voice",
            &file(&format!("{VOICE}\n{row}\n")),
            Some(SourceKind::Nlpearl),
        );
        let found = findings.iter().map(|finding| {
            let place = &finding.file.text[finding.span.clone()];
            let hint = finding.hint.as_deref().unwrap_or_default();
            format!("{place}: {} ({hint})", finding.message)
        });
        assert_eq!(found.collect::<Vec<_>>(), expected, "{row}");
    }
    check(
        "[[row]\nstatus = 777\nignore = \"x\"\n[[row]]\nwhen = \"event.status == 778\"\nignore = \"x\"",
        &[
            "[[row]: the brackets are not closed (write `[[row]]` for a row, `[defaults.leadping]` for a table)",
        ],
    );
    check(
        "[[row]]\nwhen = \"event.status == 777\"\nleadping = { outcome = \"x\"\n  category = \"Lost\" }",
        &[
            "\": no comma before the next line (put a comma at the end of the line: its brackets are closed further down)",
        ],
    );
    check(
        "[[row]]\nwhen = event.status == 777   # odd\nignore = \"x\"",
        &["event.status: a text stands in quotes (write \"event.status == 777\")"],
    );
    check(
        "[[row]]\nwhen = \"event.status == 777\"\nleadping = { outcome = \"x\" }\nleadping.category = \"Lost\"",
        &[
            "leadping: the table in `{ … }` is closed already (put it between the braces of the table above)",
        ],
    );
}
