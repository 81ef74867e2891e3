//! Several sources, one truth per lead: what amends and what sets, who may leave what, what gives
//! way, and how a loop ends.

use leadping_bridge::sandbox::{FaultRule, FaultScope};
use serde_json::{Value, json};

use crate::harness::{
    Setup, World, crm, seconds, status, status_after_apply, voice_call, voice_lead,
};

/// 12:00:00, when the worlds begin.
const NOON: i64 = 1_785_585_600_000;
const BUDGET: &str = "{ returns = 3, per_seconds = 600 }";

/// What the voice system says of a call: first about its lead, then about the call.
fn lead_of_call(lead: &str, call: &str, status: i64) -> Value {
    let mut body = voice_lead(lead, status);
    body["callsId"] = json!([call]);
    body
}

async fn say(world: &World, source: &str, body: &Value) {
    world.send(source, body).await.accepted();
    world.settle().await;
}

#[tokio::test]
async fn the_call_webhook_amends_what_the_lead_webhook_set() {
    for api in ["dispositions", "lead-status"] {
        let world = Setup::shipped()
            .set("targets.leadping.api", &format!("{api:?}"))
            .start()
            .await;
        say(&world, "voice", &lead_of_call("lead_a", "c1", 100)).await;
        world.clock.advance(seconds(60));
        say(&world, "voice", &voice_call("lead_a", "c1", 100)).await;
        assert_eq!(
            world.calls(),
            "set lead_a Interested: 201\namend lead_a Interested: 200"
                .replace("201", if api == "dispositions" { "201" } else { "200" })
        );
        let history = world.sandbox().history("lead_a");
        assert_eq!(history.len(), 1, "one entry, with more in it");
        let entry = &history[0];
        assert_eq!(entry["notes"], "wants a visit");
        assert_eq!(entry["timestamp"], "2026-08-01T12:00:01Z", "the set's own");
        let marker = entry["reason"].as_str().unwrap();
        let set = &world.events("lead=lead_a").await[1]["deliveries"][0];
        assert_eq!(marker, format!("[lb:{}]", set["id"].as_str().unwrap()));
        // The same again says nothing new.
        world.clock.advance(seconds(121));
        let mut again = voice_call("lead_a", "c1", 100);
        again["duration"] = json!(7);
        say(&world, "voice", &again).await;
        assert_eq!(world.sandbox().journal().len(), 2);
        world.finish().await;
    }
}

