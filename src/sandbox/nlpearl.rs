//! NLPearl, pretended: update lead and get lead of an outbound campaign, in v1 and v2.
//!
//! Knows paths, bodies and answers, written from the vendor's pages alone; knows nothing of
//! faults, limits or connections. `route` finds what is asked for, `campaigns` remembers,
//! `time_zones` lists the Windows names.

use http::StatusCode;
use http::header::{HeaderValue, WWW_AUTHENTICATE};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::answer::{Answer, PROBLEM};
use super::body::RequestBody;
use super::schema::{Field, Shape, Violation, violations};
use super::system::Done;
use campaigns::Missing;
use route::{Action, Version};

mod campaigns;
mod route;
mod time_zones;

pub(super) use campaigns::Campaigns;
pub(super) use route::{Route, route};

/// What a caller may write: 1 New, 10 NeedRetry, 100 Success, 110 NotSuccessfull, 130 Completed.
const WRITABLE: &[i64] = &[1, 10, 100, 110, 130];
/// What a lead may have: those, and what only the campaign sets.
const STATUSES: &[i64] = &[1, 10, 20, 30, 40, 70, 100, 110, 130, 150, 220, 300, 500];

/// Every member of the update; each is optional, and what is not sent stays as it is.
const UPDATE: &[Field] = &[
    Field::nullable("phoneNumber", Shape::Text),
    Field::nullable("externalId", Shape::Text),
    Field::nullable("timeZoneId", Shape::Text),
    Field::optional("callData", Shape::OpenObject),
    Field::optional("status", Shape::Choice(WRITABLE)),
];

/// Does what the route says and answers.
pub(super) fn perform(
    route: &Route,
    body: &RequestBody,
    path: &str,
    campaigns: &mut Campaigns,
    now: Timestamp,
) -> Done {
    let place = (route.version, route.campaign.as_str());
    let done = match &route.action {
        Action::Account => Ok(Done::shown(Answer::json(
            StatusCode::OK,
            &json!({"status": 1}),
        ))),
        Action::ReadLead(lead) => read(campaigns.lead(place, lead), path),
        Action::ReadByExternalId(id) => read(campaigns.lead_with_external_id(place, id), path),
        Action::UpdateLead(lead) => update(place, lead, body, (path, campaigns, now)),
    };
    done.unwrap_or_else(Done::refused)
}

fn read(found: Result<Value, Missing>, path: &str) -> Result<Done, Answer> {
    let lead = found.map_err(|missing| refuse(missing, path))?;
    Ok(Done::shown(Answer::json(StatusCode::OK, &lead)))
}

fn update(
    place: (Version, &str),
    lead: &str,
    body: &RequestBody,
    (path, campaigns, now): (&str, &mut Campaigns, Timestamp),
) -> Result<Done, Answer> {
    let members = body
        .object()
        .map_err(|fault| Answer::problem(fault.status(), &fault.to_string(), path))?;
    check(members, path)?;
    let (lead, is_news) = campaigns
        .update(place, lead, members, now)
        .map_err(|missing| refuse(missing, path))?;
    Ok(Done {
        answer: Answer::json(StatusCode::OK, &lead),
        applied: true,
        is_news,
    })
}

fn check(members: &Map<String, Value>, path: &str) -> Result<(), Answer> {
    let mut violations = violations(members, &[UPDATE]);
    let zone = members.get("timeZoneId").and_then(Value::as_str);
    if zone.is_some_and(|zone| time_zones::offset_hours(zone).is_none()) {
        violations.push(Violation::new(
            "timeZoneId",
            "must be a name of the Windows time zones list",
        ));
    }
    if violations.is_empty() {
        return Ok(());
    }
    Err(invalid(violations, path))
}

/// Violations by member, as the vendor's framework lists them.
fn invalid(violations: Vec<Violation>, path: &str) -> Answer {
    let mut errors = Map::new();
    for violation in violations {
        let sentences = errors
            .entry(violation.member)
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(sentences) = sentences {
            sentences.push(violation.sentence.into());
        }
    }
    let body = json!({
        "type": "https://tools.ietf.org/html/rfc9110#section-15.5.1",
        "title": "One or more validation errors occurred.",
        "status": 400,
        "detail": null,
        "instance": path,
        "errors": errors,
    });
    Answer::of(StatusCode::BAD_REQUEST, PROBLEM, body.to_string())
}

fn refuse(missing: Missing, path: &str) -> Answer {
    let (status, detail) = match missing {
        Missing::MalformedId => {
            let violation = Violation::new("leadId", "is not an ObjectId");
            return invalid(vec![violation], path);
        }
        Missing::Lead => (StatusCode::NOT_FOUND, "There is no such lead."),
        Missing::Room => (
            StatusCode::INSUFFICIENT_STORAGE,
            "The sandbox holds as many leads as it may.",
        ),
    };
    Answer::problem(status, detail, path)
}

pub(super) fn unauthorized(path: &str) -> Answer {
    let detail = "The credential is missing or not accepted.";
    Answer::problem(StatusCode::UNAUTHORIZED, detail, path)
        .header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

/// Nothing is published about too many requests: a caller gets the status alone.
pub(super) fn rate_limited(path: &str) -> Answer {
    Answer::problem(StatusCode::TOO_MANY_REQUESTS, "Too many requests.", path)
}

/// May a lead have this status at all?
pub(super) fn is_status(status: i64) -> bool {
    STATUSES.contains(&status)
}
