//! Replaying what was recorded: each event decided again against the lead as it is now. What would
//! change nothing, because something newer was applied or the target has it, is left as it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Decided, Decider, LeadQuery, Store, StoreError};
use crate::event::{EventId, Sequence};

/// What became of a discarded event whose cause still holds: it is not parked again.
pub const STAYS_DISCARDED: &str = "stays_discarded";

/// Which events: those named, else those that all of the rest says.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ReplayOf {
    pub ids: Vec<EventId>,
    pub lead: Option<LeadQuery>,
    pub source: Option<String>,
    /// Received then or later.
    pub since: Option<Timestamp>,
    /// Received before then.
    pub until: Option<Timestamp>,
}

/// A part of the order recorded: behind the first place, up to the last.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct ReplaySpan {
    pub after: Sequence,
    pub through: Sequence,
}

/// What one bounded step did, or would do.
#[derive(Debug, Clone, Default)]
pub struct ReplayStep {
    /// `due`, `withheld`, or why nothing is sent (`stale`, `unchanged`, …) → of how many events.
    pub results: BTreeMap<&'static str, u64>,
    /// Target → calls to be made.
    pub calls: BTreeMap<String, u64>,
    pub decided: Vec<Decided>,
    /// Where to go on; `None` when that was the last.
    pub next: Option<Sequence>,
}

impl ReplayStep {
    pub(crate) fn count(&mut self, result: &'static str) {
        *self.results.entry(result).or_default() += 1;
    }

    pub(crate) fn count_call(&mut self, target: &str) {
        *self.calls.entry(target.to_owned()).or_default() += 1;
    }
}

impl Store {
    /// Replays some events; few calls at a time.
    pub async fn replay(
        &self,
        of: ReplayOf,
        span: ReplaySpan,
        by: Arc<dyn Decider>,
        now: Timestamp,
    ) -> Result<ReplayStep, StoreError> {
        let Self::Sqlite(store) = self;
        store.replay(of, span, by, now).await
    }

    /// Notes how far the newest replay is, in the words of who does it.
    pub async fn keep_replay(&self, text: String) -> Result<(), StoreError> {
        let Self::Sqlite(store) = self;
        store.keep_replay(text).await
    }

    /// What was noted last.
    pub async fn kept_replay(&self) -> Result<Option<String>, StoreError> {
        let Self::Sqlite(store) = self;
        store.kept_replay().await
    }

    /// What replaying some events would do, each on its own; writes nothing.
    pub async fn forecast_replay(
        &self,
        of: ReplayOf,
        span: ReplaySpan,
        by: Arc<dyn Decider>,
        now: Timestamp,
    ) -> Result<ReplayStep, StoreError> {
        let Self::Sqlite(store) = self;
        store.forecast_replay(of, span, by, now).await
    }
}
