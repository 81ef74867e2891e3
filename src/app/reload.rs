//! Reloading: tables are read whole, checked whole, swapped at once; a bad set never replaces a
//! good one.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use notify::{RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, SourceKind};
use crate::decider::{Request, Rules};
use crate::deliver::TargetWorker;
use crate::map;
use crate::receive::Receiver;
use crate::telemetry::metrics::Metrics;

/// Editors save in several steps: wait until the directory has been quiet for so long.
const QUIET: Duration = Duration::from_millis(250);

pub(super) struct Reloader {
    dir: PathBuf,
    wanted: BTreeMap<String, SourceKind>,
    rules: Arc<Rules>,
    receiver: Arc<Receiver>,
    workers: Vec<Arc<TargetWorker>>,
    decider: mpsc::Sender<Request>,
    metrics: Arc<Metrics>,
}

/// What a reload reaches.
pub(super) type Reached = (
    Arc<Rules>,
    Arc<Receiver>,
    Vec<Arc<TargetWorker>>,
    mpsc::Sender<Request>,
);

impl Reloader {
    pub(super) fn new(config: &Config, reached: Reached, metrics: &Arc<Metrics>) -> Self {
        let (rules, receiver, workers, decider) = reached;
        Self {
            dir: config.mappings.dir.clone(),
            wanted: config.mapping_kinds(),
            rules,
            receiver,
            workers,
            decider,
            metrics: metrics.clone(),
        }
    }

    /// Tables and secrets.
    pub(super) async fn reload(&self, why: &str) {
        for (source, fault) in self.receiver.reload_secrets() {
            tracing::error!(source.name = %source, %fault, "a secret cannot be read again; the old one stays in force");
        }
        for worker in &self.workers {
            worker.reload_credential();
        }
        self.reload_tables(why).await;
    }

    async fn reload_tables(&self, why: &str) {
        let (dir, wanted) = (self.dir.clone(), self.wanted.clone());
        let loaded = tokio::task::spawn_blocking(move || map::load_dir(&dir, &wanted)).await;
        let (tables, findings) = match loaded {
            Ok(loaded) => loaded,
            Err(error) => {
                tracing::error!(%error, "the tables could not be read; the old ones stay in force");
                return;
            }
        };
        let Some(tables) = tables else {
            self.metrics.mapping_reload("refused");
            for finding in &findings {
                tracing::error!("{finding}");
            }
            tracing::error!("the tables have faults; the old ones stay in force");
            return;
        };
        if tables.hash == self.rules.tables().hash {
            self.metrics.mapping_reload("unchanged");
            return;
        }
        tracing::info!(mapping.hash = %tables.hash, reason = why, "new tables are in force");
        self.metrics.mapping_reload("loaded");
        self.rules.replace_tables(tables);
        self.tables_changed().await;
    }

    /// Has parked events decided again that the tables may now cover.
    pub(super) async fn tables_changed(&self) {
        if self.decider.send(Request::TablesChanged).await.is_err() {
            tracing::debug!("the decider has stopped; parked events are decided at the next start");
        }
    }
}

/// Reloads when something in the mapping directory changes.
pub(super) async fn watch(reloader: Arc<Reloader>, stop: CancellationToken) {
    let (changed, mut changes) = mpsc::channel(1);
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // One waiting note is enough, however many changes there are.
        if event.is_ok_and(|event| !event.kind.is_access()) {
            let _ = changed.try_send(());
        }
    });
    let watching = watcher.and_then(|mut watcher| {
        // The directory, not the files: editors and Kubernetes replace files by renaming.
        watcher.watch(&reloader.dir, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    let _watcher = match watching {
        Ok(watcher) => watcher,
        Err(error) => {
            tracing::warn!(%error, "the mapping directory cannot be watched; SIGHUP still reloads");
            return;
        }
    };
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            changed = changes.recv() => if changed.is_none() { return },
        }
        while tokio::time::timeout(QUIET, changes.recv())
            .await
            .is_ok_and(|more| more.is_some())
        {}
        reloader.reload_tables("changed on disk").await;
    }
}
