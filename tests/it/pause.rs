//! A target that refuses everybody is paused and probed; nothing is parked for it.

use leadping_bridge::sandbox::{FaultRule, FaultScope};
use leadping_bridge::secret::Secret;

use crate::harness::{Setup, TOKEN, World, millis, seconds, status};

/// Writes to this lead succeed: its history can be asked for.
async fn write(world: &World, lead: &str) {
    world.step(lead, "zero").await;
    world.settle().await;
    assert_eq!(world.outcomes(lead), ["zero"]);
}

#[tokio::test]
async fn a_dead_credential_pauses_the_target_and_parks_nothing() {
    let mut world = Setup::steps().start().await;
    for lead in ["lead_a", "lead_b", "lead_c"] {
        write(&world, lead).await;
    }
    world.sandbox().set_token(Some(Secret::new("another")));
    let start = world.now();
    for step in ["one", "two", "three"] {
        for lead in ["lead_a", "lead_b", "lead_c"] {
            world.step(lead, step).await;
        }
    }
    world.settle().await;
    assert_eq!(world.target().await, "paused 401");
    let refused = world.sandbox().journal().len();
    for _ in 0..6 {
        world.advance_to_next().await;
        assert_eq!(world.target().await, "paused 401");
    }
    // Paused at 0: probes after 5 s, doubling to 60 s, one call each.
    assert_eq!(
        world.call_seconds(start, refused),
        [5.0, 15.0, 35.0, 75.0, 135.0, 195.0]
    );
    assert_eq!(world.parked().await, [""; 0]);
    assert_eq!(world.look().await.due, 9);

    world.restart().await;
    assert_eq!(world.target().await, "paused 401");
    world.sandbox().set_token(Some(Secret::new(TOKEN)));
    world.advance_to_next().await;
    assert_eq!(world.target().await, "open");
    world.run().await;
    for lead in ["lead_a", "lead_b", "lead_c"] {
        assert_eq!(world.outcomes(lead), ["zero", "one", "two", "three"]);
    }
    world.finish().await;
}

#[tokio::test]
async fn probes_take_in_turn_a_read_of_another_lead_and_a_delivery_of_another_lead() {
    let world = Setup::steps().start().await;
    for lead in ["lead_a", "lead_b", "lead_c"] {
        write(&world, lead).await;
    }
    world.sandbox().set_token(Some(Secret::new("another")));
    for lead in ["lead_d", "lead_e", "lead_f"] {
        world.step(lead, "one").await;
    }
    world.settle().await;
    let refused = world.sandbox().journal().len();
    for _ in 0..5 {
        world.advance_to_next().await;
    }
    let calls = world.calls_after(refused);
    let words: Vec<&str> = calls.lines().map(|line| &line[..4]).collect();
    assert_eq!(words, ["read", "set ", "read", "set ", "read"], "{calls}");
    let mut leads: Vec<&str> = calls
        .lines()
        .map(|line| line.split([' ', ':']).nth(1).unwrap())
        .collect();
    leads.sort_unstable();
    leads.dedup();
    assert_eq!(leads.len(), 5, "each probe takes another lead: {calls}");
    world.sandbox().set_token(Some(Secret::new(TOKEN)));
    world.run().await;
    world.finish().await;
}

#[tokio::test]
async fn a_new_credential_in_its_file_is_read_before_the_next_probe() {
    let world = Setup::steps().start().await;
    write(&world, "lead_a").await;
    write(&world, "lead_c").await;
    world.sandbox().set_token(Some(Secret::new("rotated")));
    world.step("lead_a", "one").await;
    world.step("lead_b", "one").await;
    world.settle().await;
    assert_eq!(world.target().await, "paused 401");
    world.write_target_token("rotated");
    world.advance(seconds(5)).await;
    assert_eq!(world.target().await, "open");
    world.run().await;
    assert_eq!(world.outcomes("lead_a"), ["zero", "one"]);
    assert_eq!(world.outcomes("lead_b"), ["one"]);
    world.finish().await;
}

#[tokio::test]
async fn a_target_never_written_to_pauses_after_three_leads() {
    let world = Setup::steps().start().await;
    world.sandbox().set_token(Some(Secret::new("another")));
    for lead in ["lead_a", "lead_b", "lead_c"] {
        world.step(lead, "one").await;
    }
    // One or two are due again on backoff; with three held together it is the target.
    for _ in 0..40 {
        if world.target().await == "paused 401" {
            break;
        }
        world.advance(millis(500)).await;
    }
    assert_eq!(world.target().await, "paused 401");
    assert_eq!(world.parked().await, [""; 0]);
    world.sandbox().set_token(Some(Secret::new(TOKEN)));
    world.run().await;
    for lead in ["lead_a", "lead_b", "lead_c"] {
        assert_eq!(world.outcomes(lead), ["one"]);
    }
    world.finish().await;
}

#[tokio::test]
async fn ten_leads_refused_in_a_row_pause_the_target_although_reads_work() {
    let world = Setup::steps().start().await;
    write(&world, "lead_ok").await;
    world.answer(FaultRule::always(FaultScope::Set, status(403)));
    for lead in 0..12 {
        world.step(&format!("lead_{lead}"), "one").await;
        world.advance(seconds(10)).await;
        if lead < 9 {
            assert_eq!(world.target().await, "open", "after {lead}");
        }
    }
    assert_eq!(world.target().await, "paused 403");
    assert_eq!(
        world.parked().await,
        ["refused:leadping:403: 0 events, 9 deliveries"]
    );
    // Reads prove nothing here: only deliveries are probes.
    let before = world.sandbox().journal().len();
    for _ in 0..3 {
        world.advance_to_next().await;
    }
    assert!(
        !world.calls_after(before).contains("read"),
        "{}",
        world.calls_after(before)
    );
    world.sandbox().clear_faults();
    world.run().await;
    assert_eq!(world.outcomes("lead_11"), ["one"]);
    world.finish().await;
}

/// The answer to a delivery that is a probe, and what the target is then.
async fn check_probe(http_status: u16, state: &str) {
    let world = Setup::steps().start().await;
    world.answer(FaultRule::always(FaultScope::Set, status(403)));
    for lead in ["lead_a", "lead_b", "lead_c"] {
        world.step(lead, "one").await;
    }
    for _ in 0..40 {
        if world.target().await == "paused 403" {
            break;
        }
        world.advance(millis(500)).await;
    }
    assert_eq!(world.target().await, "paused 403");
    world.sandbox().clear_faults();
    world.answer(FaultRule::once(FaultScope::Set, status(http_status)));
    world.advance_to_next().await;
    assert_eq!(world.target().await, state, "{http_status}");
    world.run().await;
    assert_eq!(world.target().await, "open", "{http_status}");
    world.finish().await;
}

#[tokio::test]
async fn every_answer_but_a_refusal_and_a_failure_ends_a_pause() {
    check_probe(201, "open").await;
    check_probe(422, "open").await;
    check_probe(404, "paused 403").await;
    check_probe(500, "paused 403").await;
    check_probe(429, "paused 403").await;
}
