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

/// A broken save during traffic: no event changes its meaning, nothing stops, the fault is told
/// with its place and counted; after the mended save what was parked flows by itself, in order.
#[tokio::test]
async fn a_broken_save_during_traffic_changes_nothing_until_it_is_mended() {
    let sandbox = sandbox();
    let place = Place::new(Some(&sandbox)).with("MAPPINGS__WATCH", true);
    let bridge = place.serve().await;
    let text = place.read(TABLE);
    for number in 0..30 {
        if number == 10 {
            let broken = text.replace("outcome = \"Interested\"", "outcme = \"Not interested\"");
            place.write(TABLE, &format!("{broken}{BLACKLISTED}"));
        }
        bridge
            .accept(&voice("lead_1", &format!("note {number}")))
            .await;
        bridge
            .accept(&voice_status(
                "lead_2",
                &format!("note {number}"),
                json!(220),
            ))
            .await;
        if number == 19 {
            let fault = bridge.logged("outcme").await["message"].to_string();
            assert!(fault.contains("mappings/voice.toml:5:"), "{fault}");
            bridge
                .logged("the tables have faults; the old ones stay in force")
                .await;
        }
    }
    bridge.at_rest().await;
    let outcomes = |lead: &str| -> Vec<(String, String)> {
        let word = |entry: &serde_json::Value, key: &str| entry[key].as_str().unwrap().to_owned();
        sandbox
            .history(lead)
            .iter()
            .map(|entry| (word(entry, "outcome"), word(entry, "notes")))
            .collect()
    };
    let mut all: Vec<String> = outcomes("lead_1")
        .into_iter()
        .map(|(outcome, _)| outcome)
        .collect();
    all.dedup();
    assert_eq!(all, ["Interested"]);
    assert_eq!(bridge.parked().await, ["unmapped:voice:220"]);
    assert!(
        bridge
            .metric("mapping_reloads_total{result=\"refused\"}")
            .await
            >= 1.0
    );

    let with_notes = BLACKLISTED.replace(
        "leadping = { type = \"Call\", category = \"Invalid\", outcome = \"Blacklisted\"",
        "write = \"set\"\nleadping = { type = \"Call\", category = \"Invalid\", outcome = \"Blacklisted\", notes = \"{{ collected.note | default('') }}\"",
    );
    place.write(TABLE, &format!("{text}{with_notes}"));
    is_parked_as(&bridge, &[]).await;
    bridge.at_rest().await;
    let notes: Vec<String> = outcomes("lead_2")
        .into_iter()
        .map(|(_, note)| note)
        .collect();
    let mut sent: Vec<String> = (0..30).map(|number| format!("note {number}")).collect();
    if sandbox.history("lead_2")[0]["notes"] == "note 29" {
        sent.reverse();
    }
    assert_eq!(notes, sent);
}

#[tokio::test]
async fn tables_are_reloaded_while_deliveries_fail() {
    // Nobody answers at the target.
    let place = Place::new(None);
    let bridge = place.serve().await;
    bridge.accept(&voice("lead_1", "x")).await;
    bridge.accept(&blacklisted("lead_2")).await;
    is_parked_as(&bridge, &["unmapped:voice:220"]).await;
    let text = place.read(TABLE);
    place.write(TABLE, &format!("{text}{BLACKLISTED}"));
    bridge.process.signal("HUP");
    is_parked_as(&bridge, &[]).await;
    let targets = bridge.admin("targets").await;
    assert_eq!(
        targets["items"][0]["deliveries"]["delivered"]
            .as_i64()
            .unwrap_or(0),
        0
    );
}

