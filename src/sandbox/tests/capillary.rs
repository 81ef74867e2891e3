//! Capillary pretended, over HTTP: every member of its page, its two credentials, its answers
//! that are no success.

use super::*;

const STATUS: &str = "/v2/leads/2/status";
/// `till:` and the MD5 of `password`.
const BASIC: &str = "Basic dGlsbDo1ZjRkY2MzYjVhYTc2NWQ2MWQ4MzI3ZGViODgyY2Y5OQ==";

async fn send(world: &World, method: &str, path: &str, body: &Value) -> Response {
    let header = ("authorization", BASIC);
    send_as(world, header, (method, path), body).await
}

async fn send_as(
    world: &World,
    (name, value): (&str, &str),
    (method, path): (&str, &str),
    body: &Value,
) -> Response {
    let url = format!("{}{path}", world.sandbox.base_url());
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let mut request = world.client.request(method, url).header(name, value);
    if !body.is_null() {
        request = request.json(body);
    }
    request.send().await.expect("an answer")
}

async fn get(world: &World, path: &str) -> Response {
    send(world, "GET", path, &Value::Null).await
}

/// The answer's payload as a lead that is put there: without what the status calls made.
fn put_sample(world: &World) -> Value {
    let sample: Value = serde_json::from_str(include_str!(
        "../../../tests/payloads/answer-capillary-lead.json"
    ))
    .expect("a payload");
    let mut lead = sample.clone();
    lead["status"] = json!("OPEN");
    let members = lead.as_object_mut().expect("an object");
    for made in ["followUpDetails", "statusLogDetails", "warnings"] {
        members.remove(made);
    }
    let id = world.sandbox.put_lead(System::Capillary, &lead);
    assert_eq!(id.as_deref(), Ok("2"));
    sample
}

#[tokio::test]
async fn a_status_call_answers_the_whole_lead_in_the_vendors_shape() {
    let world = world();
    let sample = put_sample(&world);
    let body = json!({
        "status": "WON",
        "reasonId": 2,
        "createdBy": 28_812_689,
        "createdOn": "2026-08-01T15:29:59+05:30",
    });
    let answer = send(&world, "PUT", STATUS, &body).await;
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("x-cap-request-id"));
    let lead = json_of(answer).await;
    let members = |lead: &Value| -> Vec<String> {
        let mut names: Vec<String> = lead
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect();
        names.sort();
        names
    };
    assert_eq!(
        members(&lead),
        members(&sample),
        "not wrapped, nothing missing"
    );
    for (name, value) in sample.as_object().expect("an object") {
        match name.as_str() {
            "statusLogDetails" => {
                let mut expected = value.clone();
                expected[0]["id"] = json!(1);
                assert_eq!(lead[name], expected);
            }
            // The clock stands at 10:00 UTC.
            "lastUpdatedOn" => assert_eq!(lead[name], "2026-08-01T15:30:00+05:30"),
            "lastUpdatedBy" => assert_eq!(lead[name], 28_812_689),
            _ => assert_eq!(&lead[name], value, "{name}"),
        }
    }
}

#[tokio::test]
async fn every_accepted_call_appends_to_the_log_even_the_same_one() {
    let world = world();
    put_sample(&world);
    let on_hold = json!({"status": "ON_HOLD", "subStatus": "YetToDecide", "reasonId": "4"});
    for _ in 0..2 {
        let lead = json_of(send(&world, "PUT", STATUS, &on_hold).await).await;
        assert_eq!(lead["subStatus"], "YetToDecide");
    }
    let lost = json!({"status": "LOST", "reasonId": 5});
    let lead = json_of(send(&world, "PUT", STATUS, &lost).await).await;
    assert_eq!(lead.get("subStatus"), None, "not sent is not kept");
    let log = json_of(get(&world, "/v2/leads/2/statusLog").await).await;
    assert_eq!((&log["warnings"], &log["errors"]), (&json!([]), &json!([])));
    assert_eq!(log["data"], lead["statusLogDetails"]);
    let shown: Vec<String> = log["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| {
            format!(
                "{} {} {} {}",
                it["id"], it["status"], it["reasonId"], it["subStatus"]
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "1 \"ON_HOLD\" 4 \"YetToDecide\"",
            "2 \"ON_HOLD\" 4 \"YetToDecide\"",
            "3 \"LOST\" 5 null",
        ]
    );
    assert_eq!(get(&world, "/v2/leads/9/statusLog").await.status(), 404);
}

