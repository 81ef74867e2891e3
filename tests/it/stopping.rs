//! Stopping: calls under way are finished and written down; what the grace does not cover is looked
//! up at the next start.

use leadping_bridge::sandbox::{Fault, FaultRule, FaultScope};

use crate::harness::Setup;

#[tokio::test]
async fn a_call_under_way_is_finished_and_written_down() {
    let mut world = Setup::steps().sandbox_in_real_time().start().await;
    world.answer(FaultRule::once(FaultScope::Set, Fault::DelayMs(200)));
    world.step("lead_a", "one").await;
    world.step("lead_a", "two").await;
    world.look_until(|look| look.in_flight == 1).await;
    world.stop().await;
    assert_eq!(world.calls(), "set lead_a one: 201");
    world.start().await;
    world.run().await;
    assert_eq!(
        world.deliveries("lead_a").await,
        [
            "delivered Open/one, 1 tries, 201",
            "delivered Open/two, 1 tries, 201"
        ]
    );
    world.finish().await;
}

#[tokio::test]
async fn a_call_that_outlasts_the_grace_is_looked_up_at_the_next_start() {
    let mut world = Setup::steps()
        .set("server.shutdown_grace_seconds", "1")
        .start()
        .await;
    world.answer(FaultRule::once(FaultScope::Set, Fault::HangAfterApply));
    world.step("lead_a", "one").await;
    world.look_until(|look| look.in_flight == 1).await;
    world.restart().await;
    world.run().await;
    assert_eq!(
        world.calls(),
        "set lead_a one: hang_after_apply\nread lead_a: 200"
    );
    world.finish().await;
}

#[tokio::test]
async fn what_was_answered_is_delivered_after_a_crash_at_any_moment() {
    let mut world = Setup::steps().start().await;
    for round in 0..5 {
        for lead in ["lead_a", "lead_b"] {
            world.step(lead, &format!("step {round}")).await;
        }
        world.crash().await;
        world.start().await;
    }
    world.run().await;
    for lead in ["lead_a", "lead_b"] {
        assert_eq!(
            world.outcomes(lead),
            ["step 0", "step 1", "step 2", "step 3", "step 4"]
        );
    }
    world.finish().await;
}