/// What a decision names is found among the versions, with the text that it was.
#[tokio::test]
async fn each_decision_names_a_version_that_is_kept() {
    let place = Place::new(None);
    let bridge = place.serve().await;
    bridge.accept(&voice("lead_1", "first")).await;
    let text = place.read(TABLE);
    place.write(TABLE, &format!("{text}{BLACKLISTED}"));
    bridge.process.signal("HUP");
    bridge.logged("new tables are in force").await;
    bridge.accept(&voice("lead_1", "second")).await;
    let events = eventually("both are decided", async || {
        let events = bridge.admin("events").await["items"].clone();
        let decided = events
            .as_array()?
            .iter()
            .all(|event| event["state"] != "received");
        (decided && events.as_array()?.len() == 2).then_some(events)
    })
    .await;
    let mappings = bridge.admin("mappings").await;
    let versions = mappings["versions"].as_array().unwrap();
    let by: Vec<&str> = versions
        .iter()
        .map(|version| version["loaded_by"].as_str().unwrap())
        .collect();
    assert_eq!(by, ["signal", "start"]);
    for (event, version) in [(0, 0), (1, 1)] {
        let named = &events[event]["decision"]["table"];
        assert!(named.is_string(), "{events:#}");
        assert_eq!(*named, versions[version]["tables"]["voice"]);
        assert_eq!(events[event]["decision"]["row"]["number"], 1);
    }
    assert_eq!(mappings["in_force"]["hash"], versions[0]["hash"]);
    let voice = &mappings["in_force"]["tables"][1];
    assert_eq!(voice["mapping"], "voice");
    assert_eq!(
        voice["rows"],
        json!([
            { "number": 1, "name": null, "line": 3, "hits": 1 },
            { "number": 2, "name": null, "line": 7, "hits": 0 },
        ])
    );
}

/// Editors that save by renaming, and the way Kubernetes swaps a whole directory of files.
#[tokio::test]
async fn replaced_files_and_swapped_links_are_seen() {
    let place = Place::new(None).with("MAPPINGS__WATCH", true);
    let mappings = place.path().join("mappings");
    let (voice_text, crm_text) = (place.read(TABLE), place.read("mappings/crm.toml"));
    for name in ["voice.toml", "crm.toml"] {
        std::fs::remove_file(mappings.join(name)).unwrap();
        std::os::unix::fs::symlink(format!("..data/{name}"), mappings.join(name)).unwrap();
    }
    let project = |version: &str, voice: &str| {
        let dir = mappings.join(version);
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join("voice.toml"), voice).unwrap();
        std::fs::write(dir.join("crm.toml"), &crm_text).unwrap();
        std::os::unix::fs::symlink(version, mappings.join("..data_tmp")).unwrap();
        std::fs::rename(mappings.join("..data_tmp"), mappings.join("..data")).unwrap();
    };
    project("..2026_08_01", &voice_text);
    let bridge = place.serve().await;
    bridge.accept(&blacklisted("lead_1")).await;
    is_parked_as(&bridge, &["unmapped:voice:220"]).await;
    project("..2026_08_02", &format!("{voice_text}{BLACKLISTED}"));
    is_parked_as(&bridge, &[]).await;

    // A file in the place of the link, first under another name.
    std::fs::write(mappings.join(".voice.toml.swp"), &voice_text).unwrap();
    std::fs::rename(
        mappings.join(".voice.toml.swp"),
        mappings.join("voice.toml"),
    )
    .unwrap();
    bridge.logged_times("new tables are in force", 2).await;
    bridge.accept(&blacklisted("lead_2")).await;
    is_parked_as(&bridge, &["unmapped:voice:220"]).await;
}

/// A place whose tables are watched, with a lead that waits for a row.
async fn watched() -> (Place, Bridge) {
    let place = Place::new(None).with("MAPPINGS__WATCH", true);
    let bridge = place.serve().await;
    bridge.accept(&blacklisted("lead_1")).await;
    is_parked_as(&bridge, &["unmapped:voice:220"]).await;
    (place, bridge)
}

