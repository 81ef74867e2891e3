//! Retries: the next try is in the store; patience counts only time in which the target worked.

use leadping_bridge::sandbox::{FaultRule, FaultScope};

use crate::harness::{Setup, World, millis, seconds, status};

#[tokio::test]
async fn tries_go_on_where_they_were_after_restarts_and_a_crash() {
    let mut world = Setup::steps().start().await;
    let start = world.now();
    world.answer(FaultRule::always(FaultScope::Set, status(408)).times(5));
    world.step("lead_a", "one").await;
    world.step("lead_a", "two").await;
    for round in 0..5 {
        world.settle().await;
        let due_at = world.due_at("lead_a").await;
        if round % 2 == 0 {
            world.stop().await;
        } else {
            world.crash().await;
        }
        world.start().await;
        assert_eq!(world.due_at("lead_a").await, due_at);
        world.advance_to_next().await;
    }
    world.run().await;
    assert_eq!(
        world.call_seconds(start, 0),
        [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 15.5]
    );
    assert_eq!(
        world.deliveries("lead_a").await,
        [
            "delivered Open/one, 6 tries, 201",
            "delivered Open/two, 1 tries, 201"
        ]
    );
    world.finish().await;
}

#[tokio::test]
async fn what_became_due_while_the_bridge_was_down_is_sent_at_the_start() {
    let mut world = Setup::steps().start().await;
    world.answer(FaultRule::once(FaultScope::Set, status(408)));
    world.step("lead_a", "one").await;
    world.settle().await;
    world.stop().await;
    world.clock.advance(seconds(3600));
    world.start().await;
    world.settle().await;
    assert_eq!(world.outcomes("lead_a"), ["one"]);
    world.finish().await;
}

/// One hour of patience, a try every ten minutes.
async fn impatient() -> World {
    let world = Setup::steps()
        .set("targets.leadping.retry.give_up_after_hours", "1")
        .set("targets.leadping.retry.initial_ms", "600000")
        .set("targets.leadping.retry.max_ms", "600000")
        .start()
        .await;
    world.answer(FaultRule::always(FaultScope::Set, status(408)).lead("lead_a"));
    world.step("lead_a", "one").await;
    world.step("lead_a", "two").await;
    world.settle().await;
    world
}

#[tokio::test]
async fn what_fails_while_others_go_through_is_given_up_in_time() {
    let mut world = impatient().await;
    let start = world.now();
    for hour_part in 0..6 {
        world.step("lead_b", &format!("step {hour_part}")).await;
        world.settle().await;
        if hour_part == 3 {
            world.restart().await;
        }
        world.advance(seconds(600)).await;
    }
    let first = world.deliveries("lead_a").await.remove(0);
    assert_eq!(first, "parked Open/one, 7 tries, 408, exhausted:leadping");
    let last = world.call_seconds(start, 0).pop().unwrap();
    assert!((3600.0..3601.0).contains(&last), "{last}");
    assert_eq!(
        world.parked().await,
        ["exhausted:leadping: 0 events, 1 deliveries"]
    );
    // The lead's next delivery has a patience of its own.
    let second = world.deliveries("lead_a").await.remove(1);
    assert!(second.starts_with("due Open/two"), "{second}");
    world.finish().await;
}

#[tokio::test]
async fn time_in_which_nothing_works_does_not_count() {
    let world = impatient().await;
    for _ in 0..30 {
        world.advance_to_next().await;
    }
    assert_eq!(world.parked().await, [""; 0]);
    world.sandbox().clear_faults();
    world.run().await;
    assert_eq!(world.outcomes("lead_a"), ["one", "two"]);
    world.finish().await;
}

#[tokio::test]
async fn time_behind_a_gate_does_not_count() {
    let world = impatient().await;
    for part in 0..12 {
        world.step("lead_b", &format!("step {part}")).await;
        world.settle().await;
        if part < 5 {
            world.advance(seconds(600)).await;
        }
        if part == 4 {
            // Fifty minutes are counted; two hours behind a gate follow.
            let gate = crate::harness::retry_after(429, "7200");
            world.answer(FaultRule::once(FaultScope::Set, gate).lead("lead_b"));
            world.step("lead_b", "gate").await;
            world.settle().await;
            world.advance(seconds(7200)).await;
            assert_eq!(world.parked().await, [""; 0]);
            break;
        }
    }
    world.step("lead_b", "after").await;
    world.settle().await;
    world.advance(seconds(600)).await;
    assert_eq!(
        world.parked().await,
        ["exhausted:leadping: 0 events, 1 deliveries"]
    );
    world.finish().await;
}

#[tokio::test]
async fn nothing_is_given_up_before_it_was_looked_up() {
    let world = Setup::steps()
        .set("targets.leadping.retry.give_up_after_hours", "1")
        .start()
        .await;
    let lost = crate::harness::status_after_apply(500);
    world.answer(FaultRule::once(FaultScope::Set, lost).lead("lead_a"));
    world.answer(FaultRule::once(FaultScope::Read, status(500)));
    world.step("lead_a", "one").await;
    world.settle().await;
    world.step("lead_b", "one").await;
    world.settle().await;
    world.advance(millis(500)).await;
    world.step("lead_b", "two").await;
    world.settle().await;
    world.clock.advance(seconds(7200));
    world.run().await;
    assert_eq!(
        world.deliveries("lead_a").await,
        ["delivered Open/one, 3 tries, 200"]
    );
    assert_eq!(world.outcomes("lead_a"), ["one"]);
    world.finish().await;
}
