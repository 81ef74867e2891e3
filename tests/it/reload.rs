//! Reloading: what new tables cover is decided again by itself; a table with a fault replaces
//! nothing.

use serde_json::json;

use crate::harness::{Setup, World, crm, voice_lead};

const NOON: i64 = 1_785_585_600_000;
const SUCCESS_ONLY: &str = r#"
kind = "nlpearl"
[[row]]
status = "Success"
leadping = { type = "Call", category = "Open", outcome = "{{ body.step }}" }
"#;
const MORE: &str = r#"
kind = "nlpearl"
[[row]]
status = ["Success", "Completed", 77]
leadping = { type = "Call", category = "Open", outcome = "{{ body.step | default('none') }}" }
"#;

async fn send(world: &World, lead: &str, status: i64, step: &str) {
    let mut body = voice_lead(lead, status);
    body["step"] = json!(step);
    world.send_voice(&body).await.accepted();
}

#[tokio::test]
async fn what_a_new_row_covers_is_decided_again_by_itself_in_order() {
    let world = Setup::steps().voice(SUCCESS_ONLY).start().await;
    send(&world, "lead_a", 130, "one").await;
    send(&world, "lead_a", 77, "two").await;
    send(&world, "lead_a", 130, "three").await;
    send(&world, "lead_b", 110, "one").await;
    world.settle().await;
    assert_eq!(
        world.parked().await,
        [
            "unmapped:voice:110: 1 events, 0 deliveries",
            "unmapped:voice:130: 2 events, 0 deliveries",
            "unmapped:voice:77: 1 events, 0 deliveries",
        ]
    );
    world.replace_table("voice", MORE).await;
    world.requests(3).await;
    world.settle().await;
    assert_eq!(world.outcomes("lead_a"), ["one", "two", "three"]);
    assert_eq!(
        world.parked().await,
        ["unmapped:voice:110: 1 events, 0 deliveries"]
    );
    world.finish().await;
}

#[tokio::test]
async fn tables_that_changed_while_the_bridge_was_down_count_too() {
    let mut world = Setup::steps().voice(SUCCESS_ONLY).start().await;
    send(&world, "lead_a", 130, "one").await;
    world.settle().await;
    world.stop().await;
    world.write_table("voice", MORE);
    world.start().await;
    world.requests(1).await;
    world.settle().await;
    assert_eq!(world.outcomes("lead_a"), ["one"]);
    world.finish().await;
}

#[tokio::test]
async fn what_is_released_late_is_stale_if_any_source_was_applied_since() {
    let world = Setup::steps().voice(SUCCESS_ONLY).start().await;
    send(&world, "lead_a", 130, "late").await;
    send(&world, "lead_b", 130, "late").await;
    send(&world, "lead_c", 130, "late").await;
    world.settle().await;
    send(&world, "lead_a", 100, "newer").await;
    world
        .send_crm(&crm("lead_b", "e1", "WON", NOON))
        .await
        .accepted();
    world.settle().await;
    world.replace_table("voice", MORE).await;
    world.requests(3).await;
    world.settle().await;
    assert_eq!(world.outcomes("lead_a"), ["newer"]);
    assert_eq!(world.outcomes("lead_b"), ["Won"]);
    assert_eq!(world.outcomes("lead_c"), ["late"]);
    insta::assert_snapshot!(world.timeline("lead_a").await, @"
    voice: settled, matched stale
    voice: settled, matched delivery; delivered Open/newer, 1 tries, 201
    ");
    world.finish().await;
}

#[tokio::test]
async fn a_template_that_lacks_a_value_parks_and_is_retried_by_a_reload() {
    let world = Setup::steps().voice(SUCCESS_ONLY).start().await;
    world
        .send_voice(&voice_lead("lead_a", 100))
        .await
        .accepted();
    world.settle().await;
    assert_eq!(
        world.timeline("lead_a").await,
        "voice: parked invalid:voice"
    );
    world.replace_table("voice", MORE).await;
    world.requests(1).await;
    world.settle().await;
    assert_eq!(world.outcomes("lead_a"), ["none"]);
    world.finish().await;
}

#[tokio::test]
async fn a_table_with_a_fault_replaces_nothing() {
    let world = Setup::steps().start().await;
    for broken in [
        "kind = \"nlpearl\"\n[[row]\n",
        "kind = \"nlpearl\"\n[[row]]\nstatus = \"Sucess\"\nignore = \"x\"\n",
        "kind = \"nlpearl\"\n[[row]]\nstatus = 100\nleadping = { outcome = \"no type\" }\n",
    ] {
        world.replace_table("voice", broken).await;
    }
    // One bad table keeps the good change of another out as well: the set is swapped whole.
    world.write_table("crm", "kind = \"capillary\"\n[[row]]\nignore = \"all\"\n");
    world.reload().await;
    world.step("lead_a", "one").await;
    world
        .send_crm(&crm("lead_b", "e1", "WON", NOON))
        .await
        .accepted();
    world.settle().await;
    assert_eq!(world.outcomes("lead_a"), ["one"]);
    assert_eq!(world.outcomes("lead_b"), ["Won"]);
    let metrics = world.metrics().await;
    let refused = "leadping_bridge_mapping_reloads_total{result=\"refused\"} 4";
    assert!(metrics.contains(refused), "{metrics}");
    world.finish().await;
}

#[tokio::test]
async fn what_is_due_keeps_what_was_decided() {
    use leadping_bridge::sandbox::{FaultRule, FaultScope};
    let world = Setup::steps().start().await;
    world.answer(FaultRule::once(
        FaultScope::Set,
        crate::harness::status(408),
    ));
    world.step("lead_a", "one").await;
    world.settle().await;
    world
        .replace_table("voice", "kind = \"nlpearl\"\n[[row]]\nignore = \"all\"\n")
        .await;
    world.step("lead_a", "two").await;
    world.run().await;
    assert_eq!(world.outcomes("lead_a"), ["one"]);
    world.finish().await;
}
