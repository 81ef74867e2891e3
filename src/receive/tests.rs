//! Each answer of the webhook listener, over real sockets and the real accept loop, with a
//! recorder that says what the test tells it to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use tokio::net::TcpListener;
use uuid::Uuid;

use super::*;
use crate::config::{AuthConfig, AuthScheme, RateLimit, SourceKind};
use crate::event::EventId;
use crate::listen::tests::Wire;
use crate::listen::{ListenLimits, serve};
use crate::secret::SecretReference;
use crate::systems;

const ID: EventId = EventId(Uuid::from_u128(7));
const MAX_BYTES: usize = 10_000;

#[derive(Clone, Copy, Default)]
enum Mood {
    #[default]
    New,
    Duplicate,
    Overloaded,
    Unavailable,
}

#[derive(Default)]
struct Scripted {
    mood: Mutex<Mood>,
    recorded: Mutex<Vec<(String, Option<EventKind>, serde_json::Value)>>,
    rejects: Mutex<Vec<(&'static str, usize, Bytes)>>,
}

impl Record for Scripted {
    async fn record(&self, webhook: NewWebhook) -> Result<Recorded, RecordError> {
        let again: serde_json::Value = systems::body::parse(webhook.verified.body()).unwrap();
        let source = webhook.source.name.clone();
        let entry = (source, webhook.forced_kind, again);
        self.recorded.lock().unwrap().push(entry);
        match *self.mood.lock().unwrap() {
            Mood::New => Ok(Recorded::New(ID)),
            Mood::Duplicate => Ok(Recorded::Duplicate(ID)),
            Mood::Overloaded => Err(RecordError::Overloaded),
            Mood::Unavailable => Err(RecordError::Unavailable),
        }
    }

    fn record_reject(&self, reject: Reject) {
        let entry = (reject.reason, reject.size_bytes, reject.body);
        self.rejects.lock().unwrap().push(entry);
    }

    fn is_ready(&self) -> bool {
        !matches!(*self.mood.lock().unwrap(), Mood::Unavailable)
    }
}

struct Bridge {
    address: SocketAddr,
    recorder: Arc<Scripted>,
    receiver: Arc<Receiver<Scripted>>,
    stopping: CancellationToken,
    secrets: tempfile::TempDir,
}

fn source(
    name: &str,
    kind: SourceKind,
    secrets: &tempfile::TempDir,
    rate_limit: Option<RateLimit>,
) -> (Arc<SourceConfig>, Gate) {
    let config = SourceConfig {
        name: name.to_owned(),
        kind,
        mapping: name.to_owned(),
        lead: Vec::new(),
        fields: crate::config::Fields::default(),
        links: BTreeMap::new(),
        events: Vec::new(),
        dedupe_window: Duration::from_secs(3600),
        redelivery: Duration::from_secs(120),
        rate_limit,
        resolve: None,
        auth: vec![AuthConfig {
            scheme: AuthScheme::Header {
                header: "x-key".into(),
                prefix: String::new(),
                secret: SecretReference::File(secrets.path().join("key")),
            },
            not_after: None,
        }],
    };
    let gate = Gate::load(&config).unwrap();
    (Arc::new(config), gate)
}

/// Sources: `voice` (NLPearl), `crm` (Capillary), `slow` (two webhooks in ten minutes).
async fn bridge() -> Bridge {
    let secrets = tempfile::tempdir().unwrap();
    std::fs::write(secrets.path().join("key"), "right").unwrap();
    let two = RateLimit {
        requests: 2,
        per: Duration::from_secs(600),
        burst: 2,
    };
    let recorder = Arc::new(Scripted::default());
    let stopping = CancellationToken::new();
    let parts = ReceiverParts {
        sources: vec![
            source("voice", SourceKind::Nlpearl, &secrets, None),
            source("crm", SourceKind::Capillary, &secrets, None),
            source("slow", SourceKind::Nlpearl, &secrets, Some(two)),
        ],
        recorder: Arc::clone(&recorder),
        metrics: Arc::new(Arc::new(crate::telemetry::metrics::Metrics::new()).receive([])),
        traces: crate::telemetry::traces::Traces::default(),
        clock: Clock::System,
        stopping: stopping.clone(),
    };
    let limits = BodyLimits {
        max_bytes: MAX_BYTES,
        timeout: Duration::from_millis(200),
    };
    let receiver = Arc::new(Receiver::new(parts, limits));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = ListenLimits {
        max_connections: 16,
        header_timeout: Duration::from_secs(5),
        idle_timeout: Duration::from_secs(5),
        close_wait: Duration::from_secs(5),
    };
    let never = CancellationToken::new();
    let service = Arc::clone(&receiver).service();
    tokio::spawn(serve(listener, service, limits, (never.clone(), never)));
    Bridge {
        address,
        recorder,
        receiver,
        stopping,
        secrets,
    }
}

impl Bridge {
    async fn exchange(&self, request: impl AsRef<[u8]>) -> String {
        let mut wire = Wire::connect(self.address).await;
        wire.send(request).await;
        wire.answer().await
    }

