//! The sandbox seen from outside: real HTTP over loopback.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use super::*;
use crate::clock::ManualClock;

mod capillary;
mod faults;
mod nlpearl;
mod webhooks;

/// Longer than anything here takes; a test that hangs fails.
const PATIENCE: Duration = Duration::from_secs(20);

struct World {
    sandbox: Sandbox,
    client: Client,
    clock: ManualClock,
}

impl World {
    fn new(change: impl FnOnce(&mut SandboxOptions)) -> Self {
        let start: Timestamp = "2026-08-01T10:00:00Z".parse().expect("a date-time");
        let clock = ManualClock::starting_at(start);
        let mut options = SandboxOptions {
            clock: Clock::Manual(clock.clone()),
            ..SandboxOptions::default()
        };
        change(&mut options);
        Self {
            sandbox: Sandbox::start(options).expect("a free port"),
            client: Client::builder()
                .no_proxy()
                .retry(reqwest::retry::never())
                .timeout(PATIENCE)
                .build()
                .expect("a client"),
            clock,
        }
    }

    fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let url = format!("{}{path}", self.sandbox.base_url());
        self.client.request(method, url).bearer_auth("key")
    }

    async fn send(&self, method: &str, path: &str, body: &Value) -> Response {
        let request = self.request(method, path).json(body);
        request.send().await.expect("an answer")
    }

    async fn get(&self, path: &str) -> Response {
        let request = self.request("GET", path);
        request.send().await.expect("an answer")
    }

    async fn post(&self, lead: &str, outcome: &str) -> Response {
        self.send("POST", "/dispositions", &disposition(lead, outcome))
            .await
    }

    async fn control(&self, method: &str, path: &str, body: &Value) -> StatusCode {
        let answer = self.send(method, &format!("/_sandbox{path}"), body).await;
        answer.status()
    }

    async fn wait_until(&self, condition: impl FnMut(&Sandbox) -> bool) {
        tokio::time::timeout(PATIENCE, self.sandbox.wait_until(condition))
            .await
            .expect("it happens");
    }

    fn outcomes(&self, lead: &str) -> Vec<String> {
        let history = self.sandbox.history(lead);
        let outcomes = history.iter().map(|entry| &entry["outcome"]);
        outcomes
            .map(|it| it.as_str().unwrap_or("?").to_owned())
            .collect()
    }
}

fn world() -> World {
    World::new(|_| {})
}

fn disposition(lead: &str, outcome: &str) -> Value {
    json!({"leadId": lead, "type": "Call", "outcome": outcome})
}

async fn json_of(response: Response) -> Value {
    response.json().await.expect("a JSON body")
}

#[tokio::test]
async fn an_entry_comes_back_in_the_vendors_shape() {
    let world = world();
    let sample: Value = serde_json::from_str(include_str!(
        "../../tests/payloads/answer-leadping-disposition.json"
    ))
    .expect("a payload");
    let mut body = sample.clone();
    let members = body.as_object_mut().expect("an object");
    for name in ["id", "createdAt", "updatedAt"] {
        members.remove(name);
    }
    let answer = world.send("POST", "/dispositions", &body).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    let entry = json_of(answer).await;
    for (name, value) in sample.as_object().expect("an object") {
        match name.as_str() {
            "id" => assert_eq!(entry["id"], "disp_1"),
            "createdAt" | "updatedAt" => assert_eq!(entry[name], "2026-08-01T10:00:00Z"),
            _ => assert_eq!(&entry[name], value, "{name}"),
        }
    }
    assert_eq!(entry["oldDispositionId"], Value::Null);
    assert_eq!(entry["changedAt"], "2026-08-01T10:16:39Z");
}

#[tokio::test]
async fn both_profiles_write_one_history_each_in_its_words() {
    let world = world();
    world.post("lead/1", "First").await;
    let second =
        json!({"type": "Call", "outcome": "Second", "timestamp": "2026-08-01T12:00:00+02:00"});
    let answer = world.send("PUT", "/leads/lead%2F1/status", &second).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let entry = json_of(answer).await;
    assert_eq!(entry["leadId"], "lead/1");
    assert_eq!(entry["oldLeadStatusChangeId"], "disp_1");
    assert_eq!(entry["oldLeadStatusChangeOutcome"], "First");
    assert_eq!(entry["timestamp"], "2026-08-01T10:00:00Z");

    let history = json_of(world.get("/dispositions/lead/lead%2F1").await).await;
    assert_eq!(history[0]["outcome"], "First");
    assert_eq!(history[1]["oldDispositionId"], "disp_1");
    let history = json_of(world.get("/leads/lead%2F1/status-history").await).await;
    assert_eq!(history[1]["oldLeadStatusChangeType"], "Call");
    assert_eq!(history[1].get("oldDispositionId"), None);
    let entry = json_of(world.get("/lead-status-changes/disp_2").await).await;
    assert_eq!(entry["outcome"], "Second");
    assert_eq!(world.get("/dispositions/disp_02").await.status(), 404);
}

