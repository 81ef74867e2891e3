//! Calls to Capillary: success without errors, the status log after an unknown fate, and the two
//! ways to show who calls.

use leadping_bridge::sandbox::{Fault, FaultAnswer, FaultRule, FaultScope, System};
use serde_json::json;

use crate::harness::{Setup, World, seconds, status, status_after_apply, voice_of_all};

const VOICE: &str = r#"
kind = "nlpearl"
[defaults.capillary]
reasonId = 2
[[row]]
status = "Success"
capillary = { status = "WON" }
[[row]]
status = "NotSuccessful"
capillary = { status = "LOST" }
[[row]]
status = "VoiceMailLeft"
capillary = { status = "ON_HOLD", reasonId = "{{ body.reason }}" }
"#;

fn setup() -> Setup {
    Setup::shipped().voice(VOICE).writing_back()
}

fn oauth() -> Setup {
    setup().set(
        "targets.capillary.auth",
        "{ scheme = \"oauth\", key = { file = \"$PLACE/nlpearl.secret\" }, secret = { file = \"$PLACE/capillary.secret\" } }",
    )
}

async fn start(setup: Setup) -> World {
    let world = setup.start().await;
    world.put_lead_everywhere();
    world
}

async fn voice(world: &World, status: i64) {
    world.send_voice(&voice_of_all(status)).await.accepted();
    world.settle().await;
}

fn faulty(world: &World, fault: Fault) {
    world.answer(FaultRule::once(FaultScope::Set, fault).at(System::Capillary));
}

fn calls_after_the_first(world: &World) -> Vec<String> {
    let calls = world.calls_at(System::Capillary);
    calls.lines().skip(1).map(str::to_owned).collect()
}

#[tokio::test]
async fn what_arrived_is_found_in_the_status_log_and_not_sent_again() {
    for (fault, waits) in [
        (Fault::DropAfterApply, 20),
        (status_after_apply(504), 20),
        (status_after_apply(521), 20),
    ] {
        let mut world = start(setup()).await;
        faulty(&world, fault.clone());
        voice(&world, 100).await;
        voice(&world, 110).await;
        world.restart().await;
        world.advance(seconds(waits)).await;
        world.run().await;
        let expected = [
            "Read 2 : 200",
            r#"Set 2 {"reasonId":2,"status":"LOST"}: 200"#,
        ];
        assert_eq!(calls_after_the_first(&world), expected, "{fault:?}");
        world.finish().await;
    }
}

#[tokio::test]
async fn what_did_not_arrive_is_looked_for_and_then_sent() {
    for fault in [Fault::DropBefore, status(500)] {
        let world = start(setup()).await;
        faulty(&world, fault.clone());
        voice(&world, 100).await;
        world.run().await;
        let expected = [
            "Read 2 : 200",
            r#"Set 2 {"reasonId":2,"status":"WON"}: 200"#,
        ];
        assert_eq!(calls_after_the_first(&world), expected, "{fault:?}");
        world.finish().await;
    }
}

#[tokio::test]
async fn busy_in_the_vendor_s_own_way_is_tried_again_without_a_look_up() {
    let world = start(setup()).await;
    faulty(&world, status(461));
    voice(&world, 100).await;
    world.run().await;
    insta::assert_snapshot!(world.calls_at(System::Capillary), @r#"
    Set 2 {"reasonId":2,"status":"WON"}: 461
    Set 2 {"reasonId":2,"status":"WON"}: 200
    "#);
    world.finish().await;
}

#[tokio::test]
async fn a_good_status_with_errors_in_it_is_a_refusal() {
    let world = start(setup()).await;
    let errors = json!([{ "status": false, "code": 1061, "message": "x" }]);
    faulty(
        &world,
        Fault::Answer(FaultAnswer {
            status: 201,
            retry_after: None,
            body: Some(json!({ "data": [], "warnings": [], "errors": errors })),
        }),
    );
    voice(&world, 100).await;
    assert_eq!(
        world.parked().await,
        ["refused:capillary:201: 0 events, 1 deliveries"]
    );
    // The lead goes on.
    voice(&world, 110).await;
    assert_eq!(world.sandbox().writes_at(System::Capillary).len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn a_reason_that_the_crm_does_not_know_is_the_delivery_s_own_fault() {
    let world = start(setup()).await;
    let mut body = voice_of_all(70);
    body["reason"] = json!(999);
    world.send_voice(&body).await.accepted();
    world.settle().await;
    let parked = world.parked().await;
    assert!(
        parked.len() == 1 && parked[0].starts_with("refused:capillary:"),
        "{parked:?}"
    );
    world.finish().await;
}

#[tokio::test]
async fn a_token_is_bought_once_and_again_when_its_time_is_over() {
    let world = start(oauth()).await;
    voice(&world, 100).await;
    voice(&world, 110).await;
    world.advance(seconds(241)).await;
    voice(&world, 100).await;
    insta::assert_snapshot!(operations(&world), @"
    POST /v3/oauth/token/generate 200
    PUT /v2/leads/2/status 200
    PUT /v2/leads/2/status 200
    POST /v3/oauth/token/generate 200
    PUT /v2/leads/2/status 200
    ");
    world.finish().await;
}

#[tokio::test]
async fn a_token_that_is_refused_is_bought_anew_before_anything_is_judged() {
    let world = start(oauth()).await;
    voice(&world, 100).await;
    world.sandbox().revoke_capillary_tokens();
    voice(&world, 110).await;
    insta::assert_snapshot!(operations(&world), @"
    POST /v3/oauth/token/generate 200
    PUT /v2/leads/2/status 200
    PUT /v2/leads/2/status 401
    POST /v3/oauth/token/generate 200
    PUT /v2/leads/2/status 200
    ");
    assert_eq!(world.parked().await, [""; 0]);
    world.finish().await;
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_nothing_is_lost() {
    let world = start(oauth()).await;
    for fault in [Fault::DropBefore, status(500), status(403)] {
        world.answer(FaultRule::once(FaultScope::Token, fault));
    }
    voice(&world, 100).await;
    world.run().await;
    let operations = operations(&world);
    let sent: Vec<&str> = operations
        .lines()
        .filter(|line| line.starts_with("PUT"))
        .collect();
    assert_eq!(sent, ["PUT /v2/leads/2/status 200"], "{operations}");
    assert_eq!(world.parked().await, [""; 0]);
    world.finish().await;
}

#[tokio::test]
async fn token_calls_count_in_the_rate_limit() {
    let limit = "{ requests = 1, per_seconds = 1, burst = 1 }";
    let world = oauth()
        .set("targets.capillary.rate_limit", limit)
        .start_with_empty_bucket()
        .await;
    world.put_lead_everywhere();
    let start = world.now();
    world.send_voice(&voice_of_all(100)).await.accepted();
    for _ in 0..4 {
        world.look_on().await;
        world.clock.advance(seconds(1));
    }
    world.look_on().await;
    assert_eq!(
        operations(&world).lines().count(),
        2,
        "{}",
        operations(&world)
    );
    let times = world.call_seconds(start, 0);
    // The delivery's own call was allowed for after one second, the token's after another.
    assert_eq!(times, [2.0, 2.0]);
    world.finish().await;
}

/// Method, path and answer of every request.
fn operations(world: &World) -> String {
    let journal = world.sandbox().journal();
    let lines = journal.iter().map(|entry| {
        let status = entry.status.map_or(0, |status| status);
        format!("{} {} {status}", entry.method, entry.path)
    });
    lines.collect::<Vec<_>>().join("\n")
}
