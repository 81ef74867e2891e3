//! One trace per event, from webhook to answer, across the store and across restarts.
//!
//! Nothing of it is stored: the trace's id is the event's, and the ids of its spans follow from the
//! ids of event and delivery. Whoever knows those can add a span at any time:
//!
//! ```text
//! webhook ─▶ record ─▶ decide ─▶ deliver (one lease) ─▶ set, look_up, … (each call)
//! ```
//!
//! Off, or of an event that is not sampled, a span costs one comparison. A full queue drops spans
//! and counts them; nobody waits. `otlp` sends them.

use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::clock::after;
use crate::delivery::{Attempt, Lease};
use crate::event::EventId;

/// Spans that may wait for the exporter.
const QUEUE: usize = 8192;
/// The bits of an id that are random by the trace context standard, and in a UUID v7.
const RANDOM_BITS: u64 = (1 << 56) - 1;

/// Where spans go; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Traces(Option<Sampled>);

#[derive(Debug, Clone)]
struct Sampled {
    spans: mpsc::Sender<Span>,
    /// An event is traced if the random bits of its id are at least this.
    from: u64,
    dropped: Counter,
}

/// Something that took time.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    pub trace: Uuid,
    pub id: SpanId,
    pub parent: Option<SpanId>,
    pub name: &'static str,
    pub kind: SpanKind,
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
    pub is_fault: bool,
    pub attributes: Vec<(&'static str, Attribute)>,
    /// The sender's own span that led to this one.
    pub link: Option<TraceParent>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanId(pub u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    Server,
    Internal,
    Client,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    Text(String),
    Whole(i64),
}

/// What a sender's `traceparent` header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    pub trace: u128,
    pub span: u64,
}

impl TraceParent {
    /// Version 00 of the W3C trace context; anything else is none.
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.split('-');
        let (version, trace, span, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let lengths = (trace.len(), span.len(), flags.len());
        if version != "00" || parts.next().is_some() || lengths != (32, 16, 2) {
            return None;
        }
        let parsed = Self {
            trace: u128::from_str_radix(trace, 16).ok()?,
            span: u64::from_str_radix(span, 16).ok()?,
        };
        let is_sound = is_plain(trace) && is_plain(span) && parsed.trace != 0 && parsed.span != 0;
        is_sound.then_some(parsed)
    }
}

/// A decision as a span tells it.
#[derive(Debug)]
pub struct DecidedSpan<'a> {
    pub event: EventId,
    pub source: &'a str,
    pub words: &'a [&'static str],
    pub cause: Option<&'a str>,
    pub is_first: bool,
    pub decided_at: Timestamp,
}

impl SpanId {
    /// Stage by stage another id, always the same one for the same thing.
    fn of(id: &Uuid, stage: u64) -> Self {
        let (_, low) = id.as_u64_pair();
        // The finalizer of splitmix64: near inputs give far outputs.
        let mut mixed = low ^ stage.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // Zero means "no span".
        Self((mixed ^ (mixed >> 31)).max(1))
    }

    fn webhook(event: EventId) -> Self {
        Self::of(&event.0, 1)
    }

    fn record(event: EventId) -> Self {
        Self::of(&event.0, 2)
    }

    fn decide(event: EventId) -> Self {
        Self::of(&event.0, 3)
    }
}

impl Traces {
    /// Traces that share of all events, and the queue to export from.
    pub fn sampling(ratio: f64, dropped: Counter) -> (Self, mpsc::Receiver<Span>) {
        let (spans, queue) = mpsc::channel(QUEUE);
        let left_out = (1.0 - ratio.clamp(0.0, 1.0)) * (RANDOM_BITS + 1) as f64;
        let sampled = Sampled {
            spans,
            from: left_out as u64,
            dropped,
        };
        (Self(Some(sampled)), queue)
    }

    /// Whether spans of this event are wanted: all of them, or none.
    pub fn wants(&self, event: EventId) -> bool {
        self.0.as_ref().is_some_and(|sampled| {
            let (_, low) = event.0.as_u64_pair();
            low & RANDOM_BITS >= sampled.from
        })
    }

    fn send(&self, span: Span) {
        if let Some(sampled) = &self.0
            && sampled.spans.try_send(span).is_err()
        {
            sampled.dropped.inc();
        }
    }

    /// A webhook became an event: the whole of it, and the wait for its commit since `read_at`.
    pub fn recorded(
        &self,
        (event, source): (EventId, &str),
        (took, read_at, answered_at): (Duration, Timestamp, Timestamp),
        link: Option<TraceParent>,
    ) {
        let began = jiff::SignedDuration::try_from(took)
            .ok()
            .and_then(|took| answered_at.checked_sub(took).ok())
            .map_or(read_at, |began| began.min(read_at));
        let attributes = vec![
            ("source.name", Attribute::Text(source.to_owned())),
            ("event.id", Attribute::Text(event.to_string())),
        ];
        self.send(Span {
            trace: event.0,
            id: SpanId::webhook(event),
            parent: None,
            name: "webhook",
            kind: SpanKind::Server,
            started_at: began,
            ended_at: answered_at,
            is_fault: false,
            attributes,
            link,
        });
        self.send(Span {
            trace: event.0,
            id: SpanId::record(event),
            parent: Some(SpanId::webhook(event)),
            name: "record",
            kind: SpanKind::Internal,
            started_at: read_at,
            ended_at: answered_at,
            is_fault: false,
            attributes: Vec::new(),
            link: None,
        });
    }

