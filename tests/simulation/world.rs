//! The bridge on a runtime of its own, so that it can be killed, with the sandbox as its targets and
//! a clock moved by hand.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use leadping_bridge::app::App;
use leadping_bridge::clock::{Clock, ManualClock};
use leadping_bridge::config;
use leadping_bridge::config::Config;
use leadping_bridge::event::EventId;
use leadping_bridge::map;
use leadping_bridge::sandbox::{
    RequestLimit, Sandbox, SandboxOptions, WebhookReceiver, WebhookState,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::senders::Webhook;

/// Of every source and target, in the file `secret`: NLPearl's keys have this form.
const SECRET: &str = "account:simulated";
/// How long something that must happen may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long the bridge is given for what it can do at one time of the clock.
const WORKING_TIME: Duration = Duration::from_millis(12);

pub type Posting = Vec<JoinHandle<(Webhook, Option<EventId>)>>;

/// What a world is made of.
pub struct Setup {
    /// Mapping name → table.
    pub tables: &'static [(&'static str, &'static str)],
    /// The configuration in this place, with the sandbox at this address.
    pub config: fn(&str, &str) -> String,
    /// LeadPing's.
    pub limit: RequestLimit,
    /// What is written at a system comes back as its webhook.
    pub echoes: bool,
}

pub struct World {
    setup: Setup,
    directory: TempDir,
    clock: ManualClock,
    /// The senders' and the target's side.
    outside: Runtime,
    sandbox: Sandbox,
    client: reqwest::Client,
    bridge: Option<(Runtime, App)>,
    /// Looks at the store without being part of the bridge.
    window: Option<rusqlite::Connection>,
    /// When the bridge was started.
    pub starts: Vec<Timestamp>,
}

impl World {
    pub fn start(setup: Setup) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = ManualClock::starting_at("2026-08-01T10:00:00Z".parse().unwrap());
        let outside = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let sandbox = outside.block_on(async {
            Sandbox::start(SandboxOptions {
                limit: setup.limit,
                capillary_limit: RequestLimit::OFF,
                clock: Clock::Manual(clock.clone()),
                ..SandboxOptions::default()
            })
            .unwrap()
        });
        write_files(directory.path(), &setup, &sandbox.base_url());
        let mut world = Self {
            setup,
            directory,
            clock,
            outside,
            sandbox,
            client: reqwest::Client::builder()
                .no_proxy()
                .timeout(PATIENCE)
                .build()
                .unwrap(),
            bridge: None,
            window: None,
            starts: Vec::new(),
        };
        world.start_bridge();
        world
    }

    pub fn now(&self) -> Timestamp {
        Clock::Manual(self.clock.clone()).now()
    }

    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    pub fn database(&self) -> PathBuf {
        self.directory.path().join("bridge.db")
    }

    pub fn start_bridge(&mut self) {
        let path = self.directory.path().join("bridge.toml");
        let (config, _) = config::load(&path, std::iter::empty())
            .unwrap_or_else(|findings| panic!("{findings:?}"));
        let deadline = Instant::now() + PATIENCE;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let app = loop {
            let (tables, findings) = map::load_dir(&config.mappings.dir, &config.mapping_kinds());
            let tables = tables.unwrap_or_else(|| panic!("{findings:?}"));
            let clock = Clock::Manual(self.clock.clone());
            match runtime.block_on(App::start(config.clone(), tables, clock)) {
                Ok(app) => break app,
                // The one that was killed may not have let go of its store yet.
                Err(error) if Instant::now() > deadline => panic!("{error:#}"),
                Err(_) => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        self.starts.push(self.now());
        if self.setup.echoes {
            self.send_webhooks(&config, &app);
        }
        self.bridge = Some((runtime, app));
        let window = rusqlite::Connection::open(self.database()).unwrap();
        window
            .execute_batch("PRAGMA query_only = ON; PRAGMA busy_timeout = 5000;")
            .unwrap();
        self.window = Some(window);
    }

    /// The bridge's address changes with every start, so this is told each time.
    fn send_webhooks(&self, config: &Config, app: &App) {
        let address = app.webhook_address;
        for source in config.sources.values() {
            let url = format!("http://{address}/webhooks/{}", source.name);
            // A generic source has no system here.
            if let Ok(receiver) = WebhookReceiver::of_source(source, url) {
                self.sandbox.send_webhooks(receiver);
            }
        }
    }

    /// Every task of the bridge ends where it stands.
    pub fn kill(&mut self) {
        self.window = None;
        let (runtime, app) = self.bridge.take().expect("the bridge is up");
        runtime.shutdown_timeout(PATIENCE);
        drop(app);
    }

    pub fn stop_bridge(&mut self) {
        self.window = None;
        let (runtime, app) = self.bridge.take().expect("the bridge is up");
        let stopping = runtime.spawn(app.stop());
        // The stop waits for calls under way, and one may wait for the rate limit.
        let deadline = Instant::now() + PATIENCE;
        while !stopping.is_finished() {
            assert!(Instant::now() < deadline, "the bridge does not stop");
            self.clock.advance(Duration::from_millis(50));
            std::thread::sleep(Duration::from_millis(1));
        }
        runtime.block_on(stopping).unwrap();
    }

    /// Posts and waits for every answer.
    pub fn post(&self, webhooks: Vec<Webhook>) -> Vec<(Webhook, Option<EventId>)> {
        let posting = self.post_meanwhile(webhooks);
        let answered = self.finish(posting);
        for (webhook, id) in &answered {
            assert!(id.is_some(), "a running bridge took no {}", webhook.source);
        }
        answered
    }

    pub fn post_meanwhile(&self, webhooks: Vec<Webhook>) -> Posting {
        let (_, app) = self.bridge.as_ref().expect("the bridge is up");
        let address = app.webhook_address;
        let post = |webhook: Webhook| {
            let request = self
                .client
                .post(format!("http://{address}/webhooks/{}", webhook.source))
                .header("x-secret", SECRET)
                .json(&webhook.body);
            self.outside.spawn(async move {
                let Ok(answer) = request.send().await else {
                    return (webhook, None);
                };
                let taken = matches!(answer.status().as_u16(), 200 | 202);
                let body = answer.json::<Value>().await.unwrap_or_default();
                let id = body["id"]
                    .as_str()
                    .filter(|_| taken)
                    .map(|id| id.parse().unwrap());
                (webhook, id)
            })
        };
        webhooks.into_iter().map(post).collect()
    }

    pub fn finish(&self, posting: Posting) -> Vec<(Webhook, Option<EventId>)> {
        self.outside.block_on(async {
            let mut answered = Vec::new();
            for post in posting {
                answered.push(post.await.unwrap());
            }
            answered
        })
    }

    fn count(&self, query: &str) -> i64 {
        let window = self.window.as_ref().expect("the bridge is up");
        let now = self.now().as_millisecond();
        let mut statement = window.prepare_cached(query).unwrap();
        let parameters = usize::min(statement.parameter_count(), 1);
        let numbers = [now];
        let found = statement
            .query_row(rusqlite::params_from_iter(&numbers[..parameters]), |row| {
                row.get(0)
            });
        found.unwrap()
    }

    /// Lets the bridge do what it can do at this time of the clock, for a moment at most.
    pub fn let_it_work(&self) {
        let until = Instant::now() + WORKING_TIME;
        while Instant::now() < until {
            let busy = "SELECT (SELECT count(*) FROM event WHERE state = 'received')
                      + (SELECT count(*) FROM delivery WHERE state = 'in_flight'
                         OR (state = 'due' AND head = 1 AND due_at <= ?1))";
            if self.count(busy) == 0 && self.sandbox.webhooks_moving() == 0 {
                return;
            }
            std::thread::sleep(Duration::from_micros(300));
        }
    }

    pub fn is_at_rest(&self) -> bool {
        let webhooks = self.sandbox.webhooks();
        let all_told = webhooks.iter().all(|webhook| {
            matches!(
                webhook.state,
                WebhookState::Delivered | WebhookState::Refused | WebhookState::GivenUp
            )
        });
        all_told
            && self.count(
                "SELECT (SELECT count(*) FROM event WHERE state = 'received')
                  + (SELECT count(*) FROM delivery WHERE state IN ('due', 'in_flight'))",
            ) == 0
    }

    pub fn what_is_left(&self) -> String {
        let window = self.window.as_ref().expect("the bridge is up");
        let mut statement = window
            .prepare(
                "SELECT 'delivery ' || delivery || ' ' || state || ' head ' || head || ' due '
                        || (due_at - ?1) || ' held ' || ifnull(held_status, 0) || ' fate ' || fate_unknown
                 FROM delivery WHERE state IN ('due', 'in_flight')
                 UNION ALL SELECT 'event ' || sequence FROM event WHERE state = 'received'
                 UNION ALL SELECT 'health ' || health FROM target WHERE ?1 > 0",
            )
            .unwrap();
        let lines =
            statement.query_map([self.now().as_millisecond()], |row| row.get::<_, String>(0));
        lines
            .unwrap()
            .map(Result::unwrap)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Another table from the next start on.
    pub fn write_table(&self, mapping: &str, table: &str) {
        let place = self.directory.path().join("mappings");
        std::fs::write(place.join(format!("{mapping}.toml")), table).unwrap();
    }

    /// The place of the event recorded last.
    pub fn newest_event(&self) -> i64 {
        self.count("SELECT ifnull(max(sequence), 0) FROM event")
    }
}

fn write_files(place: &std::path::Path, setup: &Setup, sandbox: &str) {
    std::fs::create_dir(place.join("mappings")).unwrap();
    for (mapping, table) in setup.tables {
        std::fs::write(place.join(format!("mappings/{mapping}.toml")), table).unwrap();
    }
    std::fs::write(place.join("secret"), SECRET).unwrap();
    let text = (setup.config)(&place.display().to_string(), sandbox);
    std::fs::write(place.join("bridge.toml"), text).unwrap();
}
