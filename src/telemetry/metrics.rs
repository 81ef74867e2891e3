//! The metric families of `/metrics`, and handles cheap enough for every webhook.
//!
//! Counters live in memory; gauges are set from the store's index just before a scrape. Nothing
//! here is global: a test has metrics of its own. What can be counted is there from the start, at 0:
//! a series that appears with its first count has no rise.

mod gauges;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use gauges::Gauges;
pub use gauges::{LastEvent, TARGET_STATES};

/// What [`Metrics::encode`] produces, for the response's `Content-Type`.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Stands for a source that is not configured, so that senders cannot make label values up. No
/// source can have this name.
const UNKNOWN_SOURCE: &str = "_unknown";

/// Answers to webhooks whose rise matters from the first one on.
const EXPECTED_RESULTS: [&str; 6] = [
    "accepted",
    "duplicate",
    "unauthorized",
    "rate_limited",
    "overloaded",
    "unavailable",
];
/// Classes of cause that are a source's, and those that are a target's.
pub const SOURCE_CAUSES: [&str; 4] = ["unmapped", "invalid", "row", "unlinked"];
pub const TARGET_CAUSES: [&str; 4] = ["refused", "exhausted", "unsure", "looping"];
/// What a reload may come to.
pub const RELOAD_RESULTS: [&str; 3] = ["loaded", "unchanged", "refused"];

