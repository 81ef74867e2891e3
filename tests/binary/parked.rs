//! `parked` and `events`: what people see of what waits, and of what became of an event.

use leadping_bridge::sandbox::{Fault, FaultAnswer, FaultRule, FaultScope};
use serde_json::{Value, json};

use super::place::{Place, sandbox};
use super::senders::{voice, voice_status};

#[tokio::test]
async fn what_waits_is_listed_released_and_discarded() {
    let sandbox = sandbox();
    let refusal = Fault::Answer(FaultAnswer::status(422));
    sandbox.add_fault(FaultRule::once(FaultScope::Set, refusal).lead("lead_a"));
    let place = Place::new(Some(&sandbox));
    let bridge = place.serve().await;
    let url = format!("http://{}", bridge.admin);
    let place = place.variable("LEADPING_BRIDGE_ADMIN_URL", url);
    assert_eq!(
        place.run(&["parked", "list"]).await.out,
        "nothing is parked\n"
    );
    assert_eq!(place.run(&["events", "list"]).await.out, "no events\n");
    bridge.accept(&voice("lead_a", "one")).await;
    bridge
        .accept(&voice_status("lead_b", "one", json!(77)))
        .await;
    bridge.at_rest().await;

    let listed = place.run(&["parked", "list"]).await;
    let lines: Vec<&str> = listed.out.lines().collect();
    assert!(lines[0].starts_with("refused:leadping:422: 0 events, 1 deliveries, oldest 20"));
    assert_eq!(
        lines[1],
        "    `leadping` answered 422: mend the row or the lead there, then release it"
    );
    assert!(lines.iter().all(|line| line.len() <= 80), "{}", listed.out);
    let cause = ["parked", "list", "--cause", "refused:leadping:422"];
    let one = place.run(&cause).await.out;
    assert!(
        one.starts_with("delivery  ") && one.ends_with("  lead_a\n"),
        "{one}"
    );
    let delivery = one.split_whitespace().nth(1).unwrap();

    let arguments = ["parked", "release", "--delivery", delivery];
    let released = place.run(&arguments).await;
    assert_eq!((released.code, released.out.as_str()), (Some(0), "1 due\n"));
    bridge.at_rest().await;
    let again = place.run(&arguments).await;
    assert_eq!(again.code, Some(1));
    assert_eq!(again.err, "error: nothing with this id is parked\n");
    let arguments = ["parked", "discard", "--cause", "unmapped:voice:77"];
    let discarded = place.run(&[&arguments[..], &["--json"]].concat()).await;
    assert_eq!(discarded.out, "{\"discarded\":1}\n");
    let nothing = place.run(&arguments).await;
    let told = (nothing.code, nothing.out.as_str());
    assert_eq!(told, (Some(1), "nothing is parked for this cause\n"));

    let listed = place.run(&["events", "list", "--lead", "lead_a"]).await.out;
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines[1], "    voice settled lead_a");
    assert_eq!(lines[2], "    leadping delivery");
    assert!(lines.iter().all(|line| line.len() <= 80), "{listed}");
    let id = lines[0].split_whitespace().next().unwrap();
    let shown = place.run(&["events", "show", id]).await.out;
    assert!(shown.lines().all(|line| line.len() <= 80), "{shown}");
    assert!(shown.contains("    leadping: delivery\n"), "{shown}");
    assert!(
        shown.contains(&format!("delivery {delivery}  leadping  delivered\n")),
        "{shown}"
    );
    assert!(shown.contains("    tries 2, last answer 201\n"), "{shown}");
    assert!(shown.ends_with("         POST /dispositions\n"), "{shown}");
    let shown = place.run(&["events", "show", id, "--json"]).await.out;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["id"], id);
    let none = place.run(&["events", "show", "nothing"]).await;
    assert_eq!(none.code, Some(2), "{}", none.err);
}

