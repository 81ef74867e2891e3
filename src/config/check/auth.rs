//! `[[sources.x.auth]]`: which credentials a source's webhooks are accepted with.

use http::HeaderName;
use jiff::Timestamp;

use crate::config::faults::Fault;
use crate::config::raw::Value;
use crate::config::section::{Section, Unit};
use crate::config::{AuthConfig, AuthScheme, HmacConfig, SignatureEncoding};

#[derive(Debug, Clone, Copy)]
enum Scheme {
    Header,
    Query,
    Basic,
    HmacSha256,
    StandardWebhooks,
    None,
}

const SCHEMES: [(&str, Scheme); 6] = [
    ("header", Scheme::Header),
    ("query", Scheme::Query),
    ("basic", Scheme::Basic),
    ("hmac-sha256", Scheme::HmacSha256),
    ("standard-webhooks", Scheme::StandardWebhooks),
    ("none", Scheme::None),
];

/// Every entry of the source; at least one must be there.
pub(super) fn auth_entries(source: &Section<'_>) -> Vec<AuthConfig> {
    let entries = match source.entry("auth").map(|entry| &entry.node.value) {
        Some(Value::List(entries)) => entries.as_slice(),
        None => &[],
        Some(_) => {
            source.bad_value(
                "auth",
                "must be a list of tables",
                &format!("write [[{}]]", source.name_of("auth")),
            );
            return Vec::new();
        }
    };
    if entries.is_empty() {
        source.missing(
            "auth",
            &format!(
                "add [[{}]]; scheme = \"none\" must be written out",
                source.name_of("auth")
            ),
        );
    }
    let path = source.name_of("auth");
    entries
        .iter()
        .filter_map(|node| match &node.value {
            Value::Table(table) => {
                let place = node.place.clone();
                auth_entry(&Section::new(path.clone(), table, place, source.faults))
            }
            other => {
                source.faults.mask(&node.place);
                let found = other.type_name();
                source.faults.report(Fault::error(
                    &node.place,
                    format!("an entry of `{path}` must be a table, not {found}"),
                ));
                None
            }
        })
        .collect()
}

fn auth_entry(section: &Section<'_>) -> Option<AuthConfig> {
    if !section.has("scheme") {
        section.missing("scheme", "such as scheme = \"hmac-sha256\"");
    }
    // Of a scheme that is not known, nothing can be said about the other keys.
    let scheme = read_scheme(section.choice("scheme", &SCHEMES)?, section);
    let not_after = not_after(section);
    section.finish();
    Some(AuthConfig {
        scheme: scheme?,
        not_after,
    })
}

fn read_scheme(scheme: Scheme, section: &Section<'_>) -> Option<AuthScheme> {
    match scheme {
        Scheme::Header => {
            let header = required_header(section);
            let prefix = section.text("prefix").unwrap_or_default().to_owned();
            let secret = section.required_secret("secret")?;
            Some(AuthScheme::Header {
                header: header?,
                prefix,
                secret,
            })
        }
        Scheme::Query => {
            let parameter = section.text("parameter").unwrap_or("token").to_owned();
            if parameter.is_empty() {
                section.bad_value("parameter", "is empty", "such as parameter = \"token\"");
            }
            let secret = section.required_secret("secret")?;
            Some(AuthScheme::Query { parameter, secret })
        }
        Scheme::Basic => {
            let username = section.text("username").map(str::to_owned);
            if !section.has("username") {
                section.missing("username", "basic takes `username` and `password`");
            } else if username.as_deref().is_some_and(|name| name.contains(':')) {
                section.bad_value("username", "must not contain a colon", "");
            }
            let password = section.required_secret("password")?;
            Some(AuthScheme::Basic {
                username: username?,
                password,
            })
        }
        Scheme::HmacSha256 => hmac(section).map(AuthScheme::HmacSha256),
        Scheme::StandardWebhooks => {
            let tolerance = tolerance(section);
            let secret = section.required_secret("secret")?;
            Some(AuthScheme::StandardWebhooks { secret, tolerance })
        }
        Scheme::None => {
            let place = section.place_of("scheme");
            let message = format!("`{}`: anybody may post webhooks here", section.path);
            section.faults.report(
                Fault::warning(&place, message).hint("use a secret if the sender can send one"),
            );
            Some(AuthScheme::None)
        }
    }
}

fn hmac(section: &Section<'_>) -> Option<HmacConfig> {
    let header = required_header(section);
    let prefix = section.text("prefix").unwrap_or_default().to_owned();
    let encodings = [
        ("hex", SignatureEncoding::Hex),
        ("base64", SignatureEncoding::Base64),
    ];
    let encoding = section
        .choice("encoding", &encodings)
        .unwrap_or(SignatureEncoding::Hex);
    let timestamp_header = header_name(section, "timestamp_header");
    let tolerance = tolerance(section);
    if section.has("tolerance_seconds") && !section.has("timestamp_header") {
        section.bad_value(
            "tolerance_seconds",
            "does nothing without `timestamp_header`",
            "name the header that carries the signed time, or remove it",
        );
    }
    let secret = section.required_secret("secret")?;
    Some(HmacConfig {
        header: header?,
        prefix,
        encoding,
        timestamp_header,
        tolerance,
        secret,
    })
}

fn tolerance(section: &Section<'_>) -> std::time::Duration {
    section.duration("tolerance_seconds", Unit::Seconds, 300.0, 1.0..=86_400.0)
}

fn required_header(section: &Section<'_>) -> Option<String> {
    let header = header_name(section, "header");
    if !section.has("header") {
        section.missing("header", "the header that carries the credential");
    }
    header
}

pub(super) fn header_name(section: &Section<'_>, key: &'static str) -> Option<String> {
    let name = section.text(key)?;
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        section.bad_value(key, "is not a header's name", "such as \"X-Signature\"");
    }
    Some(name.to_owned())
}

fn not_after(section: &Section<'_>) -> Option<Timestamp> {
    let text = section.text_or_date("not_after")?;
    let parsed = text.parse().ok();
    if parsed.is_none() {
        section.bad_value(
            "not_after",
            "is not a time with its zone",
            "such as \"2026-12-31T00:00:00Z\"",
        );
    }
    parsed
}
