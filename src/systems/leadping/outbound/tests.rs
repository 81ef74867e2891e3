//! The look-up recognises what is ours, and nothing else.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn id(number: u128) -> DeliveryId {
    DeliveryId(uuid::Uuid::from_u128(number))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_785_578_400 + second).unwrap()
}

fn sent(number: u128, marker: Marker, second: i64, reason: Option<&str>) -> Request {
    let mut members = Map::new();
    members.insert(String::from("type"), json!("Call"));
    members.insert(String::from("outcome"), json!("Interested"));
    if let Some(reason) = reason {
        members.insert(String::from("reason"), json!(reason));
    }
    let order = Order {
        id: id(number),
        lead_id: "L1",
        members: &members,
        timestamp: at(second),
    };
    set(LeadpingApi::Dispositions, marker, &order)
}

/// The entry that a request makes, made at `second`.
fn entry(request: &Request, entry_id: &str, second: i64) -> Value {
    let mut entry = request.body.clone().unwrap();
    entry["id"] = json!(entry_id);
    entry["createdAt"] = json!(at(second).to_string());
    entry
}

#[track_caller]
fn check(
    entries: &[Value],
    ours: &Request,
    known: &[&str],
    marker: Marker,
    expected: Option<&str>,
) {
    let answer = serde_json::to_vec(entries).unwrap();
    let known: Vec<String> = known.iter().map(|id| (*id).to_owned()).collect();
    let found = find(&answer, id(1), ours, marker, &known);
    let expected = match expected {
        Some("several") => Found::Several,
        Some(entry_id) => Found::Ours {
            entry_id: Some(entry_id.to_owned()),
        },
        None => Found::NotThere,
    };
    assert_eq!(found, expected);
}

#[test]
fn the_marker_says_it_outright() {
    let ours = sent(1, Marker::Reason, 0, Some("why"));
    let others = sent(2, Marker::Reason, 0, None);
    assert_eq!(
        ours.body.as_ref().unwrap()["reason"],
        "why [lb:00000000-0000-0000-0000-000000000001]"
    );
    check(&[], &ours, &[], Marker::Reason, None);
    check(&[entry(&others, "e2", 1)], &ours, &[], Marker::Reason, None);
    let both = [entry(&ours, "e1", 1), entry(&others, "e2", 2)];
    check(&both, &ours, &["e2"], Marker::Reason, Some("e1"));
}

#[test]
fn without_any_marker_type_outcome_and_second_say_it() {
    let ours = sent(1, Marker::Reason, 0, None);
    let bare = |second, made| entry(&sent(9, Marker::None, second, None), "e1", made);
    check(&[bare(0, 1)], &ours, &[], Marker::Reason, Some("e1"));
    check(&[bare(1, 1)], &ours, &[], Marker::Reason, None);
    check(&[bare(0, 1)], &ours, &["e1"], Marker::Reason, None);
    for member in ["type", "outcome"] {
        let mut other = bare(0, 1);
        other[member] = json!("other");
        check(&[other], &ours, &[], Marker::Reason, None);
    }
    let mut elsewhere = bare(0, 1);
    elsewhere["timestamp"] = json!("2026-08-01T12:00:00.900+02:00");
    check(&[elsewhere], &ours, &[], Marker::Reason, Some("e1"));
    let mut twice = [bare(0, 1), bare(0, 2)];
    twice[1]["id"] = json!("e2");
    check(&twice, &ours, &[], Marker::Reason, Some("several"));
    // What stands before the newest entry that we know is older than our try.
    check(&twice, &ours, &["e1"], Marker::Reason, Some("e2"));
    check(&twice, &ours, &["e2"], Marker::Reason, None);
}

