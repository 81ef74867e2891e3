//! What systemd hears, over a real socket: ready, alive, reloading, stopping; and a log that stays
//! readable where a collector or the disk fails.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use super::place::{Place, sandbox};
use super::process::PATIENCE;
use super::senders::{voice, voice_status};

/// The manager's end.
struct Manager(UnixDatagram);

impl Manager {
    fn listen(place: Place) -> (Self, Place) {
        let path = place.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let place = place.variable("NOTIFY_SOCKET", path.display());
        (Self(socket), place)
    }

    /// The next message; those that say the watchdog's word alone are passed over.
    fn hears(&self) -> String {
        loop {
            let said = self.hears_any();
            if said != "WATCHDOG=1\n" {
                return said;
            }
        }
    }

    fn hears_any(&self) -> String {
        let mut buffer = [0; 4096];
        let length = self.0.recv(&mut buffer).expect("the bridge says something");
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }
}

#[tokio::test]
async fn systemd_hears_when_it_is_ready_when_it_reloads_and_when_it_stops() {
    let sandbox = sandbox();
    let (manager, place) = Manager::listen(Place::new(Some(&sandbox)));
    let process = place.spawn_serve();
    let said = manager.hears();
    let (ready, status) = said.split_once('\n').unwrap();
    assert_eq!(ready, "READY=1");
    // What it says holds: whoever is started after us can post.
    let webhooks = status.strip_prefix("STATUS=webhooks on ").unwrap();
    let webhooks = webhooks.split_once(',').unwrap().0.parse().unwrap();
    let (webhook, client) = (voice("lead_1", "event 1"), super::place::client());
    let answer = webhook.post(&client, webhooks).await;
    assert_eq!(answer.unwrap().status, 202);

    process.signal("HUP");
    let said = manager.hears();
    assert!(said.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{said}");
    assert!(manager.hears().starts_with("READY=1\n"));

    process.signal("TERM");
    assert_eq!(manager.hears(), "STOPPING=1\n");
    assert_eq!(process.wait().await.code, Some(0));
}

#[tokio::test]
async fn systemd_hears_that_it_is_alive_as_often_as_it_asked() {
    let sandbox = sandbox();
    let (manager, place) = Manager::listen(Place::new(Some(&sandbox)));
    let place = place.variable("WATCHDOG_USEC", Duration::from_millis(100).as_micros());
    let bridge = place.serve().await;
    assert!(manager.hears_any().starts_with("READY=1\n"));
    for _ in 0..3 {
        assert_eq!(manager.hears_any(), "WATCHDOG=1\n");
    }
    assert_eq!(bridge.terminate().await.code, Some(0));
}

/// What a query over the log may rely on.
#[tokio::test]
async fn a_deliverys_line_names_everything_it_is_about() {
    let sandbox = sandbox();
    let place = Place::new(Some(&sandbox)).variable("RUST_LOG", "leadping_bridge=debug");
    let bridge = place.serve().await;
    bridge.accept(&voice("lead_1", "event 1")).await;
    let line = bridge.logged("delivered").await;
    for (field, is_right) in [
        (
            "event.id",
            line["event.id"].as_str().is_some_and(|id| id.len() == 36),
        ),
        (
            "delivery.id",
            line["delivery.id"]
                .as_str()
                .is_some_and(|id| id.len() == 36),
        ),
        ("lead.id", line["lead.id"] == "lead_1"),
        ("target.name", line["target.name"] == "leadping"),
        ("attempt.number", line["attempt.number"] == 1),
        ("http.status", line["http.status"] == 201),
        ("duration_ms", line["duration_ms"].is_number()),
    ] {
        assert!(is_right, "{field} in {line}");
    }
    let parked = voice_status("lead_2", "event 1", 77.into());
    bridge.accept(&parked).await;
    let line = bridge.logged("is parked as").await;
    assert_eq!(line["source.name"], "voice");
    assert_eq!(bridge.terminate().await.code, Some(0));
}

#[cfg(feature = "otel")]
#[tokio::test]
async fn a_collector_that_nobody_runs_is_one_line_in_the_log() {
    let sandbox = sandbox();
    let place = Place::new(Some(&sandbox))
        .with("TELEMETRY__OTLP__ENDPOINT", "http://127.0.0.1:9")
        .with("TELEMETRY__OTLP__INTERVAL_SECONDS", 1);
    let bridge = place.serve().await;
    bridge.logged("the collector of telemetry fails").await;
    for lead in ["lead_1", "lead_2", "lead_3"] {
        bridge.accept(&voice(lead, "event 1")).await;
    }
    bridge.at_rest().await;
    let ended = bridge.terminate().await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let said = ended
        .err
        .matches("the collector of telemetry fails")
        .count();
    assert_eq!(said, 1, "{}", ended.err);
}

/// What a hundred senders do wrong is one problem; the metrics count each.
#[tokio::test]
async fn a_hundred_refusals_are_a_few_lines() {
    let sandbox = sandbox();
    let place = Place::new(Some(&sandbox));
    let bridge = place.serve().await;
    let url = format!("http://{}/webhooks/voice", bridge.webhooks);
    for _ in 0..100 {
        let answer = bridge.client.post(&url).body("{}").send().await.unwrap();
        assert_eq!(answer.status(), 401);
    }
    let counted = "events_total{source=\"voice\",result=\"unauthorized\"}";
    assert_eq!(bridge.metric(counted).await, 100.0);
    let ended = bridge.terminate().await;
    let said = ended.err.matches("webhook refused").count();
    assert!((1..=10).contains(&said), "{said} lines: {}", ended.err);
}
