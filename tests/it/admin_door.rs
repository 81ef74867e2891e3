//! Who may ask the admin listener, over every route of its document; and the trail of what they
//! changed.

use leadping_bridge::admin::document;
use serde_json::{Value, json};

use crate::harness::{Setup, World, voice_lead};

const TOKEN: (&str, &str) = ("authorization", "Bearer admin-secret");

/// Every operation of the document, and what is beside the API.
fn operations() -> Vec<(String, String)> {
    let mut found = vec![("get".to_owned(), "/metrics".to_owned())];
    for (path, item) in document()["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let path = path
                .replace("{name}", "leadping")
                .replace("{id}", "nobody")
                .replace("{hash}", "0000");
            found.push((method.clone(), path));
        }
    }
    assert!(found.len() > 20, "{found:?}");
    found
}

fn upper(method: &str) -> String {
    method.to_ascii_uppercase()
}

#[tokio::test]
async fn without_a_token_every_route_refuses() {
    let world = Setup::shipped().with_admin_token().start().await;
    for (method, path) in operations() {
        let method = upper(&method);
        for headers in [
            &[][..],
            &[("authorization", "Bearer wrong")],
            &[("authorization", "Basic admin-secret")],
            &[("authorization", "")],
            &[("cookie", "leadping_bridge_session=admin-secret")],
        ] {
            let answer = world.call_admin((&method, &path), headers, None).await;
            assert_eq!(answer.status, 401, "{method} {path} {headers:?}");
            assert_eq!(answer.body["status"], 401, "{method} {path}");
        }
    }
    // Nothing of that was done, and so nothing is in the trail.
    assert_eq!(world.get("/api/v1/audit").await["items"], json!([]));
    world.finish().await;
}

#[tokio::test]
async fn with_a_token_every_documented_route_is_there_and_takes_no_other_method() {
    let world = Setup::shipped().with_admin_token().start().await;
    let nothing = "there is nothing at this path";
    for (method, path) in operations() {
        let call = (upper(&method), path.as_str());
        let answer = world.call_admin((&call.0, call.1), &[TOKEN], None).await;
        assert!(![401, 403, 405, 500].contains(&answer.status), "{call:?}");
        let known_to_lack = path.contains("nobody") || path.contains("0000");
        assert!(
            known_to_lack || answer.body["detail"] != nothing,
            "{call:?} is not routed"
        );
        let answer = world.call_admin(("PATCH", &path), &[TOKEN], None).await;
        assert_eq!((answer.status, &answer.body["status"]), (405, &json!(405)));
    }
    let shown = world.get("/api/v1/openapi.json").await;
    assert_eq!(&shown, document());
    world.finish().await;
}

#[tokio::test]
async fn a_foreign_page_changes_nothing() {
    let world = Setup::shipped().start().await;
    for (method, path) in operations() {
        let method = upper(&method);
        for header in [
            ("origin", "http://evil.example"),
            ("sec-fetch-site", "cross-site"),
        ] {
            let answer = world.call_admin((&method, &path), &[header], None).await;
            let expected = method != "GET";
            assert_eq!(answer.status == 403, expected, "{method} {path} {header:?}");
        }
    }
    assert_eq!(world.get("/api/v1/audit").await["items"], json!([]));
    world.finish().await;
}

/// Who, what, about and outcome, oldest first.
async fn trail(world: &World) -> Vec<String> {
    let page = world.get("/api/v1/audit").await;
    let items = page["items"].as_array().unwrap().iter().rev();
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    items
        .map(|row| {
            let words = ["who", "what", "about", "outcome"].map(|name| word(&row[name]));
            words.join(" | ")
        })
        .collect()
}

#[tokio::test]
async fn every_change_is_written_down_with_who_made_it_and_nothing_of_the_lead() {
    let night = r#"[{ name = "night-shift", secret = { file = "$PLACE/voice.secret" } }]"#;
    let setup = Setup::shipped().set("admin.tokens", night);
    let mut world = setup.with_admin_token().start().await;
    world.send_voice(&voice_lead("lead_a", 77)).await.accepted();
    world.settle().await;
    let night = ("authorization", "Bearer voice-secret");
    let link = json!({"source": "crm", "source_lead_id": "c1", "lead_id": "lead_a"});
    let links = json!({"links": [
        {"source": "crm", "source_lead_id": "c2", "lead_id": "lead_b"},
        {"source": "crm", "source_lead_id": "", "lead_id": "lead_c"},
    ]});
    let cause = json!({"cause": "unmapped:voice:77"});
    let replay = json!({"lead": "lead_a", "start": true});
    for (who, call, body) in [
        (TOKEN, ("PUT", "links"), Some(&link)),
        (night, ("POST", "links"), Some(&links)),
        (TOKEN, ("POST", "parked/release"), Some(&cause)),
        (night, ("POST", "parked/discard"), Some(&cause)),
        (TOKEN, ("POST", "events/replay"), Some(&replay)),
        (TOKEN, ("DELETE", "events/replay"), None),
        (night, ("POST", "targets/leadping/pause"), None),
        (TOKEN, ("POST", "targets/leadping/resume"), None),
        (TOKEN, ("POST", "mappings/reload"), None),
    ] {
        let path = format!("/api/v1/{}", call.1);
        let answer = world.call_admin((call.0, &path), &[who], body).await;
        // Whether the replay is still running is chance.
        let expected = if call.0 == "DELETE" { 499 } else { 299 };
        assert!(answer.status <= expected, "{call:?} {}", answer.body);
    }
    let mut told = trail(&world).await;
    assert!(told[5].starts_with("admin | events.replay.cancel | - | "));
    told.remove(5);
    let expected = [
        "admin | links.set | source crm | new, 0 decided",
        "night-shift | links.import | 1 links | 1 new, 1 refused",
        "admin | parked.release | cause unmapped:voice:77 | 1 still parked: what it waits for is not there yet",
        "night-shift | parked.discard | cause unmapped:voice:77 | 1 discarded",
        "admin | events.replay | one lead | started, 0 events",
        "night-shift | targets.pause | target leadping | stopped",
        "admin | targets.resume | target leadping | open",
        "admin | mappings.reload | - | unchanged",
    ];
    assert_eq!(told, expected);
    world.restart().await;
    assert_eq!(trail(&world).await.len(), 9);
    let page = world.get("/api/v1/audit?limit=4").await;
    let next = page["next_cursor"].as_str().unwrap();
    let rest = world.get(&format!("/api/v1/audit?cursor={next}")).await;
    assert_eq!(rest["items"].as_array().unwrap().len(), 5);
    world.finish().await;
}

#[tokio::test]
async fn a_refused_change_says_so_in_the_trail() {
    let world = Setup::shipped().start().await;
    let body = json!({"event": "01986f0e-7c00-7000-8000-000000000001"});
    let answer = world.post_admin("parked/release", &body).await;
    assert_eq!(answer.status, 404);
    let expected =
        "loopback | parked.release | event 01986f0e-7c00-7000-8000-000000000001 | refused, 404";
    assert_eq!(trail(&world).await, [expected]);
    world.finish().await;
}

#[tokio::test]
async fn tokens_are_read_again_on_a_reload() {
    let world = Setup::shipped().with_admin_token().start().await;
    world.write_secret("admin", "another");
    world.reload().await;
    let answer = world.admin("/api/v1/targets", Some("admin-secret")).await;
    assert_eq!(answer.status, 401);
    let answer = world.admin("/api/v1/targets", Some("another")).await;
    assert_eq!(answer.status, 200);
    // For the end of the story.
    world.write_secret("admin", "admin-secret");
    world.reload().await;
    world.finish().await;
}
