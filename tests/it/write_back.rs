//! Rows that write back: the CRM's word reaches the campaign, the campaign's the CRM; a verdict for
//! each target, whoever lacks an id.

use leadping_bridge::sandbox::{Fault, FaultRule, FaultScope, System};
use serde_json::json;

use crate::harness::{
    LEADPING_LEAD, Setup, VOICE_LEAD, World, crm_alone, status, voice_lead, voice_of_all,
};

const VOICE: &str = r#"
kind = "nlpearl"
[[row]]
status = "OnCall"
ignore = "in progress"
[[row]]
status = "Success"
leadping = { type = "Call", category = "Qualified", outcome = "Interested" }
capillary = { status = "WON", reasonId = 2 }
[[row]]
status = "NotSuccessful"
capillary = { status = "LOST", subStatus = "InvalidPhoneNumber", reasonId = 5 }
"#;

const CRM: &str = r#"
kind = "capillary"
[[row]]
status = "WON"
leadping = { type = "CRM", category = "Converted", outcome = "Won" }
nlpearl = { status = "Completed", externalId = "{{ lead.source_id }}", timeZoneId = "Pacific Standard Time", callData = { wonBy = "crm" } }
[[row]]
status = "LOST"
nlpearl = { status = 110 }
[[row]]
status = "DELETED"
required = true
nlpearl = { status = 130 }
[[row]]
status = "OPEN"
nlpearl = { status = 1 }
"#;

fn setup() -> Setup {
    Setup::shipped().voice(VOICE).crm(CRM).writing_back()
}

/// The lead is known everywhere.
async fn linked(setup: Setup) -> World {
    let world = setup.start().await;
    world.put_lead_everywhere();
    world.send_voice(&voice_of_all(40)).await.accepted();
    world.settle().await;
    world
}

async fn crm(world: &World, event: &str, status: &str) {
    world.send_crm(&crm_alone(event, status)).await.accepted();
    world.settle().await;
}

#[tokio::test]
async fn what_the_crm_won_stops_the_campaign() {
    let world = linked(setup()).await;
    crm(&world, "e1", "WON").await;
    assert_eq!(world.outcomes(LEADPING_LEAD), ["Won"]);
    let sent = world.sandbox().writes_at(System::Nlpearl);
    let [sent] = sent.as_slice() else {
        panic!("{sent:#?}");
    };
    assert_eq!(
        format!("{} {}", sent.method, sent.path),
        format!("PUT /v1/Outbound/66f1a2b3c4d5e6f708192a4c/Lead/{VOICE_LEAD}")
    );
    assert_eq!(
        sent.json_body(),
        json!({
            "status": 130,
            "externalId": "2",
            "timeZoneId": "Pacific Standard Time",
            "callData": { "wonBy": "crm" },
        })
    );
    // The same again is no news anywhere.
    crm(&world, "e2", "WON").await;
    assert_eq!(world.sandbox().writes_at(System::Nlpearl).len(), 1);
    assert_eq!(world.outcomes(LEADPING_LEAD), ["Won"]);
    world.finish().await;
}

#[tokio::test]
async fn version_2_names_the_pearl() {
    let world = linked(setup().set("targets.nlpearl.api", "\"v2\"")).await;
    crm(&world, "e1", "LOST").await;
    let sent = world.sandbox().writes_at(System::Nlpearl);
    let sent: Vec<&str> = sent.iter().map(|sent| sent.path.as_str()).collect();
    assert_eq!(
        sent,
        [format!(
            "/v2/Outbound/66f1a2b3c4d5e6f708192a3b/Lead/{VOICE_LEAD}"
        )]
    );
    world.finish().await;
}

