//! Every place that a lead is told to: what is written back, LeadPing's record of the lead, and
//! terminal categories.

use super::*;

const WRITING_BACK: &str = r#"
[targets.nlpearl]
kind = "nlpearl"
api = "v2"
base_url = "http://127.0.0.1:9"
token = { env = "NONE" }
[targets.capillary]
kind = "capillary"
base_url = "http://127.0.0.1:9"
auth = { scheme = "basic", username = "u", password = { env = "NONE" } }
"#;
const WON: &str = r#"kind = "capillary"
[[row]]
status = "WON"
leadping = { type = "CRM", category = "Converted", outcome = "Won" }
[[row]]
status = "LOST"
leadping = { type = "CRM", category = "Lost", outcome = "Lost" }
"#;

/// CRM rows before and after, for a lead that every system has; its differences.
fn compared(current: &str, candidate: &str, traffic: &Traffic) -> Comparison {
    let config = config_of(&[CONFIG, WRITING_BACK].concat());
    let of = |crm: &str| tables(&config, SUCCESS, crm);
    let tables = Sides {
        current: of(current),
        candidate: of(candidate),
    };
    let known = KnownLead {
        lead: LeadKey(7),
        ids: [("leadping", "L1"), ("crm", "c1"), ("voice", "v1")]
            .map(|(system, id)| crate::lead::SystemId::new(system, id))
            .to_vec(),
        pearls: [("v1".to_owned(), "p1".to_owned())].into(),
    };
    plan_knowing(&config, tables, traffic, vec![known])
}

#[track_caller]
fn check_ends(comparison: &Comparison, ends: &[&str], example: (&str, &str)) {
    let found: Vec<String> = comparison
        .lead_ends
        .iter()
        .map(|end| {
            format!(
                "{} at {}: {} → {}",
                end.leads, end.at, end.before, end.after
            )
        })
        .collect();
    assert_eq!(found, ends);
    assert_eq!(comparison.leads_differ, i64::from(!ends.is_empty()));
    let first = &comparison.examples[0];
    assert_eq!((&*first.before, &*first.after), example);
}

#[test]
fn a_status_that_is_written_back_is_told_and_counts_as_an_end() {
    let back = WON.replacen(
        "outcome = \"Won\" }",
        "outcome = \"Won\" }\nnlpearl = { status = 130 }",
        1,
    );
    let other = back.replace("status = 130", "status = 110");
    let traffic = Traffic::default().crm("1", "WON");
    let comparison = compared(WON, &back, &traffic);
    check_ends(
        &comparison,
        &["1 at nlpearl: nothing → 130"],
        ("Converted / Won", "Converted / Won; nlpearl 130"),
    );
    let comparison = compared(&back, &other, &traffic);
    check_ends(
        &comparison,
        &["1 at nlpearl: 130 → 110"],
        (
            "Converted / Won; nlpearl 130",
            "Converted / Won; nlpearl 110",
        ),
    );
    assert!(comparison.terminal[0].newly == 0);
}

#[test]
fn what_only_capillary_is_told_is_no_empty_text() {
    let told = r#"kind = "capillary"
[[row]]
status = "WON"
capillary = { status = "WON", reasonId = 2, subStatus = "Paid" }
"#;
    let other = told.replace("reasonId = 2", "reasonId = 3");
    let comparison = compared(told, &other, &Traffic::default().crm("1", "WON"));
    check_ends(
        &comparison,
        &["1 at capillary: WON/Paid/2 → WON/Paid/3"],
        ("capillary WON/Paid/2", "capillary WON/Paid/3"),
    );
}

#[test]
fn changes_of_the_lead_s_record_are_told() {
    let enabled = r#"kind = "capillary"
[[row]]
status = "WON"
leadping = { lead = { enabled = true } }
"#;
    let disabled = enabled.replace("enabled = true", "enabled = false, tagNames = [\"won\"]");
    let comparison = compared(enabled, &disabled, &Traffic::default().crm("1", "WON"));
    check_ends(
        &comparison,
        &["1 at leadping.lead: enabled true → enabled false, tagNames [\"won\"]"],
        (
            "lead record enabled true",
            "lead record enabled false, tagNames [\"won\"]",
        ),
    );
    // The second time it is said already.
    let twice = compared(
        enabled,
        &enabled.replace("enabled = true", "tagNames = [\"won\"]"),
        &Traffic::default().crm("1", "WON").crm("1", "WON"),
    );
    assert_eq!(twice.lead_ends.len(), 1);
}

#[test]
fn a_record_ends_as_all_its_changes_together() {
    let rows = |tag: &str| {
        format!(
            r#"kind = "capillary"
[[row]]
status = "WON"
leadping = {{ lead = {{ tagNames = ["{tag}"] }} }}
[[row]]
status = "LOST"
leadping = {{ lead = {{ enabled = false }} }}
"#
        )
    };
    let traffic = Traffic::default().crm("1", "WON").crm("1", "LOST");
    let comparison = compared(&rows("x"), &rows("y"), &traffic);
    let ends = &comparison.lead_ends;
    assert_eq!(comparison.leads_differ, 1);
    assert_eq!(ends[0].before, r#"enabled false, tagNames ["x"]"#);
    assert_eq!(ends[0].after, r#"enabled false, tagNames ["y"]"#);
}

#[test]
fn what_differs_in_no_member_is_told_as_that() {
    let traffic = Traffic::default().crm("1", "WON");
    let last = WON.replacen(
        "outcome = \"Won\" }",
        "outcome = \"Won\" }\nfinal = true",
        1,
    );
    let comparison = compared(WON, &last, &traffic);
    let after = "Converted / Won in another way (`final`, or what is amended)";
    check_ends(&comparison, &[], ("Converted / Won as it is", after));
}

#[test]
fn terminal_categories_are_entered_left_and_ended_in() {
    let traffic = Traffic::default()
        .crm("1", "WON")
        .crm("1", "LOST")
        .crm("1", "WON");
    let converting = WON.replace("category = \"Lost\"", "category = \"Converted\"");
    let none = WON.replace("category = \"Converted\"", "category = \"Qualified\"");
    #[track_caller]
    fn check(comparison: &Comparison, entered: (i64, i64), left: (i64, i64), leads: [i64; 4]) {
        let [terminal] = &comparison.terminal[..] else {
            panic!("{:?}", comparison.terminal);
        };
        assert_eq!(terminal.category, "Converted");
        let sides = |sides: Sides<i64>| (sides.current, sides.candidate);
        assert_eq!(sides(terminal.entered), entered);
        assert_eq!(sides(terminal.left), left);
        let Sides { current, candidate } = terminal.leads;
        let newly = [current, candidate, terminal.newly, terminal.no_longer];
        assert_eq!(newly, leads);
    }
    check(
        &compared(WON, &converting, &traffic),
        (2, 1),
        (1, 0),
        [1, 1, 0, 0],
    );
    check(
        &compared(WON, &none, &traffic),
        (2, 0),
        (1, 0),
        [1, 0, 0, 1],
    );
    check(
        &compared(&none, WON, &traffic),
        (0, 2),
        (0, 1),
        [0, 1, 1, 0],
    );
}
