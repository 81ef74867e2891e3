//! The admin listener: pages of events, what is parked, the target, metrics, and who may ask.

use leadping_bridge::sandbox::{FaultRule, FaultScope};
use serde_json::json;

use crate::harness::{Setup, World, crm, retry_after, seconds, status, voice_call, voice_lead};

const NOON: i64 = 1_785_585_600_000;

async fn seven_steps() -> World {
    let world = Setup::steps().start().await;
    for step in 0..7 {
        world.step("lead_a", &format!("step {step}")).await;
    }
    world.settle().await;
    world
}

#[tokio::test]
async fn events_come_in_pages_newest_first_each_once() {
    let world = seven_steps().await;
    let mut pages = Vec::new();
    let mut path = "/api/v1/events?limit=3".to_owned();
    loop {
        let page = world.get(&path).await;
        let outcomes: Vec<String> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| {
                event["deliveries"][0]["outcome"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        pages.push(outcomes.join(" "));
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/api/v1/events?limit=3&cursor={next}");
    }
    assert_eq!(
        pages,
        ["step 6 step 5 step 4", "step 3 step 2 step 1", "step 0"]
    );
    world.finish().await;
}

/// How many events the query finds.
async fn check(world: &World, query: &str, expected: usize) {
    assert_eq!(world.events(query).await.len(), expected, "{query}");
}

#[tokio::test]
async fn events_are_filtered_by_source_state_and_any_id_of_the_lead() {
    let world = Setup::shipped().start().await;
    world
        .send_voice(&voice_lead("lead_a", 100))
        .await
        .accepted();
    world.send_voice(&voice_lead("lead_b", 77)).await.accepted();
    world
        .send_crm(&crm("lead_a", "e1", "WON", NOON))
        .await
        .accepted();
    world.settle().await;
    check(&world, "", 3).await;
    check(&world, "source=voice", 2).await;
    check(&world, "source=crm", 1).await;
    let nobody = world.admin("/api/v1/events?source=video", None).await;
    assert_eq!(nobody.status, 400);
    assert_eq!(
        nobody.body["detail"],
        "no source is named `video`; there are: crm, voice"
    );
    check(&world, "state=settled", 2).await;
    check(&world, "state=parked", 1).await;
    check(&world, "state=received", 0).await;
    check(&world, "lead=lead_a", 2).await;
    check(&world, "lead=pearl-lead_a", 2).await;
    check(&world, "lead=crm-lead_a", 2).await;
    check(&world, "lead=lead_b&state=parked", 1).await;
    check(&world, "lead=lead_a&source=crm", 1).await;
    check(&world, "lead=nobody", 0).await;
    for bad in ["state=lost", "limit=many", "cursor=x", "colour=red"] {
        let answer = world.admin(&format!("/api/v1/events?{bad}"), None).await;
        assert_eq!(answer.status, 400, "{bad}");
    }
    world.finish().await;
}

#[tokio::test]
async fn what_is_parked_has_counts_the_oldest_and_what_to_do() {
    let world = Setup::shipped().start().await;
    world.send_voice(&voice_lead("lead_a", 77)).await.accepted();
    world.settle().await;
    world.clock.advance(seconds(60));
    world.send_voice(&voice_lead("lead_b", 77)).await.accepted();
    world
        .send_voice(&voice_call("lead_c", "c1", 100))
        .await
        .accepted();
    world.answer(FaultRule::once(FaultScope::Set, status(422)));
    world
        .send_voice(&voice_lead("lead_d", 100))
        .await
        .accepted();
    world.settle().await;
    let parked = world.get("/api/v1/parked").await;
    insta::assert_snapshot!(serde_json::to_string_pretty(&parked["items"]).unwrap(), @r#"
    [
      {
        "cause": "refused:leadping:422",
        "deliveries": 1,
        "events": 0,
        "oldest_at": "2026-08-01T12:01:01.000Z",
        "suggestion": "`leadping` answered 422: mend the row or the lead there, then release it"
      },
      {
        "cause": "unlinked:voice",
        "deliveries": 0,
        "events": 1,
        "oldest_at": "2026-08-01T12:01:01.000Z",
        "suggestion": "name the LeadPing lead: `leadping-bridge links set voice <its lead id> <LeadPing lead id>`, or wait for an event that names both"
      },
      {
        "cause": "unmapped:voice:77",
        "deliveries": 0,
        "events": 2,
        "oldest_at": "2026-08-01T12:00:01.000Z",
        "row": {
          "file": "voice.toml",
          "text": "[[row]]\nname = \"Status 77\"\nwhen = \"event.status == 77\"\nleadping = { category = \"Open\", outcome = \"Status 77\" }\n# categories: Open, Qualified, Converted, Lost, Invalid, Duplicate\n# instead of `leadping`, where nothing has to be done: ignore = \"why\"\n"
        },
        "suggestion": "add a row for 77 to the mapping of `voice`; it is then decided again by itself"
      }
    ]
    "#);
    world.finish().await;
}

#[tokio::test]
async fn a_target_shows_its_state_its_counts_and_the_oldest_due() {
    let world = Setup::steps().start().await;
    world.step("lead_a", "one").await;
    world.settle().await;
    let gate = retry_after(429, "60");
    world.answer(FaultRule::once(FaultScope::Set, gate));
    world.step("lead_b", "one").await;
    world.settle().await;
    let targets = world.get("/api/v1/targets").await;
    let mut target = targets["items"][0].clone();
    assert_eq!(target["base_url"], world.sandbox().base_url());
    target["base_url"] = json!("-");
    assert_eq!(target["latency"]["calls"], 2);
    target["latency"] = json!("-");
    assert!(target["rate_limit"]["used"].as_u64() >= Some(2));
    target["rate_limit"]["used"] = json!("-");
    insta::assert_snapshot!(serde_json::to_string_pretty(&target).unwrap(), @r#"
    {
      "base_url": "-",
      "calls": 0,
      "concurrency": 8,
      "deliveries": {
        "delivered": 1,
        "due": 1,
        "in_flight": 0
      },
      "latency": "-",
      "mode": "live",
      "name": "leadping",
      "next_try_at": "2026-08-01T12:01:01.000Z",
      "oldest_due_at": "2026-08-01T12:00:01.000Z",
      "paused_http_status": null,
      "rate_limit": {
        "burst": 1000,
        "per_seconds": 0.01,
        "requests": 1000,
        "used": "-"
      },
      "since": null,
      "state": "waiting",
      "stopped_by": null
    }
    "#);
    assert!(!targets.to_string().contains(crate::harness::TOKEN));
    world.run().await;
    world.finish().await;
}

#[tokio::test]
async fn the_metrics_of_the_contract_exist_after_traffic() {
    let world = Setup::shipped().start().await;
    world
        .send_voice(&voice_lead("lead_a", 100))
        .await
        .accepted();
    world
        .send_voice(&voice_lead("lead_a", 100))
        .await
        .duplicate();
    world.send_voice(&voice_lead("lead_b", 77)).await.accepted();
    world.settle().await;
    world.reload().await;
    let metrics = world.metrics().await;
    for line in [
        "events_total{source=\"voice\",result=\"accepted\"} 2",
        "events_total{source=\"voice\",result=\"duplicate\"} 1",
        "decisions_total{source=\"voice\",decision=\"delivery\"} 1",
        "decisions_total{source=\"voice\",decision=\"unmapped\"} 1",
        "attempts_total{target=\"leadping\",result=\"accepted\"} 1",
        "deliveries{target=\"leadping\",state=\"delivered\"} 1",
        "deliveries{target=\"leadping\",state=\"due\"} 0",
        "oldest_due_seconds{target=\"leadping\"} 0",
        "ack_seconds_count 3",
        "delivery_lag_seconds_count{target=\"leadping\"} 1",
        "store_commit_seconds_count",
        "mapping_reloads_total{result=\"unchanged\"} 1",
        "secret_uses_total{source=\"voice\",position=\"1\"} 3",
    ] {
        let line = format!("leadping_bridge_{line}");
        assert!(metrics.contains(&line), "{line} is not in:\n{metrics}");
    }
    world.finish().await;
}

#[tokio::test]
async fn with_a_token_only_its_bearer_is_answered() {
    let setup = Setup::shipped();
    let world = setup.with_admin_token().start().await;
    for path in [
        "/metrics",
        "/api/v1/events",
        "/api/v1/parked",
        "/api/v1/targets",
        "/api/v1/nothing",
    ] {
        for wrong in [None, Some("wrong"), Some("admin-secret2"), Some("")] {
            let answer = world.admin(path, wrong).await;
            assert_eq!(answer.status, 401, "{path} {wrong:?}");
        }
    }
    assert_eq!(world.set_link("voice", "x", "y").await.status, 401);
    let answer = world.admin("/api/v1/targets", Some("admin-secret")).await;
    assert_eq!(answer.status, 200);
    let answer = world.admin("/api/v1/nothing", Some("admin-secret")).await;
    assert_eq!(answer.status, 404);
    world.finish().await;
}

#[tokio::test]
async fn without_a_token_only_a_loopback_name_is_answered() {
    let world = Setup::shipped().start().await;
    for (host, expected) in [
        ("localhost:8081", 200),
        ("127.0.0.1", 200),
        ("[::1]:8081", 200),
        ("bridge.example", 403),
        ("localhost.example", 403),
    ] {
        let answer = world.admin_as(host, "/api/v1/targets").await;
        assert_eq!(answer.status, expected, "{host}");
    }
    world.finish().await;
}
