//! What the fuzz targets call.

/// Reads the bytes as a request and as an answer, at once and in pieces of the given lengths, passes
/// them on, and changes the answer as faults do.
///
/// # Panics
/// When a message ends somewhere else because its bytes came in other pieces, when a byte that is to
/// be left alone is lost or changed, or when a changed answer is not one answer.
pub fn framing(bytes: &[u8], pieces: &[u8]) {
    crate::http::fuzz::ends(bytes, pieces);
    crate::http::fuzz::passes(bytes, pieces);
    crate::http::fuzz::changes(bytes);
}
