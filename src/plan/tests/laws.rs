//! Laws of planning over random traffic.

use proptest::prelude::*;

use super::*;

const VOICE_STATUSES: [i64; 5] = [100, 70, 20, 110, 220];
const CRM_STATUSES: [&str; 4] = ["WON", "LOST", "OPEN", "LOST "];

const CONDITIONAL: &str = r#"
[[row]]
status = [70, 100]
when = "lead.calls >= 2"
leadping = { type = "Call", category = "Lost", outcome = "{{ previous.outcome | default('none') }}" }
[[row]]
status = 20
ignore = "in progress"
[[row]]
status = 110
park = "look"
"#;

fn any_traffic() -> impl Strategy<Value = Traffic> {
    let event = (0..5u8, 0..4u8, 0..5usize, 0..3usize);
    prop::collection::vec(event, 1..40).prop_map(|events| {
        let mut traffic = Traffic::default();
        for (what, lead, status, calls) in events {
            let lead = lead.to_string();
            let calls = &["a", "b", "c"][..calls];
            traffic = match what {
                0 => traffic.called(&lead, VOICE_STATUSES[status], calls),
                1 => traffic.linking(&lead, VOICE_STATUSES[status]),
                2 | 3 => traffic.crm(&lead, CRM_STATUSES[status % 4]),
                // Nothing but its own id.
                _ => traffic.add("voice", json!({ "id": format!("v{lead}"), "status": VOICE_STATUSES[status], "callsId": calls })),
            };
        }
        traffic
    })
}

fn any_rows() -> impl Strategy<Value = String> {
    let rows = prop::sample::subsequence(vec![CONDITIONAL, SUCCESS, VOICEMAIL], 0..=3);
    rows.prop_shuffle().prop_map(|rows| rows.concat())
}

/// The numbers without the examples' ids, which stand for themselves.
fn numbers(side: &SideTotals) -> (Counts, Counts, Counts) {
    (
        side.decisions.clone(),
        side.parked.clone(),
        side.calls.clone(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Neither the one table for both, nor tables that only read differently and are each asked.
    #[test]
    fn identical_tables_never_differ(rows in any_rows(), traffic in any_traffic()) {
        let config = config();
        for remark in ["", "# the same rows\n"] {
            let sides = Sides {
                current: tables(&config, &rows, CRM),
                candidate: tables(&config, &format!("{rows}{remark}"), &format!("{CRM}{remark}")),
            };
            let comparison = plan(&config, sides, &traffic);
            prop_assert!(!comparison.differs, "{}", told(&comparison));
            prop_assert_eq!(&comparison.totals.current, &comparison.totals.candidate);
            prop_assert!(comparison.examples.is_empty());
            prop_assert!(comparison.rows.iter().all(|line| line.events.current == line.events.candidate));
        }
    }

    /// Each side is what it would be alone, and exchanging the sides exchanges the numbers.
    #[test]
    fn the_sides_do_not_touch_each_other(
        one in any_rows(),
        other in any_rows(),
        traffic in any_traffic(),
    ) {
        let config = config();
        let planned = |current: &str, candidate: &str| {
            let sides = Sides {
                current: tables(&config, current, CRM),
                candidate: tables(&config, candidate, CRM),
            };
            plan(&config, sides, &traffic)
        };
        let there = planned(&one, &other);
        let back = planned(&other, &one);
        let alone = planned(&one, &one);
        prop_assert_eq!(numbers(&there.totals.current), numbers(&alone.totals.current));
        prop_assert_eq!(numbers(&there.totals.current), numbers(&back.totals.candidate));
        prop_assert_eq!(numbers(&there.totals.candidate), numbers(&back.totals.current));
        prop_assert_eq!(there.events_differ, back.events_differ);
        prop_assert_eq!(there.leads_differ, back.leads_differ);
        prop_assert_eq!(there.parked.newly.sum(), back.parked.released.sum());
        prop_assert_eq!(there.calls[0].difference, -back.calls[0].difference);
    }

    /// Every event is decided by one row or none, on each side.
    #[test]
    fn every_event_is_counted_once(rows in any_rows(), traffic in any_traffic()) {
        let config = config();
        let sides = Sides {
            current: tables(&config, SUCCESS, CRM),
            candidate: tables(&config, &rows, CRM),
        };
        let comparison = plan(&config, sides, &traffic);
        let events = i64::try_from(traffic.0.len()).unwrap();
        prop_assert_eq!(comparison.events, events);
        let current: i64 = comparison.rows.iter().map(|line| line.events.current).sum();
        let candidate: i64 = comparison.rows.iter().map(|line| line.events.candidate).sum();
        prop_assert_eq!((current, candidate), (events, events));
        let parking = &comparison.parked;
        let parked = |side: &SideTotals| side.parked.sum();
        prop_assert_eq!(
            parked(&comparison.totals.candidate) - parked(&comparison.totals.current),
            parking.newly.sum() - parking.released.sum()
        );
    }
}
