//! LeadPing, where dispositions go and whose automations tell of changes: everything the bridge
//! knows of it.
//!
//! `inbound` reads its webhooks, `outbound` makes the calls about dispositions, `record` those about the lead itself,
//! `vocabulary` has the members that a table may set. Pure.

pub mod inbound;
pub mod outbound;
pub mod record;
pub mod vocabulary;
