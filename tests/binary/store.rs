//! The store looked after beside a running bridge and without one: backup under load, restore,
//! check, compact.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use leadping_bridge::sandbox::Sandbox;
use serde_json::Value;

use super::place::{Bridge, Place, client, sandbox};
use super::process::eventually;
use super::senders::{self, voice};

/// Webhooks under way at once.
const CLIENTS: usize = 6;
/// Acknowledged before the backup begins, so that much is still to be delivered.
const BEFORE: usize = 150;
const LOOKUP_AFTER_MS: u64 = 1200;

fn slow_place(sandbox: &Sandbox) -> Place {
    Place::new(Some(sandbox))
        .with("TARGETS__LEADPING__RATE_LIMIT__REQUESTS", 60)
        .with("TARGETS__LEADPING__RATE_LIMIT__BURST", 10)
        .with("TARGETS__LEADPING__TIMEOUT_MS", 1000)
        .with("TARGETS__LEADPING__LOOKUP_AFTER_MS", LOOKUP_AFTER_MS)
}

/// Posts leads of their own until it is stopped; (lead, event id) of all that were acknowledged.
struct Load {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    clients: Vec<tokio::task::JoinHandle<Vec<(String, String)>>>,
}

impl Load {
    fn on(bridge: &Bridge) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let start = |number: usize| {
            let (stop, acknowledged) = (stop.clone(), acknowledged.clone());
            let (http, address) = (client(), bridge.webhooks);
            tokio::spawn(async move {
                let mut done = Vec::new();
                for turn in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let lead = format!("lead_{number}_{turn}");
                    let told = voice(&lead, "one").post(&http, address).await.unwrap();
                    assert_eq!(told.status, 202, "{}", told.text);
                    let answer: Value = serde_json::from_str(&told.text).unwrap();
                    done.push((lead, answer["id"].as_str().unwrap().to_owned()));
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
                done
            })
        };
        let clients = (0..CLIENTS).map(start).collect();
        Self {
            stop,
            acknowledged,
            clients,
        }
    }

    async fn reached(&self, count: usize) {
        eventually("the load goes on", async || {
            (self.acknowledged.load(Ordering::Relaxed) >= count).then_some(())
        })
        .await;
    }

    async fn end(self) -> Vec<(String, String)> {
        self.stop.store(true, Ordering::Relaxed);
        let mut done = Vec::new();
        for client in self.clients {
            done.extend(client.await.unwrap());
        }
        done
    }
}

#[tokio::test]
async fn a_backup_under_load_holds_what_was_acknowledged_and_nothing_is_sent_twice() {
    let sandbox = sandbox();
    let place = slow_place(&sandbox);
    let bridge = place.serve().await;
    let load = Load::on(&bridge);
    load.reached(BEFORE).await;
    // Everything acknowledged by now must be in it.
    let before = load.acknowledged.load(Ordering::Relaxed);
    let backup = place.run(&["store", "backup", "copy.db", "--json"]).await;
    assert_eq!(backup.code, Some(0), "{}", backup.err);
    let backup: Value = serde_json::from_str(&backup.out).unwrap();
    assert!(
        backup["events"].as_u64().unwrap() >= before as u64,
        "{backup}"
    );
    let during = load.acknowledged.load(Ordering::Relaxed);
    load.reached(during + 1).await;
    let acknowledged = load.end().await;
    bridge.at_rest().await;
    for (lead, _) in &acknowledged {
        assert_eq!(sandbox.history(lead).len(), 1, "{lead}");
    }
    let checked = place.run(&["store", "check"]).await;
    assert_eq!(
        (checked.code, checked.out.as_str()),
        (Some(0), "bridge.db is sound\n")
    );
    // All was delivered; then the machine is lost, and the backup knows nothing of most of it.
    bridge.process.kill();
    let checked = place.run(&["store", "check", "copy.db", "--full"]).await;
    assert_eq!(
        (checked.code, checked.out.as_str()),
        (Some(0), "copy.db is sound\n")
    );
    let restored = place.run(&["store", "restore", "copy.db", "--json"]).await;
    assert_eq!(restored.code, Some(0), "{}", restored.err);
    let restored: Value = serde_json::from_str(&restored.out).unwrap();
    assert_eq!(restored["events"], backup["events"]);
    assert!(
        restored["looked_up_first"].as_u64().unwrap() > 0,
        "the backlog of then: {restored}"
    );
    assert!(
        place
            .path()
            .join(restored["kept_aside"].as_str().unwrap())
            .exists()
    );

    let bridge = place.serve().await;
    bridge.at_rest().await;
    let mut kept = 0;
    for (lead, id) in &acknowledged {
        assert_eq!(sandbox.history(lead).len(), 1, "{lead} was written twice");
        let url = format!("http://{}/api/v1/events/{id}", bridge.admin);
        let found = bridge.client.get(url).send().await.unwrap().status() == 200;
        kept += usize::from(found);
    }
    assert_eq!(kept as u64, backup["events"].as_u64().unwrap());
    // It goes on.
    bridge.accept(&voice("lead_new", "one")).await;
    bridge.at_rest().await;
    assert_eq!(sandbox.history("lead_new").len(), 1);
    assert_eq!(bridge.terminate().await.code, Some(0));
}

#[tokio::test]
async fn what_cannot_be_done_is_told_and_changes_nothing() {
    let place = Place::new(None);
    for arguments in [
        &["store", "backup", "copy.db"] as &[&str],
        &["store", "check"],
        &["store", "compact"],
        &["store", "restore", "copy.db"],
    ] {
        let ended = place.run(arguments).await;
        assert_eq!(ended.code, Some(69), "{arguments:?}: {}", ended.err);
        assert!(ended.err.contains("there is no file"), "{}", ended.err);
    }
    let bridge = place.serve().await;
    bridge.accept(&senders::crm("lead_a", "one")).await;
    let done = place.run(&["store", "backup", "copy.db"]).await;
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(
        done.out.starts_with("copy.db: 1 events up to 20"),
        "{}",
        done.out
    );
    let again = place.run(&["store", "backup", "copy.db"]).await;
    assert_eq!(again.code, Some(2));
    assert!(
        again.err.contains("copy.db exists; it is not written over"),
        "{}",
        again.err
    );
    for arguments in [
        &["store", "restore", "copy.db"] as &[&str],
        &["store", "compact"],
    ] {
        let ended = place.run(arguments).await;
        assert_eq!(ended.code, Some(69), "{arguments:?}");
        assert!(ended.err.contains("is in use by another"), "{}", ended.err);
    }
    assert_eq!(bridge.terminate().await.code, Some(0));
    place.write("junk.db", "no database");
    let ended = place.run(&["store", "restore", "junk.db"]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(ended.err.contains("nothing was changed"), "{}", ended.err);
    assert!(ended.out.contains("remedy: "), "{}", ended.out);
    let ended = place.run(&["store", "check", "junk.db"]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.out);
    let compacted = place.run(&["store", "compact"]).await;
    assert_eq!(compacted.code, Some(0), "{}", compacted.err);
    assert!(compacted.out.contains("KiB, before "), "{}", compacted.out);
}
