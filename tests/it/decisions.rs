//! Deciding, seen from outside: stale, unchanged, ignored, parked, and what releases what.

use serde_json::json;

use crate::harness::{Setup, World, crm, seconds, voice_call, voice_lead};

/// 12:00:00, when the worlds begin.
const NOON: i64 = 1_785_585_600_000;

async fn shipped() -> World {
    Setup::shipped().start().await
}

#[tokio::test]
async fn the_shipped_payloads_go_all_the_way() {
    let world = shipped().await;
    macro_rules! payload {
        ($name:literal) => {
            serde_json::from_str(include_str!(concat!("../payloads/", $name, ".json"))).unwrap()
        };
    }
    for body in [
        payload!("nlpearl-lead-new"),
        payload!("nlpearl-lead-on-call"),
        payload!("nlpearl-call-start"),
        payload!("nlpearl-lead-success"),
        payload!("nlpearl-call-end"),
    ] {
        world.send_voice(&body).await.accepted();
        // Detail of a set under way amends it, of one not yet sent goes with it: be sure which.
        world.settle().await;
    }
    world
        .send_crm(&payload!("capillary-lead-won"))
        .await
        .accepted();
    world.settle().await;
    insta::assert_snapshot!(world.timeline("lead_7Q2M4").await, @"
    voice: settled, matched delivery; delivered Open/New, 1 tries, 201
    voice: settled, ignored
    voice: settled, ignored
    voice: settled, matched delivery; delivered Qualified/Interested, 1 tries, 201
    voice: settled, matched amend; delivered Qualified/Interested, 1 tries, 200
    crm: settled, matched delivery; delivered Converted/Won, 1 tries, 201
    ");
    insta::assert_snapshot!(world.calls(), @"
    set lead_7Q2M4 New: 201
    set lead_7Q2M4 Interested: 201
    amend lead_7Q2M4 Interested: 200
    set lead_7Q2M4 Won: 201
    ");
    world.finish().await;
}

#[tokio::test]
async fn the_same_again_is_unchanged_and_another_call_sets_again() {
    let world = shipped().await;
    let with_calls = |calls: &[&str]| {
        let mut body = voice_lead("lead_a", 100);
        body["callsId"] = json!(calls);
        body
    };
    world.send_voice(&with_calls(&["c1"])).await.accepted();
    world.send_voice(&voice_lead("lead_a", 10)).await.accepted();
    world.send_voice(&with_calls(&["c1"])).await.duplicate();
    world.clock.advance(seconds(121));
    world.send_voice(&with_calls(&["c1"])).await.accepted();
    world
        .send_voice(&with_calls(&["c1", "c2"]))
        .await
        .accepted();
    world
        .send_crm(&crm("lead_b", "e1", "WON", NOON))
        .await
        .accepted();
    world
        .send_crm(&crm("lead_b", "e2", "WON", NOON))
        .await
        .accepted();
    world.settle().await;
    insta::assert_snapshot!(world.timeline("lead_a").await, @"
    voice: settled, matched delivery, 1 duplicates; delivered Qualified/Interested, 1 tries, 201
    voice: settled, ignored
    voice: settled, matched unchanged
    voice: settled, matched delivery; delivered Qualified/Interested, 1 tries, 201
    ");
    insta::assert_snapshot!(world.timeline("lead_b").await, @"
    crm: settled, matched delivery; delivered Converted/Won, 1 tries, 201
    crm: settled, matched unchanged
    ");
    world.finish().await;
}

#[tokio::test]
async fn unchanged_looks_at_what_is_due_and_not_at_what_was_parked() {
    use leadping_bridge::sandbox::{FaultRule, FaultScope};
    let world = shipped().await;
    world.answer(FaultRule::once(
        FaultScope::Set,
        crate::harness::status(408),
    ));
    world
        .send_crm(&crm("lead_a", "e1", "WON", NOON))
        .await
        .accepted();
    world.settle().await;
    world
        .send_crm(&crm("lead_a", "e2", "WON", NOON))
        .await
        .accepted();
    world.run().await;
    assert_eq!(world.outcomes("lead_a"), ["Won"]);

    world.answer(FaultRule::once(
        FaultScope::Set,
        crate::harness::status(422),
    ));
    world
        .send_crm(&crm("lead_b", "e3", "WON", NOON))
        .await
        .accepted();
    world.settle().await;
    world
        .send_crm(&crm("lead_b", "e4", "WON", NOON))
        .await
        .accepted();
    world.settle().await;
    assert_eq!(world.outcomes("lead_b"), ["Won"]);
    world.finish().await;
}

#[tokio::test]
async fn what_cannot_be_decided_is_parked_with_its_cause() {
    let world = shipped().await;
    world.send_voice(&voice_lead("lead_a", 77)).await.accepted();
    world
        .send_voice(&voice_lead("lead_b", "Meditating"))
        .await
        .accepted();
    world
        .send_voice(&voice_lead("lead_c", 500))
        .await
        .accepted();
    world
        .send_voice(&json!({"id": "pearl-lead_d"}))
        .await
        .accepted();
    world
        .send_crm(&crm("lead_e", "e1", "SLEEPING", NOON))
        .await
        .accepted();
    world
        .send_crm(&json!({"anything": "at all"}))
        .await
        .accepted();
    let mut nobodys = voice_call("lead_f", "c1", 100);
    nobodys["leadId"] = json!(null);
    world.send_voice(&nobodys).await.accepted();
    world
        .send_voice(&voice_call("lead_g", "c2", 100))
        .await
        .accepted();
    world
        .send_voice(&voice_call("lead_h", "c3", 40))
        .await
        .accepted();
    world.settle().await;
    insta::assert_snapshot!(world.all_events().await, @"
    voice: parked unmapped:voice:77
    voice: parked unmapped:voice:Meditating
    voice: parked row:voice:500
    voice: parked invalid:voice
    crm: parked unmapped:crm:SLEEPING
    crm: parked invalid:crm
    voice: settled, ignored
    voice: parked unlinked:voice
    voice: settled, ignored
    ");
    insta::assert_snapshot!(world.parked().await.join("\n"), @"
    invalid:crm: 1 events, 0 deliveries
    invalid:voice: 1 events, 0 deliveries
    row:voice:500: 1 events, 0 deliveries
    unlinked:voice: 1 events, 0 deliveries
    unmapped:crm:SLEEPING: 1 events, 0 deliveries
    unmapped:voice:77: 1 events, 0 deliveries
    unmapped:voice:Meditating: 1 events, 0 deliveries
    ");
    assert_eq!(world.calls(), "");
    world.finish().await;
}

#[tokio::test]
async fn pointers_that_disagree_park_the_event() {
    let world = Setup::shipped()
        .set(
            "sources.voice.lead",
            "[\"/callData/leadpingLeadId\", \"/callData/other\"]",
        )
        .start()
        .await;
    let mut body = voice_lead("lead_a", 100);
    body["callData"]["other"] = json!("lead_b");
    world.send_voice(&body).await.accepted();
    body["callData"]["other"] = json!("lead_a");
    world.send_voice(&body).await.accepted();
    world.settle().await;
    insta::assert_snapshot!(world.all_events().await, @"
    voice: parked invalid:voice
    voice: settled, matched delivery; delivered Qualified/Interested, 1 tries, 201
    ");
    world.finish().await;
}

#[tokio::test]
async fn a_row_may_look_at_the_calls_and_at_what_the_lead_was() {
    let world = Setup::shipped()
        .voice(
            r#"
kind = "nlpearl"
[[row]]
status = "VoiceMailLeft"
when = "lead.calls >= 3"
leadping = { type = "Call", category = "Lost", outcome = "No answer after {{ previous.outcome | default('nothing') }}" }
[[row]]
status = "VoiceMailLeft"
leadping = { type = "Call", category = "Open", outcome = "Voicemail {{ lead.calls }}" }
"#,
        )
        .start()
        .await;
    for calls in [json!([]), json!(["c1"]), json!(["c1", "c2"]), json!(["c3"])] {
        let mut body = voice_lead("lead_a", 70);
        body["callsId"] = calls;
        world.send_voice(&body).await.accepted();
    }
    world.settle().await;
    assert_eq!(
        world.outcomes("lead_a"),
        [
            "Voicemail 0",
            "Voicemail 1",
            "Voicemail 2",
            "No answer after Voicemail 2"
        ]
    );
    world.finish().await;
}
