//! The commands and sources whose bodies are described in the file.

use serde_json::{Value, json};

use super::place::{Place, sandbox};

const MORE: &str = r#"
[sources.shop]
kind = "generic"
lead = ["/customer/leadpingLeadId"]
[[sources.shop.auth]]
scheme = "query"
secret = { file = "voice.secret" }
[sources.shop.fields]
status = "/order/state"
event_id = "/id"
source_lead_id = "/customer/id"
call_summary = "/call/summary"

[sources.pings]
kind = "leadping"
[[sources.pings.auth]]
scheme = "standard-webhooks"
secret = { file = "pings.secret" }
"#;

const SHOP_TABLE: &str = r#"kind = "generic"

[[row]]
name = "half paid"
status = "Half paid"
leadping = { type = "Shop", category = "Qualified", outcome = "Pays in parts", notes = "{{ call.summary | default('') }}" }
"#;

const PINGS_TABLE: &str = r#"kind = "leadping"

[[row]]
status = ["Open", "Qualified", "Converted", "Lost", "Invalid"]
ignore = "LeadPing has it already"
"#;

const ORDER: &str = include_str!("../payloads/generic-order-changed.json");
const ENTRY: &str = include_str!("../payloads/leadping-status-changed.json");

fn place(target: Option<&leadping_bridge::sandbox::Sandbox>) -> Place {
    let place = Place::new(target);
    let config = place.read("config/bridge.toml");
    place.write("config/bridge.toml", &format!("{config}{MORE}"));
    place.write("mappings/shop.toml", SHOP_TABLE);
    place.write("mappings/pings.toml", PINGS_TABLE);
    let secret = "whsec_c291cmNlLXNlY3JldC1mb3ItYWxsLXRoZS1zdG9yaWVz";
    place.write("pings.secret", secret);
    place.write("order.json", ORDER);
    place.write("entry.json", ENTRY);
    place
}

#[tokio::test]
async fn send_signs_as_either_would_and_the_bridge_carries_it() {
    let sandbox = sandbox();
    let place = place(Some(&sandbox));
    let bridge = place.serve().await;
    let url = format!("http://{}", bridge.webhooks);
    for (source, file) in [("shop", "order.json"), ("pings", "entry.json")] {
        let arguments = ["send", "--source", source, "--url", &url, file];
        let ended = place.run(&arguments).await;
        assert!(ended.out.starts_with("202 "), "{}{}", ended.out, ended.err);
        let ended = place.run(&arguments).await;
        // The shop's own id stays; LeadPing's is new in every sending.
        let expected = if source == "shop" { "200 " } else { "202 " };
        assert!(ended.out.starts_with(expected), "{}", ended.out);
    }
    bridge.at_rest().await;
    let events = bridge.admin("events?lead=lead_7Q2M4").await;
    let told: Vec<Value> = events["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| {
            json!([
                event["source"],
                event["state"],
                event["decision"]["verdict"]
            ])
        })
        .collect();
    assert_eq!(
        told,
        [
            json!(["pings", "settled", "ignored"]),
            json!(["pings", "settled", "ignored"]),
            json!(["shop", "settled", "matched"]),
        ]
    );
    assert_eq!(bridge.terminate().await.code, Some(0));
}

#[tokio::test]
async fn explain_tells_the_story_of_either() {
    let place = place(None);
    let explain = async |source: &str, file: &str| -> Value {
        let arguments = ["explain", "--json", "--source", source, file];
        let ended = place.run(&arguments).await;
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        serde_json::from_str(&ended.out).unwrap()
    };
    let story = explain("shop", "order.json").await;
    let body = &story["requests"][0]["body"];
    assert_eq!(
        (&story["facts"]["status"], &body["outcome"], &body["notes"]),
        (
            &json!("Half paid"),
            &json!("Pays in parts"),
            &json!("Pays the second half on Friday.")
        )
    );
    let story = explain("pings", "entry.json").await;
    assert_eq!(story["facts"]["reported"]["entry_id"], "disp_77");
    assert_eq!(
        (&story["decision"]["verdict"], &story["lead"]["lead_id"]),
        (&json!("ignored"), &json!("lead_7Q2M4"))
    );
}

#[tokio::test]
async fn check_asks_for_coverage_only_where_there_is_a_vocabulary() {
    let place = place(None);
    let ended = place.run(&["check", "--json"]).await;
    let findings: Vec<Value> = serde_json::from_str(&ended.out).unwrap();
    let told = |file: &str| -> Vec<String> {
        let of_file = findings.iter().filter(|finding| {
            let name = finding["file"].as_str().unwrap();
            name.ends_with(file)
        });
        of_file
            .map(|finding| finding["message"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(told("shop.toml"), [""; 0]);
    assert_eq!(
        told("pings.toml"),
        ["no row covers status Duplicate (lead webhooks)"]
    );
}

#[tokio::test]
async fn test_reads_a_payload_with_the_pointers_of_its_source() {
    let place = place(None);
    place.write("mappings/examples/shop/order.json", ORDER);
    let expectation = "verdict = \"delivery\"\nrow = \"half paid\"\n\n[leadping]\ntype = \"Shop\"\ncategory = \"Qualified\"\noutcome = \"Pays in parts\"\nnotes = \"Pays the second half on Friday.\"\n";
    place.write("mappings/examples/shop/order.expect.toml", expectation);
    let ended = place.run(&["test", "shop"]).await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);

    // Of a table that no source uses yet nobody knows what its payloads mean.
    place.write("mappings/depot.toml", SHOP_TABLE);
    place.write("mappings/examples/depot/order.json", ORDER);
    let ended = place.run(&["test", "depot"]).await;
    assert_eq!(ended.code, Some(64), "{}{}", ended.out, ended.err);
    let told = format!("{}{}", ended.out, ended.err);
    assert!(
        told.contains("no source uses the mapping `depot`"),
        "{told}"
    );
}
