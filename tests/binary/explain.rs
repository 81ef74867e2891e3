//! `explain`, as people and scripts see it.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::place::{CRM_SECRET, LEADPING_TOKEN, Place, VOICE_SECRET};
use super::process::Ended;
use super::shipped_place::without_line_number;

const LOST: &str = "mappings/examples/crm/lost.json";

/// Runs it; whatever was asked, no secret is in the answer.
async fn explain(place: &Place, arguments: &[&str]) -> Ended {
    let ended = place.run(&[&["explain"], arguments].concat()).await;
    for secret in [VOICE_SECRET, CRM_SECRET, LEADPING_TOKEN] {
        let said = format!("{}{}", ended.out, ended.err);
        assert!(
            !said.contains(secret),
            "{arguments:?} shows a secret: {said}"
        );
    }
    ended
}

/// The delivery id is another one every time.
fn without_marker(text: &str) -> String {
    let (before, rest) = text.split_once("[lb:").expect("the request is marked");
    let (_, behind) = rest.split_once(']').unwrap();
    format!("{before}[lb:…]{behind}")
}

#[tokio::test]
async fn the_story_of_a_payload_is_told_in_chapters() {
    let place = Place::shipped(None);
    let ended = explain(&place, &["--source", "crm", LOST]).await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    assert!(!ended.out.contains('\u{1b}'), "colours in a pipe");
    let told: Vec<_> = ended.out.lines().map(without_line_number).collect();
    insta::assert_snapshot!(without_marker(&told.join("\n")), @r#"
    What it says
      source         crm
      kind           lead
      status         LOST
      sub_status     TooExpensive
      source lead id 25
      event name     leadStatusUpdated
      reason_id      2
      occurred at    2026-08-01T09:59:59Z
    The lead
      LeadPing id    lead_C25E5 (from the payload)
      calls so far   0
      was            no store to read its past from
    The rows
      · mappings/crm.toml:… row 3 (lost, wrong number): its sub_status is
        `TooExpensive`
      ✓ mappings/crm.toml:… row 4 (lost): the status matches
    Becomes
      leadping: one call
      POST https://api.leadping.ai/dispositions
      Authorization: Bearer ****
      {
        "category": "Lost",
        "changeSource": "API",
        "leadId": "lead_C25E5",
        "notes": "TooExpensive",
        "outcome": "Lost",
        "reason": "[lb:…]",
        "timestamp": "2026-08-01T09:59:59Z",
        "type": "CRM"
      }
    "#);
}

#[tokio::test]
async fn json_says_the_same() {
    let place = Place::shipped(None);
    let ended = explain(&place, &["--json", "--source", "crm", LOST]).await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    let story: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(story["standing"], "usable");
    assert_eq!(story["history_read"], false);
    assert_eq!(story["verification"], Value::Null);
    assert_eq!(story["decision"]["row"]["name"], "lost");
    let matched: Vec<_> = story["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["name"].as_str().unwrap(), row["matched"] == true))
        .collect();
    assert_eq!(matched, [("lost, wrong number", false), ("lost", true)]);
    let body = &story["requests"][0]["body"];
    assert_eq!(body["category"], "Lost");
    assert_eq!(body["timestamp"], "2026-08-01T09:59:59Z");
}

#[tokio::test]
async fn with_headers_it_tells_whether_they_admit_it() {
    let place = Place::shipped(None);
    let mut mac = Hmac::<Sha256>::new_from_slice(CRM_SECRET.as_bytes()).unwrap();
    mac.update(place.read(LOST).as_bytes());
    let right = HEXLOWER.encode(&mac.finalize().into_bytes());
    let wrong = "0".repeat(right.len());
    let success = "mappings/examples/voice/success-lead.json";
    for (source, payload, headers, admitted) in [
        ("crm", LOST, format!("X-Signature: sha256={right}\n"), true),
        ("crm", LOST, format!("X-Signature: sha256={wrong}\n"), false),
        (
            "crm",
            LOST,
            "Content-Type: application/json\n".to_owned(),
            false,
        ),
        (
            "voice",
            success,
            format!("content-type: application/json\n\nauthorization: Bearer {VOICE_SECRET}\n"),
            true,
        ),
        (
            "voice",
            success,
            "Authorization: Bearer guess\n".to_owned(),
            false,
        ),
    ] {
        let file = place.write("headers", &headers);
        let arguments = [
            "--headers",
            file.to_str().unwrap(),
            "--source",
            source,
            payload,
        ];
        let told = explain(&place, &arguments).await;
        assert_eq!(told.code, Some(0), "{}", told.err);
        let word = if admitted {
            "  yes: the credential is right"
        } else {
            "  no, answered 401: "
        };
        let first = format!("Verified\n{word}");
        assert!(told.out.starts_with(&first), "{headers:?}: {}", told.out);
        let json = explain(&place, &[&["--json"], arguments.as_slice()].concat()).await;
        let story: Value = serde_json::from_str(&json.out).unwrap();
        assert_eq!(story["verification"]["admitted"], admitted, "{headers}");
        let entry = if admitted { json!(1) } else { Value::Null };
        assert_eq!(story["verification"]["entry"], entry, "{headers}");
    }
}

#[tokio::test]
async fn what_cannot_be_explained_is_said() {
    let place = Place::shipped(None);
    let unknown = explain(&place, &["--source", "vioce", LOST]).await;
    assert_eq!((unknown.code, unknown.out.as_str()), (Some(2), ""));
    assert!(
        unknown.err.contains("did you mean `voice`?"),
        "{}",
        unknown.err
    );
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(64), "]".repeat(64));
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(262_144));
    for (body, why) in [
        ("status: 100", "the body is not JSON: line 1, column 1"),
        ("[1]", "the body is JSON, but not an object"),
        (
            "{\"status\": 100",
            "the body is not JSON: line 1, column 14",
        ),
        (deep.as_str(), "the body is nested deeper than 64 levels"),
        (large.as_str(), "the body is larger than 262144 bytes"),
    ] {
        let arguments = ["explain", "--source", "voice", "-"];
        let ended = place.run_with_input(&arguments, body).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{why}");
        let expected = format!("the bridge would not take this payload: {why}");
        assert!(ended.err.contains(&expected), "{}", ended.err);
    }
    place.edit("mappings/crm.toml", "\"LOST\"", "\"LSOT\"");
    let faulty = explain(&place, &["--source", "crm", LOST]).await;
    assert_eq!((faulty.code, faulty.out.as_str()), (Some(64), ""));
    assert!(
        faulty.err.contains("did you mean `LOST`?"),
        "{}",
        faulty.err
    );
}

