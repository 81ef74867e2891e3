//! Replay: what was recorded decided against the lead as it is now, forecast first, within a share
//! of the rate, and over when somebody says so.

use serde_json::{Value, json};

use crate::harness::{Setup, World, seconds};

const MODE: &str = "targets.leadping.mode";

/// Everything was recorded in shadow mode; the target is live now.
async fn gone_live(leads: usize) -> World {
    let rate = "{ requests = 240, per_seconds = 60, burst = 100 }";
    let setup = Setup::steps()
        .set(MODE, "\"shadow\"")
        .set("targets.leadping.rate_limit", rate)
        .with_admin_token();
    let mut world = setup.start().await;
    for lead in 0..leads {
        world.step(&format!("lead_{lead}"), "one").await;
    }
    world.step("lead_0", "two").await;
    world.settle().await;
    world.restart_with(MODE, "\"live\"").await;
    // The bucket fills: what paces is the share.
    world.advance(seconds(60)).await;
    assert_eq!(world.calls(), "");
    world
}

async fn replay(world: &World, start: bool) -> Value {
    let body = json!({ "source": "voice", "share": 50, "start": start });
    let answer = world.post_admin("events/replay", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

async fn progress(world: &World) -> Value {
    world.get("/api/v1/events/replay").await
}

/// Moves the clock until the replay has ended.
async fn run(world: &World) -> Value {
    for _ in 0..100 {
        world.look_on().await;
        let progress = progress(world).await;
        if progress["state"] != "running" {
            return progress;
        }
        world.clock.advance(seconds(1));
    }
    panic!("it never ends");
}

#[tokio::test]
async fn what_was_withheld_is_forecast_and_then_sent() {
    let world = gone_live(3).await;
    assert_eq!(progress(&world).await["state"], "none");
    let forecast = replay(&world, false).await;
    assert_eq!(
        forecast,
        json!({
            "events": 4, "results": {"due": 3, "stale": 1}, "calls": {"leadping": 3},
            // Three calls at half of four a second.
            "share": 50, "duration_seconds": 2, "started": false,
        })
    );
    world.settle().await;
    assert_eq!(world.calls(), "", "a forecast sends nothing");
    assert_eq!(replay(&world, true).await["started"], true);
    let done = run(&world).await;
    world.run().await;
    assert_eq!(
        done,
        json!({
            "state": "finished", "events_done": 4, "events": 4, "share": 50,
            "results": {"due": 3, "stale": 1}, "calls": {"leadping": 3},
        })
    );
    assert_eq!(world.outcomes("lead_0"), ["two"]);
    assert_eq!(world.outcomes("lead_1"), ["one"]);
    // Once more, there is nothing to do.
    let forecast = replay(&world, false).await;
    assert_eq!(forecast["results"], json!({"stale": 1, "unchanged": 3}));
    world.finish().await;
}

#[tokio::test]
async fn it_keeps_to_its_share_and_ends_when_it_is_cancelled() {
    let world = gone_live(30).await;
    assert_eq!(world.delete_admin("events/replay").await.status, 409);
    replay(&world, true).await;
    let body = json!({ "source": "voice", "start": true });
    let second = world.post_admin("events/replay", &body).await;
    assert_eq!(second.status, 409, "{}", second.body);
    world.look_on().await;
    let sets = || world.sandbox().journal().len();
    assert_eq!(sets(), 8);
    // Eight calls at half of four a second.
    world.clock.advance(seconds(3));
    world.look_on().await;
    assert_eq!(sets(), 8);
    // What comes in is not kept waiting.
    world.step("lead_live", "now").await;
    world.look_on().await;
    assert_eq!(world.outcomes("lead_live"), ["now"]);
    world.clock.advance(seconds(1));
    world.look_on().await;
    assert_eq!(sets(), 17);
    let cancelled = world.delete_admin("events/replay").await;
    assert_eq!(
        (cancelled.status, &cancelled.body["state"]),
        (200, &json!("cancelled"))
    );
    world.clock.advance(seconds(60));
    world.look_on().await;
    assert_eq!(sets(), 17);
    replay(&world, true).await;
    let done = run(&world).await;
    assert_eq!(done["state"], "finished");
    assert_eq!(done["calls"], json!({"leadping": 14}));
    world.run().await;
    assert_eq!(sets(), 31);
    world.finish().await;
}

#[tokio::test]
async fn a_restart_does_not_end_it() {
    let mut world = gone_live(30).await;
    replay(&world, true).await;
    world.look_on().await;
    let before = progress(&world).await;
    assert_eq!(
        (&before["state"], &before["calls"]),
        (&json!("running"), &json!({"leadping": 8}))
    );
    for crash in [true, false] {
        match crash {
            true => world.crash().await,
            false => world.stop().await,
        }
        world.start().await;
        // It goes on: in the same state, not from the beginning.
        let after = progress(&world).await;
        assert_eq!(after["state"], "running");
        assert!(after["events_done"].as_u64() >= before["events_done"].as_u64());
        world.clock.advance(seconds(4));
        world.look_on().await;
    }
    let done = run(&world).await;
    assert_eq!(
        done,
        json!({
            "state": "finished", "events_done": 31, "events": 31, "share": 50,
            "results": {"due": 30, "stale": 1}, "calls": {"leadping": 30},
        })
    );
    world.run().await;
    assert_eq!(world.sandbox().writes().len(), 30);
    world.restart().await;
    assert_eq!(progress(&world).await, done, "what it did is still known");
    world.finish().await;
}

#[tokio::test]
async fn what_was_cancelled_stays_so_after_a_crash() {
    let mut world = gone_live(30).await;
    replay(&world, true).await;
    world.look_on().await;
    assert_eq!(world.delete_admin("events/replay").await.status, 200);
    world.crash().await;
    world.start().await;
    assert_eq!(progress(&world).await["state"], "cancelled");
    world.clock.advance(seconds(60));
    world.look_on().await;
    assert_eq!(world.sandbox().writes().len(), 8);
    world.finish().await;
}

#[tokio::test]
async fn who_asks_wrongly_is_told() {
    let world = gone_live(1).await;
    for body in [
        json!({}),
        json!({ "start": true }),
        json!({ "ids": ["x"] }),
        json!({ "lead": "lead_0", "source": "voice" }),
        json!({ "source": "video" }),
        json!({ "source": "voice", "share": 0 }),
        json!({ "source": "voice", "share": 101 }),
        json!({ "since": "yesterday" }),
    ] {
        let answer = world.post_admin("events/replay", &body).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.body);
    }
    world.finish().await;
}
