//! Links: a call webhook names NLPearl's lead only; the lead webhook, or a person, teaches whose it
//! is, and what waited is decided first.

use serde_json::json;

use crate::harness::{Setup, World, crm, voice_call, voice_lead};

const NOON: i64 = 1_785_585_600_000;

/// Outcomes tell the events apart.
const TELLING: &str = r#"
kind = "nlpearl"
[[row]]
status = "Success"
on = "call"
leadping = { type = "Call", category = "Qualified", outcome = "call {{ call.summary }}" }
[[row]]
status = "Success"
leadping = { type = "Call", category = "Qualified", outcome = "lead" }
[[row]]
status = ["NeedRetry", "OnCall"]
ignore = "in progress"
"#;

fn call(lead: &str, number: u32) -> serde_json::Value {
    let mut body = voice_call(lead, &format!("call-{number}"), 100);
    body["summary"] = json!(number.to_string());
    body
}

async fn three_unlinked_calls() -> World {
    let world = Setup::shipped().voice(TELLING).start().await;
    for number in 1..=3 {
        world.send_voice(&call("lead_a", number)).await.accepted();
    }
    world.settle().await;
    assert_eq!(
        world.parked().await,
        ["unlinked:voice: 3 events, 0 deliveries"]
    );
    world
}

#[tokio::test]
async fn a_lead_webhook_teaches_the_link_and_what_waited_is_decided_first() {
    let world = three_unlinked_calls().await;
    world
        .send_voice(&voice_lead("lead_a", 100))
        .await
        .accepted();
    world.settle().await;
    assert_eq!(
        world.outcomes("lead_a"),
        ["call 1", "call 2", "call 3", "lead"]
    );
    assert_eq!(world.parked().await, [""; 0]);
    world.finish().await;
}

#[tokio::test]
async fn an_ignored_lead_webhook_teaches_the_link_as_well() {
    let world = three_unlinked_calls().await;
    world.send_voice(&voice_lead("lead_a", 40)).await.accepted();
    world.settle().await;
    assert_eq!(world.outcomes("lead_a"), ["call 1", "call 2", "call 3"]);
    world.finish().await;
}

#[tokio::test]
async fn a_person_sets_the_link() {
    let mut world = three_unlinked_calls().await;
    // Parked events outlive a restart.
    world.restart().await;
    let set = world.set_link("voice", "pearl-lead_a", "lead_a").await;
    assert_eq!(
        (set.status, set.body),
        (200, json!({"result": "new", "decided": 3}))
    );
    world.settle().await;
    assert_eq!(world.outcomes("lead_a"), ["call 1", "call 2", "call 3"]);
    // From now on the calls of this lead are linked.
    world.send_voice(&call("lead_a", 4)).await.accepted();
    world.settle().await;
    assert_eq!(world.outcomes("lead_a").len(), 4);
    world.finish().await;
}

#[tokio::test]
async fn a_link_that_names_nothing_sensible_is_refused() {
    let world = three_unlinked_calls().await;
    for (source, id, lead) in [("video", "x", "y"), ("voice", " ", "y"), ("voice", "x", "")] {
        let set = world.set_link(source, id, lead).await;
        assert_eq!(set.status, 400, "{}", set.body);
    }
    world.finish().await;
}

#[tokio::test]
async fn only_what_wants_a_call_needs_a_link() {
    let world = Setup::shipped().voice(TELLING).start().await;
    world
        .send_voice(&voice_call("lead_a", "c1", 40))
        .await
        .accepted();
    world.settle().await;
    assert_eq!(world.all_events().await, "voice: settled, ignored");
    world.finish().await;
}

#[tokio::test]
async fn other_leads_links_release_nothing() {
    let world = three_unlinked_calls().await;
    world
        .send_voice(&voice_lead("lead_b", 100))
        .await
        .accepted();
    world.settle().await;
    assert_eq!(
        world.parked().await,
        ["unlinked:voice: 3 events, 0 deliveries"]
    );
    world.finish().await;
}

#[tokio::test]
async fn what_is_released_late_is_stale_if_something_newer_was_applied() {
    let world = three_unlinked_calls().await;
    // The CRM knows the LeadPing lead; that it is also `pearl-lead_a` is learnt only later.
    world
        .send_crm(&crm("lead_a", "e1", "WON", NOON))
        .await
        .accepted();
    world.settle().await;
    let set = world.set_link("voice", "pearl-lead_a", "lead_a").await;
    assert_eq!(
        (set.status, set.body),
        (200, json!({"result": "new", "decided": 3}))
    );
    world.settle().await;
    assert_eq!(world.outcomes("lead_a"), ["Won"]);
    insta::assert_snapshot!(world.timeline("lead_a").await, @"
    voice: settled, matched stale
    voice: settled, matched stale
    voice: settled, matched stale
    crm: settled, matched delivery; delivered Converted/Won, 1 tries, 201
    ");
    world.finish().await;
}

#[tokio::test]
async fn a_voice_lead_that_names_the_crm_lead_is_linked_through_it() {
    let world = Setup::shipped()
        .set("sources.voice.links", "{ crm = \"/externalId\" }")
        .set("decide.terminal_categories", "[]")
        .start()
        .await;
    let mut body = voice_lead("lead_a", 100);
    body["callData"] = json!({});
    body["externalId"] = json!("crm-lead_a");
    world.send_voice(&body).await.accepted();
    world.settle().await;
    assert_eq!(
        world.parked().await,
        ["unlinked:voice: 1 events, 0 deliveries"]
    );
    // The CRM's event names its own lead and LeadPing's.
    world
        .send_crm(&crm("lead_a", "e1", "WON", NOON))
        .await
        .accepted();
    world.settle().await;
    assert_eq!(world.outcomes("lead_a"), ["Interested", "Won"]);
    world
        .send_voice(&voice_call("lead_a", "c1", 110))
        .await
        .accepted();
    world.settle().await;
    assert_eq!(
        world.outcomes("lead_a"),
        ["Interested", "Won", "Not interested"]
    );
    world.finish().await;
}

#[tokio::test]
async fn a_lead_webhook_that_is_parked_itself_teaches_the_link() {
    let world = three_unlinked_calls().await;
    world.send_voice(&voice_lead("lead_a", 77)).await.accepted();
    world.settle().await;
    assert_eq!(world.outcomes("lead_a"), ["call 1", "call 2", "call 3"]);
    assert_eq!(
        world.parked().await,
        ["unmapped:voice:77: 1 events, 0 deliveries"]
    );
    world.finish().await;
}

#[tokio::test]
async fn a_source_that_now_names_another_leadping_lead_is_believed() {
    let world = Setup::shipped().voice(TELLING).start().await;
    world
        .send_voice(&voice_lead("lead_a", 100))
        .await
        .accepted();
    let mut moved = voice_lead("lead_a", 100);
    moved["callData"]["leadpingLeadId"] = json!("lead_b");
    world.send_voice(&moved).await.accepted();
    world.send_voice(&call("lead_a", 1)).await.accepted();
    world.settle().await;
    assert_eq!(world.outcomes("lead_a"), ["lead"]);
    assert_eq!(world.outcomes("lead_b"), ["lead", "call 1"]);
    world.finish().await;
}
