//! The daemon put together: the only place where the parts meet; start, stop, grace.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::admin::auth::Doorman;
use crate::admin::{self, Admin};
use crate::clock::Clock;
use crate::config::Config;
use crate::decider::{self, DeciderTask, Heartbeat, Replays, Rules, Unlinked, WriterDesk};
use crate::deliver::{Ground, TargetWorker, credential};
use crate::listen::{self, ListenLimits};
use crate::map::Tables;
use crate::receive::{BodyLimits, Receiver, ReceiverParts, refusal_of};
use crate::record::Recorder;
use crate::resolve::Resolver;
use crate::store::sqlite::{Commit, Handover, SqliteStore};
use crate::store::{Desk, LoadedBy, Store};
use crate::telemetry::damper::Damper;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::otlp::{self, Exporter, Queue};
use crate::verify::Gate;
use crate::web;

mod export;
mod house;
mod pulse;
mod reload;
mod watch;

pub use pulse::Pulse;

/// Requests to the decider that may wait.
const REQUESTS: usize = 64;

/// Credentials that are there and cannot be used, all at once: asked before a port is bound.
pub fn unusable_credentials(config: &Config) -> Vec<String> {
    let gates = config.sources.values().flat_map(|source| {
        let faults = Gate::load(source).err().unwrap_or_default();
        let told = |fault| format!("{fault} (for sources.{}.auth)", source.name);
        faults.into_iter().map(told).collect::<Vec<_>>()
    });
    let tokens = config.targets.values().filter_map(|target| {
        let fault = credential::check(&target.system).err()?;
        let name = &target.name;
        let secrets = target.system.secrets();
        let (keys, references): (Vec<&str>, Vec<String>) = secrets
            .into_iter()
            .map(|(key, reference)| (key, reference.to_string()))
            .unzip();
        let (keys, references) = (keys.join(", "), references.join(", "));
        Some(format!(
            "{references} is not usable: {fault} (for targets.{name}.{keys})"
        ))
    });
    let collector = config.telemetry.otlp.iter().filter_map(|otlp| {
        let fault = otlp::unusable_header(otlp.header.as_ref()?)?;
        Some(format!("{fault} (for telemetry.otlp.secret)"))
    });
    gates.chain(tokens).chain(collector).collect()
}

/// A running bridge.
pub struct App {
    pub webhook_address: SocketAddr,
    pub admin_address: SocketAddr,
    /// Refuse new webhooks, take no new work.
    stop: CancellationToken,
    /// Close the listeners.
    closed: CancellationToken,
    grace: Duration,
    listeners: Vec<JoinHandle<()>>,
    workers: Vec<JoinHandle<()>>,
    background: Vec<JoinHandle<()>>,
    store: Store,
    reloader: Arc<reload::Reloader>,
    exporter: Option<Exporter>,
    pulse: Arc<Pulse>,
}

impl App {
    /// Starts everything. The listeners answer when this returns.
    pub async fn start(config: Config, tables: Tables, clock: Clock) -> anyhow::Result<Self> {
        let (webhooks, webhook_address) = bind(config.server.listen, "server.listen").await?;
        let (admin_listener, admin_address) = bind(config.admin.listen, "admin.listen").await?;
        let (ground, handed, spans) = ground_of(&config, clock).await?;
        let rules = rules_in_force(&config, tables, &ground).await?;
        let workers = start_workers(&config, &ground).await?;
        let unlinked = unlinked(&config);
        let desk = seat_desk(&rules, &workers, (&ground, &unlinked));
        let (requests_in, requests) = mpsc::channel(REQUESTS);
        let receiver = receiver(&config, &ground)?;
        let replays = Replays::load(&ground.store, ground.clock.now()).await;
        let reached = reload::Reached {
            ground: ground.clone(),
            rules,
            receiver: receiver.clone(),
            workers: workers.clone(),
            decider: requests_in.clone(),
            doorman: Arc::new(Doorman::load(&config.admin)?),
        };
        let reloader = Arc::new(reload::Reloader::new(&config, reached));
        let admin = admin_of(&config, &reloader, &replays);
        let (closed, heart) = (CancellationToken::new(), Arc::new(Heartbeat::default()));
        let limits = ListenLimits::from(&config.server);
        let until = || (ground.stop.clone(), closed.clone());
        let pages = admin::router(admin.clone()).merge(web::router(admin.clone()));
        let pages = TowerToHyperService::new(pages);
        let listeners = vec![
            tokio::spawn(listen::serve(webhooks, receiver.service(), limits, until())),
            tokio::spawn(listen::serve(admin_listener, pages, limits, until())),
        ];
        let decider = DeciderTask {
            desk,
            handed,
            requests,
            ground: ground.clone(),
            replays,
            heart: heart.clone(),
        };
        let resolvers = resolvers(&config, &ground, &workers, (&unlinked, &requests_in));
        let pulse = Pulse::of(&ground.store, &requests_in, heart);
        let background = in_background(&config, &ground, (decider, resolvers), &reloader);
        // Tables may have changed while the bridge was down.
        reloader.tables_changed().await;
        let grace = config.server.shutdown_grace;
        let run = |worker: Arc<TargetWorker>| tokio::spawn(worker.run(grace));
        Ok(Self {
            webhook_address,
            admin_address,
            stop: ground.stop,
            closed,
            grace,
            listeners,
            workers: workers.into_iter().map(run).collect(),
            background,
            store: ground.store,
            reloader,
            exporter: export::start(&config, spans, admin),
            pulse: Arc::new(pulse),
        })
    }

