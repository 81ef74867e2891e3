//! LeadPing, where dispositions go: everything the bridge knows of it.
//!
//! `outbound` makes the calls about dispositions, `record` those about the lead itself,
//! `vocabulary` has the members that a table may set. Pure.

pub mod outbound;
pub mod record;
pub mod vocabulary;
