//! Resolvers: an event whose lead is not known has NLPearl asked, once per lead; what it answers is
//! a link like any other, and what waited is decided in order.

use leadping_bridge::sandbox::{Fault, FaultRule, FaultScope, System};
use serde_json::{Value, json};

use crate::harness::{
    CRM_LEAD, LEADPING_LEAD, Setup, VOICE_LEAD, World, crm_alone, millis, retry_after, seconds,
    status, voice_lead,
};

const PEARL: &str = "66f1a2b3c4d5e6f708192a3b";
/// NLPearl's id of somebody else.
const OTHER: &str = "68c3f1a2b4d5e6f708192a99";

/// Outcomes tell the events apart.
const TELLING: &str = r#"
kind = "nlpearl"
[[row]]
status = "Success"
leadping = { type = "Call", category = "Qualified", outcome = "{{ call.summary | default('lead') }}" }
"#;

fn setup() -> Setup {
    Setup::shipped()
        .voice(TELLING)
        .writing_back()
        .set("sources.voice.resolve", "{ target = \"nlpearl\" }")
}

/// The end of a call that names NLPearl's lead only.
fn call(lead: &str, number: u32) -> Value {
    json!({
        "id": format!("call-{number}"),
        "pearlId": PEARL,
        "conversationStatus": 100,
        "status": 4,
        "summary": number.to_string(),
        "leadId": lead,
    })
}

async fn send(world: &World, lead: &str, number: u32) {
    world.send_voice(&call(lead, number)).await.accepted();
}

/// NLPearl has another lead, whose LeadPing id it knows.
fn put_other(world: &World) {
    let lead = json!({
        "id": OTHER,
        "pearlId": PEARL,
        "outboundId": "66f1a2b3c4d5e6f708192a4c",
        "callData": {"leadpingLeadId": "lead_b"},
    });
    world.sandbox().put_lead(System::Nlpearl, &lead).unwrap();
}

/// Waits until so many resolves of the source ended so.
async fn resolved(world: &World, source: &str, result: &str, count: u32) {
    let line = format!(
        "leadping_bridge_resolves_total{{source=\"{source}\",result=\"{result}\"}} {count}\n"
    );
    let started = std::time::Instant::now();
    loop {
        let metrics = world.metrics().await;
        if metrics.contains(&line) {
            break;
        }
        let told: Vec<&str> = metrics
            .lines()
            .filter(|line| line.contains("resolves_total"))
            .collect();
        assert!(started.elapsed() < seconds(30), "no {line}: {told:?}");
        world.look().await;
    }
    world.settle().await;
}

