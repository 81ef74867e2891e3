//! A connection's pulse: which phase it is in and since when, so that slow and silent senders can
//! be cut off without a timer per request.
//!
//! The socket wrapper and the request guards write it with single atomic stores; the connection's
//! own task reads it when its one alarm rings. Knows nothing of HTTP.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Instant;

/// Accepted, no byte seen yet.
const SILENT: u64 = 0;
/// Between the first byte of a request and the end of its head.
const HEADING: u64 = 1;
/// Between requests.
const IDLE: u64 = 2;

const PHASE_BITS: u32 = 2;

#[derive(Debug)]
pub(super) struct Pulse {
    accepted: Instant,
    /// Parts of requests and answers that are still in use. While there is one, nothing is late.
    turns: AtomicU32,
    /// The phase, and above it the milliseconds from `accepted` to its beginning: one word, so
    /// that a reader never sees one without the other.
    phase: AtomicU64,
    /// Wakes the connection's task.
    pub(super) waker: AtomicWaker,
}

/// How long each phase may last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) header: Duration,
    pub(super) idle: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// The phase has lasted too long.
    Late,
    /// Nothing can become late before then.
    AgainAt(Instant),
}

impl Pulse {
    pub(super) fn new(accepted: Instant) -> Self {
        Self {
            accepted,
            turns: AtomicU32::new(0),
            phase: AtomicU64::new(SILENT),
            waker: AtomicWaker::new(),
        }
    }

    /// Bytes came in. The first of a request starts its head; a first request's head has been
    /// due since the connection was accepted.
    pub(super) fn bytes_came(&self, now: impl FnOnce() -> Instant) {
        if self.turns.load(Ordering::Acquire) > 0 {
            return;
        }
        match self.phase.load(Ordering::Acquire) & ((1 << PHASE_BITS) - 1) {
            SILENT => self.phase.store(HEADING, Ordering::Release),
            IDLE => self.enter(HEADING, now()),
            _ => {}
        }
    }

    fn enter(&self, phase: u64, now: Instant) {
        let since = now.saturating_duration_since(self.accepted).as_millis();
        let since = u64::try_from(since).unwrap_or(u64::MAX);
        let word = (since << PHASE_BITS) | phase;
        self.phase.store(word, Ordering::Release);
    }

    pub(super) fn is_silent(&self) -> bool {
        self.turns.load(Ordering::Acquire) == 0 && self.phase.load(Ordering::Acquire) == SILENT
    }

    pub(super) fn look(&self, now: Instant, patience: Patience) -> Look {
        // A head that begins right after this look is late no earlier than this.
        let next_head = now + patience.header;
        if self.turns.load(Ordering::Acquire) > 0 {
            return Look::AgainAt(next_head);
        }
        let word = self.phase.load(Ordering::Acquire);
        let since = self.accepted + Duration::from_millis(word >> PHASE_BITS);
        let (late, again) = match word & ((1 << PHASE_BITS) - 1) {
            IDLE => (since + patience.idle, next_head.min(since + patience.idle)),
            _ => (since + patience.header, since + patience.header),
        };
        if now >= late {
            Look::Late
        } else {
            Look::AgainAt(again)
        }
    }
}

/// Held by each body, incoming or outgoing: the connection is idle once the last is dropped.
pub(super) struct Turn(Arc<Pulse>);

impl Turn {
    pub(super) fn begin(pulse: &Arc<Pulse>) -> Self {
        pulse.turns.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(pulse))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.0.turns.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.enter(IDLE, Instant::now());
        }
    }
}

/// A body that keeps its connection's turn until it is read, sent or dropped.
pub struct Held<B> {
    body: B,
    _turn: Turn,
}

impl<B> Held<B> {
    pub(super) fn new(body: B, turn: Turn) -> Self {
        Self { body, _turn: turn }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Held<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        header: Duration::from_secs(5),
        idle: Duration::from_secs(75),
    };

    #[track_caller]
    fn check(pulse: &Pulse, seconds: u64, expected: Option<u64>) {
        let at = |seconds| pulse.accepted + Duration::from_secs(seconds);
        let expected = expected.map_or(Look::Late, |seconds| Look::AgainAt(at(seconds)));
        assert_eq!(pulse.look(at(seconds), PATIENCE), expected);
    }

    #[test]
    fn a_first_head_is_due_since_the_connection_was_accepted() {
        let pulse = Pulse::new(Instant::now());
        assert!(pulse.is_silent());
        check(&pulse, 0, Some(5));
        check(&pulse, 5, None);
        pulse.bytes_came(|| pulse.accepted + Duration::from_secs(4));
        assert!(!pulse.is_silent());
        check(&pulse, 4, Some(5));
        check(&pulse, 5, None);
    }

    #[tokio::test(start_paused = true)]
    async fn idle_and_later_heads_have_their_own_patience() {
        let pulse = Arc::new(Pulse::new(Instant::now()));
        let (request, answer) = (Turn::begin(&pulse), Turn::begin(&pulse));
        drop(request);
        pulse.bytes_came(|| unreachable!("more of the same request"));
        check(&pulse, 900, Some(905));
        tokio::time::advance(Duration::from_secs(10)).await;
        drop(answer);
        check(&pulse, 10, Some(15));
        check(&pulse, 83, Some(85));
        check(&pulse, 85, None);
        pulse.bytes_came(|| pulse.accepted + Duration::from_secs(84));
        check(&pulse, 84, Some(89));
        pulse.bytes_came(|| unreachable!("a later byte moves nothing"));
        check(&pulse, 89, None);
    }
}
