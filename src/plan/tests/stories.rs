//! The story of one event of a replay: told at the moment it is decided, with the past it then has.

use super::*;

/// The story of the event at this place, on both sides, as the verdicts and rows that matched.
fn story(current: &str, candidate: &str, traffic: &Traffic, place: usize) -> Sides<String> {
    let config = Arc::new(config());
    let tables = Sides {
        current: tables(&config, current, CRM),
        candidate: tables(&config, candidate, CRM),
    };
    let mut plan = Plan::new(&config, tables);
    plan.watch(traffic.0[place].id, config.clone());
    let mut recall = |sequence: Sequence| {
        let found = traffic.0.iter().find(|event| event.sequence == sequence);
        Ok(found.cloned())
    };
    for event in &traffic.0 {
        let reading = plan.reader().read(event);
        let event = event.clone();
        plan.decide(&Undecided { event, reading }, &mut recall)
            .unwrap();
    }
    let told = plan.told().expect("the event was decided");
    assert!(plan.told().is_none(), "it is told once");
    let said = |explanation: &Explanation| {
        let was = explanation.lead.previous.as_ref();
        let was = was.and_then(|was| was.outcome.clone()).unwrap_or_default();
        let bodies = explanation
            .requests
            .iter()
            .filter_map(|request| request.body.as_ref());
        let sent = bodies.map(|body| body["outcome"].to_string());
        let sent = sent.collect::<Vec<_>>().join(", ");
        let words = explanation.decision.words().join(", ");
        format!("was {was:?}: {words} {sent}").trim_end().to_owned()
    };
    Sides {
        current: said(&told.current),
        candidate: said(&told.candidate),
    }
}

#[test]
fn each_side_has_the_past_that_its_own_tables_made() {
    let changed = SUCCESS.replace("Interested", "Keen");
    let traffic = Traffic::default()
        .voice("1", 100)
        .voice("1", 70)
        .voice("1", 100);
    let [current, candidate] = [SUCCESS, &changed].map(|success| [success, VOICEMAIL].concat());
    let middle = story(&current, &candidate, &traffic, 1);
    assert_eq!(middle.current, "was \"Interested\": delivery \"Voicemail\"");
    assert_eq!(middle.candidate, "was \"Keen\": delivery \"Voicemail\"");
}

#[test]
fn what_waited_for_its_link_is_told_as_it_was_decided_in_the_end() {
    let traffic = Traffic::default().crm("1", "LOST").linking("1", 100);
    let waited = story(SUCCESS, SUCCESS, &traffic, 0);
    assert_eq!(waited.current, "was \"\": delivery \"Lost\"");
    assert_eq!(waited.current, waited.candidate);
    let waits = story(SUCCESS, SUCCESS, &Traffic(traffic.0[..1].to_vec()), 0);
    assert_eq!(waits.current, "was \"\": unlinked");
}