#[tokio::test]
async fn what_the_campaign_found_out_reaches_the_crm() {
    let world = linked(setup()).await;
    world.send_voice(&voice_of_all(100)).await.accepted();
    world.settle().await;
    world.send_voice(&voice_of_all(110)).await.accepted();
    world.settle().await;
    assert_eq!(world.outcomes(LEADPING_LEAD), ["Interested"]);
    insta::assert_snapshot!(world.calls_at(System::Capillary), @r#"
    Set 2 {"reasonId":2,"status":"WON"}: 200
    Set 2 {"reasonId":5,"status":"LOST","subStatus":"InvalidPhoneNumber"}: 200
    "#);
    world.finish().await;
}

#[tokio::test]
async fn a_lead_that_is_not_there_is_counted_and_waits_only_where_it_is_required() {
    let world = setup().start().await;
    crm(&world, "e1", "LOST").await;
    crm(&world, "e2", "DELETED").await;
    assert_eq!(
        world.parked().await,
        ["unlinked:crm: 1 events, 0 deliveries"]
    );
    insta::assert_snapshot!(world.verdicts().await, @"
    crm: settled nlpearl absent
    crm: parked nlpearl absent
    ");
    assert_eq!(world.calls_at(System::Nlpearl), "");
    // A voice webhook tells where the lead is; what waited is decided first.
    world.send_voice(&voice_of_all(40)).await.accepted();
    world.settle().await;
    assert_eq!(world.parked().await, [""; 0]);
    assert_eq!(
        world.calls_at(System::Nlpearl),
        format!("Update {VOICE_LEAD} {{\"status\":130}}: 200")
    );
    world.finish().await;
}

#[tokio::test]
async fn a_target_that_is_not_configured_is_off() {
    let world = Setup::shipped().voice(VOICE).crm(CRM).start().await;
    world.send_voice(&voice_of_all(100)).await.accepted();
    world.settle().await;
    insta::assert_snapshot!(world.verdicts().await, @"voice: settled capillary off, leadping delivery");
    assert_eq!(world.outcomes(LEADPING_LEAD), ["Interested"]);
    world.finish().await;
}

#[tokio::test]
async fn a_write_back_does_not_wait_for_the_leadping_link() {
    let world = setup().start().await;
    let mut nobody = voice_of_all(40);
    nobody["callData"] = json!({});
    world.send_voice(&nobody).await.accepted();
    crm(&world, "e1", "WON").await;
    insta::assert_snapshot!(world.verdicts().await, @"
    voice: settled
    crm: parked leadping unlinked, nlpearl delivery
    ");
    assert_eq!(world.sandbox().writes_at(System::Nlpearl).len(), 1);
    world.set_link("voice", VOICE_LEAD, LEADPING_LEAD).await;
    world.settle().await;
    assert_eq!(world.outcomes(LEADPING_LEAD), ["Won"]);
    assert_eq!(
        world.sandbox().writes_at(System::Nlpearl).len(),
        1,
        "it had it already"
    );
    assert_eq!(world.parked().await, [""; 0]);
    world.finish().await;
}

/// One person in two campaigns: the first knows the CRM's id, the second LeadPing's.
async fn two_that_are_one(world: &World) {
    let mut first = voice_of_all(40);
    first["callData"] = json!({});
    world.send_voice(&first).await.accepted();
    crm(world, "e1", "WON").await;
    world.send_voice(&second_campaign(false)).await.accepted();
    world.settle().await;
}

fn second_campaign(knows_the_crm: bool) -> serde_json::Value {
    let mut second = voice_of_all(40);
    second["id"] = json!("68c3f1a2b4d5e6f708192a99");
    if !knows_the_crm {
        second["externalId"] = json!(null);
    }
    second
}

#[tokio::test]
async fn two_leads_that_turn_out_to_be_one_keep_what_was_decided_for_both() {
    let world = setup().start().await;
    two_that_are_one(&world).await;
    insta::assert_snapshot!(world.verdicts().await, @"
    voice: settled
    crm: parked leadping unlinked, nlpearl delivery
    voice: settled
    ");
    world.send_voice(&second_campaign(true)).await.accepted();
    world.settle().await;
    assert_eq!(world.outcomes(LEADPING_LEAD), ["Won"]);
    // The first campaign was told already.
    let told = |world: &World| {
        let writes = world.sandbox().writes_at(System::Nlpearl);
        let told = writes.into_iter().map(|write| write.lead_id.unwrap());
        told.collect::<Vec<_>>()
    };
    assert_eq!(told(&world), [VOICE_LEAD, "68c3f1a2b4d5e6f708192a99"]);
    crm(&world, "e2", "WON").await;
    assert_eq!(told(&world).len(), 2);
    world.finish().await;
}

#[tokio::test]
async fn two_leads_that_turn_out_to_be_one_are_written_one_call_at_a_time() {
    let world = setup().start().await;
    world.answer(FaultRule::always(FaultScope::Any, status(503)).at(System::Nlpearl));
    let mut first = voice_of_all(40);
    first["callData"] = json!({});
    world.send_voice(&first).await.accepted();
    crm(&world, "e1", "WON").await;
    let named = |event: &str, lead: &str, status: &str| {
        let mut event = crm_alone(event, status);
        event["attributes"]["data"]["id"] = json!(lead);
        event["attributes"]["data"]["extendedFields"] = json!({"leadpingLeadId": LEADPING_LEAD});
        event
    };
    for event in [named("e2", "7", "WON"), named("e3", "2", "LOST")] {
        world.send_crm(&event).await.accepted();
        world.settle().await;
    }
    world.sandbox().clear_faults();
    world.run().await;
    let writes = world.sandbox().writes_at(System::Nlpearl);
    let statuses: Vec<_> = writes
        .iter()
        .map(|write| write.json_body()["status"].clone())
        .collect();
    assert_eq!(statuses, [130, 110]);
    world.finish().await;
}

#[tokio::test]
async fn an_echo_waits_for_no_link_and_stays_one_when_that_comes() {
    let world = setup().start().await;
    let mut nobody = voice_of_all(100);
    nobody["callData"] = json!({});
    world.send_voice(&nobody).await.accepted();
    world.settle().await;
    // What the CRM says is what was written there.
    crm(&world, "e1", "WON").await;
    insta::assert_snapshot!(world.verdicts().await, @"
    voice: parked capillary delivery, leadping unlinked
    crm: settled leadping echo, nlpearl echo
    ");
    world.set_link("voice", VOICE_LEAD, LEADPING_LEAD).await;
    world.settle().await;
    insta::assert_snapshot!(world.verdicts().await, @"
    voice: settled capillary unchanged, leadping delivery
    crm: settled leadping echo, nlpearl echo
    ");
    assert_eq!(world.calls_at(System::Nlpearl), "");
    assert_eq!(world.outcomes(LEADPING_LEAD), ["Interested"]);
    world.finish().await;
}

#[tokio::test]
async fn a_pearl_without_an_outbound_id_waits_for_the_configuration() {
    let mut world = setup()
        .set("targets.nlpearl.outbound_ids", "{}")
        .start()
        .await;
    world.send_voice(&voice_of_all(40)).await.accepted();
    crm(&world, "e1", "WON").await;
    assert_eq!(
        world.parked().await,
        ["invalid:crm: 1 events, 0 deliveries"]
    );
    assert_eq!(world.outcomes(LEADPING_LEAD), ["Won"], "the rest goes on");
    world
        .restart_with(
            "targets.nlpearl.outbound_ids",
            "{ 66f1a2b3c4d5e6f708192a3b = \"66f1a2b3c4d5e6f708192a4c\" }",
        )
        .await;
    world.settle().await;
    assert_eq!(world.parked().await, [""; 0]);
    assert_eq!(world.sandbox().writes_at(System::Nlpearl).len(), 1);
    assert_eq!(world.outcomes(LEADPING_LEAD), ["Won"]);
    world.finish().await;
}

#[tokio::test]
async fn each_campaign_of_a_lead_is_told() {
    let world = linked(setup().set("targets.nlpearl.api", "\"v2\"")).await;
    let mut second = voice_of_all(40);
    second["id"] = json!("68c3f1a2b4d5e6f708192a99");
    second["pearlId"] = json!("66f1a2b3c4d5e6f708192a99");
    world.send_voice(&second).await.accepted();
    world.settle().await;
    crm(&world, "e1", "LOST").await;
    let mut sent: Vec<String> = world
        .sandbox()
        .writes_at(System::Nlpearl)
        .into_iter()
        .map(|sent| sent.path)
        .collect();
    sent.sort();
    assert_eq!(
        sent,
        [
            format!("/v2/Outbound/66f1a2b3c4d5e6f708192a3b/Lead/{VOICE_LEAD}"),
            "/v2/Outbound/66f1a2b3c4d5e6f708192a99/Lead/68c3f1a2b4d5e6f708192a99".to_owned(),
        ]
    );
    world.finish().await;
}

#[tokio::test]
async fn what_only_sets_state_is_sent_again_without_a_look_up() {
    for fault in [Fault::DropAfterApply, Fault::DropBefore, status(502)] {
        let mut world = linked(setup()).await;
        world.answer(FaultRule::once(FaultScope::Update, fault.clone()).at(System::Nlpearl));
        crm(&world, "e1", "LOST").await;
        crm(&world, "e2", "OPEN").await;
        world.restart().await;
        world.run().await;
        let calls = world.calls_at(System::Nlpearl);
        let calls: Vec<&str> = calls.lines().collect();
        assert_eq!(calls.len(), 3, "{fault:?}: {calls:?}");
        assert_eq!(
            calls[1..],
            [
                format!("Update {VOICE_LEAD} {{\"status\":110}}: 200"),
                format!("Update {VOICE_LEAD} {{\"status\":1}}: 200"),
            ],
            "{fault:?}"
        );
        world.finish().await;
    }
}

#[tokio::test]
async fn one_target_that_is_down_holds_up_no_other() {
    let world = linked(setup()).await;
    world.answer(FaultRule::always(FaultScope::Any, status(503)).at(System::Nlpearl));
    crm(&world, "e1", "WON").await;
    assert_eq!(world.outcomes(LEADPING_LEAD), ["Won"]);
    world.sandbox().clear_faults();
    world.run().await;
    assert_eq!(world.sandbox().writes_at(System::Nlpearl).len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn a_refusal_is_judged_by_reading_a_lead_of_the_same_target() {
    let world = linked(setup()).await;
    crm(&world, "e1", "LOST").await;
    let mut other = voice_of_all(40);
    other["id"] = json!("68c3f1a2b4d5e6f708192a77");
    other["externalId"] = json!("7");
    other["callData"] = json!({"leadpingLeadId": "lead_b"});
    world.send_voice(&other).await.accepted();
    world.answer(FaultRule::once(FaultScope::Update, status(404)).at(System::Nlpearl));
    let mut event = crm_alone("e2", "LOST");
    event["attributes"]["data"]["id"] = json!("7");
    world.send_crm(&event).await.accepted();
    world.run().await;
    assert_eq!(
        world.parked().await,
        ["refused:nlpearl:404: 0 events, 1 deliveries"]
    );
    let calls = world.calls_at(System::Nlpearl);
    let last = calls.lines().last().unwrap();
    assert_eq!(last, format!("Read {VOICE_LEAD} : 200"));
    world.finish().await;
}

#[tokio::test]
async fn a_write_back_in_shadow_mode_is_withheld() {
    let world = linked(setup().set("targets.nlpearl.mode", "\"shadow\"")).await;
    crm(&world, "e1", "WON").await;
    assert_eq!(world.outcomes(LEADPING_LEAD), ["Won"]);
    assert_eq!(world.calls_at(System::Nlpearl), "");
    world.finish().await;
}

#[tokio::test]
async fn a_lead_of_nobody_else_needs_nothing_else() {
    let world = setup().start().await;
    world
        .send_voice(&voice_lead("lead_z", 100))
        .await
        .accepted();
    world.settle().await;
    assert_eq!(world.outcomes("lead_z"), ["Interested"]);
    insta::assert_snapshot!(world.verdicts().await, @"voice: settled capillary absent, leadping delivery");
    world.finish().await;
}

#[tokio::test]
async fn what_a_write_back_makes_the_campaign_say_is_its_echo() {
    let voice = format!(
        "{VOICE}[[row]]\nstatus = \"Completed\"\nleadping = {{ type = \"Call\", category = \"Lost\", outcome = \"Done\" }}\n"
    );
    let world = linked(setup().voice(&voice).echoing()).await;
    crm(&world, "e1", "WON").await;
    assert_eq!(world.webhooks(), ["nlpearl: 130"]);
    insta::assert_snapshot!(world.verdicts().await, @"
    voice: settled
    crm: settled leadping delivery, nlpearl delivery
    voice: settled leadping echo
    ");
    assert_eq!(world.outcomes(LEADPING_LEAD), ["Won"]);
    // What the campaign itself says then is no echo; and what it may not say at LeadPing, it does
    // not say to the CRM either.
    world.campaign_sets(100);
    world.settle().await;
    insta::assert_snapshot!(world.verdicts().await, @"
    voice: settled
    crm: settled leadping delivery, nlpearl delivery
    voice: settled leadping echo
    voice: settled capillary outranked, leadping outranked
    ");
    world.finish().await;
}
