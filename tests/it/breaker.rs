//! The breaker: a target that answers nothing useful is left in peace, and asked now and then.

use leadping_bridge::sandbox::{Fault, FaultRule, FaultScope};

use crate::harness::{Setup, World, retry_after, seconds, status};

/// One call at a time, so that it opens after exactly five.
async fn world() -> World {
    Setup::steps()
        .set("targets.leadping.concurrency", "1")
        .start()
        .await
}

async fn step_each(world: &World, leads: usize) {
    for lead in 0..leads {
        world.step(&format!("lead_{lead}"), "one").await;
    }
    world.settle().await;
}

#[tokio::test]
async fn it_opens_after_five_failures_and_probes_with_one_call_each_time() {
    let mut world = world().await;
    let start = world.now();
    world.answer(FaultRule::always(FaultScope::Set, status(408)));
    step_each(&world, 8).await;
    assert_eq!(world.target().await, "failing");
    assert_eq!(world.sandbox().total_requests(), 5);
    for _ in 0..4 {
        world.advance_to_next().await;
    }
    let probe_at = world.next_try_at().await;
    world.restart().await;
    assert_eq!(world.target().await, "failing");
    assert_eq!(world.next_try_at().await, probe_at);
    for _ in 0..4 {
        world.advance_to_next().await;
    }
    assert_eq!(
        world.call_seconds(start, 5),
        [1.0, 3.0, 7.0, 15.0, 31.0, 63.0, 123.0, 183.0]
    );
    let probes = world.calls_after(5);
    let mut leads: Vec<&str> = probes.lines().collect();
    leads.sort_unstable();
    leads.dedup();
    assert_eq!(leads.len(), 8, "each probe takes another lead: {probes}");

    world.sandbox().clear_faults();
    world.run().await;
    assert_eq!(world.target().await, "open");
    for lead in 0..8 {
        assert_eq!(world.outcomes(&format!("lead_{lead}")), ["one"]);
    }
    world.finish().await;
}

#[tokio::test]
async fn a_probe_of_unknown_fate_looks_up_and_sends_together() {
    let world = world().await;
    world.answer(FaultRule::always(FaultScope::Set, status(500)).times(5));
    step_each(&world, 5).await;
    assert_eq!(world.target().await, "failing");
    world.advance_to_next().await;
    assert_eq!(world.target().await, "open");
    assert!(world.calls_after(5).starts_with("read lead_"));
    world.run().await;
    for lead in 0..5 {
        assert_eq!(world.outcomes(&format!("lead_{lead}")), ["one"]);
    }
    world.finish().await;
}

/// What is answered to the sets of these leads, and whether the breaker is open then.
async fn check(fault: Fault, leads: &[&str], state: &str) {
    let name = format!("{fault:?} {leads:?}");
    let world = Setup::steps()
        .set("targets.leadping.concurrency", "1")
        .set("targets.leadping.timeout_ms", "200")
        .start()
        .await;
    world.answer(FaultRule::always(FaultScope::Set, fault));
    for (number, lead) in leads.iter().enumerate() {
        world.step(lead, &format!("step {number}")).await;
        world.settle().await;
    }
    assert_eq!(world.target().await, state, "{name}");
    world.finish().await;
}

const FIVE: [&str; 5] = ["lead_a", "lead_b", "lead_c", "lead_d", "lead_e"];

#[tokio::test]
async fn what_counts_as_a_failure() {
    check(status(408), &FIVE, "failing").await;
    check(status(500), &FIVE, "failing").await;
    check(status(501), &FIVE, "failing").await;
    check(status(503), &FIVE, "failing").await;
    check(Fault::DropBefore, &FIVE, "failing").await;
    check(Fault::HangAfterApply, &FIVE, "failing").await;
    check(status(500), &FIVE[..4], "open").await;
    check(status(429), &FIVE, "open").await;
    check(status(400), &FIVE, "open").await;
}

#[tokio::test]
async fn a_busy_answer_with_retry_after_is_no_failure() {
    let world = world().await;
    for http_status in [429, 503, 429, 503, 429] {
        world.answer(FaultRule::once(
            FaultScope::Set,
            retry_after(http_status, "1"),
        ));
    }
    step_each(&world, 5).await;
    for _ in 0..5 {
        world.advance(seconds(1)).await;
        assert_ne!(world.target().await, "failing");
    }
    world.run().await;
    world.finish().await;
}

#[tokio::test]
async fn five_failures_on_two_leads_are_not_enough() {
    let world = world().await;
    world.answer(FaultRule::always(FaultScope::Set, status(408)).times(8));
    step_each(&world, 2).await;
    for _ in 0..3 {
        world.advance_to_next().await;
        assert_eq!(world.target().await, "open");
    }
    assert_eq!(world.sandbox().total_requests(), 8);
    world.run().await;
    world.finish().await;
}

#[tokio::test]
async fn any_other_answer_ends_the_row() {
    let world = world().await;
    let faults = [408, 408, 408, 408, 400, 408, 408, 408, 408, 201, 408];
    for http_status in faults {
        world.answer(FaultRule::once(FaultScope::Set, status(http_status)));
    }
    step_each(&world, faults.len()).await;
    assert_eq!(world.target().await, "open");
    world.run().await;
    world.finish().await;
}

#[tokio::test]
async fn look_ups_do_not_count() {
    let world = world().await;
    world.answer(FaultRule::always(FaultScope::Set, status(500)).times(4));
    world.answer(FaultRule::always(FaultScope::Read, status(500)).times(12));
    step_each(&world, 4).await;
    for _ in 0..3 {
        world.advance_to_next().await;
        assert_eq!(world.target().await, "open");
    }
    assert_eq!(world.sandbox().total_requests(), 4 + 12);
    world.run().await;
    world.finish().await;
}
