//! New tables and secrets while the bridge runs: by SIGHUP, and by the watcher.

use serde_json::json;

use super::place::{Bridge, Place, sandbox};
use super::process::eventually;
use super::senders::{Webhook, voice, voice_status};

const TABLE: &str = "mappings/voice.toml";
const BLACKLISTED: &str = r#"
[[row]]
status = "Blacklisted"
leadping = { type = "Call", category = "Invalid", outcome = "Blacklisted" }
"#;

fn blacklisted(lead: &str) -> Webhook {
    voice_status(lead, "", json!(220))
}

async fn is_parked_as(bridge: &Bridge, causes: &[&str]) {
    eventually("the event is parked", async || {
        (bridge.parked().await == causes).then_some(())
    })
    .await;
}

#[tokio::test]
async fn sighup_brings_new_tables_and_decides_again_what_they_cover() {
    let sandbox = sandbox();
    let place = Place::new(Some(&sandbox));
    let bridge = place.serve().await;
    bridge.accept(&blacklisted("lead_1")).await;
    is_parked_as(&bridge, &["unmapped:voice:220"]).await;

    let text = place.read(TABLE);
    place.write(TABLE, &format!("{text}{BLACKLISTED}"));
    bridge.process.signal("HUP");
    is_parked_as(&bridge, &[]).await;
    bridge.at_rest().await;
    assert_eq!(sandbox.history("lead_1")[0]["outcome"], "Blacklisted");
}

#[tokio::test]
async fn a_bad_table_never_replaces_a_good_one() {
    let sandbox = sandbox();
    let place = Place::new(Some(&sandbox));
    let bridge = place.serve().await;
    place.edit(TABLE, "status = \"Success\"", "status = \"Sucess\"");
    bridge.process.signal("HUP");
    bridge
        .logged("the tables have faults; the old ones stay in force")
        .await;
    let fault = bridge.logged("Sucess").await["message"].to_string();
    assert!(fault.contains("mappings/voice.toml:4:10"), "{fault}");
    bridge.accept(&voice("lead_1", "old row")).await;
    bridge.at_rest().await;
    assert_eq!(sandbox.history("lead_1")[0]["notes"], "old row");

    place.edit(
        TABLE,
        "status = \"Sucess\"",
        "status = [\"Success\", \"Error\"]",
    );
    bridge.process.signal("HUP");
    bridge.logged("new tables are in force").await;
}

#[tokio::test]
async fn sighup_reads_file_secrets_again() {
    let place = Place::new(None);
    let bridge = place.serve().await;
    let webhook = voice("lead_1", "");
    place.write("voice.secret", "another secret");
    bridge.accept(&webhook).await;
    bridge.process.signal("HUP");
    eventually("the old secret is refused", async || {
        (bridge.post(&webhook).await.status == 401).then_some(())
    })
    .await;

    // What cannot be read leaves the secret in force.
    place.write("voice.secret", "");
    bridge.process.signal("HUP");
    bridge.logged("the old one stays in force").await;
    assert_eq!(bridge.post(&webhook).await.status, 401);
    place.write("voice.secret", super::place::VOICE_SECRET);
    bridge.process.signal("HUP");
    eventually("the first secret is back", async || {
        (bridge.post(&webhook).await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_watcher_picks_up_a_changed_table() {
    let sandbox = sandbox();
    let place = Place::new(Some(&sandbox)).with("MAPPINGS__WATCH", true);
    let bridge = place.serve().await;
    bridge.accept(&blacklisted("lead_1")).await;
    is_parked_as(&bridge, &["unmapped:voice:220"]).await;

    let text = place.read(TABLE);
    place.write(TABLE, &format!("{text}{BLACKLISTED}"));
    is_parked_as(&bridge, &[]).await;

    // A fault leaves the rows in force; the mended file is picked up again.
    place.write(TABLE, "kind = ");
    bridge
        .logged("the tables have faults; the old ones stay in force")
        .await;
    bridge.accept(&blacklisted("lead_2")).await;
    bridge.at_rest().await;
    assert_eq!(sandbox.history("lead_2").len(), 1);
    place.write(TABLE, &text);
    bridge.logged_times("new tables are in force", 2).await;
    bridge.accept(&blacklisted("lead_3")).await;
    is_parked_as(&bridge, &["unmapped:voice:220"]).await;
}
