//! The command line: one file per command, and here what they share.
//!
//! A command returns its exit code; an error that names none is one it did not foresee: 70.

// First: its macros stand in for the standard ones in every command.
#[macro_use]
pub mod print;

pub mod admin_api;
pub mod check;
pub mod config_file;
pub mod demo;
pub mod doctor;
pub mod events;
pub mod explain;
pub mod healthcheck;
pub mod input;
pub mod leads;
pub mod links;
pub mod parked;
pub mod plan;
pub mod sandbox;
pub mod schema;
pub mod send;
pub mod serve;
pub mod targets;
pub mod store;
pub mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tracing_subscriber::filter::LevelFilter;

use crate::config::Config;
use crate::store::StoreError;
use crate::telemetry::LogFormat;

const DEFAULT_CONFIG: &str = "config/bridge.toml";

/// Carries voice-campaign and CRM webhooks to LeadPing as dispositions, and loses none
#[derive(Debug, Parser)]
#[command(name = "leadping-bridge", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 fine; 1 the checked thing did not hold; 2 wrong usage; \
    64 bad config or mapping; 69 store or admin API not reachable; 70 internal.\n\n\
    Try it, no account needed: leadping-bridge demo"
)]
pub struct Arguments {
    #[command(flatten)]
    pub global: GlobalArgs,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub struct GlobalArgs {
    /// The configuration
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = DEFAULT_CONFIG,
        env = "LEADPING_BRIDGE_CONFIG"
    )]
    pub config: PathBuf,
    /// How log lines on stderr look
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value = "auto"
    )]
    pub log_format: LogFormat,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon: receive, record, decide, deliver
    #[command(
        after_help = "Example:\n  leadping-bridge serve --config /etc/leadping-bridge.toml\n\n\
        Exit codes: 0 stopped by SIGTERM or SIGINT; 64 a fault in config, tables or secrets, found \
        before a port is bound; 69 the store cannot be opened; 70 an address cannot be listened on, \
        or a fault of ours."
    )]
    Serve(serve::ServeArgs),
    /// Show everything on this machine: sandbox, bridge, sample webhooks, both ways
    #[command(after_help = "Example:\n  leadping-bridge demo --once")]
    Demo(demo::DemoArgs),
    /// Pretend to be LeadPing, NLPearl and Capillary, strictly, with faults on request
    #[command(
        after_help = "Example:\n  leadping-bridge sandbox --listen 127.0.0.1:9100 --strict-leads"
    )]
    Sandbox(sandbox::SandboxArgs),
    /// Find every fault in the config and the mapping tables; needs no secret
    #[command(
        after_help = "Example:\n  leadping-bridge check --strict --config config/bridge.toml"
    )]
    Check(check::CheckArgs),
    /// Run the examples beside the tables: payloads and what must become of them
    #[command(after_help = "Example:\n  leadping-bridge test voice\n\n\
        A payload mappings/examples/voice/late-voicemail.json has its expectation beside it, in \
        late-voicemail.expect.toml; `--bless` writes it. Nothing is sent, no secret is needed.\n\n\
        Exit codes: 0 all hold; 1 one differs or has no expectation; 2 no such example; 64 a \
        fault in config, tables or examples.")]
    Test(test::TestArgs),
    /// Show what one payload would become, and why; nothing is written
    #[command(after_help = "Example:\n  leadping-bridge explain --source voice lead.json")]
    Explain(explain::ExplainArgs),
    /// Show what other tables would have made of the recorded traffic; nothing is written
    #[command(
        after_help = "Example:\n  leadping-bridge plan --mappings new-mappings --since 7d\n\n\
        Exit codes: 0 compared; 1 with --exit-code, if anything differs; 64 a fault in config or \
        tables; 69 no store, or one that cannot be read."
    )]
    Plan(plan::PlanArgs),
    /// Sign a payload as a source would and post it to a running bridge
    #[command(after_help = "Example:\n  leadping-bridge send --source voice call.json")]
    Send(send::SendArgs),
    /// Find what keeps the bridge from working here: config, secrets, disk, clock, targets
    #[command(
        after_help = "Example:\n  leadping-bridge doctor --public-url https://bridge.example.com\n\n\
        Each target is asked one harmless read with its credential, and once without. No secret is\n\
        printed, nothing is changed.\n\n\
        Exit codes: 0 nothing is wrong; 1 something is (with --strict: a warning too), each with its\n\
        remedy; 64 the configuration cannot be read."
    )]
    Doctor(doctor::DoctorArgs),
    /// Ask a running bridge whether it is ready, for container health checks
    #[command(after_help = "Example:\n  leadping-bridge healthcheck")]
    Healthcheck(healthcheck::HealthcheckArgs),
    /// Show what came in and what became of it
    #[command(after_help = "Example:\n  leadping-bridge events list --lead lead_7Q2M4")]
    Events(events::EventsArgs),
    /// Show what waits for a person, let it go on, or give it up
    #[command(
        after_help = "Example:\n  leadping-bridge parked release --cause refused:leadping:422"
    )]
    Parked(parked::ParkedArgs),
    /// Show one lead's story: its ids, what each target has, what came in and what was sent
    #[command(after_help = "Example:\n  leadping-bridge leads show lead_7Q2M4")]
    Leads(leads::LeadsArgs),
    /// Show and teach which ids of which systems are one lead
    #[command(
        after_help = "Example:\n  leadping-bridge links set voice 68c3f1a2b4d5e6f708192a3b lead_7Q2M4"
    )]
    Links(links::LinksArgs),
    /// Show targets, and pause or resume sending to one
    #[command(after_help = "Example:\n  leadping-bridge targets pause leadping")]
    Targets(targets::TargetsArgs),
    /// Back the store up, restore, check and compact it
    #[command(after_help = "Example:\n  leadping-bridge store backup /backup/bridge-2026-08-01.db")]
    Store(store::StoreArgs),
    /// Print the JSON Schema of a file, for editors that complete and check while you type
    #[command(after_help = "Example:\n  leadping-bridge schema mapping > mappings/schema.json")]
    Schema(schema::SchemaArgs),
    /// Print a script that lets a shell complete commands and options
    #[command(
        after_help = "Example:\n  leadping-bridge completions bash > /etc/bash_completion.d/leadping-bridge"
    )]
    Completions(schema::CompletionsArgs),
}

