//! What is logged of a try: one line each, and of what repeats itself a few in a minute.

use jiff::Timestamp;

use super::TargetWorker;
use crate::delivery::{Attempt, Lease};
use crate::store::Outcome;
use crate::telemetry::damper::Say;

/// One line with everything that identifies a try.
macro_rules! say {
    ($level:ident, $of:expr, $($rest:tt)+) => {
        tracing::$level!(
            event.id = %$of.lease.event,
            lead.id = %$of.lease.lead_id,
            delivery.id = %$of.lease.id,
            target.name = %$of.lease.target,
            attempt.number = $of.lease.attempt,
            http.status = $of.http_status,
            duration_ms = $of.duration_ms,
            $($rest)+
        )
    };
}

struct Said<'a> {
    lease: &'a Lease,
    http_status: Option<u16>,
    duration_ms: Option<i64>,
}

impl TargetWorker {
    pub(super) fn say(
        &self,
        lease: &Lease,
        (outcome, last): (&Outcome, Option<&Attempt>),
        now: Timestamp,
    ) {
        let said = Said {
            lease,
            http_status: last.and_then(|attempt| attempt.http_status),
            duration_ms: last.map(|attempt| attempt.duration_ms),
        };
        let kind = match outcome {
            Outcome::Delivered { .. } => return say!(debug, said, "delivered"),
            Outcome::Withheld => {
                return say!(debug, said, "withheld: the target is in shadow mode");
            }
            Outcome::Parked(cause) => cause.as_str(),
            Outcome::Held { .. } => "held",
            Outcome::Retry { .. } => "retry",
            Outcome::Superseded => "superseded",
        };
        let Say::Aloud { unsaid } = self.damper.ask(kind, now) else {
            return say!(debug, said, "not delivered: {kind}");
        };
        let (id, name) = (lease.id, &lease.target);
        let status = said
            .http_status
            .map_or_else(|| String::from("no answer"), |status| status.to_string());
        match outcome {
            Outcome::Parked(cause) => {
                say!(
                    warn,
                    said,
                    unsaid,
                    "delivery {id} is parked as `{cause}`: {}",
                    cause.suggestion()
                );
            }
            Outcome::Held { .. } => {
                say!(
                    warn,
                    said,
                    unsaid,
                    "`{name}` refused delivery {id} with {status}; held until it is known whose fault that is"
                );
            }
            Outcome::Superseded => {
                say!(
                    info,
                    said,
                    unsaid,
                    "delivery {id} was to amend an entry that never got to `{name}`, and newer things were decided: superseded"
                );
            }
            Outcome::Retry { at, .. } => {
                say!(
                    info,
                    said,
                    unsaid,
                    "`{name}` did not take delivery {id} ({status}); tried again at {at:.3}"
                );
            }
            Outcome::Delivered { .. } | Outcome::Withheld => {}
        }
    }
}
