//! A loop provoked on purpose: two tables that contradict each other, fed by the systems' own
//! webhooks, which come in a form in which nobody knows them for echoes. It stops by itself.

use leadping_bridge::sandbox::{FaultRule, FaultScope, System};
use serde_json::{Value, json};

use crate::harness::{
    CRM_LEAD, LEADPING_LEAD, Setup, World, crm, seconds, status, voice_lead, voice_of_all,
};

const SECONDS: u64 = 600;
/// 12:00:00, when the worlds begin.
const NOON: i64 = 1_785_585_600_000;

/// What the CRM sends, passed on by something that the bridge knows nothing of.
const CRM_FEED: &str = r#"
kind = "generic"
lead = ["/attributes/data/extendedFields/leadpingLeadId"]
auth = [{ scheme = "header", header = "X-Feed", secret = SECRET }]
[fields]
status = "/attributes/data/status"
source_lead_id = "/attributes/data/id"
"#;

/// LeadPing's, likewise.
const PING_FEED: &str = r#"
kind = "generic"
lead = ["/leadId"]
auth = [{ scheme = "header", header = "X-Feed", secret = SECRET }]
[fields]
status = "/category"
source_lead_id = "/leadId"
"#;

/// LeadPing shall have what the CRM says.
const CRM_ROWS: &str = r#"
kind = "generic"
[[row]]
status = "WON"
leadping = { type = "CRM", category = "Converted", outcome = "Won" }
[[row]]
status = "LOST"
leadping = { type = "CRM", category = "Lost", outcome = "Lost" }
"#;

/// And the CRM the opposite of what LeadPing has.
const PING_ROWS: &str = r#"
kind = "generic"
[[row]]
status = "Converted"
capillary = { status = "LOST", reasonId = 5 }
[[row]]
status = "Lost"
capillary = { status = "WON", reasonId = 2 }
[[row]]
status = ["Open", "Qualified"]
ignore = "the CRM need not know"
"#;

const MENDED: &str = r#"
kind = "generic"
[[row]]
status = ["Converted", "Lost", "Open", "Qualified"]
ignore = "the CRM knows better"
"#;

/// Everybody knows the lead; three ways back are allowed.
async fn contradicting() -> World {
    let world = Setup::shipped()
        .writing_back()
        .also("feed", CRM_FEED, CRM_ROWS)
        .also("pings", PING_FEED, PING_ROWS)
        .set(
            "decide.write_budget",
            &format!("{{ returns = 3, per_seconds = {SECONDS} }}"),
        )
        .with_admin_token()
        .start()
        .await;
    world.put_lead_everywhere();
    world.send_voice(&voice_of_all(40)).await.accepted();
    world.forward_webhooks(System::Capillary, "feed");
    world.forward_webhooks(System::Leadping, "pings");
    world.settle().await;
    world.staff_sets("WON", 2);
    world.settle().await;
    world
}

/// What the CRM was told, in order.
fn told(world: &World) -> Vec<Value> {
    let writes = world.sandbox().writes_at(System::Capillary);
    let statuses = writes
        .iter()
        .map(|write| write.json_body()["status"].clone());
    statuses.collect()
}

async fn looping(world: &World) -> Value {
    let mut events = world.events("state=parked").await;
    assert_eq!(events.len(), 1);
    events.remove(0)
}