type Labels<const N: usize> = [(&'static str, Arc<str>); N];
type BySecondLabel = Vec<(&'static str, Counter)>;
type LagHistograms = Family<Labels<1>, Histogram, fn() -> Histogram>;

/// All families, registered.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    events: CounterTable,
    decisions: CounterTable,
    attempts: CounterTable,
    resolves: CounterTable,
    gauges: Gauges,
    ack: Histogram,
    delivery_lag: LagHistograms,
    store_commit: Histogram,
    store_rows: Counter,
    mapping_reloads: Family<Labels<1>, Counter>,
    superseded: Family<Labels<1>, Counter>,
    echo_near_misses: Family<Labels<1>, Counter>,
    secret_uses: Family<Labels<2>, Counter>,
    parkings: Family<Labels<2>, Counter>,
    spans_dropped: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("leadping_bridge"),
            events: CounterTable::new(["source", "result"]),
            decisions: CounterTable::new(["source", "decision"]),
            attempts: CounterTable::new(["target", "result"]),
            resolves: CounterTable::new(["source", "result"]),
            gauges: Gauges::default(),
            ack: short_times(),
            delivery_lag: Family::new_with_constructor(long_times),
            store_commit: short_times(),
            store_rows: Counter::default(),
            mapping_reloads: Family::default(),
            superseded: Family::default(),
            echo_near_misses: Family::default(),
            secret_uses: Family::default(),
            parkings: Family::default(),
            spans_dropped: Counter::default(),
        };
        metrics.register();
        metrics.register_resolves();
        metrics
    }

    /// Counters get their `_total` from the encoder.
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "events",
            "Webhooks by what became of them",
            self.events.family.clone(),
        );
        registry.register(
            "decisions",
            "Decisions by verdict",
            self.decisions.family.clone(),
        );
        registry.register(
            "attempts",
            "Tries of deliveries by how they ended",
            self.attempts.family.clone(),
        );
        registry.register(
            "ack_seconds",
            "From a webhook's arrival to its durable answer",
            self.ack.clone(),
        );
        registry.register(
            "delivery_lag_seconds",
            "From a webhook's arrival to its delivery",
            self.delivery_lag.clone(),
        );
        registry.register(
            "store_commit_seconds",
            "One group commit, its fsync included",
            self.store_commit.clone(),
        );
        registry.register(
            "store_rows",
            "Table rows inserted, changed and removed by those commits",
            self.store_rows.clone(),
        );
        registry.register(
            "mapping_reloads",
            "Reloads of the mapping tables by result",
            self.mapping_reloads.clone(),
        );
        registry.register(
            "superseded",
            "Calls saved because a newer delivery of the lead took their place",
            self.superseded.clone(),
        );
        registry.register(
            "echo_near_misses",
            "Webhooks that came while the echo of a write was awaited and were not it",
            self.echo_near_misses.clone(),
        );
        registry.register(
            "secret_uses",
            "Webhooks admitted by each auth entry of a source, counted from 1",
            self.secret_uses.clone(),
        );
        registry.register(
            "parkings",
            "How often something was parked, by class of cause",
            self.parkings.clone(),
        );
        registry.register(
            "spans_dropped",
            "Spans that the collector did not take, or that came too fast for it",
            self.spans_dropped.clone(),
        );
        self.gauges.register(registry);
    }

    /// What will be counted of these, at 0 until then.
    pub fn expect<'s>(
        &self,
        sources: impl IntoIterator<Item = &'s String>,
        targets: impl IntoIterator<Item = &'s String>,
    ) {
        for source in sources {
            for result in EXPECTED_RESULTS {
                self.events.touch(source, result);
            }
            self.resolves.touch(source, "linked");
            for class in SOURCE_CAUSES {
                self.parkings_of(class, ("source", source));
            }
        }
        for target in targets {
            for class in TARGET_CAUSES {
                self.parkings_of(class, ("target", target));
            }
            self.superseded(target, 0);
            self.echo_near_misses_of(target);
        }
        for result in RELOAD_RESULTS {
            self.reloads(result);
        }
    }

    fn register_resolves(&mut self) {
        self.registry.register(
            "resolves",
            "Leads of a source that a target was asked for, by what came of it",
            self.resolves.family.clone(),
        );
    }

    /// The handle of the webhook listener: every source, and how many auth entries it has.
    pub fn receive<'s>(
        self: &Arc<Self>,
        sources: impl IntoIterator<Item = (&'s str, usize)>,
    ) -> ReceiveMetrics {
        let doors = sources
            .into_iter()
            .map(|(source, entries)| {
                let counters = (1..=entries)
                    .map(|position| {
                        self.secret_uses.get_or_create_owned(&[
                            ("source", source.into()),
                            ("position", position.to_string().into()),
                        ])
                    })
                    .collect();
                let door = DoorMetrics {
                    secret_uses: counters,
                    last_event: self.gauges.last_event(source),
                };
                (source.to_owned(), door)
            })
            .collect();
        ReceiveMetrics {
            metrics: Arc::clone(self),
            doors,
        }
    }

    /// An event of the source was decided.
    pub fn decision(&self, source: &str, decision: &'static str) {
        self.decisions.increment(source, decision);
    }

    /// A try of a delivery to the target ended.
    pub fn attempt(&self, target: &str, result: &'static str) {
        self.attempts.increment(target, result);
    }

    /// A target was asked whose lead one of this source is.
    pub fn resolve(&self, source: &str, result: &'static str) {
        self.resolves.increment(source, result);
    }

    /// A delivery reached the target, so long after its webhook came in.
    pub fn delivered(&self, target: &str, lag: Duration) {
        self.delivery_lag
            .get_or_create(&[("target", target.into())])
            .observe(lag.as_secs_f64());
    }

    /// One group commit: how long it took, its sync included, and how many rows it wrote.
    pub fn store_commit(&self, duration: Duration, rows: u64) {
        self.store_commit.observe(duration.as_secs_f64());
        self.store_rows.inc_by(rows);
    }

    /// So many calls to the target were made unnecessary by a newer delivery.
    pub fn superseded(&self, target: &str, calls: usize) {
        self.superseded
            .get_or_create(&[("target", target.into())])
            .inc_by(u64::try_from(calls).unwrap_or(u64::MAX));
    }

    /// An echo of a write to the target was awaited, and something else came.
    pub fn echo_near_miss(&self, target: &str) {
        self.echo_near_misses_of(target).inc();
    }

    fn echo_near_misses_of(&self, target: &str) -> Counter {
        self.echo_near_misses
            .get_or_create_owned(&[("target", target.into())])
    }

    /// One of [`RELOAD_RESULTS`].
    pub fn mapping_reload(&self, result: &'static str) {
        self.reloads(result).inc();
        self.gauges.mapping_reload(result != "refused");
    }

    fn reloads(&self, result: &'static str) -> Counter {
        self.mapping_reloads
            .get_or_create_owned(&[("result", result.into())])
    }

    /// An event or a delivery was parked for this cause: `unmapped:voice:70`.
    pub fn parking(&self, cause: &str) {
        let mut words = cause.split(':');
        let (class, name) = (words.next().unwrap_or(cause), words.next().unwrap_or(""));
        let is = |known: &&&str| **known == class;
        if let Some(class) = SOURCE_CAUSES.iter().find(is) {
            self.parkings_of(class, ("source", name)).inc();
        } else if let Some(class) = TARGET_CAUSES.iter().find(is) {
            self.parkings_of(class, ("target", name)).inc();
        }
    }

    fn parkings_of(&self, class: &'static str, of: (&'static str, &str)) -> Counter {
        self.parkings
            .get_or_create_owned(&[("cause", class.into()), (of.0, of.1.into())])
    }

    /// Spans that are not exported.
    pub fn spans_dropped(&self) -> Counter {
        self.spans_dropped.clone()
    }

    /// The whole of `/metrics`, as [`CONTENT_TYPE`].
    pub fn encode(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a string cannot fail");
        text
    }
}