#[tokio::test]
async fn the_current_entry_follows_sets_amends_and_removals() {
    let world = world();
    world.post("a", "First").await;
    world.post("a", "Second").await;
    let current = |record: &Value| record["currentDisposition"]["outcome"].clone();
    let record = json_of(world.get("/leads/a").await).await;
    assert_eq!(current(&record), "Second");
    assert_eq!(record["currentLeadStatus"], record["currentDisposition"]);

    let amended = json!({"type": "Call", "outcome": "Second, told more", "notes": "x"});
    let answer = world
        .send("PUT", "/lead-status-changes/disp_2", &amended)
        .await;
    assert_eq!(answer.status(), 200);
    let edited = json!({"type": "Call", "outcome": "First, edited"});
    assert_eq!(
        world
            .send("PUT", "/dispositions/disp_1", &edited)
            .await
            .status(),
        200
    );
    let record = json_of(world.get("/leads/a").await).await;
    assert_eq!(current(&record), "Second, told more");
    assert_eq!(world.outcomes("a"), ["First, edited", "Second, told more"]);

    let other = disposition("b", "x");
    assert_eq!(
        world
            .send("PUT", "/dispositions/disp_1", &other)
            .await
            .status(),
        400
    );
    let removed = world.request("DELETE", "/dispositions/disp_2").send().await;
    assert_eq!(removed.expect("an answer").status(), 204);
    assert_eq!(
        world
            .send("PUT", "/dispositions/disp_2", &edited)
            .await
            .status(),
        404
    );
    let record = world.sandbox.lead("a").expect("a lead");
    assert_eq!(current(&record), "First, edited");
}

#[tokio::test]
async fn leads_appear_with_the_first_write_or_only_when_created() {
    let world = world();
    assert_eq!(world.get("/leads/a").await.status(), 404);
    let nothing_yet = json_of(world.get("/dispositions/lead/a").await).await;
    assert_eq!(nothing_yet, json!([]));
    world.post("a", "x").await;
    assert_eq!(world.get("/leads/a").await.status(), 200);

    let strict = World::new(|options| {
        options.strict_leads = true;
        options.max_leads = 2;
    });
    assert_eq!(strict.post("a", "x").await.status(), 404);
    assert!(strict.sandbox.create_lead("a"));
    assert_eq!(
        json_of(strict.get("/dispositions/lead/a").await).await,
        json!([])
    );
    assert_eq!(strict.post("a", "x").await.status(), 201);
    assert_eq!(
        strict.control("POST", "/leads", &json!({"id": "b"})).await,
        201
    );
    assert_eq!(strict.post("b", "x").await.status(), 201);
    assert!(!strict.sandbox.create_lead("c"));
}

#[tokio::test]
async fn a_lead_record_is_replaced_whole_and_strictly() {
    let world = world();
    let sample: Value = serde_json::from_str(include_str!(
        "../../tests/payloads/answer-leadping-lead.json"
    ))
    .expect("a payload");
    let mut seeded = sample.clone();
    seeded["id"] = json!("a");
    seeded["contact"]["coordinate"] = json!({"latitude": "30.27", "longitude": "-97.74"});
    world
        .sandbox
        .put_lead(System::Leadping, &seeded)
        .expect("a lead");
    let mut record = json!({"id": "a", "tagIds": ["tag_1"], "tagNames": ["won"]});
    for name in ["metadata", "contact", "customer", "enabled"] {
        record[name] = sample[name].clone();
    }
    let answer = world.send("PUT", "/leads/a", &record).await;
    assert_eq!(answer.status(), 200);
    let shown = json_of(answer).await;
    assert_eq!(
        shown["contact"], seeded["contact"],
        "the place on the map stays"
    );
    assert_eq!(shown["tags"][0], sample["tags"][0]);
    assert_eq!(shown["tags"][1]["normalizedName"], "WON");
    let sparse = json!({"enabled": false});
    let shown = json_of(world.send("PUT", "/leads/a", &sparse).await).await;
    assert_eq!(
        (&shown["enabled"], &shown["contact"]),
        (&json!(false), &json!({}))
    );
    assert_eq!(
        (&shown["metadata"], &shown["tags"]),
        (&json!({}), &json!([]))
    );
    for bad in [
        json!({"currentDisposition": {}}),
        json!({"contact": {"phone": {"digits": "1"}}}),
        json!({"contact": seeded["contact"]}),
        json!({"tags": []}),
        json!({"tagIds": ["tag_of_nobody"]}),
        json!({"id": "b"}),
    ] {
        assert_eq!(
            world.send("PUT", "/leads/a", &bad).await.status(),
            400,
            "{bad}"
        );
    }
}

