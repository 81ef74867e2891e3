//! What `explain` foresees of events that wait for a link, and what it tells of a recorded event: the
//! same as the daemon then does, or did.

use serde_json::{Value, json};

use super::place::{Bridge, Place, sandbox};
use super::senders::{Source, Webhook, crm, voice};

const VOICE_TABLE: &str = r#"kind = "nlpearl"

[[row]]
name = "success"
status = "Success"
when = "previous.outcome | default('') == 'Open'"
leadping = { type = "Call", category = "Qualified", outcome = "Interested after all" }

[[row]]
status = "Success"
leadping = { type = "Call", category = "Qualified", outcome = "Interested" }
"#;

fn place(target: &leadping_bridge::sandbox::Sandbox) -> Place {
    let place = Place::new(Some(target));
    let text = place.read("config/bridge.toml");
    let linking = "kind = \"nlpearl\"\nlinks = { crm = \"/externalId\" }";
    let text = text.replace("kind = \"nlpearl\"", linking);
    place.write("config/bridge.toml", &text);
    place.write("mappings/voice.toml", VOICE_TABLE);
    place
}

/// The CRM's lead, of which LeadPing's id is not named.
fn unlinked(lead: &str, note: &str) -> Webhook {
    let webhook = crm(lead, note);
    let mut body: Value = serde_json::from_str(&webhook.body).unwrap();
    body["attributes"]["data"]["extendedFields"] = json!({});
    let body = body.to_string();
    Webhook { body, ..webhook }
}

/// The voice system's webhook that names both.
fn teaching(lead: &str) -> Webhook {
    let body = json!({
        "id": format!("v-{lead}"), "externalId": lead, "status": 100,
        "callData": { "leadpingLeadId": format!("lead-{lead}") },
    });
    let source = Source::Voice;
    let body = body.to_string();
    Webhook { source, body }
}

async fn json_of(place: &Place, arguments: &[&str]) -> Value {
    let ended = place
        .run(&[&["explain", "--json"], arguments].concat())
        .await;
    assert_eq!((ended.code, &*ended.err), (Some(0), ""), "{}", ended.out);
    serde_json::from_str(&ended.out).unwrap()
}

/// Verdict per target, and what is sent there in short.
fn foreseen(story: &Value) -> (Value, Vec<String>) {
    let requests = story["requests"].as_array().unwrap().iter();
    let sent = requests.map(|request| {
        let body = &request["body"];
        format!(
            "{} {}",
            request["method"].as_str().unwrap(),
            body["outcome"]
        )
    });
    let verdict = story["decision"]["targets"]["leadping"]["verdict"].clone();
    (verdict, sent.collect())
}

async fn done(bridge: &Bridge, lead: &str) -> Vec<(Value, Vec<String>)> {
    let page = bridge.admin(&format!("events?lead={lead}")).await;
    let mut events = page["items"].as_array().unwrap().clone();
    events.reverse();
    let done = events.iter().map(|event| {
        let deliveries = event["deliveries"].as_array().unwrap().iter();
        let verdict = event["decision"]["targets"]["leadping"]["verdict"].clone();
        let method = if verdict == "amend" { "PUT" } else { "POST" };
        let sent = deliveries.map(|delivery| format!("{method} {}", delivery["outcome"]));
        (verdict, sent.collect())
    });
    done.collect()
}

