//! What stands at the moment of a scrape: set just before it, from tallies and from memory.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Labels;

type Decimal = Gauge<f64, AtomicU64>;

/// In which of these a target is; one of them is 1.
pub const TARGET_STATES: [&str; 5] = ["open", "waiting", "paused", "failing", "stopped"];

#[derive(Debug, Default)]
pub(super) struct Gauges {
    deliveries: Family<Labels<2>, Gauge>,
    oldest_due: Family<Labels<1>, Decimal>,
    parked: Family<Labels<2>, Gauge>,
    target_state: Family<Labels<2>, Gauge>,
    last_event: Family<Labels<1>, Decimal>,
    store_writable: Gauge,
    mapping_reload_success: Gauge,
    build_info: Family<Labels<1>, Gauge>,
}

impl Gauges {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "deliveries",
            "Deliveries by state, now",
            self.deliveries.clone(),
        );
        registry.register(
            "oldest_due_seconds",
            "For how long the oldest due delivery has been due",
            self.oldest_due.clone(),
        );
        registry.register(
            "parked",
            "What waits for a person, by class of cause, now; counted up to 1000",
            self.parked.clone(),
        );
        registry.register(
            "target_state",
            "1 for the state a target is in: open, waiting, paused or failing",
            self.target_state.clone(),
        );
        registry.register(
            "last_event_timestamp_seconds",
            "When the newest webhook of a source was recorded, seconds since 1970",
            self.last_event.clone(),
        );
        registry.register(
            "store_writable",
            "1 if the last write to the store succeeded",
            self.store_writable.clone(),
        );
        registry.register(
            "mapping_reload_success",
            "1 if the tables in force are those on disk, as far as the last reload saw them",
            self.mapping_reload_success.clone(),
        );
        registry.register(
            "build_info",
            "1, with the version that runs",
            self.build_info.clone(),
        );
        self.mapping_reload_success.set(1);
        let version: Arc<str> = env!("CARGO_PKG_VERSION").into();
        self.build_info
            .get_or_create(&[("version", version)])
            .set(1);
    }

    pub(super) fn mapping_reload(&self, is_success: bool) {
        self.mapping_reload_success.set(is_success.into());
    }

    /// The handle of a source's newest event.
    pub(super) fn last_event(&self, source: &str) -> LastEvent {
        LastEvent(
            self.last_event
                .get_or_create_owned(&[("source", source.into())]),
        )
    }
}

/// When the newest event of one source was recorded.
#[derive(Debug, Clone)]
pub struct LastEvent(Decimal);

impl LastEvent {
    pub fn set(&self, at: Timestamp) {
        self.0.set(at.as_millisecond() as f64 / 1000.0);
    }
}

/// Set before every scrape.
impl super::Metrics {
    /// Every state must be set, those without deliveries to 0.
    pub fn set_deliveries(&self, target: &str, state: &'static str, count: u64) {
        self.gauges
            .deliveries
            .get_or_create(&[("target", target.into()), ("state", state.into())])
            .set(count.try_into().unwrap_or(i64::MAX));
    }

    /// Zero if nothing is due.
    pub fn set_oldest_due(&self, target: &str, age: Duration) {
        self.gauges
            .oldest_due
            .get_or_create(&[("target", target.into())])
            .set(age.as_secs_f64());
    }

    /// So much waits for causes of this class; `of` names a source or a target.
    pub fn set_parked(&self, class: &'static str, of: (&'static str, &str), count: u64) {
        self.gauges
            .parked
            .get_or_create(&[("cause", class.into()), (of.0, of.1.into())])
            .set(count.try_into().unwrap_or(i64::MAX));
    }

    /// `state` is one of [`TARGET_STATES`].
    pub fn set_target_state(&self, target: &str, state: &'static str) {
        for each in TARGET_STATES {
            self.gauges
                .target_state
                .get_or_create(&[("target", target.into()), ("state", each.into())])
                .set((each == state).into());
        }
    }

    pub fn set_store_writable(&self, is_writable: bool) {
        self.gauges.store_writable.set(is_writable.into());
    }

    /// The newest event of the source in the store, as a start finds it.
    pub fn set_last_event(&self, source: &str, at: Timestamp) {
        self.gauges.last_event(source).set(at);
    }
}
