//! The yardsticks: a bare axum handler that reads the body and checks the same signature, and
//! keeps nothing; and the same one that appends the body to a plain file, durable before it answers.
//! Each runs in a process of its own, as the bridge does: this program started again.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use data_encoding::HEXLOWER;
use hmac::Mac;
use http::{HeaderMap, StatusCode};

use crate::journal::Journal;
use crate::webhook::{self, HmacSha256, SIGNATURE_HEADER, SIGNATURE_PREFIX};

/// The argument that makes this program the bare handler.
pub const ROLE: &str = "--bare-handler";

/// The handler's process; it ends with this value.
pub struct Bare {
    process: Child,
    pub address: SocketAddr,
}

impl Bare {
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(&[])
    }

    /// One that keeps what it gets, in this file.
    pub fn start_keeping(file: &Path) -> anyhow::Result<Self> {
        Self::start_with(&[file.as_os_str()])
    }

    fn start_with(arguments: &[&OsStr]) -> anyhow::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg(ROLE)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().context("it was piped")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line
            .trim()
            .parse()
            .context("the bare handler did not start");
        let mut bare = Self {
            process,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        bare.address = address?;
        Ok(bare)
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        // It holds nothing: cutting it off is the way to end it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Being the handler, until killed. Says where it listens on stdout.
pub fn serve(file: Option<&Path>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        std::io::stdout().flush()?;
        let handler = Handler {
            key: webhook::key(),
            journal: file.map(Journal::create).transpose()?,
        };
        let router = Router::new()
            .route("/webhooks/crm", post(receive))
            .with_state(handler);
        axum::serve(listener, router).await?;
        Ok(())
    })
}

#[derive(Clone)]
struct Handler {
    key: HmacSha256,
    journal: Option<Journal>,
}

async fn receive(State(handler): State<Handler>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let given = headers
        .get(SIGNATURE_HEADER)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.strip_prefix(SIGNATURE_PREFIX))
        .and_then(|hex| HEXLOWER.decode(hex.as_bytes()).ok())
        .unwrap_or_default();
    let mut mac = handler.key;
    mac.update(&body);
    if mac.verify_slice(&given).is_err() {
        return StatusCode::UNAUTHORIZED;
    }
    match &handler.journal {
        Some(journal) if !journal.keep(body).await => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::ACCEPTED,
    }
}