#[tokio::test]
async fn what_waits_for_the_link_of_a_payload_is_foreseen_as_the_daemon_decides_it() {
    let sandbox = sandbox();
    let place = place(&sandbox);
    let bridge = place.serve().await;
    for note in ["early", "later"] {
        bridge.accept(&unlinked("c1", note)).await;
    }
    // Of another lead, and of the same that is no longer unlinked: neither is decided first.
    bridge.accept(&unlinked("c2", "other")).await;
    bridge.at_rest().await;
    let webhook = teaching("c1");
    place.write("teaching.json", &webhook.body);
    let story = json_of(&place, &["--source", "voice", "teaching.json"]).await;
    let first = story["decided_first"].as_array().unwrap();
    assert_eq!(first.len(), 2, "{story:#}");
    let mut told: Vec<_> = first.iter().map(foreseen).collect();
    told.push(foreseen(&story));
    let human = place
        .run(&["explain", "--source", "voice", "teaching.json"])
        .await;
    for one in first {
        assert!(
            human.out.contains(one["event"].as_str().unwrap()),
            "{}",
            human.out
        );
    }
    assert!(
        human.out.lines().all(|line| line.chars().count() <= 80),
        "{}",
        human.out
    );
    // The row looks at what those before made of the lead.
    assert_eq!(told[2].1, ["POST \"Interested after all\""]);
    assert_eq!(story["lead"]["previous"]["outcome"], "Open");

    bridge.accept(&webhook).await;
    bridge.at_rest().await;
    assert_eq!(done(&bridge, "lead-c1").await, told);
    assert_eq!(bridge.parked().await, ["unlinked:crm"]);
    // Now that they are linked, nothing waits any more.
    let again = json_of(&place, &["--source", "voice", "teaching.json"]).await;
    assert_eq!(again["decided_first"], Value::Null);
}

#[tokio::test]
async fn a_recorded_event_is_told_as_it_became_as_it_came_and_as_it_would_become_now() {
    let sandbox = sandbox();
    let place = place(&sandbox);
    let bridge = place.serve().await;
    bridge.accept(&unlinked("c1", "early")).await;
    bridge.accept(&teaching("c1")).await;
    bridge.accept(&voice("other", "")).await;
    bridge.at_rest().await;
    let page = bridge.admin("events?lead=lead-c1").await;
    let id = |place: usize| page["items"][place]["id"].as_str().unwrap().to_owned();
    let (taught, waited) = (id(0), id(1));
    for (event, outcome) in [(&waited, "Open"), (&taught, "Interested after all")] {
        let story = json_of(&place, &["--event", event]).await;
        assert_eq!(story["became"]["id"], **event);
        assert_eq!(story["became"]["deliveries"][0]["outcome"], outcome);
        assert_eq!(story["current"]["requests"][0]["body"]["outcome"], outcome);
        assert_eq!(story["candidate"], Value::Null);
        assert_eq!(story["begins_midway"], false);
        let row = |story: &Value| story["decision"]["row"].clone();
        assert_eq!(row(&story["current"]), row(&story["became"]));
    }
    // Its place in the lead's history is taken by what came later.
    let story = json_of(&place, &["--event", &waited]).await;
    let now = &story["now"]["decision"]["targets"]["leadping"]["verdict"];
    assert_eq!(*now, "stale", "{story:#}");

    place.write(
        "candidate/voice.toml",
        &VOICE_TABLE.replace("after all", "at last"),
    );
    place.write("candidate/crm.toml", &place.read("mappings/crm.toml"));
    let arguments = ["--mappings", "candidate", "--event", &taught];
    let story = json_of(&place, &arguments).await;
    let outcome = |side: &str| story[side]["requests"][0]["body"]["outcome"].clone();
    assert_eq!(outcome("current"), "Interested after all");
    assert_eq!(outcome("candidate"), "Interested at last");
    assert_eq!(
        story["now"]["decision"]["table"],
        story["candidate"]["decision"]["table"]
    );

    let human = place.run(&[&["explain"], &arguments[..]].concat()).await;
    assert_eq!((human.code, &*human.err), (Some(0), ""));
    assert!(
        human.out.lines().all(|line| line.chars().count() <= 80),
        "{}",
        human.out
    );
    let chapters: Vec<&str> = human
        .out
        .lines()
        .filter(|line| !line.starts_with(' '))
        .collect();
    assert_eq!(
        chapters,
        [
            "What it became",
            "What it says",
            "The lead",
            "The rows",
            "Becomes as it came in, by the tables in force",
            "Becomes as it came in, by these tables",
            "Becomes if it is decided again now, as a replay would",
        ]
    );
    assert!(human.out.contains("candidate/voice.toml:"), "{}", human.out);
}
