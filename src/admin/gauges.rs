//! `GET /metrics`: counters from memory, gauges from tallies, bounded looks into an index and what
//! the workers know. No table is scanned.

use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::targets::standing;
use super::{Admin, Shared};
use crate::clock::until;
use crate::delivery::DeliveryState;
use crate::store::StoreError;
use crate::telemetry::metrics::{CONTENT_TYPE, SOURCE_CAUSES, TARGET_CAUSES};

pub(super) async fn metrics(State(admin): State<Shared>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], admin.scrape().await).into_response()
}

impl Admin {
    /// The text of `/metrics`, as it is now.
    pub async fn scrape(&self) -> String {
        if let Err(error) = self.update_gauges().await {
            tracing::warn!(%error, "the gauges show what was last read");
        }
        self.metrics.encode()
    }

    async fn update_gauges(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.metrics.set_store_writable(self.store.is_writable());
        for worker in &self.workers {
            let state = standing(&worker.health_now(), now).state;
            self.metrics.set_target_state(worker.name(), state);
        }
        for row in self.store.targets().await? {
            for state in DeliveryState::ALL {
                let count = row.deliveries.get(state.as_str()).copied().unwrap_or(0);
                let count = u64::try_from(count).unwrap_or(0);
                self.metrics
                    .set_deliveries(&row.name, state.as_str(), count);
            }
            let age = row
                .oldest_due_at
                .map_or(Duration::ZERO, |at| until(at, now));
            self.metrics.set_oldest_due(&row.name, age);
        }
        self.count_parked().await
    }

    async fn count_parked(&self) -> Result<(), StoreError> {
        let sources = self.sources.iter().flat_map(|source| {
            let of = ("source", source.as_str());
            SOURCE_CAUSES.map(|class| (class, of))
        });
        let targets = self.workers.iter().flat_map(|worker| {
            let of = ("target", worker.name());
            TARGET_CAUSES.map(|class| (class, of))
        });
        let places: Vec<_> = sources.chain(targets).collect();
        let causes = places
            .iter()
            .map(|(class, (_, name))| format!("{class}:{name}"))
            .collect();
        let counted = self.store.count_parked(causes).await?;
        for ((class, of), parked) in places.into_iter().zip(counted) {
            self.metrics.set_parked(class, of, parked.count);
        }
        Ok(())
    }
}
