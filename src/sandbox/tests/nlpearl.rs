//! NLPearl pretended, over HTTP: every member of its page, and what it refuses.

use super::*;

const LEAD: &str = "68c3f1a2b4d5e6f708192a3b";
const V1: &str = "/v1/Outbound/outbound-1/Lead/68c3f1a2b4d5e6f708192a3b";
const V2: &str = "/v2/Outbound/66f1a2b3c4d5e6f708192a3b/Lead/68c3f1a2b4d5e6f708192a3b";

/// The payload of a lead webhook, which has the lead's members and its pearl.
fn sample() -> Value {
    serde_json::from_str(include_str!(
        "../../../tests/payloads/nlpearl-lead-success.json"
    ))
    .expect("a payload")
}

fn put_sample(world: &World) {
    let mut lead = sample();
    lead["outboundId"] = json!("outbound-1");
    lead["timeZone"] = json!(-5.0);
    let id = world.sandbox.put_lead(System::Nlpearl, &lead);
    assert_eq!(id.as_deref(), Ok(LEAD));
}

async fn update(world: &World, path: &str, body: &Value) -> Response {
    let request = send(world, "PUT", path).json(body);
    request.send().await.expect("an answer")
}

async fn get(world: &World, path: &str) -> Response {
    send(world, "GET", path).send().await.expect("an answer")
}

fn send(world: &World, method: &str, path: &str) -> RequestBuilder {
    let url = format!("{}{path}", world.sandbox.base_url());
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    world
        .client
        .request(method, url)
        .bearer_auth("account:secret")
}

#[tokio::test]
async fn a_lead_is_shown_with_every_member_of_the_page() {
    let world = world();
    put_sample(&world);
    for path in [
        V1,
        V2,
        "/v1/Outbound/outbound-1/Lead/Extrenal/2",
        "/v2/Outbound/66f1a2b3c4d5e6f708192a3b/Lead/External/2",
    ] {
        let answer = get(&world, path).await;
        assert_eq!(answer.status(), 200, "{path}");
        let lead = json_of(answer).await;
        let mut expected = sample();
        expected["timeZone"] = json!(-5.0);
        expected["lastCall"] = Value::Null;
        expected
            .as_object_mut()
            .expect("an object")
            .remove("pearlId");
        assert_eq!(lead, expected, "{path}");
    }
    assert_eq!(json_of(get(&world, "/v1/Account").await).await["status"], 1);
}

#[tokio::test]
async fn every_member_can_be_written_and_what_is_not_sent_stays() {
    let world = world();
    put_sample(&world);
    let body = json!({
        "phoneNumber": "+14155550199",
        "externalId": "crm-77",
        "timeZoneId": "Türkiye Standard Time",
        "callData": {"email": "joe@example.com", "carLicense": "90-929-82"},
        "status": 130,
    });
    let answer = update(&world, V1, &body).await;
    assert_eq!(answer.status(), 200);
    let lead = json_of(answer).await;
    for name in ["phoneNumber", "externalId", "callData", "status"] {
        assert_eq!(lead[name], body[name], "{name}");
    }
    assert_eq!(lead["timeZone"], 3.0);
    assert_eq!(lead["collectedData"], sample()["collectedData"]);
    assert_eq!(lead["callsId"], sample()["callsId"]);

    let before = lead;
    for nothing in [
        json!({}),
        json!({"externalId": null, "phoneNumber": null, "timeZoneId": null}),
    ] {
        let lead = json_of(update(&world, V2, &nothing).await).await;
        assert_eq!(lead, before, "{nothing}");
    }
    let lead = json_of(update(&world, V2, &json!({"callData": {"a": 1}})).await).await;
    assert_eq!(lead["callData"], json!({"a": 1}), "replaced, not merged");
    assert_eq!(lead["status"], 130);
}

#[tokio::test]
async fn five_statuses_are_taken_and_the_campaigns_own_are_not() {
    let world = world();
    put_sample(&world);
    for status in [1, 10, 100, 110, 130] {
        let answer = update(&world, V1, &json!({"status": status})).await;
        assert_eq!(json_of(answer).await["status"], status);
    }
    for status in [20, 30, 40, 70, 150, 220, 300, 500, 0, 2, 131, -1] {
        let answer = update(&world, V1, &json!({"status": status})).await;
        assert_eq!(answer.status(), 400, "{status}");
        let problem = json_of(answer).await;
        assert_eq!(
            problem["errors"]["status"],
            json!(["`status` must be one of 1, 10, 100, 110, 130"])
        );
    }
    let lead = world
        .sandbox
        .lead_at(System::Nlpearl, LEAD)
        .expect("a lead");
    assert_eq!(lead["status"], 130, "nothing refused was written");
}

