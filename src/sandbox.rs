//! The sandbox: stateful, strict stand-ins for the systems we write to, with faults on request.
//!
//! For tests, the demo and trying things out; it keeps everything in memory, and sends nothing
//! but the webhooks for which somebody names a receiver. A request walks `accept → exchange →
//! system → leadping | nlpearl | capillary`; `fault` says what goes wrong with it, `journal` keeps
//! it, `webhooks` tell what it changed, `control` answers under `/_sandbox/`. Each system has its
//! own routes, models and memory, written from its vendor's pages and not from our code.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::secret::Secret;
use capillary::Crm;
use credential::BearerKey;
use fault::FaultQueue;
use journal::Journal;
use leadping::{Ledger, Profile};
use nlpearl::Campaigns;
use system::Gate;
use traffic::{Window, WritesInProgress};
use webhooks::Outbox;

mod accept;
mod answer;
mod body;
mod capillary;
mod control;
mod credential;
mod exchange;
mod fault;
mod journal;
mod leadping;
mod nlpearl;
mod owners;
mod path;
mod schema;
mod system;
#[cfg(test)]
mod tests;
mod traffic;
mod webhooks;

pub use capillary::CapillaryLogin;
pub use fault::{Fault, FaultAnswer, FaultRule, FaultScope, Operation};
pub use journal::JournalEntry;
pub use system::System;
pub use traffic::RequestLimit;
pub use webhooks::{NoReceiver, WebhookEntry, WebhookReceiver, WebhookState};

/// How a sandbox is set up; the defaults are strict about the rate and generous about leads.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// Port 0 takes a free one.
    pub listen: SocketAddr,
    /// LeadPing's; `None`: any bearer that is not empty passes.
    pub token: Option<Secret>,
    /// LeadPing's.
    pub limit: RequestLimit,
    /// `{AccountId}:{SecretKey}`; `None`: any bearer of that form passes.
    pub nlpearl_key: Option<Secret>,
    /// Pearl → outbound: which pearl a lead belongs to that a write to an outbound makes.
    pub nlpearl_outbounds: BTreeMap<String, String>,
    /// Nothing is published about it: off by default.
    pub nlpearl_limit: RequestLimit,
    pub capillary_login: CapillaryLogin,
    pub capillary_limit: RequestLimit,
    /// Unknown leads are 404 until they are created; else the first write creates them.
    pub strict_leads: bool,
    /// At each system.
    pub max_leads: usize,
    /// How many requests the journal keeps, and how many webhooks the log.
    pub max_journal_entries: usize,
    pub max_connections: usize,
    /// What the rate limit, delays and time stamps go by.
    pub clock: Clock,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            token: None,
            limit: RequestLimit::LEADPING,
            nlpearl_key: None,
            nlpearl_outbounds: BTreeMap::new(),
            nlpearl_limit: RequestLimit::OFF,
            capillary_login: CapillaryLogin::default(),
            capillary_limit: RequestLimit::CAPILLARY,
            strict_leads: false,
            max_leads: 500_000,
            max_journal_entries: 100_000,
            max_connections: 1024,
            clock: Clock::System,
        }
    }
}

/// A running sandbox; it stops when dropped.
#[derive(Debug)]
pub struct Sandbox {
    address: SocketAddr,
    runtime: tokio::runtime::Handle,
    shared: Arc<Shared>,
}

/// What every connection sees.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    writes: Arc<WritesInProgress>,
    options: SandboxOptions,
    clock: Clock,
    /// Wakes those who wait for something to have happened.
    changed: Notify,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Everything that requests change, behind one lock.
#[derive(Debug)]
struct State {
    leadping: Ledger,
    leadping_key: BearerKey,
    nlpearl: Campaigns,
    nlpearl_key: BearerKey,
    capillary: Crm,
    /// In the order of [`System::ALL`].
    gates: (Gate, Gate, Gate),
    faults: FaultQueue,
    journal: Journal,
    outbox: Outbox,
}

