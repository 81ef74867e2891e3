//! What a system itself says counts as what it has, whatever the row of its webhook does: what was
//! there before is written again when somebody wants it, and what is older does not go over it.

use leadping_bridge::sandbox::System;
use serde_json::{Value, json};

use crate::harness::{
    LEADPING_LEAD, Setup, VOICE_LEAD, World, crm_alone, seconds, voice_lead, voice_of_all,
};

const PEOPLE: &str = r#"
kind = "leadping"
auth = [{ scheme = "header", header = "x-secret", secret = SECRET }]
"#;

const PEOPLE_TABLE: &str = r#"
kind = "leadping"
[[row]]
status = ["Open", "Qualified", "Converted", "Lost"]
ignore = "LeadPing has it already"
"#;

const CRM: &str = r#"
kind = "capillary"
[[row]]
status = "WON"
leadping = { type = "CRM", category = "Converted", outcome = "Won" }
nlpearl = { status = 130 }
[[row]]
status = "ON_HOLD"
ignore = "nothing to do"
"#;

const VOICE: &str = r#"
kind = "nlpearl"
[[row]]
status = ["OnCall", "NeedRetry", "Completed"]
ignore = "in progress"
[[row]]
status = "Success"
leadping = { type = "Call", category = "Qualified", outcome = "Interested" }
capillary = { status = "WON", reasonId = 2 }
[[row]]
status = "NotSuccessful"
leadping = { type = "Call", category = "Lost", outcome = "Not interested" }
"#;

fn setup() -> Setup {
    Setup::shipped()
        .voice(VOICE)
        .crm(CRM)
        .also("people", PEOPLE, PEOPLE_TABLE)
        .writing_back()
}

async fn said(world: &World, source: &str, body: &Value) {
    world.clock.advance(seconds(10));
    world.send(source, body).await.accepted();
    world.settle().await;
}

/// LeadPing's automation tells that somebody made this the lead's disposition, just now.
async fn person(world: &World, category: &str, outcome: &str) {
    world.clock.advance(seconds(10));
    let body = json!({
        "leadId": LEADPING_LEAD, "category": category, "outcome": outcome,
        "changeSource": "User", "timestamp": world.now().to_string(),
    });
    world.send("people", &body).await.accepted();
    world.settle().await;
}

async fn crm(world: &World, event: &str, status: &str) {
    said(world, "crm", &crm_alone(event, status)).await;
}

/// What the lead's newest event says of its own system.
async fn told(world: &World) -> Value {
    world.events("").await[0]["decision"]["told"].clone()
}