impl Command {
    /// The daemons tell what they do; for the others the output is the point.
    pub fn log_level(&self) -> LevelFilter {
        match self {
            Self::Serve(_) | Self::Sandbox(_) => LevelFilter::INFO,
            // Its samples are parked on purpose; its own table says so.
            Self::Demo(_) => LevelFilter::ERROR,
            _ => LevelFilter::WARN,
        }
    }

    pub async fn run(self, global: GlobalArgs) -> anyhow::Result<ExitCode> {
        let global = &global;
        match self {
            Self::Serve(args) => serve::run(args, global).await,
            Self::Demo(args) => demo::run(args).await,
            Self::Sandbox(args) => sandbox::run(args, global).await,
            Self::Check(args) => check::run(args, global).await,
            Self::Doctor(args) => doctor::run(args, global).await,
            Self::Schema(args) => schema::run(args).await,
            Self::Completions(args) => schema::run_completions(args).await,
            Self::Test(args) => test::run(args, global).await,
            Self::Explain(args) => {
                with_config(global, async |config| explain::run(args, config).await).await
            }
            Self::Plan(args) => {
                with_config(global, async |config| plan::run(args, config, global).await).await
            }
            Self::Send(args) => {
                with_config(global, async |config| send::run(args, &config).await).await
            }
            Self::Healthcheck(args) => {
                with_config(global, async |config| healthcheck::run(args, &config).await).await
            }
            Self::Events(args) => {
                with_config(global, async |config| events::run(args, &config).await).await
            }
            Self::Parked(args) => {
                with_config(global, async |config| parked::run(args, &config).await).await
            }
            Self::Leads(args) => {
                with_config(global, async |config| leads::run(args, &config).await).await
            }
            Self::Targets(args) => {
                with_config(global, async |config| targets::run(args, &config).await).await
            }
            Self::Links(args) => {
                with_config(global, async |config| links::run(args, &config).await).await
            }
            Self::Store(args) => {
                with_config(global, async |config| store::run(args, config).await).await
            }
        }
    }
}

/// Runs with the configuration, or not at all: its findings are shown then.
async fn with_config(
    global: &GlobalArgs,
    run: impl AsyncFnOnce(Config) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    match config_file::load_config(global) {
        Ok(config) => run(config).await,
        Err(code) => Ok(code),
    }
}

/// What scripts can rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Fine = 0,
    /// The checked thing did not hold.
    Unmet = 1,
    /// Also clap's own doing.
    WrongUsage = 2,
    /// Config or mapping, found before any port is bound.
    BadConfig = 64,
    /// Store or admin API not reachable.
    Unavailable = 69,
    /// A fault of ours.
    Internal = 70,
}

impl Exit {
    /// An error that ends the command with this code.
    pub fn because(self, message: impl Into<String>) -> anyhow::Error {
        let message = message.into();
        Refusal {
            exit: self,
            message,
        }
        .into()
    }

    /// What a command that failed with this error ends with.
    pub fn of(error: &anyhow::Error) -> Self {
        let named = error.chain().find_map(|cause| {
            let refusal = cause.downcast_ref::<Refusal>().map(|refusal| refusal.exit);
            refusal.or_else(|| cause.is::<StoreError>().then_some(Self::Unavailable))
        });
        named.unwrap_or(Self::Internal)
    }
}

/// An error that was foreseen.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Refusal {
    exit: Exit,
    message: String,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example() {
        for command in Arguments::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string);
            let name = command.get_name();
            let example = format!("Example:\n  leadping-bridge {name}");
            assert!(help.unwrap_or_default().starts_with(&example), "{name}");
        }
    }

    #[test]
    fn an_error_ends_with_the_code_that_it_names_wherever_it_was_wrapped() {
        #[track_caller]
        fn check(error: anyhow::Error, expected: Exit) {
            assert_eq!(Exit::of(&error), expected, "{error:#}");
        }
        check(Exit::WrongUsage.because("no file"), Exit::WrongUsage);
        let wrapped = Exit::BadConfig.because("no secret").context("reading");
        check(wrapped, Exit::BadConfig);
        check(StoreError::NotFound.into(), Exit::Unavailable);
        check(anyhow::anyhow!("what is this"), Exit::Internal);
    }

    #[test]
    fn the_configuration_can_be_named_before_and_behind_the_command() {
        for line in [
            ["leadping-bridge", "--config", "a.toml", "check"],
            ["leadping-bridge", "check", "--config", "a.toml"],
        ] {
            let arguments = Arguments::parse_from(line);
            assert_eq!(arguments.global.config, PathBuf::from("a.toml"));
        }
    }
}
