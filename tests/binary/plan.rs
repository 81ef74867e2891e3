//! `plan` on what a daemon recorded: its current side is what the daemon decided, whatever way it
//! got there; and what it says when it cannot.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::place::{Bridge, Place, sandbox};
use super::process::Ended;
use super::senders::{Source, Webhook, crm, voice, voice_status};

const VOICE_TABLE: &str = r#"kind = "nlpearl"

[defaults.leadping]
type = "Call"

[[row]]
name = "success"
status = "Success"
leadping = { category = "Qualified", outcome = "Interested", notes = "{{ collected.note | default('') }}" }

[[row]]
name = "voicemail, again"
status = "VoiceMailLeft"
when = "lead.calls >= 2"
leadping = { category = "Lost", outcome = "No answer", reason = "{{ previous.outcome | default('') }}" }

[[row]]
status = "VoiceMailLeft"
leadping = { category = "Open", outcome = "Voicemail" }

[[row]]
status = "OnCall"
ignore = "call in progress"

[[row]]
status = "Error"
park = "look at the campaign"
"#;

/// The voice system's lead, with calls and what it is called elsewhere.
fn voice_lead(lead: &str, status: i64, calls: &[&str], elsewhere: Value) -> Webhook {
    let mut body = json!({ "id": format!("voice-{lead}"), "status": status, "callsId": calls });
    for (key, value) in elsewhere.as_object().unwrap() {
        body[key] = value.clone();
    }
    let body = body.to_string();
    let source = Source::Voice;
    Webhook { source, body }
}

/// The CRM's lead, of which LeadPing's id is not named.
fn crm_alone(lead: &str, note: &str) -> Webhook {
    let mut webhook = crm(lead, note);
    let mut body: Value = serde_json::from_str(&webhook.body).unwrap();
    body["attributes"]["data"]["extendedFields"] = json!({});
    webhook.body = body.to_string();
    webhook
}

fn place(target: Option<&leadping_bridge::sandbox::Sandbox>) -> Place {
    let place = Place::new(target);
    let text = place.read("config/bridge.toml");
    let linking = "kind = \"nlpearl\"\nlinks = { crm = \"/externalId\" }";
    place.write(
        "config/bridge.toml",
        &text.replace("kind = \"nlpearl\"", linking),
    );
    place.write("mappings/voice.toml", VOICE_TABLE);
    place.write("candidate/voice.toml", VOICE_TABLE);
    place.write("candidate/crm.toml", &place.read("mappings/crm.toml"));
    place
}

/// Every verdict there is, some of them only once something else has happened.
async fn traffic(bridge: &Bridge) {
    let leadping = |lead: &str| json!({ "callData": { "leadpingLeadId": lead } });
    for webhook in [
        voice("one", "first"),
        // Another body that says the same.
        voice_lead(
            "one",
            100,
            &[],
            json!({ "collectedData": { "note": "first" }, "callData": { "leadpingLeadId": "one" } }),
        ),
        voice_status("one", "", json!(70)),
        voice_status("one", "", json!(40)),
        voice_status("one", "", json!(220)),
        voice_status("one", "", json!(500)),
        voice_lead("two", 70, &["a"], leadping("two")),
        voice_lead("two", 70, &["a", "b"], leadping("two")),
        voice_lead("two", 70, &["b", "a"], leadping("two")),
        // Unlinked, until the voice system names both ids; and one that stays so.
        crm_alone("c-three", "early"),
        crm_alone("c-three", "later"),
        crm_alone("c-four", "alone"),
        voice_lead(
            "three",
            100,
            &["c"],
            json!({ "externalId": "c-three", "callData": { "leadpingLeadId": "three" } }),
        ),
        crm("five", "newer"),
        voice_lead("six", 100, &[], json!({})),
        voice_lead("six", 100, &["d"], json!({ "status": null })),
    ] {
        bridge.accept(&webhook).await;
    }
    // Older by the CRM's own clock.
    let stale = crm("five", "older");
    bridge
        .accept(&Webhook {
            body: stale.body.replace("1785578399000", "1785578398000"),
            ..stale
        })
        .await;
    bridge.at_rest().await;
}

async fn plan(place: &Place, more: &[&str]) -> Ended {
    let arguments = [&["plan", "--mappings"], more].concat();
    place.run(&arguments).await
}

fn json_of(ended: &Ended) -> Value {
    assert_eq!(ended.err, "");
    serde_json::from_str(&ended.out).unwrap()
}

