//! What a person on call sees: every gauge that the alert rules read, and few lines for one problem.

use std::time::Duration;

use leadping_bridge::sandbox::{FaultRule, FaultScope};

use super::harness::{Setup, status, voice_lead};

#[track_caller]
fn shows(metrics: &str, line: &str) {
    let line = format!("leadping_bridge_{line}\n");
    assert!(metrics.contains(&line), "{line} is not in:\n{metrics}");
}

#[tokio::test]
async fn what_can_rise_stands_at_zero_from_the_start() {
    let world = Setup::shipped().start().await;
    let metrics = world.metrics().await;
    for line in [
        "events_total{source=\"voice\",result=\"accepted\"} 0",
        "events_total{source=\"crm\",result=\"unavailable\"} 0",
        "parkings_total{cause=\"unmapped\",source=\"voice\"} 0",
        "parkings_total{cause=\"refused\",target=\"leadping\"} 0",
        "mapping_reloads_total{result=\"refused\"} 0",
        "mapping_reload_success 1",
        "store_writable 1",
        "target_state{target=\"leadping\",state=\"open\"} 1",
    ] {
        shows(&metrics, line);
    }
    world.finish().await;
}

#[tokio::test]
async fn parked_things_and_the_newest_webhook_are_seen_and_outlive_a_restart() {
    let mut world = Setup::shipped().start().await;
    world.answer(FaultRule::once(FaultScope::Set, status(422)));
    world
        .send_voice(&voice_lead("lead_a", 100))
        .await
        .accepted();
    world.settle().await;
    world.send_voice(&voice_lead("lead_b", 77)).await.accepted();
    world.send_voice(&voice_lead("lead_c", 78)).await.accepted();
    world.settle().await;
    let metrics = world.metrics().await;
    shows(
        &metrics,
        "parkings_total{cause=\"unmapped\",source=\"voice\"} 2",
    );
    shows(
        &metrics,
        "parkings_total{cause=\"refused\",target=\"leadping\"} 1",
    );
    world.restart().await;
    let metrics = world.metrics().await;
    for line in [
        "parked{cause=\"unmapped\",source=\"voice\"} 2",
        "parked{cause=\"invalid\",source=\"voice\"} 0",
        "parked{cause=\"refused\",target=\"leadping\"} 1",
        // A second after twelve o'clock.
        "last_event_timestamp_seconds{source=\"voice\"} 1785585601.0",
    ] {
        shows(&metrics, line);
    }
    world.finish().await;
}

#[tokio::test]
async fn a_failing_target_and_refused_tables_are_seen_until_they_are_mended() {
    let world = Setup::shipped().start().await;
    for _ in 0..5 {
        world.answer(FaultRule::once(FaultScope::Set, status(503)));
    }
    for lead in ["lead_a", "lead_b", "lead_c", "lead_d", "lead_e"] {
        world.send_voice(&voice_lead(lead, 100)).await.accepted();
        world.settle().await;
    }
    let table = "kind = \"nlpearl\"\n[[row]]\nstatus = \"Sucess\"\nignore = \"x\"\n";
    world.replace_table("voice", table).await;
    let metrics = world.metrics().await;
    shows(
        &metrics,
        "target_state{target=\"leadping\",state=\"failing\"} 1",
    );
    shows(
        &metrics,
        "target_state{target=\"leadping\",state=\"open\"} 0",
    );
    shows(&metrics, "mapping_reload_success 0");
    world
        .replace_table("voice", include_str!("../../mappings/voice.toml"))
        .await;
    world.run().await;
    let metrics = world.metrics().await;
    shows(
        &metrics,
        "target_state{target=\"leadping\",state=\"open\"} 1",
    );
    shows(&metrics, "mapping_reload_success 1");
    world.finish().await;
}

/// The watchdog's question, of a bridge that is idle and of one that works.
#[tokio::test]
async fn a_bridge_that_turns_has_a_pulse() {
    let world = Setup::shipped().start().await;
    let within = Duration::from_secs(30);
    assert_eq!(world.app().pulse().still(within).await, None);
    world
        .send_voice(&voice_lead("lead_a", 100))
        .await
        .accepted();
    assert_eq!(world.app().pulse().still(within).await, None);
    world.settle().await;

    // Somebody else holds the file: the writer stands still until it lets go.
    let other = rusqlite::Connection::open(world.path("bridge.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let pulse = world.app().pulse();
    let still = pulse.still(Duration::from_millis(50)).await;
    assert_eq!(still, Some("the store's writer"));
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(pulse.still(within).await, None);
    world.finish().await;
}