#[tokio::test]
async fn without_secrets_only_the_verification_cannot_be_explained() {
    let place = Place::shipped(None)
        .without_variable("VOICE_WEBHOOK_SECRET")
        .without_variable("CRM_WEBHOOK_SECRET")
        .without_variable("LEADPING_API_KEY");
    assert_eq!(
        explain(&place, &["--source", "crm", LOST]).await.code,
        Some(0)
    );
    let file = place.write("headers", "X-Signature: sha256=00\n");
    let arguments = ["--headers", file.to_str().unwrap(), "--source", "crm", LOST];
    let ended = explain(&place, &arguments).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(64), ""));
    assert!(
        ended.err.contains("CRM_WEBHOOK_SECRET is not set"),
        "{}",
        ended.err
    );
}

#[tokio::test]
async fn every_target_of_a_row_is_told_with_its_request() {
    const TABLE: &str = r#"kind = "capillary"
[[row]]
status = "LOST"
leadping = { lead = { enabled = false, tagNames = ["lost"] } }
capillary = { status = "DELETED", reasonId = 7 }
nlpearl = { status = 130 }
"#;
    let capillary = r#"{ kind = "capillary", base_url = "https://eu.example.test", auth = { scheme = "oauth", key = { env = "KEY" }, secret = { env = "SECRET" } } }"#;
    let place = Place::shipped(None).with("TARGETS__CAPILLARY", capillary);
    place.write("mappings/crm.toml", TABLE);
    let ended = explain(&place, &["--source", "crm", LOST]).await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    let (_, becomes) = ended.out.split_once("Becomes\n").unwrap();
    insta::assert_snapshot!(becomes, @r#"
      capillary: one call
      leadping.lead: one call
      nlpearl: off, the configuration has no [targets.nlpearl]
      PUT https://api.leadping.ai/leads/lead_C25E5
      Authorization: Bearer ****
      the record is read first; this is changed in it
      {
        "enabled": false,
        "tagNames": [
          "lost"
        ]
      }
      PUT https://eu.example.test/v2/leads/25/status
      X-CAP-API-OAUTH-TOKEN: ****
      {
        "reasonId": 7,
        "status": "DELETED"
      }
    "#);
    let json = explain(&place, &["--json", "--source", "crm", LOST]).await;
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["decision"]["targets"]["nlpearl"]["verdict"], "off");
    assert_eq!(json["requests"][0]["merged"], true);
    assert_eq!(
        json["requests"][1]["body"],
        json!({ "status": "DELETED", "reasonId": 7 })
    );
}

/// A name that would turn the line around on a terminal.
#[tokio::test]
async fn what_is_invisible_in_a_name_is_shown() {
    let place = Place::shipped(None);
    place.edit(
        "mappings/crm.toml",
        "name = \"lost\"",
        "name = \"lost \\u202Etsol\"",
    );
    for more in [&[][..], &["--json"]] {
        let arguments = [&["--source", "crm", LOST], more].concat();
        let ended = explain(&place, &arguments).await;
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
        assert!(ended.out.contains("lost \\u202Etsol"), "{}", ended.out);
        assert!(!ended.out.contains('\u{202e}'), "{}", ended.out);
        if !more.is_empty() {
            let story: Value = serde_json::from_str(&ended.out).unwrap();
            assert_eq!(story["decision"]["row"]["name"], "lost \u{202e}tsol");
        }
    }
}
