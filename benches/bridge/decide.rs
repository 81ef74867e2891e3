//! What deciding one event costs, alone: the store's verb in this process, on a store that no
//! daemon has open, its commits included.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use futures_util::future::try_join_all;
use jiff::Timestamp;
use leadping_bridge::config::{self, SourceConfig};
use leadping_bridge::decider::Rules;
use leadping_bridge::event::{Event, EventId, Sequence};
use leadping_bridge::map;
use leadping_bridge::store::sqlite::SqliteStore;
use leadping_bridge::store::{DedupeRule, NewEvent, Store, Undecided};
use leadping_bridge::systems;

use crate::daemon::Place;
use crate::spread::Spread;
use crate::webhook::{MAPPED, Sender, Webhook, yesterday_ms};

/// As the daemon does it at most.
const BATCH: usize = 256;
/// Leads of their own, so that nothing is stale.
const FIRST_LEAD: usize = 500_000_000;

pub struct Cost {
    pub us_per_event: f64,
    /// So many more are undelivered now.
    pub events: usize,
}

pub async fn measure(place: &Place, sender: &mut Sender, batches: usize) -> anyhow::Result<Cost> {
    let (config, _) = config::load(&place.config(), std::iter::empty())
        .map_err(|findings| anyhow::anyhow!("{findings:?}"))?;
    let source = config.sources.get("crm").context("the source `crm`")?;
    let (tables, findings) = map::load_dir(&config.mappings.dir, &config.mapping_kinds());
    let tables = tables.with_context(|| format!("{findings:?}"))?;
    let rules = Arc::new(Rules::new(&config, tables));
    let (sqlite, mut handed) = SqliteStore::open(&config.store.path, Box::new(|_| {}))?;
    let store = Store::Sqlite(sqlite);
    let mut us = Vec::new();
    for _ in 0..batches {
        let events = (0..BATCH).map(|_| new_event(sender, source));
        let events: Vec<NewEvent> = events.collect::<anyhow::Result<_>>()?;
        try_join_all(events.into_iter().map(|event| store.append(event))).await?;
        let mut undecided = Vec::with_capacity(BATCH);
        handed.recv_many(&mut undecided, BATCH).await;
        let count = undecided.len() as f64;
        let begun = Instant::now();
        store
            .decide(undecided, rules.snapshot(), Timestamp::now())
            .await?;
        us.push(begun.elapsed().as_secs_f64() * 1e6 / count);
    }
    store.close().await;
    Ok(Cost {
        us_per_event: Spread::of(us).median(),
        events: batches * BATCH,
    })
}

fn new_event(sender: &mut Sender, source: &SourceConfig) -> anyhow::Result<NewEvent> {
    let number = sender.made();
    let body = sender.body(Webhook {
        lead: FIRST_LEAD + number,
        status: MAPPED[number % MAPPED.len()],
        occurred_at_ms: yesterday_ms(),
    });
    let reading = systems::read_recorded(source, None, &body);
    let now = Timestamp::now();
    let mut key = [0xbe; 16];
    key[..8].copy_from_slice(&number.to_be_bytes());
    Ok(NewEvent {
        undecided: Undecided {
            event: Event {
                id: EventId::new_at(now),
                sequence: Sequence::default(),
                source: source.name.clone(),
                forced_kind: None,
                received_at: now,
                body: body.into(),
            },
            reading,
        },
        dedupe: DedupeRule {
            key,
            within: source.dedupe_window,
            or_newest_of_lead: false,
        },
    })
}