#[tokio::test]
async fn a_201_with_errors_is_a_failure_that_changed_nothing() {
    let world = world();
    put_sample(&world);
    let sample: Value = serde_json::from_str(include_str!(
        "../../../tests/payloads/answer-capillary-error-201.json"
    ))
    .expect("a payload");
    let unknown_reason = json!({"status": "WON", "reasonId": 99});
    let answer = send(&world, "PUT", STATUS, &unknown_reason).await;
    assert_eq!(answer.status(), 201);
    assert_eq!(json_of(answer).await, sample);
    let of_another_status =
        json!({"status": "WON", "reasonId": 2, "subStatus": "InvalidPhoneNumber"});
    let answer = send(&world, "PUT", STATUS, &of_another_status).await;
    assert_eq!(answer.status(), 201);
    assert_eq!(
        json_of(answer).await["errors"][0]["message"],
        "sub status is not valid"
    );
    let lead = world
        .sandbox
        .lead_at(System::Capillary, "2")
        .expect("a lead");
    assert_eq!(
        (&lead["status"], &lead["statusLogDetails"]),
        (&json!("OPEN"), &json!([]))
    );
    assert!(world.sandbox.writes_at(System::Capillary).is_empty());

    let reason = json!({"id": 99, "reason": "found us by chance"});
    assert_eq!(
        world.control("POST", "/capillary/reasons", &reason).await,
        204
    );
    let pair = json!({"status": "WON", "subStatus": "InvalidPhoneNumber"});
    assert_eq!(
        world.control("POST", "/capillary/substatuses", &pair).await,
        204
    );
    let answer = send(&world, "PUT", STATUS, &unknown_reason).await;
    assert_eq!(
        json_of(answer).await["statusLogDetails"][0]["reason"],
        "found us by chance"
    );
    assert_eq!(
        send(&world, "PUT", STATUS, &of_another_status)
            .await
            .status(),
        200
    );
}

/// The body is refused in the vendor's shape, and nothing of it is repeated.
#[track_caller]
fn check_refusal(answer: &Value, expected: &str) {
    assert_eq!(
        (&answer["data"], &answer["warnings"]),
        (&json!([]), &json!([]))
    );
    let told = answer["errors"].to_string();
    assert!(told.contains(expected), "{told}");
    assert!(!told.contains("private"), "{told}");
    assert_eq!(answer["errors"][0]["status"], false);
}

#[tokio::test]
async fn what_must_be_there_and_is_not_is_403() {
    let world = world();
    put_sample(&world);
    for (body, expected) in [
        (json!({"reasonId": 2}), "`status` is required"),
        (json!({"status": "WON"}), "`reasonId` is required"),
        (
            json!({"status": " ", "reasonId": 2}),
            "`status` must not be blank",
        ),
    ] {
        let answer = send(&world, "PUT", STATUS, &body).await;
        assert_eq!(answer.status(), 403, "{body}");
        check_refusal(&json_of(answer).await, expected);
    }
}

