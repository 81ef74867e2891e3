//! The push of telemetry: made of the configuration, fed by the same scrape as `/metrics`.

use std::sync::Arc;

use crate::admin::Admin;
use crate::config::Config;
use crate::store::{Store, StoreError};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::otlp::{Exporter, Queue, Scrape};

/// Counters at 0 and what is known of the time before this start.
pub(super) async fn prime(
    metrics: &Metrics,
    config: &Config,
    store: &Store,
) -> Result<(), StoreError> {
    metrics.expect(config.sources.keys(), config.targets.keys());
    for (source, at) in store.newest_by_source().await? {
        if config.sources.contains_key(&source) {
            metrics.set_last_event(&source, at);
        }
    }
    Ok(())
}

/// Without a collector, or where its client cannot be made, nothing is pushed.
pub(super) fn start(config: &Config, queue: Queue, admin: Arc<Admin>) -> Option<Exporter> {
    let otlp = config.telemetry.otlp.as_ref()?;
    let metrics = admin.metrics.clone();
    let scrape: Scrape = Arc::new(move || {
        let admin = admin.clone();
        Box::pin(async move { admin.scrape().await })
    });
    Exporter::start(otlp, queue, &metrics, scrape)
        .inspect_err(|error| {
            tracing::warn!(%error, "telemetry cannot be exported; everything else goes on");
        })
        .ok()
}
