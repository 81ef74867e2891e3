//! What evaluating a table costs: 500 rows with conditions and templates, in this process, alone.
//!
//! ```text
//! cargo bench --bench tables
//! ```
//!
//! Prints the median time of one event, of events spread over all statuses. It must be at most
//! 5 µs; a missed bound is shown, not punished, because a busy machine misses bounds too.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use leadping_bridge::config::SourceKind;
use leadping_bridge::diagnostic::SourceFile;
use leadping_bridge::event::{EventId, EventKind, Facts, Status};
use leadping_bridge::map::{self, MapInput, Mapped, Table};
use serde_json::json;

const ROWS: usize = 500;
const MUST_NS: f64 = 5_000.0;
const ROUNDS: usize = 2_000;

/// NLPearl's, ten kinds of row for each of fifty numbers.
fn table_text() -> String {
    let mut text = String::from(
        "kind = \"nlpearl\"\n[defaults.leadping]\ntype = \"Call\"\nchangeSource = \"AI\"\n",
    );
    for row in 0..ROWS {
        let status = 10 * (row / 10) + 1;
        let when = match row % 10 {
            9 => "lead.calls >= 0 and event.kind == 'call'".to_owned(),
            number => format!("lead.calls > {} and event.kind == 'call'", 20 + number),
        };
        text += &format!(
            "[[row]]\nname = \"row {row}\"\nstatus = {status}\nwhen = \"{when}\"\n\
             leadping = {{ category = \"Open\", outcome = \"row {row}\", notes = \"{{{{ call.summary | default('') }}}}\" }}\n"
        );
    }
    text
}

fn table() -> anyhow::Result<Table> {
    let file = SourceFile {
        path: "bench.toml".into(),
        text: table_text().into(),
    };
    let (table, findings) = map::parse_table("bench", &file, Some(SourceKind::Nlpearl));
    table.ok_or_else(|| anyhow::anyhow!("{}", findings[0]))
}

fn facts(status: usize) -> Facts {
    Facts {
        kind: Some(EventKind::Call),
        status: Some(Status::Number(status as i64)),
        source_lead_id: Some(String::from("68c3f1a2b4d5e6f708192a3b")),
        call_summary: Some("Sarah wants to book a visit on Friday afternoon.".repeat(4)),
        call_duration: Some(99.0),
        ..Facts::default()
    }
}

fn main() -> anyhow::Result<ExitCode> {
    // `cargo bench` says so; `cargo test --all-targets` only wants to know that it starts.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("run it with: cargo bench --bench tables");
        return Ok(ExitCode::SUCCESS);
    }
    let table = table()?;
    let body = json!({ "padding": "x".repeat(1400) }).to_string();
    let now = jiff::Timestamp::now();
    let events: Vec<Facts> = (0..ROWS / 10).map(|group| facts(10 * group + 1)).collect();
    let mut nanoseconds = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        let begun = Instant::now();
        for facts in &events {
            let input = MapInput {
                event_id: EventId::new_at(now),
                source: "voice",
                received_at: now,
                facts,
                body: body.as_bytes(),
                lead_id: Some("lead_7Q2M4"),
                calls: 2,
                previous: None,
            };
            let mapped = map::evaluate(&table, black_box(&input));
            anyhow::ensure!(
                round > 0 || matches!(mapped, Mapped::Wishes { .. }),
                "{mapped:?}"
            );
            black_box(mapped);
        }
        nanoseconds.push(begun.elapsed().as_nanos() as f64 / events.len() as f64);
    }
    nanoseconds.sort_by(f64::total_cmp);
    let median = nanoseconds[ROUNDS / 2];
    let verdict = if median <= MUST_NS { "holds" } else { "MISSED" };
    println!(
        "table of {ROWS} rows, 10 conditions and 1 template per event: median {median:.0} ns per event \
         (p99 {:.0}); at most {MUST_NS:.0}: {verdict}",
        nanoseconds[ROUNDS * 99 / 100]
    );
    Ok(ExitCode::SUCCESS)
}