    /// Reads tables and `{ file }` secrets again, as SIGHUP asks.
    pub async fn reload(&self) {
        self.reloader.reload(LoadedBy::Signal).await;
    }

    /// For a watchdog.
    pub fn pulse(&self) -> Arc<Pulse> {
        self.pulse.clone()
    }

    /// Refuses new webhooks, finishes what is under way within the grace, writes everything down.
    pub async fn stop(self) {
        self.stop.cancel();
        for worker in self.workers {
            // The worker bounds its own wait by the grace.
            report(worker.await, "a delivery worker");
        }
        for task in self.background {
            report(task.await, "a background task");
        }
        self.closed.cancel();
        for listener in self.listeners {
            let ended = tokio::time::timeout(self.grace, listener).await;
            report(ended.unwrap_or(Ok(())), "a listener");
        }
        // After everything that makes spans, before the store that the gauges are read from.
        if let Some(exporter) = self.exporter {
            exporter.stop().await;
        }
        house::save_hits(&self.reloader.reached().rules, &self.store).await;
        self.store.close().await;
    }
}

fn report(ended: Result<(), tokio::task::JoinError>, what: &str) {
    if let Err(error) = ended {
        tracing::error!(%error, "{what} ended badly");
    }
}

async fn bind(address: SocketAddr, key: &str) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} (`{key}`)"))?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

/// What tells of events that wait for a link, for each source that has somebody asked.
fn unlinked(config: &Config) -> Vec<Arc<Unlinked>> {
    let asking = config.sources.values();
    asking
        .filter(|source| source.resolve.is_some())
        .map(|source| Arc::new(Unlinked::of(&source.name)))
        .collect()
}

fn in_background(
    config: &Config,
    ground: &Ground,
    (decider, resolvers): (DeciderTask, Vec<Resolver>),
    reloader: &Arc<reload::Reloader>,
) -> Vec<JoinHandle<()>> {
    let house = tokio::spawn(house::keep_house(ground.clone(), config.store.retention));
    let counts = house::keep_counts(ground.clone(), reloader.reached().rules.clone());
    let mut background = vec![tokio::spawn(decider.run()), house, tokio::spawn(counts)];
    background.extend(resolvers.into_iter().map(|one| tokio::spawn(one.run())));
    if config.mappings.watch {
        let watching = watch::watch(reloader.clone(), ground.stop.clone());
        background.push(tokio::spawn(watching));
    }
    background
}

/// For each source that has somebody asked.
fn resolvers(
    config: &Config,
    ground: &Ground,
    workers: &[Arc<TargetWorker>],
    told: (&[Arc<Unlinked>], &mpsc::Sender<decider::Request>),
) -> Vec<Resolver> {
    let sources = config.sources.keys();
    sources
        .filter_map(|source| Resolver::of(config, source, (ground, workers), told))
        .collect()
}

/// Store, clock and counters, on which everything else stands.
async fn ground_of(config: &Config, clock: Clock) -> anyhow::Result<(Ground, Handover, Queue)> {
    let metrics = Arc::new(Metrics::new());
    let (traces, spans) = otlp::traces(config.telemetry.otlp.as_ref(), &metrics);
    let (store, handed) = open_store(config, &metrics).await?;
    export::prime(&metrics, config, &store).await?;
    let ground = Ground {
        store,
        clock,
        metrics,
        traces,
        stop: CancellationToken::new(),
    };
    Ok((ground, handed, spans))
}

