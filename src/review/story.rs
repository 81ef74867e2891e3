//! One event's story: of a payload as if it came in now, and of an event that was recorded.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::ReviewError;
use crate::config::Config;
use crate::decider::{Rules, Snapshot};
use crate::event::{Event, EventId, Sequence};
use crate::explain::{self, Explanation};
use crate::lead::{LEADPING, LeadHistory};
use crate::map::Tables;
use crate::plan::{Plan, Sides};
use crate::store::{Decider, EventPage, EventRow, LeadQuery, Peeked, Store, StoreError, Undecided};

/// Events of a lead that are decided again to know its past, the newest ones.
pub const MOST_EVENTS: usize = 2000;

/// What a payload would become.
#[derive(Debug, Serialize)]
pub struct PayloadStory {
    /// Whether a store was there to read the lead's past from.
    pub history_read: bool,
    #[serde(flatten)]
    pub explanation: Explanation,
}

/// What a recorded event became, and what it would become.
#[derive(Debug, Serialize)]
pub struct EventStory {
    /// As the store has it: the decision that was made, by which row of which table version, and
    /// its deliveries.
    pub became: EventRow,
    /// Decided again as it came in, its lead's earlier events decided again too: by the tables in
    /// force.
    pub current: Explanation,
    /// The same by the candidate tables, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Explanation>,
    /// Decided again now, against the lead as it is now, as a replay would: by the candidate tables
    /// if there are any.
    pub now: Explanation,
    /// Older events of the lead than the newest [`MOST_EVENTS`] were not looked at.
    pub begins_midway: bool,
}

/// The tables in force, and those that may take their place.
#[derive(Debug, Clone)]
pub struct ByTables {
    pub current: Tables,
    pub candidate: Option<Tables>,
}

/// Tells what `event`, which has not been recorded, would become at `now`.
pub async fn explain_payload(
    store: Option<&Store>,
    rules: &Arc<Snapshot>,
    config: &Config,
    (event, now): (Event, Timestamp),
) -> Result<PayloadStory, ReviewError> {
    let reading = rules.read(&event);
    let event = Undecided { event, reading };
    let peeked = match store {
        Some(store) => Some(store.peek(event.clone(), rules.clone()).await?),
        None => None,
    };
    let history_read = peeked.is_some();
    let peeked = peeked.unwrap_or_else(|| Peeked {
        history: LeadHistory::of_unknown_lead(&event.event.source, &event.reading.facts),
        event,
        decided_first: Vec::new(),
    });
    Ok(PayloadStory {
        history_read,
        explanation: foresee(peeked, rules, config, now),
    })
}

/// The story of what was peeked at: first what is decided first, then the event itself.
fn foresee(peeked: Peeked, rules: &Snapshot, config: &Config, now: Timestamp) -> Explanation {
    let Peeked {
        event,
        mut history,
        decided_first,
    } = peeked;
    let mut told = Vec::new();
    let mut decided: Option<LeadHistory> = None;
    for (waiting, mut history) in decided_first {
        if let Some(decided) = &decided {
            history.take_decided(decided);
        }
        let decision = rules.decide(&waiting, &history, now);
        decided = Some(history.after(&waiting.event, &decision));
        told.push(explain::first(&waiting.event, decision, config));
    }
    if let Some(decided) = &decided {
        history.take_decided(decided);
    }
    let mut explanation = rules.ask((&event, &history), now, |question, table| {
        explain::explain(question, table, config)
    });
    explanation.decided_first = told;
    explanation
}

/// Tells what a recorded event became, and what it would become by these tables at `now`. `None`:
/// no such event is recorded.
pub async fn explain_event(
    store: &Store,
    config: &Arc<Config>,
    tables: ByTables,
    (id, now): (EventId, Timestamp),
) -> Result<Option<EventStory>, ReviewError> {
    let Some(became) = event_row(store, id).await? else {
        return Ok(None);
    };
    let Some(event) = event_at(store, became.sequence).await? else {
        return Ok(None);
    };
    let current = tables.current;
    let has_candidate = tables.candidate.is_some();
    let candidate = tables.candidate.unwrap_or_else(|| current.clone());
    let by_now = Arc::new(Rules::new(config, candidate.clone())).snapshot();
    let mut plan = Plan::new(config, Sides { current, candidate });
    plan.watch(id, config.clone());
    let begins_midway = decide_lead(store, &mut plan, &event).await?;
    let told = plan.told().ok_or_else(|| {
        ReviewError::Failed(format!("event {id} was not among those of its lead"))
    })?;
    let reading = by_now.read(&event);
    let event = Undecided { event, reading };
    let peeked = store.peek(event, by_now.clone()).await?;
    Ok(Some(EventStory {
        became,
        current: told.current,
        candidate: has_candidate.then_some(told.candidate),
        now: foresee(peeked, &by_now, config, now),
        begins_midway,
    }))
}

async fn event_row(store: &Store, id: EventId) -> Result<Option<EventRow>, StoreError> {
    let page = EventPage {
        limit: 1,
        id: Some(id),
        ..EventPage::default()
    };
    Ok(store.events(page).await?.rows.into_iter().next())
}

async fn event_at(store: &Store, sequence: Sequence) -> Result<Option<Event>, StoreError> {
    let before = Sequence(sequence.0 - 1);
    let events = store.recorded(before, sequence, 1).await?;
    Ok(events.into_iter().next())
}

/// Decides the recorded events of this one's lead, in order; whether older ones were left out.
async fn decide_lead(store: &Store, plan: &mut Plan, event: &Event) -> Result<bool, ReviewError> {
    let reader = plan.reader();
    let ids = ids_of(event, reader.as_ref());
    let mut begins_midway = false;
    let mut events = Vec::new();
    let mut seen = HashSet::new();
    for id in &ids {
        let named = match id.system == LEADPING {
            true => Vec::new(),
            false => vec![id.system.clone()],
        };
        let query = LeadQuery {
            id: id.id.clone(),
            sources: named,
        };
        let newest = Sequence(i64::MAX);
        let mut of_id = store
            .recorded_of(query.clone(), newest, MOST_EVENTS)
            .await?;
        let is_cut = of_id.len() >= MOST_EVENTS;
        if is_cut
            && of_id
                .first()
                .is_some_and(|first| first.sequence > event.sequence)
        {
            of_id = store
                .recorded_of(query, event.sequence, MOST_EVENTS)
                .await?;
        }
        begins_midway |= is_cut;
        events.extend(
            of_id
                .into_iter()
                .filter(|event| seen.insert(event.sequence)),
        );
    }
    if seen.insert(event.sequence) {
        events.push(event.clone());
    }
    events.sort_by_key(|event| event.sequence);
    let every_id = events
        .iter()
        .flat_map(|event| ids_of(event, reader.as_ref()));
    plan.know(store.known_leads(every_id.collect()).await?);
    for one in &events {
        let reading = reader.read(one);
        let undecided = Undecided {
            event: one.clone(),
            reading,
        };
        let mut recall = |sequence: Sequence| {
            let found = events.iter().find(|event| event.sequence == sequence);
            Ok(found.cloned())
        };
        plan.decide(&undecided, &mut recall)?;
    }
    Ok(begins_midway)
}

fn ids_of(event: &Event, reader: &Rules) -> Vec<crate::lead::SystemId> {
    crate::lead::identity::ids_of(&event.source, &reader.read(event).facts)
}
