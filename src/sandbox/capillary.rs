//! Capillary, pretended: update lead status, the status log, the search of leads, OAuth tokens.
//!
//! Knows paths, bodies and answers, written from the vendor's pages alone; knows nothing of
//! faults, limits or connections. `route` finds what is asked for, `credentials` lets in, `crm`
//! remembers, `search` lists.

use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::body::RequestBody;
use super::schema::{Field, Shape, violations};
use super::system::Done;
use crm::{Missing, StatusChange};
use route::Action;

mod credentials;
mod crm;
mod route;
mod search;

pub use credentials::CapillaryLogin;
pub(super) use crm::Crm;
pub(super) use route::{Route, route};

pub(super) const STATUSES: &[&str] = &["OPEN", "WON", "LOST", "ON_HOLD", "DELETED"];

/// Every member of the page's body; the page says `reasonId` is text and shows it as a number.
const STATUS_CHANGE: &[Field] = &[
    Field::required("status", Shape::Word(STATUSES)),
    Field::required("reasonId", Shape::IntegerOrDigits),
    Field::optional("subStatus", Shape::Text),
    Field::optional("createdBy", Shape::Integer),
    Field::optional("createdOn", Shape::InstantToSecond),
];

const TOKEN_REQUEST: &[Field] = &[
    Field::required("key", Shape::Text),
    Field::required("secret", Shape::Text),
];

/// The organisation is at +05:30.
const OFFSET_SECONDS: i32 = 19_800;

/// Codes inside a failed answer, where the vendor's own are not known.
const REASON_NOT_VALID: u16 = 1061;
const SUB_STATUS_NOT_VALID: u16 = 1062;

/// Does what the route says and answers.
pub(super) fn perform(route: &Route, body: &RequestBody, crm: &mut Crm, now: Timestamp) -> Done {
    let done = match &route.action {
        Action::SetStatus(lead) => set_status(lead, body, crm, now),
        Action::StatusLog(lead) => crm
            .status_log(lead)
            .map(|entries| Done::shown(listed(entries)))
            .map_err(refuse),
        Action::Search(wanted) => Ok(Done::shown(listed(crm.search(wanted)))),
        Action::Token => token(body, crm, now).map(Done::shown),
    };
    let mut done = done.unwrap_or_else(Done::refused);
    let id = crm.next_request_id();
    done.answer = done
        .answer
        .header(HeaderName::from_static("x-cap-request-id"), id);
    done
}

fn set_status(
    lead: &str,
    body: &RequestBody,
    crm: &mut Crm,
    now: Timestamp,
) -> Result<Done, Answer> {
    let members = checked(body, STATUS_CHANGE)?;
    let change = StatusChange::from_members(members);
    let lead = crm.set_status(lead, &change, now).map_err(refuse)?;
    Ok(Done {
        answer: Answer::json(StatusCode::OK, &lead),
        applied: true,
        is_news: true,
    })
}

fn token(body: &RequestBody, crm: &mut Crm, now: Timestamp) -> Result<Answer, Answer> {
    let members = checked(body, TOKEN_REQUEST)?;
    let text = |name: &str| {
        members
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let issued = crm
        .credentials
        .issue(text("key"), text("secret"), now)
        .map_err(|refusal| failed(StatusCode::UNAUTHORIZED, refusal))?;
    let body = json!({
        "data": {"accessToken": issued.token, "ttlSeconds": issued.ttl_seconds},
        "errors": null,
    });
    Ok(Answer::json(StatusCode::OK, &body))
}

/// A mandatory member that is missing is 403 here, everything else that is wrong 400.
fn checked<'a>(
    body: &'a RequestBody,
    model: &'static [Field],
) -> Result<&'a Map<String, Value>, Answer> {
    let members = body
        .object()
        .map_err(|fault| failed(fault.status(), &fault.to_string()))?;
    let violations = violations(members, &[model]);
    if violations.is_empty() {
        return Ok(members);
    }
    let status = match violations.iter().any(|violation| violation.is_missing) {
        true => StatusCode::FORBIDDEN,
        false => StatusCode::BAD_REQUEST,
    };
    let errors = violations
        .iter()
        .map(|violation| element(status.as_u16(), &violation.sentence));
    Err(errors_answer(status, errors.collect()))
}

fn refuse(missing: Missing) -> Answer {
    // "One or more requests have failed due to errors": a 201 is no success here.
    let created = |code, message| errors_answer(StatusCode::CREATED, vec![element(code, message)]);
    match missing {
        Missing::MalformedId => failed(StatusCode::BAD_REQUEST, "lead id is not a number"),
        Missing::Lead => failed(StatusCode::NOT_FOUND, "lead is not found"),
        Missing::Reason => created(REASON_NOT_VALID, "reason id is not valid"),
        Missing::SubStatus => created(SUB_STATUS_NOT_VALID, "sub status is not valid"),
        Missing::Room => failed(
            StatusCode::INSUFFICIENT_STORAGE,
            "the sandbox holds as many leads as it may",
        ),
    }
}

fn listed(entries: Vec<Value>) -> Answer {
    let body = json!({"data": entries, "warnings": [], "errors": []});
    Answer::json(StatusCode::OK, &body)
}

fn element(code: u16, message: &str) -> Value {
    json!({"status": false, "code": code, "message": message})
}

fn errors_answer(status: StatusCode, errors: Vec<Value>) -> Answer {
    let body = json!({"data": [], "warnings": [], "errors": errors});
    Answer::json(status, &body)
}

/// A refusal in the vendor's shape; the code is the status where no other is known.
pub(super) fn failed(status: StatusCode, message: &str) -> Answer {
    errors_answer(status, vec![element(status.as_u16(), message)])
}

/// What is in it is published nowhere, nor is a `Retry-After`.
pub(super) fn rate_limited() -> Answer {
    failed(StatusCode::TOO_MANY_REQUESTS, "too many requests")
}

/// A status change as a person of the staff makes it, in the same words as the API's.
pub(super) fn staff_sets(
    crm: &mut Crm,
    lead: &str,
    body: Value,
    now: Timestamp,
) -> Result<Value, String> {
    let body = RequestBody::of(body);
    let members = checked(&body, STATUS_CHANGE).map_err(|_| {
        "the body must hold `status` and `reasonId` as the API takes them".to_owned()
    })?;
    let change = StatusChange::from_members(members);
    crm.set_status(lead, &change, now)
        .map_err(|missing| missing.to_string())
}

/// As the vendor's samples write instants: to the second, at an offset.
fn at_offset(at: Timestamp) -> String {
    let offset = Offset::from_seconds(OFFSET_SECONDS).unwrap_or(Offset::UTC);
    at.to_zoned(TimeZone::fixed(offset))
        .strftime("%Y-%m-%dT%H:%M:%S%:z")
        .to_string()
}

fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("-"))
}
