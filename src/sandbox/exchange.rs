//! One exchange: a request read whole, let in or refused, done with or without a fault, recorded.
//!
//! The gates stand in the order credential → rate limit → route → fault. Without a delay all of it
//! happens under one lock, so the journal's order is the order in which requests took effect.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderValue, RETRY_AFTER};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::answer::{Answer, ClosedOnRequest, Ending, WireBody};
use super::fault::{Fault, FaultAnswer, Operation, requested_answer};
use super::journal::{JournalEntry, marker_in};
use super::system::{Call, System};
use super::{Shared, State, control};
use crate::clock;

const MAX_BODY_BYTES: usize = 256 * 1024;
/// A body that has not come by then will not come.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

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
    let call = Call::new(head.method, &head.uri, &head.headers, &bytes);
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
    fn requested(&self, wanted: &FaultAnswer) -> Answer {
        requested_answer(wanted, self.system, &self.path)
    }

    /// A request for a token holds a secret.
    fn kept_body(&self) -> Option<Arc<str>> {
        let is_kept = self.operation != Operation::Token;
        self.body.text.clone().filter(|_| is_kept)
    }

    fn marker(&self) -> Option<&str> {
        let json = self.body.json.as_ref()?;
        ["reason", "notes"]
            .into_iter()
            .find_map(|member| marker_in(json.get(member)?.as_str()?))
    }
}

async fn exchange(shared: &Arc<Shared>, mut call: Call) -> Ending {
    if call.lead.is_none() {
        call.lead = shared.state().owner_of_entry(&call);
    }
    let in_progress = match &call.lead {
        Some(lead) if call.operation.is_write() => Some(shared.writes.begin(call.system, lead)),
        _ => None,
    };
    let started = begin(shared, &call);
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
fn begin(shared: &Shared, call: &Call) -> Started {
    let now = shared.clock.now();
    let state = &mut *shared.state();
    state.gate(call.system).busiest.count(now);
    if let Some(refusal) = state.refusal(call, now) {
        state.record(call, &Outcome::answered(refusal.status, None), now);
        return Started::Ended(Ending::Answer(refusal));
    }
    let fault = state
        .faults
        .take(call.system, call.operation, call.lead.as_deref());
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
    /// The answer of the gate that does not let this call through.
    fn refusal(&mut self, call: &Call, now: Timestamp) -> Option<Answer> {
        if call.operation == Operation::Health {
            return None;
        }
        if let Some(refusal) = self.unauthorized(call, now) {
            return Some(refusal);
        }
        let seconds = self.gate(call.system).window.admit(now).err()?;
        let refusal = call.system.rate_limited(&call.path);
        // Of the three, LeadPing alone says that it tells how long.
        Some(match call.system {
            System::Leadping => refusal.header(RETRY_AFTER, HeaderValue::from(seconds)),
            System::Nlpearl | System::Capillary => refusal,
        })
    }

    /// Does the call, or not, as the fault says; records it and says how to end.
    fn carry_out(&mut self, call: &Call, fault: Option<Fault>, now: Timestamp) -> Ending {
        let name = fault.as_ref().map(Fault::name);
        let (ending, applied) = match fault {
            Some(Fault::Answer(wanted)) => (Ending::Answer(call.requested(&wanted)), false),
            Some(Fault::DropBefore) => (Ending::Dropped, false),
            Some(Fault::AnswerAfterApply(wanted)) => {
                let (_, applied) = self.apply(call, now);
                (Ending::Answer(call.requested(&wanted)), applied)
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

    /// The true answer, and whether anything was changed by it; what is news is told.
    fn apply(&mut self, call: &Call, now: Timestamp) -> (Answer, bool) {
        let done = self.perform(call, now);
        if let (true, Some(lead)) = (done.is_news, &call.lead) {
            self.tell(call.system, lead, now);
        }
        (done.answer, done.applied)
    }

    fn record(&mut self, call: &Call, outcome: &Outcome, now: Timestamp) {
        self.journal.record(JournalEntry {
            number: 0,
            at: now,
            system: call.system,
            method: call.method.to_string(),
            path: call.path.clone(),
            operation: call.operation,
            applied: outcome.applied,
            status: outcome.status.map(|status| status.as_u16()),
            lead_id: call.lead.clone(),
            marker: call.marker().map(str::to_owned),
            fault: outcome.fault,
            body: call.kept_body(),
        });
    }
}
