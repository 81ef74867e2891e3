//! `[targets.x]`: the systems written to, their limits and their patience. What only one kind has
//! stands in `system`.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::Url;

use super::source::rate_limit;
use crate::config::faults::Fault;
use crate::config::section::{MORE_THAN_ZERO, Section, Unit};
use crate::config::{BreakerConfig, RateLimit, RetryConfig, TargetConfig, TargetMode};

mod system;

use system::Kind;

pub(super) fn target(name: &str, section: &Section<'_>) -> Option<TargetConfig> {
    let kind = kind(name, section)?;
    let modes = [("live", TargetMode::Live), ("shadow", TargetMode::Shadow)];
    let base_url = base_url(section, kind);
    let default = kind.rate_limit();
    let rate_limit = section
        .section("rate_limit")
        .map_or(default, |limit| rate_limit(&limit, Some(default)));
    if let Some(base_url) = &base_url {
        warn_above_vendor_limit(section, (kind, base_url), rate_limit);
    }
    let (timeout, lookup_after) = timeouts(section);
    let concurrency = section.whole("concurrency", kind.concurrency(), 1..=1024) as usize;
    let mode = section.choice("mode", &modes).unwrap_or(TargetMode::Live);
    let (proxy, retry, breaker) = (proxy(section), retry(section), breaker(section));
    let system = system::system(kind, section);
    section.finish();
    Some(TargetConfig {
        name: name.to_owned(),
        system: system?,
        base_url: base_url?,
        rate_limit,
        concurrency,
        timeout,
        lookup_after,
        mode,
        proxy,
        retry,
        breaker,
    })
}

fn kind(name: &str, section: &Section<'_>) -> Option<Kind> {
    if !section.has("kind") {
        section.missing("kind", &format!("kind = \"{}\"", nearest(name).as_str()));
    }
    let words = Kind::ALL.map(|kind| (kind.as_str(), kind));
    let given = section.choice("kind", &words);
    // Its other keys can still be checked.
    let kind = match given {
        Some(kind) => kind,
        None if section.has("kind") => Kind::named(name)?,
        None => nearest(name),
    };
    if name != kind.as_str() {
        let word = kind.as_str();
        let message = format!("a target of kind `{word}` must be named `{word}` for now");
        let fault = Fault::error(&section.place, message);
        section.faults.report(fault.hint(format!(
            "rows of the mapping tables name it so: write [targets.{word}]"
        )));
    }
    Some(kind)
}

/// What is meant where nothing is said.
fn nearest(name: &str) -> Kind {
    Kind::named(name).unwrap_or(Kind::Leadping)
}

fn timeouts(section: &Section<'_>) -> (Duration, Duration) {
    let milliseconds = |key, default: f64, least: f64| {
        section.duration(key, Unit::Milliseconds, default, least..=3_600_000.0)
    };
    let timeout = milliseconds("timeout_ms", 10_000.0, 1.0);
    let twice = 2.0 * timeout.as_secs_f64() * 1000.0;
    let lookup_after = milliseconds("lookup_after_ms", twice.round(), 0.0);
    if lookup_after < timeout {
        let message = format!(
            "`{}` is shorter than `timeout_ms`: a call of unknown fate may still arrive after the look-up",
            section.name_of("lookup_after_ms")
        );
        let place = section.place_of("lookup_after_ms");
        section
            .faults
            .report(Fault::warning(&place, message).hint("twice the timeout is the default"));
    }
    (timeout, lookup_after)
}

fn retry(target: &Section<'_>) -> RetryConfig {
    let empty = Default::default();
    let section = subsection_or(target, "retry", &empty);
    let (initial, max) = intervals(&section, 500.0, 300_000.0);
    let retry = RetryConfig {
        initial,
        max,
        multiplier: section.decimal("multiplier", 2.0, 1.0..=100.0),
        jitter: section.decimal("jitter", 0.5, 0.0..=1.0),
        give_up_after: section.duration(
            "give_up_after_hours",
            Unit::Hours,
            72.0,
            MORE_THAN_ZERO..=87_600.0,
        ),
        retry_after_max: section.duration(
            "retry_after_max_seconds",
            Unit::Seconds,
            3600.0,
            MORE_THAN_ZERO..=604_800.0,
        ),
    };
    section.finish();
    retry
}

