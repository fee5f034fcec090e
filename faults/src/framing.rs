//! Where HTTP/1.1 messages end (RFC 9112), without changing or keeping a byte of them: what the
//! proxies read with, for whoever else reads answers.
//!
//! [`response`] reads a head that stands in a buffer, and says how the body behind it ends; its
//! [`Framing`] then takes the bytes of that body as they come. Both are stricter than HTTP allows:
//! what parties are known to read differently is an error.

pub use crate::http::body::{At, Chunk, Framing, Malformed};
pub use crate::http::head::{HEAD_MAX, NotHttp, ResponseHead, response, response_with};