#[tokio::test]
async fn whatever_the_pages_do_not_name_is_refused() {
    let world = world();
    let with = |name: &str, value: Value| {
        let mut body = disposition("a", "x");
        body[name] = value;
        body
    };
    let table = [
        (
            json!({"type": "Call", "outcome": "x"}),
            "`leadId` is required",
        ),
        (
            json!({"leadId": "a", "type": "Call"}),
            "`outcome` is required",
        ),
        (with("type", json!(" ")), "`type` must not be blank"),
        (with("status", json!("private")), "`status` is not a member"),
        (
            with("category", json!("qualified")),
            "`category` must be one of Open, ",
        ),
        (
            with("changeSource", json!("Api")),
            "one of User, AI, Automation, System, API",
        ),
        (with("notes", json!(7)), "`notes` must be a string"),
        (
            with("isMissedCallFollowUp", json!("true")),
            "must be true or false",
        ),
        (
            with("callbackAt", json!("tomorrow private")),
            "`callbackAt` must be a date-time",
        ),
        (
            with("leadId", json!("l".repeat(129))),
            "`leadId` is not a lead id",
        ),
        (json!(["private"]), "must be a JSON object"),
    ];
    for (body, expected) in table {
        let answer = world.send("POST", "/dispositions", &body).await;
        assert_eq!(answer.status(), 400, "{body}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let problem = json_of(answer).await;
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(detail.contains(expected), "{detail}");
        assert!(!problem.to_string().contains("private"), "{problem}");
        assert_eq!(problem["status"], 400);
        assert_eq!(problem["instance"], "/dispositions");
    }
    let answer = world
        .send("PUT", "/leads/a/status", &disposition("a", "x"))
        .await;
    assert_eq!(answer.status(), 400, "the lead is in the path only");
    let not_json = world.request("POST", "/dispositions").body("{}");
    assert_eq!(not_json.send().await.expect("an answer").status(), 415);
    let broken = world
        .request("POST", "/dispositions")
        .header("content-type", "application/json; charset=utf-8")
        .body("{");
    assert_eq!(broken.send().await.expect("an answer").status(), 400);
    let answer = world.post("a", &"x".repeat(300_000)).await;
    assert_eq!(answer.status(), 413);
    assert_eq!(world.get("/dispositions").await.headers()["allow"], "POST");
    assert_eq!(world.get("/nowhere").await.status(), 404);
    assert_eq!(world.get("/leads/%zz").await.status(), 404);
    assert!(world.sandbox.writes().is_empty());
    assert_eq!(world.sandbox.lead("a"), None);
}

#[tokio::test]
async fn the_credential_is_asked_for_and_can_rotate() {
    let world = World::new(|options| options.token = Some(Secret::new("key")));
    let url = world.sandbox.base_url();
    let health = world.client.get(&url).send().await.expect("an answer");
    assert_eq!(json_of(health).await["service"], "leadping-api");
    let bare = world.client.get(format!("{url}/leads/a")).send().await;
    let bare = bare.expect("an answer");
    assert_eq!(bare.status(), 401);
    let challenge = bare.headers()["www-authenticate"].to_str().expect("text");
    assert!(challenge.starts_with("Bearer resource_metadata="));
    assert_eq!(world.post("a", "x").await.status(), 201);
    let rotated = world
        .control("PUT", "/token", &json!({"token": "other"}))
        .await;
    assert_eq!(rotated, 204);
    assert_eq!(world.post("a", "x").await.status(), 401);
    assert_eq!(world.outcomes("a"), ["x"]);
    world.sandbox.set_token(None);
    assert_eq!(world.post("a", "y").await.status(), 201);
}

#[tokio::test]
async fn the_rate_limit_answers_in_the_vendors_words_and_lets_go_in_time() {
    let world = World::new(|options| {
        options.limit = RequestLimit {
            requests: 2,
            per_seconds: 60,
        };
    });
    world.post("a", "1").await;
    world.clock.advance(Duration::from_secs(20));
    world.get("/leads/a").await;
    let refused = world.post("a", "2").await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "40");
    assert_eq!(
        refused.headers()["content-type"],
        "application/problem+json"
    );
    let sample: Value = serde_json::from_str(include_str!(
        "../../tests/payloads/answer-leadping-rate-limited.json"
    ))
    .expect("a payload");
    assert_eq!(json_of(refused).await, sample);
    world.clock.advance(Duration::from_secs(40));
    assert_eq!(world.post("a", "3").await.status(), 201);
    let off = json!({"requests": 0, "per_seconds": 1});
    assert_eq!(world.control("PUT", "/limit", &off).await, 204);
    for _ in 0..5 {
        assert_eq!(world.post("a", "4").await.status(), 201);
    }
    assert_eq!(world.sandbox.max_requests_per_second(), 6);
}