#[tokio::test]
async fn a_persons_edit_in_leadping_is_what_it_has_although_its_row_ignores_it() {
    let world = setup().start().await;
    said(&world, "voice", &voice_of_all(110)).await;
    crm(&world, "e1", "WON").await;
    crm(&world, "e2", "WON").await;
    person(&world, "Lost", "Gave up").await;
    let told = told(&world).await;
    assert_eq!(
        (
            &told["told"],
            &told["target"],
            &told["category"],
            &told["outcome"]
        ),
        (
            &json!("has"),
            &json!("leadping"),
            &json!("Lost"),
            &json!("Gave up")
        )
    );
    let shown = world.get(&format!("/api/v1/leads/{LEADPING_LEAD}")).await;
    let has = shown["lead"]["has"].as_array().unwrap();
    let has = has.iter().find(|has| has["target"] == "leadping").unwrap();
    assert_eq!(
        (&has["state"], &has["outcome"], &has["source"]),
        (&json!("told"), &json!("Gave up"), &json!("people"))
    );
    crm(&world, "e3", "WON").await;
    crm(&world, "e4", "WON").await;
    assert_eq!(
        world.outcomes(LEADPING_LEAD),
        ["Not interested", "Won", "Won"]
    );
    insta::assert_snapshot!(world.verdicts().await, @"
    voice: settled leadping delivery
    crm: settled leadping delivery, nlpearl delivery
    crm: settled leadping unchanged, nlpearl unchanged
    people: settled
    crm: settled leadping delivery, nlpearl unchanged
    crm: settled leadping unchanged, nlpearl unchanged
    ");
    world.finish().await;
}

#[tokio::test]
async fn an_edit_that_no_row_covers_counts_too_and_once() {
    let world = setup().start().await;
    said(&world, "voice", &voice_of_all(110)).await;
    crm(&world, "e1", "WON").await;
    person(&world, "Duplicate", "Twice").await;
    assert_eq!(
        world.parked().await,
        ["unmapped:people:Duplicate: 1 events, 0 deliveries"]
    );
    crm(&world, "e2", "WON").await;
    person(&world, "Converted", "By phone").await;
    assert_eq!(
        world.outcomes(LEADPING_LEAD),
        ["Not interested", "Won", "Won"]
    );
    // Decided again later, it says nothing new; but what it said.
    let covered = PEOPLE_TABLE.replace("\"Open\"", "\"Open\", \"Duplicate\"");
    world.replace_table("people", &covered).await;
    world.settle().await;
    assert_eq!(world.parked().await, [""; 0]);
    let events = world.events("").await;
    let told = &events[2]["decision"]["told"];
    assert_eq!(
        (&told["told"], &told["outcome"]),
        (&json!("has"), &json!("Twice"))
    );
    crm(&world, "e3", "WON").await;
    crm(&world, "e4", "WON").await;
    assert_eq!(
        world.outcomes(LEADPING_LEAD),
        ["Not interested", "Won", "Won", "Won"]
    );
    world.finish().await;
}

#[tokio::test]
async fn a_persons_terminal_word_stands_against_whoever_is_weaker() {
    for (authority, outcomes) in [
        (r#"["crm", "people", "voice"]"#, &["Interested"][..]),
        (r#"["crm", "voice"]"#, &["Interested", "Not interested"][..]),
    ] {
        let world = setup().set("decide.authority", authority).start().await;
        said(&world, "voice", &voice_of_all(100)).await;
        person(&world, "Converted", "Sold by phone").await;
        said(&world, "voice", &voice_lead(LEADPING_LEAD, 110)).await;
        assert_eq!(world.outcomes(LEADPING_LEAD), outcomes);
        world.finish().await;
    }
}

#[tokio::test]
async fn what_waited_for_its_link_does_not_go_over_a_persons_newer_word() {
    let world = setup().start().await;
    said(&world, "voice", &voice_of_all(100)).await;
    let mut other = voice_of_all(110);
    other["id"] = json!("68c3f1a2b4d5e6f708192a99");
    other["callData"] = json!({});
    other["externalId"] = json!(null);
    said(&world, "voice", &other).await;
    person(&world, "Converted", "Sold by phone").await;
    world
        .set_link("voice", "68c3f1a2b4d5e6f708192a99", LEADPING_LEAD)
        .await;
    world.settle().await;
    assert_eq!(world.outcomes(LEADPING_LEAD), ["Interested"]);
    insta::assert_snapshot!(world.verdicts().await, @"
    voice: settled capillary delivery, leadping delivery
    voice: settled leadping stale
    people: settled
    ");
    world.finish().await;
}

#[tokio::test]
async fn a_campaign_that_goes_on_is_told_again_to_stop() {
    let world = setup().start().await;
    world.put_lead_everywhere();
    said(&world, "voice", &voice_of_all(40)).await;
    crm(&world, "e1", "WON").await;
    crm(&world, "e2", "WON").await;
    assert_eq!(world.sandbox().writes_at(System::Nlpearl).len(), 1);
    // Somebody put the lead back into the queue at NLPearl.
    said(&world, "voice", &voice_of_all(10)).await;
    crm(&world, "e3", "WON").await;
    crm(&world, "e4", "WON").await;
    assert_eq!(world.sandbox().writes_at(System::Nlpearl).len(), 2);
    let shown = world
        .sandbox()
        .lead_at(System::Nlpearl, VOICE_LEAD)
        .unwrap();
    assert_eq!(shown["status"], 130);
    world.finish().await;
}

#[tokio::test]
async fn what_the_staff_set_in_the_crm_is_what_it_has() {
    let world = setup().start().await;
    world.put_lead_everywhere();
    let success = |number: i64| {
        let mut body = voice_of_all(100);
        body["number"] = json!(number);
        body
    };
    said(&world, "voice", &success(1)).await;
    said(&world, "voice", &success(2)).await;
    assert_eq!(world.sandbox().writes_at(System::Capillary).len(), 1);
    crm(&world, "e1", "ON_HOLD").await;
    said(&world, "voice", &success(3)).await;
    said(&world, "voice", &success(4)).await;
    assert_eq!(world.sandbox().writes_at(System::Capillary).len(), 2);
    world.finish().await;
}

#[tokio::test]
async fn our_own_writes_coming_back_undo_nothing() {
    let world = setup().echoing().start().await;
    world.put_lead_everywhere();
    world.campaign_sets(100);
    world.settle().await;
    for event in ["e1", "e2", "e3"] {
        crm(&world, event, "WON").await;
    }
    // Which of several targets tells first of its change is up to them.
    let verdicts = world.verdicts().await;
    let mut verdicts: Vec<&str> = verdicts.lines().collect();
    verdicts.sort_unstable();
    insta::assert_snapshot!(verdicts.join("\n"), @"
    crm: settled leadping delivery, nlpearl delivery
    crm: settled leadping echo, nlpearl echo
    crm: settled leadping unchanged, nlpearl unchanged
    crm: settled leadping unchanged, nlpearl unchanged
    people: settled
    people: settled
    voice: settled
    voice: settled capillary delivery, leadping delivery
    ");
    let events = world.events("").await;
    assert!(
        events
            .iter()
            .all(|event| event["decision"]["told"]["told"] != "has")
    );
    world.finish().await;
}
