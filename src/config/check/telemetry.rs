//! `[telemetry]`: where traces and metrics go besides the log and `/metrics`.

use super::auth::header_name;
use super::target::{is_loopback, plain_url};
use crate::config::faults::Fault;
use crate::config::section::{Section, Unit};
use crate::config::{HeaderSecret, OtlpConfig, TelemetryConfig};

pub(super) fn telemetry(section: &Section<'_>) -> TelemetryConfig {
    let otlp = section.section("otlp").and_then(|section| otlp(&section));
    section.finish();
    TelemetryConfig { otlp }
}

fn otlp(section: &Section<'_>) -> Option<OtlpConfig> {
    use Unit::{Milliseconds, Seconds};
    if cfg!(not(feature = "otel")) {
        section.faults.report(
            Fault::error(&section.place, "this build exports nothing by OTLP")
                .hint("build it with the feature `otel`, which is on by default"),
        );
    }
    let endpoint = endpoint(section);
    let header = header(section);
    let otlp = OtlpConfig {
        endpoint: endpoint.unwrap_or_default(),
        header,
        traces: section.boolean("traces", true),
        metrics: section.boolean("metrics", true),
        sample_ratio: section.decimal("sample_ratio", 1.0, 0.0..=1.0),
        interval: section.duration("interval_seconds", Seconds, 60.0, 1.0..=3600.0),
        timeout: section.duration("timeout_ms", Milliseconds, 5000.0, 1.0..=60_000.0),
    };
    if !otlp.traces && !otlp.metrics {
        let message = "neither traces nor metrics are exported";
        section.faults.report(
            Fault::warning(&section.place, message)
                .hint("leave the section out, or turn one of them on"),
        );
    }
    section.finish();
    Some(otlp)
}

/// Without a trailing slash.
fn endpoint(section: &Section<'_>) -> Option<String> {
    let insecure = section.boolean("allow_insecure_http", false);
    let text = section.text("endpoint");
    if !section.has("endpoint") {
        section.missing(
            "endpoint",
            "the collector, such as endpoint = \"http://127.0.0.1:4318\"",
        );
    }
    let text = text?;
    let url = plain_url(section, "endpoint", text)?;
    if url.scheme() == "http" && !is_loopback(&url) && !insecure {
        section.bad_value(
            "endpoint",
            "must begin with `https://`",
            "plain http is for loopback only, unless allow_insecure_http = true",
        );
    }
    Some(text.trim_end_matches('/').to_owned())
}

/// The header by which a collector knows us, if it asks for one.
fn header(section: &Section<'_>) -> Option<HeaderSecret> {
    let name = header_name(section, "header");
    let prefix = section.text("prefix").unwrap_or_default().to_owned();
    let secret = section.secret("secret");
    match (section.has("header"), section.has("secret")) {
        (true, false) => section.missing("secret", "what the header carries"),
        (false, true) => section.missing("header", "such as header = \"Authorization\""),
        _ => {}
    }
    Some(HeaderSecret {
        name: name?,
        prefix,
        secret: secret?,
    })
}
