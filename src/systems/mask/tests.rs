//! What of a body is shown, and what is not.

use insta::assert_snapshot;
use serde_json::json;

use super::*;
use crate::config::SourceKind;

fn payload(name: &str) -> Value {
    let path = format!("{}/tests/payloads/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn masked(name: &str) -> String {
    let source = SourceConfig::unconfigured("voice", SourceKind::Nlpearl);
    serde_json::to_string_pretty(&body(Some(&source), &payload(name))).unwrap()
}

#[test]
fn a_call_keeps_its_ids_and_loses_what_was_said() {
    assert_snapshot!(masked("nlpearl-call-end"), @r#"
    {
      "collectedInfo": [
        {
          "id": "userIntent",
          "name": "[masked]",
          "value": "[masked]"
        },
        {
          "id": "callbackAt",
          "name": "[masked]",
          "value": "[masked]"
        }
      ],
      "conversationStatus": 100,
      "duration": 99,
      "from": "[masked]",
      "id": "68c4f1a2b4d5e6f708192a40",
      "isCallTransferred": false,
      "leadId": "68c3f1a2b4d5e6f708192a3b",
      "name": "[masked]",
      "overallSentiment": 4,
      "pearlId": "66f1a2b3c4d5e6f708192a3b",
      "recording": "[masked]",
      "startTime": "2026-08-01T10:15:00Z",
      "status": 4,
      "summary": "[masked]",
      "tags": [
        "[masked]"
      ],
      "to": "[masked]",
      "transcript": [
        {
          "content": "[masked]",
          "endTime": 2.1,
          "role": 2,
          "startTime": 0.4
        },
        {
          "content": "[masked]",
          "endTime": 5.0,
          "role": 3,
          "startTime": 2.6
        }
      ]
    }
    "#);
}

#[test]
fn a_crm_s_lead_keeps_its_status_and_loses_its_reason() {
    assert_snapshot!(masked("capillary-lead-won"), @r#"
    {
      "actionType": "START",
      "attributes": {
        "apiRequestId ": "a1b2c3",
        "createdAt": 1785578399000,
        "data": {
          "createdBy": "[masked]",
          "createdOn": "2026-08-01T13:30:00+05:30",
          "extendedFields": {
            "leadpingLeadId": "lead_7Q2M4"
          },
          "followUpDetails": [],
          "id": 2,
          "lastUpdatedBy": "[masked]",
          "lastUpdatedOn": "2026-08-01T15:29:59+05:30",
          "leadFor": "[masked]",
          "nextFollowUp": "2026-10-05T08:00:00+05:30",
          "orgSourceId": -1,
          "status": "WON",
          "statusLogDetails": [
            {
              "createdBy": "[masked]",
              "createdOn": "2026-08-01T15:29:59+05:30",
              "id": 23,
              "leadId": 2,
              "reason": "[masked]",
              "reasonId": 2,
              "status": "WON",
              "userId": "[masked]"
            }
          ],
          "type": "SKU",
          "userId": "[masked]",
          "warnings": []
        },
        "eventName": "leadStatusUpdated",
        "refId": "100458_2"
      },
      "consumerGroupId": null,
      "eventId": "0e5c7a52-6f1e-4f0e-9a53-0c6a4a0f1b01",
      "eventType": "100458_leadStatusUpdated",
      "timeStamp": 1785578400000
    }
    "#);
}

#[test]
fn an_entry_of_ours_keeps_its_marker() {
    assert_snapshot!(masked("leadping-status-changed"), @r#"
    {
      "data": {
        "category": "Converted",
        "changeSource": "User",
        "changedByUserId": "user_3",
        "id": "disp_77",
        "lead": {
          "metadata": {
            "externalId": "2"
          }
        },
        "leadId": "lead_7Q2M4",
        "notes": null,
        "oldDispositionOutcome": "Interested",
        "outcome": "Booked a visit",
        "reason": "[masked] [lb:0198f3a0-0000-7000-8000-000000000001]",
        "timestamp": "2026-08-01T12:00:00Z",
        "type": "Call"
      },
      "timestamp": "2026-08-01T12:00:05Z",
      "type": "lead.disposition.changed"
    }
    "#);
}

#[track_caller]
fn check(found: Value, expected: Value) {
    assert_eq!(members(&found), expected);
}

#[test]
fn what_looks_like_a_person_is_hidden_wherever_it_stands() {
    // As an id.
    check(json!({"id": "ann@example.com"}), json!({"id": MASKED}));
    check(json!({"leadId": "+14155550101"}), json!({"leadId": MASKED}));
    check(json!({"id": "Ann Example"}), json!({"id": MASKED}));
    check(
        json!({"externalId": "4155550101", "phoneNumber": "+1 (415) 555-0101"}),
        json!({"externalId": MASKED, "phoneNumber": MASKED}),
    );
    check(
        json!({"id": 14_155_550_101_i64, "mobile": 14_155_550_101_i64}),
        json!({"id": MASKED, "mobile": MASKED}),
    );
    // As a status.
    check(
        json!({"status": "ask ann@example.com"}),
        json!({"status": MASKED}),
    );
    check(
        json!({"status": "call 415 555 0101"}),
        json!({"status": MASKED}),
    );
    // As a time.
    check(json!({"created": "4155550101"}), json!({"created": MASKED}));
    check(
        json!({"created": "+14155550101"}),
        json!({"created": MASKED}),
    );
    // As a member's name.
    check(
        json!({"answers": {"ann@example.com": true}}),
        json!({"answers": {MASKED: true}}),
    );
    // As a number, or the place where somebody is.
    check(json!({"x": 4_155_550_101_i64}), json!({"x": MASKED}));
    check(
        json!({"at": [52.520_008, 13.404_954]}),
        json!({"at": [MASKED, MASKED]}),
    );
    // Behind a marker.
    check(
        json!({"reason": "see [lb:ann@example.com]"}),
        json!({"reason": MASKED}),
    );
}

#[test]
fn what_says_nothing_of_anybody_stays() {
    let plain = json!({
        "id": 2, "userRank": 7, "status": 100, "done": true, "nothing": null, "empty": "",
        "timestamp": 1_785_578_400_000_i64, "created": "2026-08-01T13:30:00+05:30",
        "timeZone": "-5", "category": "Follow up", "callsId": ["68c4f1a2b4d5e6f708192a40"],
    });
    check(plain.clone(), plain);
}

#[test]
fn what_is_not_json_is_hidden_whole() {
    assert_eq!(recorded(None, b"Ann Example"), Value::from(MASKED));
    assert_eq!(recorded(None, br#"{"id":1}"#), json!({"id": 1}));
}

#[test]
fn pointers_of_the_configuration_show_what_they_lead_to() {
    let mut source = SourceConfig::unconfigured("shop", SourceKind::Generic);
    let found = json!({"order": {"state": "Half paid", "who": "Ann"}, "customer": {"no": "c-1"}});
    assert_eq!(
        body(Some(&source), &found),
        json!({"order": {"state": MASKED, "who": MASKED}, "customer": {"no": MASKED}})
    );
    source.lead = vec![String::from("/customer/no")];
    assert_eq!(
        body(Some(&source), &found),
        json!({"order": {"state": MASKED, "who": MASKED}, "customer": {"no": "c-1"}})
    );
}

#[test]
fn facts_are_hidden_as_their_body_is() {
    let shown = Facts {
        source_lead_id: Some(String::from("68c3")),
        lead_id: Some(String::from("4155550101")),
        phone: Some(String::from("+1 415 555 0101")),
        call_summary: Some(String::from("Ann wants to book.")),
        call_recording: Some(String::from("https://recordings.example/19")),
        sub_status: Some(String::from("InvalidPhoneNumber")),
        collected: [
            (String::from("intent"), json!("Book")),
            (String::from("ann@x"), json!(3)),
        ]
        .into_iter()
        .collect(),
        ..Facts::default()
    };
    let masked = facts(&shown);
    let hidden = Some(MASKED.to_owned());
    assert_eq!(masked.source_lead_id.as_deref(), Some("68c3"));
    assert_eq!(masked.sub_status.as_deref(), Some("InvalidPhoneNumber"));
    assert_eq!(masked.lead_id, hidden);
    assert_eq!(masked.phone, hidden);
    assert_eq!(masked.call_summary, hidden);
    assert_eq!(masked.call_recording, hidden);
    assert_eq!(
        Value::Object(masked.collected),
        json!({"intent": MASKED, MASKED: 3})
    );
}

mod laws {
    use proptest::prelude::*;

    use super::*;

    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-z@+0-9 ]{0,20}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("(id|status|reason|created|x|[a-z]{1,5})", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn masking_twice_changes_nothing_and_no_contact_is_left(found in anything()) {
            let once = members(&found);
            prop_assert_eq!(&members(&once), &once);
            prop_assert!(!once.to_string().contains('@'));
        }
    }
}
