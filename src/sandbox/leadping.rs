//! LeadPing, pretended: both API profiles at once over one ledger.
//!
//! Knows paths, bodies and answers; knows nothing of faults, limits, tokens or connections.
//! `exchange` asks for the [`Route`] and later has it performed. `route` finds it, `body` and
//! `models` check what came, `ledger` remembers, `render` shows.

use http::StatusCode;
use http::header::{HeaderValue, WWW_AUTHENTICATE};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::answer::{Answer, PROBLEM};
use super::body::RequestBody;
use super::schema::{Field, check_body};
use super::system::Done;
use ledger::Missing;
use route::Action;

mod ledger;
mod models;
mod render;
mod route;

pub(super) use ledger::Ledger;
pub(super) use route::{Route, route};

/// Which of the vendor's two namings a path belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Profile {
    Dispositions,
    LeadStatus,
}

/// Does what the route says and answers.
pub(super) fn perform(
    route: &Route,
    body: &RequestBody,
    path: &str,
    ledger: &mut Ledger,
    now: Timestamp,
) -> Done {
    let is_news = match &route.action {
        Action::Set(_) => true,
        Action::Amend(id) => ledger.is_current(id),
        _ => false,
    };
    let done = match &route.action {
        Action::Health => Ok(ok(&json!({"status": "ok", "service": "leadping-api"}))),
        Action::Set(lead) => set(route.profile, lead.as_deref(), body, (path, ledger, now)),
        Action::Amend(id) => amend(route.profile, id, body, (path, ledger, now)),
        Action::UpdateLead(lead) => update_lead(lead, body, (path, ledger, now)),
        Action::Remove(id) => ledger
            .remove(id)
            .map(|()| Answer::empty(StatusCode::NO_CONTENT))
            .map_err(|missing| refuse(missing, path)),
        Action::ReadEntry(id) => ledger
            .entry(id)
            .map(|(lead, entry)| ok(&render::entry(lead, entry, route.profile)))
            .ok_or_else(|| refuse(Missing::Entry, path)),
        Action::History(lead) => history(ledger, lead, route.profile)
            .map(|entries| ok(&Value::Array(entries)))
            .ok_or_else(|| refuse(Missing::Lead, path)),
        Action::ReadLead(lead) => lead_record(ledger, lead)
            .map(|record| ok(&record))
            .ok_or_else(|| refuse(Missing::Lead, path)),
    };
    match done {
        Ok(answer) => Done {
            applied: route.operation().is_write(),
            answer,
            is_news,
        },
        Err(refusal) => Done::refused(refusal),
    }
}

/// Where a write happens: the request's path, the ledger, the time.
type Desk<'a> = (&'a str, &'a mut Ledger, Timestamp);

fn set(
    profile: Profile,
    lead_in_path: Option<&str>,
    body: &RequestBody,
    (path, ledger, now): Desk<'_>,
) -> Result<Answer, Answer> {
    let members = match profile {
        Profile::Dispositions => checked(body, &[models::LEAD_REQUIRED, models::ENTRY], path)?,
        Profile::LeadStatus => checked(body, &[models::ENTRY], path)?,
    };
    let lead = lead_in_path
        .or_else(|| members.get("leadId").and_then(Value::as_str))
        .unwrap_or_default();
    check_lead_id(lead, path)?;
    let text = body.text.clone().unwrap_or_default();
    let entry = ledger
        .set(lead, text, now)
        .map_err(|missing| refuse(missing, path))?;
    // The vendor's page shows no code for the POST; an older description of it said 201.
    let status = match profile {
        Profile::Dispositions => StatusCode::CREATED,
        Profile::LeadStatus => StatusCode::OK,
    };
    Ok(Answer::json(status, &render::entry(lead, entry, profile)))
}

fn amend(
    profile: Profile,
    id: &str,
    body: &RequestBody,
    (path, ledger, now): Desk<'_>,
) -> Result<Answer, Answer> {
    let members = match profile {
        Profile::Dispositions => checked(body, &[models::LEAD_ALLOWED, models::ENTRY], path)?,
        Profile::LeadStatus => checked(body, &[models::ENTRY], path)?,
    };
    let owner = ledger
        .owner(id)
        .ok_or_else(|| refuse(Missing::Entry, path))?;
    let named = members.get("leadId").and_then(Value::as_str);
    if named.is_some_and(|named| named != owner) {
        return Err(bad_request("`leadId` names another lead", path));
    }
    let text = body.text.clone().unwrap_or_default();
    let (lead, entry) = ledger
        .amend(id, text, now)
        .map_err(|missing| refuse(missing, path))?;
    Ok(ok(&render::entry(lead, entry, profile)))
}

fn update_lead(
    lead: &str,
    body: &RequestBody,
    (path, ledger, now): Desk<'_>,
) -> Result<Answer, Answer> {
    let record = checked(body, &[models::LEAD], path)?;
    let named = record.get("id").and_then(Value::as_str);
    if named.is_some_and(|named| named != lead) {
        return Err(bad_request("`id` names another lead", path));
    }
    check_lead_id(lead, path)?;
    ledger
        .update_lead(lead, record.clone(), now)
        .map_err(|missing| refuse(missing, path))?;
    lead_record(ledger, lead)
        .map(|record| ok(&record))
        .ok_or_else(|| refuse(Missing::Lead, path))
}

