//! Whose refusal is it: the delivery's own, or is the target closed to us as a whole?

use leadping_bridge::sandbox::{FaultRule, FaultScope};

use crate::harness::{Setup, World, seconds, status};

const WHOSE: [u16; 8] = [401, 403, 404, 405, 410, 301, 302, 307];

/// Writes to this lead succeed: its history can be asked for.
async fn write(world: &World, lead: &str) {
    world.step(lead, "zero").await;
    world.settle().await;
    assert_eq!(world.outcomes(lead), ["zero"]);
}

fn refuse(world: &World, lead: &str, http_status: u16) {
    world.answer(FaultRule::once(FaultScope::Set, status(http_status)).lead(lead));
}

#[tokio::test]
async fn a_lead_refused_while_another_reads_well_is_parked_for_itself() {
    let world = Setup::steps().start().await;
    write(&world, "lead_ok").await;
    for http_status in WHOSE {
        let lead = format!("lead_{http_status}");
        refuse(&world, &lead, http_status);
        world.step(&lead, "one").await;
        world.step(&lead, "two").await;
        world.settle().await;
        // Judged at most once in 10 s.
        world.clock.advance(seconds(10));
        assert_eq!(
            world.deliveries(&lead).await,
            [
                format!("parked Open/one, 1 tries, {http_status}, refused:leadping:{http_status}"),
                "delivered Open/two, 1 tries, 201".to_owned(),
            ]
        );
        assert_eq!(world.target().await, "open");
    }
    world.finish().await;
}

#[tokio::test]
async fn the_lead_that_is_asked_about_is_another_one_and_asked_once_in_ten_seconds() {
    let world = Setup::steps().start().await;
    let start = world.now();
    write(&world, "lead_ok").await;
    refuse(&world, "lead_a", 404);
    world.step("lead_a", "one").await;
    world.settle().await;
    refuse(&world, "lead_b", 404);
    world.step("lead_b", "one").await;
    world.settle().await;
    assert_eq!(
        world.deliveries("lead_b").await,
        ["due Open/one, 1 tries, 404, held 404"]
    );
    // A held delivery is not the others' business.
    world.step("lead_c", "one").await;
    world.settle().await;
    assert_eq!(world.outcomes("lead_c"), ["one"]);
    world.advance(seconds(10)).await;
    world.settle().await;
    assert_eq!(
        world.calls(),
        "set lead_ok zero: 201\nset lead_a one: 404\nread lead_ok: 200\nset lead_b one: 404\n\
         set lead_c one: 201\nread lead_c: 200"
    );
    assert_eq!(world.call_seconds(start, 2), [0.0, 0.0, 0.0, 10.0]);
    assert_eq!(
        world.parked().await,
        ["refused:leadping:404: 0 events, 2 deliveries"]
    );
    world.finish().await;
}

#[tokio::test]
async fn one_or_two_refused_with_nobody_to_ask_are_due_again() {
    let world = Setup::steps().start().await;
    refuse(&world, "lead_a", 403);
    refuse(&world, "lead_a", 403);
    refuse(&world, "lead_b", 403);
    let start = world.now();
    world.step("lead_a", "one").await;
    world.settle().await;
    assert_eq!(
        world.deliveries("lead_a").await,
        ["due Open/one, 1 tries, 403"]
    );
    // Nothing but the pace of judging holds these two up.
    world.step("lead_b", "one").await;
    world.run().await;
    assert_eq!(
        world.calls(),
        "set lead_a one: 403\nset lead_b one: 403\nset lead_a one: 403\n\
         set lead_b one: 201\nset lead_a one: 201"
    );
    assert_eq!(world.call_seconds(start, 0), [0.0, 0.0, 0.5, 10.5, 11.0]);
    assert_eq!(world.target().await, "open");
    assert_eq!(world.parked().await, [""; 0]);
    world.finish().await;
}

#[tokio::test]
async fn with_three_held_nothing_new_is_sent_until_the_read() {
    let world = Setup::steps().start().await;
    write(&world, "lead_ok").await;
    // The first refusal is judged at once; the next judgement is 10 s away.
    refuse(&world, "lead_0", 404);
    world.step("lead_0", "one").await;
    world.settle().await;
    for lead in ["lead_1", "lead_2", "lead_3"] {
        refuse(&world, lead, 404);
        world.step(lead, "one").await;
        world.settle().await;
    }
    let before = world.sandbox().journal().len();
    world.step("lead_new", "one").await;
    world.clock.advance(seconds(9));
    assert_eq!(world.sandbox().journal().len(), before);
    world.clock.advance(seconds(1));
    world.settle().await;
    assert_eq!(
        world.calls_after(before),
        "read lead_ok: 200\nset lead_new one: 201"
    );
    assert_eq!(
        world.parked().await,
        ["refused:leadping:404: 0 events, 4 deliveries"]
    );
    world.finish().await;
}

#[tokio::test]
async fn a_lead_whose_own_read_was_refused_is_not_asked_about_again() {
    let world = Setup::steps().start().await;
    let start = world.now();
    write(&world, "lead_a").await;
    write(&world, "lead_b").await;
    // Both are gone at the target; the rest of it works.
    world.answer(FaultRule::once(FaultScope::Read, status(404)).lead("lead_b"));
    world.answer(FaultRule::always(FaultScope::Set, status(404)).lead("lead_c"));
    world.step("lead_c", "one").await;
    world.settle().await;
    assert_eq!(world.target().await, "paused 404");
    world.run().await;
    assert_eq!(
        world.calls_after(2),
        "set lead_c one: 404\nread lead_b: 404\nread lead_a: 200\n\
         set lead_c one: 404\nread lead_a: 200"
    );
    assert_eq!(world.call_seconds(start, 2), [0.0, 0.0, 5.0, 5.0, 15.0]);
    assert_eq!(
        world.parked().await,
        ["refused:leadping:404: 0 events, 1 deliveries"]
    );
    world.finish().await;
}

#[tokio::test]
async fn a_held_refusal_outlives_a_crash() {
    let mut world = Setup::steps().start().await;
    write(&world, "lead_ok").await;
    for lead in ["lead_a", "lead_b"] {
        refuse(&world, lead, 404);
        world.step(lead, "one").await;
        world.settle().await;
    }
    let held = "due Open/one, 1 tries, 404, held 404";
    assert_eq!(world.deliveries("lead_b").await, [held]);
    world.crash().await;
    world.start().await;
    world.settle().await;
    assert_eq!(
        world.parked().await,
        ["refused:leadping:404: 0 events, 2 deliveries"]
    );
    world.finish().await;
}
