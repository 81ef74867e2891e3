//! What waits for a campaign: a row that requires one lets its event wait until the campaign's first
//! webhook names the lead, whoever sent the event; our own write coming back waits for nothing.

use leadping_bridge::sandbox::System;
use serde_json::{Value, json};

use crate::harness::{LEADPING_LEAD, Setup, VOICE_LEAD, World, seconds, voice_of_all};

const PEARL: &str = "66f1a2b3c4d5e6f708192a3b";

const PEOPLE: &str = r#"
kind = "leadping"
auth = [{ scheme = "header", header = "x-secret", secret = SECRET }]
"#;

/// All three systems, tables as shipped; `name` is what LeadPing's own webhooks come as.
async fn start(name: &str) -> World {
    let setup = Setup::shipped()
        .voice(include_str!("../../mappings/two-way/voice.toml"))
        .crm(include_str!("../../mappings/two-way/crm.toml"))
        .also(
            name,
            PEOPLE,
            include_str!("../../mappings/two-way/leadping.toml"),
        )
        .writing_back();
    let world = setup.start().await;
    world.put_lead_everywhere();
    world
}

fn lead_is(category: &str, outcome: &str) -> Value {
    json!({"leadId": LEADPING_LEAD, "category": category, "outcome": outcome})
}

async fn said(world: &World, source: &str, body: &Value) {
    world.clock.advance(seconds(10));
    world.send(source, body).await.accepted();
    world.settle().await;
}

#[tokio::test]
async fn what_people_closed_at_leadping_ends_the_campaign_that_comes_later() {
    for name in ["leadping", "people"] {
        let world = start(name).await;
        said(&world, name, &lead_is("Lost", "Not interested")).await;
        assert_eq!(
            world.parked().await,
            [format!("unlinked:{name}: 1 events, 0 deliveries")]
        );
        let item = &world.get("/api/v1/parked").await["items"][0];
        let suggestion = item["suggestion"].as_str().unwrap();
        assert!(
            suggestion.contains("--pearl") && suggestion.contains("`required`"),
            "{item:#}"
        );
        assert_eq!(
            item["reasons"]["most"][0]["why"],
            "`nlpearl`: where the lead is there is not known yet, and the row says `required`"
        );
        said(&world, "voice", &voice_of_all(1)).await;
        assert_eq!(world.parked().await, [""; 0], "{name}");
        assert!(
            world
                .calls_at(System::Nlpearl)
                .contains(r#"{"status":130}: 200"#),
            "{name}: {}",
            world.calls_at(System::Nlpearl)
        );
        world.finish().await;
    }
}

#[tokio::test]
async fn a_person_names_the_campaign() {
    let world = start("leadping").await;
    said(&world, "leadping", &lead_is("Lost", "Not interested")).await;
    // Which campaign, nobody said.
    let set = world.set_link("voice", VOICE_LEAD, LEADPING_LEAD).await;
    assert_eq!(set.status, 200, "{}", set.body);
    assert_eq!(world.parked().await.len(), 1);
    let link = json!({
        "source": "voice", "source_lead_id": VOICE_LEAD, "lead_id": LEADPING_LEAD,
        "pearl_id": PEARL,
    });
    let set = world
        .call_admin(("PUT", "/api/v1/links"), &[], Some(&link))
        .await;
    assert_eq!(
        (set.status, set.body),
        (200, json!({"result": "known", "decided": 1}))
    );
    world.settle().await;
    assert_eq!(world.parked().await, [""; 0]);
    world.finish().await;
}

#[tokio::test]
async fn our_own_write_coming_back_waits_for_no_campaign() {
    let world = start("leadping").await;
    let lost = json!({
        "eventId": "e1",
        "attributes": {"eventName": "leadStatusUpdated", "data": {
            "id": "2", "status": "LOST", "extendedFields": {"leadpingLeadId": LEADPING_LEAD},
        }},
    });
    said(&world, "crm", &lost).await;
    said(&world, "leadping", &lead_is("Lost", "Lost")).await;
    assert_eq!(
        world.parked().await,
        ["unlinked:crm: 1 events, 0 deliveries"]
    );
    let echo = &world.events("").await[0];
    assert_eq!(
        (
            &echo["state"],
            &echo["decision"]["targets"]["nlpearl"]["verdict"]
        ),
        (&json!("settled"), &json!("echo")),
        "{echo:#}"
    );
    world.finish().await;
}

#[tokio::test]
async fn a_status_written_with_a_time_of_long_ago_is_known_again() {
    let world = Setup::shipped()
        .voice(
            r#"
kind = "nlpearl"
[[row]]
status = "Success"
capillary = { status = "OPEN", reasonId = 1, createdOn = "2018-10-05T08:00:00+05:30" }
"#,
        )
        .writing_back()
        .echoing()
        .start()
        .await;
    world.put_lead_everywhere();
    world.staff_sets("ON_HOLD", 2);
    world.settle().await;
    said(&world, "voice", &voice_of_all(100)).await;
    let echo = &world.events("source=crm").await[0];
    assert_eq!(
        echo["decision"]["targets"]["leadping"]["verdict"], "echo",
        "{echo:#}"
    );
    world.finish().await;
}

#[tokio::test]
async fn a_campaign_that_is_not_configured_is_named() {
    let world = start("leadping").await;
    let mut new = voice_of_all(1);
    new["pearlId"] = json!("p9");
    said(&world, "voice", &new).await;
    said(&world, "leadping", &lead_is("Lost", "Not interested")).await;
    let item = &world.get("/api/v1/parked").await["items"][0];
    assert_eq!(
        (&item["cause"], &item["reasons"]["most"][0]["why"]),
        (
            &json!("invalid:leadping"),
            &json!("`nlpearl`: no outbound id is configured for pearl `p9`")
        ),
        "{item:#}"
    );
    world.finish().await;
}
