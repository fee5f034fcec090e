//! What the API says when it cannot do as asked, in Toxiproxy's own words.

use std::fmt;

/// An answer that is an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) status: u16,
    pub(super) message: String,
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

fn error(status: u16, message: impl Into<String>) -> ApiError {
    let message = message.into();
    ApiError { status, message }
}

pub(super) fn bad_body(why: impl fmt::Display) -> ApiError {
    error(400, format!("bad request body: {why}"))
}

pub(super) fn missing(field: &str) -> ApiError {
    error(400, format!("missing required field: {field}"))
}

pub(super) fn invalid_stream() -> ApiError {
    let message = "stream was invalid, can be either upstream or downstream";
    error(400, message)
}

pub(super) fn invalid_type() -> ApiError {
    error(400, "invalid toxic type")
}

pub(super) fn no_lease() -> ApiError {
    let message = "this toxic has no lease; send the length of one, as in {\"lease\": \"30s\"}";
    error(400, message)
}

pub(super) fn unauthorised() -> ApiError {
    let message = "this API wants its token, sent as `Authorization: Bearer TOKEN`";
    error(401, message)
}

pub(super) fn proxy_not_found() -> ApiError {
    error(404, "proxy not found")
}

pub(super) fn toxic_not_found() -> ApiError {
    error(404, "toxic not found")
}

pub(super) fn too_slow() -> ApiError {
    error(408, "bad request body: it did not come in time")
}

pub(super) fn proxy_exists() -> ApiError {
    error(409, "proxy already exists")
}

pub(super) fn toxic_exists() -> ApiError {
    error(409, "toxic already exists")
}

pub(super) fn too_large(most: usize) -> ApiError {
    error(413, format!("bad request body: larger than {most} bytes"))
}

/// Something that is no fault of the request.
pub(super) fn internal(why: impl fmt::Display) -> ApiError {
    error(500, why.to_string())
}

impl ApiError {
    /// With the place in the request that it is about.
    pub(super) fn at(mut self, place: &str) -> Self {
        self.message = format!("{} at {place}", self.message);
        self
    }
}
