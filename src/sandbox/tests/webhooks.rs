//! Webhooks that the pretended systems fire: a receiver that checks signatures stands behind.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::HeaderMap;
use tokio::sync::mpsc;

use super::*;
use crate::config::{AuthConfig, AuthScheme, HmacConfig, SignatureEncoding};
use crate::secret::SecretReference;

/// What the receiver got.
struct Received {
    headers: HeaderMap,
    query: Option<String>,
    body: Bytes,
}

impl Received {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

struct Receiver {
    url: String,
    received: mpsc::UnboundedReceiver<Received>,
    answers: Arc<Mutex<Vec<u16>>>,
}

impl Receiver {
    /// Answers with these statuses in turn, then 202.
    async fn start(answers: &[u16]) -> Self {
        let (sender, received) = mpsc::unbounded_channel();
        let answers = Arc::new(Mutex::new(answers.to_vec()));
        let left = Arc::clone(&answers);
        let handler = move |request: axum::extract::Request| {
            let (sender, left) = (sender.clone(), Arc::clone(&left));
            async move {
                let (head, body) = request.into_parts();
                let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
                let _ = sender.send(Received {
                    headers: head.headers,
                    query: head.uri.query().map(str::to_owned),
                    body,
                });
                let mut left = left.lock().expect("no panic");
                let status = if left.is_empty() { 202 } else { left.remove(0) };
                StatusCode::from_u16(status).expect("a status")
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = axum::Router::new().fallback(handler);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            url: format!("http://{address}/webhooks/source"),
            received,
            answers,
        }
    }

    async fn next(&mut self) -> Received {
        tokio::time::timeout(PATIENCE, self.received.recv())
            .await
            .expect("in time")
            .expect("a webhook")
    }
}

fn unused() -> SecretReference {
    SecretReference::Env("NOT_READ_HERE".to_owned())
}

fn receiver(system: System, url: &str, scheme: AuthScheme, secret: &str) -> WebhookReceiver {
    WebhookReceiver {
        system,
        url: url.to_owned(),
        auth: AuthConfig {
            scheme,
            not_after: None,
        },
        secret: Secret::new(secret),
    }
}

fn bearer() -> AuthScheme {
    AuthScheme::Header {
        header: "Authorization".to_owned(),
        prefix: "Bearer ".to_owned(),
        secret: unused(),
    }
}

fn hmac() -> AuthScheme {
    AuthScheme::HmacSha256(HmacConfig {
        header: "X-Signature".to_owned(),
        prefix: "sha256=".to_owned(),
        encoding: SignatureEncoding::Hex,
        timestamp_header: None,
        tolerance: Duration::from_secs(300),
        secret: unused(),
    })
}

fn names(value: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names
}

fn put_voice_lead(world: &World) -> Value {
    let sample: Value = serde_json::from_str(include_str!(
        "../../../tests/payloads/nlpearl-lead-success.json"
    ))
    .expect("a payload");
    let mut lead = sample.clone();
    lead["timeZone"] = json!(-5.0);
    lead["status"] = json!(40);
    world
        .sandbox
        .put_lead(System::Nlpearl, &lead)
        .expect("a lead");
    sample
}

#[tokio::test]
async fn nlpearl_tells_of_every_change_of_a_status_in_the_payloads_shape() {
    let world = world();
    let mut behind = Receiver::start(&[]).await;
    let sample = put_voice_lead(&world);
    world
        .sandbox
        .send_webhooks(receiver(System::Nlpearl, &behind.url, bearer(), "voice"));
    let id = sample["id"].as_str().expect("an id");
    assert!(world.sandbox.campaign_sets(id, 100));
    let got = behind.next().await;
    assert_eq!(got.json(), sample);
    assert_eq!(got.headers["authorization"], "Bearer voice");
    assert_eq!(got.headers["content-type"], "application/json");

    // By the API: the same status is no change, another is one, also when the answer is lost.
    let path = format!("/v2/Outbound/66f1a2b3c4d5e6f708192a3b/Lead/{id}");
    let url = format!("{}{path}", world.sandbox.base_url());
    let put = async |body: Value| {
        let request = world.client.put(&url).bearer_auth("a:b").json(&body);
        request.send().await
    };
    put(json!({"status": 100, "externalId": "9"}))
        .await
        .expect("an answer");
    world
        .sandbox
        .add_fault(FaultRule::once(FaultScope::Update, Fault::DropAfterApply));
    assert!(put(json!({"status": 130})).await.is_err());
    let told = behind.next().await.json();
    assert_eq!(
        (&told["status"], &told["externalId"]),
        (&json!(130), &json!("9"))
    );
    assert!(!world.sandbox.campaign_sets(id, 131));
    assert!(!world.sandbox.campaign_sets("000000000000000000000000", 100));
    world
        .wait_until(|sandbox| sandbox.webhooks_moving() == 0)
        .await;
    assert_eq!(world.sandbox.webhooks().len(), 2);
}

#[tokio::test]
async fn a_lead_that_a_write_makes_tells_of_its_pearl_and_never_of_its_outbound() {
    let outbounds = BTreeMap::from([("pearl-1".to_owned(), "outbound-1".to_owned())]);
    let world = World::new(|options| options.nlpearl_outbounds = outbounds);
    put_voice_lead(&world);
    let mut behind = Receiver::start(&[]).await;
    world
        .sandbox
        .send_webhooks(receiver(System::Nlpearl, &behind.url, bearer(), "voice"));
    let put = async |path: &str| {
        let url = format!("{}{path}", world.sandbox.base_url());
        let request = world.client.put(url).bearer_auth("a:b");
        let answer = request.json(&json!({"status": 130})).send().await;
        assert_eq!(answer.expect("an answer").status(), 200, "{path}");
    };
    // As it was told, as another lead of that outbound shows it, as the path of v2 says; unknown.
    for (number, campaign, pearl) in [
        (1, "v1/Outbound/outbound-1", json!("pearl-1")),
        (2, "v1/Outbound/outbound-2", json!("pearl-2")),
        (3, "v2/Outbound/pearl-3", json!("pearl-3")),
        (4, "v1/Outbound/outbound-4", Value::Null),
    ] {
        if number == 2 {
            let other = json!({
                "id": "68c3f1a2b4d5e6f70819ffff", "pearlId": "pearl-2", "outboundId": "outbound-2",
            });
            world
                .sandbox
                .put_lead(System::Nlpearl, &other)
                .expect("a lead");
        }
        let id = format!("68c3f1a2b4d5e6f70819000{number}");
        put(&format!("/{campaign}/Lead/{id}")).await;
        let told = behind.next().await.json();
        assert_eq!((&told["id"], &told["pearlId"]), (&json!(id), &pearl));
    }
}

#[tokio::test]
async fn capillary_wraps_the_lead_in_its_envelope_and_signs_it() {
    let world = world();
    let mut behind = Receiver::start(&[]).await;
    let sample: Value = serde_json::from_str(include_str!(
        "../../../tests/payloads/capillary-lead-won.json"
    ))
    .expect("a payload");
    let lead = json!({
        "id": 2, "userId": 368_754_334, "leadFor": "item001", "nextFollowUp": "2026-10-05T08:00:00+05:30",
        "extendedFields": {"leadpingLeadId": "lead_7Q2M4"},
    });
    world
        .sandbox
        .put_lead(System::Capillary, &lead)
        .expect("a lead");
    world.sandbox.send_webhooks(receiver(
        System::Capillary,
        &behind.url,
        hmac(),
        "crm-secret",
    ));
    let won = json!({"status": "WON", "reasonId": 2});
    let shown = world.sandbox.staff_sets("2", won.clone()).expect("a lead");
    let got = behind.next().await;
    let body = got.json();
    assert_eq!(names(&body), names(&sample));
    assert_eq!(names(&body["attributes"]), names(&sample["attributes"]));
    assert_eq!(
        names(&body["attributes"]["data"]),
        names(&sample["attributes"]["data"])
    );
    for name in ["eventType", "actionType", "consumerGroupId"] {
        assert_eq!(body[name], sample[name], "{name}");
    }
    for name in ["eventName", "refId"] {
        assert_eq!(
            body["attributes"][name], sample["attributes"][name],
            "{name}"
        );
    }
    assert_eq!(body["attributes"]["data"], shown);
    assert_eq!(body["attributes"]["createdAt"], 1_785_578_400_000_i64);

    // The signature as its receiver makes it, not as we do.
    let mut mac =
        <hmac::Hmac<sha2::Sha256> as hmac::KeyInit>::new_from_slice(b"crm-secret").expect("a key");
    hmac::Mac::update(&mut mac, &got.body);
    let signature = data_encoding::HEXLOWER.encode(&hmac::Mac::finalize(mac).into_bytes());
    assert_eq!(got.headers["x-signature"], format!("sha256={signature}"));

    // Each call is an event of its own, also the same one again.
    world.sandbox.staff_sets("2", won).expect("a lead");
    assert_ne!(behind.next().await.json()["eventId"], body["eventId"]);
    assert!(
        world
            .sandbox
            .staff_sets("2", json!({"status": "WON"}))
            .is_err()
    );
    assert!(
        world
            .sandbox
            .staff_sets("x", json!({"status": "WON", "reasonId": 2}))
            .is_err()
    );
}

#[tokio::test]
async fn leadpings_automation_keeps_its_id_over_tries_and_signs_each_anew() {
    let world = world();
    let mut behind = Receiver::start(&[503, 429]).await;
    let scheme = AuthScheme::StandardWebhooks {
        secret: unused(),
        tolerance: Duration::from_secs(300),
    };
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    world
        .sandbox
        .send_webhooks(receiver(System::Leadping, &behind.url, scheme, secret));
    world.post("a", "Interested").await;
    let first = behind.next().await;
    assert_eq!(first.json()["leadId"], "a");
    assert_eq!(first.json()["outcome"], "Interested");
    assert_eq!(
        first.json()["lead"]["currentDisposition"]["outcome"],
        "Interested"
    );
    assert_eq!(first.json()["timestamp"], "2026-08-01T10:00:00Z");
    let is_waiting = |sandbox: &Sandbox, attempts| {
        let webhooks = sandbox.webhooks();
        webhooks[0].state == WebhookState::Waiting && webhooks[0].attempts == attempts
    };
    world.wait_until(|sandbox| is_waiting(sandbox, 1)).await;
    assert_eq!(world.sandbox.webhooks_moving(), 0);
    world.clock.advance(Duration::from_secs(1));
    let second = behind.next().await;
    world.wait_until(|sandbox| is_waiting(sandbox, 2)).await;
    world.clock.advance(Duration::from_secs(2));
    let third = behind.next().await;
    assert_eq!(first.headers["webhook-id"], third.headers["webhook-id"]);
    assert_eq!(first.body, third.body);
    let stamp = |got: &Received| got.headers["webhook-timestamp"].to_str().map(str::to_owned);
    assert_ne!(stamp(&first).ok(), stamp(&second).ok());
    assert_ne!(
        first.headers["webhook-signature"],
        second.headers["webhook-signature"]
    );
    world
        .wait_until(|sandbox| sandbox.webhooks()[0].state == WebhookState::Delivered)
        .await;

    // More detail on the current entry is news, on an older one it is not.
    world.post("a", "Booked").await;
    assert_eq!(behind.next().await.json()["dispositionId"], "disp_2");
    let edited = json!({"type": "Call", "outcome": "Interested, edited"});
    world.send("PUT", "/dispositions/disp_1", &edited).await;
    let detail = json!({"type": "Call", "outcome": "Booked", "notes": "Friday"});
    world.send("PUT", "/dispositions/disp_2", &detail).await;
    assert_eq!(behind.next().await.json()["dispositionId"], "disp_2");
    world.send("PUT", "/leads/a", &json!({})).await;
    assert_eq!(world.sandbox.webhooks().len(), 3);
}

#[tokio::test]
async fn what_is_refused_is_not_sent_again_and_what_is_stuck_holds_up_what_follows() {
    let world = world();
    let mut behind = Receiver::start(&[401, 500]).await;
    let sample = put_voice_lead(&world);
    let id = sample["id"].as_str().expect("an id");
    let scheme = AuthScheme::Query {
        parameter: "token".to_owned(),
        secret: unused(),
    };
    world
        .sandbox
        .send_webhooks(receiver(System::Nlpearl, &behind.url, scheme, "a b"));
    for status in [100, 110, 130] {
        world.sandbox.campaign_sets(id, status);
    }
    assert_eq!(behind.next().await.query.as_deref(), Some("token=a%20b"));
    assert_eq!(behind.next().await.json()["status"], 110);
    let states = |sandbox: &Sandbox| -> Vec<WebhookState> {
        sandbox.webhooks().iter().map(|entry| entry.state).collect()
    };
    let stuck = [
        WebhookState::Refused,
        WebhookState::Waiting,
        WebhookState::Queued,
    ];
    world.wait_until(|sandbox| states(sandbox) == stuck).await;
    // It goes to where webhooks go now.
    let mut moved = Receiver::start(&[]).await;
    world
        .sandbox
        .send_webhooks(receiver(System::Nlpearl, &moved.url, bearer(), "new"));
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(moved.next().await.json()["status"], 110);
    assert_eq!(moved.next().await.json()["status"], 130);
    world
        .wait_until(|sandbox| states(sandbox)[1..] == [WebhookState::Delivered; 2])
        .await;
    assert!(behind.answers.lock().expect("no panic").is_empty());

    let page = json_of(world.get("/_sandbox/webhooks?after=1").await).await;
    assert_eq!(page["total"], 3);
    let shown: BTreeMap<&str, &Value> = ["system", "state", "attempts", "last_status", "lead_id"]
        .into_iter()
        .map(|name| (name, &page["entries"][0][name]))
        .collect();
    let expected = json!({
        "system": "nlpearl", "state": "delivered", "attempts": 2, "last_status": 202, "lead_id": id,
    });
    assert_eq!(json!(shown), expected);
    let summary = json_of(world.get("/_sandbox").await).await;
    assert_eq!(summary["systems"]["nlpearl"]["webhooks_to"], moved.url);
    world.sandbox.reset();
    assert!(world.sandbox.webhooks().is_empty());
    put_voice_lead(&world);
    world.sandbox.campaign_sets(id, 150);
    assert_eq!(moved.next().await.json()["status"], 150, "receivers stay");
}

#[tokio::test]
async fn nothing_is_fired_unless_somebody_listens() {
    let world = world();
    let sample = put_voice_lead(&world);
    assert!(
        world
            .sandbox
            .campaign_sets(sample["id"].as_str().expect("an id"), 100)
    );
    world.post("a", "x").await;
    assert!(world.sandbox.webhooks().is_empty());
}

#[tokio::test]
async fn people_and_campaigns_act_through_the_control_interface_too() {
    let world = world();
    let voice = json!({"id": "68c3f1a2b4d5e6f708192a3b", "pearlId": "p"});
    let crm = json!({"id": 2});
    let full = json!({"id": "lead_1", "enabled": false, "metadata": {"externalId": "2"}});
    for (path, body, expected) in [
        ("/nlpearl/leads", voice.clone(), 201),
        ("/capillary/leads", crm, 201),
        ("/leads", full, 201),
        (
            "/nlpearl/leads",
            json!({"id": "short", "pearlId": "p"}),
            400,
        ),
        (
            "/nlpearl/leads",
            json!({"id": "68c3f1a2b4d5e6f708192a3b"}),
            400,
        ),
        ("/capillary/leads", json!({"id": 2, "state": "WON"}), 400),
        ("/leads", json!({"id": "lead_1", "state": "x"}), 400),
        ("/leads", json!({"id": " "}), 400),
        (
            "/nlpearl/leads/68c3f1a2b4d5e6f708192a3b/status",
            json!({"status": 70}),
            204,
        ),
        (
            "/nlpearl/leads/68c3f1a2b4d5e6f708192a3b/status",
            json!({"status": 71}),
            400,
        ),
        (
            "/capillary/leads/2/status",
            json!({"status": "WON", "reasonId": 2}),
            200,
        ),
        ("/capillary/leads/2/status", json!({"status": "WON"}), 400),
        (
            "/capillary/leads/9x/status",
            json!({"status": "WON", "reasonId": 2}),
            400,
        ),
        ("/generic/leads", json!({"id": 2}), 404),
    ] {
        assert_eq!(
            world.control("POST", path, &body).await,
            expected,
            "{path} {body}"
        );
    }
    let shown = json_of(
        world
            .get("/_sandbox/nlpearl/leads/68c3f1a2b4d5e6f708192a3b")
            .await,
    )
    .await;
    assert_eq!(shown["lead"]["status"], 70);
    let shown = json_of(world.get("/_sandbox/capillary/leads/2").await).await;
    assert_eq!(shown["lead"]["status"], "WON");
    let shown = json_of(world.get("/_sandbox/leads/lead_1").await).await;
    assert_eq!(shown["lead"]["enabled"], false);
    assert_eq!(world.get("/_sandbox/capillary/leads/3").await.status(), 404);
    assert_eq!(
        world.sandbox.total_requests(),
        0,
        "none of it is an API call"
    );
}