#[tokio::test]
async fn whatever_the_page_does_not_name_is_400() {
    let world = world();
    put_sample(&world);
    let date = "YYYY-MM-DDThh:mm:ssTZD";
    for (name, value, expected) in [
        (
            "status",
            json!("won"),
            "one of OPEN, WON, LOST, ON_HOLD, DELETED",
        ),
        ("status", json!("ON-HOLD"), "one of OPEN"),
        ("reasonId", json!("two"), "`reasonId` must be an integer"),
        ("reasonId", json!(2.5), "`reasonId` must be an integer"),
        ("reason", json!("private"), "`reason` is not a member"),
        ("leadId", json!(2), "`leadId` is not a member"),
        ("subStatus", json!(7), "`subStatus` must be a string"),
        ("subStatus", Value::Null, "`subStatus` must be a string"),
        (
            "createdBy",
            json!("28812689"),
            "`createdBy` must be an integer",
        ),
        ("createdOn", json!("2018-10-05"), date),
        ("createdOn", json!(1_538_706_600), date),
    ] {
        let mut body = json!({"status": "WON", "reasonId": 2});
        body[name] = value;
        let answer = send(&world, "PUT", STATUS, &body).await;
        assert_eq!(answer.status(), 400, "{body}");
        check_refusal(&json_of(answer).await, expected);
    }
    let list = json!([{"status": "WON", "reasonId": 2}]);
    let answer = send(&world, "PUT", STATUS, &list).await;
    assert_eq!(answer.status(), 400);
    check_refusal(&json_of(answer).await, "must be a JSON object");
    let url = format!("{}{STATUS}", world.sandbox.base_url());
    let text = world
        .client
        .put(&url)
        .header("authorization", BASIC)
        .body("{}");
    assert_eq!(text.send().await.expect("an answer").status(), 415);
    assert!(world.sandbox.writes_at(System::Capillary).is_empty());
}

#[tokio::test]
async fn paths_are_those_of_the_pages_and_ids_are_numbers() {
    let world = World::new(|options| options.strict_leads = true);
    put_sample(&world);
    let body = json!({"status": "WON", "reasonId": 2});
    for (method, path, expected) in [
        ("PUT", "/v2/leads/9/status", 404),
        ("PUT", "/v2/leads/lead_7Q2M4/status", 400),
        ("PUT", "/v2/leads/-2/status", 400),
        ("PUT", "/v2/leads/+2/status", 400),
        ("PUT", "/v2/leads/0/status", 400),
        ("PUT", "/v2/leads//status", 404),
        ("POST", STATUS, 405),
        ("PUT", "/v2/leads/2/statuslog", 404),
        // No page says that one lead can be read.
        ("GET", "/v2/leads/2", 404),
        ("PUT", STATUS, 200),
    ] {
        let answer = send(&world, method, path, &body).await;
        assert_eq!(answer.status(), expected, "{method} {path}");
    }
}

#[tokio::test]
async fn leads_are_found_by_the_documented_parameters() {
    let world = world();
    put_sample(&world);
    for (id, status) in [(3, "LOST"), (4, "ON_HOLD")] {
        let lead = json!({"id": id, "userId": 7, "status": status, "type": "BRAND"});
        world
            .sandbox
            .put_lead(System::Capillary, &lead)
            .expect("a lead");
    }
    for (query, expected) in [
        ("userId=368754334", vec![2]),
        ("userId=7&sortBy=lastUpdatedOn&sortOrder=DESC", vec![4, 3]),
        ("status=ON_HOLD&type=BRAND", vec![4]),
        ("limit=1&offset=1&sortBy=lastUpdatedOn", vec![3]),
        ("orgSourceId=5", vec![]),
    ] {
        let answer = get(&world, &format!("/v2/leads?{query}")).await;
        assert_eq!(answer.status(), 200, "{query}");
        let found = json_of(answer).await;
        let ids: Vec<i64> = found["data"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|lead| lead["id"].as_i64())
            .collect();
        assert_eq!(ids, expected, "{query}");
    }
    for query in [
        "id=2",
        "status=won",
        "limit=0",
        "limit=1000",
        "sortOrder=down",
        "userId",
    ] {
        let answer = get(&world, &format!("/v2/leads?{query}")).await;
        assert_eq!(answer.status(), 400, "{query}");
    }
}

