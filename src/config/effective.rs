//! The configuration shown: every value in force, secrets as references.
//!
//! `serve` logs it once at start, in the words and units of the file.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{
    AuthConfig, AuthScheme, BreakerConfig, CapillaryAuth, Config, LeadpingApi, Marker, NlpearlApi,
    OnNewer, OtlpConfig, RateLimit, ResolveBy, ResolveConfig, RetryConfig, SignatureEncoding,
    SourceConfig, SourceKind, TargetConfig, TargetSystem,
};
use crate::secret::{SecretError, SecretReference};

/// A secret that `serve` needs and could not read.
#[derive(Debug, thiserror::Error)]
#[error("{error} (for {used_by})")]
pub struct MissingSecret {
    /// `sources.voice.auth`, `targets.leadping.token`.
    pub used_by: String,
    pub error: SecretError,
}

/// Every secret that the configuration names, and what uses it.
pub fn referenced_secrets(config: &Config) -> Vec<(String, &SecretReference)> {
    let mut references: Vec<(String, &SecretReference)> = Vec::new();
    if let Some(token) = &config.admin.token {
        references.push(("admin.token".to_owned(), token));
    }
    for token in &config.admin.tokens {
        references.push((format!("admin.tokens, `{}`", token.name), &token.secret));
    }
    for source in config.sources.values() {
        for reference in source.auth.iter().filter_map(secret_of) {
            references.push((format!("sources.{}.auth", source.name), reference));
        }
    }
    let otlp = config.telemetry.otlp.as_ref();
    if let Some(header) = otlp.and_then(|otlp| otlp.header.as_ref()) {
        references.push(("telemetry.otlp.secret".to_owned(), &header.secret));
    }
    for target in config.targets.values() {
        for (key, secret) in target.system.secrets() {
            references.push((format!("targets.{}.{key}", target.name), secret));
        }
    }
    references
}

/// Reads every secret that is referenced and tells which are not there, all at once.
pub fn missing_secrets(config: &Config) -> Vec<MissingSecret> {
    referenced_secrets(config)
        .into_iter()
        .filter_map(|(used_by, reference)| {
            let error = reference.load().err()?;
            Some(MissingSecret { used_by, error })
        })
        .collect()
}

fn secret_of(auth: &AuthConfig) -> Option<&SecretReference> {
    match &auth.scheme {
        AuthScheme::Header { secret, .. }
        | AuthScheme::Query { secret, .. }
        | AuthScheme::StandardWebhooks { secret, .. } => Some(secret),
        AuthScheme::Basic { password, .. } => Some(password),
        AuthScheme::HmacSha256(hmac) => Some(&hmac.secret),
        AuthScheme::None => None,
    }
}

/// The effective configuration without any secret's value.
pub fn redacted(config: &Config) -> Value {
    let Config {
        server,
        admin,
        store,
        mappings,
        decide,
        telemetry,
        sources,
        targets,
    } = config;
    json!({
        "server": {
            "listen": server.listen.to_string(),
            "max_body_bytes": server.max_body_bytes,
            "max_connections": server.max_connections,
            "header_timeout_ms": milliseconds(server.header_timeout),
            "idle_timeout_ms": milliseconds(server.idle_timeout),
            "request_timeout_ms": milliseconds(server.request_timeout),
            "shutdown_grace_seconds": seconds(server.shutdown_grace),
        },
        "admin": {
            "listen": admin.listen.to_string(),
            "token": admin.token.as_ref().map(reference),
            "tokens": admin.tokens.iter().map(|token| {
                json!({ "name": token.name, "secret": reference(&token.secret) })
            }).collect::<Vec<_>>(),
        },
        "store": {
            "url": format!("sqlite:{}", store.path.display()),
            "retention_days": seconds(store.retention) / 86_400.0,
        },
        "mappings": { "dir": mappings.dir.display().to_string(), "watch": mappings.watch },
        "decide": {
            "terminal_categories": decide.terminal_categories,
            "authority": decide.authority,
            "on_newer": match decide.on_newer {
                OnNewer::Queue => "queue",
                OnNewer::Supersede => "supersede",
            },
            "echo_window_seconds": seconds(decide.echo_window),
            "write_budget": {
                "returns": decide.write_budget.returns,
                "per_seconds": seconds(decide.write_budget.per),
            },
        },
        "telemetry": { "otlp": telemetry.otlp.as_ref().map(otlp) },
        "sources": by_name(sources.iter().map(|(name, config)| (name, source(config)))),
        "targets": by_name(targets.iter().map(|(name, config)| (name, target(config)))),
    })
}

fn otlp(otlp: &OtlpConfig) -> Value {
    json!({
        "endpoint": otlp.endpoint,
        "header": otlp.header.as_ref().map(|header| json!({
            "name": header.name, "prefix": header.prefix, "secret": reference(&header.secret),
        })),
        "traces": otlp.traces,
        "metrics": otlp.metrics,
        "sample_ratio": otlp.sample_ratio,
        "interval_seconds": seconds(otlp.interval),
        "timeout_ms": milliseconds(otlp.timeout),
    })
}

fn by_name<'c>(entries: impl Iterator<Item = (&'c String, Value)>) -> Map<String, Value> {
    entries.map(|(name, value)| (name.clone(), value)).collect()
}

