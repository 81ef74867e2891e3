//! `leads forget`: erases a lead, and says what the proof found.

use std::process::ExitCode;

use clap::Args;

use crate::admin::{ForgetBody, Forgotten};
use crate::cli::Exit;
use crate::cli::admin_api::AdminApi;

#[derive(Debug, Args)]
pub struct ForgetArgs {
    /// Any id of the lead: LeadPing's or a source's
    id: String,
    /// If traces are left, write the store's file anew however large it is; webhooks wait meanwhile
    #[arg(long)]
    rewrite: bool,
    /// Print what went and what was found as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(api: &AdminApi, args: ForgetArgs) -> anyhow::Result<ExitCode> {
    let body = ForgetBody {
        lead: args.id,
        rewrite: args.rewrite,
    };
    let forgotten: Forgotten = match api.send_patiently("leads/forget", &body).await? {
        Ok(forgotten) => forgotten,
        Err(unanswered) => return Ok(unanswered.into()),
    };
    if args.json {
        println!("{}", serde_json::to_string(&forgotten)?);
    } else {
        print(&forgotten);
    }
    Ok(match forgotten.proven {
        true => ExitCode::SUCCESS,
        false => Exit::Unmet.into(),
    })
}

fn print(forgotten: &Forgotten) {
    println!(
        "erased: {} events, {} deliveries, {} attempts, {} links, {} rejected requests",
        forgotten.events,
        forgotten.deliveries,
        forgotten.attempts,
        forgotten.links,
        forgotten.rejects
    );
    let anew = match forgotten.rewritten {
        true => "; the file was written anew",
        false => "",
    };
    println!(
        "searched the store's files for {} ids, numbers and addresses{anew}",
        forgotten.searched
    );
    for (file, traces) in &forgotten.traces {
        println!("    {file}: {}", found(*traces));
    }
    if forgotten.too_short > 0 {
        println!(
            "    {} ids are too short to be searched for",
            forgotten.too_short
        );
    }
    if forgotten.shared > 0 {
        println!(
            "{} numbers or addresses stand in events of other leads too, and were left there:",
            forgotten.shared
        );
        for event in &forgotten.shared_events {
            println!("    event {event}");
        }
        println!("    if it is the same person, forget those leads too");
    }
    if forgotten.traces.values().any(|traces| *traces > 0) {
        println!(
            "traces are left: new webhooks of the lead came in, or pages still hold what moved off \
             them.\n    Again with --rewrite (webhooks wait meanwhile), or `store compact` with the \
             bridge stopped"
        );
    }
}

fn found(traces: u64) -> String {
    match traces {
        0 => String::from("none"),
        traces => format!("{traces} found"),
    }
}
