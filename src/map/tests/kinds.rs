//! What tables of the free-form kinds may say: LeadPing's categories, and anybody's statuses.

use super::*;

fn findings(kind: &str, rows: &str) -> Vec<String> {
    let text = format!("kind = \"{kind}\"\n{rows}");
    let (_, findings) = parse_table("t", &file(&text), None);
    findings
        .iter()
        .map(|finding| {
            let hint = finding.hint.as_deref().unwrap_or_default();
            format!("{}: {} ({hint})", finding.position().0, finding.message)
        })
        .collect()
}

#[test]
fn a_table_of_leadping_speaks_of_categories_and_outcomes() {
    let every = "[[row]]\nstatus = [\"Open\", \"qualified\", \"Converted\", \"Lost\", \"Invalid\"]\nignore = \"x\"\n";
    assert_eq!(
        findings("leadping", every),
        [
            "1: no row covers status Duplicate (lead webhooks) (such events are parked as unmapped until a row takes them)"
        ]
    );
    #[track_caller]
    fn check(row: &str, expected: &[&str]) {
        let found = findings(
            "leadping",
            &format!("[[row]]\nignore = \"all\"\n[[row]]\n{row}\n"),
        );
        // The first row takes all of it.
        let found: Vec<&String> = found
            .iter()
            .filter(|f| !f.contains("takes all of it"))
            .collect();
        assert_eq!(found, expected, "{row}");
    }
    check(
        "status = \"Won\"\nignore = \"x\"",
        &[
            "5: unknown status `Won` (there are: Open, Qualified, Converted, Lost, Invalid, Duplicate; if LeadPing really sends it, write when = \"event.status == 'Won'\" instead of `status`)",
        ],
    );
    check(
        "status = 1\nignore = \"x\"",
        &["5: `status` is not a name but integer ()"],
    );
    check(
        "on = \"call\"\nignore = \"x\"",
        &["4: row can never match: LeadPing sends no calls ()"],
    );
    check(
        "reason_id = 1\nignore = \"x\"",
        &["4: row can never match: LeadPing sends no reason id ()"],
    );
    check(
        "when = \"event.status == 'lost'\"\nignore = \"x\"",
        &[
            "5: `when`: `event.status` is never `lost`, so the row can never match (did you mean `Lost`?)",
        ],
    );
    check(
        "leadping = { type = \"x\", outcome = \"{{ lead.id }} {{ event.sub_status }}\" }",
        &[
            "5: `outcome`: `event.sub_status` may be missing: not every webhook names it (say what to take then: `event.sub_status | default('')`)",
        ],
    );
}

#[test]
fn a_generic_table_takes_any_status_and_no_coverage_is_asked_for() {
    #[track_caller]
    fn check(row: &str, expected: &[&str]) {
        assert_eq!(
            findings("generic", &format!("[[row]]\n{row}\n")),
            expected,
            "{row}"
        );
    }
    check("status = [\"Half paid\", 7, \"é\"]\nignore = \"x\"", &[]);
    check(
        "sub_status = \"x\"\nreason_id = 7\non = \"call\"\nignore = \"x\"",
        &[],
    );
    check("when = \"event.status == 'anything'\"\nignore = \"x\"", &[]);
    for wrong in ["*", "  "] {
        check(
            &format!("status = \"{wrong}\"\nignore = \"x\""),
            &[&format!(
                "3: unknown status `{}` (leave `status` out to match every status)",
                wrong.trim()
            )],
        );
    }
    check(
        "status = true\nignore = \"x\"",
        &["3: `status` is not a name or a number but boolean ()"],
    );
    check(
        "when = \"event.status == 7\"\nignore = \"x\"",
        &[
            "3: `when`: `event.status` is text, not a number, so the row can never match (write '7', in quotes)",
        ],
    );
    check(
        "on = \"call\"\nleadping = { type = \"x\", outcome = \"{{ call.summary }}\" }",
        &[
            "4: `outcome`: `call.summary` may be missing: not every webhook names it (say what to take then: `call.summary | default('')`)",
        ],
    );
    let shadowed = "status = \"a\"\nignore = \"x\"\n[[row]]\nstatus = \"a\"\nignore = \"x\"";
    check(
        shadowed,
        &[
            "5: row can never match: the row in line 2 takes all of it (put the more special row first, or take one of them out)",
        ],
    );
}

#[test]
fn a_status_of_a_generic_source_matches_as_it_was_sent() {
    let text =
        "kind = \"generic\"\n[[row]]\nname = \"paid\"\nstatus = [\"Paid\", 7]\nignore = \"x\"\n";
    let (table, findings) = parse(SourceKind::Generic, text);
    assert!(findings.is_empty(), "{findings:?}");
    let table = table.unwrap();
    #[track_caller]
    fn check(table: &Table, sent: &str, matches: bool) {
        let given = Given::new(Facts {
            kind: Some(EventKind::Lead),
            status: Some(systems::parse_status(SourceKind::Generic, sent)),
            ..Facts::default()
        });
        let mapped = given.evaluate(table);
        assert_eq!(matches!(mapped, Mapped::Ignored { .. }), matches, "{sent}");
    }
    check(&table, "Paid", true);
    check(&table, "7", true);
    check(&table, "paid", false);
    check(&table, "07", false);
}
