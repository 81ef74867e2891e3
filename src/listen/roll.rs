//! The roll of open connections: all of them can be told to finish, then to stop.
//!
//! A cancellation token awaited by every connection would cost a lock on each wake-up; here a
//! connection reads one atomic, and is woken through its own pulse.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::pulse::Pulse;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Stage {
    Open,
    /// Finish the request in hand, then close.
    Closing,
    /// The wait is over.
    Cut,
}

#[derive(Debug, Default)]
pub(super) struct Roll {
    connections: Mutex<HashMap<u64, Arc<Pulse>>>,
    stage: AtomicU8,
    /// Answers say `Connection: close`.
    pub(super) stopping: AtomicBool,
}

impl Roll {
    pub(super) fn enrol(self: &Arc<Self>, number: u64, pulse: &Arc<Pulse>) -> Enrolled {
        self.connections().insert(number, Arc::clone(pulse));
        Enrolled {
            roll: Arc::clone(self),
            number,
        }
    }

    pub(super) fn stage(&self) -> Stage {
        match self.stage.load(Ordering::Acquire) {
            0 => Stage::Open,
            1 => Stage::Closing,
            _ => Stage::Cut,
        }
    }

    pub(super) fn advance(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Release);
        for pulse in self.connections().values() {
            pulse.waker.wake();
        }
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<u64, Arc<Pulse>>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Strikes the connection off when dropped.
pub(super) struct Enrolled {
    pub(super) roll: Arc<Roll>,
    number: u64,
}

impl Drop for Enrolled {
    fn drop(&mut self) {
        self.roll.connections().remove(&self.number);
    }
}
