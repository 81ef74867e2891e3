//! The bridge itself: the real binary, as `serve`, with a store in a directory of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::memory::{self, Memory};
use crate::webhook::{SECRET, SIGNATURE_HEADER, SIGNATURE_PREFIX};

const START_WAIT: Duration = Duration::from_secs(60);
const STOP_WAIT: Duration = Duration::from_secs(60);
/// Errors of a run that are shown.
const SHOWN_ERRORS: usize = 5;

/// Store, tables and config of one bridge; removed with this value.
pub struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    /// On the disk that holds the build, because `/tmp` is often memory.
    pub fn make(leadping: SocketAddr) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let place = Self { directory };
        let mappings = place.path().join("mappings");
        std::fs::create_dir(&mappings)?;
        std::fs::write(mappings.join("crm.toml"), include_str!("crm.toml"))?;
        std::fs::write(place.path().join("crm.secret"), SECRET)?;
        let token = "a-token-of-the-benchmark-only";
        std::fs::write(place.path().join("leadping.secret"), token)?;
        std::fs::write(place.config(), place.config_text(leadping))?;
        Ok(place)
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn config(&self) -> PathBuf {
        self.path().join("bridge.toml")
    }

    /// From the next start on.
    pub fn keep_for_days(&self, days: u32) -> anyhow::Result<()> {
        let text = std::fs::read_to_string(self.config())?;
        let others = text
            .lines()
            .filter(|line| !line.starts_with("retention_days"));
        let text: Vec<&str> = others.collect();
        let kept = format!("[store]\nretention_days = {days}");
        std::fs::write(self.config(), text.join("\n").replace("[store]", &kept))?;
        Ok(())
    }

    /// The timeout is longer than any run: LeadPing pretended may hold its answers back.
    fn config_text(&self, leadping: SocketAddr) -> String {
        let place = self.path().display();
        format!(
            r#"
[server]
listen = "127.0.0.1:0"
shutdown_grace_seconds = 1
[admin]
listen = "127.0.0.1:0"
[store]
url = "sqlite:{place}/bridge.db"
[mappings]
dir = "{place}/mappings"
[sources.crm]
kind = "capillary"
[[sources.crm.auth]]
scheme = "hmac-sha256"
header = "{SIGNATURE_HEADER}"
prefix = "{SIGNATURE_PREFIX}"
encoding = "hex"
secret = {{ file = "{place}/crm.secret" }}
[targets.leadping]
kind = "leadping"
base_url = "http://{leadping}"
token = {{ file = "{place}/leadping.secret" }}
rate_limit = {{ requests = 1000000, per_seconds = 1, burst = 1000000 }}
concurrency = 64
timeout_ms = 600000
"#
        )
    }
}

/// A running bridge; killed with this value, unless it was stopped before.
pub struct Daemon {
    process: Child,
    pub webhooks: SocketAddr,
    pub admin: SocketAddr,
    /// From the start of the process to its first answer.
    pub answered_after: Duration,
}

impl Daemon {
    pub fn start(place: &Place) -> anyhow::Result<Self> {
        let begun = Instant::now();
        let mut process = Command::new(env!("CARGO_BIN_EXE_leadping-bridge"))
            .args(["--log-format", "json", "serve", "--config"])
            .arg(place.config())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let log = process.stderr.take().context("it was piped")?;
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut daemon = Self {
            process,
            webhooks: nowhere,
            admin: nowhere,
            answered_after: Duration::ZERO,
        };
        let (ready, addresses) = mpsc::channel();
        std::thread::spawn(move || read_log(log, &ready));
        (daemon.webhooks, daemon.admin) = addresses
            .recv_timeout(START_WAIT)
            .context("the bridge did not become ready")?;
        ask_health(daemon.webhooks)?;
        daemon.answered_after = begun.elapsed();
        Ok(daemon)
    }

    pub fn memory(&self) -> anyhow::Result<Memory> {
        memory::of_process(self.process.id())
    }

    /// SIGTERM, as an operator would; what it leaves is a store at rest.
    pub fn stop(mut self) -> anyhow::Result<()> {
        let id = self.process.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status()?;
        let asked = Instant::now();
        while asked.elapsed() < STOP_WAIT {
            if let Some(status) = self.process.try_wait()? {
                if !status.success() {
                    bail!("the bridge stopped with {status}");
                }
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        bail!("the bridge did not stop");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It has ended already where it was stopped.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Finds out where it listens, and shows its errors. Warnings are expected: it is stopped in the
/// middle of calls that LeadPing pretended never answers.
fn read_log(log: ChildStderr, ready: &mpsc::Sender<(SocketAddr, SocketAddr)>) {
    let mut errors = 0;
    for line in BufReader::new(log).lines().map_while(Result::ok) {
        let entry: Value = serde_json::from_str(&line).unwrap_or_default();
        let address = |key: &str| entry[key].as_str().and_then(|text| text.parse().ok());
        if let (Some(webhooks), Some(admin)) = (address("webhooks"), address("admin")) {
            // Nobody waits any more where the start took too long.
            let _ = ready.send((webhooks, admin));
        }
        // What is no log entry is a panic's message, or a bad config's.
        if entry["level"].as_str().is_none_or(|level| level == "ERROR") {
            errors += 1;
            if errors <= SHOWN_ERRORS {
                println!("  the bridge says: {line}");
            }
        }
    }
}

fn ask_health(address: SocketAddr) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(START_WAIT))?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if !answer.starts_with("HTTP/1.1 200 ") {
        bail!("/healthz answered {:?}", answer.lines().next());
    }
    Ok(())
}
