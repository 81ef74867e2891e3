//! What a person does about the parked: release decides again now, with today's tables; discard
//! gives up.

use leadping_bridge::sandbox::{FaultRule, FaultScope};
use serde_json::json;

use crate::harness::watch::items;
use crate::harness::{Setup, World, status, voice_lead};

/// The steps' table, as somebody mended it.
const MENDED: &str = r#"
kind = "nlpearl"
[[row]]
status = "Success"
leadping = { type = "Call", category = "Open", outcome = "mended {{ body.step }}" }
"#;
const REFUSED: &str = "refused:leadping:422";

/// `lead_a` was refused with step one.
async fn refused() -> World {
    let world = Setup::steps().with_admin_token().start().await;
    world.answer(FaultRule::once(FaultScope::Set, status(422)).lead("lead_a"));
    world.step("lead_a", "one").await;
    world.settle().await;
    assert_eq!(
        world.deliveries("lead_a").await,
        ["parked Open/one, 1 tries, 422, refused:leadping:422"]
    );
    world
}

#[tokio::test]
async fn a_refused_delivery_is_decided_again_with_todays_table() {
    let world = refused().await;
    world.replace_table("voice", MENDED).await;
    world.settle().await;
    // No reload releases it.
    assert_eq!(world.outcomes("lead_a"), [""; 0]);
    let body = json!({ "cause": REFUSED });
    let answer = world.post_admin("parked/release", &body).await;
    assert_eq!(
        (answer.status, answer.body),
        (200, json!({"results": {"due": 1}}))
    );
    world.settle().await;
    assert_eq!(world.outcomes("lead_a"), ["mended one"]);
    assert_eq!(
        world.timeline("lead_a").await,
        "voice: settled, matched delivery; delivered Open/mended one, 2 tries, 201"
    );
    world.finish().await;
}

#[tokio::test]
async fn as_it_is_it_is_sent_as_it_was_decided() {
    let world = refused().await;
    world.replace_table("voice", MENDED).await;
    let body = json!({ "cause": REFUSED, "as_is": true });
    let answer = world.post_admin("parked/release", &body).await;
    assert_eq!(
        (answer.status, answer.body),
        (200, json!({"results": {"due": 1}}))
    );
    world.settle().await;
    assert_eq!(world.outcomes("lead_a"), ["one"]);
    world.finish().await;
}

#[tokio::test]
async fn nothing_old_goes_over_something_newer() {
    for as_is in [false, true] {
        let world = refused().await;
        world.step("lead_a", "two").await;
        world.settle().await;
        let body = json!({ "cause": REFUSED, "as_is": as_is });
        let answer = world.post_admin("parked/release", &body).await;
        assert_eq!(answer.body, json!({"results": {"superseded": 1}}));
        world.settle().await;
        assert_eq!(world.outcomes("lead_a"), ["two"]);
        assert_eq!(world.parked().await, [""; 0]);
        world.finish().await;
    }
}

#[tokio::test]
async fn a_released_delivery_that_is_refused_again_waits_again() {
    let world = refused().await;
    world.answer(FaultRule::once(FaultScope::Set, status(422)).lead("lead_a"));
    world
        .post_admin("parked/release", &json!({ "cause": REFUSED }))
        .await;
    world.settle().await;
    assert_eq!(
        world.deliveries("lead_a").await,
        ["parked Open/one, 2 tries, 422, refused:leadping:422"]
    );
    let event = &world.events("cause=refused:leadping:422").await[0];
    let id = &event["deliveries"][0]["id"];
    let body = json!({ "delivery": id });
    let answer = world.post_admin("parked/discard", &body).await;
    assert_eq!(answer.body, json!({"results": {"discarded": 1}}));
    world.step("lead_a", "two").await;
    world.settle().await;
    assert_eq!(world.outcomes("lead_a"), ["two"]);
    assert_eq!(
        world.deliveries("lead_a").await,
        [
            "discarded Open/one, 2 tries, 422",
            "delivered Open/two, 1 tries, 201"
        ]
    );
    world.finish().await;
}