#[test]
fn an_answer_that_is_no_history_says_nothing() {
    for answer in ["", "{}", "null", "[1", "\"x\"", "<html>"] {
        let ours = sent(1, Marker::Reason, 0, None);
        let found = find(answer.as_bytes(), id(1), &ours, Marker::Reason, &[]);
        assert_eq!(found, Found::Unreadable, "{answer}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Among any other deliveries' entries, in any order of the answer, ours is found exactly
    /// when it is there, and it is ours.
    #[test]
    fn ours_is_found_exactly_when_it_is_there(
        others in prop::collection::vec((2u128..50, 0i64..3, 0i64..100), 0..12),
        is_there in any::<bool>(),
        made in 0i64..100,
        place in any::<prop::sample::Index>(),
        notes in any::<bool>(),
    ) {
        let marker = if notes { Marker::Notes } else { Marker::Reason };
        let ours = sent(1, marker, 0, Some("why"));
        let mut entries: Vec<Value> = others
            .iter()
            .enumerate()
            .map(|(number, (other, second, made))| {
                entry(&sent(*other, marker, *second, None), &format!("other-{number}"), *made)
            })
            .collect();
        if is_there {
            entries.insert(place.index(entries.len() + 1), entry(&ours, "ours", made));
        }
        let answer = serde_json::to_vec(&entries).unwrap();
        let expected = if is_there {
            Found::Ours { entry_id: Some(String::from("ours")) }
        } else {
            Found::NotThere
        };
        prop_assert_eq!(find(&answer, id(1), &ours, marker, &[]), expected);
    }

    /// Without a marker, what people and others wrote is never taken for ours unless it is alike
    /// in all three; and with several alike nobody guesses.
    #[test]
    fn without_a_marker_nobody_guesses(
        entries in prop::collection::vec((0i64..2, any::<bool>(), any::<bool>()), 0..6),
    ) {
        let ours = sent(1, Marker::None, 0, None);
        let mut known = Vec::new();
        let mut alike = Vec::new();
        let mut answer = Vec::new();
        for (number, (second, same_outcome, is_known)) in entries.iter().enumerate() {
            let entry_id = format!("e{number}");
            let number = i64::try_from(number).unwrap();
            let mut made = entry(&sent(9, Marker::None, *second, None), &entry_id, number);
            if !same_outcome {
                made["outcome"] = json!("other");
            }
            answer.push(made);
            if *is_known {
                known.push(entry_id);
                alike.clear();
            } else if *second == 0 && *same_outcome {
                alike.push(entry_id);
            }
        }
        let expected = match alike.as_slice() {
            [] => Found::NotThere,
            [one] => Found::Ours { entry_id: Some(one.clone()) },
            _ => Found::Several,
        };
        let answer = serde_json::to_vec(&answer).unwrap();
        prop_assert_eq!(find(&answer, id(1), &ours, Marker::None, &known), expected);
    }

    /// No answer of the vendor stops us.
    #[test]
    fn any_answer_is_read_without_a_fault(answer in prop::collection::vec(any::<u8>(), 0..200)) {
        let ours = sent(1, Marker::Reason, 0, None);
        let _ = find(&answer, id(1), &ours, Marker::Reason, &[]);
        let _ = entry_id(&answer);
    }
}

/// Every member that the vendor's page lists for creating or updating a disposition, and the later
/// ones of the same request model.
fn every_member() -> Map<String, Value> {
    let Value::Object(members) = json!({
        "type": "Call",
        "outcome": "Interested",
        "category": "Qualified",
        "notes": "wants a visit",
        "reason": "said so",
        "changeSource": "AI",
        "changedByAutomationId": "auto_1",
        "timestamp": "2023-11-07T05:31:56Z",
        "followUpStatus": "Pending",
        "callbackAt": "2023-11-08T05:31:56Z",
        "taskDueAt": "2023-11-09T05:31:56Z",
        "appointmentStartAt": "2023-11-10T05:31:56Z",
        "appointmentEndAt": "2023-11-10T06:31:56Z",
        "appointmentNotes": "bring plans",
        "assignedToUserId": "user_1",
        "relatedCallEventId": "call_1",
        "isMissedCallFollowUp": true,
        "sourceId": "src_1",
    }) else {
        panic!("an object")
    };
    let known: Vec<&str> = crate::systems::leadping::vocabulary::MEMBERS
        .iter()
        .map(|(name, _)| *name)
        .collect();
    assert!(members.keys().all(|name| known.contains(&name.as_str())));
    assert_eq!(members.len(), known.len());
    members
}

/// The page's example of a request; `category` and the members about the change stand in its
/// description.
const PAGE_REQUEST: &str =
    include_str!("../../../../tests/payloads/page-leadping-disposition-request.json");

#[test]
fn our_members_are_the_page_s() {
    let page: Map<String, Value> = serde_json::from_str(PAGE_REQUEST).unwrap();
    let described = [
        "category",
        "reason",
        "changeSource",
        "changedByAutomationId",
    ];
    let mut of_page: Vec<&str> = page.keys().map(String::as_str).chain(described).collect();
    let members = every_member();
    let mut ours: Vec<&str> = members
        .keys()
        .map(String::as_str)
        .chain(["leadId"])
        .collect();
    of_page.sort_unstable();
    ours.sort_unstable();
    assert_eq!(ours, of_page);
    for (name, value) in &page {
        let own = members.get(name).unwrap_or(&Value::Null);
        let is_of_one_kind = name == "leadId" || own.is_boolean() == value.is_boolean();
        assert!(is_of_one_kind, "{name}");
    }
}

#[test]
fn a_set_and_an_amend_say_every_member_of_the_page() {
    let members = every_member();
    let order = Order {
        id: id(1),
        lead_id: "L1",
        members: &members,
        timestamp: at(0),
    };
    let mut body = members.clone();
    let marked = "said so [lb:00000000-0000-0000-0000-000000000001]";
    body.insert(String::from("reason"), json!(marked));
    let lead_status = Value::Object(body.clone());
    body.insert(String::from("leadId"), json!("L1"));
    let dispositions = Value::Object(body);
    for (api, body, set_to, amend_to) in [
        (
            LeadpingApi::Dispositions,
            dispositions,
            "POST /dispositions",
            "PUT /dispositions/disp_9",
        ),
        (
            LeadpingApi::LeadStatus,
            lead_status,
            "PUT /leads/L1/status",
            "PUT /lead-status-changes/disp_9",
        ),
    ] {
        let set = set(api, Marker::Reason, &order);
        let amend = amend(api, Marker::Reason, "disp_9", &order);
        assert_eq!(
            (set.summary(), amend.summary()),
            (set_to.to_owned(), amend_to.to_owned())
        );
        assert_eq!(set.body, Some(body.clone()));
        assert_eq!(amend.body, Some(body));
    }
}

#[test]
fn a_planned_amend_bears_the_marks_of_the_set() {
    let mut planned = PlannedDelivery {
        id: id(2),
        target: String::from("leadping"),
        lead_id: String::from("L1"),
        members: Map::new(),
        call: None,
        amends: Some(crate::decision::Amended {
            entry: id(1),
            entry_id: Some(String::from("disp_9")),
            timestamp: at(0),
        }),
        timestamp: at(60),
        withheld: false,
    };
    let api = LeadpingApi::Dispositions;
    let request = super::planned(api, Marker::Reason, &planned);
    let body = request.body.as_ref().unwrap();
    assert_eq!(request.summary(), "PUT /dispositions/disp_9");
    assert_eq!(body["reason"], "[lb:00000000-0000-0000-0000-000000000001]");
    assert_eq!(body["timestamp"], at(0).to_string());
    planned.amends.as_mut().unwrap().entry_id = None;
    let unknown = super::planned(api, Marker::Reason, &planned);
    assert_eq!(unknown.summary(), "PUT /dispositions/{id}");
    planned.amends = None;
    let set = super::planned(api, Marker::Reason, &planned);
    assert_eq!(set.body.unwrap()["timestamp"], at(60).to_string());
}

#[test]
fn a_history_has_an_entry_or_lacks_it_or_is_none() {
    let has = |answer: &str| has_entry(answer.as_bytes(), "disp_9");
    assert_eq!(has(r#"[{"id":"disp_1"},{"id":"disp_9"}]"#), Some(true));
    assert_eq!(has(r#"[{"id":"disp_1"}]"#), Some(false));
    assert_eq!(has("[]"), Some(false));
    for no_history in ["", "{}", r#"{"id":"disp_9"}"#] {
        assert_eq!(has(no_history), None);
    }
}
