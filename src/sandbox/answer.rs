//! What goes back over the wire: whole answers, problem details, and answers that break off.
//!
//! [`Ending`] is how one exchange ends; `exchange` chooses it, the connection task carries it out.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use hyper::body::{Body, Frame, SizeHint};
use serde_json::{Value, json};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(super) const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A complete answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

/// How an exchange ends.
#[derive(Debug)]
pub(super) enum Ending {
    Answer(Answer),
    /// More bytes are declared than sent, then the connection closes.
    Truncated(Answer),
    /// The connection closes without an answer.
    Dropped,
    /// Nothing happens until the other side gives up.
    Hung,
}

impl Answer {
    pub fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    pub fn json(status: StatusCode, body: &Value) -> Self {
        Self::of(status, JSON, body.to_string())
    }

    pub fn of(status: StatusCode, content_type: HeaderValue, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![(CONTENT_TYPE, content_type)],
            body: body.into(),
        }
    }

    /// Problem details (RFC 9457) in the vendor's shape; `instance` is the path.
    pub fn problem(status: StatusCode, detail: &str, instance: &str) -> Self {
        let body = json!({
            "type": "about:blank",
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": detail,
            "instance": instance,
        });
        Self::of(status, PROBLEM, body.to_string())
    }

    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub fn into_response(self) -> Response<WireBody> {
        let body = WireBody::Whole(Some(self.body).filter(|body| !body.is_empty()));
        respond(self.status, self.headers, body)
    }

    /// Declares the whole length and sends half of it.
    pub fn into_truncated_response(mut self) -> Response<WireBody> {
        let declared = self.body.len().max(64);
        self.headers
            .push((CONTENT_LENGTH, HeaderValue::from(declared)));
        let half = self.body.slice(..self.body.len() / 2);
        respond(self.status, self.headers, WireBody::Half(Some(half)))
    }
}

fn respond(
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: WireBody,
) -> Response<WireBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().extend(headers);
    response
}

/// The body on its way out.
#[derive(Debug)]
pub(super) enum WireBody {
    Whole(Option<Bytes>),
    /// A first part, then a fault.
    Half(Option<Bytes>),
    /// The first part is out; the next poll breaks off.
    Breaking,
    Broken,
}

#[derive(Debug, thiserror::Error)]
#[error("the connection is closed on request")]
pub(super) struct ClosedOnRequest;

impl Body for WireBody {
    type Data = Bytes;
    type Error = ClosedOnRequest;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ClosedOnRequest>>> {
        match &mut *self {
            Self::Whole(body) => Poll::Ready(body.take().map(|body| Ok(Frame::data(body)))),
            Self::Half(body) => {
                let body = body.take().unwrap_or_default();
                *self = Self::Breaking;
                Poll::Ready(Some(Ok(Frame::data(body))))
            }
            // One pause: the connection flushes what it has before it learns of the fault.
            Self::Breaking => {
                *self = Self::Broken;
                task.waker().wake_by_ref();
                Poll::Pending
            }
            Self::Broken => Poll::Ready(Some(Err(ClosedOnRequest))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => {
                SizeHint::with_exact(body.as_ref().map_or(0, |body| body.len() as u64))
            }
            Self::Half(_) | Self::Breaking | Self::Broken => SizeHint::default(),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }
}
