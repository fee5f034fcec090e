//! Which exchanges a fault is meant for.

use schemars::JsonSchema;
use serde::Deserialize;

/// Conditions on an exchange; all that are given must hold. On a `tcp` edge only the empty
/// condition matches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// The request's method.
    #[serde(default)]
    pub method: Option<String>,
    /// The request's path without its query; `*` stands for one segment, `**` for any number.
    #[serde(default)]
    pub path: Option<String>,
}

/// What is known of a request when it is decided whether a fault hits it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The method as sent.
    pub method: &'a str,
    /// Path and query as sent.
    pub target: &'a str,
}

impl Which {
    /// Whether the conditions hold. `None` is a connection whose bytes are not HTTP.
    pub fn holds(&self, subject: Option<Subject<'_>>) -> bool {
        let Some(Subject { method, target }) = subject else {
            return *self == Self::default();
        };
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        self.method
            .as_deref()
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self
                .path
                .as_deref()
                .is_none_or(|glob| fast_glob::glob_match(glob, path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(method: Option<&str>, path: Option<&str>, subject: Option<(&str, &str)>) -> bool {
        let which = Which {
            method: method.map(str::to_owned),
            path: path.map(str::to_owned),
        };
        which.holds(subject.map(|(method, target)| Subject { method, target }))
    }

    #[test]
    fn every_given_condition_must_hold() {
        let get = Some(("GET", "/stock/A1?fresh=1"));
        assert!(holds(None, None, get));
        assert!(holds(Some("get"), Some("/stock/*"), get));
        assert!(!holds(Some("POST"), Some("/stock/*"), get));
        assert!(!holds(None, Some("/stock"), get));
        assert!(!holds(None, Some("/*"), get), "one star is one segment");
        assert!(holds(None, Some("/**"), get));
    }

    #[test]
    fn bytes_that_are_not_http_match_only_the_empty_condition() {
        assert!(holds(None, None, None));
        assert!(!holds(Some("GET"), None, None));
    }
}
