//! LeadPing, pretended: both API profiles at once over one ledger.
//!
//! Knows paths, bodies and answers; knows nothing of faults, limits, tokens or connections.
//! `exchange` asks for the [`Route`] and later has it performed.

use std::sync::Arc;

use http::header::{ALLOW, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::answer::{Answer, PROBLEM};
use super::fault::Operation;
use super::schema::{Field, check_body};
use ledger::{Ledger as Leads, Missing};

pub(super) mod ledger;
mod models;
mod render;

/// Which of the vendor's two namings a path belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Profile {
    Dispositions,
    LeadStatus,
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    Health,
    /// The lead is named in the path or, if absent here, in the body.
    Set(Option<String>),
    History(String),
    ReadEntry(String),
    Amend(String),
    Remove(String),
    ReadLead(String),
    UpdateLead(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    pub profile: Profile,
    pub action: Action,
}

/// Finds the route, or the 404 or 405 to give instead.
pub(super) fn route(method: &Method, path: &str) -> Result<Route, Answer> {
    use Profile::{Dispositions, LeadStatus};
    let not_found = || Answer::problem(StatusCode::NOT_FOUND, "There is no such path.", path);
    let segments = decoded_segments(path).ok_or_else(not_found)?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let verb = method.as_str();
    let own = str::to_owned;
    let (profile, action, allowed) = match segments.as_slice() {
        [""] => (
            Dispositions,
            (verb == "GET").then_some(Action::Health),
            "GET",
        ),
        [.., ""] | ["", ..] => return Err(not_found()),
        ["dispositions"] => {
            let action = (verb == "POST").then_some(Action::Set(None));
            (Dispositions, action, "POST")
        }
        ["dispositions", "lead", lead] => {
            let action = (verb == "GET").then(|| Action::History(own(lead)));
            (Dispositions, action, "GET")
        }
        ["leads", lead, "status-history"] => {
            let action = (verb == "GET").then(|| Action::History(own(lead)));
            (LeadStatus, action, "GET")
        }
        ["leads", lead, "status"] => {
            let action = (verb == "PUT").then(|| Action::Set(Some(own(lead))));
            (LeadStatus, action, "PUT")
        }
        ["dispositions", id] => (Dispositions, on_entry(verb, id), "GET, PUT, DELETE"),
        ["lead-status-changes", id] => (LeadStatus, on_entry(verb, id), "GET, PUT, DELETE"),
        ["leads", lead] => {
            let action = match verb {
                "GET" => Some(Action::ReadLead(own(lead))),
                "PUT" => Some(Action::UpdateLead(own(lead))),
                _ => None,
            };
            (Dispositions, action, "GET, PUT")
        }
        _ => return Err(not_found()),
    };
    action
        .map(|action| Route { profile, action })
        .ok_or_else(|| {
            let detail = "This path does not take that method.";
            Answer::problem(StatusCode::METHOD_NOT_ALLOWED, detail, path)
                .header(ALLOW, HeaderValue::from_static(allowed))
        })
}

fn on_entry(verb: &str, id: &str) -> Option<Action> {
    match verb {
        "GET" => Some(Action::ReadEntry(id.to_owned())),
        "PUT" => Some(Action::Amend(id.to_owned())),
        "DELETE" => Some(Action::Remove(id.to_owned())),
        _ => None,
    }
}

impl Route {
    pub fn operation(&self) -> Operation {
        match self.action {
            Action::Health => Operation::Health,
            Action::Set(_) => Operation::Set,
            Action::Amend(_) => Operation::Amend,
            Action::Remove(_) => Operation::Remove,
            Action::UpdateLead(_) => Operation::Update,
            Action::History(_) | Action::ReadEntry(_) | Action::ReadLead(_) => Operation::Read,
        }
    }

    /// The lead that path or body name; an entry's lead only the ledger knows.
    pub fn named_lead(&self, body: Option<&Value>) -> Option<String> {
        match &self.action {
            Action::Set(Some(lead))
            | Action::History(lead)
            | Action::ReadLead(lead)
            | Action::UpdateLead(lead) => Some(lead.clone()),
            Action::Set(None) => body?.get("leadId")?.as_str().map(str::to_owned),
            Action::Health | Action::ReadEntry(_) | Action::Amend(_) | Action::Remove(_) => None,
        }
    }

    pub fn entry_id(&self) -> Option<&str> {
        match &self.action {
            Action::ReadEntry(id) | Action::Amend(id) | Action::Remove(id) => Some(id),
            _ => None,
        }
    }
}

/// A request body as it came, and as JSON if it is JSON.
#[derive(Debug, Default)]
pub(super) struct RequestBody {
    pub text: Option<Arc<str>>,
    pub json: Option<Value>,
    is_declared_json: bool,
}

impl RequestBody {
    pub fn parse(headers: &HeaderMap, bytes: &[u8]) -> Self {
        let content_type = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
        let media_type = content_type.and_then(|it| it.split(';').next());
        Self {
            text: (!bytes.is_empty()).then(|| Arc::from(String::from_utf8_lossy(bytes).as_ref())),
            json: serde_json::from_slice(bytes).ok(),
            is_declared_json: media_type
                .is_some_and(|it| it.trim().eq_ignore_ascii_case("application/json")),
        }
    }

    /// The body as an object that holds to the model, or the answer that refuses it.
    fn checked(&self, groups: &[&[Field]], path: &str) -> Result<&Map<String, Value>, Answer> {
        if !self.is_declared_json {
            let detail = "The content type must be application/json.";
            return Err(Answer::problem(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                detail,
                path,
            ));
        }
        let Some(json) = &self.json else {
            return Err(bad_request("The body is not JSON.", path));
        };
        let Some(object) = json.as_object() else {
            return Err(bad_request("The body must be a JSON object.", path));
        };
        check_body(object, groups).map_err(|violations| bad_request(&violations, path))?;
        Ok(object)
    }
}

/// Does what the route says and answers.
pub(super) fn perform(
    route: &Route,
    body: &RequestBody,
    path: &str,
    ledger: &mut Leads,
    now: Timestamp,
) -> Answer {
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
    done.unwrap_or_else(|refusal| refusal)
}

/// Where a write happens: the request's path, the ledger, the time.
type Desk<'a> = (&'a str, &'a mut Leads, Timestamp);

fn set(
    profile: Profile,
    lead_in_path: Option<&str>,
    body: &RequestBody,
    (path, ledger, now): Desk<'_>,
) -> Result<Answer, Answer> {
    let members = match profile {
        Profile::Dispositions => body.checked(&[models::LEAD_REQUIRED, models::ENTRY], path)?,
        Profile::LeadStatus => body.checked(&[models::ENTRY], path)?,
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
        Profile::Dispositions => body.checked(&[models::LEAD_ALLOWED, models::ENTRY], path)?,
        Profile::LeadStatus => body.checked(&[models::ENTRY], path)?,
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
    let record = body.checked(&[models::LEAD], path)?;
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

fn check_lead_id(lead: &str, path: &str) -> Result<(), Answer> {
    if lead.trim().is_empty() || lead.chars().count() > models::MAX_LEAD_ID_CHARS {
        return Err(bad_request("`leadId` is not a lead id", path));
    }
    Ok(())
}

/// The lead's entries, oldest first; `None` if there is no such lead.
pub(super) fn history(ledger: &Leads, lead: &str, profile: Profile) -> Option<Vec<Value>> {
    let found = ledger.lead(lead)?;
    Some(render::history(lead, found, profile))
}

pub(super) fn lead_record(ledger: &Leads, lead: &str) -> Option<Value> {
    let found = ledger.lead(lead)?;
    Some(render::lead(lead, found))
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

/// The path's segments with percent-encoding undone; `None` if that is not possible.
pub(super) fn decoded_segments(path: &str) -> Option<Vec<String>> {
    let path = path.strip_prefix('/')?;
    path.split('/').map(decoded).collect()
}

fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (pair, tail) = rest.split_at_checked(2)?;
        let byte = data_encoding::HEXLOWER_PERMISSIVE.decode(pair).ok()?;
        bytes.extend(byte);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}
