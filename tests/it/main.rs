//! Feature stories: webhooks go in over HTTP, a scripted LeadPing stands behind, the clock is moved
//! by hand. One file per feature; `harness` is the world that every story starts.

#![expect(
    clippy::unwrap_used,
    reason = "a story whose ground gives way has failed"
)]

mod harness;

mod answers;
mod retry_after;
mod unknown_fate;
mod refusals;
mod pages;
mod parked;
mod replay;
mod pause;
mod breaker;
mod retries;
mod one_truth;
mod told;
mod give_way;
mod edits;
mod contradictions;
mod order;
mod rate;
mod shadow;
mod decisions;
mod sources;
mod stale;
mod lead_story;
mod link_lists;
mod resolve;
mod echoes;
mod loops;
mod links;
mod waits;
mod write_back;
mod capillary;
mod record;
mod duplicates;
mod reload;
mod stopped;
mod stopping;
mod admin;
mod dashboard;
mod admin_door;
mod admin_tables;
#[cfg(feature = "otel")]
mod otlp;
mod watching;