/// The event went on; its delivery stayed behind. Who names the event means that.
#[tokio::test]
async fn an_event_stands_for_what_it_left_behind() {
    let world = refused().await;
    let event = &world.events("cause=refused:leadping:422").await[0];
    let body = json!({ "event": event["id"] });
    let answer = world.post_admin("parked/release", &body).await;
    assert_eq!(
        (answer.status, answer.body),
        (200, json!({"results": {"due": 1}}))
    );
    world.settle().await;
    assert_eq!(world.outcomes("lead_a"), ["one"]);
    assert_eq!(world.post_admin("parked/discard", &body).await.status, 404);
    world.finish().await;
}

#[tokio::test]
async fn a_discarded_event_is_not_decided_by_a_later_table() {
    let world = Setup::steps().with_admin_token().start().await;
    let parked = crate::harness::voice_lead("lead_a", 77);
    world.send_voice(&parked).await.accepted();
    world.settle().await;
    let id = &world.events("cause=unmapped:voice:77").await[0]["id"];
    let answer = world
        .post_admin("parked/discard", &json!({ "event": id }))
        .await;
    assert_eq!(answer.body, json!({"results": {"discarded": 1}}));
    let covers = "kind = \"nlpearl\"\n[[row]]\nstatus = 77\nleadping = { type = \"Call\", outcome = \"now\" }\n";
    world.replace_table("voice", covers).await;
    world.settle().await;
    assert_eq!(world.outcomes("lead_a"), [""; 0]);
    assert_eq!(world.all_events().await, "voice: discarded, unmapped");
    world.finish().await;
}

