//! A target: its name, its certificate, and one harmless read with its credential. The same read
//! without the credential shows whether the answer proves anything.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::DATE;

use super::Notes;
use super::clock::Clocks;
use crate::cli::send::told;
use crate::config::TargetConfig;
use crate::deliver::call;
use crate::deliver::credential::{Authorization, Credential};
use crate::systems::outbound::{self, Request};

pub(super) async fn look(config: &TargetConfig, clocks: &mut Clocks) -> Notes {
    let mut notes = Notes::about(format!("targets.{}", config.name));
    let Some(url) = reqwest::Url::parse(&config.base_url).ok() else {
        notes.error("base_url is no URL", "write https://host");
        return notes;
    };
    if config.proxy.is_none() && !resolves(&mut notes, &url).await {
        return notes;
    }
    let credential = match Credential::load(&config.system) {
        Ok(credential) => credential,
        Err(error) => {
            notes.error(
                format!("no credential to ask with: {error}"),
                "see secrets above",
            );
            return notes;
        }
    };
    let asker = match Asker::new(config, url) {
        Ok(asker) => asker,
        Err(error) => {
            notes.error(
                format!("it cannot be asked: {error:#}"),
                "look at proxy and base_url",
            );
            return notes;
        }
    };
    asker
        .try_credential(&credential, (&mut notes, clocks))
        .await;
    notes
}

async fn resolves(notes: &mut Notes, url: &reqwest::Url) -> bool {
    let (host, port) = (
        url.host_str().unwrap_or_default().trim_matches(['[', ']']),
        url.port_or_known_default().unwrap_or(443),
    );
    let found = tokio::net::lookup_host((host, port)).await;
    let has_address = found.is_ok_and(|mut addresses| addresses.next().is_some());
    if !has_address {
        notes.error(
            format!("the name {host} does not resolve"),
            "look at base_url and at this machine's DNS",
        );
    }
    has_address
}

/// What came back, as far as it is looked at.
struct Heard {
    status: u16,
    date: Option<String>,
    body: bytes::Bytes,
}

struct Asker<'c> {
    config: &'c TargetConfig,
    base: reqwest::Url,
    client: reqwest::Client,
}

impl<'c> Asker<'c> {
    fn new(config: &'c TargetConfig, base: reqwest::Url) -> anyhow::Result<Self> {
        let mut builder = call::client(config)?.timeout(config.timeout);
        if base.scheme() == "http" {
            // An image that ships no CA certificates needs none for this.
            builder = builder.tls_certs_only([]);
        }
        Ok(Self {
            config,
            base,
            client: builder.build()?,
        })
    }

    async fn try_credential(
        &self,
        credential: &Credential,
        (notes, clocks): (&mut Notes, &mut Clocks),
    ) {
        let authorization = match credential {
            Credential::Header { authorization, .. } => Authorization::clone(&authorization.load()),
            Credential::Tokens(tokens) => {
                let Some(heard) = self.ask(&tokens.request(), None, (notes, clocks)).await else {
                    return;
                };
                match tokens.token_in(&heard.body, Timestamp::now()) {
                    Some(token) if heard.status < 300 => token.authorization,
                    _ => {
                        notes.error(
                            format!(
                                "it sells no token for this pair (answered {})",
                                heard.status
                            ),
                            "look at auth.key and auth.secret, and at what they are allowed there",
                        );
                        return;
                    }
                }
            }
        };
        let probe = outbound::probe(&self.config.system);
        let call = probe.summary();
        let with = self.ask(&probe, Some(authorization), (notes, clocks)).await;
        let Some(with) = with else { return };
        let status = with.status;
        match status {
            401 | 403 => notes.error(
                format!("it refuses the credential ({call} answered {status})"),
                "put the target's current credential where the configuration points; ask the vendor what it may do",
            ),
            300..=399 => notes.error(
                format!("it answers {status}, a redirect, and none is followed ({call})"),
                "set base_url to where it redirects",
            ),
            429 => notes.warning(
                format!("it is asked too often just now ({call} answered 429)"),
                "try again later; keep rate_limit below what the vendor allows",
            ),
            500.. => notes.error(
                format!("it fails ({call} answered {status})"),
                "look at the vendor's status page; deliveries wait and are sent later",
            ),
            _ => self.try_without(&probe, status, (notes, clocks)).await,
        }
    }

