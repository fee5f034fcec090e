//! `user:password@tcp(host:port)/db`, as Go's driver for `MySQL` has it.

use std::ops::Range;

use super::Spot;
use super::authority::Authority;

/// The place of what stands in the brackets; `None` where the text is of another form.
pub(super) fn address(text: &str) -> Option<Range<usize>> {
    let close = text.rfind(")/")?;
    let open = text[..close].rfind('(')?;
    let before = text[..open].trim_end_matches(|c: char| c.is_ascii_alphanumeric());
    (before.is_empty() || before.ends_with('@')).then_some(open + 1..close)
}

/// The host in there.
pub(super) fn spots(text: &str, address: &Range<usize>) -> Result<Vec<Spot>, String> {
    Ok(Authority::read(text, address.clone())?.spots)
}
