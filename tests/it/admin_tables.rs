//! Tables through the admin API: which row spoke how often, a payload tried, traffic decided again
//! with other tables, tables read again; and requests that could not be events.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Setup, World, voice_lead};

const TABLE: &str = r#"
kind = "nlpearl"
[[row]]
name = "won"
status = "Success"
leadping = { type = "Call", category = "Qualified", outcome = "Interested" }
[[row]]
status = 130
leadping = { type = "Call", category = "Lost", outcome = "Not interested" }
"#;

fn other() -> String {
    TABLE.replace("Qualified", "Converted")
}

async fn two_won_one_lost_one_unmapped() -> World {
    let world = Setup::shipped().voice(TABLE).start().await;
    for (lead, status) in [("a", 100), ("b", 100), ("c", 130), ("d", 77)] {
        let lead = format!("lead_{lead}");
        let body = voice_lead(&lead, status);
        world.send_voice(&body).await.accepted();
    }
    world.settle().await;
    world
}

fn voice_table(mappings: &Value) -> Value {
    let tables = mappings["in_force"]["tables"].as_array().unwrap();
    let voice = tables.iter().find(|table| table["mapping"] == "voice");
    voice.unwrap().clone()
}

fn hits(table: &Value) -> Vec<u64> {
    let rows = table["rows"].as_array().unwrap();
    let mut hits: Vec<u64> = rows
        .iter()
        .map(|row| row["hits"].as_u64().unwrap())
        .collect();
    hits.push(table["unmapped"].as_u64().unwrap());
    hits
}

#[tokio::test]
async fn rows_count_what_they_decided_since_their_table_came() {
    let world = two_won_one_lost_one_unmapped().await;
    let before = voice_table(&world.get("/api/v1/mappings").await);
    assert_eq!(hits(&before), [2, 1, 1]);
    world.write_table("voice", &other());
    let reloaded = world.post_admin("mappings/reload", &json!({})).await;
    assert_eq!(
        (reloaded.status, &reloaded.body["result"]),
        (200, &json!("loaded"))
    );
    world
        .send_voice(&voice_lead("lead_e", 100))
        .await
        .accepted();
    world.settle().await;
    let mappings = world.get("/api/v1/mappings").await;
    assert_eq!(mappings["versions"][0]["loaded_by"], "api");
    let after = voice_table(&mappings);
    assert_eq!(hits(&after), [1, 0, 0]);
    let path = |table: &Value| {
        format!(
            "/api/v1/mappings/tables/{}",
            table["hash"].as_str().unwrap()
        )
    };
    let text = world.get(&path(&before)).await;
    assert_eq!(text["text"], TABLE);
    let missing = world.admin("/api/v1/mappings/tables/00", None).await;
    assert_eq!(missing.status, 404);
    world.finish().await;
}

