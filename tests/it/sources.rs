//! Sources whose bodies are described in the file: LeadPing's own automations, and a system that
//! nobody wrote code for.

use serde_json::{Value, json};

use crate::harness::{Setup, World, crm, voice_lead};

/// An hour before the worlds begin.
const ELEVEN: i64 = 1_785_582_000_000;

const SHOP: &str = r#"
kind = "generic"
lead = ["/customer/leadping"]
links = { crm = "/customer/crm" }
auth = [{ scheme = "hmac-sha256", header = "X-Shop", encoding = "base64", secret = SECRET }]
[fields]
status = "/order/state"
sub_status = "/order/why"
occurred_at = "/at"
event_id = "/id"
source_lead_id = "/customer/id"
call_id = "/call"
call_summary = "/note"
"#;

const SHOP_TABLE: &str = r#"
kind = "generic"
[defaults.leadping]
type = "Shop"
[[row]]
status = "Half paid"
sub_status = "Instalments"
leadping = { category = "Qualified", outcome = "Pays by instalments", notes = "{{ call.summary | default('') }}" }
[[row]]
status = ["Paid", 7]
leadping = { category = "Converted", outcome = "Paid" }
[[row]]
status = "Cancelled"
ignore = "the shop writes to them"
"#;

fn order(lead: &str, id: &str, state: impl Into<Value>, at: i64) -> Value {
    json!({
        "id": id, "at": at, "order": {"state": state.into()},
        "customer": {"id": format!("shop-{lead}"), "leadping": lead},
    })
}

async fn with_shop() -> World {
    Setup::shipped()
        .also("shop", SHOP, SHOP_TABLE)
        .start()
        .await
}