#[tokio::test]
async fn a_replay_is_forecast_and_then_done() {
    let sandbox = sandbox();
    let place = Place::new(Some(&sandbox)).with("TARGETS__LEADPING__MODE", "shadow");
    let bridge = place.serve().await;
    for note in ["one", "two"] {
        bridge.accept(&voice("lead_a", note)).await;
    }
    bridge.accept(&voice("lead_b", "one")).await;
    bridge.at_rest().await;
    assert_eq!(bridge.terminate().await.code, Some(0));
    let place = place.with("TARGETS__LEADPING__MODE", "live");
    let bridge = place.serve().await;
    let url = format!("http://{}", bridge.admin);
    let place = place.variable("LEADPING_BRIDGE_ADMIN_URL", url);
    let replay = async |more: &[&str]| {
        let arguments = [&["events", "replay"], more].concat();
        let ended = place.run(&arguments).await;
        assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
        ended.out
    };
    let none = replay(&["--progress"]).await;
    assert_eq!(none, "no replay yet\n");
    let which = ["--since", "1h", "--source", "voice"];
    let forecast =
        "3 events: 2 due, 1 stale\n    leadping: 2 calls\n    about 1 s at 50 % of the rate\n";
    let told = replay(&which).await;
    assert_eq!(
        told,
        format!("{forecast}nothing is sent yet: --start does it\n")
    );
    assert_eq!(sandbox.journal().len(), 0);
    let done = replay(&[&which[..], &["--start"]].concat()).await;
    assert_eq!(
        done,
        format!("{forecast}finished: 3 of 3 events: 2 due, 1 stale\n")
    );
    bridge.at_rest().await;
    assert_eq!(sandbox.journal().len(), 2);
    let shown: Value = serde_json::from_str(&replay(&["--progress", "--json"]).await).unwrap();
    assert_eq!(shown["state"], "finished");
    let over = place.run(&["events", "replay", "--cancel"]).await;
    assert_eq!(over.code, Some(1), "{}", over.err);
}

#[tokio::test]
async fn a_cause_of_many_reasons_is_told_with_them() {
    let place = Place::new(None);
    let bridge = place.serve().await;
    let url = format!("http://{}", bridge.admin);
    let place = place.variable("LEADPING_BRIDGE_ADMIN_URL", url);
    for (lead, status) in [
        ("lead_a", json!(null)),
        ("lead_b", json!(null)),
        ("lead_c", json!({})),
    ] {
        bridge.accept(&voice_status(lead, "one", status)).await;
    }
    bridge.at_rest().await;
    let listed = place.run(&["parked", "list"]).await.out;
    let told: Vec<&str> = listed
        .lines()
        .filter(|line| line.contains("of the newest"))
        .collect();
    assert_eq!(told.len(), 2, "{listed}");
    assert!(told[0].starts_with("    2 of the newest 3: "), "{listed}");
    assert!(told[1].starts_with("    1 of the newest 3: "), "{listed}");
}

#[tokio::test]
async fn a_campaign_that_is_not_configured_is_named() {
    let place = Place::new(None).variable("NLPEARL_API_KEY", "account:secret");
    let target = r#"[targets.nlpearl]
kind = "nlpearl"
base_url = "http://127.0.0.1:9"
token = { env = "NLPEARL_API_KEY" }
outbound_ids = { another = "66f1a2b3c4d5e6f708192a4c" }

[targets.leadping.retry]"#;
    place.edit("config/bridge.toml", "[targets.leadping.retry]", target);
    let row = r#"
[[row]]
status = 110
nlpearl = { callData = { closedBy = "bridge" } }
"#;
    let table = place.read("mappings/voice.toml");
    place.write("mappings/voice.toml", &format!("{table}{row}"));
    let bridge = place.serve().await;
    let url = format!("http://{}", bridge.admin);
    let place = place.variable("LEADPING_BRIDGE_ADMIN_URL", url);
    let webhook = voice_status("lead_a", "one", json!(110));
    bridge.accept(&webhook).await;
    bridge.at_rest().await;
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let why = "no outbound id is configured for pearl `66f1a2b3c4d5e6f708192a3b`";
    let listed = place.run(&["parked", "list"]).await.out;
    assert!(
        words(&listed).contains(&format!("1 of the newest 1: `nlpearl`: {why}")),
        "{listed}"
    );
    let events = place.run(&["events", "list"]).await.out;
    let id = events.split_whitespace().next().unwrap();
    let shown = place.run(&["events", "show", id]).await.out;
    let told = words(&shown);
    assert!(
        told.contains(&format!("nlpearl: invalid, {why}")),
        "{shown}"
    );
    assert_eq!(told.matches(why).count(), 1, "{shown}");
}
