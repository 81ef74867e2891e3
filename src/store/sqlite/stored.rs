//! A decision on its way into the event's row.

use jiff::Timestamp;

use super::super::{StoreError, Undecided};
use super::writer::Scope;
use crate::decision::{Decision, DecisionRecord, ParkCause, Verdict};
use crate::event::EventState;

/// A decision as the event's row holds it.
pub(super) struct StoredDecision {
    pub(super) state: EventState,
    pub(super) cause: Option<String>,
    pub(super) text: String,
    /// What the Flow page counts it as.
    pub(super) flow_key: i64,
}

impl StoredDecision {
    pub(super) fn of(decision: &Decision, flow_key: i64) -> Result<Self, StoreError> {
        let open = decision
            .deliveries
            .iter()
            .any(|delivery| !delivery.withheld);
        let state = if decision.cause.is_some() {
            EventState::Parked
        } else if open {
            EventState::Decided
        } else {
            EventState::Settled
        };
        Ok(Self {
            state,
            cause: decision
                .cause
                .as_ref()
                .map(|cause| cause.as_str().to_owned()),
            text: serde_json::to_string(&decision.record)?,
            flow_key,
        })
    }
}

impl Scope {
    /// Of an event that is recorded already. What it told when it came stays told, whatever was told
    /// since.
    pub(super) fn decided_again(
        &self,
        event: i64,
        decision: &Decision,
        flow_key: i64,
    ) -> Result<StoredDecision, StoreError> {
        let told: Option<String> = self
            .connection
            .prepare_cached(
                "SELECT json_extract(decision, '$.told') FROM event WHERE sequence = ?1",
            )?
            .query_row([event], |row| row.get(0))?;
        let Some(told) = told else {
            return StoredDecision::of(decision, flow_key);
        };
        let mut decision = decision.clone();
        decision.record.told = Some(serde_json::from_str(&told)?);
        StoredDecision::of(&decision, flow_key)
    }
}

/// What an event becomes whose deciding panicked.
pub(super) fn broken(event: &Undecided, now: Timestamp) -> Decision {
    Decision {
        record: DecisionRecord {
            verdict: Verdict::Invalid,
            why: Some(String::from("deciding failed inside the bridge")),
            table: None,
            row: None,
            targets: std::collections::BTreeMap::new(),
            previous: None,
            near_miss: None,
            told: None,
            decided_at: now,
        },
        cause: Some(ParkCause::invalid(&event.event.source)),
        deliveries: Vec::new(),
        revisions: Vec::new(),
        applied: None,
    }
}