#[tokio::test]
async fn basic_wants_the_md5_and_a_token_ends_with_its_time() {
    let login = CapillaryLogin {
        basic: Some(("till".to_owned(), Secret::new("password"))),
        oauth: Some(("key".to_owned(), Secret::new("secret"))),
        ..CapillaryLogin::default()
    };
    let world = World::new(|options| options.capillary_login = login);
    put_sample(&world);
    assert_eq!(get(&world, "/v2/leads/2/statusLog").await.status(), 200);
    let url = format!("{}/v2/leads/2/statusLog", world.sandbox.base_url());
    let clear = world.client.get(&url).basic_auth("till", Some("password"));
    let refused = clear.send().await.expect("an answer");
    assert_eq!(refused.status(), 401);
    assert_eq!(json_of(refused).await["errors"][0]["code"], 401);
    let bare = world.client.get(&url).send().await.expect("an answer");
    assert_eq!(bare.status(), 401);

    let generate = format!("{}/v3/oauth/token/generate", world.sandbox.base_url());
    let ask = async |body: Value| {
        let request = world.client.post(&generate).json(&body);
        request.send().await.expect("an answer")
    };
    for (body, expected) in [
        (json!({"key": "key", "secret": "other"}), 401),
        (json!({"key": "key"}), 403),
        (json!({"key": "key", "secret": "secret", "ttl": 1}), 400),
    ] {
        assert_eq!(ask(body.clone()).await.status(), expected, "{body}");
    }
    let answer = json_of(ask(json!({"key": "key", "secret": "secret"})).await).await;
    assert_eq!(answer["errors"], Value::Null);
    assert_eq!(answer["data"]["ttlSeconds"], 300);
    let token = answer["data"]["accessToken"].as_str().expect("a token");
    let with_token = async || {
        let header = ("x-cap-api-oauth-token", token);
        let call = ("GET", "/v2/leads/2/statusLog");
        send_as(&world, header, call, &Value::Null).await.status()
    };
    assert_eq!(with_token().await, 200);
    let both = world
        .client
        .get(&url)
        .header("x-cap-api-oauth-token", token);
    let both = both.header("authorization", BASIC).send().await;
    assert_eq!(both.expect("an answer").status(), 401, "one or the other");
    world.clock.advance(Duration::from_secs(300));
    assert_eq!(with_token().await, 401);

    let journal = world.sandbox.journal();
    let asked = journal
        .iter()
        .filter(|entry| entry.operation == Operation::Token);
    let kept: Vec<Option<&str>> = asked.map(|entry| entry.body.as_deref()).collect();
    assert_eq!(kept, [None; 4], "in the journal, without the secret");
}

#[tokio::test]
async fn tokens_can_be_ended_early() {
    let world = world();
    put_sample(&world);
    let url = format!("{}/v3/oauth/token/generate", world.sandbox.base_url());
    let any = world
        .client
        .post(url)
        .json(&json!({"key": "k", "secret": "s"}));
    let answer = json_of(any.send().await.expect("an answer")).await;
    let token = answer["data"]["accessToken"].as_str().expect("a token");
    let header = ("x-cap-api-oauth-token", token);
    let body = json!({"status": "WON", "reasonId": 2});
    let answer = send_as(&world, header, ("PUT", STATUS), &body).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(
        world
            .control("DELETE", "/capillary/tokens", &Value::Null)
            .await,
        204
    );
    let answer = send_as(&world, header, ("PUT", STATUS), &body).await;
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn its_limit_and_its_odd_statuses_come_in_its_own_shape() {
    let world = world();
    put_sample(&world);
    let body = json!({"status": "WON", "reasonId": 2});
    for status in [461, 521, 201, 500] {
        let rule = FaultRule::once(FaultScope::Set, Fault::Answer(FaultAnswer::status(status)));
        world.sandbox.add_fault(rule.at(System::Capillary));
        assert_eq!(world.post("a", "x").await.status(), 201, "another system");
        let answer = send(&world, "PUT", STATUS, &body).await;
        assert_eq!(answer.status(), status);
        assert_eq!(json_of(answer).await["errors"][0]["code"], status);
    }
    world.sandbox.set_limit_at(
        System::Capillary,
        RequestLimit {
            requests: 1,
            per_seconds: 60,
        },
    );
    assert_eq!(send(&world, "PUT", STATUS, &body).await.status(), 200);
    let limited = send(&world, "PUT", STATUS, &body).await;
    assert_eq!(limited.status(), 429);
    assert_eq!(limited.headers().get("retry-after"), None);
    assert_eq!(json_of(limited).await["errors"][0]["code"], 429);
    assert_eq!(world.sandbox.writes_at(System::Capillary).len(), 1);
}
