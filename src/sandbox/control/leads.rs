//! The part of the control interface that is about leads: putting them there, looking at them,
//! and doing what the vendors' own people do.
//!
//! `leads…` is LeadPing's; the others' stand under `nlpearl/` and `capillary/`.

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Done, bad, done, read, shown};
use crate::sandbox::answer::Answer;
use crate::sandbox::leadping::{self, Profile};
use crate::sandbox::{Shared, State, System};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusBody {
    status: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReasonBody {
    id: i64,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SubStatusBody {
    status: String,
    sub_status: String,
}

pub(super) fn answer(shared: &Shared, verb: &str, segments: &[&str], body: &Bytes) -> Done {
    match (verb, segments) {
        ("GET", ["leads", lead]) => lead_with_history(&shared.state(), lead),
        ("POST", ["leads"]) => put_leadping_lead(shared, body),
        ("GET", [system @ ("nlpearl" | "capillary"), "leads", lead]) => {
            let found = shared.state().shown_lead(named(system), lead);
            let lead = found.ok_or_else(no_lead)?;
            Ok(shown(&json!({"lead": lead})))
        }
        ("POST", [system @ ("nlpearl" | "capillary"), "leads"]) => {
            put(shared, named(system), &read(body)?)
        }
        ("POST", ["nlpearl", "leads", lead, "status"]) => {
            let StatusBody { status } = read(body)?;
            let now = shared.clock.now();
            match shared.state().campaign_sets(lead, status, now) {
                true => Ok(done()),
                false => Err(bad("there is no such lead, or no such status")),
            }
        }
        ("POST", ["capillary", "leads", lead, "status"]) => {
            let now = shared.clock.now();
            let change: Value = read(body)?;
            let lead = shared.state().staff_sets(lead, change, now).map_err(bad)?;
            Ok(shown(&json!({"lead": lead})))
        }
        ("POST", ["capillary", "reasons"]) => {
            let ReasonBody { id, reason } = read(body)?;
            shared.state().capillary.add_reason(id, &reason);
            Ok(done())
        }
        ("POST", ["capillary", "substatuses"]) => {
            let SubStatusBody { status, sub_status } = read(body)?;
            let state = &mut *shared.state();
            match state.capillary.add_sub_status(&status, &sub_status) {
                true => Ok(done()),
                false => Err(bad("there is no such status")),
            }
        }
        _ => Err((
            StatusCode::NOT_FOUND,
            "There is no such control.".to_owned(),
        )),
    }
}

fn named(system: &str) -> System {
    match system {
        "nlpearl" => System::Nlpearl,
        _ => System::Capillary,
    }
}

fn no_lead() -> (StatusCode, String) {
    (StatusCode::NOT_FOUND, "There is no such lead.".to_owned())
}

fn lead_with_history(state: &State, lead: &str) -> Done {
    let record = leadping::lead_record(&state.leadping, lead);
    let history = leadping::history(&state.leadping, lead, Profile::Dispositions);
    match (record, history) {
        (Some(record), Some(history)) => Ok(shown(&json!({"lead": record, "history": history}))),
        _ => Err(no_lead()),
    }
}

/// `{"id": …}` alone adds an empty lead and leaves one that is there as it is.
fn put_leadping_lead(shared: &Shared, body: &Bytes) -> Done {
    let lead: Value = read(body)?;
    let id = lead["id"].as_str().unwrap_or_default();
    let is_id_alone = lead.as_object().is_some_and(|members| members.len() == 1);
    if !is_id_alone || id.trim().is_empty() {
        return put(shared, System::Leadping, &lead);
    }
    let now = shared.clock.now();
    if shared.state().leadping.create_lead(id, now) {
        return Ok(Answer::empty(StatusCode::CREATED));
    }
    let detail = "The sandbox holds as many leads as it may.".to_owned();
    Err((StatusCode::INSUFFICIENT_STORAGE, detail))
}

fn put(shared: &Shared, system: System, lead: &Value) -> Done {
    let now = shared.clock.now();
    shared.state().put_lead(system, lead, now).map_err(bad)?;
    Ok(Answer::empty(StatusCode::CREATED))
}
