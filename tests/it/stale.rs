//! Whose event is newer: by its source's clock where it has one, else by the order recorded.

use serde_json::json;

use crate::harness::{Setup, World, crm, seconds, voice_lead};

/// 12:00:00, when the worlds begin.
const NOON: i64 = 1_785_585_600_000;

async fn shipped() -> World {
    Setup::shipped().start().await
}

#[tokio::test]
async fn an_older_stamp_than_the_newest_applied_is_stale() {
    let world = shipped().await;
    for (event, status, at) in [
        ("e1", "OPEN", NOON - 10_000),
        ("e2", "WON", NOON - 5_000),
        ("e3", "ON_HOLD", NOON - 7_000),
        ("equal", "ON_HOLD", NOON - 5_000),
        ("e4", "LOST", NOON - 4_000),
    ] {
        world
            .send_crm(&crm("lead_a", event, status, at))
            .await
            .accepted();
    }
    world.settle().await;
    insta::assert_snapshot!(world.timeline("lead_a").await, @"
    crm: settled, matched delivery; delivered Open/Open, 1 tries, 201
    crm: settled, matched delivery; delivered Converted/Won, 1 tries, 201
    crm: settled, matched stale
    crm: settled, matched delivery; delivered Open/On hold, 1 tries, 201
    crm: settled, matched delivery; delivered Lost/Lost, 1 tries, 201
    ");
    world.finish().await;
}

#[tokio::test]
async fn an_unapplied_event_makes_nothing_stale() {
    let world = shipped().await;
    // Ignored by its name and parked by its status: neither was applied.
    let mut other = crm("lead_a", "e1", "WON", NOON);
    other["attributes"]["eventName"] = json!("leadCreated");
    world.send_crm(&other).await.accepted();
    world
        .send_crm(&crm("lead_a", "e2", "SLEEPING", NOON))
        .await
        .accepted();
    world
        .send_crm(&crm("lead_a", "e3", "OPEN", NOON - 60_000))
        .await
        .accepted();
    world.settle().await;
    insta::assert_snapshot!(world.timeline("lead_a").await, @"
    crm: parked unmapped:crm:SLEEPING
    crm: settled, matched delivery; delivered Open/Open, 1 tries, 201
    ");
    world.finish().await;
}

#[tokio::test]
async fn a_stamp_in_the_future_counts_as_the_time_received() {
    let world = shipped().await;
    world
        .send_crm(&crm("lead_a", "e1", "OPEN", NOON + 86_400_000))
        .await
        .accepted();
    world.settle().await;
    world.clock.advance(seconds(5));
    world
        .send_crm(&crm("lead_a", "e2", "WON", NOON + 3_000))
        .await
        .accepted();
    world.settle().await;
    assert_eq!(world.outcomes("lead_a"), ["Open", "Won"]);
    let sent = world.sandbox().history("lead_a");
    assert_eq!(sent[0]["timestamp"], "2026-08-01T12:00:01Z");
    assert_eq!(sent[1]["timestamp"], "2026-08-01T12:00:03Z");
    world.finish().await;
}

#[tokio::test]
async fn sources_do_not_compare_their_clocks() {
    let world = Setup::shipped()
        .set("decide.terminal_categories", "[]")
        .start()
        .await;
    world
        .send_voice(&voice_lead("lead_a", 100))
        .await
        .accepted();
    world
        .send_crm(&crm("lead_a", "e1", "WON", NOON - 3_600_000))
        .await
        .accepted();
    world
        .send_voice(&voice_lead("lead_a", 110))
        .await
        .accepted();
    world.settle().await;
    assert_eq!(
        world.outcomes("lead_a"),
        ["Interested", "Won", "Not interested"]
    );
    world.finish().await;
}
