//! The dashboard over HTTP, without a browser: who may see it, what its answers forbid, what it
//! never shows. `tests/browser/` walks through it.

use std::collections::BTreeMap;

use reqwest::redirect::Policy;
use serde_json::json;

use crate::harness::{Setup, World, voice_lead};

const PAGES: [&str; 6] = [
    "/",
    "/events",
    "/parked",
    "/tables",
    "/targets",
    "/find?id=x",
];

/// An answer as it came.
struct Shown {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Shown {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

async fn ask(
    world: &World,
    (method, path): (&str, &str),
    headers: &[(&str, &str)],
    form: &[(&str, &str)],
) -> Shown {
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .redirect(Policy::none())
        .build()
        .unwrap();
    let url = format!("http://{}{path}", world.app().admin_address);
    let mut request = client.request(method.parse().unwrap(), url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if method == "POST" {
        request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(
                form.iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect::<Vec<_>>()
                    .join("&"),
            );
    }
    let answer = request.send().await.unwrap();
    let headers = answer.headers().iter();
    let headers =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    Shown {
        status: answer.status().as_u16(),
        headers: headers.collect(),
        body: answer.text().await.unwrap(),
    }
}

async fn show(world: &World, path: &str) -> Shown {
    ask(world, ("GET", path), &[], &[]).await
}

#[tokio::test]
async fn every_answer_forbids_what_no_page_needs() {
    let world = Setup::shipped().start().await;
    for path in PAGES
        .into_iter()
        .chain(["/leads/nobody", "/events/no-id", "/login"])
    {
        let page = show(&world, path).await;
        let policy = page.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self';"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
        for inline in [
            "<style",
            "style=",
            "onclick",
            "javascript:",
            "http://",
            "https://",
        ] {
            // A target's address is shown as text.
            let shown = page.body.replace(&world.sandbox().base_url(), "");
            assert!(!shown.contains(inline), "{path} says `{inline}`");
        }
    }
    world.finish().await;
}

#[tokio::test]
async fn sheet_and_script_are_kept_by_the_browser_under_a_name_of_their_content() {
    let world = Setup::shipped().start().await;
    let page = show(&world, "/").await;
    let named: Vec<&str> = page
        .body
        .split('"')
        .filter(|part| part.starts_with("/assets/"))
        .collect();
    assert_eq!(named.len(), 3, "{named:?}");
    for path in named {
        let asset = show(&world, path).await;
        assert_eq!(asset.status, 200, "{path}");
        assert!(
            asset.header("cache-control").contains("immutable"),
            "{path}"
        );
    }
    assert_eq!(show(&world, "/assets/0/other.css").await.status, 404);
    world.finish().await;
}

#[tokio::test]
async fn a_stranger_sees_the_form_alone() {
    let world = Setup::shipped().with_admin_token().start().await;
    for path in PAGES {
        let page = show(&world, path).await;
        assert_eq!(page.status, 303, "{path}");
        assert!(
            page.header("location").starts_with("/login?next=%2F"),
            "{path}"
        );
        assert!(page.body.is_empty(), "{path}");
    }
    for path in [
        "/parked/release",
        "/parked/discard",
        "/tables/try",
        "/targets/leadping/pause",
        "/logout",
    ] {
        let done = ask(&world, ("POST", path), &[], &[("back", "x")]).await;
        assert_eq!(done.status, 401, "{path}");
    }
    assert_eq!(world.get("/api/v1/audit").await["items"], json!([]));
    let form = show(&world, "/login?next=//evil.example/").await;
    assert!(!form.body.contains("evil"), "{}", form.body);
    world.finish().await;
}

#[tokio::test]
async fn a_session_lives_in_a_cookie_that_no_script_and_no_other_site_uses() {
    let world = Setup::shipped().with_admin_token().start().await;
    let wrong = ask(&world, ("POST", "/login"), &[], &[("token", "wrong")]).await;
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, ""));
    let form = [("token", "admin-secret"), ("next", "%2Ftargets")];
    let opened = ask(&world, ("POST", "/login"), &[], &form).await;
    assert_eq!(
        (opened.status, opened.header("location")),
        (303, "/targets")
    );
    let cookie = opened.header("set-cookie");
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(
        !cookie.contains("Secure") && !cookie.contains("admin-secret"),
        "{cookie}"
    );
    let behind_tls = [("x-forwarded-proto", "https")];
    let secured = ask(&world, ("POST", "/login"), &behind_tls, &form).await;
    assert!(secured.header("set-cookie").ends_with("; Secure"));

