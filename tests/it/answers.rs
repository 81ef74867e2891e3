//! What each answer of the target means for a delivery, row by row, in both API profiles.

use leadping_bridge::sandbox::{FaultRule, FaultScope};

use crate::harness::{Setup, World, millis, seconds, status};

/// A profile, and the status of its answer to a set.
const PROFILES: [(&str, u16); 2] = [("\"dispositions\"", 201), ("\"lead-status\"", 200)];

async fn world(profile: &str) -> World {
    Setup::steps()
        .set("targets.leadping.api", profile)
        .start()
        .await
}

fn once(world: &World, http_status: u16) {
    world.answer(FaultRule::once(FaultScope::Set, status(http_status)));
}

#[tokio::test]
async fn a_2xx_is_delivered() {
    for (profile, _) in PROFILES {
        let world = world(profile).await;
        for http_status in [200, 201, 204, 299] {
            let lead = format!("lead_{http_status}");
            once(&world, http_status);
            world.step(&lead, "one").await;
            world.settle().await;
            assert_eq!(
                world.deliveries(&lead).await,
                [format!("delivered Open/one, 1 tries, {http_status}")]
            );
        }
        assert_eq!(world.sandbox().total_requests(), 4);
        world.finish().await;
    }
}

#[tokio::test]
async fn what_is_the_deliverys_own_fault_is_parked_and_the_lead_goes_on() {
    for (profile, accepted) in PROFILES {
        let world = world(profile).await;
        for http_status in [400, 402, 406, 409, 413, 415, 422, 451] {
            let lead = format!("lead_{http_status}");
            once(&world, http_status);
            world.step(&lead, "one").await;
            world.step(&lead, "two").await;
            world.settle().await;
            assert_eq!(
                world.deliveries(&lead).await,
                [
                    format!(
                        "parked Open/one, 1 tries, {http_status}, refused:leadping:{http_status}"
                    ),
                    format!("delivered Open/two, 1 tries, {accepted}"),
                ]
            );
        }
        assert_eq!(world.target().await, "open");
        world.finish().await;
    }
}

/// What is answered once; how long until the next try; what the target saw until it was delivered.
async fn check_retried(world: &mut World, http_status: u16, wait_ms: u64, calls: &str) {
    let lead = format!("lead_{http_status}");
    let before = world.sandbox().journal().len();
    once(world, http_status);
    world.step(&lead, "one").await;
    world.settle().await;
    let due_at = world.due_at(&lead).await;
    let wait = due_at.duration_since(world.now()).as_millis();
    assert_eq!(wait, i128::from(wait_ms), "{http_status}");

    world.restart().await;
    assert_eq!(world.due_at(&lead).await, due_at, "{http_status}");
    world.run().await;
    assert_eq!(world.outcomes(&lead), ["one"], "{http_status}");
    assert_eq!(
        world.calls_after(before).replace(&lead, "lead"),
        format!("set lead one: {http_status}\n{calls}"),
        "{http_status}"
    );
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_the_next_try_outlives_a_restart() {
    for (profile, accepted) in PROFILES {
        let sent_again = &format!("set lead one: {accepted}");
        let looked_up_first = &format!("read lead: 200\n{sent_again}");
        let mut world = world(profile).await;
        for (http_status, wait_ms, calls) in [
            (408, 500, sent_again),
            (425, 500, sent_again),
            (429, 500, sent_again),
            (500, 500, looked_up_first),
            (501, 500, sent_again),
            (502, 20_000, looked_up_first),
            (503, 20_000, looked_up_first),
            (504, 20_000, looked_up_first),
            (522, 20_000, looked_up_first),
        ] {
            check_retried(&mut world, http_status, wait_ms, calls).await;
        }
        world.finish().await;
    }
}

#[tokio::test]
async fn a_connection_that_never_opened_is_a_plain_retry() {
    let mut world = world(PROFILES[0].0).await;
    world.take_sandbox_down().await;
    world.step("lead_a", "one").await;
    world.settle().await;
    assert_eq!(
        world.deliveries("lead_a").await,
        ["due Open/one, 1 tries, unreachable"]
    );
    world.bring_sandbox_up();
    world.advance(millis(499)).await;
    assert_eq!(world.calls(), "");
    world.advance(millis(1)).await;
    assert_eq!(world.calls(), "set lead_a one: 201");
    world.finish().await;
}

#[tokio::test]
async fn tries_are_further_and_further_apart_up_to_the_maximum() {
    let world = Setup::steps()
        .set("targets.leadping.retry.max_ms", "3000")
        .start()
        .await;
    world.answer(FaultRule::always(FaultScope::Set, status(408)).times(6));
    let start = world.now();
    world.step("lead_a", "one").await;
    world.run().await;
    assert_eq!(
        world.call_seconds(start, 0),
        [0.0, 0.5, 1.5, 3.5, 6.5, 9.5, 12.5]
    );
    assert_eq!(world.outcomes("lead_a"), ["one"]);
    assert!(world.now() >= leadping_bridge::clock::after(start, seconds(12)));
    world.finish().await;
}
