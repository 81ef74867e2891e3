//! A session full of secrets and personal data, and none of it in the log or in an error answer.

use leadping_bridge::sandbox::{Fault, FaultAnswer, FaultRule, FaultScope, Sandbox};
use serde_json::json;

use super::place::{Bridge, CRM_SECRET, LEADPING_TOKEN, Place, VOICE_SECRET, sandbox};
use super::senders::{Source, Webhook, crm};

const FORM_SECRET: &str = "form-secret-2f9d";
const PHONE: &str = "+14155550199";
const EMAIL: &str = "sarah.conner@example.com";
const SUMMARY: &str = "wants to sell the blue house";
const NEXT_VOICE_SECRET: &str = "another-secret-81c0";
const TABLE: &str = "mappings/voice.toml";
/// Its template fails on what the body holds.
const FAILING_ROW: &str = r#"
[[row]]
status = "Error"
leadping = { type = "Call", outcome = "{{ collected.note | default(0) + 1 }}" }
"#;
const FORM: &str = r#"[sources.form]
kind = "nlpearl"
mapping = "voice"

[[sources.form.auth]]
scheme = "query"
secret = { env = "FORM_SECRET" }

[targets.leadping]"#;

/// Every member that may hold personal data holds some; `change` makes it fail in its own way.
fn personal(lead: &str, change: serde_json::Value) -> Webhook {
    let mut body = json!({
        "id": format!("voice-{lead}"),
        "externalId": EMAIL,
        "phoneNumber": PHONE,
        "status": 100,
        "callData": { "leadpingLeadId": lead, "email": EMAIL, "phone": PHONE },
        "collectedData": { "note": format!("{SUMMARY}, call {PHONE} or {EMAIL}") },
    });
    let members = body.as_object_mut().unwrap();
    for (name, value) in change.as_object().unwrap() {
        members.insert(name.clone(), value.clone());
    }
    Webhook {
        source: Source::Voice,
        body: body.to_string(),
    }
}

fn call(lead: &str) -> Webhook {
    let body = json!({
        "id": "call-1", "leadId": format!("voice-{lead}"), "conversationStatus": 100, "status": 4,
        "to": PHONE, "summary": SUMMARY,
        "transcript": [{ "role": 3, "content": format!("my number is {PHONE}") }],
    });
    Webhook {
        source: Source::Voice,
        body: body.to_string(),
    }
}

/// The answers to everything a sender or an operator may do wrong.
async fn refusals(bridge: &Bridge) -> Vec<String> {
    let body = personal("lead_1", json!({})).body;
    let form = format!("/webhooks/form?token={FORM_SECRET}");
    let webhooks = |path: &str| format!("http://{}{path}", bridge.webhooks);
    let admin = |path: &str| format!("http://{}/api/v1/{path}", bridge.admin);
    let client = &bridge.client;
    let post = |path: &str| client.post(webhooks(path)).body(body.clone());
    let to_form = |body: String| client.post(webhooks(&form)).body(body);
    let requests = [
        (post(&format!("{form}x")), 401),
        (
            post("/webhooks/voice").bearer_auth(format!("{VOICE_SECRET}x")),
            401,
        ),
        (
            post("/webhooks/voice").basic_auth(EMAIL, Some(VOICE_SECRET)),
            401,
        ),
        (post("/webhooks/crm").header("X-Signature", CRM_SECRET), 401),
        (post(&format!("/webhooks/{PHONE}?token={FORM_SECRET}")), 404),
        (post(&format!("/{EMAIL}?token={FORM_SECRET}")), 404),
        (client.get(webhooks(&form)), 405),
        (
            to_form(format!("{{\"phone\":\"{PHONE}\",\"email\":{EMAIL}}}")),
            400,
        ),
        (to_form(format!("[\"{PHONE}\"]")), 400),
        (to_form(PHONE.repeat(40_000)), 413),
        (client.get(admin(&format!("events?phone={PHONE}"))), 400),
        (client.get(admin(&format!("events?state={EMAIL}"))), 400),
        (
            client
                .put(admin("links"))
                .body(format!("{{\"source\":\"{PHONE}\"")),
            400,
        ),
    ];
    let mut answers = Vec::new();
    for (request, status) in requests {
        let answer = request.send().await.unwrap();
        let given = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        assert_eq!(given, status, "{text}");
        answers.push(text);
    }
    answers
}

