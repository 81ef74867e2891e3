//! Replaying recorded events, in their order and in bounded steps. An event that changes nothing is
//! not touched: what it was decided then is its history. The echo of a write of ours stays one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::Connection;
use rusqlite::types::Value as SqlValue;

use super::super::rows::to_ms;
use super::super::{
    Decider, Freed, FreedTo, ParkedAction, ReplayOf, ReplaySpan, ReplayStep, STAYS_DISCARDED,
    StoreError, Undecided,
};
use super::SqliteStore;
use super::decide::{Sitting, read_again, select_events};
use super::history::peek_history;
use super::list::lead_condition;
use super::parked::went_to;
use super::stored::broken;
use super::writer::{Scope, fact};
use crate::decision::{Decision, DecisionRecord, Revision, TargetVerdict};
use crate::event::{Event, EventState, Sequence};

/// The fact that says how far the newest replay is.
const KEPT: &str = "replay";
/// Events looked at, and calls made, in one step of the writer.
const STEP: usize = 64;
const STEP_CALLS: u64 = 8;
/// Events forecast in one read.
const FORECAST_STEP: usize = 256;
/// Places searched in one step for events of a source or time.
const SEARCHED: i64 = 4096;

impl SqliteStore {
    pub async fn replay(
        &self,
        of: ReplayOf,
        span: ReplaySpan,
        by: Arc<dyn Decider>,
        now: Timestamp,
    ) -> Result<ReplayStep, StoreError> {
        self.write(move |scope| {
            let (events, next) = choose(&scope.connection, &of, span, STEP)?;
            let mut step = ReplayStep {
                next,
                ..ReplayStep::default()
            };
            let mut events = events.into_iter();
            while let Some(event) = events.next() {
                let sequence = event.sequence;
                scope.replay_one(event, (by.as_ref(), now), &mut step)?;
                if step.calls.values().sum::<u64>() >= STEP_CALLS && events.len() > 0 {
                    step.next = Some(sequence);
                    break;
                }
            }
            Ok(step)
        })
        .await
    }

    pub async fn keep_replay(&self, text: String) -> Result<(), StoreError> {
        self.write(move |scope| scope.set_fact(KEPT, &text)).await
    }

    pub async fn kept_replay(&self) -> Result<Option<String>, StoreError> {
        self.read(|connection| fact(connection, KEPT)).await
    }

    pub async fn forecast_replay(
        &self,
        of: ReplayOf,
        span: ReplaySpan,
        by: Arc<dyn Decider>,
        now: Timestamp,
    ) -> Result<ReplayStep, StoreError> {
        self.read(move |connection| {
            let (events, next) = choose(connection, &of, span, FORECAST_STEP)?;
            let mut step = ReplayStep {
                next,
                ..ReplayStep::default()
            };
            for event in events {
                let (state, echoed) = stands(connection, event.sequence)?;
                if echoed {
                    step.count("echo");
                    continue;
                }
                let event = read_again(event, by.as_ref());
                let decision = judge(connection, &event, by.as_ref(), now)?;
                let skipped = skipped_as(&decision).map(|why| of_discarded(&state, why));
                step.count(skipped.unwrap_or(went_to(&decision).as_str()));
                for delivery in decision.deliveries.iter().filter(|it| !it.withheld) {
                    step.count_call(&delivery.target);
                }
            }
            Ok(step)
        })
        .await
    }
}

impl Scope {
    fn replay_one(
        &mut self,
        event: Event,
        (by, now): (&dyn Decider, Timestamp),
        step: &mut ReplayStep,
    ) -> Result<(), StoreError> {
        let sequence = event.sequence.0;
        let (state, echoed) = stands(&self.connection, event.sequence)?;
        if echoed {
            step.count("echo");
            return Ok(());
        }
        let is_parked = state == EventState::Parked.as_str();
        let mut went_on = false;
        if !is_parked {
            // What is parked of it goes on as itself.
            for waiting in self.waiting_of(sequence)? {
                let mut freed = Freed::default();
                self.free_delivery(&waiting, ParkedAction::Release, (by, now), &mut freed)?;
                for result in freed.results {
                    step.count(result.as_str());
                    if result == FreedTo::Due {
                        step.count_call(&waiting.target);
                    }
                }
                step.decided.append(&mut freed.decided);
                went_on = true;
            }
        }
        let event = read_again(event, by);
        let decision = judge(&self.connection, &event, by, now)?;
        if let Some(why) = skipped_as(&decision)
            && !is_parked
        {
            if !went_on {
                step.count(of_discarded(&state, why));
            }
            return Ok(());
        }
        let mut sitting = Sitting::of(by, now);
        let decision = self.decide_one(&event, &mut sitting)?;
        self.update_decision(&event, &decision)?;
        self.supersede_parked_of(sequence, now)?;
        if !went_on {
            step.count(skipped_as(&decision).unwrap_or(went_to(&decision).as_str()));
        }
        for delivery in decision.deliveries.iter().filter(|it| !it.withheld) {
            step.count_call(&delivery.target);
        }
        step.decided.append(&mut sitting.decided);
        Ok(())
    }
}

