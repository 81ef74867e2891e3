//! In the place of `otlp` in a build without the feature `otel`: nothing is exported, and the
//! configuration refuses to ask for it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::metrics::Metrics;
use super::traces::Traces;
use crate::config::{HeaderSecret, OtlpConfig};

pub type Scrape = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = String> + Send>> + Send + Sync>;

pub struct Queue;

pub fn traces(_: Option<&OtlpConfig>, _: &Metrics) -> (Traces, Queue) {
    (Traces::default(), Queue)
}

pub fn unusable_header(_: &HeaderSecret) -> Option<String> {
    None
}

pub struct Exporter;

impl Exporter {
    pub fn start(_: &OtlpConfig, _: Queue, _: &Metrics, _: Scrape) -> anyhow::Result<Self> {
        anyhow::bail!("this build exports nothing by OTLP")
    }

    pub async fn stop(self) {}
}
