//! LeadPing's record of the lead: read, changed, written whole, read again.

use leadping_bridge::sandbox::{Fault, FaultRule, FaultScope};
use serde_json::{Value, json};

use crate::harness::{LEADPING_LEAD, Setup, World, status, voice_of_all};

const VOICE: &str = r#"
kind = "nlpearl"
[[row]]
status = "Success"
leadping = { type = "Call", outcome = "Interested", lead = { tagNames = ["won"], metadata = { subId = "{{ lead.source_id }}" } } }
[[row]]
status = "NotSuccessful"
leadping = { lead = { enabled = false } }
"#;

async fn world() -> World {
    let world = Setup::shipped().voice(VOICE).start().await;
    world.put_lead_everywhere();
    world
}

async fn voice(world: &World, status: i64) {
    world.send_voice(&voice_of_all(status)).await.accepted();
    world.settle().await;
}

fn record(world: &World) -> Value {
    world.sandbox().lead(LEADPING_LEAD).unwrap()
}

fn operations(world: &World) -> Vec<String> {
    let journal = world.sandbox().journal();
    let lines = journal
        .iter()
        .map(|entry| format!("{} {}", entry.method, entry.path));
    lines.collect()
}

#[tokio::test]
async fn a_row_changes_what_it_names_and_nothing_else() {
    let world = world().await;
    let before = record(&world);
    voice(&world, 100).await;
    assert_eq!(
        operations(&world),
        [
            "POST /dispositions",
            "GET /leads/lead_a",
            "PUT /leads/lead_a",
            "GET /leads/lead_a",
        ]
    );
    let mut after = record(&world);
    assert_eq!(after["metadata"]["subId"], "68c3f1a2b4d5e6f708192a3b");
    let tags: Vec<&Value> = after["tags"].as_array().unwrap().iter().collect();
    assert_eq!(tags.len(), 2, "{tags:?}");
    assert_eq!(tags[0], &before["tags"][0]);
    assert_eq!(tags[1]["name"], "won");
    // But for that, and what LeadPing itself keeps, it is the same.
    after["metadata"].as_object_mut().unwrap().remove("subId");
    for member in [
        "metadata",
        "contact",
        "customer",
        "enabled",
        "id",
        "createdAt",
    ] {
        assert_eq!(after[member], before[member], "{member}");
    }
    // The same again is no news; another change of the record is.
    let again = voice_of_all("Success");
    world.send_voice(&again).await.accepted();
    world.settle().await;
    voice(&world, 110).await;
    assert_eq!(operations(&world).len(), 7);
    assert_eq!(record(&world)["enabled"], json!(false));
    assert_eq!(record(&world)["tags"].as_array().unwrap().len(), 2);
    world.finish().await;
}

#[tokio::test]
async fn what_is_so_already_is_read_and_not_written() {
    let world = world().await;
    let mut lead = record(&world);
    lead["enabled"] = json!(false);
    let sandbox = world.sandbox();
    sandbox
        .put_lead(leadping_bridge::sandbox::System::Leadping, &lead)
        .unwrap();
    voice(&world, 110).await;
    assert_eq!(operations(&world), ["GET /leads/lead_a"]);
    assert_eq!(
        world.deliveries(LEADPING_LEAD).await,
        ["delivered -/-, 1 tries, 200"]
    );
    world.finish().await;
}

#[tokio::test]
async fn an_update_of_unknown_fate_begins_anew_with_a_read() {
    for fault in [Fault::DropAfterApply, Fault::DropBefore, status(502)] {
        let applied = fault == Fault::DropAfterApply;
        let mut world = world().await;
        world.answer(FaultRule::once(FaultScope::Update, fault.clone()));
        voice(&world, 110).await;
        world.restart().await;
        world.run().await;
        assert_eq!(record(&world)["enabled"], json!(false), "{fault:?}");
        let again = &operations(&world)[2..];
        let expected: &[&str] = if applied {
            &["GET /leads/lead_a"]
        } else {
            &[
                "GET /leads/lead_a",
                "PUT /leads/lead_a",
                "GET /leads/lead_a",
            ]
        };
        assert_eq!(again, expected, "{fault:?}");
        world.finish().await;
    }
}

#[tokio::test]
async fn a_read_that_fails_writes_nothing() {
    let world = world().await;
    world.answer(FaultRule::once(FaultScope::Read, status(500)));
    voice(&world, 110).await;
    assert_eq!(operations(&world), ["GET /leads/lead_a"]);
    world.run().await;
    assert_eq!(record(&world)["enabled"], json!(false));
    world.finish().await;
}
