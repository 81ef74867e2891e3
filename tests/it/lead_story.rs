//! `GET /api/v1/leads/{id}`: one lead's story, from the webhook to the answer of the target.

use leadping_bridge::sandbox::{FaultRule, FaultScope};
use serde_json::{Value, json};

use crate::harness::{Setup, crm, status, voice_call, voice_lead};

const NOON: i64 = 1_785_585_600_000;

/// What differs from run to run goes.
fn steady(mut story: Value) -> Value {
    fn visit(value: &mut Value) {
        match value {
            Value::Object(members) => {
                for (name, value) in members.iter_mut() {
                    match name.as_str() {
                        "id" | "delivery" if value.as_str().is_some_and(|id| id.len() == 36) => {
                            *value = json!("(uuid)");
                        }
                        "table" | "entry_id" if value.is_string() => *value = json!("(text)"),
                        "duration_ms" | "last_duration_ms" if value.is_number() => {
                            *value = json!("(ms)");
                        }
                        _ => visit(value),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(visit),
            _ => {}
        }
    }
    visit(&mut story);
    story
}

#[tokio::test]
async fn a_leads_story_names_webhook_row_call_and_answer() {
    let world = Setup::steps().start().await;
    world.answer(FaultRule::once(FaultScope::Set, status(503)));
    world.step("lead_a", "one").await;
    world.run().await;
    let story = steady(world.get("/api/v1/leads/lead_a").await);
    insta::assert_snapshot!(serde_json::to_string_pretty(&story).unwrap());
    // Nothing of the person: no number, no body.
    assert!(!story.to_string().contains("+1415"));
    world.finish().await;
}

#[tokio::test]
async fn a_lead_is_found_by_any_of_its_ids_and_its_events_come_in_pages() {
    let world = Setup::shipped().start().await;
    for code in [100, 110, 130] {
        world
            .send_voice(&voice_lead("lead_a", code))
            .await
            .accepted();
    }
    world
        .send_voice(&voice_lead("lead_a", 130))
        .await
        .duplicate();
    world
        .send_crm(&crm("lead_a", "e1", "WON", NOON))
        .await
        .accepted();
    world.settle().await;
    for id in ["lead_a", "pearl-lead_a", "crm-lead_a"] {
        let story = world.get(&format!("/api/v1/leads/{id}")).await;
        assert_eq!(story["lead"]["lead_id"], "lead_a", "{id}");
        let seen: Vec<String> = story["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| format!("{} {}", event["facts"]["status"], event["duplicates"]))
            .collect();
        assert_eq!(seen, ["\"WON\" 0", "130 1", "110 0", "100 0"], "{id}");
    }
    let mut path = "/api/v1/leads/lead_a?limit=3".to_owned();
    let mut sizes = Vec::new();
    loop {
        let page = world.get(&path).await;
        sizes.push(page["items"].as_array().unwrap().len());
        match page["next_cursor"].as_str() {
            Some(next) => path = format!("/api/v1/leads/lead_a?limit=3&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(sizes, [3, 1]);
    world.finish().await;
}

#[tokio::test]
async fn an_id_that_means_two_leads_needs_its_source() {
    let world = Setup::shipped().start().await;
    assert_eq!(world.set_link("voice", "77", "lead_a").await.status, 200);
    assert_eq!(world.set_link("crm", "77", "lead_b").await.status, 200);
    let answer = world.admin("/api/v1/leads/77", None).await;
    assert_eq!(answer.status, 409);
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.ends_with("crm, voice"), "{detail}");
    for (source, lead) in [("voice", "lead_a"), ("crm", "lead_b")] {
        let story = world
            .get(&format!("/api/v1/leads/77?source={source}"))
            .await;
        assert_eq!(story["lead"]["lead_id"], lead);
    }
    for (path, expected) in [
        ("leads/77?source=leadping", 404),
        ("leads/nobody", 404),
        ("leads/77?source=video", 400),
        ("leads/77?colour=red", 400),
    ] {
        let answer = world.admin(&format!("/api/v1/{path}"), None).await;
        assert_eq!(answer.status, expected, "{path}");
    }
    world.finish().await;
}

#[tokio::test]
async fn a_lead_that_nobody_linked_has_a_story_too() {
    let world = Setup::shipped().start().await;
    world
        .send_voice(&voice_call("lead_c", "c1", 100))
        .await
        .accepted();
    world.settle().await;
    let story = world.get("/api/v1/leads/pearl-lead_c").await;
    assert_eq!(story["lead"]["lead_id"], Value::Null);
    assert_eq!(story["items"][0]["cause"], "unlinked:voice");
    assert_eq!(story["items"][0]["facts"]["call"], "c1");
    world.finish().await;
}
