//! LeadPing: calls to its API, webhooks of its automations, and its words.

pub mod inbound;
pub mod outbound;
pub mod vocabulary;
