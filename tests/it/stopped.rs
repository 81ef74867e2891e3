//! A target paused by a person: nothing is sent, no probe either, until a person resumes it.

use leadping_bridge::sandbox::{FaultRule, FaultScope};
use leadping_bridge::secret::Secret;
use serde_json::{Value, json};

use crate::harness::{Setup, TOKEN, World, seconds, status};

async fn pause(world: &World) -> Value {
    let answer = world.post_admin("targets/leadping/pause", &json!({})).await;
    assert_eq!(answer.status, 200);
    answer.body
}

async fn resume(world: &World) -> Value {
    let answer = world
        .post_admin("targets/leadping/resume", &json!({}))
        .await;
    assert_eq!(answer.status, 200);
    answer.body
}

#[tokio::test]
async fn a_paused_target_gets_nothing_and_a_resumed_one_all_in_order() {
    let mut world = Setup::steps().start().await;
    world.step("lead_a", "one").await;
    world.settle().await;
    let paused = pause(&world).await;
    assert_eq!(
        (&paused["state"], &paused["stopped_by"]),
        (&json!("stopped"), &json!("loopback"))
    );
    world.step("lead_a", "two").await;
    world.step("lead_b", "one").await;
    world.advance(seconds(600)).await;
    // Not even a restart lets it go on.
    world.restart().await;
    world.step("lead_a", "three").await;
    world.advance(seconds(600)).await;
    assert_eq!(world.target().await, "stopped");
    assert_eq!(world.calls(), "set lead_a one: 201");
    assert_eq!(resume(&world).await["state"], "open");
    world.run().await;
    assert_eq!(world.outcomes("lead_a"), ["one", "two", "three"]);
    assert_eq!(world.outcomes("lead_b"), ["one"]);
    world.finish().await;
}

#[tokio::test]
async fn time_held_by_a_person_counts_towards_nobodys_patience() {
    let setup = Setup::steps().set("targets.leadping.retry.give_up_after_hours", "1");
    let world = setup.start().await;
    world.answer(FaultRule::once(FaultScope::Set, status(429)));
    world.step("lead_a", "one").await;
    world.settle().await;
    pause(&world).await;
    world.advance(seconds(7200)).await;
    world.answer(FaultRule::once(FaultScope::Set, status(429)));
    resume(&world).await;
    world.run().await;
    assert_eq!(world.outcomes("lead_a"), ["one"]);
    world.finish().await;
}

#[tokio::test]
async fn resuming_a_target_that_refuses_everybody_probes_it_at_once() {
    let world = Setup::steps().start().await;
    world.step("lead_z", "zero").await;
    world.settle().await;
    world.sandbox().set_token(Some(Secret::new("another")));
    for lead in ["a", "b", "c"] {
        world.step(&format!("lead_{lead}"), "one").await;
    }
    world.settle().await;
    assert_eq!(world.target().await, "paused 401");
    let calls = world.calls().lines().count();
    pause(&world).await;
    // While a person holds it, not even probes go out.
    world.advance(seconds(600)).await;
    assert_eq!(world.calls().lines().count(), calls);
    world.sandbox().set_token(Some(Secret::new(TOKEN)));
    let before = world.now();
    resume(&world).await;
    world.settle().await;
    assert_eq!(world.target().await, "open");
    assert_eq!(world.now(), before, "the probe waited");
    world.run().await;
    assert_eq!(world.outcomes("lead_c"), ["one"]);
    world.finish().await;
}

#[tokio::test]
async fn an_unknown_target_is_not_found() {
    let world = Setup::steps().start().await;
    for verb in ["pause", "resume"] {
        let path = format!("targets/video/{verb}");
        assert_eq!(world.post_admin(&path, &json!({})).await.status, 404);
    }
    world.finish().await;
}
