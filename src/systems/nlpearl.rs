//! NLPearl, the voice-campaign system: everything the bridge knows of it.
//!
//! `vocabulary` has its words, `inbound` reads its webhooks, `outbound` makes its
//! calls, `resolve` asks it whose lead one is. Pure.

pub mod inbound;
pub mod outbound;
pub mod resolve;
pub mod vocabulary;
pub mod zones;