/// The next events, and where to look for those behind them.
fn choose(
    connection: &Connection,
    of: &ReplayOf,
    span: ReplaySpan,
    limit: usize,
) -> Result<(Vec<Event>, Option<Sequence>), StoreError> {
    let is_search = of.ids.is_empty() && of.lead.is_none();
    let end = match is_search {
        true => span.through.0.min(span.after.0.saturating_add(SEARCHED)),
        false => span.through.0,
    };
    let mut parameters: Vec<SqlValue> = vec![span.after.0.into(), end.into()];
    let mut conditions = vec![String::from(
        "e.sequence > ?1 AND e.sequence <= ?2 AND e.state <> 'received'",
    )];
    let mut bind = |value: SqlValue| {
        parameters.push(value);
        format!("?{}", parameters.len())
    };
    if of.ids.is_empty() {
        // What a person gave up comes back only by name.
        conditions.push(String::from("e.state <> 'discarded'"));
    } else {
        let ids = of
            .ids
            .iter()
            .map(|id| bind(id.0.as_bytes().to_vec().into()));
        let ids: Vec<String> = ids.collect();
        conditions.push(format!("e.id IN ({})", ids.join(", ")));
    }
    if let Some(source) = &of.source {
        conditions.push(format!("e.source = {}", bind(source.clone().into())));
    }
    if let Some(since) = of.since {
        conditions.push(format!("e.received_at >= {}", bind(to_ms(since).into())));
    }
    if let Some(until) = of.until {
        conditions.push(format!("e.received_at < {}", bind(to_ms(until).into())));
    }
    if let Some(lead) = &of.lead {
        conditions.push(lead_condition(connection, lead, &mut parameters)?);
    }
    let condition = format!(
        "{} ORDER BY e.sequence LIMIT {limit}",
        conditions.join(" AND ")
    );
    let events = select_events(
        connection,
        &condition,
        rusqlite::params_from_iter(parameters),
    )?;
    let next = match events.last() {
        Some(last) if events.len() == limit => Some(last.sequence),
        _ => (end < span.through.0).then_some(Sequence(end)),
    };
    Ok((events, next))
}

/// Its state, and whether it was the echo of a write of ours.
fn stands(connection: &Connection, event: Sequence) -> Result<(String, bool), StoreError> {
    let (state, text): (String, Option<String>) = connection
        .prepare_cached("SELECT state, decision FROM event WHERE sequence = ?1")?
        .query_row([event.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let decision: Option<DecisionRecord> = text.as_deref().map(serde_json::from_str).transpose()?;
    let echoed = decision.is_some_and(|decision| {
        let mut verdicts = decision.targets.values();
        verdicts.any(|verdict| matches!(verdict, TargetVerdict::Echo { .. }))
    });
    Ok((state, echoed))
}

fn judge(
    connection: &Connection,
    event: &Undecided,
    by: &dyn Decider,
    now: Timestamp,
) -> Result<Decision, StoreError> {
    let history = peek_history(connection, event, by)?;
    let judged = catch_unwind(AssertUnwindSafe(|| by.decide(event, &history, now)));
    Ok(judged.unwrap_or_else(|_| broken(event, now)))
}

/// What a person gave up is not parked anew: it stays given up.
fn of_discarded(state: &str, why: &'static str) -> &'static str {
    match why == FreedTo::Parked.as_str() && state == EventState::Discarded.as_str() {
        true => STAYS_DISCARDED,
        false => why,
    }
}

/// Why there is nothing to do, if there is nothing.
fn skipped_as(decision: &Decision) -> Option<&'static str> {
    let folds = |revision: &Revision| matches!(revision, Revision::Fold { .. });
    if !decision.deliveries.is_empty() || decision.revisions.iter().any(folds) {
        return None;
    }
    if decision.cause.is_some() {
        return Some(FreedTo::Parked.as_str());
    }
    decision.record.words().first().copied().or(Some("ignored"))
}
