//! `leadping-bridge`: webhooks in, dispositions out, none lost.
//!
//! The modules stand in the order a webhook walks through them: it is received, verified,
//! recorded, mapped, decided, delivered. Beside the walk stand what we know of each vendor
//! (`systems`), the store, and the nouns.

// the way in
pub mod cli;
pub mod app;

// the walk
pub mod receive;
pub mod verify;
pub mod record;
pub mod decider;
pub mod map;
pub mod decide;
pub mod explain;
pub mod plan;
pub mod examples;
pub mod deliver;
pub mod resolve;

// what we know of each vendor
pub mod systems;

// what is kept
pub mod store;

// what was recorded, looked at again
pub mod review;

// for people
pub mod admin;
pub mod web;
pub mod schema;

// HTTP under both listeners
pub mod listen;
pub mod problem;

// the nouns: ids, states, no IO
pub mod event;
pub mod lead;
pub mod decision;
pub mod delivery;

// the ground everything stands on
pub mod clock;
pub mod config;
pub mod diagnostic;
pub mod secret;
pub mod telemetry;

// systems pretended, for tests, the demo and trying things out
pub mod sandbox;
