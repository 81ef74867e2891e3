//! Comparisons of numbers held against each other: what `check` says of them is what counting says.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

/// Further than any number that is compared here.
const MOST_CALLS: i64 = 20;

/// A comparison of `lead.calls`: as it is written, and what it takes.
#[derive(Debug, Clone)]
struct Compared {
    text: String,
    takes: Vec<bool>,
}

impl Compared {
    fn new(text: String, takes: impl Fn(i64) -> bool) -> Self {
        let takes = (0..=MOST_CALLS).map(takes).collect();
        Self { text, takes }
    }

    fn takes(&self, calls: i64) -> bool {
        usize::try_from(calls).is_ok_and(|calls| self.takes[calls])
    }
}

fn compared() -> impl Strategy<Value = Compared> {
    (0..11_usize, 0..6_i64, 0..6_i64).prop_map(|(form, one, other)| match form {
        0 => Compared::new(format!("lead.calls == {one}"), |n| n == one),
        1 => Compared::new(format!("lead.calls != {one}"), |n| n != one),
        2 => Compared::new(format!("lead.calls < {one}"), |n| n < one),
        3 => Compared::new(format!("lead.calls <= {one}"), |n| n <= one),
        4 => Compared::new(format!("lead.calls > {one}"), |n| n > one),
        5 => Compared::new(format!("lead.calls >= {one}"), |n| n >= one),
        6 => Compared::new(format!("{one} < lead.calls"), |n| one < n),
        7 => Compared::new(format!("not lead.calls > {one}"), |n| n <= one),
        8 => Compared::new(format!("lead.calls in [{one}, {other}]"), |n| {
            n == one || n == other
        }),
        9 => Compared::new(format!("lead.calls not in [{one}, {other}]"), |n| {
            n != one && n != other
        }),
        _ => Compared::new(format!("{one} <= lead.calls < {other}"), |n| {
            one <= n && n < other
        }),
    })
}

/// The warnings about rows of one status, in the order given; the first is in line 5.
fn warnings(kind: SourceKind, conditions: &[&str]) -> Vec<(usize, String)> {
    let mut text = format!(
        "kind = \"{}\"\n[[row]]\nstatus = [\"OPEN\", \"WON\", \"ON_HOLD\", \"DELETED\"]\nignore = \"x\"\n",
        kind.as_str()
    );
    for condition in conditions {
        let _ = write!(
            text,
            "[[row]]\nstatus = \"LOST\"\nwhen = \"{condition}\"\nignore = \"x\"\n"
        );
    }
    let (table, findings) = parse_table("crm", &file(&text), Some(kind));
    assert!(table.is_some(), "{findings:#?}");
    findings
        .iter()
        .map(|finding| (finding.position().0, finding.message.clone()))
        .collect()
}

fn is_uncovered(warnings: &[(usize, String)]) -> bool {
    let mut messages = warnings.iter().map(|(_, message)| message);
    messages.any(|message| {
        message.contains("covered only under conditions") || message.contains("no row covers")
    })
}

/// The rows, counted from 0, that nothing is left for.
fn dead(warnings: &[(usize, String)]) -> Vec<usize> {
    let dead = warnings
        .iter()
        .filter(|(_, message)| message.contains("row can never match"));
    let mut dead: Vec<usize> = dead.map(|(line, _)| (line - 5) / 4).collect();
    // A row may be dead for two reasons.
    dead.dedup();
    dead
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn check_says_of_numbers_what_counting_says(rows in proptest::collection::vec(compared(), 2..4)) {
        let conditions: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
        let found = warnings(SourceKind::Capillary, &conditions);
        let is_left = |row: usize, calls: i64| {
            rows[row].takes(calls) && !rows[..row].iter().any(|earlier| earlier.takes(calls))
        };
        let lost: Vec<usize> = (0..rows.len())
            .filter(|row| !(0..=MOST_CALLS).any(|calls| is_left(*row, calls)))
            .collect();
        prop_assert_eq!(dead(&found), lost, "{:?}: {:?}", conditions, found);
        let is_open = (0..=MOST_CALLS).any(|calls| !rows.iter().any(|row| row.takes(calls)));
        prop_assert_eq!(is_uncovered(&found), is_open, "{:?}: {:?}", conditions, found);
    }
}

#[test]
fn what_is_beyond_every_number_named_is_missed() {
    for pair in [
        ["lead.calls <= 1", "lead.calls == 2"],
        ["lead.calls in [1, 2]", "lead.calls < 1"],
        ["lead.calls == 2", "not lead.calls > 1"],
    ] {
        let found = warnings(SourceKind::Capillary, &pair);
        assert!(is_uncovered(&found), "{pair:?}: {found:?}");
    }
}

#[test]
fn a_row_for_more_than_one_number_is_not_taken_by_the_row_for_that_number() {
    for pair in [
        ["lead.calls in [1, 2]", "lead.calls >= 1"],
        ["body.n == 2", "body.n > 1"],
        ["body.n | default(0) == 2", "body.n | default(0) > 1"],
        ["body.n | default(0) == 100", "body.n | default(0) > 99"],
        [
            "event.reason_id | default(0) == 4",
            "event.reason_id | default(0) > 3",
        ],
        // Half a euro is an amount.
        ["body.n in [1, 2, 3]", "body.n >= 1 and body.n <= 3"],
        ["body.n", "body.n > -1 and body.n < 1"],
    ] {
        let found = warnings(SourceKind::Capillary, &pair);
        assert_eq!(dead(&found), [0_usize; 0], "{pair:?}: {found:?}");
    }
}
