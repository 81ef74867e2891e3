//! `leads`, `targets` and the other commands on a running bridge: what people see of them, none of
//! it wider than a terminal.

use serde_json::{Value, json};

use super::place::{Place, sandbox};
use super::process::Ended;
use super::senders::{voice, voice_status};

/// What was printed; every line fits.
#[track_caller]
fn fitting(ended: &Ended) -> &str {
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    let fits = |line: &str| line.chars().count() <= 80;
    assert!(ended.out.lines().all(fits), "{}", ended.out);
    &ended.out
}

#[tokio::test]
async fn a_leads_story_and_a_target_are_read_at_eighty_columns() {
    let sandbox = sandbox();
    let place = Place::new(Some(&sandbox));
    let bridge = place.serve().await;
    let url = format!("http://{}", bridge.admin);
    let place = place.variable("LEADPING_BRIDGE_ADMIN_URL", url);
    bridge.accept(&voice("lead_a", "one")).await;
    bridge.accept(&voice("lead_a", "two")).await;
    bridge
        .accept(&voice_status("lead_b", "one", json!(77)))
        .await;
    bridge.at_rest().await;

    let shown = place.run(&["leads", "show", "lead_a"]).await;
    let story = fitting(&shown);
    assert!(story.starts_with("lead lead_a, 0 calls\n"), "{story}");
    for told in [
        "    leadping   lead_a\n",
        "leadping has ",
        "set  201 accepted",
    ] {
        assert!(story.contains(told), "{told}: {story}");
    }
    let page = place
        .run(&["leads", "show", "lead_a", "--limit", "1", "--json"])
        .await;
    let page: Value = serde_json::from_str(printed(&page)).unwrap();
    assert_eq!(page["lead"]["lead_id"], "lead_a");
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = place
        .run(&["leads", "show", "lead_a", "--cursor", cursor, "--json"])
        .await;
    let rest: Value = serde_json::from_str(printed(&rest)).unwrap();
    assert_eq!(rest["items"].as_array().unwrap().len(), 1);
    let nobody = place.run(&["leads", "show", "no/body ?"]).await;
    assert_eq!(nobody.code, Some(1), "{}", nobody.err);

    for command in [
        &["events", "list"][..],
        &["parked", "list"],
        &["links", "list"],
        &["targets", "list"],
    ] {
        fitting(&place.run(command).await);
    }
    let paused = place.run(&["targets", "pause", "leadping"]).await;
    let told = fitting(&paused);
    assert!(
        told.starts_with("leadping  paused by loopback since 20"),
        "{told}"
    );
    let resumed = place
        .run(&["targets", "resume", "leadping", "--json"])
        .await;
    let resumed: Value = serde_json::from_str(printed(&resumed)).unwrap();
    assert_eq!(resumed["state"], "open");
    let unknown = place.run(&["targets", "pause", "video"]).await;
    assert_eq!(unknown.code, Some(2), "{}", unknown.err);
}

/// JSON may be as wide as it is.
#[track_caller]
fn printed(ended: &Ended) -> &str {
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    &ended.out
}

#[tokio::test]
async fn without_a_bridge_every_command_on_one_ends_with_69() {
    let place = Place::new(None).variable("LEADPING_BRIDGE_ADMIN_URL", "http://127.0.0.1:1");
    for command in [
        &["events", "list"][..],
        &["events", "show", "x"],
        &["parked", "list"],
        &["leads", "show", "x"],
        &["links", "list"],
        &["targets", "list"],
        &["targets", "pause", "leadping"],
    ] {
        let ended = place.run(command).await;
        assert_eq!(ended.code, Some(69), "{command:?}: {}", ended.err);
        assert!(ended.err.contains("no bridge answers"), "{}", ended.err);
    }
}

#[tokio::test]
async fn names_that_nobody_has_are_told_with_those_that_there_are() {
    let sandbox = sandbox();
    let place = Place::new(Some(&sandbox));
    let bridge = place.serve().await;
    let url = format!("http://{}", bridge.admin);
    let place = place.variable("LEADPING_BRIDGE_ADMIN_URL", url);
    let sources = "error: no source is named `nosuch`; there are: crm, voice\n";
    let targets = "error: no target is named `nosuch`; there are: leadping\n";
    let id = "01986f0e-7c00-7000-8000-000000000001";
    for (command, code, told) in [
        (&["events", "list", "--source", "nosuch"][..], 2, sources),
        (&["links", "list", "--source", "nosuch"], 2, sources),
        (
            &["events", "replay", "--source", "nosuch", "--since", "1d"],
            2,
            sources,
        ),
        (&["links", "set", "nosuch", "1", "lead_a"], 2, sources),
        (&["targets", "pause", "nosuch"], 2, targets),
        (&["targets", "resume", "nosuch"], 2, targets),
        (
            &["events", "show", "nosuch"],
            2,
            "error: that is no event's id: it is a UUID, as `events list` shows it\n",
        ),
        (&["events", "show", id], 1, "error: no event has this id\n"),
    ] {
        let ended = place.run(command).await;
        assert_eq!((ended.code, &*ended.err), (Some(code), told), "{command:?}");
    }
}
