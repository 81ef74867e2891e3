//! How far a plan has come: one line on a terminal, written over itself; nothing anywhere else.

use std::io::{IsTerminal, Write as _};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::review::Progress;

const EVERY: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, Copy)]
pub(super) struct ProgressLine {
    is_shown: bool,
}

impl ProgressLine {
    pub(super) fn start() -> Self {
        Self {
            is_shown: std::io::stderr().is_terminal(),
        }
    }

    /// What is called as the plan goes on.
    pub(super) fn shower(self) -> Box<dyn Fn(Progress) + Send> {
        let shown_at = Mutex::new(Instant::now());
        Box::new(move |progress| {
            let Ok(mut shown_at) = shown_at.lock() else {
                return;
            };
            if self.is_shown && shown_at.elapsed() >= EVERY {
                *shown_at = Instant::now();
                let Progress { events, percent } = progress;
                eprint!("\r{events} events decided, {percent} % ");
                // It is only for looking at.
                let _ = std::io::stderr().flush();
            }
        })
    }

    /// Leaves the terminal's line free.
    pub(super) fn end(self) {
        if self.is_shown {
            eprint!("\r\x1b[2K");
        }
    }
}