#[tokio::test]
async fn two_tables_that_contradict_each_other_stop_by_themselves() {
    let world = contradicting().await;
    // Two new words at each, and three ways back.
    assert_eq!(
        world.outcomes(LEADPING_LEAD),
        ["Won", "Lost", "Won", "Lost", "Won"]
    );
    assert_eq!(told(&world), ["LOST", "WON", "LOST", "WON", "LOST"]);
    // It says why.
    assert_eq!(
        world.parked().await,
        ["looping:leadping: 1 events, 0 deliveries"]
    );
    let event = looping(&world).await;
    let evidence = &event["decision"]["targets"]["leadping"];
    assert_eq!(evidence["per_seconds"], SECONDS);
    let returns = evidence["returns"].as_array().unwrap();
    let back: Vec<_> = returns
        .iter()
        .map(|back| format!("{} by {}", back["outcome"], back["source"]).replace('"', ""))
        .collect();
    assert_eq!(back, ["Won by feed", "Lost by feed", "Won by feed"]);
    let page = world.get("/api/v1/parked").await;
    let advice = page["items"][0]["suggestion"].as_str().unwrap();
    assert!(
        advice.contains("two tables contradict each other"),
        "{advice}"
    );
    // The other leads go on, and so does this one where it goes on to something new.
    world
        .send_voice(&voice_lead("lead_b", 100))
        .await
        .accepted();
    world
        .send_crm(&crm("lead_a", "e1", "ON_HOLD", NOON))
        .await
        .accepted();
    world.settle().await;
    assert_eq!(world.outcomes("lead_b"), ["Interested"]);
    assert_eq!(world.outcomes(LEADPING_LEAD).last().unwrap(), "On hold");
    world.finish().await;
}

#[tokio::test]
async fn a_person_who_mends_the_row_can_release_it() {
    let world = contradicting().await;
    let event = looping(&world).await["id"].clone();
    let release = json!({ "event": event });
    let too_soon = world.post_admin("parked/release", &release).await;
    assert_eq!(
        too_soon.body["results"],
        json!({"parked": 1}),
        "{too_soon:?}"
    );
    world.replace_table("pings", MENDED).await;
    world.advance(seconds(SECONDS + 1)).await;
    let released = world.post_admin("parked/release", &release).await;
    assert_eq!(released.body["results"], json!({"due": 1}), "{released:?}");
    world.settle().await;
    assert_eq!(world.parked().await, [""; 0]);
    assert_eq!(world.outcomes(LEADPING_LEAD).last().unwrap(), "Lost");
    assert_eq!(told(&world).len(), 5);
    let shown = world
        .sandbox()
        .lead_at(System::Capillary, CRM_LEAD)
        .unwrap();
    assert_eq!(shown["status"], "LOST", "they agree");
    world.finish().await;
}

#[tokio::test]
async fn a_loop_that_nobody_mended_is_stopped_again() {
    let world = contradicting().await;
    world.advance(seconds(SECONDS + 1)).await;
    let release = json!({ "cause": "looping:leadping" });
    let released = world.post_admin("parked/release", &release).await;
    assert_eq!(released.body["results"], json!({"due": 1}), "{released:?}");
    world.settle().await;
    assert_eq!(world.parked().await.len(), 1);
    let (at_leadping, at_crm) = (world.outcomes(LEADPING_LEAD).len(), told(&world).len());
    assert!((6..=10).contains(&at_leadping), "{at_leadping}");
    assert!((6..=10).contains(&at_crm), "{at_crm}");
    world.finish().await;
}

/// The same number of changes, but no way back; and a whole backlog of ways back, decided at once.
#[tokio::test]
async fn rising_outcomes_and_a_backlog_do_not_trip_it() {
    const RISING: &str = r#"
kind = "nlpearl"
[[row]]
status = 100
leadping = { type = "Call", category = "Open", outcome = "{{ body.step }}" }
"#;
    let mut world = Setup::shipped()
        .voice(RISING)
        .set("decide.write_budget", "{ returns = 3, per_seconds = 600 }")
        .start()
        .await;
    let steps: Vec<String> = (0..12).map(|step| format!("step {step}")).collect();
    for step in &steps {
        world.step("lead_a", step).await;
        world.settle().await;
    }
    assert_eq!(world.outcomes("lead_a"), steps);
    // To and fro, eleven minutes apart; the target answers nobody until the last has come.
    world.answer(FaultRule::always(FaultScope::Any, status(503)));
    for turn in 0..10 {
        world.step("lead_b", ["to", "fro"][turn % 2]).await;
        world.clock.advance(seconds(660));
    }
    world.sandbox().clear_faults();
    world.restart().await;
    world.run().await;
    assert_eq!(world.outcomes("lead_b").len(), 10);
    assert_eq!(world.parked().await, [""; 0]);
    world.finish().await;
}
