//! Logs and metrics: what the daemon says of itself.
//!
//! Logs go to stderr, for a person on a terminal and as JSON otherwise. Bodies, secrets, phone
//! numbers, e-mails and query strings are never in them. `metrics` counts, `traces` tells one event's
//! way, `otlp` pushes both to a collector.

pub mod damper;
pub mod metrics;
#[cfg(feature = "otel")]
pub mod otlp;
#[cfg(not(feature = "otel"))]
#[path = "telemetry/no_otlp.rs"]
pub mod otlp;
pub mod traces;

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Human on a terminal, JSON otherwise
    Auto,
    Human,
    Json,
}

impl LogFormat {
    fn is_human(self) -> bool {
        match self {
            Self::Auto => stderr().is_terminal(),
            Self::Human => true,
            Self::Json => false,
        }
    }
}

/// Starts logging for the whole process, once. `RUST_LOG` overrules the level.
pub fn start_logging(format: LogFormat, level: LevelFilter) {
    let mut filter = EnvFilter::builder()
        .with_default_directive(level.into())
        .from_env_lossy();
    // A migration names itself with the paths of the machine that built it.
    if let Ok(quiet) = "refinery_core=warn".parse() {
        filter = filter.add_directive(quiet);
    }
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // A log that nobody reads any more must not end the work: telling so on stderr panics.
        .log_internal_errors(false)
        .with_writer(stderr);
    let coloured = anstream::AutoStream::choice(&stderr()) != anstream::ColorChoice::Never;
    // A second start would be a second logger: the first stays.
    let _ = if format.is_human() {
        subscriber.with_ansi(coloured).with_target(false).try_init()
    } else {
        subscriber
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .try_init()
    };
}
