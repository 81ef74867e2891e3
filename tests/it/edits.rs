//! Somebody edits, at LeadPing, the very entry that we wrote: what we learn of the call afterwards does
//! not put our own words back.

use serde_json::{Value, json};

use crate::harness::{Setup, World, seconds, voice_call, voice_lead};

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

async fn world() -> World {
    let setup = Setup::shipped().also("people", PEOPLE, PEOPLE_TABLE);
    let world = setup.start().await;
    let mut body = voice_lead("lead_a", 100);
    body["callsId"] = json!(["c1"]);
    said(&world, "voice", &body).await;
    assert_eq!(world.outcomes("lead_a"), ["Interested"]);
    world
}

async fn said(world: &World, source: &str, body: &Value) {
    world.clock.advance(seconds(10));
    world.send(source, body).await.accepted();
    world.settle().await;
}

/// A person makes another outcome of our entry, and LeadPing tells of it.
async fn edited(world: &World) {
    let entry = world.sandbox().history("lead_a")[0].clone();
    let mut edit = json!({ "category": "Lost", "outcome": "Gave up" });
    for member in ["leadId", "type", "reason", "timestamp"] {
        edit[member] = entry[member].clone();
    }
    let path = format!("/dispositions/{}", entry["id"].as_str().unwrap());
    let answer = world.at_target("PUT", &path, &edit).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    edit["id"] = entry["id"].clone();
    edit["changeSource"] = json!("User");
    said(world, "people", &edit).await;
    let told = &world.events("").await[0]["decision"]["told"];
    assert_eq!(
        (&told["told"], &told["outcome"]),
        (&json!("has"), &json!("Gave up"))
    );
}

async fn order(world: &World, word: &str) {
    let path = format!("targets/leadping/{word}");
    assert_eq!(world.post_admin(&path, &json!({})).await.status, 200);
    world.settle().await;
}

#[tokio::test]
async fn a_persons_edit_of_our_entry_outlives_the_calls_own_webhook() {
    let world = world().await;
    edited(&world).await;
    said(&world, "voice", &voice_call("lead_a", "c1", 100)).await;
    assert_eq!(world.outcomes("lead_a"), ["Gave up"]);
    let newest = &world.events("lead=lead_a").await[0];
    assert_eq!(
        newest["decision"]["targets"]["leadping"]["verdict"],
        "stale"
    );
    // Another call is news.
    said(&world, "voice", &voice_call("lead_a", "c2", 100)).await;
    assert_eq!(world.outcomes("lead_a"), ["Gave up", "Interested"]);
    world.finish().await;
}

#[tokio::test]
async fn detail_that_was_not_sent_when_it_was_edited_is_not_sent() {
    let world = world().await;
    order(&world, "pause").await;
    said(&world, "voice", &voice_call("lead_a", "c1", 100)).await;
    edited(&world).await;
    order(&world, "resume").await;
    world.run().await;
    assert_eq!(world.outcomes("lead_a"), ["Gave up"]);
    assert_eq!(
        world.deliveries("lead_a").await,
        [
            "delivered Qualified/Interested, 1 tries, 201",
            "superseded Qualified/Interested, 0 tries"
        ]
    );
    world.finish().await;
}

#[tokio::test]
async fn an_entry_of_their_own_leaves_ours_to_be_amended() {
    let world = world().await;
    let theirs = json!({
        "leadId": "lead_a", "category": "Lost", "outcome": "Gave up", "id": "disp_77",
        "changeSource": "User", "timestamp": world.now().to_string(),
    });
    said(&world, "people", &theirs).await;
    said(&world, "voice", &voice_call("lead_a", "c1", 100)).await;
    assert_eq!(
        world.sandbox().history("lead_a")[0]["notes"],
        "wants a visit"
    );
    world.finish().await;
}