fn add(counts: &mut BTreeMap<String, i64>, key: &Value) {
    *counts.entry(key.as_str().unwrap().to_owned()).or_default() += 1;
}

/// What the daemon decided, counted as `plan` counts: decisions, causes, calls, and the rows.
async fn decided(bridge: &Bridge) -> (Value, BTreeMap<(String, i64), i64>) {
    let page = bridge.admin("events?limit=500").await;
    let [mut decisions, mut parked, mut calls] = [const { BTreeMap::new() }; 3];
    let mut rows = BTreeMap::new();
    for event in page["items"].as_array().unwrap() {
        let decision = &event["decision"];
        match decision["targets"].as_object() {
            Some(targets) => targets
                .values()
                .for_each(|target| add(&mut decisions, &target["verdict"])),
            None => add(&mut decisions, &decision["verdict"]),
        }
        if event["cause"].is_string() {
            add(&mut parked, &event["cause"]);
        }
        for delivery in event["deliveries"].as_array().unwrap() {
            add(&mut calls, &delivery["target"]);
        }
        if let Some(number) = decision["row"]["number"].as_i64() {
            let mapping = event["source"].as_str().unwrap().to_owned();
            *rows.entry((mapping, number)).or_default() += 1;
        }
    }
    let counted = json!({ "decisions": decisions, "parked": parked, "calls": calls });
    (counted, rows)
}

#[tokio::test]
async fn the_current_side_is_what_the_daemon_decided() {
    let sandbox = sandbox();
    let place = place(Some(&sandbox));
    let bridge = place.serve().await;
    traffic(&bridge).await;
    let (mut expected, rows) = decided(&bridge).await;
    // A plan does not know what waited to be sent when more detail came: there it is a call.
    let decisions = expected["decisions"].as_object_mut().unwrap();
    let folded = decisions
        .remove("folded")
        .map_or(0, |n| n.as_i64().unwrap());
    let amends = decisions.get("amend").map_or(0, |n| n.as_i64().unwrap());
    decisions.insert("amend".to_owned(), json!(amends + folded));
    let calls = expected["calls"]["leadping"].as_i64().unwrap();
    expected["calls"]["leadping"] = json!(calls + folded);
    for verdict in [
        "delivery",
        "unchanged",
        "stale",
        "unlinked",
        "ignored",
        "parked",
        "unmapped",
        "invalid",
    ] {
        assert!(
            expected["decisions"][verdict].is_i64(),
            "no {verdict}: {expected}"
        );
    }

    // Beside the running daemon, with the same tables as candidates.
    let ended = plan(&place, &["candidate", "--json", "--exit-code"]).await;
    let report = json_of(&ended);
    assert_eq!(ended.code, Some(0), "{report:#}");
    assert_eq!(report["differs"], false);
    assert_eq!(report["begins_midway"], false);
    assert_eq!(report["totals"]["current"], expected);
    assert_eq!(report["totals"]["candidate"], expected);
    for ((mapping, number), events) in &rows {
        let lines = report["rows"].as_array().unwrap();
        let line = lines.iter().find(|line| {
            line["mapping"] == **mapping && line["row"]["current"]["number"] == *number
        });
        assert_eq!(
            line.unwrap()["events"]["current"],
            *events,
            "{mapping} {number}"
        );
    }
    // And once it has stopped.
    assert_eq!(bridge.terminate().await.code, Some(0));
    let again = json_of(&plan(&place, &["candidate", "--json"]).await);
    assert_eq!(again, report);
}

