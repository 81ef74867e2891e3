//! Answers that say no: `application/problem+json` with a request id that is also in the log.
//!
//! A [`Problem`] holds only what the peer may know. Each listener maps its own errors to problems
//! in one file (`receive/refusal.rs` for webhooks): ours get fixed text, the caller's precise text.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use uuid::Uuid;

pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// One refused request.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    detail: Cow<'static, str>,
    request_id: Uuid,
    retry_after: Option<Duration>,
    allow: Option<&'static str>,
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    request_id: Uuid,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            detail: detail.into(),
            request_id: Uuid::now_v7(),
            retry_after: None,
            allow: None,
        }
    }

    /// Sent as whole seconds, rounded up, at least 1.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The methods that the path does take.
    pub fn allow(mut self, methods: &'static str) -> Self {
        self.allow = Some(methods);
        self
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    pub fn detail(&self) -> &str {
        &self.detail
    }

    pub fn request_id(&self) -> Uuid {
        self.request_id
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = Document {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            request_id: self.request_id,
        };
        let body = serde_json::to_vec(&document).expect("text and numbers always serialize");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        let request_id = HeaderValue::from_str(&self.request_id.to_string())
            .expect("a UUID is hex digits and hyphens");
        headers.insert(REQUEST_ID, request_id);
        if let Some(wait) = self.retry_after {
            headers.insert(RETRY_AFTER, whole_seconds(wait).into());
        }
        if let Some(methods) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(methods));
        }
        response
    }
}

fn whole_seconds(wait: Duration) -> u64 {
    let started = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(started).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_problem_names_its_request_in_header_and_body() {
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "try again later")
            .retry_after(Duration::from_millis(1200))
            .allow("POST");
        let request_id = problem.request_id().to_string();
        let response = problem.into_response();
        assert_eq!(response.status(), 503);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "application/problem+json");
        assert_eq!(header("x-request-id"), request_id);
        assert_eq!(header("retry-after"), "2");
        assert_eq!(header("allow"), "POST");
        let body = axum::body::to_bytes(response.into_body(), 4096).await;
        let body: serde_json::Value = serde_json::from_slice(&body.unwrap()).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "type": "about:blank",
                "title": "Service Unavailable",
                "status": 503,
                "detail": "try again later",
                "request_id": request_id,
            })
        );
    }

    #[test]
    fn waiting_is_never_rounded_down_nor_to_zero() {
        assert_eq!(whole_seconds(Duration::ZERO), 1);
        assert_eq!(whole_seconds(Duration::from_secs(3)), 3);
        assert_eq!(whole_seconds(Duration::from_nanos(3_000_000_001)), 4);
    }
}
