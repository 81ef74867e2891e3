//! Retry-After: on 429 and 503 it closes the whole target, as a floor.

use leadping_bridge::clock::after;
use leadping_bridge::sandbox::{Fault, FaultRule, FaultScope};

use crate::harness::{Setup, World, retry_after, seconds};

fn once(world: &World, fault: Fault) {
    world.answer(FaultRule::once(FaultScope::Set, fault).lead("lead_a"));
}

/// One lead is answered so; another lead's call must not come before `gate_seconds`.
async fn check_closes(http_status: u16, text: &str, gate_seconds: f64, state: &str) {
    let mut world = Setup::steps().start().await;
    let start = world.now();
    once(&world, retry_after(http_status, text));
    world.step("lead_a", "one").await;
    world.settle().await;
    world.step("lead_b", "one").await;
    world.settle().await;
    assert_eq!(world.target().await, state);
    world.restart().await;
    assert_eq!(world.target().await, state, "after a restart");
    world.run().await;
    assert_eq!(world.target().await, "open");
    assert_eq!(
        world.call_seconds(start, 0),
        [0.0, gate_seconds, gate_seconds],
        "{http_status} {text}"
    );
    assert_eq!(world.outcomes("lead_a"), ["one"]);
    assert_eq!(world.outcomes("lead_b"), ["one"]);
    world.finish().await;
}

#[tokio::test]
async fn seconds_or_a_date_close_the_whole_target() {
    check_closes(429, "7", 7.0, "waiting").await;
    check_closes(503, "7", 7.0, "waiting").await;
    // The worlds begin at 12:00:01.
    check_closes(429, "Sat, 01 Aug 2026 12:00:31 GMT", 30.0, "waiting").await;
    check_closes(503, "Sat, 01 Aug 2026 12:00:31 GMT", 30.0, "waiting").await;
}

#[tokio::test]
async fn a_wait_beyond_the_maximum_shows_as_paused_and_is_waited_for() {
    check_closes(429, "7200", 7200.0, "paused").await;
    check_closes(503, "3601", 3601.0, "paused").await;
}

#[tokio::test]
async fn on_other_answers_it_means_nothing() {
    for http_status in [500, 408, 502] {
        let world = Setup::steps().start().await;
        let start = world.now();
        once(&world, retry_after(http_status, "50"));
        world.step("lead_a", "one").await;
        world.settle().await;
        assert_eq!(world.target().await, "open", "{http_status}");
        world.step("lead_b", "one").await;
        world.settle().await;
        assert_eq!(world.outcomes("lead_b"), ["one"], "{http_status}");
        assert!(world.due_at("lead_a").await < after(start, seconds(50)));
        world.run().await;
        world.finish().await;
    }
}

#[tokio::test]
async fn it_is_a_floor_under_the_leads_own_backoff() {
    let world = Setup::steps()
        .set("targets.leadping.retry.initial_ms", "10000")
        .start()
        .await;
    let start = world.now();
    once(&world, retry_after(429, "2"));
    world.step("lead_a", "one").await;
    world.settle().await;
    world.step("lead_b", "one").await;
    world.run().await;
    assert_eq!(world.call_seconds(start, 0), [0.0, 2.0, 10.0]);
    assert!(
        world
            .calls()
            .ends_with("set lead_b one: 201\nset lead_a one: 201")
    );
    world.finish().await;
}

#[tokio::test]
async fn without_it_a_429_holds_up_nobody_else() {
    let world = Setup::steps().start().await;
    let start = world.now();
    once(&world, crate::harness::status(429));
    world.step("lead_a", "one").await;
    world.settle().await;
    assert_eq!(world.target().await, "open");
    world.step("lead_b", "one").await;
    world.run().await;
    assert_eq!(world.call_seconds(start, 0), [0.0, 0.0, 0.5]);
    world.finish().await;
}
