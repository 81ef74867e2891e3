//! Laws of deciding over random pasts.

use proptest::prelude::*;
use serde_json::{Map, Value};

use super::*;

fn any_given() -> impl Strategy<Value = Given> {
    let statuses = prop::sample::select(vec![100, 70, 20, 110, 130, 220]);
    let calls = prop::sample::select(vec![None, Some("a"), Some("b")]);
    let has = prop::option::of((0..3, calls.clone()));
    (
        (statuses, calls, any::<bool>(), any::<bool>()),
        prop::option::of(0i64..2000),
        prop::option::of((0i64..20, prop::option::of(0i64..2000))),
        prop::option::of(0i64..20),
        has,
    )
        .prop_map(
            |((status, call, linked, shadow), occurred_ms, applied, newest, has)| {
                let mut given = Given {
                    call,
                    shadow,
                    occurred_ms,
                    ..Given::status(status)
                };
                if let Some((sequence, ms)) = applied {
                    given = given.applied("voice", sequence, ms);
                }
                if let Some(sequence) = newest {
                    given = given.target_applied(sequence);
                }
                if let Some((part, call)) = has {
                    let mut members = interested();
                    match part {
                        0 => {}
                        // The row has more to say.
                        1 => drop(members.as_object_mut().unwrap().remove("type")),
                        _ => members = Value::Object(Map::new()),
                    }
                    given = given.has(members, call);
                }
                if linked { given } else { given.unlinked() }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_input_gives_the_same_decision(given in any_given()) {
        let (first, second) = (given.decide(), given.decide());
        prop_assert_eq!(line(&first), line(&second));
        prop_assert_eq!(first.applied, second.applied);
        prop_assert_eq!(first.cause, second.cause);
    }

    /// Every decision is one of: parked with a cause, sent, or final; and what is applied was
    /// weighed as such.
    #[test]
    fn nothing_is_decided_to_nothing(given in any_given()) {
        let decision = given.decide();
        let verdicts: Vec<_> = decision.record.targets.values().collect();
        let is_call = |v: &&&TargetVerdict| matches!(v, TargetVerdict::Delivery { .. } | TargetVerdict::Amend { .. });
        let sent = verdicts.iter().filter(is_call).count();
        prop_assert_eq!(sent, decision.deliveries.len());
        prop_assert_eq!(decision.applied.is_some(), verdicts.iter().any(|v| v.is_applied()));
        prop_assert_eq!(verdicts.is_empty(), decision.record.verdict != Verdict::Matched);
        let waits = matches!(decision.record.verdict, Verdict::Invalid | Verdict::Unmapped | Verdict::Parked)
            || verdicts.contains(&&TargetVerdict::Unlinked);
        prop_assert_eq!(decision.cause.is_some(), waits);
        prop_assert!(given.history.lead_id.is_some() || decision.deliveries.is_empty());
    }

    /// What was decided once is unchanged the next time, as long as nothing else happens.
    #[test]
    fn what_was_just_sent_is_unchanged(given in any_given()) {
        let decision = given.decide();
        if let Some(sent) = decision.deliveries.first() {
            let mut again = given.has(Value::Object(sent.members.clone()), sent.call.as_deref());
            again.target().applied = Some(Sequence(10));
            prop_assert_eq!(line(&again.decide()), "unchanged applied");
        }
    }

    /// A later event applied at the target stops every wish there.
    #[test]
    fn nothing_goes_over_a_newer_one(given in any_given()) {
        let decision = given.target_applied(11).decide();
        prop_assert!(decision.deliveries.is_empty());
        prop_assert!(decision.applied.is_none());
    }
}