    /// An event was decided, and that is on disk. What it is decided to later stands beside it.
    pub fn decided(&self, decided: &DecidedSpan<'_>, on_disk_at: Timestamp) {
        let event = decided.event;
        let id = if decided.is_first {
            SpanId::decide(event)
        } else {
            let at = u64::try_from(decided.decided_at.as_microsecond()).unwrap_or(0);
            SpanId::of(&event.0, at.max(16))
        };
        let mut attributes = vec![
            ("source.name", Attribute::Text(decided.source.to_owned())),
            ("event.id", Attribute::Text(event.to_string())),
            ("decision", Attribute::Text(decided.words.join(","))),
        ];
        attributes.extend(
            decided
                .cause
                .map(|cause| ("park.cause", Attribute::Text(cause.to_owned()))),
        );
        self.send(Span {
            trace: event.0,
            id,
            parent: Some(SpanId::record(event)),
            name: if decided.is_first {
                "decide"
            } else {
                "decide again"
            },
            kind: SpanKind::Internal,
            started_at: decided.decided_at,
            ended_at: on_disk_at,
            is_fault: false,
            attributes,
            link: None,
        });
    }

    /// A try of a delivery ended: the lease, and each call of it. `outcome` is one of our words.
    pub fn tried(
        &self,
        (lease, attempts): (&Lease, &[Attempt]),
        outcome: &'static str,
        ended_at: Timestamp,
    ) {
        if !self.wants(lease.event) {
            return;
        }
        let stage = u64::from(lease.attempt) << 8;
        let parent = SpanId::of(&lease.id.0, stage);
        self.send(Span {
            trace: lease.event.0,
            id: parent,
            parent: Some(SpanId::decide(lease.event)),
            name: "deliver",
            kind: SpanKind::Internal,
            started_at: lease.leased_at.min(ended_at),
            ended_at,
            is_fault: matches!(outcome, "retry" | "held" | "parked"),
            attributes: vec![
                ("delivery.id", Attribute::Text(lease.id.to_string())),
                ("target.name", Attribute::Text(lease.target.clone())),
                ("lead.id", Attribute::Text(lease.lead_id.clone())),
                ("attempt.number", Attribute::Whole(lease.attempt.into())),
                ("outcome", Attribute::Text(outcome.to_owned())),
            ],
            link: None,
        });
        for (place, attempt) in (1..).zip(attempts.iter().take(0xff)) {
            self.send(call((lease, parent), (attempt, stage | place)));
        }
    }
}

/// One call. Its path is left out: it may name what a person entered as an id.
fn call((lease, parent): (&Lease, SpanId), (attempt, stage): (&Attempt, u64)) -> Span {
    let took = Duration::from_millis(u64::try_from(attempt.duration_ms).unwrap_or(0));
    let method = attempt.request.split(' ').next().unwrap_or_default();
    let mut attributes = vec![
        ("target.name", Attribute::Text(lease.target.clone())),
        ("http.request.method", Attribute::Text(method.to_owned())),
        ("result", Attribute::Text(attempt.result.to_owned())),
    ];
    let status = attempt.http_status;
    attributes.extend(status.map(|status| ("http.status", Attribute::Whole(status.into()))));
    Span {
        trace: lease.event.0,
        id: SpanId::of(&lease.id.0, stage),
        parent: Some(parent),
        name: attempt.call.as_str(),
        kind: SpanKind::Client,
        started_at: attempt.started_at,
        ended_at: after(attempt.started_at, took),
        is_fault: status.is_none_or(|status| !(200..300).contains(&status)),
        attributes,
        link: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_parent(header: &str, expected: Option<(u128, u64)>) {
        let expected = expected.map(|(trace, span)| TraceParent { trace, span });
        assert_eq!(TraceParent::parse(header), expected, "{header}");
    }

    #[test]
    fn a_senders_trace_context_is_read_strictly() {
        let sound = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let parsed = Some((
            0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c,
            0xb7ad_6b71_6920_3331,
        ));
        check_parent(sound, parsed);
        check_parent("", None);
        check_parent(&sound.replace("00-0a", "ff-0a"), None);
        check_parent(&format!("{sound}-more"), None);
        check_parent(&sound.replace("b7ad6b7169203331", "0000000000000000"), None);
        check_parent(&sound.replace("0af7", "+af7"), None);
        check_parent("00-é", None);
    }

    #[test]
    fn a_share_of_the_events_is_traced_and_each_of_them_whole() {
        let share = |ratio: f64| {
            let (traces, _spans) = Traces::sampling(ratio, Counter::default());
            let at: Timestamp = "2026-08-01T12:00:00Z".parse().expect("a time");
            let events = (0..4000).map(|_| EventId::new_at(at));
            events.filter(|event| traces.wants(*event)).count()
        };
        assert_eq!((share(0.0), share(1.0)), (0, 4000));
        assert!((800..1200).contains(&share(0.25)));
        assert!(!Traces::default().wants(EventId::new_at(Timestamp::UNIX_EPOCH)));
    }

    #[test]
    fn a_full_queue_drops_and_counts() {
        let dropped = Counter::default();
        let (traces, queue) = Traces::sampling(1.0, dropped.clone());
        drop(queue);
        let event = EventId::new_at(Timestamp::UNIX_EPOCH);
        let times = (Duration::ZERO, Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        traces.recorded((event, "voice"), times, None);
        assert_eq!(dropped.get(), 2);
    }
}
