//! `scheme://user:password@host:port/path?query`, also with a list of hosts, also as a list of such
//! URLs, also with a scheme of several parts: `jdbc:postgresql://host:5432/app`.

use std::ops::Range;

use super::Spot;
use super::authority::Authority;

/// Whether the text begins with a scheme and `//`.
pub(super) fn has_scheme(text: &str) -> bool {
    scheme(text).is_some()
}

/// What stands before the first `//`, if that is a scheme: `https:`, `jdbc:oracle:thin:@`.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once("//")?;
    let part = |c: char| c.is_ascii_alphanumeric() || "+.-_:@".contains(c);
    let begins = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
    let ends = scheme.ends_with(':') || scheme.ends_with(":@");
    (begins && ends && scheme.chars().all(part)).then_some(scheme)
}

/// The hosts of a URL, or of a list of URLs with the same scheme.
pub(super) fn spots(text: &str) -> Result<Vec<Spot>, String> {
    let scheme = scheme(text).unwrap_or_default();
    if scheme.trim_end_matches(':').ends_with("+srv") {
        return Err(
            "its hosts are looked up in DNS by the caller, past every proxy; write the URL without \
             `+srv`, with host and port"
                .to_owned(),
        );
    }
    let mut spots = Vec::new();
    for one in urls(text, scheme) {
        let from = one.start + scheme.len() + 2;
        let ends: &[char] = if scheme.starts_with("jdbc:") {
            &['/', '?', '#', ';']
        } else {
            &['/', '?', '#']
        };
        let until = text[from..one.end].find(ends);
        let until = until.map_or(one.end, |end| from + end);
        spots.extend(Authority::read(text, from..until)?.spots);
    }
    Ok(spots)
}

/// `nats://a:4222,nats://b:4222` is two. What comes after a `?` or `#` is not looked at: a URL in
/// there is somebody else's.
fn urls(text: &str, scheme: &str) -> Vec<Range<usize>> {
    let next = format!(",{scheme}//");
    let looked_at = text.find(['?', '#']).unwrap_or(text.len());
    let mut urls = Vec::new();
    let mut from = 0;
    while let Some(comma) = text[from..looked_at].find(&next) {
        urls.push(from..from + comma);
        from += comma + 1;
    }
    urls.push(from..text.len());
    urls
}