#[tokio::test]
async fn whatever_the_page_does_not_name_is_refused_by_member() {
    let world = world();
    put_sample(&world);
    for (body, member, expected) in [
        (json!({"notes": "private"}), "notes", "is not a member"),
        (json!({"timeZone": "-5"}), "timeZone", "is not a member"),
        (json!({"Status": 100}), "Status", "is not a member"),
        (json!({"status": "Success"}), "status", "must be one of"),
        (json!({"status": "100"}), "status", "must be one of"),
        (json!({"status": null}), "status", "must be one of"),
        (json!({"phoneNumber": 14155550}), "phoneNumber", "a string"),
        (json!({"externalId": 7}), "externalId", "a string"),
        (json!({"callData": null}), "callData", "an object"),
        (json!({"callData": "private"}), "callData", "an object"),
        (
            json!({"timeZoneId": "Europe/Istanbul"}),
            "timeZoneId",
            "Windows time zones",
        ),
        (json!({"timeZoneId": -5}), "timeZoneId", "a string"),
    ] {
        let answer = update(&world, V2, &body).await;
        assert_eq!(answer.status(), 400, "{body}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let problem = json_of(answer).await;
        let told = problem["errors"][member].to_string();
        assert!(told.contains(expected), "{body}: {problem}");
        assert!(!problem.to_string().contains("private"), "{problem}");
        assert_eq!(problem["instance"], V2);
    }
    for body in [json!(["status"]), json!("status")] {
        assert_eq!(update(&world, V1, &body).await.status(), 400, "{body}");
    }
    assert!(world.sandbox.writes_at(System::Nlpearl).is_empty());
}

#[tokio::test]
async fn a_path_must_name_the_leads_own_campaign() {
    let world = World::new(|options| options.strict_leads = true);
    put_sample(&world);
    let body = json!({"status": 130});
    for (path, expected) in [
        (V1, 200),
        (V2, 200),
        // The pearl's id where v1 wants the outbound's, and the other way round.
        (
            "/v1/Outbound/66f1a2b3c4d5e6f708192a3b/Lead/68c3f1a2b4d5e6f708192a3b",
            404,
        ),
        ("/v2/Outbound/outbound-1/Lead/68c3f1a2b4d5e6f708192a3b", 404),
        ("/v1/Outbound/outbound-1/Lead/000000000000000000000000", 404),
        ("/v1/Outbound/outbound-1/Lead/lead_7Q2M4", 400),
        ("/v1/Outbound/outbound-1/Lead/", 404),
        ("/v3/Outbound/outbound-1/Lead/68c3f1a2b4d5e6f708192a3b", 401),
        ("/v1/Outbound/outbound-1/lead/68c3f1a2b4d5e6f708192a3b", 404),
        ("/v1/Outbound/outbound-1/Lead/External/2", 404),
        ("/v2/Outbound/66f1a2b3c4d5e6f708192a3b/Lead/Extrenal/2", 404),
    ] {
        assert_eq!(
            update(&world, path, &body).await.status(),
            expected,
            "{path}"
        );
    }
    assert_eq!(get(&world, "/v2/Account").await.status(), 404);
    let removed = send(&world, "DELETE", V1).send().await.expect("an answer");
    assert_eq!(removed.status(), 405);
    assert_eq!(removed.headers()["allow"], "GET, PUT");
}

#[tokio::test]
async fn the_first_write_creates_a_lead_where_leads_are_not_strict() {
    let world = world();
    assert_eq!(get(&world, V1).await.status(), 404);
    let answer = update(&world, V1, &json!({"status": 130})).await;
    assert_eq!(json_of(answer).await["status"], 130);
    assert_eq!(get(&world, V1).await.status(), 200);
    assert_eq!(get(&world, V2).await.status(), 404, "another campaign");
}

#[tokio::test]
async fn the_key_is_account_and_secret_with_a_colon_between() {
    let world = World::new(|options| options.nlpearl_key = Some(Secret::new("account:secret")));
    put_sample(&world);
    assert_eq!(get(&world, V1).await.status(), 200);
    let url = format!("{}{V1}", world.sandbox.base_url());
    for key in ["account:other", "account", "YWNjb3VudDpzZWNyZXQ=", ""] {
        let request = world.client.get(&url).bearer_auth(key);
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 401, "{key}");
    }
    let basic = world.client.get(&url).basic_auth("account", Some("secret"));
    assert_eq!(basic.send().await.expect("an answer").status(), 401);
    world
        .control(
            "PUT",
            "/token",
            &json!({"system": "nlpearl", "token": "account:new"}),
        )
        .await;
    assert_eq!(get(&world, V1).await.status(), 401);
    // LeadPing's own key is another matter.
    assert_eq!(world.post("a", "x").await.status(), 201);
}

#[tokio::test]
async fn faults_limits_and_the_journal_are_those_of_every_system() {
    let world = world();
    put_sample(&world);
    let limit = json!({"system": "nlpearl", "requests": 3, "per_seconds": 60});
    assert_eq!(world.control("PUT", "/limit", &limit).await, 204);
    let rule = json!({
        "on": "update", "system": "nlpearl", "lead": LEAD, "times": 1,
        "fault": {"answer_after_apply": {"status": 502}},
    });
    assert_eq!(world.control("POST", "/faults", &rule).await, 204);
    let body = json!({"status": 110});
    assert_eq!(update(&world, V1, &body).await.status(), 502);
    assert_eq!(update(&world, V1, &body).await.status(), 200);
    assert_eq!(get(&world, V1).await.status(), 200);
    let limited = get(&world, V1).await;
    assert_eq!(limited.status(), 429);
    assert_eq!(limited.headers().get("retry-after"), None);
    assert_eq!(world.post("a", "x").await.status(), 201, "its own limit");
    let seen: Vec<_> = world
        .sandbox
        .journal()
        .into_iter()
        .map(|it| (it.system, it.operation, it.status, it.applied))
        .collect();
    assert_eq!(
        seen,
        [
            (System::Nlpearl, Operation::Update, Some(502), true),
            (System::Nlpearl, Operation::Update, Some(200), true),
            (System::Nlpearl, Operation::Read, Some(200), false),
            (System::Nlpearl, Operation::Read, Some(429), false),
            (System::Leadping, Operation::Set, Some(201), true),
        ]
    );
    let page = json_of(world.get("/_sandbox/journal").await).await;
    assert_eq!(page["entries"][0]["system"], "nlpearl");
    assert_eq!(page["entries"][0]["lead_id"], LEAD);
    assert_eq!(page["entries"][0]["body"], body);
    let summary = json_of(world.get("/_sandbox").await).await;
    assert_eq!(summary["systems"]["nlpearl"]["leads"], 1);
    assert_eq!(summary["systems"]["nlpearl"]["limit"]["requests"], 3);
}
