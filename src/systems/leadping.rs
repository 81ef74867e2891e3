//! LeadPing, where dispositions go: everything the bridge knows of it.
//!
//! `vocabulary` has the members that a table may set. Pure.

pub mod outbound;
pub mod vocabulary;
