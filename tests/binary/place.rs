//! A place of its own for each story: config, tables, secrets, store; and the bridge running there.
//!
//! The config is one text; a story changes it through the environment's layer, as operators do.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use leadping_bridge::sandbox::{RequestLimit, Sandbox, SandboxOptions};
use leadping_bridge::secret::Secret;
use serde_json::{Value, json};

use super::process::{Ended, Process, eventually};

pub const BINARY: &str = env!("CARGO_BIN_EXE_leadping-bridge");
pub const VOICE_SECRET: &str = "voice-secret-5b1f";
pub const CRM_SECRET: &str = "crm-secret-77aa";
pub const LEADPING_TOKEN: &str = "leadping-token-c0de";

const CONFIG: &str = r#"[server]
listen = "127.0.0.1:0"

[admin]
listen = "127.0.0.1:0"

[store]
url = "sqlite:bridge.db"

[mappings]
watch = false

[sources.voice]
kind = "nlpearl"

[[sources.voice.auth]]
scheme = "header"
header = "Authorization"
prefix = "Bearer "
secret = { file = "voice.secret" }

[sources.crm]
kind = "capillary"

[[sources.crm.auth]]
scheme = "hmac-sha256"
header = "X-Signature"
prefix = "sha256="
encoding = "hex"
secret = { env = "CRM_WEBHOOK_SECRET" }

[targets.leadping]
kind = "leadping"
base_url = "{sandbox}"
token = { env = "LEADPING_API_KEY" }
rate_limit = { requests = 100000, per_seconds = 1, burst = 100000 }
timeout_ms = 5000

[targets.leadping.retry]
initial_ms = 20
max_ms = 200
"#;

/// Each event brings a note of its own, so that none equals what the lead already has.
const VOICE_TABLE: &str = r#"kind = "nlpearl"

[[row]]
status = "Success"
leadping = { type = "Call", category = "Qualified", outcome = "Interested", notes = "{{ collected.note | default('') }}" }
"#;
const CRM_TABLE: &str = r#"kind = "capillary"

[[row]]
status = ["OPEN", "WON", "LOST", "ON_HOLD", "DELETED"]
leadping = { type = "CRM", category = "Open", outcome = "Open", notes = "{{ event.sub_status | default('') }}" }
"#;

pub struct Place {
    directory: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Place {
    /// Delivers to `target`; without one to a port where nobody answers.
    pub fn new(target: Option<&Sandbox>) -> Self {
        let place = Self::empty();
        let target = target.map_or("http://127.0.0.1:9".to_owned(), Sandbox::base_url);
        place.write("config/bridge.toml", &CONFIG.replace("{sandbox}", &target));
        place.write("mappings/voice.toml", VOICE_TABLE);
        place.write("mappings/crm.toml", CRM_TABLE);
        place.write("voice.secret", VOICE_SECRET);
        place
            .variable("CRM_WEBHOOK_SECRET", CRM_SECRET)
            .variable("LEADPING_API_KEY", LEADPING_TOKEN)
    }

    /// Nothing in it yet.
    pub fn empty() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
        }
    }

    /// One value of the config: `.with("TARGETS__LEADPING__TIMEOUT_MS", 1000)`.
    pub fn with(self, key: &str, value: impl ToString) -> Self {
        self.variable(&format!("LEADPING_BRIDGE__{key}"), value)
    }

    pub fn variable(mut self, name: &str, value: impl ToString) -> Self {
        self.variables.push((name.to_owned(), value.to_string()));
        self
    }

    pub fn without_variable(mut self, name: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Replaced by renaming, as careful editors do: nobody ever sees half a file.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let written = path.with_extension("written");
        std::fs::write(&written, text).unwrap();
        std::fs::rename(&written, &path).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// Changes one piece of a file, which must be there.
    pub fn edit(&self, name: &str, old: &str, new: &str) {
        let text = self.read(name);
        assert!(text.contains(old), "{name} has no {old}");
        self.write(name, &text.replace(old, new));
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with_input(arguments, "").await
    }

    pub async fn run_with_input(&self, arguments: &[&str], input: &str) -> Ended {
        Process::spawn(self.command(arguments), input).wait().await
    }

    /// `serve`, of which nothing is known yet.
    pub fn spawn_serve(&self) -> Process {
        Process::spawn(self.command(&["serve"]), "")
    }

    /// `serve`, ready.
    pub async fn serve(&self) -> Bridge {
        Bridge::ready(self.spawn_serve()).await
    }
}

