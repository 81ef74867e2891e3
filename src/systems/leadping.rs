//! LeadPing: the voice of its API, the webhooks of its automations, and its words.

pub mod inbound;
pub mod outbound;
pub mod vocabulary;