#[tokio::test]
async fn what_rows_counted_outlives_a_stop_and_after_a_minute_a_crash() {
    let mut world = two_won_one_lost_one_unmapped().await;
    world.restart().await;
    let of = |mappings: Value| hits(&voice_table(&mappings));
    assert_eq!(of(world.get("/api/v1/mappings").await), [2, 1, 1]);
    world
        .send_voice(&voice_lead("lead_e", 100))
        .await
        .accepted();
    world.settle().await;
    world.clock.advance(Duration::from_secs(61));
    let asked = Instant::now();
    let saved = || {
        let store = rusqlite::Connection::open(world.path("bridge.db")).unwrap();
        let hits = "SELECT hits FROM row_hits WHERE mapping = 'voice'";
        let hits: String = store.query_row(hits, [], |row| row.get(0)).unwrap();
        serde_json::from_str::<Value>(&hits).unwrap()["rows"] == json!([3, 1])
    };
    while !saved() {
        assert!(asked.elapsed() < Duration::from_secs(30), "never saved");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    world.crash().await;
    world.start().await;
    assert_eq!(of(world.get("/api/v1/mappings").await), [3, 1, 1]);
    // Another text begins anew, also where it came while the bridge was down.
    world.stop().await;
    world.write_table("voice", &other());
    world.start().await;
    let rows = of(world.get("/api/v1/mappings").await);
    assert!(rows[..2].iter().all(|hits| *hits == 0), "{rows:?}");
    world.finish().await;
}

#[tokio::test]
async fn versions_come_in_pages() {
    let world = Setup::shipped().voice(TABLE).start().await;
    for category in ["Converted", "Lost", "Open"] {
        let table = TABLE.replace("Qualified", category);
        world.replace_table("voice", &table).await;
    }
    let all = world.get("/api/v1/mappings").await["versions"].clone();
    let mut path = String::from("/api/v1/mappings/versions?limit=3");
    let mut found = Vec::new();
    loop {
        let page = world.get(&path).await;
        found.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/v1/mappings/versions?limit=3&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(found.len(), 4);
    assert_eq!(json!(found), all);
    world.finish().await;
}

#[tokio::test]
async fn a_recorded_event_is_explained_by_the_tables_in_force() {
    let world = two_won_one_lost_one_unmapped().await;
    let event = world.events("lead=lead_c").await.remove(0);
    world
        .replace_table("voice", &other().replace("Lost", "Invalid"))
        .await;
    let path = format!("/api/v1/events/{}/explain", event["id"].as_str().unwrap());
    let story = world.get(&path).await;
    assert_eq!(story["became"]["deliveries"][0]["category"], "Lost");
    assert_eq!(
        story["current"]["requests"][0]["body"]["category"],
        "Invalid"
    );
    let missing = "/api/v1/events/01986f0e-7c00-7000-8000-000000000001/explain";
    assert_eq!(world.admin(missing, None).await.status, 404);
    world.finish().await;
}

#[tokio::test]
async fn a_bad_table_is_refused_with_its_findings_and_the_old_one_stays() {
    let world = Setup::shipped().voice(TABLE).start().await;
    let again = world.post_admin("mappings/reload", &json!({})).await;
    assert_eq!(again.body["result"], "unchanged");
    world.write_table("voice", &TABLE.replace("Qualified", "Qualfied"));
    let refused = world.post_admin("mappings/reload", &json!({})).await;
    assert_eq!(
        (refused.status, &refused.body["result"]),
        (422, &json!("refused"))
    );
    let findings = refused.body["findings"].to_string();
    assert!(findings.contains("voice.toml:6:"), "{findings}");
    let in_force = voice_table(&world.get("/api/v1/mappings").await);
    assert_eq!(in_force["rows"][0]["name"], "won");
    world.finish().await;
}

#[tokio::test]
async fn a_payload_is_tried_by_the_tables_in_force_or_by_another() {
    let world = Setup::shipped().voice(TABLE).start().await;
    let payload = voice_lead("lead_a", 100);
    let body = json!({"source": "voice", "payload": payload});
    let told = world.post_admin("explain", &body).await;
    assert_eq!(told.status, 200);
    assert_eq!(told.body["requests"][0]["body"]["category"], "Qualified");
    assert_eq!(told.body["decision"]["row"]["name"], "won");
    let body = json!({"source": "voice", "payload": payload, "table": other()});
    let tried = world.post_admin("mappings/try", &body).await;
    let explanation = &tried.body["explanation"];
    assert_eq!(explanation["requests"][0]["body"]["category"], "Converted");
    for (path, body, expected) in [
        ("explain", json!({"source": "video", "payload": {}}), 400),
        ("explain", json!({"source": "voice", "payload": []}), 400),
        ("explain", json!({"source": "voice"}), 400),
        (
            "mappings/try",
            json!({"source": "voice", "payload": {}, "table": "kind = 1"}),
            422,
        ),
    ] {
        let answer = world.post_admin(path, &body).await;
        assert_eq!(answer.status, expected, "{path} {body}");
    }
    // Nothing was recorded, nothing sent.
    assert!(world.events("").await.is_empty());
    assert_eq!(world.calls(), "");
    world.finish().await;
}

/// The plan, once it has ended.
async fn planned(world: &World) -> Value {
    let started = Instant::now();
    loop {
        let plan = world.get("/api/v1/plan").await;
        if plan["state"] != "running" {
            return plan;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{plan}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn recorded_traffic_is_planned_with_other_tables_in_the_background() {
    let world = two_won_one_lost_one_unmapped().await;
    assert_eq!(world.get("/api/v1/plan").await["state"], "none");
    let calls = world.calls();
    let body = json!({"tables": {"voice": other()}});
    let started = world.post_admin("plan", &body).await;
    assert_eq!(started.status, 202, "{}", started.body);
    let plan = planned(&world).await;
    assert_eq!(
        (&plan["state"], &plan["events_done"]),
        (&json!("finished"), &json!(4))
    );
    let comparison = &plan["comparison"];
    assert_eq!(
        (&comparison["events"], &comparison["events_differ"]),
        (&json!(4), &json!(2))
    );
    // The same tables differ in nothing; and not one call was made.
    let same = json!({"tables": {"voice": TABLE}, "last": 2});
    assert_eq!(world.post_admin("plan", &same).await.status, 202);
    let plan = planned(&world).await;
    assert_eq!(plan["comparison"]["differs"], false);
    assert_eq!(plan["events_done"], 2);
    assert_eq!(world.calls(), calls);
    let since = json!({"tables": {}, "since": "2026-08-01T12:00:00Z"});
    assert_eq!(world.post_admin("plan", &since).await.status, 202);
    assert_eq!(planned(&world).await["events_done"], 4);
    assert_eq!(world.delete_admin("plan").await.status, 409);
    for (body, expected) in [
        (json!({"tables": {"voice": "kind = 1"}}), 422),
        (json!({"tables": {"video": TABLE}}), 422),
        (json!({"tables": {}, "last": 0}), 400),
        (json!({"tables": {}, "last": 300_000}), 400),
        (json!({"tables": []}), 400),
    ] {
        let answer = world.post_admin("plan", &body).await;
        assert_eq!(answer.status, expected, "{body}");
    }
    world.finish().await;
}

#[tokio::test]
async fn what_could_not_be_an_event_is_listed_without_its_body() {
    let world = Setup::shipped().start().await;
    assert_eq!(
        world.send("voice", &json!(["+14155550101"])).await.status,
        400
    );
    let started = Instant::now();
    let mut page = world.get("/api/v1/rejects").await;
    while page["items"].as_array().unwrap().is_empty() {
        assert!(started.elapsed() < Duration::from_secs(30));
        page = world.get("/api/v1/rejects").await;
    }
    let reject = &page["items"][0];
    assert_eq!(
        (&reject["source"], &reject["size_bytes"]),
        (&json!("voice"), &json!(16))
    );
    assert!(!page.to_string().contains("+1415"));
    world.finish().await;
}

#[tokio::test]
async fn a_payload_that_the_listener_refuses_is_not_tried_either() {
    let setup = Setup::shipped().set("server.max_body_bytes", "3000");
    let world = setup.with_admin_token().start().await;
    let mut deep = json!(1);
    for _ in 0..70 {
        deep = json!([deep]);
    }
    let mut nested = voice_lead("lead_a", 100);
    nested["callData"]["deep"] = deep;
    let mut large = voice_lead("lead_a", 100);
    large["callData"]["large"] = json!("x".repeat(3000));
    for payload in [nested, large, json!([])] {
        let refused = world.send_voice(&payload).await;
        assert!(refused.status >= 400);
        for path in ["explain", "mappings/try"] {
            let body = json!({ "source": "voice", "payload": payload });
            let answer = world.post_admin(path, &body).await;
            assert_eq!(answer.status, refused.status, "{path}: {}", answer.body);
            assert_eq!(answer.body["detail"], refused.body["detail"], "{path}");
        }
    }
    world.finish().await;
}
