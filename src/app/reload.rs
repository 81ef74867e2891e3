//! Reloading: tables are read whole, checked whole, swapped at once; a bad set never replaces a
//! good one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::admin::Reloaded;
use crate::admin::auth::Doorman;
use crate::config::{Config, SourceKind};
use crate::decider::{RefusedTables, Request, Rules};
use crate::deliver::{Ground, TargetWorker};
use crate::diagnostic::Severity;
use crate::map;
use crate::map::Tables;
use crate::receive::Receiver;
use crate::store::{LoadedBy, StoreError, TableLoaded, TablesLoaded};
use crate::telemetry::damper::{Damper, Say};

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

    pub(super) fn dir(&self) -> &Path {
        &self.dir
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
                tracing::error!(%error, "the tables could not be read; the old ones stay in force");
                return self.refuse(vec![String::from("the tables could not be read")]);
            }
        };
        let Some(tables) = tables else {
            for finding in &findings {
                match finding.severity {
                    Severity::Error => tracing::error!("{finding}"),
                    Severity::Warning => tracing::warn!("{finding}"),
                }
            }
            tracing::error!("the tables have faults; the old ones stay in force");
            return self.refuse(findings.iter().map(ToString::to_string).collect());
        };
        if tables.hash == self.reached.rules.tables().hash {
            metrics.mapping_reload("unchanged");
            if self.reached.rules.refuse(None).is_some() {
                tracing::info!(mapping.hash = %tables.hash, "the tables are sound again, and as those in force");
            }
            let hash = tables.hash.to_string();
            return Reloaded::Unchanged { hash };
        }
        // First written down: a decision names no table that is not kept.
        if let Err(error) = remember(&self.reached.ground, &tables, by).await {
            if let Say::Aloud { unsaid } = self.damper.ask("", self.reached.ground.clock.now()) {
                tracing::error!(%error, unsaid, "the new tables cannot be written down; the old ones stay in force, trying again");
            }
            self.refuse(vec![String::from("the store could not write them down")]);
            return Reloaded::NotYet;
        }
        tracing::info!(mapping.hash = %tables.hash, reason = by.as_str(), "new tables are in force");
        metrics.mapping_reload("loaded");
        let hash = tables.hash.to_string();
        self.reached.rules.replace_tables(tables);
        self.tables_changed().await;
        Reloaded::Loaded { hash }
    }

    /// The tables in force stay; why, for whoever looks.
    fn refuse(&self, findings: Vec<String>) -> Reloaded {
        self.reached.ground.metrics.mapping_reload("refused");
        let at = self.reached.ground.clock.now();
        let refused = RefusedTables::new(at, findings.clone());
        self.reached.rules.refuse(Some(refused));
        Reloaded::Refused { findings }
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

/// Writes down which tables are about to come into force.
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
