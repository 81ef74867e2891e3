//! Traces and metrics pushed to a collector: one trace from webhook to answer, over a restart.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use leadping_bridge::sandbox::{FaultRule, FaultScope};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::json;
use tokio::net::TcpListener;

use super::harness::{Setup, TOKEN, status, voice_lead};

/// A collector on a port of its own.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Collected>>);

#[derive(Default)]
struct Collected {
    spans: Vec<Span>,
    metrics: Vec<ExportMetricsServiceRequest>,
    authorization: Option<String>,
    raw: Vec<Bytes>,
}

impl Collector {
    async fn start(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/v1/traces", post(take_traces))
            .route("/v1/metrics", post(take_metrics))
            .with_state(self);
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("\"http://{address}\"")
    }

    fn take(&self) -> Collected {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

async fn take_traces(State(collector): State<Collector>, headers: HeaderMap, body: Bytes) {
    let request = ExportTraceServiceRequest::decode(&body[..]).unwrap();
    let mut collected = collector.0.lock().unwrap();
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let authorization = headers.get("authorization");
    collected.authorization = authorization.map(|value| value.to_str().unwrap().to_owned());
    for resource in request.resource_spans {
        let spans = resource
            .scope_spans
            .into_iter()
            .flat_map(|scope| scope.spans);
        collected.spans.extend(spans);
    }
    collected.raw.push(body);
}

async fn take_metrics(State(collector): State<Collector>, body: Bytes) {
    let request = ExportMetricsServiceRequest::decode(&body[..]).unwrap();
    let mut collected = collector.0.lock().unwrap();
    collected.metrics.push(request);
    collected.raw.push(body);
}

/// The trace as an indented tree; ids that differ from run to run are left out.
fn tree(spans: &[Span]) -> String {
    let mut text = String::new();
    add_children(&[], 0, spans, &mut text);
    text
}

fn add_children(parent: &[u8], depth: usize, spans: &[Span], text: &mut String) {
    let mut children: Vec<&Span> = spans
        .iter()
        .filter(|s| s.parent_span_id == parent)
        .collect();
    children.sort_by_key(|span| span.start_time_unix_nano);
    for span in children {
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
        let code = span.status.as_ref().map_or(0, |status| status.code);
        let _ = write!(text, "{:1$}{2}", "", depth * 2, span.name);
        for attribute in &span.attributes {
            let key = &attribute.key;
            let value = match attribute.value.as_ref().unwrap().value.as_ref().unwrap() {
                _ if key == "event.id" || key == "delivery.id" => String::from("…"),
                Value::StringValue(text) => text.clone(),
                Value::IntValue(number) => number.to_string(),
                other => format!("{other:?}"),
            };
            let _ = write!(text, " {key}={value}");
        }
        let _ = writeln!(text, "{}", if code == 2 { " FAULT" } else { "" });
        add_children(&span.span_id, depth + 1, spans, text);
    }
}

fn setup(endpoint: &str) -> Setup {
    Setup::shipped()
        .set("telemetry.otlp.endpoint", endpoint)
        .set("telemetry.otlp.interval_seconds", "3600")
}

#[tokio::test]
async fn one_trace_goes_from_the_webhook_to_the_answer_over_a_restart() {
    let collector = Collector::default();
    let endpoint = collector.clone().start().await;
    let mut world = setup(&endpoint)
        .set("telemetry.otlp.header", "\"Authorization\"")
        .set("telemetry.otlp.prefix", "\"Bearer \"")
        .set(
            "telemetry.otlp.secret",
            "{ file = \"$PLACE/admin.secret\" }",
        )
        .start()
        .await;
    world.answer(FaultRule::once(FaultScope::Set, status(503)));
    let mut body = voice_lead("lead_a", 100);
    body["callData"]["note"] = json!("wants the blue house");
    let id = world.send_voice(&body).await.accepted();
    world.settle().await;
    world.restart().await;
    world.run().await;
    world.finish().await;

    let collected = collector.take();
    let trace: uuid::Uuid = id.parse().unwrap();
    for span in &collected.spans {
        assert_eq!(span.trace_id, trace.as_bytes(), "{}", span.name);
    }
    insta::assert_snapshot!(tree(&collected.spans), @"
    webhook source.name=voice event.id=…
      record
        decide source.name=voice event.id=… decision=delivery
          deliver delivery.id=… target.name=leadping lead.id=lead_a attempt.number=1 outcome=retry FAULT
            set target.name=leadping http.request.method=POST result=retry http.status=503 FAULT
          deliver delivery.id=… target.name=leadping lead.id=lead_a attempt.number=2 outcome=delivered
            look_up target.name=leadping http.request.method=GET result=accepted http.status=200
            set target.name=leadping http.request.method=POST result=accepted http.status=201
    ");
    assert_eq!(
        collected.authorization.as_deref(),
        Some("Bearer admin-secret")
    );
    // Each of the two runs said at its end how things stood.
    assert!(collected.metrics.len() >= 2);
    for raw in &collected.raw {
        let text = String::from_utf8_lossy(raw);
        for secret in [
            "+1415",
            "blue house",
            TOKEN,
            "voice-secret",
            "admin-secret",
            "pearl-",
        ] {
            assert!(!text.contains(secret), "{secret} left the house");
        }
    }
}

#[tokio::test]
async fn a_senders_trace_is_linked_and_what_is_not_sampled_leaves_no_span() {
    let collector = Collector::default();
    let endpoint = collector.clone().start().await;
    let none = setup(&endpoint).set("telemetry.otlp.sample_ratio", "0.0");
    let world = none.start().await;
    world
        .send_voice(&voice_lead("lead_a", 100))
        .await
        .accepted();
    world.settle().await;
    world.finish().await;
    let collected = collector.take();
    assert!(collected.spans.is_empty());
    assert!(!collected.metrics.is_empty(), "metrics are not sampled");

    let world = setup(&endpoint)
        .set("telemetry.otlp.metrics", "false")
        .start()
        .await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = [("traceparent", parent)];
    let body = voice_lead("lead_b", 100);
    world.send_with("voice", &headers, &body).await.accepted();
    world.settle().await;
    world.finish().await;
    let collected = collector.take();
    assert!(collected.metrics.is_empty());
    let webhook = collected.spans.iter().find(|span| span.name == "webhook");
    let link = &webhook.unwrap().links[0];
    assert_eq!(link.span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
}

#[tokio::test]
async fn an_event_that_waited_is_decided_again_in_its_own_trace() {
    let collector = Collector::default();
    let endpoint = collector.clone().start().await;
    let world = setup(&endpoint).start().await;
    let mut body = voice_lead("lead_a", 100);
    body["callData"] = json!({});
    let id = world.send_voice(&body).await.accepted();
    world.settle().await;
    world.set_link("voice", "pearl-lead_a", "lead_a").await;
    world.settle().await;
    world.finish().await;
    let spans = collector.take().spans;
    assert_eq!(
        uuid::Uuid::from_slice(&spans[0].trace_id)
            .unwrap()
            .to_string(),
        id
    );
    insta::assert_snapshot!(tree(&spans), @"
    webhook source.name=voice event.id=…
      record
        decide source.name=voice event.id=… decision=unlinked park.cause=unlinked:voice
          deliver delivery.id=… target.name=leadping lead.id=lead_a attempt.number=1 outcome=delivered
            set target.name=leadping http.request.method=POST result=accepted http.status=201
        decide again source.name=voice event.id=… decision=delivery
    ");
}

/// Whatever the collector does, webhooks are delivered and the bridge stops.
#[tokio::test]
async fn a_collector_that_fails_or_hangs_holds_nothing_up() {
    let refusing = Router::new().fallback(async || StatusCode::INTERNAL_SERVER_ERROR);
    let hanging = Router::new().fallback(async || std::future::pending::<()>().await);
    for router in [refusing, hanging] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let world = setup(&format!("\"http://{address}\""))
            .set("telemetry.otlp.timeout_ms", "60000")
            .start()
            .await;
        world
            .send_voice(&voice_lead("lead_a", 100))
            .await
            .accepted();
        world.settle().await;
        assert_eq!(world.sandbox().history("lead_a").len(), 1);
        let stopped = tokio::time::timeout(Duration::from_secs(30), world.finish());
        assert!(stopped.await.is_ok(), "the stop waits for the collector");
    }
}
