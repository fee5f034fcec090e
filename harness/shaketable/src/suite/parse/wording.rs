//! What is said of text that is not YAML.

use saphyr_parser::ScanError;

/// The parser's own words.
pub(super) fn message(error: &ScanError) -> String {
    format!("not YAML: {}", error.info())
}

/// What usually is behind a syntax error.
pub(super) fn hint(info: &str) -> &'static str {
    let info = info.to_ascii_lowercase();
    let has = |words: &str| info.contains(words);
    if has("tab") {
        "indent with spaces"
    } else if has("mapping values") || has("simple key") {
        "is the indentation right, and does text that holds a `: ` stand in quotes?"
    } else if has("anchor") {
        "an alias `*name` needs a `&name` before it; text that begins with `*` needs quotes"
    } else if has("quoted scalar") {
        "a quote is left open"
    } else if has("flow") || has("','") {
        "a bracket or a comma is missing, or text that holds one of `{}[],` needs quotes"
    } else {
        "the indentation of this line or the one before it may be wrong"
    }
}
