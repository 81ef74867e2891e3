//! The commands that talk to a running bridge, and one that needs none: `sandbox`.

use std::net::TcpListener;

use serde_json::{Value, json};

use super::place::{Bridge, Place, client, sandbox};
use super::process::{Process, eventually};
use super::senders::{Source, Webhook};

const PAYLOADS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/payloads");

/// A port where nobody answers.
fn nobody() -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", port.local_addr().unwrap())
}

fn payload(name: &str) -> String {
    format!("{PAYLOADS}/{name}.json")
}

fn webhooks_of(bridge: &Bridge) -> String {
    format!("http://{}", bridge.webhooks)
}

#[tokio::test]
async fn send_signs_and_posts_every_shipped_payload() {
    let place = Place::new(None);
    let bridge = place.serve().await;
    let url = webhooks_of(&bridge);
    let mut sent = 0;
    for file in std::fs::read_dir(PAYLOADS).unwrap() {
        let path = file.unwrap().path().display().to_string();
        let source = match path.rsplit('/').next().unwrap().split('-').next().unwrap() {
            "nlpearl" => "voice",
            "capillary" => "crm",
            // What the vendors answer.
            _ => continue,
        };
        let ended = place
            .run(&["send", "--source", source, "--url", &url, &path])
            .await;
        assert_eq!(ended.code, Some(0), "{path}: {}{}", ended.out, ended.err);
        assert_eq!(ended.err, "");
        let (status, answer) = ended.out.split_once('\n').unwrap();
        assert_eq!(status, "202 Accepted", "{path}");
        let answer: Value = serde_json::from_str(answer).unwrap();
        assert!(answer["id"].is_string(), "{path}");
        sent += 1;
    }
    assert!(sent >= 12, "only {sent} payloads are shipped");
    let events = bridge.admin("events?limit=100").await;
    assert_eq!(events["items"].as_array().unwrap().len(), sent);
}

#[tokio::test]
async fn send_takes_address_and_body_from_where_they_are() {
    let place = Place::new(None);
    let bridge = place.serve().await;
    // As in production: the command reads the same config as the daemon.
    let place = place.with("SERVER__LISTEN", bridge.webhooks);
    let body = std::fs::read_to_string(payload("nlpearl-call-end")).unwrap();
    let arguments = ["send", "--source", "voice", "--kind", "call", "--json", "-"];
    let first = place.run_with_input(&arguments, &body).await;
    assert_eq!(first.code, Some(0), "{}", first.err);
    let answer: Value = serde_json::from_str(&first.out).unwrap();
    assert_eq!(answer["status"], 202);
    let again = place.run_with_input(&arguments, &body).await;
    assert_eq!(again.code, Some(0), "{}", again.err);
    let again: Value = serde_json::from_str(&again.out).unwrap();
    let expected =
        json!({ "status": 200, "answer": { "id": answer["answer"]["id"], "duplicate": true } });
    assert_eq!(again, expected);
}

#[tokio::test]
async fn send_says_what_is_wrong() {
    let place = Place::new(None);
    let bridge = place.serve().await;
    let (url, nobody) = (webhooks_of(&bridge), nobody());
    let file = payload("capillary-lead-won");
    let send = async |place: &Place, source: &str, url: &str, file: &str| {
        place
            .run(&["send", "--source", source, "--url", url, file])
            .await
    };
    let unknown = send(&place, "vioce", &url, &file).await;
    assert_eq!(unknown.code, Some(2));
    assert!(
        unknown.err.contains("did you mean `voice`?"),
        "{}",
        unknown.err
    );
    assert_eq!(
        send(&place, "crm", &url, "no-such-file.json").await.code,
        Some(2)
    );
    let away = send(&place, "crm", &nobody, &file).await;
    assert_eq!(away.code, Some(69));
    assert!(
        away.err.starts_with(&format!("no answer from {nobody}")),
        "{}",
        away.err
    );

    let place = place.without_variable("CRM_WEBHOOK_SECRET");
    let unsigned = send(&place, "crm", &url, &file).await;
    assert_eq!(unsigned.code, Some(64));
    assert!(
        unsigned.err.contains("CRM_WEBHOOK_SECRET is not set"),
        "{}",
        unsigned.err
    );
    let place = place.variable("CRM_WEBHOOK_SECRET", "not the secret");
    let refused = send(&place, "crm", &url, &file).await;
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.out.starts_with("401 Unauthorized\n"),
        "{}",
        refused.out
    );
}