#[tokio::test]
async fn what_differs_is_told_with_a_place_to_look() {
    let sandbox = sandbox();
    let place = place(Some(&sandbox));
    let bridge = place.serve().await;
    traffic(&bridge).await;
    place.edit(
        "candidate/voice.toml",
        "category = \"Open\"",
        "category = \"Lost\"",
    );
    let covers = "\n[[row]]\nname = \"blacklisted\"\nstatus = 220\nleadping = { category = \"Invalid\", outcome = \"Blacklisted\" }\n";
    let text = place.read("candidate/voice.toml");
    place.write("candidate/voice.toml", &format!("{text}{covers}"));
    let place = place.with("ADMIN__LISTEN", bridge.admin);

    let ended = plan(&place, &["candidate", "--json", "--exit-code"]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    let report = json_of(&ended);
    assert_eq!(
        report["parked"]["released"],
        json!({ "unmapped:voice:220": 1 })
    );
    assert_eq!(report["calls"][0]["difference"], 1);
    // The link leads to the very event.
    for (example, look) in report["examples"]
        .as_array()
        .unwrap()
        .iter()
        .zip(report["look_closer"].as_array().unwrap())
    {
        let url = look["url"].as_str().unwrap();
        let path = url.split("/api/v1/").last().unwrap();
        let event = bridge.admin(path).await;
        assert_eq!(event["id"], example["event"]);
        assert_eq!(look["event"], example["event"]);
        // The command tells what the example says, by the same path.
        let command: Vec<&str> = look["explain"]
            .as_str()
            .unwrap()
            .split(' ')
            .skip(1)
            .collect();
        let told = json_of(&place.run(&[&command[..], &["--json"]].concat()).await);
        assert_eq!(told["became"]["id"], example["event"]);
        for (side, text) in [("current", "before"), ("candidate", "after")] {
            assert_eq!(words(&told[side]), example[text], "{told:#}");
        }
    }

    let human = plan(&place, &["candidate"]).await;
    assert_eq!((human.code, human.err.as_str()), (Some(0), ""));
    for line in human.out.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    insta::assert_snapshot!("plan", masked(&human.out));

    let two = json_of(&plan(&place, &["candidate", "--last", "2", "--json"]).await);
    assert_eq!(two["events"], 2);
    assert_eq!(two["begins_midway"], true);
    let hour = json_of(&plan(&place, &["candidate", "--since", "1h", "--json"]).await);
    assert_eq!(
        (&hour["events"], &hour["totals"]),
        (&report["events"], &report["totals"])
    );
}

/// What an explanation says, in the words of an example.
fn words(explanation: &Value) -> String {
    if let Some(cause) = explanation["cause"].as_str() {
        return format!("parked {cause}");
    }
    let Some(request) = explanation["requests"].get(0) else {
        return explanation["decision"]["verdict"]
            .as_str()
            .unwrap()
            .to_owned();
    };
    let word = |member: &str| request["body"][member].as_str().unwrap_or("-").to_owned();
    format!("{} / {}", word("category"), word("outcome"))
}

/// Ids, times and ports are of the moment.
fn masked(text: &str) -> String {
    let mask = |word: &str| {
        let is_id = word.len() == 36 && word.matches('-').count() == 4;
        let is_time = word.len() == 20 && word.ends_with('Z');
        match word.split_once("/api/") {
            Some((_, path)) => format!("<admin>/api/{path}"),
            None if is_id => String::from("<id>"),
            None if is_time => String::from("<time>"),
            None => word.to_owned(),
        }
    };
    let lines = text
        .lines()
        .map(|line| line.split(' ').map(mask).collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn what_cannot_be_planned_is_said() {
    let place = place(None);
    let nowhere = plan(&place, &["nowhere"]).await;
    assert_eq!(nowhere.code, Some(64));
    assert!(nowhere.err.contains("nowhere"), "{}", nowhere.err);

    let storeless = plan(&place, &["candidate"]).await;
    assert_eq!((storeless.code, storeless.out.as_str()), (Some(69), ""));
    assert!(
        storeless.err.contains("there is no store at bridge.db"),
        "{}",
        storeless.err
    );

    place.edit(
        "candidate/voice.toml",
        "category = \"Open\"",
        "categry = \"Open\"",
    );
    let faulty = plan(&place, &["candidate"]).await;
    assert_eq!(faulty.code, Some(64));
    assert!(
        faulty.err.contains("did you mean `category`?"),
        "{}",
        faulty.err
    );

    for both in [
        &["candidate", "--last", "5", "--since", "7d"][..],
        &["candidate", "--since", "soon"],
        &["candidate", "--last", "0"],
    ] {
        assert_eq!(plan(&place, both).await.code, Some(2), "{both:?}");
    }

    // Something that is no store of ours.
    place.edit("candidate/voice.toml", "categry", "category");
    place.write("bridge.db", "not a database, and longer than a header of one would be .........................................");
    let foreign = plan(&place, &["candidate"]).await;
    assert_eq!(foreign.code, Some(69), "{}", foreign.err);
}

#[tokio::test]
async fn a_store_without_events_has_nothing_to_compare() {
    let place = place(None);
    assert_eq!(place.serve().await.terminate().await.code, Some(0));
    let ended = plan(&place, &["candidate", "--exit-code"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.out.contains("nothing to compare"), "{}", ended.out);
}
