//! A whole bridge in this process: config and tables in a directory of its own, a store that
//! outlives restarts, a clock moved by hand, the sandbox as LeadPing.
//!
//! `contract` holds every answer of the admin API against its document, `files` writes what the bridge reads, `send` is the senders' side, `watch` waits until nothing
//! moves any more, `show` turns what happened into text, `systems` has the sandbox tell the bridge
//! what was written at NLPearl, Capillary and LeadPing.

use std::time::Duration;

use jiff::Timestamp;
use leadping_bridge::app::App;
use leadping_bridge::clock::{Clock, ManualClock};
use leadping_bridge::config::Config;
use leadping_bridge::map;
use leadping_bridge::sandbox::{
    Fault, FaultAnswer, FaultRule, RequestLimit, Sandbox, SandboxOptions,
};
use leadping_bridge::secret::Secret;
use tokio::runtime::Runtime;

mod contract;
mod files;
mod send;
mod show;
mod systems;
pub mod watch;

use files::Files;
pub use files::Setup;
pub use send::{crm, voice_call, voice_lead};
pub use systems::{CRM_LEAD, LEADPING_LEAD, VOICE_LEAD, crm_alone, voice_of_all};

/// How long a world waits for what must happen.
const DEADLINE: Duration = Duration::from_secs(30);
pub const TOKEN: &str = "leadping-token";

pub struct World {
    files: Files,
    pub clock: ManualClock,
    config: Config,
    sandbox: Option<Sandbox>,
    sandbox_options: SandboxOptions,
    sends_webhooks: bool,
    app: Option<App>,
    /// The bridge has a runtime of its own, so that it can be killed.
    runtime: Option<Runtime>,
    client: reqwest::Client,
    is_finished: bool,
}

impl Setup {
    /// Starts sandbox and bridge, and lets the rate limiter's bucket fill.
    pub async fn start(self) -> World {
        let world = self.start_with_empty_bucket().await;
        world.clock.advance(Duration::from_secs(1));
        world
    }

    pub async fn start_with_empty_bucket(self) -> World {
        let started_at: Timestamp = "2026-08-01T12:00:00Z".parse().unwrap();
        let clock = ManualClock::starting_at(started_at);
        let sandbox_clock = if self.sandbox_has_real_time {
            Clock::System
        } else {
            Clock::Manual(clock.clone())
        };
        let mut sandbox_options = SandboxOptions {
            token: Some(Secret::new(TOKEN)),
            limit: RequestLimit::OFF,
            clock: sandbox_clock,
            ..SandboxOptions::default()
        };
        let sandbox = Sandbox::start(sandbox_options.clone()).unwrap();
        sandbox_options.listen = sandbox.address();
        let sends_webhooks = self.sandbox_sends_webhooks;
        let files = Files::write(self, &sandbox.base_url());
        let config = files.load_config();
        let mut world = World {
            files,
            clock,
            config,
            sandbox: Some(sandbox),
            sandbox_options,
            sends_webhooks,
            app: None,
            runtime: None,
            client: reqwest::Client::builder()
                .no_proxy()
                .tls_certs_only([])
                .timeout(DEADLINE)
                .build()
                .unwrap(),
            is_finished: false,
        };
        world.start_bridge().await;
        world
    }
}

impl World {
    async fn start_bridge(&mut self) {
        self.config = self.files.load_config();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (tables, findings) =
            map::load_dir(&self.config.mappings.dir, &self.config.mapping_kinds());
        let tables = tables.unwrap_or_else(|| panic!("{findings:?}"));
        let clock = Clock::Manual(self.clock.clone());
        let app = runtime
            .spawn(App::start(self.config.clone(), tables, clock))
            .await
            .expect("starting does not panic");
        self.app = Some(app.expect("the bridge starts"));
        self.send_webhooks();
        self.runtime = Some(runtime);
    }

    pub fn sandbox(&self) -> &Sandbox {
        self.sandbox.as_ref().expect("the sandbox is up")
    }

    pub fn app(&self) -> &App {
        self.app.as_ref().expect("the bridge is up")
    }