fn faults(sandbox: &Sandbox) {
    let echo = |status| FaultAnswer {
        status,
        retry_after: None,
        body: Some(json!({ "detail": format!("{SUMMARY} {PHONE} {EMAIL} {LEADPING_TOKEN}") })),
    };
    let once = |lead, fault| FaultRule::once(FaultScope::Set, fault).lead(lead);
    sandbox.add_fault(once("lead_422", Fault::Answer(echo(422))));
    sandbox.add_fault(once("lead_503", Fault::Answer(echo(503))));
    sandbox.add_fault(once("lead_500", Fault::AnswerAfterApply(echo(500))));
    sandbox.add_fault(once("lead_gone", Fault::DropAfterApply));
}

/// Webhooks that are taken, delivered, refused by the target, parked for every cause.
async fn accept_all_kinds(bridge: &Bridge) {
    for lead in ["lead_1", "lead_422", "lead_503", "lead_500", "lead_gone"] {
        bridge.accept(&personal(lead, json!({}))).await;
    }
    let body = personal("lead_2", json!({})).body;
    let url = format!(
        "http://{}/webhooks/form?token={FORM_SECRET}",
        bridge.webhooks
    );
    let answer = bridge.client.post(url).body(body).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    for strange in [
        personal("lead_3", json!({ "status": "CallBack" })),
        personal("lead_4", json!({ "status": [PHONE] })),
        personal("lead_5", json!({ "status": 500 })),
        personal("lead_6", json!({ "status": null })),
        personal("lead_7", json!({ "callData": { "note": EMAIL } })),
        personal("lead_8", json!({ "callsId": PHONE })),
        call("lead_1"),
        crm("lead_9", SUMMARY),
    ] {
        bridge.accept(&strange).await;
    }
    bridge.at_rest().await;
    let parked = bridge.parked().await;
    let causes = [
        "invalid:voice",
        "refused:leadping:422",
        "unlinked:voice",
        "unmapped:voice:CallBack",
    ];
    assert_eq!(parked, causes);
}

fn place(sandbox: &Sandbox) -> Place {
    let place = Place::new(Some(sandbox))
        .variable("FORM_SECRET", FORM_SECRET)
        .variable("RUST_LOG", "trace")
        .with("TARGETS__LEADPING__TIMEOUT_MS", 1000)
        .with("TARGETS__LEADPING__LOOKUP_AFTER_MS", 0);
    let target = "[targets.leadping]\n";
    place.edit("config/bridge.toml", target, &format!("{FORM}\n"));
    place.write(TABLE, &(place.read(TABLE) + FAILING_ROW));
    place
}

#[tokio::test]
async fn nothing_personal_and_no_secret_is_ever_told() {
    let sandbox = sandbox();
    faults(&sandbox);
    let place = place(&sandbox);
    let bridge = place.serve().await;
    let mut told = refusals(&bridge).await;
    accept_all_kinds(&bridge).await;
    place.write("voice.secret", NEXT_VOICE_SECRET);
    place.write(TABLE, "kind = \"nlpearl");
    bridge.process.signal("HUP");
    bridge.logged("the tables have faults").await;
    let ended = bridge.terminate().await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);

    let verbose = ended.err.contains("\"level\":\"TRACE\"");
    assert!(verbose, "the log is not verbose");
    told.extend([ended.err, ended.out]);
    for secret in [
        VOICE_SECRET,
        NEXT_VOICE_SECRET,
        CRM_SECRET,
        LEADPING_TOKEN,
        FORM_SECRET,
        "?token",
        PHONE,
        "14155550199",
        EMAIL,
        "sarah.conner",
        SUMMARY,
        "my number is",
    ] {
        for text in &told {
            let line = text.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{secret} is told");
        }
    }
}
