//! NLPearl, the voice-campaign system: everything the bridge knows of it.
//!
//! `vocabulary` has its words, `inbound` reads its webhooks. Pure.

pub mod inbound;
pub mod vocabulary;
