//! `explain` and the daemon: for every shipped example they say and do the same.

use std::path::Path;

use leadping_bridge::sandbox::Operation;
use serde_json::{Value, json};

use super::place::{Bridge, Place, sandbox};
use super::senders::{Source, Webhook};

/// A payload and the source that sends it.
struct Payload {
    source: Source,
    /// Inside the place.
    path: String,
    body: String,
}

/// Every shipped example; the lead webhooks first, because they name the LeadPing lead.
fn every_example() -> Vec<Payload> {
    let mut payloads = Vec::new();
    for (source, folder) in [(Source::Voice, "voice"), (Source::Crm, "crm")] {
        let folder = format!("mappings/examples/{folder}");
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(&folder);
        for entry in std::fs::read_dir(from).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".json") {
                let path = format!("{folder}/{name}");
                let root = Path::new(env!("CARGO_MANIFEST_DIR"));
                payloads.push(Payload {
                    source,
                    body: std::fs::read_to_string(root.join(&path)).unwrap(),
                    path,
                });
            }
        }
    }
    payloads.sort_by_key(|payload| {
        (
            payload.body.contains("conversationStatus"),
            payload.path.clone(),
        )
    });
    assert!(
        payloads.len() >= 30,
        "only {} examples are shipped",
        payloads.len()
    );
    payloads
}

/// What `explain` says, in the words in which the daemon's own doings are told below.
async fn explained(place: &Place, payload: &Payload) -> Value {
    let source = match payload.source {
        Source::Voice => "voice",
        Source::Crm => "crm",
    };
    let arguments = ["explain", "--json", "--source", source, &payload.path];
    let ended = place.run(&arguments).await;
    assert_eq!(ended.code, Some(0), "{}: {}", payload.path, ended.err);
    let story: Value = serde_json::from_str(&ended.out).unwrap();
    // Only where the sender has a clock is the time sent the same now and then.
    let timed = story["facts"]["occurred_at"].is_string();
    let requests = story["requests"].as_array().unwrap();
    json!({
        "decision": decided(&story["decision"]),
        "cause": story["cause"],
        "requests": requests
            .iter()
            .map(|request| {
                let url = request["url"].as_str().unwrap();
                let path = url.splitn(4, '/').nth(3).unwrap();
                let path = format!("/{path}");
                json!([request["method"], path, comparable(request["body"].clone(), timed)])
            })
            .collect::<Vec<_>>(),
        "timed": timed,
    })
}

/// What the daemon decided about its newest event, and what then reached LeadPing.
async fn done(bridge: &Bridge, written: &[(String, String, Value)], timed: bool) -> Value {
    let page = bridge.admin("events?limit=1").await;
    let event = &page["items"][0];
    json!({
        "decision": decided(&event["decision"]),
        "cause": event["cause"],
        "requests": written
            .iter()
            .map(|(method, path, body)| json!([method, path, comparable(body.clone(), timed)]))
            .collect::<Vec<_>>(),
        "timed": timed,
    })
}

/// A decision but for what no two can share: ids of deliveries, the time decided.
fn decided(decision: &Value) -> Value {
    let mut decision = decision.clone();
    decision["decided_at"] = Value::Null;
    if let Some(targets) = decision["targets"].as_object_mut() {
        for verdict in targets.values_mut() {
            *verdict = verdict["verdict"].clone();
        }
    }
    decision
}

fn comparable(mut body: Value, timed: bool) -> Value {
    let reason = body["reason"].as_str().unwrap();
    let (before, marker) = reason.split_once("[lb:").expect("every request is marked");
    assert!(marker.len() == 37 && marker.ends_with(']'), "{reason}");
    body["reason"] = Value::from(before);
    assert!(body["timestamp"].is_string());
    if !timed {
        body["timestamp"] = Value::Null;
    }
    body
}

#[tokio::test]
async fn explain_says_what_the_daemon_then_does_with_every_shipped_example() {
    let sandbox = sandbox();
    let place = Place::shipped(Some(&sandbox));
    let bridge = place.serve().await;
    let mut verdicts = std::collections::BTreeSet::new();
    // Twice: of leads that nobody has heard of, and of leads with a past.
    for round in 0..2 {
        for payload in every_example() {
            let webhook = Webhook {
                source: payload.source,
                body: changed(&payload.body, round),
            };
            let copy = format!("round-{round}.json");
            place.write(&copy, &webhook.body);
            let as_sent = Payload {
                path: copy,
                ..payload
            };
            let expected = explained(&place, &as_sent).await;
            let before = sandbox.journal().len();
            bridge.accept(&webhook).await;
            bridge.at_rest().await;
            let written: Vec<_> = sandbox.journal()[before..]
                .iter()
                .filter(|entry| matches!(entry.operation, Operation::Set | Operation::Amend))
                .map(|entry| (entry.method.clone(), entry.path.clone(), entry.json_body()))
                .collect();
            let timed = expected["timed"] == true;
            let done = done(&bridge, &written, timed).await;
            assert_eq!(done, expected, "round {round}: {}", webhook.body);
            verdicts.insert(done["decision"]["verdict"].to_string());
            verdicts.extend(
                done["decision"]["targets"]["leadping"]
                    .as_str()
                    .map(str::to_owned),
            );
        }
    }
    let seen: Vec<&str> = verdicts.iter().map(String::as_str).collect();
    let told = [
        "\"ignored\"",
        "\"matched\"",
        "\"parked\"",
        "amend",
        "delivery",
        "unchanged",
    ];
    assert_eq!(seen, told, "the examples show less than they did");
}

/// The same news in another body, so that it is no redelivery.
fn changed(body: &str, round: u32) -> String {
    let mut body: Value = serde_json::from_str(body).unwrap();
    if round > 0 {
        body["round"] = json!(round);
        if let Some(id) = body["eventId"].as_str() {
            body["eventId"] = json!(format!("{id}-{round}"));
        }
    }
    body.to_string()
}
