//! Shadow mode: decided and recorded, nothing sent; going live sends none of it.

use leadping_bridge::sandbox::{FaultRule, FaultScope};

use crate::harness::{Setup, crm, status, status_after_apply, voice_lead};

const MODE: &str = "targets.leadping.mode";
/// 12:00:00, when the worlds begin.
const NOON: i64 = 1_785_585_600_000;

#[tokio::test]
async fn everything_is_withheld_and_going_live_sends_none_of_it() {
    let mut world = Setup::shipped().set(MODE, "\"shadow\"").start().await;
    world
        .send_crm(&crm("lead_a", "e1", "OPEN", NOON - 9_000))
        .await
        .accepted();
    world
        .send_crm(&crm("lead_a", "e2", "WON", NOON - 5_000))
        .await
        .accepted();
    world
        .send_crm(&crm("lead_a", "e3", "WON", NOON - 4_000))
        .await
        .accepted();
    world
        .send_crm(&crm("lead_a", "e4", "LOST", NOON - 8_000))
        .await
        .accepted();
    world.settle().await;
    insta::assert_snapshot!(world.timeline("lead_a").await, @"
    crm: settled, matched delivery; withheld Open/Open, 0 tries
    crm: settled, matched delivery; withheld Converted/Won, 0 tries
    crm: settled, matched unchanged
    crm: settled, matched stale
    ");
    world.restart_with(MODE, "\"live\"").await;
    world.settle().await;
    assert_eq!(world.calls(), "", "a replay sends them, not going live");
    // Withheld ones count for stale, and are forgotten for unchanged.
    world
        .send_crm(&crm("lead_a", "e5", "LOST", NOON - 8_000))
        .await
        .accepted();
    world
        .send_crm(&crm("lead_a", "e6", "WON", NOON - 3_000))
        .await
        .accepted();
    world
        .send_crm(&crm("lead_a", "e7", "WON", NOON - 2_000))
        .await
        .accepted();
    world.settle().await;
    insta::assert_snapshot!(world.timeline("lead_a").await, @"
    crm: settled, matched delivery; withheld Open/Open, 0 tries
    crm: settled, matched delivery; withheld Converted/Won, 0 tries
    crm: settled, matched unchanged
    crm: settled, matched stale
    crm: settled, matched stale
    crm: settled, matched delivery; delivered Converted/Won, 1 tries, 201
    crm: settled, matched unchanged
    ");
    assert_eq!(world.outcomes("lead_a"), ["Won"]);
    world.finish().await;
}

#[tokio::test]
async fn going_to_shadow_withholds_what_is_due_and_still_looks_up_what_is_open() {
    let mut world = Setup::steps().start().await;
    world.answer(FaultRule::once(FaultScope::Set, status(408)).lead("lead_a"));
    world.answer(FaultRule::once(FaultScope::Set, status_after_apply(500)).lead("lead_b"));
    world.answer(FaultRule::once(FaultScope::Set, status(500)).lead("lead_c"));
    for lead in ["lead_a", "lead_b", "lead_c"] {
        world.step(lead, "one").await;
        world.step(lead, "two").await;
    }
    world.settle().await;
    world.restart_with(MODE, "\"shadow\"").await;
    world.run().await;
    let calls = world.calls_after(3);
    assert!(!calls.contains("set"), "{calls}");
    assert_eq!(calls.lines().count(), 2, "two are looked up: {calls}");
    assert_eq!(
        world.deliveries("lead_a").await,
        [
            "withheld Open/one, 1 tries, 408",
            "withheld Open/two, 0 tries"
        ]
    );
    assert_eq!(
        world.deliveries("lead_b").await,
        [
            "delivered Open/one, 2 tries, 200",
            "withheld Open/two, 0 tries"
        ]
    );
    assert_eq!(
        world.deliveries("lead_c").await,
        [
            "withheld Open/one, 2 tries, 200",
            "withheld Open/two, 0 tries"
        ]
    );
    world.finish().await;
}

#[tokio::test]
async fn what_is_delivered_stays_what_the_target_has() {
    let mut world = Setup::shipped().start().await;
    world
        .send_voice(&voice_lead("lead_a", 100))
        .await
        .accepted();
    world.settle().await;
    world.restart_with(MODE, "\"shadow\"").await;
    world.send_voice(&voice_lead("lead_a", 10)).await.accepted();
    world.clock.advance(crate::harness::seconds(121));
    world
        .send_voice(&voice_lead("lead_a", 100))
        .await
        .accepted();
    world.settle().await;
    insta::assert_snapshot!(world.timeline("lead_a").await, @"
    voice: settled, matched delivery; delivered Qualified/Interested, 1 tries, 201
    voice: settled, ignored
    voice: settled, matched unchanged
    ");
    world.finish().await;
}