    /// Nobody listens at the target's address any more.
    pub async fn take_sandbox_down(&mut self) {
        self.sandbox.take().expect("the sandbox is up").stop().await;
    }

    /// A new sandbox, without memory, at the same address.
    pub fn bring_sandbox_up(&mut self) {
        let sandbox = Sandbox::start(self.sandbox_options.clone()).unwrap();
        self.sandbox = Some(sandbox);
        self.send_webhooks();
    }

    pub async fn stop(&mut self) {
        let (app, runtime) = self.take_bridge();
        runtime
            .spawn(app.stop())
            .await
            .expect("stopping does not panic");
        end(runtime).await;
    }

    /// As `kill -9` would: every task ends where it stands.
    pub async fn crash(&mut self) {
        let (app, runtime) = self.take_bridge();
        drop(app);
        end(runtime).await;
        self.files.unlocked().await;
    }

    fn take_bridge(&mut self) -> (App, Runtime) {
        let app = self.app.take().expect("the bridge is up");
        (app, self.runtime.take().expect("the bridge has a runtime"))
    }

    /// Stops and starts again on the same store, and lets the bucket fill.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.start().await;
    }

    /// As [`World::restart`], with one key of the configuration changed.
    pub async fn restart_with(&mut self, key: &str, value: &str) {
        self.stop().await;
        self.files.set(key, value);
        self.start().await;
    }

    /// Starts again after a stop or a crash.
    pub async fn start(&mut self) {
        self.start_bridge().await;
        // The bucket starts empty; these few milliseconds fill it and move nothing else.
        self.clock.advance(files::REFILL);
    }

    /// A file of the world.
    pub fn path(&self, name: &str) -> String {
        self.files.path(name)
    }

    pub fn write_table(&self, mapping: &str, table: &str) {
        self.files.write_table(mapping, table);
    }

    pub async fn reload(&self) {
        self.app().reload().await;
    }

    /// Writes another table and has it loaded, as SIGHUP does.
    pub async fn replace_table(&self, mapping: &str, table: &str) {
        self.write_table(mapping, table);
        self.reload().await;
    }

    /// Another value of a secret of this world: `admin`, `voice`, …
    pub fn write_secret(&self, name: &str, secret: &str) {
        self.files.write_secret(name, secret);
    }

    /// Another credential for the target, where the bridge reads it.
    pub fn write_target_token(&self, token: &str) {
        self.files.write_secret("leadping", token);
    }

    /// The next `times` calls of this scope are answered so.
    pub fn answer(&self, rule: FaultRule) {
        self.sandbox().add_fault(rule);
    }

    /// Ends the story: nothing in flight, no call of a lead beside another, every finite fault
    /// used, and a clean stop.
    pub async fn finish(mut self) {
        let look = self.look().await;
        assert_eq!(look.in_flight, 0, "in flight at the end");
        if let Some(sandbox) = &self.sandbox {
            assert_eq!(sandbox.overlaps(), 0, "two sets of one lead at once");
            let unused: Vec<_> = sandbox
                .faults()
                .into_iter()
                .filter(|rule| rule.times.is_some())
                .collect();
            assert!(unused.is_empty(), "faults never used: {unused:?}");
        }
        self.stop().await;
        self.is_finished = true;
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        if !self.is_finished && !std::thread::panicking() {
            panic!("a story must end with `finish`");
        }
    }
}

async fn end(runtime: Runtime) {
    let ended = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(DEADLINE));
    ended.await.expect("ending a runtime does not panic");
}

/// The fault that answers with this status, having done nothing.
pub fn status(status: u16) -> Fault {
    Fault::Answer(FaultAnswer::status(status))
}

/// The fault that does what was asked and then answers with this status.
pub fn status_after_apply(status: u16) -> Fault {
    Fault::AnswerAfterApply(FaultAnswer::status(status))
}

pub fn retry_after(status: u16, retry_after: &str) -> Fault {
    Fault::Answer(FaultAnswer {
        status,
        retry_after: Some(retry_after.to_owned()),
        body: None,
    })
}

pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