async fn start_workers(config: &Config, ground: &Ground) -> anyhow::Result<Vec<Arc<TargetWorker>>> {
    let mut workers = Vec::new();
    for target in config.targets.values() {
        workers.push(TargetWorker::start(target.clone(), ground.clone()).await?);
    }
    Ok(workers)
}

/// What is recorded from now on is decided at once.
fn seat_desk(
    rules: &Arc<Rules>,
    workers: &[Arc<TargetWorker>],
    (ground, unlinked): (&Ground, &[Arc<Unlinked>]),
) -> Arc<WriterDesk> {
    let desk = Arc::new(WriterDesk {
        unlinked: unlinked.to_vec(),
        rules: rules.clone(),
        workers: workers.to_vec(),
        clock: ground.clock.clone(),
        metrics: ground.metrics.clone(),
        traces: ground.traces.clone(),
        damper: Damper::default(),
    });
    let seated: Arc<dyn Desk> = desk.clone();
    ground.store.decide_at(&seated);
    desk
}

async fn open_store(config: &Config, metrics: &Arc<Metrics>) -> anyhow::Result<(Store, Handover)> {
    let path = config.store.path.clone();
    let observed = metrics.clone();
    let opened = tokio::task::spawn_blocking(move || {
        let on_commit = move |commit: Commit| observed.store_commit(commit.took, commit.rows);
        SqliteStore::open(&path, Box::new(on_commit))
    });
    let (store, handed) = opened
        .await?
        .with_context(|| format!("cannot open the store {}", config.store.path.display()))?;
    Ok((Store::Sqlite(store), handed))
}

/// The rules to start with, written down before the first decision: it names no table that is not
/// kept.
async fn rules_in_force(
    config: &Config,
    tables: Tables,
    ground: &Ground,
) -> anyhow::Result<Arc<Rules>> {
    reload::remember(ground, &tables, LoadedBy::Start)
        .await
        .context("the tables in force cannot be written down")?;
    let rules = Rules::new(config, tables);
    let recalled = rules.recall_hits(&ground.store).await;
    recalled.context("how often rows spoke cannot be read")?;
    Ok(Arc::new(rules))
}

fn admin_of(config: &Config, reloader: &Arc<reload::Reloader>, replays: &Replays) -> Arc<Admin> {
    let (reached, reloader) = (reloader.reached(), reloader.clone());
    let max_body_bytes = config.server.max_body_bytes;
    Arc::new(Admin {
        store: reached.ground.store.clone(),
        clock: reached.ground.clock.clone(),
        metrics: reached.ground.metrics.clone(),
        workers: reached.workers.clone(),
        decider: reached.decider.clone(),
        rules: reached.rules.clone(),
        replay: replays.board().clone(),
        plan: Arc::default(),
        sources: config.sources.keys().cloned().collect(),
        doorman: reached.doorman.clone(),
        reload: Box::new(move || {
            let reloader = reloader.clone();
            Box::pin(async move { reloader.reload_tables(LoadedBy::Api).await })
        }),
        refusal_of: Box::new(move |body| refusal_of(body, max_body_bytes)),
        config: Arc::new(config.clone()),
    })
}

fn receiver(config: &Config, ground: &Ground) -> anyhow::Result<Arc<Receiver>> {
    let mut sources = Vec::new();
    for source in config.sources.values() {
        let gate = Gate::load(source).map_err(|faults| {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            anyhow::anyhow!("source `{}`: {}", source.name, faults.join("; "))
        })?;
        sources.push((Arc::new(source.clone()), gate));
    }
    let entries = config
        .sources
        .values()
        .map(|source| (source.name.as_str(), source.auth.len()));
    let parts = ReceiverParts {
        sources,
        recorder: Arc::new(Recorder::new(ground.store.clone())),
        metrics: Arc::new(ground.metrics.receive(entries)),
        traces: ground.traces.clone(),
        clock: ground.clock.clone(),
        stopping: ground.stop.clone(),
    };
    Ok(Arc::new(Receiver::new(
        parts,
        BodyLimits::from(&config.server),
    )))
}
