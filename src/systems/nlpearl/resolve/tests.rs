//! Which calls ask for a lead, and what their answers are taken for.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::config::SourceKind;
use crate::secret::SecretReference;

const LEAD: &str = "68c3f1a2b4d5e6f708192a3b";

fn target(api: NlpearlApi) -> NlpearlTarget {
    NlpearlTarget {
        api,
        token: SecretReference::Env("NOT_READ".to_owned()),
        outbound_ids: BTreeMap::from([("p1".to_owned(), "o1".to_owned())]),
    }
}

fn inquiry(api: NlpearlApi, source: &str, by: ResolveBy) -> Inquiry {
    let speaker = SourceConfig {
        links: BTreeMap::from([("crm".to_owned(), "/externalId".to_owned())]),
        ..SourceConfig::unconfigured("voice", SourceKind::Nlpearl)
    };
    let resolve = ResolveConfig {
        target: "nlpearl".to_owned(),
        nothing_for: Duration::from_secs(1),
        by,
    };
    Inquiry::new(source, &resolve, &target(api), &speaker)
}

fn in_pearls(pearls: &[&str]) -> ResolveBy {
    ResolveBy::ExternalId {
        through: "voice".to_owned(),
        pearls: pearls.iter().map(|pearl| (*pearl).to_owned()).collect(),
    }
}

fn facts(id: &str, pearl: Option<&str>) -> Facts {
    Facts {
        source_lead_id: Some(id.to_owned()),
        pearl_id: pearl.map(str::to_owned),
        ..Facts::default()
    }
}

#[track_caller]
fn check_questions(inquiry: &Inquiry, facts: &Facts, expected: &[&str]) {
    let calls: Vec<String> = inquiry
        .questions(facts)
        .iter()
        .map(|question| format!("{} of {}", question.request.summary(), question.pearl_id))
        .collect();
    assert_eq!(calls, expected);
}

#[test]
fn a_lead_is_asked_for_in_the_campaign_that_its_webhook_names() {
    let v1 = inquiry(NlpearlApi::V1, "voice", ResolveBy::Id);
    let v2 = inquiry(NlpearlApi::V2, "voice", ResolveBy::Id);
    let known = facts(LEAD, Some("p1"));
    check_questions(
        &v1,
        &known,
        &[&format!("GET /v1/Outbound/o1/Lead/{LEAD} of p1")],
    );
    check_questions(
        &v2,
        &known,
        &[&format!("GET /v2/Outbound/p1/Lead/{LEAD} of p1")],
    );
    let unknown_pearl = facts(LEAD, Some("p9"));
    check_questions(&v1, &unknown_pearl, &[]);
    check_questions(
        &v2,
        &unknown_pearl,
        &[&format!("GET /v2/Outbound/p9/Lead/{LEAD} of p9")],
    );
    check_questions(&v2, &facts(LEAD, None), &[]);
    check_questions(&v2, &Facts::default(), &[]);
    check_questions(&v2, &facts("a/b", Some("p1")), &[]);
}

#[test]
fn another_system_s_lead_is_looked_for_in_every_pearl() {
    let v1 = inquiry(NlpearlApi::V1, "crm", in_pearls(&["p1", "p2"]));
    check_questions(
        &v1,
        &facts("19", None),
        &["GET /v1/Outbound/o1/Lead/Extrenal/19 of p1"],
    );
    let v2 = inquiry(NlpearlApi::V2, "crm", in_pearls(&["p1", "p2"]));
    check_questions(
        &v2,
        &facts("19", None),
        &[
            "GET /v2/Outbound/p1/Lead/External/19 of p1",
            "GET /v2/Outbound/p2/Lead/External/19 of p2",
        ],
    );
}

fn named(inquiry: &Inquiry, asked: &str, answer: &Value) -> Result<String, String> {
    let named = inquiry.read(asked, "p1", answer.to_string().as_bytes())?;
    Ok(named.map_or(String::from("nobody"), |named| {
        let ids = named.ids.iter();
        let ids: Vec<String> = ids.map(|id| format!("{}:{}", id.system, id.id)).collect();
        format!("{} in {}", ids.join(" = "), named.pearl_id)
    }))
}

#[test]
fn an_answer_teaches_what_a_lead_webhook_would() {
    let by_id = inquiry(NlpearlApi::V1, "voice", ResolveBy::Id);
    let answer = json!({
        "id": LEAD, "externalId": "19", "status": 100,
        "callData": {"leadpingLeadId": "lead_a"},
    });
    let expected = format!("voice:{LEAD} = leadping:lead_a = crm:19 in p1");
    assert_eq!(named(&by_id, LEAD, &answer).unwrap(), expected);
    let by_external_id = inquiry(NlpearlApi::V1, "crm", in_pearls(&["p1"]));
    assert_eq!(named(&by_external_id, "19", &answer).unwrap(), expected);
    // In the older casing too.
    let pascal = json!({"Id": LEAD, "CallData": {"leadpingLeadId": "lead_a"}});
    assert_eq!(
        named(&by_id, LEAD, &pascal).unwrap(),
        format!("voice:{LEAD} = leadping:lead_a in p1")
    );
}

#[test]
fn an_answer_that_names_nobody_teaches_nothing() {
    let by_id = inquiry(NlpearlApi::V1, "voice", ResolveBy::Id);
    for answer in [
        json!({"id": LEAD, "externalId": null, "callData": {}}),
        json!({"id": LEAD, "externalId": " ", "callData": {"leadpingLeadId": ".."}}),
    ] {
        assert_eq!(named(&by_id, LEAD, &answer).unwrap(), "nobody", "{answer}");
    }
}

#[test]
fn an_answer_about_somebody_else_is_not_believed() {
    let by_id = inquiry(NlpearlApi::V1, "voice", ResolveBy::Id);
    let by_external_id = inquiry(NlpearlApi::V1, "crm", in_pearls(&["p1"]));
    let other = json!({"id": "68c3f1a2b4d5e6f708192a99", "externalId": "20", "callData": {"leadpingLeadId": "x"}});
    assert_eq!(
        named(&by_id, LEAD, &other).unwrap_err(),
        "it is another lead"
    );
    assert_eq!(
        named(&by_external_id, "19", &other).unwrap_err(),
        "it is another lead"
    );
    let nobody = json!({"externalId": "19"});
    assert_eq!(
        named(&by_id, LEAD, &nobody).unwrap_err(),
        "it names no lead"
    );
    assert_eq!(
        by_id.read(LEAD, "p1", b"<html>").unwrap_err(),
        "it is not JSON"
    );
}
