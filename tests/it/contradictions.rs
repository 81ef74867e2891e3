//! What is not known for sure about a lead holds the hand that writes: ids that contradict each
//! other, and what waits for its link while others would go on.

use leadping_bridge::sandbox::System;
use serde_json::{Value, json};

use crate::harness::{
    CRM_LEAD, LEADPING_LEAD, Setup, VOICE_LEAD, World, crm_alone, seconds, voice_of_all,
};

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

async fn world() -> World {
    let setup = Setup::shipped().voice(VOICE).writing_back();
    let world = setup
        .set("sources.voice.links", "{ crm = \"/externalId\" }")
        .start()
        .await;
    world.put_lead_everywhere();
    world
}

async fn said(world: &World, source: &str, body: &Value) {
    world.clock.advance(seconds(10));
    world.send(source, body).await.accepted();
    world.settle().await;
}

async fn release(world: &World) -> Value {
    let body = json!({ "cause": "invalid:voice" });
    let answer = world.post_admin("parked/release", &body).await;
    world.settle().await;
    answer.body
}

#[tokio::test]
async fn ids_that_contradict_each_other_write_nowhere_until_a_person_says_whose_they_are() {
    let world = world().await;
    let mut known = crm_alone("e1", "OPEN");
    known["attributes"]["data"]["extendedFields"] = json!({ "leadpingLeadId": LEADPING_LEAD });
    said(&world, "crm", &known).await;
    let mut body = voice_of_all(100);
    body["callData"] = json!({ "leadpingLeadId": "lead_b" });
    said(&world, "voice", &body).await;
    assert_eq!(
        world.parked().await,
        ["invalid:voice: 1 events, 0 deliveries"]
    );
    let why = world.events("").await[0]["decision"]["why"].clone();
    insta::assert_snapshot!(why.as_str().unwrap(), @"its ids contradict each other: it names a LeadPing lead, but its lead at `crm` is linked to another one; if the event is right, move the link (`leadping-bridge links set crm <its lead id> <LeadPing lead id>`) and release this, else mend the sender");
    assert_eq!(release(&world).await, json!({ "results": { "parked": 1 } }));
    assert_eq!(world.calls_at(System::Capillary), "");
    assert_eq!(world.outcomes("lead_b"), [""; 0]);
    assert_eq!(world.outcomes(LEADPING_LEAD), ["Open"]);
    // Nothing was learnt: the campaign's lead is nobody's.
    let links = world.get("/api/v1/links?source=voice").await;
    assert_eq!(links["items"], json!([]), "{links}");
    let moved = world.set_link("crm", CRM_LEAD, "lead_b").await;
    assert_eq!(moved.body["result"], "moved");
    assert_eq!(release(&world).await, json!({ "results": { "due": 1 } }));
    assert_eq!(world.outcomes("lead_b"), ["Interested"]);
    assert_eq!(
        world.calls_at(System::Capillary),
        format!("Set {CRM_LEAD} {{\"reasonId\":1,\"status\":\"OPEN\"}}: 200")
    );
    world.finish().await;
}

#[tokio::test]
async fn what_waits_for_its_link_holds_the_lead_elsewhere_too() {
    let world = world().await;
    let of_voice = |status: i64| {
        let mut body = voice_of_all(status);
        body["callData"] = json!({});
        body
    };
    said(&world, "voice", &of_voice(40)).await;
    said(&world, "crm", &crm_alone("e1", "WON")).await;
    // Weaker than the CRM: at its own system it does not go over what waits.
    said(&world, "voice", &of_voice(110)).await;
    assert_eq!(world.calls_at(System::Capillary), "");
    insta::assert_snapshot!(world.verdicts().await, @"
    voice: settled
    crm: parked leadping unlinked
    voice: parked capillary outranked, leadping unlinked
    ");
    world.set_link("voice", VOICE_LEAD, LEADPING_LEAD).await;
    world.settle().await;
    assert_eq!(world.outcomes(LEADPING_LEAD), ["Won"]);
    assert_eq!(world.calls_at(System::Capillary), "");
    insta::assert_snapshot!(world.verdicts().await, @"
    voice: settled
    crm: settled leadping delivery
    voice: settled capillary outranked, leadping outranked
    ");
    world.finish().await;
}