#[tokio::test]
async fn everything_can_be_asked_for_over_http() {
    let world = world();
    let rule =
        json!({"on": "set", "times": 1, "fault": {"answer": {"status": 409, "body": {"why": 1}}}});
    assert_eq!(world.control("POST", "/faults", &rule).await, 204);
    let forever = json!({"on": "any", "fault": "drop_before"});
    assert_eq!(world.control("POST", "/faults", &forever).await, 204);
    let nonsense = json!({"on": "any", "fault": "explode"});
    assert_eq!(world.control("POST", "/faults", &nonsense).await, 400);
    let faults = json_of(world.get("/_sandbox/faults").await).await;
    assert_eq!(faults["faults"][1]["times"], Value::Null);
    assert_eq!(json_of(world.post("a", "1").await).await, json!({"why": 1}));
    assert_eq!(world.control("DELETE", "/faults", &Value::Null).await, 204);

    let mut body = disposition("a", "2");
    body["reason"] = json!("because [lb:0197-7]");
    world.send("POST", "/dispositions", &body).await;
    let page = json_of(world.get("/_sandbox/journal?after=1").await).await;
    assert_eq!(page["total"], 2);
    let entry = &page["entries"][0];
    assert_eq!(
        (&entry["number"], &entry["marker"]),
        (&json!(2), &json!("0197-7"))
    );
    assert_eq!((&entry["lead_id"], &entry["body"]), (&json!("a"), &body));
    assert_eq!(entry["at_ms"], 1_785_578_400_000_i64);
    assert_eq!(world.get("/_sandbox/journal?from=1").await.status(), 400);

    let lead = json_of(world.get("/_sandbox/leads/a").await).await;
    assert_eq!(lead["history"][0]["outcome"], "2");
    assert_eq!(world.get("/_sandbox/leads/b").await.status(), 404);
    let summary = json_of(world.get("/_sandbox").await).await;
    assert_eq!(
        (
            &summary["requests"],
            &summary["systems"]["leadping"]["leads"]
        ),
        (&json!(2), &json!(1))
    );
    assert_eq!(world.control("POST", "/reset", &Value::Null).await, 204);
    assert_eq!(world.sandbox.total_requests(), 0);
    assert_eq!(world.get("/_sandbox/leads/a").await.status(), 404);
    assert_eq!(
        world
            .control("PUT", "/limit", &json!({"requests": 1, "per_seconds": 0}))
            .await,
        400
    );
    assert_eq!(
        world.control("PUT", "/token", &json!({"token": " "})).await,
        400
    );
}

#[tokio::test]
async fn a_long_history_keeps_its_newest_hundred() {
    let world = world();
    for number in 0..103 {
        world.post("a", &number.to_string()).await;
    }
    let outcomes = world.outcomes("a");
    assert_eq!(
        (outcomes.len(), &*outcomes[0], &*outcomes[99]),
        (100, "3", "102")
    );
    assert_eq!(world.get("/dispositions/disp_3").await.status(), 404);
    assert_eq!(world.sandbox.writes().len(), 103);
}

#[tokio::test]
async fn a_stop_closes_everything_and_frees_the_address() {
    let world = world();
    world.post("a", "x").await;
    let address = world.sandbox.address();
    let shared = Arc::clone(&world.sandbox.shared);
    tokio::time::timeout(PATIENCE, world.sandbox.stop())
        .await
        .expect("it stops");
    assert!(shared.tasks.is_empty());
    Sandbox::start(SandboxOptions {
        listen: address,
        ..SandboxOptions::default()
    })
    .expect("the address is free again");
}