fn breaker(target: &Section<'_>) -> BreakerConfig {
    let empty = Default::default();
    let section = subsection_or(target, "breaker", &empty);
    let (probe_initial, probe_max) = intervals(&section, 1000.0, 60_000.0);
    let breaker = BreakerConfig {
        failures: section.whole("failures", 5, 1..=1_000_000),
        leads: section.whole("leads", 3, 1..=1_000_000),
        probe_initial,
        probe_max,
    };
    section.finish();
    breaker
}

fn subsection_or<'t>(
    target: &Section<'t>,
    key: &'static str,
    empty: &'t crate::config::raw::Table,
) -> Section<'t> {
    target.section(key).unwrap_or_else(|| {
        Section::new(
            target.name_of(key),
            empty,
            target.place.clone(),
            target.faults,
        )
    })
}

/// `initial_ms` and `max_ms`, the second not below the first.
fn intervals(section: &Section<'_>, initial: f64, max: f64) -> (Duration, Duration) {
    let milliseconds =
        |key, default| section.duration(key, Unit::Milliseconds, default, 1.0..=86_400_000.0);
    let initial = milliseconds("initial_ms", initial);
    let max = milliseconds("max_ms", max);
    if initial > max {
        let (key, problem) = if section.has("initial_ms") {
            (
                "initial_ms",
                format!("is more than `max_ms` ({})", max.as_millis()),
            )
        } else {
            let initial = initial.as_millis();
            ("max_ms", format!("is less than `initial_ms` ({initial})"))
        };
        section.bad_value(
            key,
            problem,
            "the interval grows from `initial_ms` to `max_ms`",
        );
    }
    (initial, max)
}

/// Without a trailing slash; `None` where it has to be given and is not.
fn base_url(section: &Section<'_>, kind: Kind) -> Option<String> {
    let insecure = section.boolean("allow_insecure_http", false);
    let default = kind.base_url().map(str::to_owned);
    if default.is_none() && !section.has("base_url") {
        let hint =
            "the API of your region, such as base_url = \"https://eu.api.capillarytech.com\"";
        section.missing("base_url", hint);
    }
    let Some(text) = section.text("base_url") else {
        return default;
    };
    let Some(url) = plain_url(section, "base_url", text) else {
        return default;
    };
    let place = section.place_of("base_url");
    if url.scheme() == "http" && !is_loopback(&url) {
        if insecure {
            let message = "the target is called without TLS: its token can be read on the way";
            section
                .faults
                .report(Fault::warning(&place, message).hint("use https:// where you can"));
        } else {
            section.bad_value(
                "base_url",
                "must begin with `https://`",
                "plain http is for loopback only, unless allow_insecure_http = true",
            );
        }
    }
    Some(text.trim_end_matches('/').to_owned())
}

fn proxy(section: &Section<'_>) -> Option<String> {
    let text = section.text("proxy")?;
    plain_url(section, "proxy", text).map(|_| text.to_owned())
}

/// An http or https URL that holds no credentials, query or fragment.
pub(super) fn plain_url(section: &Section<'_>, key: &'static str, text: &str) -> Option<Url> {
    // Until it is known to hold no credentials, it is not shown.
    if text.contains(['@', '?']) {
        section.faults.mask(&section.place_of(key));
    }
    let parsed = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let Some(url) = parsed else {
        section.bad_value(
            key,
            "is not an http or https URL",
            "such as \"https://host\"",
        );
        return None;
    };
    let problem = if !url.username().is_empty() || url.password().is_some() {
        Some("must not hold credentials")
    } else if url.query().is_some() || url.fragment().is_some() {
        Some("must not have a query or a fragment")
    } else {
        None
    };
    if let Some(problem) = problem {
        section.bad_value(key, problem, "write scheme, host, port and path only");
        return None;
    }
    Some(url)
}

pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    match address.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

fn warn_above_vendor_limit(
    section: &Section<'_>,
    (kind, base_url): (Kind, &str),
    limit: RateLimit,
) {
    let rate = f64::from(limit.requests) / limit.per.as_secs_f64();
    if kind.base_url() == Some(base_url)
        && kind.requests_per_second().is_some_and(|most| rate > most)
    {
        let message = format!(
            "`{}` is above LeadPing's own limit of 300 requests in 60 seconds",
            section.name_of("rate_limit")
        );
        section.faults.report(
            Fault::warning(&section.place_of("rate_limit"), message)
                .hint("what is above it is answered 429 and sent again"),
        );
    }
}