#[tokio::test]
async fn late_detail_of_an_older_entry_does_not_go_over_what_was_decided_since() {
    let world = Setup::shipped().start().await;
    say(&world, "voice", &lead_of_call("lead_a", "c1", 100)).await;
    say(&world, "crm", &crm("lead_a", "e1", "WON", NOON)).await;
    say(&world, "voice", &voice_call("lead_a", "c1", 100)).await;
    insta::assert_snapshot!(world.timeline("lead_a").await, @"
    voice: settled, matched delivery; delivered Qualified/Interested, 1 tries, 201
    crm: settled, matched delivery; delivered Converted/Won, 1 tries, 201
    voice: settled, matched amend; delivered Qualified/Interested, 1 tries, 200
    ");
    let history = world.sandbox().history("lead_a");
    assert_eq!(
        (history.len(), &history[0]["notes"]),
        (2, &json!("wants a visit"))
    );
    assert_eq!(world.outcomes("lead_a"), ["Interested", "Won"]);
    // What is new, from a weaker source, does not either.
    say(&world, "voice", &voice_call("lead_a", "c2", 110)).await;
    assert_eq!(world.outcomes("lead_a"), ["Interested", "Won"]);
    let newest = &world.events("lead=lead_a").await[0];
    let verdict = &newest["decision"]["targets"]["leadping"];
    assert_eq!(verdict["verdict"], "outranked");
    assert_eq!(
        (&verdict["by"], &newest["state"]),
        (&json!("crm"), &json!("settled"))
    );
    // Its setter may.
    say(&world, "crm", &crm("lead_a", "e2", "LOST", NOON + 5_000)).await;
    assert_eq!(world.outcomes("lead_a"), ["Interested", "Won", "Lost"]);
    world.finish().await;
}

#[tokio::test]
async fn a_source_that_goes_back_sets_again() {
    let world = Setup::shipped().start().await;
    for (event, status) in [("e1", "OPEN"), ("e2", "ON_HOLD"), ("e3", "OPEN")] {
        say(&world, "crm", &crm("lead_a", event, status, NOON)).await;
    }
    assert_eq!(world.outcomes("lead_a"), ["Open", "On hold", "Open"]);
    world.finish().await;
}

#[tokio::test]
async fn an_amend_of_unknown_fate_is_sent_again_without_a_look_up() {
    let world = Setup::shipped().start().await;
    say(&world, "voice", &lead_of_call("lead_a", "c1", 100)).await;
    world.answer(FaultRule::once(FaultScope::Amend, status_after_apply(500)));
    say(&world, "voice", &voice_call("lead_a", "c1", 100)).await;
    world.run().await;
    insta::assert_snapshot!(world.calls(), @"
    set lead_a Interested: 201
    amend lead_a Interested: 500
    amend lead_a Interested: 200
    ");
    world.finish().await;
}

#[tokio::test]
async fn an_entry_whose_id_was_not_told_is_looked_up_before_it_is_amended() {
    let world = Setup::shipped().start().await;
    world.answer(FaultRule::once(FaultScope::Set, status_after_apply(201)));
    say(&world, "voice", &lead_of_call("lead_a", "c1", 100)).await;
    say(&world, "voice", &voice_call("lead_a", "c1", 100)).await;
    let mut more = voice_call("lead_a", "c1", 100);
    more["summary"] = json!("wants two visits");
    say(&world, "voice", &more).await;
    insta::assert_snapshot!(world.calls(), @"
    set lead_a Interested: 201
    read lead_a: 200
    amend lead_a Interested: 200
    amend lead_a Interested: 200
    ");
    world.finish().await;
}

#[tokio::test]
async fn an_entry_that_somebody_removed_is_gone_and_is_set_anew() {
    let world = Setup::shipped().start().await;
    say(&world, "voice", &lead_of_call("lead_a", "c1", 100)).await;
    let removed = world
        .at_target("DELETE", "/dispositions/disp_1", &Value::Null)
        .await;
    assert_eq!(removed.status, 204);
    say(&world, "voice", &voice_call("lead_a", "c1", 100)).await;
    insta::assert_snapshot!(world.calls_after(2), @"
    amend - Interested: 404
    read lead_a: 200
    ");
    assert_eq!(
        world.parked().await,
        ["refused:leadping:404: 0 events, 1 deliveries"]
    );
    world.clock.advance(seconds(121));
    say(&world, "voice", &lead_of_call("lead_a", "c1", 100)).await;
    assert_eq!(world.outcomes("lead_a"), ["Interested"]);
    world.finish().await;
}

#[tokio::test]
async fn detail_of_a_refused_set_becomes_a_set() {
    let world = Setup::shipped().start().await;
    world.answer(FaultRule::once(FaultScope::Set, status(422)));
    say(&world, "voice", &lead_of_call("lead_a", "c1", 100)).await;
    say(&world, "voice", &voice_call("lead_a", "c1", 100)).await;
    insta::assert_snapshot!(world.calls(), @"
    set lead_a Interested: 422
    set lead_a Interested: 201
    ");
    assert_eq!(
        world.sandbox().history("lead_a")[0]["notes"],
        "wants a visit"
    );
    world.finish().await;
}

#[tokio::test]
async fn detail_goes_with_a_set_that_waits_to_be_sent_again() {
    let world = Setup::shipped().start().await;
    world.answer(FaultRule::once(FaultScope::Set, status(408)));
    say(&world, "voice", &lead_of_call("lead_a", "c1", 100)).await;
    say(&world, "voice", &voice_call("lead_a", "c1", 100)).await;
    world.run().await;
    insta::assert_snapshot!(world.timeline("lead_a").await, @"
    voice: settled, matched delivery; delivered Qualified/Interested, 2 tries, 201
    voice: settled, matched folded
    ");
    assert_eq!(
        world.sandbox().history("lead_a")[0]["notes"],
        "wants a visit"
    );
    world.finish().await;
}

#[tokio::test]
async fn unsent_older_ones_give_way_and_the_saved_calls_are_counted() {
    let world = Setup::steps()
        .set("decide.on_newer", "\"supersede\"")
        .start()
        .await;
    for _ in 0..2 {
        world.answer(FaultRule::once(FaultScope::Set, status(408)).lead("lead_a"));
    }
    for step in ["one", "two", "three"] {
        world.step("lead_a", step).await;
        world.settle().await;
    }
    world.run().await;
    assert_eq!(world.outcomes("lead_a"), ["three"]);
    insta::assert_snapshot!(world.timeline("lead_a").await, @"
    voice: settled, matched delivery; superseded Open/one, 1 tries, 408
    voice: settled, matched delivery; superseded Open/two, 1 tries, 408
    voice: settled, matched delivery; delivered Open/three, 1 tries, 201
    ");
    let saved = "leadping_bridge_superseded_total{target=\"leadping\"} 2";
    assert!(world.metrics().await.contains(saved));
    world.finish().await;
}

#[tokio::test]
async fn two_sources_that_contradict_each_other_are_stopped_with_the_evidence() {
    let world = Setup::shipped()
        .set("decide.write_budget", BUDGET)
        .start()
        .await;
    for turn in 0..10 {
        let status = if turn % 2 == 0 { "OPEN" } else { "ON_HOLD" };
        let body = crm("lead_a", &format!("e{turn}"), status, NOON + turn * 1_000);
        world.clock.advance(seconds(1));
        say(&world, "crm", &body).await;
    }
    // Two new words, three ways back; then the lead stays where it is.
    assert_eq!(
        world.outcomes("lead_a"),
        ["Open", "On hold", "Open", "On hold", "Open"]
    );
    assert_eq!(
        world.parked().await,
        ["looping:leadping: 3 events, 0 deliveries"]
    );
    let newest = world.events("lead=lead_a").await;
    let looping = newest
        .iter()
        .find(|event| event["state"] == "parked")
        .unwrap();
    let evidence = &looping["decision"]["targets"]["leadping"];
    assert_eq!(
        (&evidence["verdict"], &evidence["per_seconds"]),
        (&json!("looping"), &json!(600))
    );
    let returns = evidence["returns"].as_array().unwrap();
    let outcomes: Vec<_> = returns.iter().map(|back| &back["outcome"]).collect();
    assert_eq!(outcomes, ["Open", "On hold", "Open"]);
    assert!(
        returns
            .iter()
            .all(|back| back["source"] == "crm" && back["event"].is_number())
    );
    // Others go on, and so does this one after a while.
    say(&world, "crm", &crm("lead_b", "x1", "OPEN", NOON)).await;
    world.clock.advance(seconds(600));
    say(
        &world,
        "crm",
        &crm("lead_a", "e99", "ON_HOLD", NOON + 700_000),
    )
    .await;
    assert_eq!(world.outcomes("lead_a").last().unwrap(), "On hold");
    assert_eq!(world.outcomes("lead_b"), ["Open"]);
    world.finish().await;
}