#[tokio::test]
async fn who_asks_wrongly_is_told() {
    let world = refused().await;
    let nobody = "01986f0e-7c00-7000-8000-000000000001";
    for (body, status) in [
        (json!({}), 400),
        (json!({ "event": "x" }), 400),
        (json!({ "event": nobody, "cause": REFUSED }), 400),
        (json!({ "event": nobody, "as_is": true }), 400),
        (json!({ "cause": "unmapped:voice:77", "as_is": true }), 400),
        (json!({ "cause": REFUSED, "cursor": "x" }), 400),
        (json!({ "everything": true }), 400),
        (json!({ "event": nobody }), 404),
        (json!({ "delivery": nobody }), 404),
    ] {
        let answer = world.post_admin("parked/release", &body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
    }
    for verb in ["release", "discard"] {
        let path = format!("/api/v1/parked/{verb}");
        assert_eq!(world.admin(&path, None).await.status, 401);
    }
    assert_eq!(
        world.parked().await,
        ["refused:leadping:422: 0 events, 1 deliveries"]
    );
    world.finish().await;
}

#[tokio::test]
async fn the_row_that_is_offered_takes_what_is_parked() {
    let world = Setup::shipped().start().await;
    for (lead, status) in [
        ("lead_a", json!("Gone \"fishing\"")),
        ("lead_b", json!(777)),
    ] {
        world.send_voice(&voice_lead(lead, status)).await.accepted();
    }
    world.settle().await;
    let parked = world.get("/api/v1/parked").await;
    let items = items(&parked);
    // A name that needs every kind of quote, and a number of no page.
    insta::assert_snapshot!(serde_json::to_string_pretty(&items[1]).unwrap(), @r#"
    {
      "cause": "unmapped:voice:Gone__fishing_.213da3ea",
      "deliveries": 0,
      "events": 1,
      "oldest_at": "2026-08-01T12:00:01.000Z",
      "row": {
        "file": "voice.toml",
        "text": "[[row]]\nname = \"Gone \\\"fishing\\\"\"\nwhen = \"event.status == 'Gone \\\"fishing\\\"'\"\nleadping = { category = \"Open\", outcome = \"Gone \\\"fishing\\\"\" }\n# categories: Open, Qualified, Converted, Lost, Invalid, Duplicate\n# instead of `leadping`, where nothing has to be done: ignore = \"why\"\n"
      },
      "suggestion": "add a row for \"Gone \\\"fishing\\\"\" to the mapping of `voice`; it is then decided again by itself"
    }
    "#);
    assert_eq!(items[0]["cause"], "unmapped:voice:777");
    let mut table = include_str!("../../mappings/voice.toml").to_owned();
    for item in items {
        table += "\n";
        table += item["row"]["text"].as_str().unwrap();
    }
    world.replace_table("voice", &table).await;
    world.requests(2).await;
    world.settle().await;
    assert_eq!(world.outcomes("lead_a"), ["Gone \"fishing\""]);
    assert_eq!(world.outcomes("lead_b"), ["Status 777"]);
    assert_eq!(world.parked().await, [""; 0]);
    world.finish().await;
}

#[tokio::test]
async fn a_status_that_is_too_long_for_a_row_says_so_and_how_it_is_taken() {
    let world = Setup::shipped().start().await;
    let status = format!("It's {{closed}} {}", "x".repeat(300));
    world
        .send_voice(&voice_lead("lead_a", json!(status)))
        .await
        .accepted();
    world.settle().await;
    let parked = world.get("/api/v1/parked").await;
    let item = &items(&parked)[0];
    assert!(item.get("row").is_none(), "{item}");
    let suggestion = item["suggestion"].as_str().unwrap();
    assert!(
        suggestion.starts_with(
            "its status has 314 characters, and beyond 200 no row is offered: take it by how it \
             begins, in a row of the mapping of `voice` with `when = \"event.status"
        ),
        "{suggestion}"
    );
    assert!(suggestion.len() < 400, "{suggestion}");
    let (_, when) = suggestion
        .split_once('`')
        .unwrap()
        .1
        .split_once('`')
        .unwrap();
    let when = when.split('`').nth(1).unwrap();
    let table = include_str!("../../mappings/voice.toml");
    let row = format!("{table}\n[[row]]\nname = \"closed\"\n{when}\nignore = \"closed\"\n");
    world.replace_table("voice", &row).await;
    world.settle().await;
    assert_eq!(world.parked().await, [""; 0]);
    world.finish().await;
}

#[tokio::test]
async fn a_cause_of_many_reasons_says_which_are_met_most() {
    let world = Setup::shipped().with_admin_token().start().await;
    for (lead, wrong) in [
        ("lead_a", json!(null)),
        ("lead_b", json!(null)),
        ("lead_c", json!(null)),
        ("lead_d", json!({})),
        ("lead_e", json!([])),
        ("lead_f", json!(true)),
    ] {
        world.send_voice(&voice_lead(lead, wrong)).await.accepted();
    }
    world.settle().await;
    let parked = world.get("/api/v1/parked").await;
    let item = &items(&parked)[0];
    assert_eq!(item["cause"], "invalid:voice");
    let reasons = &item["reasons"];
    assert_eq!(reasons["newest"], 6);
    let most = reasons["most"].as_array().unwrap();
    assert!(most.len() <= 3, "{most:?}");
    assert_eq!(most[0]["events"], 3);
    let why = most[0]["why"].as_str().unwrap();
    assert!(why.contains("status"), "{why}");
    assert!(most.iter().all(|reason| reason["why"] != ""), "{most:?}");
    world.finish().await;
}

#[tokio::test]
async fn a_replay_of_what_was_given_up_says_that_it_stays_so() {
    let world = Setup::steps().with_admin_token().start().await;
    let id = world.send_voice(&voice_lead("lead_a", 77)).await.accepted();
    world.settle().await;
    world
        .post_admin("parked/discard", &json!({ "event": id }))
        .await;
    for start in [false, true] {
        let body = json!({ "ids": [id], "start": start });
        let answer = world.post_admin("events/replay", &body).await;
        assert_eq!(answer.body["results"], json!({ "stays_discarded": 1 }));
    }
    world.settle().await;
    let progress = world.get("/api/v1/events/replay").await;
    assert_eq!(progress["results"], json!({ "stays_discarded": 1 }));
    assert_eq!(world.all_events().await, "voice: discarded, unmapped");
    world.finish().await;
}
