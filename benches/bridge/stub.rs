//! LeadPing pretended, as cheaply as possible: it takes every disposition, keeps count per lead,
//! and can hold its answers back.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::bail;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::report::Report;

/// What of a disposition is looked at. The timestamps of one lead's webhooks rise by seconds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Disposition {
    lead_id: String,
    timestamp: jiff::Timestamp,
}

#[derive(Default)]
struct Lead {
    newest: Option<jiff::Timestamp>,
    is_under_way: bool,
}

#[derive(Default)]
struct Ledger {
    leads: HashMap<String, Lead>,
    /// Lead ids and when their dispositions arrived.
    arrivals: Vec<(String, Instant)>,
    out_of_order: usize,
    twice: usize,
    overlapping: usize,
}

/// The pretended LeadPing; it ends with this value.
pub struct Stub {
    pub address: SocketAddr,
    shared: Shared,
    open: watch::Sender<bool>,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Shared {
    ledger: Arc<Mutex<Ledger>>,
    open: watch::Receiver<bool>,
}

impl Stub {
    /// `open`: answers at once.
    pub async fn start(open: bool) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (gate, gate_seen) = watch::channel(open);
        let shared = Shared {
            ledger: Arc::default(),
            open: gate_seen,
        };
        let router = Router::new()
            .route("/dispositions", post(receive))
            .route("/dispositions/lead/{id}", get(async || Json(json!([]))))
            .with_state(shared.clone());
        let server = tokio::spawn(async move {
            axum::serve(listener, router)
                .await
                .expect("serving ends with its task only");
        });
        Ok(Self {
            address,
            shared,
            open: gate,
            server,
        })
    }

    /// From now on it answers; what it held back first.
    pub fn open(&self) {
        self.open.send_replace(true);
    }

    /// Waits for so many arrivals in all, and returns them.
    pub async fn arrivals(&self, expected: usize) -> anyhow::Result<Vec<(String, Instant)>> {
        const LONGEST: Duration = Duration::from_secs(120);
        let begun = Instant::now();
        loop {
            let so_far = self.shared.ledger().arrivals.len();
            if so_far >= expected {
                return Ok(self.shared.ledger().arrivals.clone());
            }
            if begun.elapsed() > LONGEST {
                bail!("only {so_far} of {expected} dispositions arrived");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Tells what must never happen.
    pub fn report_faults(&self, expected: usize, report: &mut Report) {
        let ledger = self.shared.ledger();
        for (count, what) in [
            (ledger.arrivals.len().abs_diff(expected), "lost or too many"),
            (ledger.out_of_order, "out of order within their lead"),
            (ledger.twice, "written twice"),
            (
                ledger.overlapping,
                "under way together with another of their lead",
            ),
        ] {
            if count > 0 {
                report.fault(format!("{count} of {expected} deliveries {what}"));
            }
        }
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn receive(State(mut shared): State<Shared>, body: Bytes) -> Response {
    let Ok(disposition) = serde_json::from_slice::<Disposition>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let arrived = Instant::now();
    let held = !*shared.open.borrow();
    if held && shared.open.wait_for(|open| *open).await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let at = if held { Instant::now() } else { arrived };
    let number = shared.ledger().begin(&disposition, at);
    let answer = (
        StatusCode::CREATED,
        Json(json!({ "id": format!("disp_{number}") })),
    );
    shared.ledger().end(&disposition.lead_id);
    answer.into_response()
}

impl Ledger {
    /// Takes it down; returns its number.
    fn begin(&mut self, disposition: &Disposition, at: Instant) -> usize {
        let lead = self.leads.entry(disposition.lead_id.clone()).or_default();
        let newest = lead.newest.replace(disposition.timestamp);
        self.twice += usize::from(newest == Some(disposition.timestamp));
        self.out_of_order += usize::from(newest > Some(disposition.timestamp));
        self.overlapping += usize::from(std::mem::replace(&mut lead.is_under_way, true));
        self.arrivals.push((disposition.lead_id.clone(), at));
        self.arrivals.len()
    }

    fn end(&mut self, lead_id: &str) {
        if let Some(lead) = self.leads.get_mut(lead_id) {
            lead.is_under_way = false;
        }
    }
}
