//! Reloading: tables are read whole, checked whole, swapped at once; a bad set never replaces a
//! good one.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use notify::{RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::admin::Reloaded;
use crate::admin::auth::Doorman;
use crate::config::{Config, SourceKind};
use crate::decider::{ReloadFault, Request, Rules};
use crate::deliver::{Ground, TargetWorker};
use crate::map;
use crate::map::Tables;
use crate::receive::Receiver;
use crate::store::{LoadedBy, StoreError, TableLoaded, TablesLoaded};
use crate::telemetry::damper::{Damper, Say};

/// Editors save in several steps: wait until the directory has been quiet for so long …
const QUIET: Duration = Duration::from_millis(250);
/// … but not longer than this, should it never be quiet.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// Findings kept to be shown; the log has all.
const MAX_FINDINGS: usize = 50;
/// After tables could not be written down.
const TRY_AGAIN: Duration = Duration::from_secs(1);

pub(super) struct Reloader {
    dir: PathBuf,
    wanted: BTreeMap<String, SourceKind>,
    reached: Reached,
    /// One reload at a time: a slow one must not put older tables in the place of newer ones.
    turn: tokio::sync::Mutex<()>,
    damper: Damper,
}

/// What a reload reaches.
pub(super) struct Reached {
    pub ground: Ground,
    pub rules: Arc<Rules>,
    pub receiver: Arc<Receiver>,
    pub workers: Vec<Arc<TargetWorker>>,
    pub decider: mpsc::Sender<Request>,
    pub doorman: Arc<Doorman>,
}

impl Reloader {
    pub(super) fn new(config: &Config, reached: Reached) -> Self {
        Self {
            dir: config.mappings.dir.clone(),
            wanted: config.mapping_kinds(),
            reached,
            turn: tokio::sync::Mutex::default(),
            damper: Damper::default(),
        }
    }

    pub(super) fn reached(&self) -> &Reached {
        &self.reached
    }

    /// Tables and secrets.
    pub(super) async fn reload(&self, by: LoadedBy) {
        for (source, fault) in self.reached.receiver.reload_secrets() {
            tracing::error!(source.name = %source, %fault, "a secret cannot be read again; the old one stays in force");
        }
        for worker in &self.reached.workers {
            worker.reload_credential();
        }
        if let Err(fault) = self.reached.doorman.reload() {
            tracing::error!(%fault, "an admin token cannot be read again; the old ones stay in force");
        }
        self.reload_tables(by).await;
    }

    pub(super) async fn reload_tables(&self, by: LoadedBy) -> Reloaded {
        let _turn = self.turn.lock().await;
        let metrics = &self.reached.ground.metrics;
        let (dir, wanted) = (self.dir.clone(), self.wanted.clone());
        let loaded = tokio::task::spawn_blocking(move || map::load_dir(&dir, &wanted)).await;
        let (tables, findings) = match loaded {
            Ok(loaded) => loaded,
            Err(error) => {
                metrics.mapping_reload("refused");
                tracing::error!(%error, "the tables could not be read; the old ones stay in force");
                let findings = vec![String::from("the tables could not be read; see the log")];
                return Reloaded::Refused { findings };
            }
        };
        let Some(tables) = tables else {
            metrics.mapping_reload("refused");
            for finding in &findings {
                tracing::error!("{finding}");
            }
            tracing::error!("the tables have faults; the old ones stay in force");
            let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
            self.reached.rules.set_reload_fault(Some(ReloadFault {
                at: self.reached.ground.clock.now(),
                findings: findings.iter().take(MAX_FINDINGS).cloned().collect(),
            }));
            return Reloaded::Refused { findings };
        };
        self.reached.rules.set_reload_fault(None);
        if tables.hash == self.reached.rules.tables().hash {
            metrics.mapping_reload("unchanged");
            let hash = tables.hash.to_string();
            return Reloaded::Unchanged { hash };
        }
        // First written down: a decision names no table that is not kept.
        if let Err(error) = remember(&self.reached.ground, &tables, by).await {
            metrics.mapping_reload("refused");
            if let Say::Aloud { unsaid } = self.damper.ask("", self.reached.ground.clock.now()) {
                tracing::error!(%error, unsaid, "the new tables cannot be written down; the old ones stay in force, trying again");
            }
            return Reloaded::NotYet;
        }
        tracing::info!(mapping.hash = %tables.hash, reason = by.as_str(), "new tables are in force");
        metrics.mapping_reload("loaded");
        let hash = tables.hash.to_string();
        self.reached.rules.replace_tables(tables);
        self.tables_changed().await;
        Reloaded::Loaded { hash }
    }

    /// Has parked events decided again that the tables may now cover.
    pub(super) async fn tables_changed(&self) {
        if self
            .reached
            .decider
            .send(Request::TablesChanged)
            .await
            .is_err()
        {
            tracing::debug!("the decider has stopped; parked events are decided at the next start");
        }
    }
}

/// Writes down which tables are in force from now on.
pub(super) async fn remember(
    ground: &Ground,
    tables: &Tables,
    by: LoadedBy,
) -> Result<(), StoreError> {
    let texts = tables.tables.iter().map(|(mapping, table)| TableLoaded {
        mapping: mapping.clone(),
        hash: table.hash.to_string(),
        text: table.text.clone(),
    });
    let loaded = TablesLoaded {
        hash: tables.hash.to_string(),
        tables: texts.collect(),
        at: ground.clock.now(),
        by,
    };
    ground.store.remember_tables(loaded).await
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
    // What changed before the watch began.
    let mut last = reloader.reload_tables(LoadedBy::File).await;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            changed = changes.recv() => if changed.is_none() { return },
            () = tokio::time::sleep(TRY_AGAIN), if last == Reloaded::NotYet => {}
        }
        let quiet = async {
            while tokio::time::timeout(QUIET, changes.recv())
                .await
                .is_ok_and(|more| more.is_some())
            {}
        };
        // Cut short, so that a directory with a busy neighbour is read at all.
        let _ = tokio::time::timeout(LONGEST_WAIT, quiet).await;
        last = reloader.reload_tables(LoadedBy::File).await;
    }
}
