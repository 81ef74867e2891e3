//! What people do on each page, click by click, and what comes of it.

use leadping_bridge::sandbox::{FaultRule, FaultScope};
use serde_json::json;

use crate::harness::{seconds, status, voice_lead};
use crate::scene::Scene;

#[tokio::test]
async fn the_flow_counts_what_comes_in_and_stays_fresh() {
    let scene = Scene::quiet().await;
    let browser = &scene.browser;
    browser.open("/").await;
    browser
        .wait_for("No webhook arrived in the last 24 hours.")
        .await;
    scene
        .world
        .send_voice(&voice_lead("lead_a", 100))
        .await
        .accepted();
    scene.world.settle().await;
    // The script brings it, nobody has to load the page again.
    browser.wait_for("Success 100").await;
    browser.wait_for("Qualified").await;
    browser.click("[data-live-switch] button").await;
    browser.wait_for("Paused").await;
    browser.click(".tabs li:first-child a").await;
    assert_eq!(browser.path().await, "/?span=1h");
    browser
        .wait_for("What webhooks of the last hour became")
        .await;
    scene.end().await;
}

#[tokio::test]
async fn a_lead_is_found_and_tells_its_story() {
    let scene = Scene::busy().await;
    let browser = &scene.browser;
    browser.open("/").await;
    browser.fill("input[name=id]", "pearl-lead_story").await;
    browser.click(".search button").await;
    browser.wait_for("What targets have").await;
    let story = browser.text(".story").await;
    let steps: Vec<usize> = [
        "WON → Converted",
        "detail of what was decided before",
        "lead\nleadping delivery",
        "VoiceMailLeft 70 → Open",
    ]
    .iter()
    .map(|step| {
        story
            .find(step)
            .unwrap_or_else(|| panic!("`{step}` is not told:\n{story}"))
    })
    .collect();
    assert!(steps.is_sorted(), "{story}");
    // From the lead to one event, to the row that spoke.
    browser.click(".story > li:first-child .when a").await;
    browser.wait_for("Deliveries and tries").await;
    let body = browser.text("pre").await;
    assert!(body.contains("leadStatusUpdated"), "{body}");
    browser.click(".why a").await;
    let meant = browser.text(".meant").await;
    assert!(meant.contains("[[row]]"), "{meant}");
    scene.end().await;
}

#[tokio::test]
async fn a_body_hides_the_person() {
    let scene = Scene::quiet().await;
    let id = scene
        .world
        .send_voice(&voice_lead("lead_a", 100))
        .await
        .accepted();
    scene.world.settle().await;
    scene.browser.open(&format!("/events/{id}")).await;
    let page = scene.browser.text("main").await;
    assert!(
        page.contains("[masked]") && !page.contains("4155550101"),
        "{page}"
    );
    scene.browser.click("form[action$='/body'] button").await;
    scene
        .browser
        .wait_for("that it was shown is written down")
        .await;
    assert!(scene.browser.text("pre").await.contains("4155550101"));
    let audit = scene.world.get("/api/v1/audit").await;
    assert_eq!(audit["items"][0]["what"], "events.uncover");
    scene.end().await;
}

