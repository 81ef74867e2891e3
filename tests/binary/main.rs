//! Stories with the real binary: what only a process of its own can show.
//!
//! Killed, stopped, reloaded and started wrongly; its exit codes, its output, its log. Each story
//! has a directory, a store and ports of its own, so they run in any order and at once. What one
//! process can show from the inside is tested elsewhere.

mod kill;
mod place;
mod process;
mod reload;
mod senders;
mod stop;
