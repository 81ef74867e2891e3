//! The control interface under `/_sandbox/`: faults, journal, leads, token, limit, reset.
//!
//! It stands for the people who run the tests, not for the vendor: no token, no rate limit,
//! not in the journal.

use bytes::Bytes;
use http::{Method, StatusCode, Uri};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::answer::Answer;
use super::fault::FaultRule;
use super::leadping::{self, Profile};
use super::traffic::{RequestLimit, Window};
use super::{Shared, State};
use crate::secret::Secret;

const MAX_FAULTS: usize = 1000;
/// One page of the journal; the next begins after the last number.
const MAX_JOURNAL_PAGE: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenBody {
    token: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LeadBody {
    id: String,
}

pub(super) fn is_control(path: &str) -> bool {
    path == "/_sandbox" || path.starts_with("/_sandbox/")
}

/// Answers a control request; what is wrong with it is said in the detail.
pub(super) fn answer(shared: &Shared, method: &Method, uri: &Uri, body: &Bytes) -> Answer {
    let path = uri.path();
    let segments = leadping::decoded_segments(path).unwrap_or_default();
    let segments: Vec<&str> = segments.iter().skip(1).map(String::as_str).collect();
    let done = match (method.as_str(), segments.as_slice()) {
        ("GET", [] | [""]) => Ok(shown(&summary(shared))),
        ("GET", ["faults"]) => Ok(shown(&json!({"faults": shared.state().faults.rules()}))),
        ("POST", ["faults"]) => add_fault(shared, body),
        ("DELETE", ["faults"]) => {
            shared.state().faults.clear();
            Ok(done())
        }
        ("GET", ["journal"]) => journal_page(&shared.state(), uri),
        ("GET", ["leads", lead]) => lead_with_history(&shared.state(), lead),
        ("POST", ["leads"]) => create_lead(shared, body),
        ("PUT", ["token"]) => set_token(shared, body),
        ("PUT", ["limit"]) => set_limit(shared, body),
        ("POST", ["reset"]) => {
            shared.reset();
            Ok(done())
        }
        _ => Err((
            StatusCode::NOT_FOUND,
            "There is no such control.".to_owned(),
        )),
    };
    done.unwrap_or_else(|(status, detail)| Answer::problem(status, &detail, path))
}

type Done = Result<Answer, (StatusCode, String)>;

fn shown(body: &Value) -> Answer {
    Answer::json(StatusCode::OK, body)
}

fn done() -> Answer {
    Answer::empty(StatusCode::NO_CONTENT)
}

fn bad(detail: impl Into<String>) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, detail.into())
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, (StatusCode, String)> {
    serde_json::from_slice(body).map_err(|error| bad(error.to_string()))
}

fn summary(shared: &Shared) -> Value {
    let state = shared.state();
    json!({
        "requests": state.journal.total(),
        "leads": state.leadping.leads(),
        "overlaps": shared.sets.overlaps(),
        "max_requests_per_second": state.busiest.most(),
        "faults": state.faults.rules().len(),
        "limit": state.window.limit(),
    })
}

fn add_fault(shared: &Shared, body: &Bytes) -> Done {
    let rule: FaultRule = read(body)?;
    rule.check().map_err(bad)?;
    let mut state = shared.state();
    if state.faults.rules().len() >= MAX_FAULTS {
        let detail = format!("At most {MAX_FAULTS} faults may wait; clear them first.");
        return Err((StatusCode::CONFLICT, detail));
    }
    state.faults.add(rule);
    Ok(done())
}

fn journal_page(state: &State, uri: &Uri) -> Done {
    let mut after = 0;
    for pair in uri.query().unwrap_or_default().split('&') {
        match pair.split_once('=') {
            Some(("after", number)) => {
                after = number
                    .parse()
                    .map_err(|_| bad("`after` must be a number"))?;
            }
            None if pair.is_empty() => {}
            _ => return Err(bad("the only parameter is `after`")),
        }
    }
    let page = state.journal.after(after).take(MAX_JOURNAL_PAGE);
    let entries: Vec<Value> = page.map(|entry| entry.to_json()).collect();
    Ok(shown(
        &json!({"total": state.journal.total(), "entries": entries}),
    ))
}

fn lead_with_history(state: &State, lead: &str) -> Done {
    let record = leadping::lead_record(&state.leadping, lead);
    let history = leadping::history(&state.leadping, lead, Profile::Dispositions);
    match (record, history) {
        (Some(record), Some(history)) => Ok(shown(&json!({"lead": record, "history": history}))),
        _ => Err((StatusCode::NOT_FOUND, "There is no such lead.".to_owned())),
    }
}

fn create_lead(shared: &Shared, body: &Bytes) -> Done {
    let LeadBody { id } = read(body)?;
    if id.trim().is_empty() {
        return Err(bad("`id` must not be blank"));
    }
    let now = shared.clock.now();
    if shared.state().leadping.create_lead(&id, now) {
        return Ok(Answer::empty(StatusCode::CREATED));
    }
    let detail = "The sandbox holds as many leads as it may.".to_owned();
    Err((StatusCode::INSUFFICIENT_STORAGE, detail))
}

fn set_token(shared: &Shared, body: &Bytes) -> Done {
    // Not the parser's words: they repeat what was sent, and that may be the token.
    let TokenBody { token } =
        read(body).map_err(|_| bad("the body must be {\"token\": \"…\"} or {\"token\": null}"))?;
    if token
        .as_deref()
        .is_some_and(|token| token.trim().is_empty())
    {
        return Err(bad("`token` must not be blank"));
    }
    shared.state().token = token.map(Secret::new);
    Ok(done())
}

fn set_limit(shared: &Shared, body: &Bytes) -> Done {
    let limit: RequestLimit = read(body)?;
    if limit.per_seconds == 0 {
        return Err(bad("`per_seconds` must be at least 1"));
    }
    shared.state().window = Window::new(limit);
    Ok(done())
}
