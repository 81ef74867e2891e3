//! SIGTERM: what is in hand is finished, what comes is sent away, what was taken is not lost.

use std::time::{Duration, Instant};

use leadping_bridge::sandbox::{Fault, FaultRule, FaultScope, Sandbox};

use super::place::{Bridge, Place, sandbox};
use super::process::{PATIENCE, eventually};
use super::senders::{crm, voice};

/// A call that the target applies and never answers, so that the bridge has one in hand.
async fn one_call_hangs(sandbox: &Sandbox, bridge: &Bridge) {
    sandbox.add_fault(FaultRule::once(FaultScope::Set, Fault::HangAfterApply));
    bridge.accept(&voice("lead_hanging", "event 1")).await;
    let used = sandbox.wait_until(|sandbox| sandbox.faults().is_empty());
    tokio::time::timeout(PATIENCE, used).await.unwrap();
}

/// Everything that was acknowledged, once each.
async fn all_arrive_after_a_restart(place: &Place, sandbox: &Sandbox, leads: &[&str]) {
    let bridge = place.serve().await;
    bridge.at_rest().await;
    for lead in leads {
        let history = sandbox.history(lead);
        assert_eq!(history.len(), 1, "{lead}: {history:?}");
    }
    assert_eq!(bridge.parked().await, [""; 0]);
}

#[tokio::test]
async fn webhooks_are_sent_away_while_the_calls_in_hand_are_finished() {
    let sandbox = sandbox();
    let place = Place::new(Some(&sandbox))
        .with("TARGETS__LEADPING__TIMEOUT_MS", 3000)
        .with("TARGETS__LEADPING__LOOKUP_AFTER_MS", 3000);
    let bridge = place.serve().await;
    assert_eq!(bridge.status_of("/readyz").await, 200);
    one_call_hangs(&sandbox, &bridge).await;

    bridge.process.signal("TERM");
    bridge.logged("stopping").await;
    // The call in hand holds the stop until its time is up.
    let to_voice = bridge.post(&voice("lead_late", "event 1")).await;
    assert_eq!(
        (to_voice.status, to_voice.retry_after.as_deref()),
        (503, Some("5"))
    );
    let to_crm = bridge.post(&crm("lead_late", "event 1")).await;
    assert_eq!(
        (to_crm.status, to_crm.retry_after.as_deref()),
        (429, Some("5"))
    );
    assert_eq!(bridge.status_of("/readyz").await, 503);
    assert_eq!(bridge.status_of("/healthz").await, 200);

    let ended = bridge.process.wait().await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(
        ended.err.contains("everything is written down"),
        "{}",
        ended.err
    );
    all_arrive_after_a_restart(&place, &sandbox, &["lead_hanging"]).await;
    assert!(sandbox.history("lead_late").is_empty());
}

#[tokio::test]
async fn a_stop_under_load_loses_nothing_that_was_acknowledged() {
    let sandbox = sandbox();
    let place = Place::new(Some(&sandbox));
    let bridge = place.serve().await;
    let clients: Vec<_> = (0..8)
        .map(|number| {
            let (http, to) = (bridge.client.clone(), bridge.webhooks);
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for turn in 0.. {
                    let lead = format!("lead_{number}_{turn}");
                    match voice(&lead, "event 1").post(&http, to).await {
                        Ok(told) if told.status == 202 => acknowledged.push(lead),
                        Ok(told) => {
                            assert_eq!(told.status, 503, "{}", told.text);
                            assert!(told.retry_after.is_some());
                            break;
                        }
                        // The listener is closed.
                        Err(_) => break,
                    }
                }
                acknowledged
            })
        })
        .collect();
    eventually("the load is on", async || {
        (sandbox.writes().len() > 40).then_some(())
    })
    .await;
    let begun = Instant::now();
    let ended = bridge.terminate().await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "longer than the grace"
    );
    let mut acknowledged = Vec::new();
    for client in clients {
        acknowledged.extend(client.await.unwrap());
    }
    let leads: Vec<&str> = acknowledged.iter().map(String::as_str).collect();
    all_arrive_after_a_restart(&place, &sandbox, &leads).await;
}

#[tokio::test]
async fn ctrl_c_stops_as_sigterm_does() {
    let bridge = Place::new(None).serve().await;
    bridge.process.signal("INT");
    let ended = bridge.process.wait().await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(
        ended.err.contains("everything is written down"),
        "{}",
        ended.err
    );
}

#[tokio::test]
async fn the_grace_bounds_the_stop() {
    let sandbox = sandbox();
    let place = Place::new(Some(&sandbox))
        .with("SERVER__SHUTDOWN_GRACE_SECONDS", 1)
        .with("TARGETS__LEADPING__TIMEOUT_MS", 3_600_000)
        .with("TARGETS__LEADPING__LOOKUP_AFTER_MS", 0);
    let bridge = place.serve().await;
    one_call_hangs(&sandbox, &bridge).await;
    let ended = bridge.terminate().await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(
        ended
            .err
            .contains("still under way at the end of the grace"),
        "{}",
        ended.err
    );
    all_arrive_after_a_restart(&place, &sandbox, &["lead_hanging"]).await;
}

#[tokio::test]
async fn a_second_sigterm_exits_at_once() {
    let sandbox = sandbox();
    let place = Place::new(Some(&sandbox))
        .with("SERVER__SHUTDOWN_GRACE_SECONDS", 3600)
        .with("TARGETS__LEADPING__TIMEOUT_MS", 3_600_000)
        .with("TARGETS__LEADPING__LOOKUP_AFTER_MS", 0);
    let bridge = place.serve().await;
    one_call_hangs(&sandbox, &bridge).await;
    bridge.process.signal("TERM");
    bridge.logged("stopping").await;
    let ended = bridge.terminate().await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("a second signal"), "{}", ended.err);
    all_arrive_after_a_restart(&place, &sandbox, &["lead_hanging"]).await;
}