#[tokio::test]
async fn healthcheck_tells_ready_from_not() {
    let place = Place::new(None);
    let bridge = place.serve().await;
    let place = place.with("SERVER__LISTEN", bridge.webhooks);
    let ready = place.run(&["healthcheck"]).await;
    assert_eq!(
        (ready.code, ready.out.as_str(), ready.err.as_str()),
        (Some(0), "", "")
    );
    // It asks the webhook listener, not whoever answers.
    let other = format!("http://{}", bridge.admin);
    assert_eq!(
        place.run(&["healthcheck", "--url", &other]).await.code,
        Some(1)
    );
    assert_eq!(bridge.terminate().await.code, Some(0));
    let gone = place.run(&["healthcheck"]).await;
    assert_eq!(gone.code, Some(1));
    assert!(
        gone.err.contains("no answer from http://127.0.0.1:"),
        "{}",
        gone.err
    );
}

#[tokio::test]
async fn links_set_releases_what_waited() {
    let sandbox = sandbox();
    let place = Place::new(Some(&sandbox)).variable("TOKEN", "admin-token");
    let config = place.read("config/bridge.toml");
    let token = "[admin]\ntoken = { env = \"TOKEN\" }";
    place.write("config/bridge.toml", &config.replace("[admin]", token));
    let mut bridge = place.serve().await;
    bridge.client = with_token("admin-token");
    let body = json!({ "id": "68c3f1a2", "status": 100, "collectedData": { "note": "waited" } });
    let unlinked = Webhook {
        source: Source::Voice,
        body: body.to_string(),
    };
    bridge.accept(&unlinked).await;
    let causes = ["unlinked:voice"];
    eventually("it waits", async || {
        (bridge.parked().await == causes).then_some(())
    })
    .await;

    let url = format!("http://{}", bridge.admin);
    let set = async |more: &[&str]| {
        let arguments = ["links", "set", "--admin-url", &url];
        place.run(&[&arguments, more].concat()).await
    };
    let refused = set(&["--admin-token", "wrong", "voice", "68c3f1a2", "lead_1"]).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("401"), "{}", refused.err);
    let unknown = set(&["phone", "68c3f1a2", "lead_1"]).await;
    assert_eq!(unknown.code, Some(2));
    assert!(
        unknown
            .err
            .contains("no source is named `phone`; there are: crm, voice"),
        "{}",
        unknown.err
    );
    let linked = set(&["voice", "68c3f1a2", "lead_1"]).await;
    assert_eq!(linked.code, Some(0), "{}", linked.err);
    assert_eq!(
        linked.out,
        "linked voice 68c3f1a2 to lead_1; decided again: 1\n"
    );
    bridge.at_rest().await;
    assert_eq!(sandbox.history("lead_1")[0]["notes"], "waited");
    let again = set(&["--json", "voice", "68c3f1a2", "lead_1"]).await;
    assert_eq!(
        (again.code, again.out.trim_end()),
        (Some(0), r#"{"result":"known","decided":0}"#)
    );
    let moved = set(&["voice", "68c3f1a2", "lead_2"]).await;
    assert_eq!(
        moved.out,
        "linked voice 68c3f1a2 to lead_2, moved from lead_1; decided again: 0\n"
    );

    let away = place
        .run(&[
            "links",
            "set",
            "--admin-url",
            &nobody(),
            "voice",
            "1",
            "lead_1",
        ])
        .await;
    assert_eq!(away.code, Some(69));
    assert!(away.err.contains("no bridge answers at"), "{}", away.err);
    let place = place.without_variable("TOKEN");
    let unset = place.run(&["links", "set", "voice", "1", "lead_1"]).await;
    assert_eq!(unset.code, Some(64), "{}", unset.err);
}

