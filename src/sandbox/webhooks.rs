//! Webhooks of the pretended systems: fired when something is written, signed as the receiver's
//! source asks for. Off until [`Sandbox::send_webhooks`] says where they go.
//!
//! One queue and one task per system, bounded, in order: what the receiver does not take is tried
//! again before what follows it, as Capillary's event service does. `log` keeps what became of
//! each.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::mpsc;

use super::{Sandbox, Shared, System};
use crate::clock;
use crate::config::{AuthConfig, AuthScheme, SourceConfig};
use crate::secret::{Secret, SecretError};
use crate::verify::sign;
use log::{Log, Parcel};

mod log;

pub use log::{WebhookEntry, WebhookState};

/// What waits for one receiver; more is not sent at all, and counted.
const MAX_QUEUED: usize = 10_000;
const MAX_ATTEMPTS: u32 = 10;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where a system's webhooks go, and how they are signed.
#[derive(Debug, Clone)]
pub struct WebhookReceiver {
    pub system: System,
    pub url: String,
    pub auth: AuthConfig,
    pub secret: Secret,
}

/// Why a source cannot be sent webhooks from here.
#[derive(Debug, thiserror::Error)]
pub enum NoReceiver {
    #[error("nothing here sends webhooks of kind `{0}`")]
    Kind(&'static str),
    #[error("source `{0}` has no [[auth]] entry")]
    NoAuth(String),
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl WebhookReceiver {
    /// The source as its sender sees it: its kind says which system that is, and its first
    /// credential signs.
    pub fn of_source(source: &SourceConfig, url: impl Into<String>) -> Result<Self, NoReceiver> {
        let kind = source.kind.as_str();
        let system = System::ALL
            .into_iter()
            .find(|system| system.as_str() == kind)
            .ok_or(NoReceiver::Kind(kind))?;
        let auth = source.auth.first();
        let auth = auth.ok_or_else(|| NoReceiver::NoAuth(source.name.clone()))?;
        let secret = match &auth.scheme {
            AuthScheme::Header { secret, .. }
            | AuthScheme::Query { secret, .. }
            | AuthScheme::Basic {
                password: secret, ..
            }
            | AuthScheme::StandardWebhooks { secret, .. } => secret.load()?,
            AuthScheme::HmacSha256(hmac) => hmac.secret.load()?,
            AuthScheme::None => Secret::new(""),
        };
        Ok(Self {
            system,
            url: url.into(),
            auth: auth.clone(),
            secret,
        })
    }
}

/// What is to be sent: one queue per system that has a receiver.
#[derive(Debug)]
pub(super) struct Outbox {
    queues: Vec<Queue>,
    pub log: Log,
}

#[derive(Debug)]
struct Queue {
    receiver: WebhookReceiver,
    sender: mpsc::Sender<Parcel>,
}

impl Outbox {
    pub fn new(max_entries: usize) -> Self {
        Self {
            queues: Vec::new(),
            log: Log::new(max_entries),
        }
    }

    pub fn has_receiver(&self, system: System) -> bool {
        self.queue(system).is_some()
    }

    /// Without a query: there may be a secret in it.
    pub fn receiver_url(&self, system: System) -> Option<&str> {
        self.queue(system)?.receiver.url.split('?').next()
    }

    fn queue(&self, system: System) -> Option<&Queue> {
        let mut queues = self.queues.iter();
        queues.find(|queue| queue.receiver.system == system)
    }

    /// Queues a webhook for the system's receiver, if it has one.
    pub fn fire(&mut self, system: System, lead: &str, body: &Value, now: Timestamp) {
        let Some(sender) = self.queue(system).map(|queue| queue.sender.clone()) else {
            return;
        };
        let body: Arc<str> = body.to_string().into();
        let parcel = self.log.open(system, lead, body, now);
        let number = parcel.number;
        if sender.try_send(parcel).is_err() {
            self.log.close(number, WebhookState::Dropped);
        }
    }

    /// Forgets what was sent and what waits; the receivers stay.
    pub fn forget(&mut self) {
        self.log.forget();
    }
}

impl Sandbox {
    /// From now on this system's webhooks go there, those that still wait included.
    pub fn send_webhooks(&self, receiver: WebhookReceiver) {
        let system = receiver.system;
        let outbox = &mut self.shared.state().outbox;
        let known = outbox.queues.iter_mut();
        let mut known = known.filter(|queue| queue.receiver.system == system);
        if let Some(queue) = known.next() {
            queue.receiver = receiver;
            return;
        }
        let (sender, parcels) = mpsc::channel(MAX_QUEUED);
        outbox.queues.push(Queue { receiver, sender });
        let sending = send_all(Arc::clone(&self.shared), system, parcels);
        self.shared.tasks.spawn_on(sending, &self.runtime);
    }

    /// The webhooks fired since the start or the last reset, oldest first, as far as they are kept.
    pub fn webhooks(&self) -> Vec<WebhookEntry> {
        self.shared.state().outbox.log.after(0).cloned().collect()
    }

    /// How many webhooks are on their way now; those that wait for their next try are not.
    pub fn webhooks_moving(&self) -> usize {
        self.shared.state().outbox.log.moving()
    }
}

/// Sends one system's webhooks, one after the other, until the sandbox stops.
async fn send_all(shared: Arc<Shared>, system: System, mut parcels: mpsc::Receiver<Parcel>) {
    let Ok(client) = client() else {
        return;
    };
    let sending = async {
        while let Some(parcel) = parcels.recv().await {
            deliver(&shared, system, &client, parcel).await;
        }
    };
    tokio::select! {
        () = shared.stop.cancelled() => {}
        () = sending => {}
    }
}

fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .timeout(TIMEOUT)
        .build()
}

/// Tries until the receiver takes it, refuses it for good, or there have been enough tries.
async fn deliver(shared: &Shared, system: System, client: &reqwest::Client, parcel: Parcel) {
    let mut pause = FIRST_PAUSE;
    for attempt in 1..=MAX_ATTEMPTS {
        let Some(receiver) = shared.receiver(system, parcel.number) else {
            return;
        };
        let status = post(client, &receiver, &parcel, shared.clock.now()).await;
        let state = match status {
            Some(status) if status.is_success() => WebhookState::Delivered,
            Some(status) if !is_worth_another_try(status) => WebhookState::Refused,
            _ if attempt == MAX_ATTEMPTS => WebhookState::GivenUp,
            _ => WebhookState::Waiting,
        };
        shared.note(parcel.number, state, status);
        if state != WebhookState::Waiting {
            return;
        }
        let next = clock::after(shared.clock.now(), pause);
        shared.clock.sleep_until(next).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn is_worth_another_try(status: StatusCode) -> bool {
    status.is_server_error()
        || status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT
}

/// The status that came back, if any; nothing is sent that cannot be signed.
async fn post(
    client: &reqwest::Client,
    receiver: &WebhookReceiver,
    parcel: &Parcel,
    now: Timestamp,
) -> Option<StatusCode> {
    let body = Bytes::copy_from_slice(parcel.body.as_bytes());
    // The id stays the same over all tries; time stamp and signature are fresh.
    let signed = sign(
        &receiver.auth,
        &receiver.secret,
        &body,
        now,
        &parcel.message_id,
    )
    .ok()?;
    let request = client
        .post(signed.url(&receiver.url))
        .header(http::header::CONTENT_TYPE, "application/json")
        .headers(signed.headers.into_iter().collect())
        .body(body);
    request.send().await.ok().map(|answer| answer.status())
}

impl Shared {
    /// Where the webhook goes now; `None` if it was forgotten meanwhile.
    fn receiver(&self, system: System, number: u64) -> Option<WebhookReceiver> {
        let mut state = self.state();
        if !state.outbox.log.take_up(number) {
            return None;
        }
        state
            .outbox
            .queue(system)
            .map(|queue| queue.receiver.clone())
    }

    fn note(&self, number: u64, state: WebhookState, status: Option<StatusCode>) {
        let mut sandbox = self.state();
        sandbox.outbox.log.tried(number, status);
        sandbox.outbox.log.close(number, state);
        drop(sandbox);
        self.changed.notify_waiters();
    }
}
