//! A set of unknown fate: looked up first, sent again only if it is not there, never there twice.

use leadping_bridge::sandbox::{Fault, FaultRule, FaultScope};
use serde_json::{Value, json};

use crate::harness::{Setup, World, millis, seconds, status, status_after_apply};

/// The usual world, with a target that is given up on quickly in real time.
async fn world() -> World {
    with_marker("\"reason\"").await
}

async fn with_marker(marker: &str) -> World {
    Setup::steps()
        .set("targets.leadping.marker", marker)
        .set("targets.leadping.timeout_ms", "400")
        .start()
        .await
}

/// The first set of `lead_a` goes wrong.
async fn send_with(world: &World, fault: Fault) {
    world.answer(FaultRule::once(FaultScope::Set, fault).lead("lead_a"));
    world.step("lead_a", "one").await;
    world.settle().await;
}

fn wait_ms(world: &World, due_at: jiff::Timestamp) -> i128 {
    due_at.duration_since(world.now()).as_millis()
}

/// Whether the faulty set took effect, how long until the look-up, and what it found.
async fn check(fault: Fault, is_applied: bool, expected_wait_ms: i128) {
    let name = format!("{fault:?}");
    let mut world = world().await;
    send_with(&world, fault).await;
    assert_eq!(
        world.outcomes("lead_a").len(),
        usize::from(is_applied),
        "{name}"
    );
    assert_eq!(
        wait_ms(&world, world.due_at("lead_a").await),
        expected_wait_ms,
        "{name}"
    );
    // Another lead is not held up, the lead itself waits.
    world.step("lead_b", "one").await;
    world.step("lead_a", "two").await;
    world.settle().await;
    assert_eq!(world.outcomes("lead_b"), ["one"], "{name}");
    world.restart().await;
    world.run().await;
    assert_eq!(world.outcomes("lead_a"), ["one", "two"], "{name}");
    let calls = world.calls_after(2);
    let expected = if is_applied {
        "read lead_a: 200\nset lead_a two: 201"
    } else {
        "read lead_a: 200\nset lead_a one: 201\nset lead_a two: 201"
    };
    assert_eq!(calls, expected, "{name}");
    world.finish().await;
}

#[tokio::test]
async fn what_arrived_is_found_and_not_sent_again() {
    check(Fault::DropAfterApply, true, 20_000).await;
    check(Fault::TruncateAfterApply, true, 20_000).await;
    check(Fault::HangAfterApply, true, 20_000).await;
    check(status_after_apply(500), true, 500).await;
    check(status_after_apply(502), true, 20_000).await;
    check(status_after_apply(503), true, 20_000).await;
    check(status_after_apply(504), true, 20_000).await;
    check(status_after_apply(520), true, 20_000).await;
}

#[tokio::test]
async fn what_did_not_arrive_is_looked_for_and_then_sent() {
    check(Fault::DropBefore, false, 20_000).await;
    check(status(500), false, 500).await;
    check(status(503), false, 20_000).await;
}

#[tokio::test]
async fn the_other_profile_looks_up_in_its_own_history() {
    for fault in [Fault::DropAfterApply, Fault::DropBefore] {
        let world = Setup::steps()
            .set("targets.leadping.api", "\"lead-status\"")
            .start()
            .await;
        send_with(&world, fault).await;
        world.run().await;
        assert_eq!(world.outcomes("lead_a"), ["one"]);
        let paths: Vec<String> = world
            .sandbox()
            .journal()
            .into_iter()
            .map(|entry| format!("{} {}", entry.method, entry.path))
            .collect();
        assert_eq!(
            paths[..2],
            [
                "PUT /leads/lead_a/status",
                "GET /leads/lead_a/status-history"
            ]
        );
        world.finish().await;
    }
}

#[tokio::test]
async fn the_look_up_waits_its_time_and_other_leads_flow_meanwhile() {
    let world = world().await;
    let start = world.now();
    send_with(&world, Fault::DropAfterApply).await;
    for (at, step) in ["one", "two", "three"].into_iter().enumerate() {
        world.step("lead_b", step).await;
        world.advance(seconds(5)).await;
        assert_eq!(world.outcomes("lead_b").len(), at + 1);
    }
    world.advance(millis(4_999)).await;
    assert!(!world.calls().contains("read"));
    world.run().await;
    assert_eq!(world.call_seconds(start, 4), [20.0]);
    assert_eq!(
        world.deliveries("lead_a").await,
        ["delivered Open/one, 2 tries, 200"]
    );
    world.finish().await;
}

#[tokio::test]
async fn a_look_up_that_fails_is_repeated_and_nothing_is_sent_blind() {
    let world = world().await;
    let start = world.now();
    world.answer(FaultRule::always(FaultScope::Read, status(500)).times(1));
    world.answer(FaultRule::always(FaultScope::Read, Fault::DropBefore).times(1));
    world.answer(FaultRule::always(FaultScope::Read, status(429)).times(1));
    send_with(&world, status(500)).await;
    world.run().await;
    assert_eq!(
        world.calls(),
        "set lead_a one: 500\nread lead_a: 500\nread lead_a: drop_before\nread lead_a: 429\n\
         read lead_a: 200\nset lead_a one: 201"
    );
    assert_eq!(world.call_seconds(start, 0), [0.0, 0.5, 1.5, 3.5, 7.5, 7.5]);
    world.finish().await;
}

