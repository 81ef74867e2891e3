//! `leadping-bridge`: webhooks in, dispositions out, none lost.
//!
//! The modules stand in the order a webhook walks through them: it is received, verified,
//! recorded, mapped, decided, delivered. Beside the walk stand what we know of each vendor
//! (`systems`), the store, and the nouns.

// the nouns: ids, states, no IO
pub mod event;
pub mod lead;
pub mod delivery;

// the ground everything stands on
pub mod clock;
pub mod config;
pub mod diagnostic;
pub mod map;
pub mod systems;
pub mod secret;
