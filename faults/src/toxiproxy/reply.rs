//! Answers as Toxiproxy gives them: bodies, content types, line ends.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::errors::ApiError;

/// An answer before it has headers of its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    content_type: Option<&'static str>,
    body: String,
}

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

impl Reply {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            content_type: Some(JSON),
            body: body.to_string(),
        }
    }

    pub(super) fn empty(status: u16) -> Self {
        Self {
            status,
            content_type: None,
            body: String::new(),
        }
    }

    /// One line of text.
    pub(super) fn text(status: u16, line: &str) -> Self {
        Self {
            status,
            content_type: Some(TEXT),
            body: format!("{line}\n"),
        }
    }

    /// A body of some other type.
    pub(super) fn of_type(content_type: &'static str, body: String) -> Self {
        Self {
            status: 200,
            content_type: Some(content_type),
            body,
        }
    }

    /// Toxiproxy's errors are JSON and say that they are text.
    pub(super) fn error(error: &ApiError) -> Self {
        let body = json!({ "error": error.message, "status": error.status });
        Self::text(error.status, &body.to_string())
    }

    pub(super) fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(Bytes::from(self.body)));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Some(content_type) = self.content_type {
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
            if content_type == TEXT {
                let nosniff = HeaderValue::from_static("nosniff");
                headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
            }
        }
        response
    }
}

impl From<Result<Self, ApiError>> for Reply {
    fn from(done: Result<Self, ApiError>) -> Self {
        done.unwrap_or_else(|error| Self::error(&error))
    }
}
