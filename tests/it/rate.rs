//! The target's rate limit counts every call, starts empty, and is never exceeded; concurrency is
//! bounded.

use leadping_bridge::sandbox::{Fault, FaultRule, FaultScope, RequestLimit};

use crate::harness::{Setup, World, millis, seconds, status};

const RATE: &str = "{ requests = 60, per_seconds = 60, burst = 5 }";

async fn limited() -> World {
    Setup::steps()
        .set("targets.leadping.rate_limit", RATE)
        .start_with_empty_bucket()
        .await
}

/// At most five at once and one a second, over any stretch of time.
fn assert_within_rate(world: &World) {
    let times = world.call_seconds(jiff::Timestamp::UNIX_EPOCH, 0);
    for (first, from) in times.iter().enumerate() {
        for (last, to) in times.iter().enumerate().skip(first) {
            let calls = (last - first + 1) as f64;
            assert!(
                calls <= 5.0 + (to - from) + 0.001,
                "{calls} in {from}..{to}"
            );
        }
    }
}

async fn step_each(world: &World, leads: std::ops::Range<usize>) {
    for lead in leads {
        world.step(&format!("lead_{lead}"), "one").await;
    }
}

#[tokio::test]
async fn the_bucket_starts_empty_and_holds_no_more_than_the_burst() {
    let world = limited().await;
    let start = world.now();
    step_each(&world, 0..12).await;
    world.look_until(|look| look.due == 12).await;
    world.clock.advance(millis(999));
    world.clock.advance(millis(1));
    world.requests(1).await;
    world.clock.advance(seconds(100));
    world.requests(6).await;
    world.clock.advance(seconds(1));
    world.requests(7).await;
    for sent in 8..=12 {
        world.clock.advance(seconds(1));
        world.requests(sent).await;
    }
    world.settle().await;
    assert_eq!(
        world.call_seconds(start, 0),
        [
            1.0, 101.0, 101.0, 101.0, 101.0, 101.0, 102.0, 103.0, 104.0, 105.0, 106.0, 107.0
        ]
    );
    assert_within_rate(&world);
    assert!(world.sandbox().max_requests_per_second() <= 6);
    world.finish().await;
}

#[tokio::test]
async fn a_restart_is_no_burst() {
    let mut world = limited().await;
    step_each(&world, 0..10).await;
    world.clock.advance(seconds(60));
    world.requests(5).await;
    world.look_until(|look| look.in_flight == 0).await;
    let restarted_at = world.now();
    world.stop().await;
    world.start().await;
    for sent in 6..=10 {
        world.clock.advance(seconds(1));
        world.requests(sent).await;
    }
    world.settle().await;
    let after = world.call_seconds(restarted_at, 5);
    assert!(after[0] >= 1.0, "{after:?}");
    assert_within_rate(&world);
    world.finish().await;
}

#[tokio::test]
async fn retries_and_look_ups_count() {
    let world = limited().await;
    world.sandbox().set_limit(RequestLimit {
        requests: 65,
        per_seconds: 60,
    });
    world.answer(FaultRule::always(FaultScope::Set, status(500)).times(4));
    world.answer(FaultRule::always(FaultScope::Set, status(408)).times(4));
    step_each(&world, 0..8).await;
    world.look_until(|look| look.due == 8).await;
    for _ in 0..240 {
        world.clock.advance(millis(500));
        let look = world.look_on().await;
        if look.due == 0 && look.in_flight == 0 {
            break;
        }
    }
    for lead in 0..8 {
        assert_eq!(world.outcomes(&format!("lead_{lead}")), ["one"]);
    }
    // Eight failed, four were looked up, eight were sent again.
    assert_eq!(world.sandbox().total_requests(), 20);
    assert!(!world.calls().contains("429"));
    assert_within_rate(&world);
    world.finish().await;
}

#[tokio::test]
async fn no_more_calls_at_once_than_configured() {
    let world = Setup::steps()
        .set("targets.leadping.concurrency", "3")
        .start()
        .await;
    // The sandbox answers when its clock, which stands still, has moved on.
    world.answer(FaultRule::always(FaultScope::Set, Fault::DelayMs(1000)));
    step_each(&world, 0..9).await;
    for round in 1..=3 {
        let left = 9 - 3 * round;
        world
            .look_until(|look| look.in_flight == 3 && look.due == left)
            .await;
        // Only what has arrived answers when the clock moves.
        world.writes_in_hand(3).await;
        world.clock.advance(seconds(1));
        world.requests(3 * u64::try_from(round).unwrap()).await;
    }
    world.settle().await;
    let times = world.call_seconds(world.now(), 0);
    assert_eq!(times, [-2.0, -2.0, -2.0, -1.0, -1.0, -1.0, 0.0, 0.0, 0.0]);
    world.finish().await;
}

#[tokio::test]
async fn one_lead_that_hangs_takes_one_place_only() {
    let world = Setup::steps()
        .set("targets.leadping.concurrency", "2")
        .set("targets.leadping.timeout_ms", "5000")
        .start()
        .await;
    world.answer(FaultRule::once(FaultScope::Set, Fault::DelayMs(60_000)).lead("lead_0"));
    world.step("lead_0", "one").await;
    world.look_until(|look| look.in_flight == 1).await;
    step_each(&world, 1..7).await;
    world
        .look_until(|look| look.in_flight == 1 && look.due == 0)
        .await;
    for lead in 1..7 {
        assert_eq!(world.outcomes(&format!("lead_{lead}")), ["one"]);
    }
    world.clock.advance(seconds(60));
    world.settle().await;
    assert_eq!(world.outcomes("lead_0"), ["one"]);
    world.finish().await;
}
