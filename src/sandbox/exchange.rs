//! One exchange: a request read whole, let in or refused, done with or without a fault, recorded.
//!
//! The gates stand in the order token → rate limit → route → fault. Without a delay all of it
//! happens under one lock, so the journal's order is the order in which requests took effect.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use jiff::Timestamp;
use subtle::ConstantTimeEq;
use tokio::sync::oneshot;

use super::answer::{Answer, ClosedOnRequest, Ending, WireBody};
use super::fault::{Fault, Operation, requested_answer};
use super::journal::{JournalEntry, marker_in};
use super::leadping::{self, RequestBody, Route};
use super::{Shared, State, control};
use crate::clock;

const MAX_BODY_BYTES: usize = 256 * 1024;
/// A body that has not come by then will not come.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// A request to the pretended API, read whole.
#[derive(Debug)]
struct Call {
    method: Method,
    path: String,
    token: Option<String>,
    route: Result<Route, Answer>,
    operation: Operation,
    lead: Option<String>,
    body: RequestBody,
}

/// Answers one request; the error makes the connection close without an answer.
pub(super) async fn answer_request(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<WireBody>, ClosedOnRequest> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let bytes = match read_body(body, &path).await? {
        Ok(bytes) => bytes,
        Err(too_large) => return Ok(too_large.into_response()),
    };
    if control::is_control(&path) {
        let answer = control::answer(&shared, &head.method, &head.uri, &bytes);
        return Ok(answer.into_response());
    }
    let call = Call::new(head.method, path, &head.headers, &bytes);
    match exchange(&shared, call).await {
        Ending::Answer(answer) => Ok(answer.into_response()),
        Ending::Truncated(answer) => Ok(answer.into_truncated_response()),
        Ending::Dropped | Ending::Hung => Err(ClosedOnRequest),
    }
}

async fn read_body(body: Incoming, path: &str) -> Result<Result<Bytes, Answer>, ClosedOnRequest> {
    let whole = Limited::new(body, MAX_BODY_BYTES).collect();
    match tokio::time::timeout(BODY_TIMEOUT, whole).await {
        Ok(Ok(whole)) => Ok(Ok(whole.to_bytes())),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Ok(Err(Answer::problem(
            StatusCode::PAYLOAD_TOO_LARGE,
            "The body is too large.",
            path,
        ))),
        Ok(Err(_)) | Err(_) => Err(ClosedOnRequest),
    }
}

impl Call {
    fn new(method: Method, path: String, headers: &HeaderMap, bytes: &[u8]) -> Self {
        let route = leadping::route(&method, &path);
        let body = RequestBody::parse(headers, bytes);
        let found = route.as_ref().ok();
        Self {
            token: bearer(headers),
            operation: found.map_or(Operation::Unknown, Route::operation),
            lead: found.and_then(|route| route.named_lead(body.json.as_ref())),
            method,
            path,
            route,
            body,
        }
    }

    fn marker(&self) -> Option<&str> {
        let json = self.body.json.as_ref()?;
        ["reason", "notes"]
            .into_iter()
            .find_map(|member| marker_in(json.get(member)?.as_str()?))
    }
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let is_usable = scheme.eq_ignore_ascii_case("Bearer") && !token.trim().is_empty();
    is_usable.then(|| token.trim().to_owned())
}

async fn exchange(shared: &Arc<Shared>, mut call: Call) -> Ending {
    let in_progress = match (&call.lead, call.operation) {
        (Some(lead), Operation::Set) => Some(shared.sets.begin(lead)),
        _ => None,
    };
    let started = begin(shared, &mut call);
    shared.changed.notify_waiters();
    let ending = match started {
        Started::Ended(ending) => ending,
        Started::Delayed(delay) => finish_later(Arc::clone(shared), call, delay).await,
    };
    if matches!(ending, Ending::Hung) {
        // Ends when the other side closes the connection, or the sandbox stops.
        std::future::pending::<()>().await;
    }
    drop(in_progress);
    ending
}

enum Started {
    Ended(Ending),
    Delayed(Duration),
}

/// Everything that happens at once when a request has arrived.
fn begin(shared: &Shared, call: &mut Call) -> Started {
    let now = shared.clock.now();
    let state = &mut *shared.state();
    state.busiest.count(now);
    if call.lead.is_none() {
        call.lead = state.owner_of_entry(call);
    }
    if let Some(refusal) = state.refusal(call, now) {
        state.record(call, &Outcome::answered(refusal.status, None), now);
        return Started::Ended(Ending::Answer(refusal));
    }
    let fault = state.faults.take(call.operation, call.lead.as_deref());
    if let Some(Fault::DelayMs(delay)) = fault {
        return Started::Delayed(Duration::from_millis(delay));
    }
    Started::Ended(state.carry_out(call, fault, now))
}