#[tokio::test]
async fn a_fourth_system_goes_the_whole_way_without_code() {
    let world = with_shop().await;
    let mut body = order("lead_a", "o1", "Half paid", ELEVEN / 1000);
    body["order"]["why"] = json!("Instalments");
    body["note"] = json!("pays on Friday");
    world.send("shop", &body).await.accepted();
    world.send("shop", &body).await.duplicate();
    world.settle().await;
    // Another order of the same customer, by number; its own id tells it from the first.
    world
        .send("shop", &order("lead_a", "o2", 7, ELEVEN / 1000 + 60))
        .await
        .accepted();
    world
        .send(
            "shop",
            &order("lead_a", "o3", "Cancelled", ELEVEN / 1000 + 90),
        )
        .await
        .accepted();
    world
        .send(
            "shop",
            &order("lead_a", "o4", "Refunded", ELEVEN / 1000 + 95),
        )
        .await
        .accepted();
    // Older than the newest that was applied.
    let mut late = order("lead_a", "o5", "Half paid", ELEVEN / 1000 + 30);
    late["order"]["why"] = json!("Instalments");
    world.send("shop", &late).await.accepted();
    world.settle().await;
    assert_eq!(
        world.parked().await,
        ["unmapped:shop:Refunded: 1 events, 0 deliveries"]
    );
    insta::assert_snapshot!(world.timeline("lead_a").await, @r"
    shop: settled, matched delivery, 1 duplicates; delivered Qualified/Pays by instalments, 1 tries, 201
    shop: settled, matched delivery; delivered Converted/Paid, 1 tries, 201
    shop: settled, ignored
    shop: parked unmapped:shop:Refunded
    shop: settled, matched stale
    ");
    world.finish().await;
}

#[tokio::test]
async fn what_a_generic_source_says_of_other_systems_ids_is_learnt() {
    let world = with_shop().await;
    // Nobody knows whose lead this is; two orders wait for it.
    for (id, state) in [("o1", "Half paid"), ("o2", "Paid")] {
        let mut body = order("lead_a", id, state, ELEVEN / 1000);
        body["order"]["why"] = json!("Instalments");
        body["customer"] = json!({"id": 17, "crm": "crm-lead_a"});
        world.send("shop", &body).await.accepted();
    }
    world.settle().await;
    assert_eq!(
        world.parked().await,
        ["unlinked:shop: 2 events, 0 deliveries"]
    );
    // The CRM knows both its own id and LeadPing's.
    world
        .send_crm(&crm("lead_a", "e1", "ON_HOLD", ELEVEN))
        .await
        .accepted();
    world.settle().await;
    assert_eq!(
        world.outcomes("lead_a"),
        ["Pays by instalments", "Paid", "On hold"]
    );
    world.finish().await;
}

#[tokio::test]
async fn a_row_that_comes_later_takes_what_waited_of_a_generic_source() {
    let world = with_shop().await;
    world
        .send("shop", &order("lead_a", "o1", "Refunded", ELEVEN / 1000))
        .await
        .accepted();
    world.settle().await;
    let row = "\n[[row]]\nstatus = \"Refunded\"\nleadping = { category = \"Lost\", outcome = \"Refunded\" }\n";
    world
        .replace_table("shop", &format!("{SHOP_TABLE}{row}"))
        .await;
    world.requests(1).await;
    world.settle().await;
    assert_eq!(world.outcomes("lead_a"), ["Refunded"]);
    world.finish().await;
}

const PINGS: &str = r#"
kind = "leadping"
links = { voice = "/data/voiceLead" }
auth = [{ scheme = "standard-webhooks", secret = SECRET }]
"#;

/// LeadPing is told what its own automation should rather say.
const PINGS_TABLE: &str = r#"
kind = "leadping"
[[row]]
status = "Converted"
sub_status = "Sold by phone"
leadping = { type = "CRM", category = "Converted", outcome = "Sold" }
[[row]]
status = ["Open", "Qualified", "Converted", "Lost", "Invalid", "Duplicate"]
ignore = "LeadPing has it already"
"#;

fn entry(lead: &str, category: &str, outcome: &str, at: &str) -> Value {
    json!({
        "type": "lead.updated", "timestamp": "2026-08-01T13:00:00Z",
        "data": {"leadId": lead, "id": format!("disp-{at}"), "category": category, "outcome": outcome,
                 "changeSource": "User", "timestamp": at},
    })
}

async fn with_pings(name: &str) -> World {
    Setup::shipped()
        .also(name, PINGS, PINGS_TABLE)
        .start()
        .await
}

#[tokio::test]
async fn an_automation_of_leadping_goes_the_whole_way() {
    for name in ["leadping", "pings"] {
        let world = with_pings(name).await;
        let sold = entry(
            "lead_a",
            "Converted",
            "Sold by phone",
            "2026-08-01T11:00:00Z",
        );
        world.send_signed(name, "run-1", &sold).await.accepted();
        // Known by its webhook-id, whatever its body says by then.
        let again = entry("lead_a", "Lost", "Changed", "2026-08-01T11:30:00Z");
        world.send_signed(name, "run-1", &again).await.duplicate();
        world.send_signed(name, "run-2", &again).await.accepted();
        // Not older than what was applied: a look at the clock of its entry.
        let early = entry(
            "lead_a",
            "Converted",
            "Sold by phone",
            "2026-08-01T10:00:00Z",
        );
        world.send_signed(name, "run-3", &early).await.accepted();
        world.settle().await;
        assert_eq!(world.outcomes("lead_a"), ["Sold"]);
        let timeline = world.timeline("lead_a").await.replace(name, "pings");
        insta::allow_duplicates! {
            insta::assert_snapshot!(timeline, @r"
            pings: settled, matched delivery, 1 duplicates; delivered Converted/Sold, 1 tries, 201
            pings: settled, ignored
            pings: settled, matched stale
            ");
        }
        world.finish().await;
    }
}

#[tokio::test]
async fn an_unsigned_or_wrongly_signed_automation_is_refused() {
    let world = with_pings("pings").await;
    let body = entry("lead_a", "Lost", "x", "2026-08-01T11:00:00Z");
    let url = format!("http://{}/webhooks/pings", world.app().webhook_address);
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()
        .unwrap();
    for signature in [None, Some("v1,AAAA")] {
        let mut request = client.post(&url).json(&body);
        if let Some(signature) = signature {
            let now = leadping_bridge::clock::Clock::Manual(world.clock.clone())
                .now()
                .as_second();
            request = request
                .header("webhook-id", "run-1")
                .header("webhook-timestamp", now)
                .header("webhook-signature", signature);
        }
        assert_eq!(request.send().await.unwrap().status(), 401);
    }
    assert_eq!(world.all_events().await, "");
    world.finish().await;
}

#[tokio::test]
async fn an_ignored_automation_teaches_whose_a_voice_lead_is() {
    let world = with_pings("pings").await;
    let mut lead = voice_lead("lead_a", 100);
    lead["callData"] = json!({});
    world.send_voice(&lead).await.accepted();
    world.settle().await;
    assert_eq!(
        world.parked().await,
        ["unlinked:voice: 1 events, 0 deliveries"]
    );
    let mut body = entry("lead_a", "Open", "New", "2026-08-01T11:00:00Z");
    body["data"]["voiceLead"] = json!("pearl-lead_a");
    world.send_signed("pings", "run-1", &body).await.accepted();
    world.settle().await;
    assert_eq!(world.outcomes("lead_a"), ["Interested"]);
    world.finish().await;
}
