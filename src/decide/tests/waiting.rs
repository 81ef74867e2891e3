//! What waits for the lead's link at LeadPing holds the lead elsewhere.

use super::write_back::{Given, story};
use super::*;
use crate::lead::course::{Waits, Words};

/// Not known at LeadPing; the CRM says LOST, which nobody weaker may leave.
fn lost() -> Given {
    let mut given = Given::status("LOST").voice("v1", "p1");
    given.policy.decide.terminal_categories = vec![String::from("Lost"), String::from("Converted")];
    given
}

fn waits(event: i64, source: &str, category: &str) -> Waits {
    Waits {
        event: Sequence(event),
        source: source.to_owned(),
        is_final: false,
        words: Words {
            category: Some(category.to_owned()),
            outcome: Some(String::from("Won")),
        },
    }
}

fn after(held: Waits, authority: [&str; 2]) -> Given {
    let mut given = lost();
    given.policy.decide.authority = authority.map(str::to_owned).to_vec();
    let lead = given.history.targets.entry(String::from("leadping"));
    lead.or_default().course = Some(Course {
        waits: Some(held),
        ..Course::default()
    });
    given
}

fn holds(given: &Given) -> Option<Waits> {
    let change = given.decide().applied?;
    change.courses.get("leadping")?.waits.clone()
}

#[test]
fn only_what_not_just_anybody_may_leave_holds_it() {
    let expected = Waits {
        words: Words {
            category: Some(String::from("Lost")),
            outcome: Some(String::from("Lost")),
        },
        ..waits(10, "crm", "Lost")
    };
    assert_eq!(holds(&lost()), Some(expected.clone()));
    let mut nowhere = lost();
    nowhere.history = LeadHistory::default();
    let change = nowhere.decide().applied.expect("it holds the lead");
    assert!(change.is_only_told && change.targets.is_empty());
    let mut free = lost();
    free.policy.decide.terminal_categories.clear();
    assert_eq!(holds(&free), None);
    assert_eq!(holds(&lost().linked()), None);
    // The stronger one, and the newer one, stay.
    for (held, authority, stays) in [
        (waits(5, "boss", "Lost"), ["boss", "crm"], true),
        (waits(5, "boss", "Lost"), ["crm", "boss"], false),
        (waits(11, "boss", "Lost"), ["crm", "boss"], true),
        (waits(10, "crm", "Lost"), ["boss", "crm"], false),
    ] {
        let held = holds(&after(held, authority));
        assert_eq!(held.is_none(), stays, "{held:?}");
    }
}

#[test]
fn a_weaker_source_does_not_leave_it_elsewhere() {
    let unlinked = "leadping: unlinked; nlpearl: ";
    for (event, authority, expected) in [
        (5, ["boss", "crm"], "outranked"),
        (5, ["crm", "boss"], "delivery"),
        // Recorded later: it was not there yet.
        (11, ["boss", "crm"], "delivery"),
    ] {
        let given = after(waits(event, "boss", "Converted"), authority);
        let told = story(&given.decide());
        let verdict = format!("{unlinked}{expected}; (unlinked:crm)");
        assert!(told.starts_with(&verdict), "{told}");
    }
    // Once it is known at LeadPing, what waited has been decided, and its course speaks.
    let linked = after(waits(5, "boss", "Converted"), ["boss", "crm"]).linked();
    let told = story(&linked.decide());
    assert!(
        told.starts_with("leadping: delivery; nlpearl: delivery"),
        "{told}"
    );
}
