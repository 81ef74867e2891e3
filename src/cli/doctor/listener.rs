//! The listeners: is a bridge there already, or is the address free; and do senders get through.

use std::net::SocketAddr;
use std::time::Duration;

use super::Notes;
use crate::cli::send::{base_of, client, told};

const TIMEOUT: Duration = Duration::from_secs(10);

/// What answers at a listener of our own.
pub(super) async fn look(section: &str, listen: SocketAddr) -> Notes {
    let mut notes = Notes::about(format!("{section}.listen"));
    if listen.port() == 0 {
        notes.ok("any free port");
        return notes;
    }
    match tokio::net::TcpListener::bind(listen).await {
        Ok(_free) => notes.ok(format!("{listen} is free: no bridge runs here")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let path = match section {
                "server" => "/healthz",
                _ => "/metrics",
            };
            let url = format!("{}{path}", base_of(None, listen));
            // The admin listener may want a token; then it says so itself.
            match ask(&url).await {
                Ok(status) if status < 500 => notes.ok(format!("{listen} answers {status}")),
                Ok(status) => notes.error(
                    format!("{listen} answers {status}"),
                    "look at the bridge's log, or at what else listens there",
                ),
                Err(error) => notes.error(
                    format!("{listen} is taken by something that does not speak HTTP: {error}"),
                    format!("end what listens there, or set {section}.listen"),
                ),
            }
        }
        Err(error) => notes.error(
            format!("{listen} cannot be listened on: {error}"),
            format!("set {section}.listen to an address of this machine, with a port above 1023"),
        ),
    }
    notes
}

/// The webhook listener as senders see it.
pub(super) async fn look_outside(url: &str) -> Notes {
    let mut notes = Notes::about("public_url");
    let url = format!("{}/healthz", url.trim_end_matches('/'));
    let remedy = "let the proxy in front pass /webhooks/ and /healthz to server.listen, under a \
                  certificate that senders trust";
    match ask(&url).await {
        Ok(200) => notes.ok("senders reach the webhook listener"),
        Ok(status) => notes.error(format!("/healthz is answered {status} there"), remedy),
        Err(error) => notes.error(format!("no answer: {error}"), remedy),
    }
    notes
}

async fn ask(url: &str) -> Result<u16, String> {
    let client = client(url).map_err(|error| format!("{:#}", told(error)))?;
    let answer = client.get(url).timeout(TIMEOUT).send().await;
    answer
        .map(|answer| answer.status().as_u16())
        .map_err(|error| format!("{:#}", told(error)))
}
