//! A regular expression that can be compared with another.

use regex_lite::Regex;

/// The most bytes that a compiled expression may have.
const SIZE_MAX: usize = 1 << 20;

/// A regular expression.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Pattern {
    /// Reads one; the error is a lowercase fragment.
    pub fn new(text: &str) -> Result<Self, String> {
        let regex = regex_lite::RegexBuilder::new(text)
            .size_limit(SIZE_MAX)
            .build();
        regex.map(Self).map_err(|error| {
            let error = error.to_string();
            error
                .lines()
                .last()
                .unwrap_or_default()
                .trim()
                .to_lowercase()
        })
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether it occurs.
    pub fn occurs_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// What its first group holds where it first occurs; all of it where it has no group.
    pub fn find_in<'t>(&self, text: &'t str) -> Option<&'t str> {
        let found = self.0.captures(text)?;
        let group = if found.len() > 1 {
            found.get(1)
        } else {
            found.get(0)
        };
        group.map(|found| found.as_str())
    }
}
