//! The request, field by field, against the vendor's page "update lead".

use serde_json::{Value, json};

use super::*;

fn members(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

#[test]
fn the_update_is_the_page_s() {
    let address = address("66f1a2", "68c3f1").unwrap();
    let all = members(json!({
        "phoneNumber": "+14155550101",
        "externalId": "19",
        "timeZoneId": "Pacific Standard Time",
        "callData": { "email": "joe@gmail.com", "carLicense": "90-929-82" },
        "status": 130,
    }));
    let request = update(NlpearlApi::V1, &address, &all);
    assert_eq!(request.summary(), "PUT /v1/Outbound/66f1a2/Lead/68c3f1");
    assert_eq!(
        request.body,
        Some(json!({
            "phoneNumber": "+14155550101",
            "externalId": "19",
            "timeZoneId": "Pacific Standard Time",
            "callData": { "email": "joe@gmail.com", "carLicense": "90-929-82" },
            "status": 130,
        }))
    );
    // "Only the provided values will be updated": nothing else is sent, no null either.
    let one = update(NlpearlApi::V2, &address, &members(json!({ "status": 100 })));
    assert_eq!(one.summary(), "PUT /v2/Outbound/66f1a2/Lead/68c3f1");
    assert_eq!(one.body, Some(json!({ "status": 100 })));
    let read = get(NlpearlApi::V2, &address);
    assert_eq!(read.summary(), "GET /v2/Outbound/66f1a2/Lead/68c3f1");
    assert_eq!(read.body, None);
}

#[test]
fn what_is_no_id_is_no_address() {
    assert_eq!(address("a/b", "1"), None);
    assert_eq!(address("a", "1/2"), None);
    assert_eq!(address("", "1"), None);
    assert_eq!(address("a", "1").as_deref(), Some("a/1"));
}
