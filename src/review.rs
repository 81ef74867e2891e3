//! Reviewing: what the store recorded, put before the pure rooms. [`plan`] decides recorded traffic
//! again with other tables; [`explain_payload`] and [`explain_event`] tell one event's story.
//!
//! Nothing is decided here and nothing is written: events, links and pasts are fetched, `plan` and
//! `explain` are asked, and their answers go to whoever wanted to know: a command, the admin API.

mod story;
mod traffic;

pub use story::{ByTables, EventStory, MOST_EVENTS, PayloadStory, explain_event, explain_payload};
pub use traffic::{Planned, Progress, Work, plan};

use crate::store::StoreError;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Whoever asked does not wait any more.
    #[error("cancelled")]
    Cancelled,
    /// A fault of ours.
    #[error("reviewing failed inside the bridge: {0}")]
    Failed(String),
}
