//! A request body: what came, and whether it holds to a model.
//!
//! The checks themselves are `schema`; here stand the answers that refuse.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use super::bad_request;
use crate::sandbox::answer::Answer;
use crate::sandbox::schema::{Field, check_body};

/// A request body as it came, and as JSON if it is JSON.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct RequestBody {
    pub text: Option<Arc<str>>,
    pub json: Option<Value>,
    is_declared_json: bool,
}

impl RequestBody {
    pub fn parse(headers: &HeaderMap, bytes: &[u8]) -> Self {
        let content_type = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
        let media_type = content_type.and_then(|it| it.split(';').next());
        Self {
            text: (!bytes.is_empty()).then(|| Arc::from(String::from_utf8_lossy(bytes).as_ref())),
            json: serde_json::from_slice(bytes).ok(),
            is_declared_json: media_type
                .is_some_and(|it| it.trim().eq_ignore_ascii_case("application/json")),
        }
    }

    /// The body as an object that holds to the model, or the answer that refuses it.
    pub(super) fn checked(
        &self,
        groups: &[&[Field]],
        path: &str,
    ) -> Result<&Map<String, Value>, Answer> {
        if !self.is_declared_json {
            let detail = "The content type must be application/json.";
            return Err(Answer::problem(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                detail,
                path,
            ));
        }
        let Some(json) = &self.json else {
            return Err(bad_request("The body is not JSON.", path));
        };
        let Some(object) = json.as_object() else {
            return Err(bad_request("The body must be a JSON object.", path));
        };
        check_body(object, groups).map_err(|violations| bad_request(&violations, path))?;
        Ok(object)
    }
}