#[tokio::test]
async fn a_refused_look_up_is_judged_like_a_refused_write() {
    let world = world().await;
    world.step("lead_b", "one").await;
    world.settle().await;
    world.answer(FaultRule::once(FaultScope::Read, status(404)).lead("lead_a"));
    send_with(&world, status(500)).await;
    world.step("lead_a", "two").await;
    world.run().await;
    assert_eq!(
        world.deliveries("lead_a").await,
        [
            "parked Open/one, 2 tries, 404, refused:leadping:404",
            "delivered Open/two, 1 tries, 201"
        ]
    );
    world.finish().await;
}

#[tokio::test]
async fn without_a_marker_it_is_known_by_type_outcome_and_time() {
    for (fault, reads_then) in [
        (Fault::DropAfterApply, "read lead_a: 200"),
        (Fault::DropBefore, "read lead_a: 200\nset lead_a one: 201"),
    ] {
        let world = with_marker("\"none\"").await;
        // An earlier entry of ours with the same words is known, so it is not mistaken.
        world.step("lead_a", "zero").await;
        world.settle().await;
        world.clock.advance(seconds(1));
        send_with(&world, fault).await;
        world.run().await;
        assert_eq!(world.calls_after(2), reads_then);
        assert_eq!(world.outcomes("lead_a"), ["zero", "one"]);
        world.finish().await;
    }
}

#[tokio::test]
async fn a_marker_in_the_notes_serves_as_well() {
    let world = with_marker("\"notes\"").await;
    send_with(&world, Fault::DropAfterApply).await;
    world.run().await;
    let history = world.sandbox().history("lead_a");
    let notes = history[0]["notes"].as_str().unwrap();
    assert!(notes.starts_with("[lb:"), "{notes}");
    assert_eq!(history[0]["reason"], Value::Null);
    assert_eq!(history.len(), 1);
    world.finish().await;
}

/// The entry as it came, without its marker.
fn without_marker(entry: &Value) -> Value {
    json!({
        "leadId": "lead_a",
        "type": entry["type"],
        "outcome": entry["outcome"],
        "timestamp": entry["timestamp"],
    })
}

#[tokio::test]
async fn an_entry_whose_marker_was_edited_away_is_still_known() {
    let world = world().await;
    send_with(&world, Fault::DropAfterApply).await;
    let entry = world.sandbox().history("lead_a").remove(0);
    let path = format!("/dispositions/{}", entry["id"].as_str().unwrap());
    let edited = world.at_target("PUT", &path, &without_marker(&entry)).await;
    assert_eq!(edited.status, 200, "{}", edited.body);
    world.run().await;
    assert_eq!(world.outcomes("lead_a"), ["one"]);
    assert_eq!(
        world.deliveries("lead_a").await,
        ["delivered Open/one, 2 tries, 200"]
    );
    world.finish().await;
}

#[tokio::test]
async fn another_bridges_entry_is_not_taken_for_ours() {
    let world = world().await;
    send_with(&world, Fault::DropBefore).await;
    let body = json!({
        "leadId": "lead_a", "type": "Call", "outcome": "one",
        "timestamp": "2026-08-01T12:00:01Z", "reason": "[lb:0198f0a0-0000-7000-8000-000000000000]",
    });
    assert_eq!(
        world.at_target("POST", "/dispositions", &body).await.status,
        201
    );
    world.run().await;
    assert_eq!(world.outcomes("lead_a"), ["one", "one"]);
    assert_eq!(
        world.deliveries("lead_a").await,
        ["delivered Open/one, 2 tries, 201"]
    );
    world.finish().await;
}

#[tokio::test]
async fn several_candidates_are_a_persons_business_and_the_lead_goes_on() {
    for marker in ["\"none\"", "\"reason\""] {
        let world = with_marker(marker).await;
        send_with(&world, Fault::DropBefore).await;
        let body = json!({
            "leadId": "lead_a", "type": "Call", "outcome": "one",
            "timestamp": "2026-08-01T12:00:01Z",
        });
        for _ in 0..2 {
            assert_eq!(
                world.at_target("POST", "/dispositions", &body).await.status,
                201
            );
        }
        world.step("lead_a", "two").await;
        world.run().await;
        assert_eq!(
            world.deliveries("lead_a").await,
            [
                "parked Open/one, 2 tries, 200, unsure:leadping",
                "delivered Open/two, 1 tries, 201"
            ]
        );
        assert_eq!(
            world.parked().await,
            ["unsure:leadping: 0 events, 1 deliveries"]
        );
        world.finish().await;
    }
}

#[tokio::test]
async fn a_process_that_died_during_a_call_looks_it_up_at_the_next_start() {
    let mut world = Setup::steps().start().await;
    let start = world.now();
    world.answer(FaultRule::once(FaultScope::Set, Fault::HangAfterApply).lead("lead_a"));
    world.step("lead_a", "one").await;
    world.step("lead_a", "two").await;
    world.requests(1).await;
    world.crash().await;
    world.clock.advance(seconds(5));
    world.start().await;
    world.step("lead_b", "one").await;
    world.settle().await;
    assert_eq!(world.outcomes("lead_b"), ["one"]);
    world.run().await;
    assert_eq!(
        world.calls(),
        "set lead_a one: hang_after_apply\nset lead_b one: 201\nread lead_a: 200\nset lead_a two: 201"
    );
    // Counted from when the call began, for a dead process cannot say when it ended.
    assert_eq!(world.call_seconds(start, 2), [20.0, 20.0]);
    world.finish().await;
}