fn with_token(token: &str) -> reqwest::Client {
    let mut headers = http::HeaderMap::new();
    let value = format!("Bearer {token}").parse().unwrap();
    headers.insert(http::header::AUTHORIZATION, value);
    reqwest::Client::builder()
        .no_proxy()
        .default_headers(headers)
        .build()
        .unwrap()
}

#[tokio::test]
async fn sandbox_answers_until_it_is_stopped() {
    let place = Place::new(None);
    let arguments = [
        "sandbox",
        "--listen",
        "127.0.0.1:0",
        "--token",
        "open sesame",
    ];
    let process = Process::spawn(place.command(&arguments), "");
    let url = eventually("it says where it is", async || {
        let out = process.out();
        let line = out
            .lines()
            .find(|line| line.starts_with("LeadPing"))?
            .to_owned();
        line.split_whitespace().nth(1).map(str::to_owned)
    })
    .await;
    let client = client();
    let body = json!({ "leadId": "lead_1", "type": "Call", "category": "Open", "outcome": "New" });
    let set = async |token: &str| {
        let call = client
            .post(format!("{url}/dispositions"))
            .bearer_auth(token);
        call.json(&body).send().await.unwrap().status()
    };
    assert_eq!(set("wrong").await, 401);
    assert!(set("open sesame").await.is_success());
    let journal = client
        .get(format!("{url}/_sandbox/journal"))
        .send()
        .await
        .unwrap();
    assert!(journal.text().await.unwrap().contains("lead_1"));
    process.signal("TERM");
    let ended = process.wait().await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(!ended.out.contains("sesame") && !ended.err.contains("sesame"));
}

#[tokio::test]
async fn sandbox_fires_the_webhooks_of_a_source_as_its_sender_would() {
    let leadping = sandbox();
    let place = Place::new(Some(&leadping));
    let bridge = place.serve().await;
    let receiver = format!("voice=http://{}/webhooks/voice", bridge.webhooks);
    let arguments = ["sandbox", "--listen", "127.0.0.1:0", "--webhook", &receiver];
    let process = Process::spawn(place.command(&arguments), "");
    let url = eventually("it says where it is", async || {
        let out = process.out();
        let line = out.lines().find(|line| line.starts_with("webhooks"))?;
        assert!(line.contains("of voice go to"), "{line}");
        let first = out.lines().next()?;
        first.split_whitespace().nth(1).map(str::to_owned)
    })
    .await;
    let client = client();
    let lead = json!({
        "id": "68c3f1a2b4d5e6f708192a3b", "pearlId": "p1",
        "callData": {"leadpingLeadId": "lead_1"},
    });
    for (path, body) in [
        ("leads", &lead),
        (
            "leads/68c3f1a2b4d5e6f708192a3b/status",
            &json!({"status": 100}),
        ),
    ] {
        let call = client.post(format!("{url}/_sandbox/nlpearl/{path}"));
        let answer = call.json(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}");
    }
    eventually("the disposition is at LeadPing", async || {
        (leadping.history("lead_1").len() == 1).then_some(())
    })
    .await;
    process.signal("TERM");
    assert_eq!(process.wait().await.code, Some(0));
    bridge.process.signal("TERM");
    assert_eq!(bridge.process.wait().await.code, Some(0));

    let wrong = ["sandbox", "--webhook", "voise=http://127.0.0.1:1/"];
    let ended = place.run(&wrong).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains("did you mean `voice`?"), "{}", ended.err);
}
