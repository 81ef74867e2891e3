//! Retention as its caller sees it: steps, each one short transaction, until there is nothing left
//! to do.

use jiff::Timestamp;

/// How far removing what is old has come.
#[derive(Debug, Clone, Copy)]
pub struct Sweep {
    pub before: Timestamp,
    pub at: SweepAt,
    pub step: StepSize,
}

impl Sweep {
    pub fn of(before: Timestamp) -> Self {
        Self {
            before,
            at: SweepAt::Events { after: [0; 16] },
            step: StepSize::Short,
        }
    }
}

/// How much one step does. Longer ones write fewer pages for each row, and hold the writer longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepSize {
    /// While webhooks come in.
    Short,
    /// While none does.
    Long,
}

/// What the next step looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepAt {
    /// Events with ids after this one.
    Events {
        after: [u8; 16],
    },
    /// What has a time of its own: rejects, the audit trail.
    Aged,
    /// Index keys of events that are gone, after this one.
    Keys {
        table: usize,
        after: (i64, i64),
    },
    /// Pages that are free are given back.
    Space,
    Done,
}

/// What one step did.
#[derive(Debug, Clone, Copy)]
pub struct Swept {
    pub next: SweepAt,
    /// Events removed.
    pub events: usize,
    /// Table rows removed, those of the events included.
    pub rows: usize,
    /// Pages given back.
    pub pages: usize,
    /// The place of the last event recorded: it moves while webhooks come in.
    pub recorded: i64,
}