    /// A credential that nobody looked at was not accepted.
    async fn try_without(
        &self,
        probe: &Request,
        status: u16,
        (notes, clocks): (&mut Notes, &mut Clocks),
    ) {
        let call = probe.summary();
        let without = self.ask(probe, None, (notes, clocks)).await;
        let Some(without) = without else { return };
        if matches!(without.status, 401 | 403) {
            notes.ok(format!(
                "reachable, and the credential is accepted ({call} answered {status}, without it {})",
                without.status
            ));
        } else {
            notes.warning(
                format!("it answers {call} with {status}, and without a credential with {}: that proves nothing", without.status),
                "look at base_url: is it the vendor's API, without a path?",
            );
        }
    }

    /// One call; what goes wrong on the way is noted.
    async fn ask(
        &self,
        request: &Request,
        authorization: Option<Authorization>,
        (notes, clocks): (&mut Notes, &mut Clocks),
    ) -> Option<Heard> {
        match self.exchange(request, authorization).await {
            Ok(heard) => {
                if let Some(date) = &heard.date {
                    clocks.heard(&self.config.name, date, Timestamp::now());
                }
                // Every call takes its share of the rate.
                let share = self.config.rate_limit.time_for(1, 100);
                tokio::time::sleep(share.min(Duration::from_secs(1))).await;
                Some(heard)
            }
            Err(error) => {
                let said = format!("{:#}", told(error));
                let (what, remedy) = explain_failure(&said);
                notes.error(format!("{what}: {said}"), remedy);
                None
            }
        }
    }

    async fn exchange(
        &self,
        request: &Request,
        authorization: Option<Authorization>,
    ) -> reqwest::Result<Heard> {
        let request = call::prepare(&self.client, &self.base, request, authorization);
        let answer = request.send().await?;
        let date = answer
            .headers()
            .get(DATE)
            .and_then(|date| date.to_str().ok());
        Ok(Heard {
            status: answer.status().as_u16(),
            date: date.map(str::to_owned),
            body: call::read_body(answer).await?,
        })
    }
}

/// What stands in an error of the connection, what that means, and what helps. The first that holds.
const FAILURES: [(&[&str], &str, &str); 6] = [
    (
        &[
            "certificate expired",
            "expired",
            "notvalidyet",
            "not valid yet",
        ],
        "its certificate is not valid now",
        "have it renewed there; if it was: is this machine's clock right?",
    ),
    (
        &["notvalidforname", "not valid for name"],
        "its certificate is for another name",
        "base_url must name a host that is in the certificate",
    ),
    (
        // What `openssl req -x509` makes signs itself, and says of itself that it may sign others.
        &[
            "unknownissuer",
            "causedasendentity",
            "self-signed",
            "self signed",
        ],
        "this machine does not trust who signed its certificate",
        "install ca-certificates; an authority of your own, or of a proxy that opens TLS, goes into the system's trust store, or into the file that SSL_CERT_FILE names. There is no switch that skips the check",
    ),
    (
        &["certificate", "tls", "ssl", "corrupt message", "handshake"],
        "no secure connection",
        "is it https that is spoken at this port? base_url must begin with https:// only where it is",
    ),
    (
        &["refused"],
        "nobody listens there",
        "look at base_url, host and port, and at the firewall on the way",
    ),
    (
        &[""],
        "no answer",
        "look at the network and the firewall on the way, and at proxy",
    ),
];

fn explain_failure(said: &str) -> (&'static str, &'static str) {
    let said = said.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let found = FAILURES.iter().find(|(words, ..)| says(words));
    found.map_or(("no answer", ""), |(_, what, remedy)| (what, remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_by_its_kind() {
        for (said, what) in [
            (
                "error sending request: invalid peer certificate: UnknownIssuer",
                "this machine does not trust who signed its certificate",
            ),
            (
                "invalid peer certificate: certificate not valid for name \"a\"; certificate is only valid for b",
                "its certificate is for another name",
            ),
            (
                "invalid peer certificate: certificate expired: verification time 2 (UNIX), but certificate is not valid after 1",
                "its certificate is not valid now",
            ),
            (
                "client error (Connect): received corrupt message of type InvalidContentType",
                "no secure connection",
            ),
            (
                "client error (Connect): tcp connect error: Connection refused (os error 111)",
                "nobody listens there",
            ),
            ("error sending request: operation timed out", "no answer"),
        ] {
            assert_eq!(explain_failure(said).0, what, "{said}");
        }
    }
}
