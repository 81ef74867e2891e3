//! The systems' own webhooks: what a campaign or the staff does reaches LeadPing by itself.

use leadping_bridge::sandbox::System;
use serde_json::json;

use crate::harness::{CRM_LEAD, LEADPING_LEAD, Setup, VOICE_LEAD, World};

async fn echoing() -> World {
    let world = Setup::shipped().echoing().start().await;
    world.put_lead_everywhere();
    world
}

#[tokio::test]
async fn what_the_campaign_and_the_staff_do_reaches_leadping_in_order() {
    let world = echoing().await;
    world.campaign_sets(100);
    world.settle().await;
    world.staff_sets("WON", 2);
    world.settle().await;
    insta::assert_snapshot!(world.timeline(LEADPING_LEAD).await, @"
    voice: settled, matched delivery; delivered Qualified/Interested, 1 tries, 201
    crm: settled, matched delivery; delivered Converted/Won, 1 tries, 201
    ");
    assert_eq!(world.webhooks(), ["nlpearl: 100", "capillary: \"WON\""]);
    assert_eq!(
        world.calls_at(System::Nlpearl),
        "",
        "none of it was an API call"
    );
    let record = world.sandbox().lead(LEADPING_LEAD).unwrap();
    assert_eq!(record["currentDisposition"]["outcome"], "Won");
    world.finish().await;
}

#[tokio::test]
async fn what_is_fired_while_the_bridge_is_down_comes_to_the_next_one() {
    let mut world = echoing().await;
    world.stop().await;
    world.campaign_sets(110);
    world.staff_sets("LOST", 5);
    world
        .sandbox()
        .wait_until(|sandbox| sandbox.webhooks_moving() == 0)
        .await;
    assert!(world.outcomes(LEADPING_LEAD).is_empty());
    world.start().await;
    world.advance(crate::harness::seconds(60)).await;
    world.run().await;
    let mut outcomes = world.outcomes(LEADPING_LEAD);
    outcomes.sort();
    assert_eq!(outcomes, ["Lost", "Not interested"]);
    world.finish().await;
}

#[tokio::test]
async fn anybody_who_writes_at_a_system_makes_it_tell() {
    let world = echoing().await;
    let url = world.sandbox().base_url();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let put = async |path: String, key: (&str, &str), body: serde_json::Value| {
        let request = client.put(format!("{url}{path}")).header(key.0, key.1);
        let answer = request.json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
    };
    put(
        format!("/v1/Outbound/66f1a2b3c4d5e6f708192a4c/Lead/{VOICE_LEAD}"),
        ("authorization", "Bearer account:secret"),
        json!({"status": 110}),
    )
    .await;
    world.settle().await;
    put(
        format!("/v2/leads/{CRM_LEAD}/status"),
        (
            "authorization",
            "Basic dGlsbDo1ZjRkY2MzYjVhYTc2NWQ2MWQ4MzI3ZGViODgyY2Y5OQ==",
        ),
        json!({"status": "ON_HOLD", "reasonId": 4}),
    )
    .await;
    world.settle().await;
    assert_eq!(world.outcomes(LEADPING_LEAD), ["Not interested", "On hold"]);
    insta::assert_snapshot!(world.calls_at(System::Capillary), @r#"Set 2 {"reasonId":4,"status":"ON_HOLD"}: 200"#);
    world.finish().await;
}
