//! Everything a webhook listener meets on an open port: each gets the documented answer, and the
//! daemon stays healthy, small and complete.

use serde_json::json;

use super::place::{Bridge, Place, sandbox};
use super::process::eventually;
use super::senders::{Webhook, crm, voice};
use super::wire::Wire;

const HEADER_TIMEOUT_MS: u64 = 500;
const MAX_BODY_BYTES: usize = 262_144;
/// A debug build under all this; a leak of the bodies alone would be several times as much.
const MAX_RESIDENT_KIB: u64 = 96 * 1024;

async fn bridge() -> Bridge {
    Place::new(None)
        .with("SERVER__HEADER_TIMEOUT_MS", HEADER_TIMEOUT_MS)
        .with("SERVER__REQUEST_TIMEOUT_MS", 1000)
        .serve()
        .await
}

/// The head of a request that is admitted, up to where the body's framing is told.
fn head(webhook: &Webhook, version: &str, framing: &str) -> String {
    let (name, value) = webhook.credential();
    let path = webhook.path();
    format!("POST {path} HTTP/{version}\r\nHost: bridge\r\n{name}: {value}\r\n{framing}\r\n\r\n")
}

fn with_length(webhook: &Webhook, version: &str) -> String {
    let length = format!("Content-Length: {}", webhook.body.len());
    head(webhook, version, &length) + &webhook.body
}

/// What one connection is answered.
async fn answered(bridge: &Bridge, bytes: impl AsRef<[u8]>) -> Option<(u16, String)> {
    let mut wire = Wire::connect(bridge.webhooks).await;
    wire.send(bytes).await;
    wire.answer().await
}

#[track_caller]
fn is_problem(answer: Option<(u16, String)>, status: u16) {
    let (given, text) = answer.expect("an answer");
    assert_eq!(given, status, "{text}");
    assert!(text.contains("application/problem+json"), "{text}");
    assert!(text.contains("\"request_id\":"), "{text}");
}

async fn is_healthy(bridge: &Bridge) {
    assert_eq!(bridge.status_of("/readyz").await, 200);
    assert_eq!(bridge.status_of("/healthz").await, 200);
}

#[tokio::test]
async fn malformed_and_forged_webhooks_get_their_answers_and_are_not_recorded() {
    let bridge = bridge().await;
    let good = voice("lead_1", "good");
    let with_body = |body: &str| Webhook {
        body: body.to_owned(),
        ..good.clone()
    };
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64));
    let abyss = "[".repeat(200_000);
    for body in [
        "",
        "nonsense",
        "{\"a\":",
        "[1]",
        "null",
        "{} {}",
        "{\"a\":NaN}",
        "\u{0}",
        &deep,
        &abyss,
    ] {
        is_problem(
            answered(&bridge, with_length(&with_body(body), "1.1")).await,
            400,
        );
    }
    let request = with_length(&good, "1.1");
    for (old, new, status) in [
        ("Bearer", "Bearer x", 401),
        ("Authorization", "X-Authorization", 401),
        ("POST", "PUT", 405),
        ("POST", "DELETE", 405),
        ("/webhooks/voice", "/webhooks/vioce", 404),
        ("/webhooks/voice", "/webhooks/voice/mail", 404),
        ("/webhooks/voice", "/webhooks/../voice", 404),
        ("/webhooks/voice", "/", 404),
    ] {
        is_problem(answered(&bridge, request.replace(old, new)).await, status);
    }
    // The signature is that of another body.
    let signed = with_length(&crm("lead_1", "one"), "1.1");
    is_problem(answered(&bridge, signed.replace("one", "two")).await, 401);
    assert_eq!(bridge.admin("events").await["items"], json!([]));
    is_healthy(&bridge).await;
    bridge.accept(&good).await;
}

#[tokio::test]
async fn oversized_bodies_are_413_announced_or_chunked() {
    let bridge = bridge().await;
    let good = voice("lead_1", "");
    let chunk = format!("{:x}\r\n{}\r\n", MAX_BODY_BYTES, "x".repeat(MAX_BODY_BYTES));
    let chunked = head(&good, "1.1", "Transfer-Encoding: chunked") + &chunk.repeat(3) + "0\r\n\r\n";
    for framing in [
        "Content-Length: 262145",
        "Content-Length: 9223372036854775807",
    ] {
        // Answered before the body has come.
        is_problem(answered(&bridge, head(&good, "1.1", framing)).await, 413);
    }
    for _ in 0..100 {
        is_problem(answered(&bridge, &chunked).await, 413);
    }
    // Exactly the limit is fine.
    let mut largest = good.clone();
    largest.body = largest.body.replace('}', &format!("{}}}", " ".repeat(100)));
    largest.body += &" ".repeat(MAX_BODY_BYTES - largest.body.len());
    assert_eq!(
        answered(&bridge, with_length(&largest, "1.1"))
            .await
            .unwrap()
            .0,
        202
    );
    is_healthy(&bridge).await;
    if let Some(resident) = resident_kib(&bridge) {
        assert!(resident < MAX_RESIDENT_KIB, "{resident} KiB resident");
    }
}

