//! What the demo prints: one aligned line per webhook, each followed by those that came back; a
//! summary, where to look next.

use anstyle::{AnsiColor, Style};

use super::Demo;
use super::line::{Line, is_as_expected, reported};
use super::round::Outcome;
use crate::sandbox::{Operation, Sandbox, System};

const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// Every call of the vendors' pages that the bridge makes.
const CALLS: &[(System, Operation, &str)] = &[
    (System::Leadping, Operation::Set, "POST /dispositions"),
    (System::Leadping, Operation::Amend, "PUT /dispositions/{id}"),
    (System::Leadping, Operation::Update, "PUT /leads/{id}"),
    (
        System::Nlpearl,
        Operation::Update,
        "PUT /v1/Outbound/{outboundId}/Lead/{leadId}",
    ),
    (
        System::Capillary,
        Operation::Set,
        "PUT /v2/leads/{leadId}/status",
    ),
];

pub(super) fn opening(demo: &Demo) {
    println!(
        "{BOLD}leadping-bridge demo{BOLD:#}: bridge and senders on this machine, and LeadPing, NLPearl and Capillary pretended"
    );
    println!(
        "  webhooks   {}/webhooks/{{voice,crm,leadping}}",
        demo.webhooks
    );
    println!("  admin API  {}/api/v1/events", demo.admin);
    println!("  dashboard  {}/", demo.admin);
    println!("  sandbox    {}/_sandbox", demo.sandbox.base_url());
    println!();
    println!(
        "  {GOOD}✓{GOOD:#} sent by the demo; ↩ fired by a system because it was written to: an echo changes nothing"
    );
    let (source, shows, lead, becomes) = ("source", "webhook", "lead", "category / outcome");
    println!("{DIM}  {source:<8} {shows:<22} {lead:<10} {becomes:<26} calls{DIM:#}");
}

/// One line per webhook; whether all ended as expected.
pub(super) fn rows(outcomes: &[Outcome]) -> bool {
    let mut all = true;
    for outcome in outcomes {
        let met = is_as_expected(outcome);
        all &= met;
        let (style, sign) = if met { (GOOD, "✓") } else { (BAD, "✗") };
        let sample = outcome.sample;
        let head = row(sample.source, sample.shows, &Line::of(outcome));
        println!("{style}{sign}{style:#} {head}");
        for back in &outcome.back {
            let row = row(&back.source, &back.says, &Line::of_back(back));
            println!("{DIM}↩ {row}{DIM:#}");
        }
        if !met {
            let back: Vec<String> = outcome.back.iter().map(reported).collect();
            println!(
                "  {BAD}expected {:?}, calls {:?}, back {:?} instead of {back:?}{BAD:#}",
                sample.expected, sample.calls, sample.back
            );
        }
    }
    all
}

fn row(source: &str, shows: &str, line: &Line) -> String {
    let calls: Vec<String> = line.calls.iter().map(super::line::Call::shown).collect();
    let row = format!(
        "{source:<8} {shows:<22} {:<10} {:<26} {}",
        line.lead,
        line.becomes,
        calls.join(", ")
    );
    row.trim_end().to_owned()
}

/// What the sandbox got: how often each call was made; whether none is missing.
pub(super) fn calls(sandbox: &Sandbox) -> bool {
    println!();
    println!("{DIM}  calls that arrived{DIM:#}");
    let mut all = true;
    for (system, operation, call) in CALLS {
        let writes = sandbox.writes_at(*system);
        let count = writes
            .iter()
            .filter(|write| write.operation == *operation)
            .count();
        all &= count > 0;
        let (style, sign) = if count > 0 {
            (GOOD, "✓")
        } else {
            (BAD, "✗")
        };
        println!(
            "{style}{sign}{style:#} {:<10} {call:<45} {count:>3}",
            system.as_str()
        );
    }
    all
}

pub(super) fn closing(demo: &Demo, outcomes: &[Outcome], met: bool) {
    let expected = outcomes.iter().filter(|outcome| is_as_expected(outcome));
    let back = outcomes
        .iter()
        .map(|outcome| outcome.back.len())
        .sum::<usize>();
    let echoes = outcomes.iter().flat_map(|outcome| &outcome.back);
    let echoes = echoes.filter(|back| Line::of_back(back).becomes == "echo");
    let style = if met { GOOD } else { BAD };
    println!();
    println!(
        "{style}{} of {} ended as expected{style:#}; {back} webhooks came back of what was written, {} of them echoes; {} dispositions at LeadPing",
        expected.count(),
        outcomes.len(),
        echoes.count(),
        demo.sandbox.writes().len()
    );
    println!();
    println!("  events     curl {}/api/v1/events", demo.admin);
    println!("  parked     curl {}/api/v1/parked", demo.admin);
    println!("  targets    curl {}/api/v1/targets", demo.admin);
    println!("  metrics    curl {}/metrics", demo.admin);
    println!(
        "  what the vendors got    curl {}/_sandbox/journal",
        demo.sandbox.base_url()
    );
    println!(
        "  what they fired         curl {}/_sandbox/webhooks",
        demo.sandbox.base_url()
    );
}

pub(super) fn waiting(demo: &Demo) {
    println!();
    // As it was started: nobody has it on the path after `cargo run`.
    let program = std::env::args().next();
    let program = program.unwrap_or_else(|| String::from("leadping-bridge"));
    println!(
        "Send one yourself, and look at {}/leads/lead_YOURS:",
        demo.admin
    );
    println!(
        "  {program} send --config {} --source voice --url {} {}",
        demo.config_path.display(),
        demo.webhooks,
        demo.config_path.with_file_name(super::OWN).display(),
    );
    println!("Have the campaign give a lead another status:");
    println!(
        "  curl -X POST {}/_sandbox/nlpearl/leads/68c3f1a2b4d5e6f708192a3c/status -d '{{\"status\":100}}'",
        demo.sandbox.base_url()
    );
    println!("Ctrl-C ends the demo and removes its files.");
}