#[tokio::test]
async fn a_directory_that_vanishes_and_comes_back_is_watched_again() {
    let (place, bridge) = watched().await;
    let (mappings, away) = (place.path().join("mappings"), place.path().join("away"));
    std::fs::rename(&mappings, &away).unwrap();
    bridge
        .logged("the tables have faults; the old ones stay in force")
        .await;
    let refused = bridge.admin("mappings").await["refused"].clone();
    let fault = refused["faults"][0].as_str().unwrap();
    assert!(
        fault.contains("mappings:1:1: error: there is no such directory"),
        "{fault}"
    );
    // The old tables decide meanwhile.
    bridge.accept(&voice("lead_2", "meanwhile")).await;

    std::fs::rename(&away, &mappings).unwrap();
    bridge
        .logged("the tables are sound again, and as those in force")
        .await;
    assert_eq!(bridge.admin("mappings").await["refused"], json!(null));
    let text = place.read(TABLE);
    place.write(TABLE, &format!("{text}{BLACKLISTED}"));
    is_parked_as(&bridge, &[]).await;
}

#[tokio::test]
async fn a_directory_that_is_replaced_is_watched_in_the_place_of_the_old_one() {
    let (place, bridge) = watched().await;
    let text = place.read(TABLE);
    let covering = format!("{text}{BLACKLISTED}");
    place.write("next/voice.toml", &covering);
    place.write("next/crm.toml", &place.read("mappings/crm.toml"));
    std::fs::rename(place.path().join("mappings"), place.path().join("old")).unwrap();
    std::fs::rename(place.path().join("next"), place.path().join("mappings")).unwrap();
    is_parked_as(&bridge, &[]).await;
    // What happens to the old one is nobody's business; a save in the new one is.
    place.write("old/voice.toml", "kind = ");
    place.write(TABLE, &text);
    bridge.logged_times("new tables are in force", 2).await;
    assert!(!bridge.log().contains("kind = "), "{}", bridge.log());
}

#[tokio::test]
async fn a_deleted_table_leaves_its_rows_in_force_until_it_is_back() {
    let (place, bridge) = watched().await;
    let text = place.read(TABLE);
    std::fs::remove_file(place.path().join(TABLE)).unwrap();
    bridge
        .logged("the tables have faults; the old ones stay in force")
        .await;
    bridge.accept(&voice("lead_2", "meanwhile")).await;
    let page = bridge.admin("events?limit=1").await;
    assert_eq!(page["items"][0]["decision"]["row"]["number"], 1, "{page:#}");
    place.write(TABLE, &format!("{text}{BLACKLISTED}"));
    is_parked_as(&bridge, &[]).await;
}

/// Written over in place, emptied first, twice at once: what stands in the end is in force.
#[tokio::test]
async fn of_several_saves_at_once_the_last_one_counts() {
    let (place, bridge) = watched().await;
    let text = place.read(TABLE);
    let path = place.path().join(TABLE);
    for save in [
        "",
        "kind = ",
        &text.replace("Interested", "Keen"),
        &format!("{text}{BLACKLISTED}"),
    ] {
        std::fs::write(&path, save).unwrap();
    }
    is_parked_as(&bridge, &[]).await;
    let tables = bridge.admin("mappings").await;
    assert_eq!(tables["refused"], json!(null));
    assert_eq!(
        tables["in_force"]["tables"][1]["rows"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

/// Of a set that is refused, what stops nothing by itself is no error in the log.
#[tokio::test]
async fn warnings_of_refused_tables_are_logged_as_warnings() {
    let place = Place::new(None);
    let bridge = place.serve().await;
    let text = place.read(TABLE);
    let never = "\n[[row]]\nstatus = \"Error\"\nwhen = \"lead.calls < 0\"\nignore = \"x\"\n";
    let wrong = "\n[[row]]\nstatus = \"Sucess\"\nignore = \"x\"\n";
    place.write(TABLE, &format!("{text}{never}{wrong}"));
    bridge.process.signal("HUP");
    bridge.logged("the tables have faults").await;
    let level = async |said: &str| bridge.logged(said).await["level"].to_string();
    assert_eq!(level("unknown status `Sucess`").await, "\"ERROR\"");
    assert_eq!(level("row can never match").await, "\"WARN\"");
}
