//! The control interface under `/_sandbox/`: faults, journal, webhooks, leads, credentials,
//! limits, reset.
//!
//! It stands for the people who run the tests, not for the vendors: no token, no rate limit,
//! not in the journal.

use bytes::Bytes;
use http::{Method, StatusCode, Uri};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::fault::FaultRule;
use super::path::{decoded_pairs, decoded_segments};
use super::traffic::{RequestLimit, Window};
use super::{Shared, State, System};
use crate::secret::Secret;

mod leads;

const MAX_FAULTS: usize = 1000;
/// One page of the journal; the next begins after the last number.
const MAX_JOURNAL_PAGE: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenBody {
    /// LeadPing's, or NLPearl's.
    #[serde(default = "leadping")]
    system: System,
    token: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitBody {
    #[serde(default = "leadping")]
    system: System,
    requests: u32,
    per_seconds: u32,
}

fn leadping() -> System {
    System::Leadping
}

pub(super) fn is_control(path: &str) -> bool {
    path == "/_sandbox" || path.starts_with("/_sandbox/")
}

/// Answers a control request; what is wrong with it is said in the detail.
pub(super) fn answer(shared: &Shared, method: &Method, uri: &Uri, body: &Bytes) -> Answer {
    let path = uri.path();
    let segments = decoded_segments(path).unwrap_or_default();
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
        ("GET", ["webhooks"]) => webhooks_page(&shared.state(), uri),
        ("PUT", ["token"]) => set_token(shared, body),
        ("DELETE", ["capillary", "tokens"]) => {
            shared.state().capillary.credentials.revoke_tokens();
            Ok(done())
        }
        ("PUT", ["limit"]) => set_limit(shared, body),
        ("POST", ["reset"]) => {
            shared.reset();
            Ok(done())
        }
        (verb, segments) => leads::answer(shared, verb, segments, body),
    };
    shared.changed.notify_waiters();
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
    let state = &mut *shared.state();
    let leads = [
        state.leadping.leads(),
        state.nlpearl.leads(),
        state.capillary.leads(),
    ];
    let mut systems = Map::new();
    for (system, leads) in System::ALL.into_iter().zip(leads) {
        let gate = state.gate(system);
        let shown = json!({
            "leads": leads,
            "max_requests_per_second": gate.busiest.most(),
            "limit": gate.window.limit(),
            "webhooks_to": state.outbox.receiver_url(system),
        });
        systems.insert(system.as_str().to_owned(), shown);
    }
    json!({
        "requests": state.journal.total(),
        "webhooks": state.outbox.log.total(),
        "overlaps": shared.writes.overlaps(),
        "faults": state.faults.rules().len(),
        "systems": systems,
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
    let page = state.journal.after(after(uri)?).take(MAX_JOURNAL_PAGE);
    let entries: Vec<Value> = page.map(|entry| entry.to_json()).collect();
    Ok(shown(
        &json!({"total": state.journal.total(), "entries": entries}),
    ))
}

fn webhooks_page(state: &State, uri: &Uri) -> Done {
    let log = &state.outbox.log;
    let page = log.after(after(uri)?).take(MAX_JOURNAL_PAGE);
    let entries: Vec<Value> = page.map(|entry| entry.to_json()).collect();
    Ok(shown(&json!({"total": log.total(), "entries": entries})))
}

/// The number behind which a page begins.
fn after(uri: &Uri) -> Result<u64, (StatusCode, String)> {
    let pairs = decoded_pairs(uri.query().unwrap_or_default());
    match pairs.as_deref() {
        Some([]) => Ok(0),
        Some([(name, number)]) if name == "after" => {
            number.parse().map_err(|_| bad("`after` must be a number"))
        }
        _ => Err(bad("the only parameter is `after`")),
    }
}

fn set_token(shared: &Shared, body: &Bytes) -> Done {
    // Not the parser's words: they repeat what was sent, and that may be the token.
    let TokenBody { system, token } = read(body).map_err(|_| {
        bad("the body must be {\"token\": \"…\"} or {\"token\": null}, and may name a system")
    })?;
    if token
        .as_deref()
        .is_some_and(|token| token.trim().is_empty())
    {
        return Err(bad("`token` must not be blank"));
    }
    let state = &mut *shared.state();
    let key = match system {
        System::Leadping => &mut state.leadping_key,
        System::Nlpearl => &mut state.nlpearl_key,
        System::Capillary => {
            return Err(bad(
                "Capillary gives its tokens out; DELETE capillary/tokens ends them",
            ));
        }
    };
    key.secret = token.map(Secret::new);
    Ok(done())
}

fn set_limit(shared: &Shared, body: &Bytes) -> Done {
    let LimitBody {
        system,
        requests,
        per_seconds,
    } = read(body)?;
    if per_seconds == 0 {
        return Err(bad("`per_seconds` must be at least 1"));
    }
    shared.state().gate(system).window = Window::new(RequestLimit {
        requests,
        per_seconds,
    });
    Ok(done())
}
