//! Duplicates: a redelivery is answered and counted, a status that really came back is not
//! swallowed.

use serde_json::json;

use crate::harness::{Setup, crm, seconds, voice_lead};

const NOON: i64 = 1_785_585_600_000;
const HOUR: u64 = 3_600;

#[tokio::test]
async fn a_redelivery_is_a_duplicate_and_counted() {
    let world = Setup::shipped().start().await;
    let body = voice_lead("lead_a", 100);
    let id = world.send_voice(&body).await.accepted();
    let again = world.send_voice(&body).await;
    assert_eq!(again.body["id"], id.as_str());
    again.duplicate();
    // The newest event of its lead: a duplicate, however late.
    world.clock.advance(seconds(HOUR));
    world.send_voice(&body).await.duplicate();
    world.settle().await;
    assert_eq!(
        world.timeline("lead_a").await,
        "voice: settled, matched delivery, 2 duplicates; delivered Qualified/Interested, 1 tries, 201"
    );
    world.finish().await;
}

#[tokio::test]
async fn within_two_minutes_an_older_body_is_a_redelivery_and_later_it_is_not() {
    let world = Setup::shipped().start().await;
    let (success, retry) = (voice_lead("lead_a", 100), voice_lead("lead_a", 10));
    world.send_voice(&success).await.accepted();
    world.send_voice(&retry).await.accepted();
    world.clock.advance(seconds(120));
    world.send_voice(&success).await.duplicate();
    world.clock.advance(seconds(1));
    world.send_voice(&success).await.accepted();
    world.settle().await;
    world.finish().await;
}

#[tokio::test]
async fn a_status_that_really_came_back_is_not_swallowed() {
    let world = Setup::steps()
        .voice(
            r#"
kind = "nlpearl"
[[row]]
leadping = { type = "Call", category = "Open", outcome = "{{ event.status }}" }
"#,
        )
        .start()
        .await;
    for status in [10, 40, 10, 40, 10] {
        world
            .send_voice(&voice_lead("lead_a", status))
            .await
            .accepted();
        world.clock.advance(seconds(180));
    }
    world.settle().await;
    assert_eq!(world.outcomes("lead_a").len(), 5);
    world.finish().await;
}

#[tokio::test]
async fn members_in_another_order_are_the_same_body_and_another_lead_is_not() {
    let world = Setup::shipped().start().await;
    let body = voice_lead("lead_a", 100);
    world.send_voice(&body).await.accepted();
    let mut turned = serde_json::Map::new();
    for (name, value) in body.as_object().unwrap().iter().rev() {
        turned.insert(name.clone(), value.clone());
    }
    world.send_voice(&turned.into()).await.duplicate();
    world
        .send_voice(&voice_lead("lead_b", 100))
        .await
        .accepted();
    world.settle().await;
    world.finish().await;
}

#[tokio::test]
async fn the_crms_event_id_counts_within_its_window() {
    let mut world = Setup::shipped()
        .set("sources.crm.dedupe_window_hours", "24")
        .start()
        .await;
    world
        .send_crm(&crm("lead_a", "e1", "WON", NOON))
        .await
        .accepted();
    // Whatever the body says, the id is the same.
    world
        .send_crm(&crm("lead_a", "e1", "LOST", NOON))
        .await
        .duplicate();
    world
        .send_crm(&crm("lead_a", "e2", "LOST", NOON))
        .await
        .accepted();
    world.settle().await;
    world.restart().await;
    world.clock.advance(seconds(24 * HOUR - 60));
    world
        .send_crm(&crm("lead_a", "e1", "WON", NOON))
        .await
        .duplicate();
    world.clock.advance(seconds(120));
    world
        .send_crm(&crm("lead_a", "e1", "WON", NOON))
        .await
        .accepted();
    world.settle().await;
    assert_eq!(world.outcomes("lead_a"), ["Won", "Lost", "Won"]);
    world.finish().await;
}

#[tokio::test]
async fn one_source_s_ids_are_not_another_s() {
    let world = Setup::shipped()
        .set("decide.terminal_categories", "[]")
        .set("sources.voice.kind", "\"capillary\"")
        .set("sources.voice.mapping", "\"crm\"")
        .set("sources.voice.lead", "[\"/extendedFields/leadpingLeadId\"]")
        .start()
        .await;
    world
        .send_crm(&crm("lead_a", "e1", "WON", NOON))
        .await
        .accepted();
    world
        .send_voice(&crm("lead_a", "e1", "LOST", NOON))
        .await
        .accepted();
    world.settle().await;
    assert_eq!(world.outcomes("lead_a"), ["Won", "Lost"]);
    let events = world.events("").await;
    assert!(events.iter().all(|event| event["duplicates"] == json!(0)));
    world.finish().await;
}