#[tokio::test]
async fn what_is_parked_is_released_and_discarded() {
    let scene = Scene::quiet().await;
    let (world, browser) = (&scene.world, &scene.browser);
    for lead in ["lead_a", "lead_b"] {
        world.answer(FaultRule::once(FaultScope::Set, status(422)));
        world.send_voice(&voice_lead(lead, 100)).await.accepted();
        world.settle().await;
        world.clock.advance(seconds(60));
    }
    world
        .send_voice(&voice_lead("lead_c", 777))
        .await
        .accepted();
    world.settle().await;
    browser.open("/parked").await;
    browser
        .click("a[href='/parked?cause=unmapped%3Avoice%3A777']")
        .await;
    let row = browser.text(".ready pre").await;
    assert!(row.contains("event.status == 777"), "{row}");
    browser
        .click(".items li:first-child form[action='/parked/release'] button")
        .await;
    browser.wait_for("1 parked again.").await;
    browser.click("#discard-all summary").await;
    browser.click("#discard-all button").await;
    browser.wait_for("1 discarded.").await;

    browser
        .click("a[href='/parked?cause=refused%3Aleadping%3A422']")
        .await;
    assert_eq!(browser.count(".items > li").await, 2);
    browser
        .click(".items > li:first-child form[action='/parked/discard'] button")
        .await;
    browser.wait_for("1 discarded.").await;
    browser.click(".actions.all form:first-child button").await;
    browser.wait_for("1 due again.").await;
    world.settle().await;
    browser.open("/parked").await;
    browser.wait_for("Nothing is parked.").await;
    let audit = world.get("/api/v1/audit").await;
    let done: Vec<&str> = audit["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["what"].as_str().unwrap())
        .collect();
    assert_eq!(
        done,
        [
            "parked.release",
            "parked.discard",
            "parked.discard",
            "parked.release"
        ]
    );
    scene.end().await;
}

#[tokio::test]
async fn tables_show_rows_hits_versions_and_what_changed() {
    let scene = Scene::quiet().await;
    let (world, browser) = (&scene.world, &scene.browser);
    world
        .send_voice(&voice_lead("lead_a", 100))
        .await
        .accepted();
    world.settle().await;
    let table = include_str!("../../mappings/voice.toml");
    let lesser = table.replace("outcome = \"Interested\"", "outcome = \"Keen\"");
    world.clock.advance(seconds(3600));
    world.replace_table("voice", &lesser).await;
    browser.open("/tables").await;
    browser.wait_for("in force").await;
    browser
        .click("#versions .lines > li:first-child .under a[href*=before]")
        .await;
    let gone = browser.text("pre .gone").await;
    let come = browser.text("pre .come").await;
    assert!(
        gone.contains("Interested") && come.contains("Keen"),
        "{gone}\n{come}"
    );

    world.write_table(
        "voice",
        "kind = \"nlpearl\"\n[[row]]\nstatus = \"Succes\"\nignore = \"x\"\n",
    );
    world.reload().await;
    browser.open("/").await;
    browser.wait_for("The tables on disk have faults").await;
    browser.click("#fault summary").await;
    browser.wait_for("voice.toml:3").await;
    world.write_table("voice", table);
    world.reload().await;
    browser.open("/").await;
    assert_eq!(browser.count("#fault").await, 0);
    scene.end().await;
}

#[tokio::test]
async fn a_payload_is_tried_and_nothing_is_written() {
    let scene = Scene::quiet().await;
    let browser = &scene.browser;
    browser.open("/tables").await;
    browser
        .click("#try-source option[value='voice'], #try-source option:nth-child(2)")
        .await;
    browser.fill("#try-payload", "{ not json").await;
    browser.click("#try button.main").await;
    browser
        .wait_for("The bridge would refuse this payload: the body is not JSON: line 1, column 3")
        .await;
    let payload = json!(voice_lead("lead_a", 100)).to_string();
    browser.fill("#try-payload", &payload).await;
    browser.click("button.main").await;
    browser.wait_for("What it would become").await;
    browser.wait_for("POST http").await;
    let told = browser.text("main").await;
    assert!(
        told.contains("Qualified") && told.contains("speaks"),
        "{told}"
    );
    // By a table that is not in force.
    browser.click("#try-table-box summary").await;
    let table = "kind = \"nlpearl\"\n[[row]]\nstatus = \"Success\"\nignore = \"not today\"\n";
    browser.fill("#try-table", table).await;
    browser.click("button.main").await;
    browser.wait_for("not today").await;
    assert!(scene.world.events("").await.is_empty());
    scene.end().await;
}

#[tokio::test]
async fn a_target_is_paused_and_resumed() {
    let scene = Scene::quiet().await;
    let (world, browser) = (&scene.world, &scene.browser);
    browser.open("/targets").await;
    browser
        .click("form[action='/targets/leadping/pause'] button")
        .await;
    browser
        .wait_for("nothing is sent until somebody resumes it")
        .await;
    world
        .send_voice(&voice_lead("lead_a", 100))
        .await
        .accepted();
    browser.open("/").await;
    browser.wait_for("1 due").await;
    browser.open("/targets").await;
    browser
        .click("form[action='/targets/leadping/resume'] button")
        .await;
    browser.wait_for("Sent at its rate").await;
    world.settle().await;
    let delivered = world.events("").await[0]["deliveries"][0]["state"].clone();
    assert_eq!(delivered, "delivered");
    scene.end().await;
}