    async fn post(&self, path: &str, key: &str, body: &str) -> String {
        self.exchange(request(path, key, body)).await
    }

    /// Posts `{}` with the right key, while the recorder is in that mood.
    async fn post_in(&self, mood: Mood, source: &str) -> String {
        *self.recorder.mood.lock().unwrap() = mood;
        self.post(&format!("/webhooks/{source}"), "right", "{}")
            .await
    }
}

fn request(path: &str, key: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nX-Key: {key}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

#[track_caller]
fn check(answer: &str, status: u16, holds: &[&str]) {
    assert!(
        answer.starts_with(&format!("HTTP/1.1 {status} ")),
        "expected {status}: {answer}"
    );
    for part in holds {
        assert!(answer.contains(part), "expected {part:?} in {answer}");
    }
    if status >= 400 {
        let id = answer.split("x-request-id: ").nth(1).unwrap();
        let id = id.split("\r\n").next().unwrap();
        let member = format!("\"request_id\":\"{id}\"");
        for part in ["content-type: application/problem+json", member.as_str()] {
            assert!(answer.contains(part), "expected {part:?} in {answer}");
        }
    }
}

#[tokio::test]
async fn a_recorded_webhook_is_answered_with_its_id() {
    let bridge = bridge().await;
    let id = r#"{"id":"00000000-0000-0000-0000-000000000007"}"#;
    let answer = bridge
        .post("/webhooks/voice", "right", r#"{"a":[1]}"#)
        .await;
    check(&answer, 202, &["content-type: application/json", id]);
    let answer = bridge.post("/webhooks/voice/call", "right", "{}").await;
    check(&answer, 202, &[id]);
    let answer = bridge.post_in(Mood::Duplicate, "crm").await;
    check(&answer, 200, &[r#"0007","duplicate":true}"#]);
    assert_eq!(
        *bridge.recorder.recorded.lock().unwrap(),
        [
            ("voice".into(), None, serde_json::json!({"a": [1]})),
            ("voice".into(), Some(EventKind::Call), serde_json::json!({})),
            ("crm".into(), None, serde_json::json!({})),
        ]
    );
}

#[tokio::test]
async fn a_chunked_body_is_read_to_its_end() {
    let bridge = bridge().await;
    let head = "POST /webhooks/voice HTTP/1.1\r\nHost: x\r\nX-Key: right\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    let answer = bridge
        .exchange(format!("{head}3\r\n{{\"a\r\n5\r\n\":1}} \r\n0\r\n\r\n"))
        .await;
    check(&answer, 202, &[]);
    let recorded = bridge.recorder.recorded.lock().unwrap();
    assert_eq!(recorded[0].2, serde_json::json!({"a": 1}));
}

#[tokio::test]
async fn half_of_a_pair_is_read_as_what_stands_for_it_and_kept_as_it_came() {
    let bridge = bridge().await;
    let body = r#"{"note":"thanks \ud83d","whole":"\ud83d\ude00"}"#;
    check(
        &bridge.post("/webhooks/voice", "right", body).await,
        202,
        &[],
    );
    let recorded = bridge.recorder.recorded.lock().unwrap();
    let read = serde_json::json!({"note": "thanks \u{fffd}", "whole": "\u{1f600}"});
    assert_eq!(recorded[0].2, read);
}

#[tokio::test]
async fn a_body_that_is_no_object_is_kept_as_a_reject() {
    let bridge = bridge().await;
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64));
    let long = "x".repeat(5000);
    for (body, detail) in [
        ("{\"a\":1\n;", "not JSON: line 2, column 1"),
        (
            "{\"a\":1e400}",
            "a number in the body is out of range: line 1, column 10",
        ),
        ("[1]", "not an object"),
        (deep.as_str(), "deeper than 64 levels"),
        (long.as_str(), "not JSON"),
    ] {
        check(
            &bridge.post("/webhooks/voice", "right", body).await,
            400,
            &[detail],
        );
    }
    check(
        &bridge.post("/webhooks/voice", "wrong", "nothing").await,
        401,
        &[],
    );
    let rejects = bridge.recorder.rejects.lock().unwrap();
    let kept: Vec<_> = rejects
        .iter()
        .map(|(why, size, body)| (*why, *size, body.len()))
        .collect();
    assert_eq!(
        kept,
        [
            ("not_json", 8, 8),
            ("number_out_of_range", 11, 11),
            ("not_an_object", 3, 3),
            ("nested_too_deep", deep.len(), deep.len()),
            ("not_json", 5000, 4096),
        ]
    );
    assert!(bridge.recorder.recorded.lock().unwrap().is_empty());
}

#[tokio::test]
async fn every_wrong_credential_gets_the_same_answer() {
    let bridge = bridge().await;
    let missing = "POST /webhooks/voice HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";
    let twice = request("/webhooks/voice", "right\r\nX-Key: right", "{}");
    let mut answers = Vec::new();
    for request in [
        missing.to_owned(),
        request("/webhooks/voice", "wrong", "{}"),
        twice,
    ] {
        let answer = bridge.exchange(request).await;
        check(&answer, 401, &[]);
        let body: serde_json::Value =
            serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        let mut body = body.as_object().unwrap().clone();
        body.remove("request_id");
        answers.push(body);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[1], answers[2]);
    assert!(bridge.recorder.recorded.lock().unwrap().is_empty());
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told() {
    let bridge = bridge().await;
    check(
        &bridge.post("/webhooks/other", "right", "{}").await,
        404,
        &["no source"],
    );
    check(
        &bridge.post("/webhooks/voice/x", "right", "{}").await,
        404,
        &["/webhooks/{source}"],
    );
    check(
        &bridge.post("/healthz", "right", "{}").await,
        405,
        &["allow: GET, HEAD"],
    );
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    check(
        &bridge.exchange(get("/webhooks/voice")).await,
        405,
        &["allow: POST"],
    );
    check(&bridge.exchange(get("/")).await, 404, &[]);
}

#[tokio::test]
async fn our_own_failures_are_answered_as_the_sender_retries_them() {
    let bridge = bridge().await;
    for (mood, source, status, retry) in [
        (Mood::Overloaded, "voice", 429, "retry-after: 1"),
        (Mood::Overloaded, "crm", 429, "retry-after: 1"),
        (Mood::Unavailable, "voice", 503, "retry-after: 5"),
        (Mood::Unavailable, "crm", 429, "retry-after: 5"),
    ] {
        check(&bridge.post_in(mood, source).await, status, &[retry]);
    }
    check(&bridge.post_in(Mood::New, "slow").await, 202, &[]);
    // Strangers do not use up a sender's share.
    check(
        &bridge.post("/webhooks/slow", "wrong", "{}").await,
        401,
        &[],
    );
    check(
        &bridge.post("/webhooks/slow", "right", "{}").await,
        202,
        &[],
    );
    let answer = bridge.post("/webhooks/slow", "right", "{}").await;
    check(&answer, 429, &["retry-after: 300"]);
}

#[tokio::test]
async fn health_is_life_and_readiness_is_a_store_that_takes_webhooks() {
    let bridge = bridge().await;
    let live = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let ready = "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n";
    check(&bridge.exchange(live).await, 200, &[]);
    check(&bridge.exchange(ready).await, 200, &[]);
    *bridge.recorder.mood.lock().unwrap() = Mood::Unavailable;
    check(&bridge.exchange(ready).await, 503, &["retry-after"]);
    *bridge.recorder.mood.lock().unwrap() = Mood::New;
    bridge.stopping.cancel();
    check(&bridge.exchange(ready).await, 503, &["stopping"]);
    check(&bridge.exchange(live).await, 200, &[]);
    check(
        &bridge.post("/webhooks/voice", "right", "{}").await,
        503,
        &["stopping"],
    );
    check(
        &bridge.post("/webhooks/crm", "right", "{}").await,
        429,
        &["retry-after: 5"],
    );
    assert!(bridge.recorder.recorded.lock().unwrap().is_empty());
}

/// Sends the whole body before it reads the answer, as simple clients do, most of it after the
/// answer was given.
async fn insist(bridge: &Bridge, head: String, body: &[u8]) -> String {
    let mut wire = Wire::connect(bridge.address).await;
    wire.send(head).await;
    let (first, rest) = body.split_at(20_000);
    wire.send(first).await;
    wire.0.readable().await.unwrap();
    for piece in rest.chunks(20_000) {
        wire.send(piece).await;
        tokio::task::yield_now().await;
    }
    wire.rest().await
}

#[tokio::test]
async fn an_early_answer_is_readable_after_a_big_body() {
    let bridge = bridge().await;
    let big = vec![b'x'; 900_000];
    for (path, status) in [
        ("/webhooks/voice", 413),
        ("/webhooks/other", 404),
        ("/", 404),
    ] {
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n");
        let answer = insist(&bridge, head, &big).await;
        check(&answer, status, &["connection: close"]);
    }
    let head = "POST /webhooks/voice HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let head = format!("{head}{:x}\r\n", big.len());
    let chunk = [big.as_slice(), b"\r\n0\r\n\r\n"].concat();
    let answer = insist(&bridge, head, &chunk).await;
    check(
        &answer,
        413,
        &["larger than 10000 bytes", "connection: close"],
    );
    let most = "x".repeat(MAX_BYTES);
    check(
        &bridge.post("/webhooks/voice", "wrong", &most).await,
        401,
        &[],
    );
    check(
        &bridge.post("/webhooks/voice", "right", &most).await,
        400,
        &[],
    );
}

#[tokio::test]
async fn a_sender_that_waits_to_be_asked_is_not_asked_for_a_body_that_is_too_large() {
    let bridge = bridge().await;
    let mut wire = Wire::connect(bridge.address).await;
    let head = "POST /webhooks/voice HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n";
    wire.send(format!("{head}Content-Length: 900000\r\n\r\n"))
        .await;
    check(&wire.rest().await, 413, &[]);

    let mut wire = Wire::connect(bridge.address).await;
    wire.send(format!("{head}X-Key: right\r\nContent-Length: 2\r\n\r\n"))
        .await;
    assert!(wire.answer().await.starts_with("HTTP/1.1 100 "));
    wire.send("{}").await;
    check(&wire.answer().await, 202, &[]);
}

#[tokio::test]
async fn a_body_that_stalls_or_breaks_off_is_given_up() {
    let bridge = bridge().await;
    let mut wire = Wire::connect(bridge.address).await;
    wire.send("POST /webhooks/voice HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        .await;
    check(&wire.rest().await, 408, &["connection: close"]);
    let head = "POST /webhooks/voice HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = bridge.exchange(format!("{head}zz\r\n")).await;
    check(&answer, 400, &["framed"]);
}

#[tokio::test]
async fn a_connection_serves_one_webhook_after_another() {
    let bridge = bridge().await;
    let mut wire = Wire::connect(bridge.address).await;
    for (key, status) in [("right", 202), ("wrong", 401), ("right", 202)] {
        wire.send(request("/webhooks/voice", key, "{}")).await;
        check(&wire.answer().await, status, &[]);
    }
}

#[tokio::test]
async fn secrets_are_read_again_and_a_fault_keeps_the_old_ones() {
    let bridge = bridge().await;
    let key = bridge.secrets.path().join("key");
    std::fs::write(&key, "newer").unwrap();
    check(
        &bridge.post("/webhooks/voice", "right", "{}").await,
        202,
        &[],
    );
    assert!(bridge.receiver.reload_secrets().is_empty());
    check(
        &bridge.post("/webhooks/voice", "right", "{}").await,
        401,
        &[],
    );
    check(
        &bridge.post("/webhooks/voice", "newer", "{}").await,
        202,
        &[],
    );
    std::fs::write(&key, "").unwrap();
    let faults = bridge.receiver.reload_secrets();
    assert_eq!(faults.len(), 3);
    check(
        &bridge.post("/webhooks/voice", "newer", "{}").await,
        202,
        &[],
    );
}
