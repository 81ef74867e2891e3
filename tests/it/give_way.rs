//! A target is not reached for a while, and meanwhile its own system says something newer: what was
//! to be written there before is not written over it any more.

use leadping_bridge::sandbox::System;
use serde_json::{Value, json};

use crate::harness::{LEADPING_LEAD, Setup, World, crm_alone, seconds, voice_lead, voice_of_all};

const PEOPLE: &str = r#"
kind = "leadping"
auth = [{ scheme = "header", header = "x-secret", secret = SECRET }]
"#;

const PEOPLE_TABLE: &str = r#"
kind = "leadping"
[[row]]
status = ["Open", "Qualified", "Converted", "Lost"]
ignore = "LeadPing has it already"
"#;

const CRM: &str = r#"
kind = "capillary"
[[row]]
status = "WON"
leadping = { type = "CRM", category = "Converted", outcome = "Won" }
[[row]]
status = "ON_HOLD"
ignore = "nothing to do"
"#;

const VOICE: &str = r#"
kind = "nlpearl"
[[row]]
status = "OnCall"
ignore = "in progress"
[[row]]
status = "Success"
leadping = { type = "Call", category = "Qualified", outcome = "Interested" }
capillary = { status = "OPEN", reasonId = 1 }
[[row]]
status = "NotSuccessful"
leadping = { type = "Call", category = "Lost", outcome = "Not interested" }
capillary = { status = "LOST", reasonId = 5 }
"#;

async fn world(on_newer: &str) -> World {
    let setup = Setup::shipped().voice(VOICE).crm(CRM).writing_back();
    let setup = setup.also("people", PEOPLE, PEOPLE_TABLE);
    let setup = setup.set("decide.on_newer", &format!("{on_newer:?}"));
    let world = setup.start().await;
    world.put_lead_everywhere();
    said(&world, "voice", &voice_of_all(40)).await;
    world
}

async fn said(world: &World, source: &str, body: &Value) {
    world.clock.advance(seconds(10));
    world.send(source, body).await.accepted();
    world.settle().await;
}

async fn person(world: &World, category: &str, outcome: &str) {
    world.clock.advance(seconds(10));
    let body = json!({
        "leadId": LEADPING_LEAD, "category": category, "outcome": outcome,
        "changeSource": "User", "timestamp": world.now().to_string(),
    });
    world.send("people", &body).await.accepted();
    world.settle().await;
}

async fn order(world: &World, target: &str, word: &str) {
    let path = format!("targets/{target}/{word}");
    assert_eq!(world.post_admin(&path, &json!({})).await.status, 200);
    world.settle().await;
}

async fn resumed(world: &World, target: &str) {
    order(world, target, "resume").await;
    world.run().await;
}

#[tokio::test]
async fn the_crms_own_word_is_not_written_over_by_what_waited_for_it() {
    for on_newer in ["queue", "supersede"] {
        let world = world(on_newer).await;
        order(&world, "capillary", "pause").await;
        said(&world, "voice", &voice_of_all(100)).await;
        said(&world, "voice", &voice_of_all(110)).await;
        said(&world, "crm", &crm_alone("e1", "WON")).await;
        resumed(&world, "capillary").await;
        assert_eq!(world.calls_at(System::Capillary), "");
        assert_eq!(
            world.outcomes(LEADPING_LEAD),
            ["Interested", "Not interested", "Won"]
        );
        let won = &world.events("").await[0];
        let told = &won["decision"]["told"];
        let waited = if on_newer == "queue" { 2 } else { 1 };
        assert_eq!(told["supersedes"].as_array().unwrap().len(), waited);
        // Each event says where it went.
        let lost = &world.events("").await[1];
        let deliveries = lost["deliveries"].as_array().unwrap();
        let at_crm = deliveries.iter().find(|it| it["target"] == "capillary");
        let at_crm = at_crm.unwrap();
        assert_eq!(
            (&lost["state"], &at_crm["state"], &at_crm["gave_way_to"]),
            (&json!("settled"), &json!("superseded"), &won["sequence"])
        );
        let saved = "leadping_bridge_superseded_total{target=\"capillary\"} 2";
        assert!(world.metrics().await.contains(saved));
        world.finish().await;
    }
}

#[tokio::test]
async fn an_update_that_changes_no_status_takes_nothing_back() {
    let world = world("queue").await;
    said(&world, "voice", &voice_of_all(100)).await;
    order(&world, "capillary", "pause").await;
    said(&world, "voice", &voice_of_all(110)).await;
    // The first comes back as an echo, the second tells of something else about the lead.
    for event in ["e1", "e2"] {
        let mut body = crm_alone(event, "OPEN");
        body["attributes"]["data"]["reasonId"] = json!(1);
        said(&world, "crm", &body).await;
    }
    resumed(&world, "capillary").await;
    insta::assert_snapshot!(world.calls_at(System::Capillary), @r#"
    Set 2 {"reasonId":1,"status":"OPEN"}: 200
    Set 2 {"reasonId":5,"status":"LOST"}: 200
    "#);
    world.finish().await;
}

#[tokio::test]
async fn a_persons_edit_at_leadping_is_not_written_over_by_what_waited_for_it() {
    let world = world("queue").await;
    order(&world, "leadping", "pause").await;
    said(&world, "voice", &voice_of_all(110)).await;
    person(&world, "Qualified", "Called me").await;
    resumed(&world, "leadping").await;
    assert_eq!(world.outcomes(LEADPING_LEAD), [""; 0]);
    // What is said later is written again, and is the lead's next.
    said(&world, "voice", &voice_lead(LEADPING_LEAD, 110)).await;
    assert_eq!(world.outcomes(LEADPING_LEAD), ["Not interested"]);
    world.finish().await;
}

#[tokio::test]
async fn what_the_crm_won_is_written_whatever_a_weaker_one_says_meanwhile() {
    let world = world("queue").await;
    order(&world, "leadping", "pause").await;
    said(&world, "crm", &crm_alone("e1", "WON")).await;
    person(&world, "Lost", "Gave up").await;
    resumed(&world, "leadping").await;
    assert_eq!(world.outcomes(LEADPING_LEAD), ["Won"]);
    world.finish().await;
}

#[tokio::test]
async fn what_may_have_arrived_cannot_be_taken_back() {
    use leadping_bridge::sandbox::{Fault, FaultRule, FaultScope};
    let world = world("queue").await;
    let lost = FaultRule::once(FaultScope::Any, Fault::DropAfterApply).at(System::Capillary);
    world.answer(lost);
    said(&world, "voice", &voice_of_all(110)).await;
    said(&world, "crm", &crm_alone("e1", "WON")).await;
    world.run().await;
    // It was there before the staff's word, and is found there.
    let states: Vec<Value> = world.events("").await[1]["deliveries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["state"].clone())
        .collect();
    assert_eq!(states, ["delivered", "delivered"]);
    world.finish().await;
}
