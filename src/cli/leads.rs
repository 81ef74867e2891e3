//! `leads`: what concerns one lead, through the admin API of a running bridge.

mod forget;
mod show;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::admin_api::{AdminApi, AdminArgs};
use crate::config::Config;

#[derive(Debug, Args)]
pub struct LeadsArgs {
    #[command(subcommand)]
    action: LeadsSubcommand,
    #[command(flatten)]
    admin: AdminArgs,
}

#[derive(Debug, Subcommand)]
enum LeadsSubcommand {
    /// Show one lead: its ids, what each target has, and its events with every call
    #[command(
        after_help = "Example:\n  leadping-bridge leads show lead_7Q2M4\n  leadping-bridge leads show 68c3f1a2b4d5e6f708192a3b --source voice\n\n\
        Exit codes: 0 shown; 1 no such lead; 69 the bridge cannot be reached."
    )]
    Show(show::ShowArgs),
    /// Erase everything of a lead, for good, and prove it
    #[command(after_help = "Example:\n  leadping-bridge leads forget lead_7Q2M4\n\n\
        Its events, deliveries (also those still due), attempts and links go, and every other trace of\n\
        its ids, telephone numbers and e-mail addresses; then the store's files are searched for them.\n\
        What LeadPing and the others hold is theirs to erase, and backups are yours.\n\n\
        Exit codes: 0 erased and proven; 1 no such lead, or something is left (it says what and where);\n\
        69 the bridge cannot be reached.")]
    Forget(forget::ForgetArgs),
}

/// Exit 0 when done, 1 when it did not hold, 69 when the bridge is not reachable.
pub async fn run(args: LeadsArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let api = match AdminApi::of(args.admin, config)? {
        Ok(api) => api,
        Err(unanswered) => return Ok(unanswered.into()),
    };
    match args.action {
        LeadsSubcommand::Show(args) => show::run(&api, args).await,
        LeadsSubcommand::Forget(args) => forget::run(&api, args).await,
    }
}
