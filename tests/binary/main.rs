//! Stories with the real binary: what only a process of its own can show.
//!
//! Killed, stopped, reloaded and started wrongly; its exit codes, its output, its log. Each story
//! has a directory, a store and ports of its own, so they run in any order and at once. What one
//! process can show from the inside is tested elsewhere.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod agree;
mod bad_certificate;
mod commands;
mod demo;
mod docs;
mod doctor;
mod examples;
mod exits;
mod explain;
mod faulty_start;
mod foresight;
mod forget;
mod help;
mod hostile;
mod kill;
mod links;
mod log_hygiene;
mod operate;
mod parked;
mod place;
mod plan;
mod process;
mod reload;
mod sandbox_page;
mod senders;
mod shipped;
mod shipped_place;
mod sources;
mod stop;
#[cfg(target_os = "linux")]
mod service;
mod deploy;
mod store;
mod wire;