impl State {
    fn new(options: &SandboxOptions) -> Self {
        let (max_leads, strict_leads) = (options.max_leads, options.strict_leads);
        let login = options.capillary_login.clone();
        Self {
            leadping: Ledger::new(max_leads, strict_leads),
            leadping_key: BearerKey::opaque(options.token.clone()),
            nlpearl: Campaigns::new(max_leads, strict_leads, options.nlpearl_outbounds.clone()),
            nlpearl_key: BearerKey::account_and_secret(options.nlpearl_key.clone()),
            capillary: Crm::new(login, max_leads, strict_leads),
            gates: (
                Gate::new(options.limit),
                Gate::new(options.nlpearl_limit),
                Gate::new(options.capillary_limit),
            ),
            faults: FaultQueue::default(),
            journal: Journal::new(options.max_journal_entries),
            outbox: Outbox::new(options.max_journal_entries),
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reset(&self) {
        let state = &mut *self.state();
        let mut fresh = State::new(&self.options);
        // Its tasks and receivers outlive a reset.
        std::mem::swap(&mut fresh.outbox, &mut state.outbox);
        fresh.outbox.forget();
        *state = fresh;
        self.writes.forget_overlaps();
    }
}

impl Sandbox {
    /// Binds and answers from now on. Fails if the address is taken, or outside a tokio runtime.
    pub fn start(options: SandboxOptions) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Handle::try_current().map_err(std::io::Error::other)?;
        let listener = std::net::TcpListener::bind(options.listen)?;
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(&options)),
            writes: Arc::default(),
            clock: options.clock.clone(),
            options,
            changed: Notify::new(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        let accepting = accept::accept_connections(listener, Arc::clone(&shared));
        shared.tasks.spawn_on(accepting, &runtime);
        Ok(Self {
            address,
            runtime,
            shared,
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://address`, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The rule waits behind those already there.
    pub fn add_fault(&self, rule: FaultRule) {
        self.shared.state().faults.add(rule);
    }

    pub fn clear_faults(&self) {
        self.shared.state().faults.clear();
    }

    /// Faults that are still to be used.
    pub fn faults(&self) -> Vec<FaultRule> {
        self.shared.state().faults.rules().to_vec()
    }

    /// Adds an empty lead at LeadPing; false if there is no room for it.
    pub fn create_lead(&self, lead_id: &str) -> bool {
        let now = self.shared.clock.now();
        self.shared.state().leadping.create_lead(lead_id, now)
    }

    /// The lead's entries as the `dispositions` profile shows them, oldest first; empty for an
    /// unknown lead.
    pub fn history(&self, lead_id: &str) -> Vec<Value> {
        let state = self.shared.state();
        leadping::history(&state.leadping, lead_id, Profile::Dispositions).unwrap_or_default()
    }

    /// The lead record as `GET /leads/{id}` shows it.
    pub fn lead(&self, lead_id: &str) -> Option<Value> {
        leadping::lead_record(&self.shared.state().leadping, lead_id)
    }

    /// The requests still kept, in the order in which they took effect.
    pub fn journal(&self) -> Vec<JournalEntry> {
        self.shared.state().journal.after(0).cloned().collect()
    }

    /// The sets at LeadPing that were applied, in order, as far as the journal still keeps them.
    pub fn writes(&self) -> Vec<JournalEntry> {
        let mut writes = self.writes_at(System::Leadping);
        writes.retain(|entry| entry.operation == Operation::Set);
        writes
    }

    /// Every write that the system applied, in order, as far as the journal still keeps them.
    pub fn writes_at(&self, system: System) -> Vec<JournalEntry> {
        let state = self.shared.state();
        let entries = state.journal.after(0);
        entries
            .filter(|entry| entry.applied && entry.system == system)
            .cloned()
            .collect()
    }

    /// All requests to the pretended systems since the start or the last reset.
    pub fn total_requests(&self) -> u64 {
        self.shared.state().journal.total()
    }

    /// Writes that are being worked on now.
    pub fn open_writes(&self) -> u32 {
        self.shared.writes.open()
    }

    /// How often a write arrived while another of the same lead at that system was in progress.
    pub fn overlaps(&self) -> u64 {
        self.shared.writes.overlaps()
    }

    /// The most requests to LeadPing that arrived within any one second, refused ones included.
    pub fn max_requests_per_second(&self) -> usize {
        self.shared.state().gate(System::Leadping).busiest.most()
    }

    /// LeadPing's credential changes: every other one is answered 401 from now on.
    pub fn set_token(&self, token: Option<Secret>) {
        self.shared.state().leadping_key.secret = token;
    }

    /// LeadPing's limit; starts counting anew.
    pub fn set_limit(&self, limit: RequestLimit) {
        self.set_limit_at(System::Leadping, limit);
    }

    /// As [`Sandbox::set_limit`], for any system.
    pub fn set_limit_at(&self, system: System, limit: RequestLimit) {
        self.shared.state().gate(system).window = Window::new(limit);
    }

    /// As it was at the start: no leads, no faults, no journal, credentials and limits as given
    /// then. Receivers of webhooks stay.
    pub fn reset(&self) {
        self.shared.reset();
    }

    /// Returns once the condition holds; it is looked at again whenever a request has arrived or
    /// taken effect.
    pub async fn wait_until(&self, mut condition: impl FnMut(&Self) -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.shared.changed.notified());
            changed.as_mut().enable();
            if condition(self) {
                return;
            }
            changed.await;
        }
    }

    /// Closes the listener and every connection, and returns when all are closed.
    pub async fn stop(self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}
