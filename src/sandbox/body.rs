//! A request body: what came, and whether it is an object at all.
//!
//! The checks against a model are `schema`; each pretended system says no in its own words.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

/// A request body as it came, and as JSON if it is JSON.
#[derive(Debug, Default)]
pub(super) struct RequestBody {
    pub text: Option<Arc<str>>,
    pub json: Option<Value>,
    is_declared_json: bool,
}

/// Why a body is no object to be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoObject {
    #[error("The content type must be application/json.")]
    MediaType,
    #[error("The body is not JSON.")]
    Syntax,
    #[error("The body must be a JSON object.")]
    NoMembers,
}

impl NoObject {
    pub fn status(self) -> StatusCode {
        match self {
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Syntax | Self::NoMembers => StatusCode::BAD_REQUEST,
        }
    }
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

    /// A body of the sandbox's own making, for what people do at a vendor.
    pub fn of(json: Value) -> Self {
        Self {
            text: Some(json.to_string().into()),
            json: Some(json),
            is_declared_json: true,
        }
    }

    pub fn object(&self) -> Result<&Map<String, Value>, NoObject> {
        if !self.is_declared_json {
            return Err(NoObject::MediaType);
        }
        let json = self.json.as_ref().ok_or(NoObject::Syntax)?;
        json.as_object().ok_or(NoObject::NoMembers)
    }
}