/// What the request path counts: no label is built twice.
#[derive(Debug)]
pub struct ReceiveMetrics {
    metrics: Arc<Metrics>,
    doors: HashMap<String, DoorMetrics>,
}

/// Of one source.
#[derive(Debug)]
struct DoorMetrics {
    secret_uses: Vec<Counter>,
    last_event: LastEvent,
}

impl ReceiveMetrics {
    /// A webhook was answered. A source that is not configured counts as unknown.
    pub fn event(&self, source: &str, result: &'static str) {
        let source = if self.doors.contains_key(source) {
            source
        } else {
            UNKNOWN_SOURCE
        };
        self.metrics.events.increment(source, result);
    }

    /// A new event of the source was recorded, received at `at`.
    pub fn recorded(&self, source: &str, at: Timestamp) {
        if let Some(door) = self.doors.get(source) {
            door.last_event.set(at);
        }
    }

    /// From arrival to the answer that follows the commit.
    pub fn ack(&self, duration: Duration) {
        self.metrics.ack.observe(duration.as_secs_f64());
    }

    /// The auth entry at this index (from 0) admitted a webhook; the label counts from 1.
    pub fn secret_use(&self, source: &str, index: usize) {
        let door = self.doors.get(source);
        if let Some(counter) = door.and_then(|door| door.secret_uses.get(index)) {
            counter.inc();
        }
    }
}

