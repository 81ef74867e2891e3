//! The round itself: each sample sent, signed as its sender would; what became of it, and of what
//! the systems then reported of themselves, is read from the admin API.

use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value;

use super::Demo;
use super::samples::{SAMPLES, Sample};
use crate::config::{self, SourceConfig};
use crate::sandbox::WebhookEntry;
use crate::secret::Secret;

/// How long the round may take before what is missing counts as missing.
const ROUND: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// One sample and what became of it.
pub(super) struct Outcome {
    pub(super) sample: &'static Sample,
    pub(super) http_status: u16,
    /// As the admin API shows it, once it came to rest.
    pub(super) event: Option<Value>,
    pub(super) back: Vec<Back>,
}

/// A webhook that a system fired because it was written to, and its event.
pub(super) struct Back {
    pub(super) source: String,
    /// The status in it.
    pub(super) says: String,
    pub(super) event: Value,
}

/// What is known of the round so far.
#[derive(Default)]
struct Known {
    /// Ids of the samples' events.
    sent: Vec<String>,
    /// Webhooks of the systems that were shown with an earlier sample.
    shown: usize,
}

impl Demo {
    /// Sends every sample, each once all that the one before it set off has come to rest: as
    /// between systems that take their time.
    pub(super) async fn round(&self) -> anyhow::Result<Vec<Outcome>> {
        let started = Instant::now();
        let mut outcomes = Vec::new();
        let mut known = Known::default();
        for sample in SAMPLES {
            let (http_status, id) = self.send(sample).await?;
            known.sent.extend(id.clone());
            let mut events = self.events().await?;
            while !self.is_at_rest(&known, &events) && started.elapsed() < ROUND {
                tokio::time::sleep(LOOK_EVERY).await;
                events = self.events().await?;
            }
            let own = |event: &&Value| event["id"].as_str() == id.as_deref();
            let event = id.as_ref().and_then(|_| events.iter().find(own));
            outcomes.push(Outcome {
                sample,
                http_status,
                event: event.cloned(),
                back: self.back(&mut known, &events),
            });
        }
        Ok(outcomes)
    }

    /// Nothing is under way any more: here, at the systems, or between.
    fn is_at_rest(&self, known: &Known, events: &[Value]) -> bool {
        let rests = |event: &Value| match event["state"].as_str() {
            Some("settled") => true,
            // Whose lead it is, is being asked.
            Some("parked") => !is_unlinked(event),
            _ => false,
        };
        let is_there = |id: &String| events.iter().any(|event| event["id"] == id.as_str());
        self.sandbox.webhooks_moving() == 0
            && self.recorded().len() == fired(known, events).count()
            && known.sent.iter().all(is_there)
            && events.iter().all(rests)
    }

    /// The systems' webhooks that the bridge has recorded, in the order fired.
    fn recorded(&self) -> Vec<WebhookEntry> {
        let mut webhooks = self.sandbox.webhooks();
        webhooks.retain(|webhook| webhook.last_status == Some(202));
        webhooks
    }

    /// The systems' webhooks since the last sample, by source.
    fn back(&self, known: &mut Known, events: &[Value]) -> Vec<Back> {
        let webhooks = self.recorded();
        let mut back = Vec::new();
        for source in self.config.sources.values() {
            let of_source = |event: &&Value| event["source"] == source.name.as_str();
            let kind = source.kind.as_str();
            // Each system sends in order, so the two lists run in step.
            let told = webhooks.iter().enumerate();
            let told = told.filter(|(_, webhook)| webhook.system.as_str() == kind);
            for ((place, webhook), event) in told.zip(fired(known, events).filter(of_source)) {
                if place >= known.shown {
                    back.push(Back {
                        source: source.name.clone(),
                        says: status_in(&webhook.json_body()),
                        event: event.clone(),
                    });
                }
            }
        }
        known.shown = webhooks.len();
        back
    }

    async fn send(&self, sample: &Sample) -> anyhow::Result<(u16, Option<String>)> {
        let source = &self.config.sources[sample.source];
        let url = format!("{}/webhooks/{}", self.webhooks, source.name);
        let body = sample.body(jiff::Timestamp::now());
        let mut request = self
            .client
            .post(url)
            .header("content-type", "application/json");
        for (name, value) in sign(source, sample, &body)? {
            request = request.header(name, value);
        }
        let response = request.body(body).send().await?;
        let http_status = response.status().as_u16();
        let answer: Value = response.json().await.unwrap_or_default();
        Ok((http_status, answer["id"].as_str().map(str::to_owned)))
    }

    /// All of them, oldest first: the round has far fewer than fit a page.
    async fn events(&self) -> anyhow::Result<Vec<Value>> {
        let url = format!("{}/api/v1/events?limit=500", self.admin);
        let answer = self.client.get(url).send().await?.error_for_status()?;
        let page: Value = answer.json().await?;
        let mut events = page["items"].as_array().cloned().unwrap_or_default();
        events.reverse();
        Ok(events)
    }
}

/// Events that no sample is.
fn fired<'e>(known: &Known, events: &'e [Value]) -> impl Iterator<Item = &'e Value> {
    let is_sample = |event: &&Value| known.sent.iter().any(|id| event["id"] == id.as_str());
    events.iter().filter(move |event| !is_sample(event))
}

pub(super) fn is_unlinked(event: &Value) -> bool {
    let cause = event["cause"].as_str().unwrap_or_default();
    cause.starts_with("unlinked:")
}

/// Whatever the system calls it.
fn status_in(body: &Value) -> String {
    let says = [
        &body["status"],
        &body["attributes"]["data"]["status"],
        &body["category"],
    ];
    match says.into_iter().find(|value| !value.is_null()) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::from("-"),
    }
}

fn sign(
    source: &SourceConfig,
    sample: &Sample,
    body: &str,
) -> anyhow::Result<Vec<(http::HeaderName, http::HeaderValue)>> {
    let auth = source
        .auth
        .first()
        .context("a source has at least one auth entry")?;
    let secret = match (&auth.scheme, sample.forged) {
        (_, true) => Secret::new("not the secret"),
        (config::AuthScheme::Header { secret, .. }, false)
        | (config::AuthScheme::StandardWebhooks { secret, .. }, false) => secret.load()?,
        (config::AuthScheme::HmacSha256(hmac), false) => hmac.secret.load()?,
        _ => anyhow::bail!("the demo signs by header, HMAC and as Standard Webhooks only"),
    };
    let message = format!("msg_{}", uuid::Uuid::now_v7().simple());
    let now = jiff::Timestamp::now();
    let signed = crate::verify::sign(auth, &secret, body.as_bytes(), now, &message)?;
    Ok(signed.headers)
}