#[tokio::test]
async fn a_call_of_an_unknown_lead_is_tied_by_asking_once() {
    let world = setup().start().await;
    world.put_lead_everywhere();
    world.answer(FaultRule::once(FaultScope::Read, status(503)).at(System::Nlpearl));
    for number in 1..=3 {
        send(&world, VOICE_LEAD, number).await;
    }
    resolved(&world, "voice", "failed", 1).await;
    assert_eq!(
        world.parked().await,
        ["unlinked:voice: 3 events, 0 deliveries"]
    );
    world.advance(seconds(1)).await;
    resolved(&world, "voice", "linked", 1).await;
    assert_eq!(world.outcomes(LEADPING_LEAD), ["1", "2", "3"]);
    assert_eq!(world.parked().await, [""; 0]);
    insta::assert_snapshot!(world.calls_at(System::Nlpearl), @"
    Read 68c3f1a2b4d5e6f708192a3b : 503
    Read 68c3f1a2b4d5e6f708192a3b : 200
    ");
    // The answer named the CRM's id too.
    send(&world, VOICE_LEAD, 4).await;
    world.send_crm(&crm_alone("e1", "WON")).await.accepted();
    world.settle().await;
    assert_eq!(world.outcomes(LEADPING_LEAD), ["1", "2", "3", "4", "Won"]);
    assert_eq!(world.calls_at(System::Nlpearl).lines().count(), 2);
    world.finish().await;
}

#[tokio::test]
async fn nothing_there_is_remembered_for_a_while() {
    let world = setup()
        .set("sources.voice.resolve.nothing_for_seconds", "60")
        .start()
        .await;
    send(&world, OTHER, 1).await;
    resolved(&world, "voice", "nothing", 1).await;
    send(&world, OTHER, 2).await;
    world.settle().await;
    put_other(&world);
    world.advance(seconds(59)).await;
    send(&world, OTHER, 3).await;
    world.look_on().await;
    assert_eq!(
        world.parked().await,
        ["unlinked:voice: 3 events, 0 deliveries"]
    );
    assert_eq!(world.calls_at(System::Nlpearl).lines().count(), 1);
    // What waits does not ask by itself; the lead's next event does, for all of them.
    world.advance(seconds(1)).await;
    send(&world, OTHER, 4).await;
    resolved(&world, "voice", "linked", 1).await;
    assert_eq!(world.outcomes("lead_b"), ["1", "2", "3", "4"]);
    world.finish().await;
}

#[tokio::test]
async fn what_a_person_releases_is_asked_for_at_once() {
    let world = setup()
        .set("sources.voice.resolve.nothing_for_seconds", "3600")
        .start()
        .await;
    send(&world, OTHER, 1).await;
    resolved(&world, "voice", "nothing", 1).await;
    put_other(&world);
    let cause = json!({ "cause": "unlinked:voice" });
    let freed = world.post_admin("parked/release", &cause).await;
    assert_eq!(freed.body["results"], json!({ "parked": 1 }));
    resolved(&world, "voice", "linked", 1).await;
    assert_eq!(world.outcomes("lead_b"), ["1"]);
    world.finish().await;
}

#[tokio::test]
async fn what_waits_is_asked_for_after_a_restart() {
    let mut world = setup()
        .set("sources.voice.resolve", "{ target = \"nlpearl\" }")
        .start()
        .await;
    world.answer(FaultRule::always(FaultScope::Read, status(401)).at(System::Nlpearl));
    send(&world, VOICE_LEAD, 1).await;
    send(&world, VOICE_LEAD, 2).await;
    resolved(&world, "voice", "failed", 1).await;
    world.crash().await;
    world.put_lead_everywhere();
    world.sandbox().clear_faults();
    world.start().await;
    resolved(&world, "voice", "linked", 1).await;
    assert_eq!(world.outcomes(LEADPING_LEAD), ["1", "2"]);
    world.finish().await;
}

#[tokio::test]
async fn one_lead_that_cannot_be_read_holds_up_no_other() {
    let world = setup().start().await;
    world.put_lead_everywhere();
    put_other(&world);
    world.answer(
        FaultRule::always(FaultScope::Read, status(500))
            .lead(VOICE_LEAD)
            .at(System::Nlpearl),
    );
    send(&world, VOICE_LEAD, 1).await;
    resolved(&world, "voice", "failed", 1).await;
    send(&world, OTHER, 2).await;
    world.advance(seconds(1)).await;
    resolved(&world, "voice", "linked", 1).await;
    assert_eq!(world.outcomes("lead_b"), ["2"]);
    assert_eq!(
        world.parked().await,
        ["unlinked:voice: 1 events, 0 deliveries"]
    );
    world.finish().await;
}

#[tokio::test]
async fn asking_waits_for_the_target_as_every_call_does() {
    let world = setup()
        .set(
            "targets.nlpearl.rate_limit",
            "{ requests = 60, per_seconds = 60, burst = 1 }",
        )
        .start()
        .await;
    put_other(&world);
    world.put_lead_everywhere();
    world.answer(FaultRule::once(FaultScope::Read, retry_after(429, "30")).at(System::Nlpearl));
    // The first call of the rate goes to the worker, which looks for what an earlier run left.
    world.look_on().await;
    world.advance(seconds(1)).await;
    send(&world, VOICE_LEAD, 1).await;
    resolved(&world, "voice", "failed", 1).await;
    send(&world, OTHER, 2).await;
    let asked = |world: &World| world.calls_at(System::Nlpearl).lines().count();
    // The gate is closed for half a minute.
    for _ in 0..29 {
        world.clock.advance(seconds(1));
        world.look_until(|look| look.due == 0).await;
    }
    assert_eq!(asked(&world), 1);
    world.clock.advance(seconds(1));
    world.requests(2).await;
    // And there is one call a second.
    world.look_on().await;
    assert_eq!(asked(&world), 2);
    world.clock.advance(millis(1000));
    resolved(&world, "voice", "linked", 2).await;
    assert_eq!(asked(&world), 3);
    world.run().await;
    world.finish().await;
}

#[tokio::test]
async fn a_vendor_that_does_not_answer_keeps_nobody_waiting() {
    let world = setup().sandbox_in_real_time().start().await;
    world.put_lead_everywhere();
    world.answer(FaultRule::once(FaultScope::Read, Fault::HangAfterApply).at(System::Nlpearl));
    send(&world, VOICE_LEAD, 1).await;
    world.requests(1).await;
    let mut lead = voice_lead("lead_c", 100);
    lead["callsId"] = json!([]);
    world.send_voice(&lead).await.accepted();
    world.settle().await;
    assert_eq!(world.outcomes("lead_c"), ["lead"]);
    assert_eq!(
        world.parked().await,
        ["unlinked:voice: 1 events, 0 deliveries"]
    );
    world.finish().await;
}

#[tokio::test]
async fn the_crm_s_lead_is_looked_for_by_its_external_id() {
    let world = Setup::shipped()
        .voice(TELLING)
        .crm(
            r#"
kind = "capillary"
[[row]]
status = "WON"
leadping = { type = "CRM", category = "Converted", outcome = "Won" }
nlpearl = { status = "Completed" }
"#,
        )
        .writing_back()
        .set("sources.crm.resolve", "{ target = \"nlpearl\" }")
        .start()
        .await;
    world.put_lead_everywhere();
    world.send_crm(&crm_alone("e1", "WON")).await.accepted();
    resolved(&world, "crm", "linked", 1).await;
    world.run().await;
    assert_eq!(world.outcomes(LEADPING_LEAD), ["Won"]);
    // Now it is known where the campaign has the lead: what waited is told there as well.
    let calls = world.calls_at(System::Nlpearl);
    assert_eq!(
        calls.lines().last().unwrap(),
        format!("Update {VOICE_LEAD} {{\"status\":130}}: 200")
    );
    let asked = world.sandbox().journal();
    let asked = asked
        .iter()
        .find(|entry| entry.system == System::Nlpearl)
        .unwrap();
    assert_eq!(
        asked.path,
        format!("/v1/Outbound/66f1a2b3c4d5e6f708192a4c/Lead/Extrenal/{CRM_LEAD}")
    );
    world.finish().await;
}

#[tokio::test]
async fn an_event_that_waits_only_since_the_tables_changed_is_asked_for_too() {
    let world = setup()
        .voice("kind = \"nlpearl\"\n[[row]]\nstatus = 1\nignore = \"new\"\n")
        .start()
        .await;
    world.put_lead_everywhere();
    send(&world, VOICE_LEAD, 1).await;
    world.settle().await;
    assert_eq!(
        world.parked().await,
        ["unmapped:voice:100: 1 events, 0 deliveries"]
    );
    world.replace_table("voice", TELLING).await;
    resolved(&world, "voice", "linked", 1).await;
    assert_eq!(world.outcomes(LEADPING_LEAD), ["1"]);
    world.finish().await;
}

#[tokio::test]
async fn a_lead_whose_campaign_is_not_configured_cannot_be_asked_for() {
    let world = setup()
        .set("targets.nlpearl.outbound_ids", "{}")
        .start()
        .await;
    send(&world, VOICE_LEAD, 1).await;
    resolved(&world, "voice", "unaddressable", 1).await;
    assert_eq!(world.calls_at(System::Nlpearl), "");
    assert_eq!(
        world.parked().await,
        ["unlinked:voice: 1 events, 0 deliveries"]
    );
    world.finish().await;
}

#[tokio::test]
async fn an_answer_never_takes_an_id_from_its_lead() {
    let world = setup().start().await;
    world.put_lead_everywhere();
    // The CRM says that its lead is another one at LeadPing than NLPearl says.
    let mut event = crm_alone("e1", "WON");
    event["attributes"]["data"]["extendedFields"] = json!({"leadpingLeadId": "lead_z"});
    world.send_crm(&event).await.accepted();
    send(&world, VOICE_LEAD, 1).await;
    resolved(&world, "voice", "contradicts", 1).await;
    assert_eq!(world.outcomes(LEADPING_LEAD), ["1"]);
    let set = world.set_link("crm", CRM_LEAD, "lead_z").await;
    assert_eq!(set.status, 200);
    assert_eq!(world.outcomes("lead_z"), ["Won"]);
    world.finish().await;
}