/// A counter family of two labels, the second from a small fixed set; after the first use of a
/// pair, counting allocates nothing.
#[derive(Debug)]
struct CounterTable {
    labels: [&'static str; 2],
    family: Family<Labels<2>, Counter>,
    known: RwLock<HashMap<Arc<str>, BySecondLabel>>,
}

impl CounterTable {
    fn new(labels: [&'static str; 2]) -> Self {
        Self {
            labels,
            family: Family::default(),
            known: RwLock::default(),
        }
    }

    /// Has the pair stand at 0 until it is counted.
    fn touch(&self, first: &str, second: &'static str) {
        let labels = [
            (self.labels[0], first.into()),
            (self.labels[1], second.into()),
        ];
        self.family.get_or_create_owned(&labels);
    }

    fn increment(&self, first: &str, second: &'static str) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let counters = known.get(first).map_or(&[][..], Vec::as_slice);
        if let Some((_, counter)) = counters.iter().find(|(word, _)| *word == second) {
            counter.inc();
            return;
        }
        drop(known);
        let first: Arc<str> = first.into();
        let labels = [
            (self.labels[0], Arc::clone(&first)),
            (self.labels[1], second.into()),
        ];
        let counter = self.family.get_or_create_owned(&labels);
        counter.inc();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let counters = known.entry(first).or_default();
        if !counters.iter().any(|(word, _)| *word == second) {
            counters.push((second, counter));
        }
    }
}

/// 0.1 ms to 13 s: a commit, an answer.
fn short_times() -> Histogram {
    Histogram::new(exponential_buckets(0.000_1, 2.0, 18))
}

/// 1 ms to 19 hours: a delivery may wait for its target.
fn long_times() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 4.0, 14))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_has_its_name_and_labels() {
        let metrics = Arc::new(Metrics::new());
        let receive = metrics.receive([("voice", 2)]);
        receive.event("voice", "recorded");
        receive.event("voice", "recorded");
        receive.event("made-up", "not_found");
        receive.ack(Duration::from_millis(3));
        receive.secret_use("voice", 1);
        receive.secret_use("voice", 9);
        receive.secret_use("made-up", 0);
        metrics.decision("voice", "delivery");
        metrics.attempt("leadping", "accepted");
        metrics.resolve("voice", "linked");
        metrics.delivered("leadping", Duration::from_millis(5));
        metrics.store_commit(Duration::from_millis(1), 4);
        metrics.mapping_reload("loaded");
        metrics.superseded("leadping", 2);
        metrics.echo_near_miss("leadping");
        metrics.set_deliveries("leadping", "due", 4);
        metrics.set_deliveries("leadping", "due", 3);
        metrics.set_oldest_due("leadping", Duration::from_millis(1500));
        metrics.parking("unmapped:voice:70");
        metrics.parking("looping:leadping");
        metrics.parking("nonsense");
        metrics.set_parked("unlinked", ("source", "voice"), 7);
        metrics.set_target_state("leadping", "paused");
        metrics.set_target_state("leadping", "failing");
        metrics.set_store_writable(true);
        metrics.set_last_event("voice", "2026-08-01T12:00:00.5Z".parse().expect("a time"));

        let text = metrics.encode();
        let mut lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.contains("_bucket{"))
            .collect();
        lines.sort_unstable();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        leadping_bridge_ack_seconds_count 1
        leadping_bridge_ack_seconds_sum 0.003
        leadping_bridge_attempts_total{target="leadping",result="accepted"} 1
        leadping_bridge_build_info{version="0.1.0"} 1
        leadping_bridge_decisions_total{source="voice",decision="delivery"} 1
        leadping_bridge_deliveries{target="leadping",state="due"} 3
        leadping_bridge_delivery_lag_seconds_count{target="leadping"} 1
        leadping_bridge_delivery_lag_seconds_sum{target="leadping"} 0.005
        leadping_bridge_echo_near_misses_total{target="leadping"} 1
        leadping_bridge_events_total{source="_unknown",result="not_found"} 1
        leadping_bridge_events_total{source="voice",result="recorded"} 2
        leadping_bridge_last_event_timestamp_seconds{source="voice"} 1785585600.5
        leadping_bridge_mapping_reload_success 1
        leadping_bridge_mapping_reloads_total{result="loaded"} 1
        leadping_bridge_oldest_due_seconds{target="leadping"} 1.5
        leadping_bridge_parked{cause="unlinked",source="voice"} 7
        leadping_bridge_parkings_total{cause="looping",target="leadping"} 1
        leadping_bridge_parkings_total{cause="unmapped",source="voice"} 1
        leadping_bridge_resolves_total{source="voice",result="linked"} 1
        leadping_bridge_secret_uses_total{source="voice",position="1"} 0
        leadping_bridge_secret_uses_total{source="voice",position="2"} 1
        leadping_bridge_spans_dropped_total 0
        leadping_bridge_store_commit_seconds_count 1
        leadping_bridge_store_commit_seconds_sum 0.001
        leadping_bridge_store_rows_total 4
        leadping_bridge_store_writable 1
        leadping_bridge_superseded_total{target="leadping"} 2
        leadping_bridge_target_state{target="leadping",state="failing"} 1
        leadping_bridge_target_state{target="leadping",state="open"} 0
        leadping_bridge_target_state{target="leadping",state="paused"} 0
        leadping_bridge_target_state{target="leadping",state="stopped"} 0
        leadping_bridge_target_state{target="leadping",state="waiting"} 0
        "#);
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn metrics_are_values() {
        let (one, other) = (Metrics::new(), Metrics::new());
        one.attempt("leadping", "accepted");
        assert!(one.encode().contains("accepted"));
        assert!(!other.encode().contains("accepted"));
    }
}