/// A slow server: the request takes effect after the delay, whether or not the caller waits.
async fn finish_later(shared: Arc<Shared>, call: Call, delay: Duration) -> Ending {
    let (sender, receiver) = oneshot::channel();
    let due = clock::after(shared.clock.now(), delay);
    shared.tasks.clone().spawn(async move {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = shared.clock.sleep_until(due) => {}
        }
        let now = shared.clock.now();
        let ending = shared
            .state()
            .carry_out(&call, Some(Fault::DelayMs(0)), now);
        shared.changed.notify_waiters();
        // Nobody may be waiting any more; it has taken effect all the same.
        let _ = sender.send(ending);
    });
    receiver.await.unwrap_or(Ending::Dropped)
}

/// What the journal keeps of an ending.
struct Outcome {
    status: Option<StatusCode>,
    applied: bool,
    fault: Option<&'static str>,
}

impl Outcome {
    fn answered(status: StatusCode, fault: Option<&'static str>) -> Self {
        Self {
            status: Some(status),
            applied: false,
            fault,
        }
    }
}

impl State {
    fn owner_of_entry(&self, call: &Call) -> Option<String> {
        let id = call.route.as_ref().ok()?.entry_id()?;
        self.leadping.owner(id).map(str::to_owned)
    }

    /// The answer of the gate that does not let this call through.
    fn refusal(&mut self, call: &Call, now: Timestamp) -> Option<Answer> {
        if call.operation == Operation::Health {
            return None;
        }
        if !self.accepts(call.token.as_deref()) {
            return Some(leadping::unauthorized(&call.path));
        }
        let seconds = self.window.admit(now).err()?;
        Some(leadping::rate_limited().header(RETRY_AFTER, HeaderValue::from(seconds)))
    }

    fn accepts(&self, token: Option<&str>) -> bool {
        match (&self.token, token) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(wanted), Some(given)) => {
                bool::from(wanted.expose().as_bytes().ct_eq(given.as_bytes()))
            }
        }
    }

    /// Does the call, or not, as the fault says; records it and says how to end.
    fn carry_out(&mut self, call: &Call, fault: Option<Fault>, now: Timestamp) -> Ending {
        let name = fault.as_ref().map(Fault::name);
        let (ending, applied) = match fault {
            Some(Fault::Answer(wanted)) => {
                (Ending::Answer(requested_answer(&wanted, &call.path)), false)
            }
            Some(Fault::DropBefore) => (Ending::Dropped, false),
            Some(Fault::AnswerAfterApply(wanted)) => {
                let (_, applied) = self.apply(call, now);
                let answer = requested_answer(&wanted, &call.path);
                (Ending::Answer(answer), applied)
            }
            Some(Fault::DropAfterApply) => (Ending::Dropped, self.apply(call, now).1),
            Some(Fault::HangAfterApply) => (Ending::Hung, self.apply(call, now).1),
            Some(Fault::TruncateAfterApply) => {
                let (answer, applied) = self.apply(call, now);
                (Ending::Truncated(answer), applied)
            }
            Some(Fault::DelayMs(_)) | None => {
                let (answer, applied) = self.apply(call, now);
                (Ending::Answer(answer), applied)
            }
        };
        let outcome = Outcome {
            status: match &ending {
                Ending::Answer(answer) | Ending::Truncated(answer) => Some(answer.status),
                Ending::Dropped | Ending::Hung => None,
            },
            applied,
            fault: name,
        };
        self.record(call, &outcome, now);
        ending
    }

    /// The true answer, and whether anything was changed by it.
    fn apply(&mut self, call: &Call, now: Timestamp) -> (Answer, bool) {
        let answer = match &call.route {
            Ok(route) => leadping::perform(route, &call.body, &call.path, &mut self.leadping, now),
            Err(refusal) => refusal.clone(),
        };
        let changes = !matches!(
            call.operation,
            Operation::Read | Operation::Health | Operation::Unknown
        );
        let applied = changes && answer.status.is_success();
        (answer, applied)
    }

    fn record(&mut self, call: &Call, outcome: &Outcome, now: Timestamp) {
        self.journal.record(JournalEntry {
            number: 0,
            at: now,
            method: call.method.to_string(),
            path: call.path.clone(),
            operation: call.operation,
            applied: outcome.applied,
            status: outcome.status.map(|status| status.as_u16()),
            lead_id: call.lead.clone(),
            marker: call.marker().map(str::to_owned),
            fault: outcome.fault,
            body: call.body.text.clone(),
        });
    }
}