    let session = cookie.split(';').next().unwrap();
    let with = [("cookie", session)];
    assert_eq!(
        ask(&world, ("GET", "/targets"), &with, &[]).await.status,
        200
    );
    assert_eq!(
        ask(&world, ("POST", "/logout"), &with, &[]).await.status,
        303
    );
    assert_eq!(
        ask(&world, ("GET", "/targets"), &with, &[]).await.status,
        303
    );
    world.finish().await;
}

#[tokio::test]
async fn a_foreign_page_changes_nothing() {
    let world = Setup::shipped().start().await;
    world
        .send_voice(&voice_lead("lead_a", 777))
        .await
        .accepted();
    world.settle().await;
    let cause = [("cause", "unmapped%3Avoice%3A777"), ("back", "")];
    for header in [
        ("origin", "http://evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("host", "evil.example"),
    ] {
        let done = ask(&world, ("POST", "/parked/discard"), &[header], &cause).await;
        assert_eq!(done.status, 403, "{header:?}");
        assert!(done.body.contains("<h1>Forbidden</h1>"), "{}", done.body);
    }
    assert_eq!(world.events("state=parked").await.len(), 1);
    let done = ask(&world, ("POST", "/parked/discard"), &[], &cause).await;
    assert_eq!(done.header("location"), "/parked?cause=&told=discarded.1");
    assert_eq!(world.events("state=discarded").await.len(), 1);
    let trail = world.get("/api/v1/audit").await;
    assert_eq!(
        (&trail["items"][0]["what"], &trail["items"][0]["who"]),
        (&json!("parked.discard"), &json!("loopback"))
    );
    world.finish().await;
}

#[tokio::test]
async fn a_body_as_it_came_is_shown_on_request_and_written_down() {
    let world = Setup::shipped().start().await;
    let id = world
        .send_voice(&voice_lead("lead_a", 100))
        .await
        .accepted();
    world.settle().await;
    let number = "+14155550";
    let masked = show(&world, &format!("/events/{id}")).await;
    assert!(!masked.body.contains(number), "{}", masked.body);
    let path = format!("/events/{id}/body");
    let foreign = [("origin", "http://evil.example")];
    let refused = ask(&world, ("POST", &path), &foreign, &[]).await;
    assert!(refused.status == 403 && !refused.body.contains(number));
    let linked = show(&world, &path).await;
    assert_eq!(linked.status, 405, "a link uncovers nothing");
    assert_eq!(world.get("/api/v1/audit").await["items"], json!([]));
    let bare = ask(&world, ("POST", &path), &[], &[]).await;
    assert_eq!(bare.status, 200);
    assert!(bare.body.contains(number), "{}", bare.body);
    let trail = world.get("/api/v1/audit").await;
    let told = &trail["items"][0];
    assert_eq!(told["what"], "events.uncover");
    assert!(told["about"].as_str().unwrap().contains(&id), "{told}");
    world.finish().await;
}

#[tokio::test]
async fn what_a_sender_says_is_text() {
    let world = Setup::shipped().start().await;
    let sly = "<script>alert(1)</script>\" onx=\"";
    let id = world.send_voice(&voice_lead(sly, 100)).await.accepted();
    world.settle().await;
    let lead = "%3Cscript%3Ealert(1)%3C%2Fscript%3E%22%20onx%3D%22";
    for path in [
        String::from("/events"),
        format!("/events/{id}"),
        format!("/leads/{lead}"),
        format!("/find?id={lead}"),
        format!("/parked?cause={lead}&told={lead}"),
    ] {
        let page = show(&world, &path).await;
        assert!(
            !page.body.contains("<script>") && !page.body.contains("\" onx"),
            "{path}"
        );
    }
    world.finish().await;
}

#[tokio::test]
async fn an_id_leads_to_its_event_or_its_lead() {
    let world = Setup::shipped().start().await;
    let id = world
        .send_voice(&voice_lead("lead_a", 100))
        .await
        .accepted();
    world.settle().await;
    for (given, place) in [
        (id.as_str(), format!("/events/{id}")),
        ("lead_a", "/leads/lead_a".to_owned()),
        ("", "/events".to_owned()),
    ] {
        let found = show(&world, &format!("/find?id={given}")).await;
        assert_eq!(found.header("location"), place, "{given}");
    }
    for path in ["/leads/nobody", "/events/nothing", "/tables/version/0000"] {
        assert_eq!(show(&world, path).await.status, 404, "{path}");
    }
    world.finish().await;
}
