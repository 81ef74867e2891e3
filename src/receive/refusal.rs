//! Every way in which a webhook is not accepted, and the answer that its sender gets.
//!
//! Our own failures are answered as the sender's kind retries them, with fixed text; the
//! sender's are told precisely. Nothing of the body or of a credential is in any text.

use std::time::Duration;

use http::StatusCode;

use crate::config::SourceKind;
use crate::problem::Problem;
use crate::verify::Refused;

/// How soon to come back to a bridge that is overloaded.
const OVERLOAD_PAUSE: Duration = Duration::from_secs(1);
/// How soon to come back to a bridge that is stopping or cannot write.
const OUTAGE_PAUSE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("there is nothing at this path; webhooks are posted to /webhooks/{{source}}")]
    UnknownPath,
    #[error("no source has this name")]
    UnknownSource,
    #[error("this path takes {0} only")]
    WrongMethod(&'static str),
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the body did not arrive in time")]
    TimedOut,
    #[error("the body broke off or was not framed correctly")]
    Interrupted,
    #[error("{0}")]
    Unauthorized(Refused),
    #[error("the body is not JSON: line {line}, column {column}")]
    NotJson { line: usize, column: usize },
    #[error("a number in the body is out of range: line {line}, column {column}")]
    NumberOutOfRange { line: usize, column: usize },
    #[error("the body is JSON, but not an object")]
    NotAnObject,
    #[error("the body is nested deeper than {0} levels")]
    TooDeep(usize),
    #[error("this source's rate limit is reached")]
    RateLimited(Duration),
    #[error("more webhooks are arriving than can be recorded")]
    Overloaded,
    #[error("webhooks cannot be recorded at the moment")]
    Unavailable,
    #[error("the bridge is stopping")]
    Stopping,
}

impl Refusal {
    /// The answer; `kind` is the sender's, where it is known.
    pub(super) fn problem(self, kind: Option<SourceKind>) -> Problem {
        // The same whatever was wrong: the difference is for our log.
        let detail = match self {
            Self::Unauthorized(_) => "the credential is missing or wrong".to_owned(),
            _ => self.to_string(),
        };
        let problem = Problem::new(self.status(kind), detail);
        match self {
            Self::WrongMethod(methods) => problem.allow(methods),
            Self::RateLimited(wait) => problem.retry_after(wait),
            Self::Overloaded => problem.retry_after(OVERLOAD_PAUSE),
            Self::Unavailable | Self::Stopping => problem.retry_after(OUTAGE_PAUSE),
            _ => problem,
        }
    }

    fn status(self, kind: Option<SourceKind>) -> StatusCode {
        match self {
            Self::UnknownPath | Self::UnknownSource => StatusCode::NOT_FOUND,
            Self::WrongMethod(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TimedOut => StatusCode::REQUEST_TIMEOUT,
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::Interrupted
            | Self::NotJson { .. }
            | Self::NumberOutOfRange { .. }
            | Self::NotAnObject
            | Self::TooDeep(_) => StatusCode::BAD_REQUEST,
            Self::RateLimited(_) | Self::Overloaded => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable | Self::Stopping => match kind {
                // Its 429 class is re-sent for days; nothing is documented for 503.
                Some(SourceKind::Capillary) => StatusCode::TOO_MANY_REQUESTS,
                _ => StatusCode::SERVICE_UNAVAILABLE,
            },
        }
    }

    /// The value of the metric label `result`.
    pub(super) fn result(self) -> &'static str {
        match self {
            Self::UnknownPath | Self::UnknownSource => "not_found",
            Self::TooLarge(_) => "too_large",
            Self::TimedOut => "timeout",
            Self::Unauthorized(_) => "unauthorized",
            Self::WrongMethod(_)
            | Self::Interrupted
            | Self::NotJson { .. }
            | Self::NumberOutOfRange { .. }
            | Self::NotAnObject
            | Self::TooDeep(_) => "bad_request",
            Self::RateLimited(_) => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::Unavailable | Self::Stopping => "unavailable",
        }
    }

    /// Why a verified body is kept among the rejects.
    pub(super) fn reject_reason(self) -> Option<&'static str> {
        match self {
            Self::NotJson { .. } => Some("not_json"),
            Self::NumberOutOfRange { .. } => Some("number_out_of_range"),
            Self::NotAnObject => Some("not_an_object"),
            Self::TooDeep(_) => Some("nested_too_deep"),
            _ => None,
        }
    }

    /// Said before the whole body was read.
    pub(super) fn is_early(self) -> bool {
        matches!(
            self,
            Self::UnknownPath
                | Self::UnknownSource
                | Self::WrongMethod(_)
                | Self::TooLarge(_)
                | Self::TimedOut
                | Self::Stopping
        )
    }
}