#[tokio::test]
async fn what_is_not_http_is_not_served() {
    let bridge = bridge().await;
    let good = voice("lead_1", "");
    let long = format!(
        "GET /healthz HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n",
        "x".repeat(70_000)
    );
    let smuggled = head(
        &good,
        "1.1",
        "Content-Length: 5\r\nTransfer-Encoding: nonsense",
    ) + "0\r\n\r\n";
    for garbage in [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\r\n\r\n\r\n\0\0\0\0 nonsense \xff\xfe\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        long.as_bytes(),
        smuggled.as_bytes(),
    ] {
        if let Some((status, text)) = answered(&bridge, garbage).await {
            assert!((400..500).contains(&status), "{text}");
        }
    }
    is_healthy(&bridge).await;
}

#[tokio::test]
async fn an_http_1_0_sender_is_served() {
    let bridge = bridge().await;
    let mut wire = Wire::connect(bridge.webhooks).await;
    wire.send(with_length(&voice("lead_1", ""), "1.0")).await;
    assert_eq!(wire.answer().await.unwrap().0, 202);
    wire.is_cut().await;
}

#[tokio::test]
async fn silent_and_slow_senders_are_cut_and_an_idle_connection_is_not() {
    let bridge = bridge().await;
    let mut kept = Wire::connect(bridge.webhooks).await;
    kept.send(with_length(&voice("lead_1", "first"), "1.1"))
        .await;
    assert_eq!(kept.answer().await.unwrap().0, 202);

    let mut silent = Wire::connect(bridge.webhooks).await;
    let request = with_length(&voice("lead_1", "slow"), "1.1");
    silent.is_cut().await;
    let mut slow = Wire::connect(bridge.webhooks).await;
    slow.trickle_until_cut(request.as_bytes()).await;

    // Its head came in time, its body never does.
    let mut stalled = Wire::connect(bridge.webhooks).await;
    stalled.send(&request[..request.len() - 1]).await;
    is_problem(stalled.answer().await, 408);

    // By now the kept-alive connection has been idle beyond the header timeout.
    kept.send(with_length(&voice("lead_1", "second"), "1.1"))
        .await;
    assert_eq!(kept.answer().await.unwrap().0, 202);
    is_healthy(&bridge).await;
}

#[tokio::test]
async fn after_a_crowd_of_all_of_them_nothing_is_lost_and_memory_is_free() {
    let sandbox = sandbox();
    let bridge = Place::new(Some(&sandbox))
        .with("SERVER__HEADER_TIMEOUT_MS", HEADER_TIMEOUT_MS)
        .serve()
        .await;
    let mut crowd = Vec::new();
    for number in 0..300 {
        let mut wire = Wire::connect(bridge.webhooks).await;
        let good = voice(&format!("lead_{number}"), "");
        let chunk = format!("{:x}\r\n{}\r\n", 100_000, "x".repeat(100_000));
        match number % 3 {
            0 => wire.send(&with_length(&good, "1.1")[..20]).await,
            1 => {
                wire.send(head(&good, "1.1", "Transfer-Encoding: chunked") + &chunk)
                    .await
            }
            _ => {}
        }
        crowd.push(wire);
        if number % 10 == 0 {
            bridge.accept(&good).await;
        }
    }
    if let Some(resident) = resident_kib(&bridge) {
        assert!(resident < MAX_RESIDENT_KIB, "{resident} KiB resident");
    }
    drop(crowd);
    bridge.at_rest().await;
    assert_eq!(sandbox.writes().len(), 30);
    is_healthy(&bridge).await;
    eventually("every connection is closed", async || {
        (open_files(&bridge)? < 100).then_some(())
    })
    .await;
}

/// `None` where the system does not tell.
fn resident_kib(bridge: &Bridge) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", bridge.process.id())).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// None open where the system does not tell.
fn open_files(bridge: &Bridge) -> Option<usize> {
    match std::fs::read_dir(format!("/proc/{}/fd", bridge.process.id())) {
        Ok(files) => Some(files.count()),
        Err(_) => Some(0),
    }
}

#[tokio::test]
async fn a_text_cut_inside_an_emoji_goes_the_whole_way_and_is_kept_as_it_came() {
    let sandbox = sandbox();
    let place = Place::new(Some(&sandbox));
    let bridge = place.serve().await;
    let whole = voice("lead_1", "CUT");
    let cut = Webhook {
        // As JavaScript writes it.
        body: whole.body.replace("CUT", "thanks \\ud83d"),
        ..whole
    };
    bridge.accept(&cut).await;
    assert!(bridge.post(&cut).await.text.contains("duplicate"));
    bridge.at_rest().await;
    assert_eq!(sandbox.history("lead_1")[0]["notes"], "thanks \u{fffd}");
    let events = bridge.admin("events").await;
    let id = events["items"][0]["id"].as_str().unwrap().to_owned();
    // Read again, it is the same to everybody.
    assert_eq!(events["items"][0]["state"], "settled");
    let told = place.run(&["explain", "--event", &id, "--json"]).await;
    assert_eq!(told.code, Some(0), "{}", told.err);
    let file = place.write("cut.json", &cut.body);
    let file = file.to_str().unwrap();
    let told = place
        .run(&["explain", "--source", "voice", file, "--json"])
        .await;
    assert_eq!(told.code, Some(0), "{}", told.err);
}
