//! Requests and answers against the vendor's page "update lead status" and its reference.

use serde_json::{Value, json};

use super::*;
use crate::config::{CapillaryAuth, CapillaryTarget, TargetSystem};
use crate::delivery::DeliveryId;
use crate::secret::SecretReference;
use crate::systems::outbound::{Meaning, meaning};

fn request(members: Value) -> Request {
    update_status("2", members.as_object().unwrap())
}

fn lost() -> Request {
    request(json!({ "status": "LOST", "reasonId": 2 }))
}

#[test]
fn the_update_is_the_page_s() {
    let sent = request(json!({
        "status": "ON_HOLD",
        "subStatus": "YetToDecide",
        "reasonId": 2,
        "createdBy": 28_812_689,
        "createdOn": "2018-10-05T02:30:00.75Z",
    }));
    assert_eq!(sent.summary(), "PUT /v2/leads/2/status");
    assert_eq!(
        sent.body,
        Some(json!({
            "status": "ON_HOLD",
            "subStatus": "YetToDecide",
            "reasonId": 2,
            "createdBy": 28_812_689,
            "createdOn": "2018-10-05T02:30:00Z",
        }))
    );
    assert_eq!(
        lost().body,
        Some(json!({ "status": "LOST", "reasonId": 2 }))
    );
    assert_eq!(status_log("2").summary(), "GET /v2/leads/2/statusLog");
}

#[test]
fn a_password_is_sent_as_the_hex_of_its_md5() {
    // "till.01:" and the MD5 of "password".
    assert_eq!(
        basic("till.01", "password"),
        "Basic dGlsbC4wMTo1ZjRkY2MzYjVhYTc2NWQ2MWQ4MzI3ZGViODgyY2Y5OQ=="
    );
}

#[test]
fn a_token_is_asked_for_and_used_for_most_of_its_life() {
    let asked = token_request("k1", "s1");
    assert_eq!(asked.summary(), "POST /v3/oauth/token/generate");
    assert_eq!(asked.body, Some(json!({ "key": "k1", "secret": "s1" })));
    let token = |answer: Value| token_in(answer.to_string().as_bytes());
    assert_eq!(
        token(json!({ "data": { "accessToken": "t1", "ttlSeconds": 300 }, "errors": null })),
        Some((String::from("t1"), Duration::from_secs(240)))
    );
    for answer in [
        json!({ "data": null, "errors": [{ "code": 401 }] }),
        json!({ "data": { "accessToken": "", "ttlSeconds": 300 } }),
        json!({}),
    ] {
        assert_eq!(token(answer), None);
    }
}

fn system() -> TargetSystem {
    TargetSystem::Capillary(CapillaryTarget {
        auth: CapillaryAuth::Basic {
            username: String::from("till.01"),
            password: SecretReference::Env("NO_SUCH_VARIABLE".into()),
        },
    })
}

#[test]
fn success_is_a_good_status_without_errors() {
    #[track_caller]
    fn check(status: u16, body: &[u8], expected: Meaning) {
        let sent = request(json!({ "status": "WON", "reasonId": 2 }));
        assert_eq!(meaning(&system(), status, &sent, body), expected);
    }
    let as_its_status = |id: Option<&str>| Meaning::AsItsStatus {
        entry_id: id.map(str::to_owned),
    };
    let lead = include_bytes!("../../../../tests/payloads/answer-capillary-lead.json");
    let failed = include_bytes!("../../../../tests/payloads/answer-capillary-error-201.json");
    check(200, lead, as_its_status(Some("23")));
    check(201, failed, Meaning::Refused);
    check(200, failed, Meaning::Refused);
    check(400, failed, as_its_status(None));
    check(
        200,
        br#"{"id":2,"warnings":[{"code":1}],"errors":[]}"#,
        as_its_status(None),
    );
    check(200, br#"{"errors":null}"#, as_its_status(None));
    check(200, br#"{"errors":{"code":1}}"#, Meaning::Refused);
    // Not readable: delivered, id unknown.
    check(200, b"<html>", as_its_status(None));
    check(461, b"", Meaning::Later);
    check(521, failed, Meaning::Later);
    check(500, b"", as_its_status(None));
}

fn at(minute: i64) -> String {
    let at = Timestamp::from_second(1_785_578_400 + minute * 60).unwrap();
    at.to_string()
}

fn entry(id: i64, status: &str, minute: i64) -> Value {
    json!({ "id": id, "leadId": 2, "status": status, "createdOn": at(minute), "reasonId": 2, "reason": "x" })
}

/// The webhook came at minute 0.
#[track_caller]
fn check_found(log: &[Value], known: &[&str], expected: Found) {
    let known: Vec<String> = known.iter().map(|id| (*id).to_owned()).collect();
    let sent = lost();
    let sought = Sought {
        id: DeliveryId(uuid::Uuid::nil()),
        sent: &sent,
        received_at: at(0).parse().unwrap(),
        known: &known,
    };
    let bare = Value::from(log.to_vec());
    let wrapped = json!({ "data": log, "warnings": [], "errors": [] });
    for answer in [bare, wrapped] {
        assert_eq!(find(answer.to_string().as_bytes(), &sought), expected);
    }
}

#[test]
fn the_status_log_shows_whether_an_update_arrived() {
    let ours = |id: &str| Found::Ours {
        entry_id: Some(id.to_owned()),
    };
    check_found(&[], &[], Found::NotThere);
    check_found(&[entry(1, "OPEN", -60)], &[], Found::NotThere);
    check_found(
        &[entry(1, "OPEN", -60), entry(2, "LOST", 1)],
        &[],
        ours("2"),
    );
    // The vendor's order is not taken for granted.
    check_found(
        &[entry(2, "LOST", 1), entry(1, "OPEN", -60)],
        &["1"],
        ours("2"),
    );
    // Somebody changed it since: it arrived all the same.
    check_found(&[entry(2, "LOST", 1), entry(3, "OPEN", 2)], &[], ours("2"));
    // Older than the webhook, so it cannot be ours; a clock may be behind a little.
    check_found(&[entry(2, "LOST", -60)], &[], Found::NotThere);
    check_found(&[entry(2, "LOST", -4)], &[], ours("2"));
    // Another delivery's, or before one.
    check_found(&[entry(2, "LOST", 1)], &["2"], Found::NotThere);
    check_found(
        &[entry(2, "LOST", 1), entry(3, "OPEN", 2)],
        &["3"],
        Found::NotThere,
    );
    check_found(
        &[entry(2, "LOST", 1), entry(3, "LOST", 2)],
        &[],
        Found::Several,
    );
    // Another reason or sub-status is another update.
    let mut other = entry(2, "LOST", 1);
    other["reasonId"] = json!(3);
    check_found(&[other], &[], Found::NotThere);
    let mut other = entry(2, "LOST", 1);
    other["subStatus"] = json!("InvalidPhoneNumber");
    check_found(&[other], &[], Found::NotThere);
    let mut text = entry(2, "LOST", 1);
    text["reasonId"] = json!("2");
    check_found(&[text], &[], ours("2"));
}

#[test]
fn what_is_no_log_says_nothing() {
    let sent = lost();
    let sought = Sought {
        id: DeliveryId(uuid::Uuid::nil()),
        sent: &sent,
        received_at: at(0).parse().unwrap(),
        known: &[],
    };
    for answer in ["{}", "<html>", r#"{"data":[],"errors":[{"code":1}]}"#, "7"] {
        assert_eq!(
            find(answer.as_bytes(), &sought),
            Found::Unreadable,
            "{answer}"
        );
    }
}
