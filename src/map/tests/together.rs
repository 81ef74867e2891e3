//! Rows held against each other: what they cover together, and what is left for a later one.

use super::*;

/// The warnings about these rows of a CRM, as `line: message`.
fn warnings(kind: SourceKind, rows: &[&str]) -> Vec<String> {
    let rows: String = rows.iter().map(|row| format!("[[row]]\n{row}\n")).collect();
    let text = format!("kind = \"{}\"\n{rows}", kind.as_str());
    let (_, findings) = parse_table("crm", &file(&text), Some(kind));
    findings
        .iter()
        .filter(|finding| finding.severity == Severity::Warning)
        .map(|finding| format!("{}: {}", finding.position().0, finding.message))
        .collect()
}

const OTHERS: &str = "status = [\"OPEN\", \"WON\", \"ON_HOLD\", \"DELETED\"]\nignore = \"x\"";

#[track_caller]
fn crm(rows: &[&str], expected: &[&str]) {
    let rows: Vec<&str> = [OTHERS].iter().chain(rows).copied().collect();
    assert_eq!(warnings(SourceKind::Capillary, &rows), expected, "{rows:?}");
}

#[test]
fn conditions_that_leave_nothing_out_cover_a_status() {
    let few = "status = \"LOST\"\nwhen = \"lead.calls < 3\"\nignore = \"x\"";
    let many = "status = \"LOST\"\nwhen = \"lead.calls >= 3\"\nignore = \"x\"";
    crm(&[few, many], &[]);
    crm(
        &[few],
        &["5: status LOST is covered only under conditions (lead webhooks)"],
    );
    crm(
        &[few, many, "status = \"LOST\"\nignore = \"x\""],
        &["13: row can never match: the rows in lines 5 and 9 together take all of it"],
    );
}

#[test]
fn a_condition_within_another_is_shadowed() {
    let rest = "status = \"LOST\"\nignore = \"x\"";
    let row = |when: &str| format!("status = \"LOST\"\nwhen = \"{when}\"\nignore = \"x\"");
    crm(
        &[&row("lead.calls >= 3"), &row("lead.calls >= 5"), rest],
        &["9: row can never match: the row in line 5 takes all of it"],
    );
    crm(
        &[&row("lead.calls >= 5"), &row("lead.calls >= 3"), rest],
        &[],
    );
    let known = "status = \"LOST\"\nsub_status = [\"A\", \"B\"]\nignore = \"x\"";
    crm(
        &[known, &row("event.sub_status | default('') == 'A'"), rest],
        &["9: row can never match: the row in line 5 takes all of it"],
    );
    let one = |word: &str| format!("status = \"LOST\"\nsub_status = \"{word}\"\nignore = \"x\"");
    crm(
        &[&one("A"), &one("B"), known, rest],
        &["13: row can never match: the rows in lines 5 and 9 together take all of it"],
    );
}

#[test]
fn sound_rows_are_judged_beside_broken_ones() {
    let lost = "status = \"LOST\"\nignore = \"x\"";
    // A broken row covers what it names, or probably names, and shadows nothing.
    crm(&["status = \"LOST\"\nignroe = \"x\""], &[]);
    crm(&["stauts = \"LOST\"\nignore = \"x\""], &[]);
    crm(&["status = \"LSOT\"\nignore = \"x\""], &[]);
    crm(
        &["status = \"LOST\"\nwhen = \"lead.cals > 2\"\nignore = \"x\""],
        &[],
    );
    crm(&["status = \"LOST\"\nignroe = \"x\"", lost], &[]);
    crm(
        &[lost, lost, "status = \"LOST\"\nignroe = \"x\""],
        &["8: row can never match: the row in line 5 takes all of it"],
    );
    crm(
        &["status = \"OPEN\"\nignroe = \"x\""],
        &["1: no row covers status LOST (lead webhooks)"],
    );
    // A syntax error: only rows that stand apart from it are judged.
    crm(
        &[lost, lost, "status = \nignore = \"x\""],
        &["8: row can never match: the row in line 5 takes all of it"],
    );
    crm(&["status = \nignore = \"x\""], &[]);
}

#[test]
fn what_may_be_missing_is_found_beside_other_errors() {
    let text = "kind = \"capillary\"\n[[row]]\nstatus = \"LOST\"\nleadping = { type = \"a\", outcome = \"{{ event.sub_status }}\" }\n[[row]]\nstauts = \"x\"\nignore = \"y\"\n";
    let (_, findings) = parse(SourceKind::Capillary, text);
    assert!(
        findings
            .iter()
            .any(|found| found.contains("`event.sub_status` may be missing")),
        "{findings:?}"
    );
    assert!(
        findings
            .iter()
            .any(|found| found.contains("unknown key `stauts`")),
        "{findings:?}"
    );
}

#[test]
fn a_status_never_comes_in_a_webhook_that_the_vendor_does_not_send() {
    let found = warnings(
        SourceKind::Nlpearl,
        &[
            "status = 1\non = \"call\"\nignore = \"x\"",
            "ignore = \"x\"",
        ],
    );
    assert_eq!(
        found,
        ["2: row can never match: NLPearl sends 1 (New) in no call webhook"]
    );
}
