//! `[server]`, `[admin]`, `[store]`, `[mappings]`: this machine's side.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::config::faults::Fault;
use crate::config::raw::Value;
use crate::config::section::{MORE_THAN_ZERO, Section, Unit};
use crate::config::{AdminConfig, MappingsConfig, NamedToken, ServerConfig, StoreConfig};

const HOUR_MS: f64 = 3_600_000.0;

pub(super) fn server(section: &Section<'_>) -> ServerConfig {
    use Unit::{Milliseconds, Seconds};
    let server = ServerConfig {
        listen: address(section, "listen", 8080),
        max_body_bytes: section.whole("max_body_bytes", 262_144, 1..=67_108_864) as usize,
        max_connections: section.whole("max_connections", 4096, 1..=1_000_000) as usize,
        header_timeout: section.duration("header_timeout_ms", Milliseconds, 5000.0, 1.0..=HOUR_MS),
        idle_timeout: section.duration("idle_timeout_ms", Milliseconds, 75_000.0, 1.0..=HOUR_MS),
        request_timeout: section.duration(
            "request_timeout_ms",
            Milliseconds,
            10_000.0,
            1.0..=HOUR_MS,
        ),
        shutdown_grace: section.duration("shutdown_grace_seconds", Seconds, 20.0, 0.0..=3600.0),
    };
    section.finish();
    server
}

pub(super) fn admin(section: &Section<'_>) -> AdminConfig {
    let listen = address(section, "listen", 8081);
    let token = section.secret("token");
    let tokens = named_tokens(section);
    let has_token = section.has("token") || section.has("tokens");
    if !has_token && !listen.ip().is_loopback() {
        section.bad_value(
            "listen",
            format!("= {listen} is reachable from elsewhere, so `admin.token` is required"),
            "add token = { env = \"BRIDGE_ADMIN_TOKEN\" }, or listen on 127.0.0.1",
        );
    }
    section.finish();
    AdminConfig {
        listen,
        token,
        tokens,
    }
}

/// `[[admin.tokens]]`: whose each is. Two of one name could not be told apart in the audit trail.
fn named_tokens(admin: &Section<'_>) -> Vec<NamedToken> {
    let path = admin.name_of("tokens");
    let entries = match admin.entry("tokens").map(|entry| &entry.node.value) {
        Some(Value::List(entries)) if !entries.is_empty() => entries.as_slice(),
        None => return Vec::new(),
        Some(_) => {
            let hint = format!("write [[{path}]]");
            admin.bad_value("tokens", "must be a list of tables", &hint);
            return Vec::new();
        }
    };
    let mut tokens: Vec<NamedToken> = Vec::new();
    for node in entries {
        let Value::Table(table) = &node.value else {
            admin.faults.mask(&node.place);
            let found = node.value.type_name();
            let problem = format!("an entry of `{path}` must be a table, not {found}");
            admin.faults.report(Fault::error(&node.place, problem));
            continue;
        };
        let section = Section::new(path.clone(), table, node.place.clone(), admin.faults);
        let name = section.text("name");
        let secret = section.required_secret("secret");
        section.finish();
        if !section.has("name") {
            section.missing("name", "the audit trail tells it: name = \"night-shift\"");
        }
        let (Some(name), Some(secret)) = (name, secret) else {
            continue;
        };
        let is_taken = tokens.iter().any(|token| token.name == name)
            || name == "loopback"
            || (name == AdminConfig::TOKEN && admin.has("token"));
        if is_taken {
            section.bad_value("name", "is taken", "give each token a name of its own");
        } else if !is_plain(name) {
            let hint = "1 to 64 letters, digits, blanks, dots, hyphens and underscores";
            section.bad_value("name", "is not a name", hint);
        }
        tokens.push(NamedToken {
            name: name.to_owned(),
            secret,
        });
    }
    tokens
}

fn is_plain(name: &str) -> bool {
    let plain = |sign: char| sign.is_ascii_alphanumeric() || " ._-".contains(sign);
    (1..=64).contains(&name.len()) && name.chars().all(plain) && name.trim() == name
}

pub(super) fn store(section: &Section<'_>) -> Option<StoreConfig> {
    let path = store_path(section);
    let retention = section.duration(
        "retention_days",
        Unit::Days,
        90.0,
        MORE_THAN_ZERO..=36_500.0,
    );
    section.finish();
    Some(StoreConfig {
        path: path?,
        retention,
    })
}

pub(super) fn mappings(section: &Section<'_>) -> MappingsConfig {
    let mappings = MappingsConfig {
        dir: section.path_or("dir", "mappings"),
        watch: section.boolean("watch", true),
    };
    section.finish();
    mappings
}

fn address(section: &Section<'_>, key: &'static str, default_port: u16) -> SocketAddr {
    let default = SocketAddr::from((Ipv4Addr::LOCALHOST, default_port));
    let Some(text) = section.text(key) else {
        return default;
    };
    text.parse().unwrap_or_else(|_| {
        section.bad_value(
            key,
            "is not an IP address and a port",
            &format!("write it like \"{default}\" or \"0.0.0.0:{default_port}\""),
        );
        default
    })
}

/// The SQLite file of `sqlite:PATH`.
fn store_path(section: &Section<'_>) -> Option<PathBuf> {
    const EXPECTED: &str = "write it like \"sqlite:data/bridge.db\"";
    let Some(entry) = section.entry("url") else {
        return Some("data/bridge.db".into());
    };
    let not_built = |what: &str| {
        section.bad_value("url", format!("{what} is not built yet"), EXPECTED);
        None
    };
    if entry.node.value.type_name() == "a table" {
        return not_built("by reference (for PostgreSQL)");
    }
    let url = section.text("url")?;
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        // It may hold a password.
        section.faults.mask(&entry.node.place);
        return not_built("for PostgreSQL");
    }
    let path = url.strip_prefix("sqlite:").map(|path| {
        // `sqlite://data/bridge.db` is how other tools write it.
        path.strip_prefix("//").unwrap_or(path)
    });
    let problem = match path {
        None => "must begin with `sqlite:`",
        Some("") => "names no file",
        Some(":memory:") => "must name a file: memory does not survive a restart",
        Some(path) if path.contains('?') => "takes no options",
        Some(path) => return Some(path.into()),
    };
    if url.contains('@') {
        section.faults.mask(&entry.node.place);
    }
    section.bad_value("url", problem, EXPECTED);
    None
}