fn source(source: &SourceConfig) -> Value {
    let mut value = json!({
        "kind": source.kind.as_str(),
        "mapping": source.mapping,
        "lead": source.lead,
        "links": source.links,
        "dedupe_window_hours": seconds(source.dedupe_window) / 3600.0,
        "redelivery_seconds": seconds(source.redelivery),
        "rate_limit": source.rate_limit.as_ref().map(rate_limit),
        "auth": source.auth.iter().map(auth).collect::<Vec<_>>(),
    });
    if let Some(resolve) = &source.resolve {
        value["resolve"] = self::resolve(resolve);
    }
    if source.kind != SourceKind::Nlpearl {
        value["events"] = json!(source.events);
    }
    if matches!(source.kind, SourceKind::Leadping | SourceKind::Generic) {
        value["fields"] = source
            .fields
            .iter()
            .map(|(field, pointers)| (field.key().to_owned(), json!(pointers)))
            .collect();
    }
    value
}

fn resolve(resolve: &ResolveConfig) -> Value {
    let mut value = json!({
        "target": resolve.target,
        "nothing_for_seconds": seconds(resolve.nothing_for),
    });
    if let ResolveBy::ExternalId { pearls, .. } = &resolve.by {
        value["pearls"] = json!(pearls);
    }
    value
}

fn auth(auth: &AuthConfig) -> Value {
    let mut value = match &auth.scheme {
        AuthScheme::Header { header, prefix, .. } => {
            json!({ "scheme": "header", "header": header, "prefix": prefix })
        }
        AuthScheme::Query { parameter, .. } => {
            json!({ "scheme": "query", "parameter": parameter })
        }
        AuthScheme::Basic { username, .. } => json!({ "scheme": "basic", "username": username }),
        AuthScheme::HmacSha256(hmac) => json!({
            "scheme": "hmac-sha256",
            "header": hmac.header,
            "prefix": hmac.prefix,
            "encoding": match hmac.encoding {
                SignatureEncoding::Hex => "hex",
                SignatureEncoding::Base64 => "base64",
            },
            "timestamp_header": hmac.timestamp_header,
            "tolerance_seconds": seconds(hmac.tolerance),
        }),
        AuthScheme::StandardWebhooks { tolerance, .. } => {
            json!({ "scheme": "standard-webhooks", "tolerance_seconds": seconds(*tolerance) })
        }
        AuthScheme::None => json!({ "scheme": "none" }),
    };
    if let Some(secret) = secret_of(auth) {
        let key = match auth.scheme {
            AuthScheme::Basic { .. } => "password",
            _ => "secret",
        };
        value[key] = reference(secret);
    }
    if let Some(not_after) = auth.not_after {
        value["not_after"] = json!(not_after.to_string());
    }
    value
}

fn target(target: &TargetConfig) -> Value {
    let mut value = json!({
        "kind": target.system.kind(),
        "base_url": target.base_url,
        "rate_limit": rate_limit(&target.rate_limit),
        "concurrency": target.concurrency,
        "timeout_ms": milliseconds(target.timeout),
        "lookup_after_ms": milliseconds(target.lookup_after),
        "mode": target.mode,
        "proxy": target.proxy,
        "retry": retry(&target.retry),
        "breaker": breaker(&target.breaker),
    });
    if let (Value::Object(value), Value::Object(own)) = (&mut value, system(&target.system)) {
        value.extend(own);
    }
    value
}

/// What only one kind of target has.
fn system(system: &TargetSystem) -> Value {
    match system {
        TargetSystem::Leadping(target) => json!({
            "api": match target.api {
                LeadpingApi::Dispositions => "dispositions",
                LeadpingApi::LeadStatus => "lead-status",
            },
            "marker": match target.marker {
                Marker::Reason => "reason",
                Marker::Notes => "notes",
                Marker::None => "none",
            },
            "token": reference(&target.token),
        }),
        TargetSystem::Nlpearl(target) => json!({
            "api": match target.api {
                NlpearlApi::V1 => "v1",
                NlpearlApi::V2 => "v2",
            },
            "token": reference(&target.token),
            "outbound_ids": target.outbound_ids,
        }),
        TargetSystem::Capillary(target) => json!({
            "auth": match &target.auth {
                CapillaryAuth::Basic { username, password } => json!({
                    "scheme": "basic", "username": username, "password": reference(password),
                }),
                CapillaryAuth::OAuth { key, secret } => json!({
                    "scheme": "oauth", "key": reference(key), "secret": reference(secret),
                }),
            },
        }),
    }
}

fn retry(retry: &RetryConfig) -> Value {
    json!({
        "initial_ms": milliseconds(retry.initial),
        "max_ms": milliseconds(retry.max),
        "multiplier": retry.multiplier,
        "jitter": retry.jitter,
        "give_up_after_hours": seconds(retry.give_up_after) / 3600.0,
        "retry_after_max_seconds": seconds(retry.retry_after_max),
    })
}

fn breaker(breaker: &BreakerConfig) -> Value {
    json!({
        "failures": breaker.failures,
        "leads": breaker.leads,
        "initial_ms": milliseconds(breaker.probe_initial),
        "max_ms": milliseconds(breaker.probe_max),
    })
}

fn rate_limit(limit: &RateLimit) -> Value {
    json!({
        "requests": limit.requests,
        "per_seconds": seconds(limit.per),
        "burst": limit.burst,
    })
}

fn reference(secret: &SecretReference) -> Value {
    match secret {
        SecretReference::Env(name) => json!({ "env": name }),
        SecretReference::File(path) => json!({ "file": path.display().to_string() }),
    }
}

fn milliseconds(duration: Duration) -> u128 {
    duration.as_millis()
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}