/// A sandbox that never limits the rate and wants the token of [`Place`].
pub fn sandbox() -> Sandbox {
    Sandbox::start(SandboxOptions {
        token: Some(Secret::new(LEADPING_TOKEN)),
        limit: RequestLimit {
            requests: 0,
            per_seconds: 60,
        },
        ..SandboxOptions::default()
    })
    .unwrap()
}

/// A client as the stories need it: no proxy, no second try.
pub fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .retry(reqwest::retry::never())
        .build()
        .unwrap()
}

/// A running `serve`.
pub struct Bridge {
    pub process: Process,
    pub webhooks: SocketAddr,
    pub admin: SocketAddr,
    pub client: reqwest::Client,
}

impl Bridge {
    pub async fn ready(mut process: Process) -> Self {
        let line = eventually("serve is ready", async || {
            let line = log_line(&process.err(), "ready");
            assert!(
                line.is_some() || !process.has_ended(),
                "serve ended: {}",
                process.err()
            );
            line
        })
        .await;
        let address = |key: &str| line[key].as_str().unwrap().parse().unwrap();
        Self {
            webhooks: address("webhooks"),
            admin: address("admin"),
            process,
            client: client(),
        }
    }

    pub fn log(&self) -> String {
        self.process.err()
    }

    /// Waits for a log line with this message.
    pub async fn logged(&self, message: &str) -> Value {
        eventually(message, async || log_line(&self.log(), message)).await
    }

    /// Waits for the `count`th log line with this message.
    pub async fn logged_times(&self, message: &str, count: usize) {
        eventually(message, async || {
            let lines = self.log();
            let said = lines.lines().filter(|line| says(line, message)).count();
            (said >= count).then_some(())
        })
        .await;
    }

    pub async fn admin(&self, path: &str) -> Value {
        let url = format!("http://{}/api/v1/{path}", self.admin);
        let answer = self.client.get(url).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.unwrap()
    }

    /// A counter or gauge, by its name without the common beginning; 0 where it is not there yet.
    pub async fn metric(&self, name: &str) -> f64 {
        let url = format!("http://{}/metrics", self.admin);
        let text = self.client.get(url).send().await.unwrap().text().await;
        let name = format!("leadping_bridge_{name} ");
        text.unwrap()
            .lines()
            .find_map(|line| line.strip_prefix(&name)?.parse().ok())
            .unwrap_or(0.0)
    }

    pub async fn status_of(&self, path: &str) -> u16 {
        let url = format!("http://{}{path}", self.webhooks);
        self.client.get(url).send().await.unwrap().status().as_u16()
    }

    /// Waits until nothing is undecided and nothing is left to send.
    pub async fn at_rest(&self) {
        eventually("nothing is due any more", async || {
            // In this order: deciding an event makes its deliveries due in the same transaction.
            let undecided = self.admin("events?limit=1&state=received").await;
            let targets = self.admin("targets").await;
            let open = ["due", "in_flight"].map(|state| {
                targets["items"][0]["deliveries"][state]
                    .as_i64()
                    .unwrap_or(0)
            });
            (undecided["items"] == json!([]) && open == [0, 0]).then_some(())
        })
        .await;
    }

    /// The cause for which each parked thing waits.
    pub async fn parked(&self) -> Vec<String> {
        let page = self.admin("parked").await;
        let items = page["items"].as_array().unwrap();
        items
            .iter()
            .map(|item| item["cause"].as_str().unwrap().to_owned())
            .collect()
    }

    /// SIGTERM, and how it ended.
    pub async fn terminate(self) -> Ended {
        self.process.signal("TERM");
        self.process.wait().await
    }
}

/// The first log line with this message.
pub fn log_line(log: &str, message: &str) -> Option<Value> {
    let line = log.lines().find(|line| says(line, message))?;
    serde_json::from_str(line).ok()
}

fn says(line: &str, message: &str) -> bool {
    serde_json::from_str::<Value>(line).is_ok_and(|line| {
        line["message"]
            .as_str()
            .is_some_and(|said| said.contains(message))
    })
}