/// The body as an object that holds to the model, or the answer that refuses it.
fn checked<'a>(
    body: &'a RequestBody,
    groups: &[&[Field]],
    path: &str,
) -> Result<&'a Map<String, Value>, Answer> {
    let object = body
        .object()
        .map_err(|fault| Answer::problem(fault.status(), &fault.to_string(), path))?;
    check_body(object, groups).map_err(|violations| bad_request(&violations, path))?;
    Ok(object)
}

fn check_lead_id(lead: &str, path: &str) -> Result<(), Answer> {
    if lead.trim().is_empty() || lead.chars().count() > models::MAX_LEAD_ID_CHARS {
        return Err(bad_request("`leadId` is not a lead id", path));
    }
    Ok(())
}

/// The lead's entries, oldest first; `None` if there is no such lead. Where leads spring up by
/// themselves, every lead is there, most with nothing in their history yet.
pub(super) fn history(ledger: &Ledger, lead: &str, profile: Profile) -> Option<Vec<Value>> {
    match ledger.lead(lead) {
        Some(found) => Some(render::history(lead, found, profile)),
        None => (!ledger.is_strict()).then(Vec::new),
    }
}

pub(super) fn lead_record(ledger: &Ledger, lead: &str) -> Option<Value> {
    let found = ledger.lead(lead)?;
    Some(render::lead(lead, found))
}

/// Puts a lead there as `GET /leads/{id}` shows one; the error says what is wrong with it.
pub(super) fn put_lead(
    ledger: &mut Ledger,
    lead: &Value,
    now: Timestamp,
) -> Result<String, String> {
    let mut record = lead.as_object().cloned().ok_or("a lead is an object")?;
    let id = record.remove("id");
    let id = id.as_ref().and_then(Value::as_str).unwrap_or_default();
    if id.trim().is_empty() {
        return Err("`id` must not be blank".to_owned());
    }
    record.retain(|name, _| !models::SHOWN_ONLY.contains(&name.as_str()));
    if let Some(name) = record
        .keys()
        .find(|name| !models::STORED.contains(&name.as_str()))
    {
        return Err(format!("a lead has no `{name}`"));
    }
    if ledger.put_lead(id, record, now) {
        return Ok(id.to_owned());
    }
    Err("the sandbox holds as many leads as it may".to_owned())
}

/// What an automation's webhook action says of the lead: its body is each customer's own, so this
/// one holds what such bodies are known to hold.
pub(super) fn webhook(ledger: &Ledger, lead: &str, now: Timestamp) -> Option<Value> {
    let found = ledger.lead(lead)?;
    let record = render::lead(lead, found);
    let current = found.entries.last()?.members();
    let said = |name: &str| current.get(name).cloned().unwrap_or_default();
    Some(json!({
        "leadId": lead,
        "timestamp": now.to_string(),
        "dispositionId": record["currentDisposition"]["id"],
        "type": said("type"),
        "category": said("category"),
        "outcome": said("outcome"),
        "notes": said("notes"),
        "reason": said("reason"),
        "changeSource": said("changeSource"),
        "lead": record,
    }))
}

fn ok(body: &Value) -> Answer {
    Answer::json(StatusCode::OK, body)
}

fn bad_request(detail: &str, path: &str) -> Answer {
    Answer::problem(StatusCode::BAD_REQUEST, detail, path)
}

fn refuse(missing: Missing, path: &str) -> Answer {
    let (status, detail) = match missing {
        Missing::Lead => (StatusCode::NOT_FOUND, "There is no such lead."),
        Missing::Entry => (StatusCode::NOT_FOUND, "There is no such entry."),
        Missing::Tag => (
            StatusCode::BAD_REQUEST,
            "`tagIds` names a tag that the business does not have",
        ),
        Missing::Room => (
            StatusCode::INSUFFICIENT_STORAGE,
            "The sandbox holds as many leads as it may.",
        ),
    };
    Answer::problem(status, detail, path)
}

pub(super) fn unauthorized(path: &str) -> Answer {
    let challenge = HeaderValue::from_static(
        "Bearer resource_metadata=\"https://api.leadping.ai/.well-known/oauth-protected-resource\"",
    );
    let detail = "The credential is missing or not accepted.";
    Answer::problem(StatusCode::UNAUTHORIZED, detail, path).header(WWW_AUTHENTICATE, challenge)
}

/// The vendor's own words for too many requests.
pub(super) fn rate_limited() -> Answer {
    let body = json!({
        "status": 429,
        "title": "Too many requests.",
        "detail": "The API rate limit for this account has been exceeded.",
    });
    Answer::of(StatusCode::TOO_MANY_REQUESTS, PROBLEM, body.to_string())
}
