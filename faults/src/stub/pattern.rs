//! Path patterns: `/accounts/{id}/charges`, `/files/{*rest}`.

use super::problem::{Problem, clip};

/// Where what anybody can ask of a stub lies; no route can be there.
pub(super) const RESERVED: &str = "/__stub";

/// One segment of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// This text, decoded.
    Text(String),
    /// Any one segment that is not empty.
    One(String),
    /// All that follows, at least one character; only at the end.
    Rest(String),
}

/// A path with named segments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PathPattern(Vec<Segment>);

/// What the named segments of a pattern stood for, decoded.
pub(super) type Captures = Vec<(String, String)>;

impl PathPattern {
    /// Reads a pattern; what is wrong with it is added to the problems.
    pub(super) fn parse(text: &str, problems: &mut Vec<Problem>) -> Self {
        let before = problems.len();
        let mut pattern = Self::default();
        if let Some(problem) = unfit(text) {
            problems.push(problem);
            return pattern;
        }
        let parts: Vec<&str> = text[1..].split('/').collect();
        for (index, part) in parts.iter().enumerate() {
            match segment(part, index + 1 == parts.len()) {
                Ok(segment) => pattern.0.push(segment),
                Err(problem) => problems.push(problem.of_word(*part)),
            }
        }
        let names: Vec<&str> = pattern.captures().collect();
        for (index, name) in names.iter().enumerate() {
            if names[..index].contains(name) && problems.len() == before {
                let message = format!("two segments are called `{}`", clip(name));
                problems.push(Problem::new(
                    message,
                    "give each a name of its own, as in /accounts/{account}/charges/{charge}",
                ));
            }
        }
        pattern
    }

    /// The names of its segments.
    pub(super) fn captures(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|segment| match segment {
            Segment::One(name) | Segment::Rest(name) => Some(name.as_str()),
            Segment::Text(_) => None,
        })
    }

    /// What its names stand for in a path, if it fits. The path is as it was sent, without query.
    pub(super) fn captured(&self, path: &str) -> Option<Captures> {
        let mut rest = Some(path.strip_prefix('/')?);
        let mut captures = Captures::new();
        for segment in &self.0 {
            let remaining = rest?;
            if let Segment::Rest(name) = segment {
                captures.push((name.clone(), decode(remaining, false)));
                return (!remaining.is_empty()).then_some(captures);
            }
            let (first, after) = match remaining.split_once('/') {
                Some((first, after)) => (first, Some(after)),
                None => (remaining, None),
            };
            let first = decode(first, false);
            match segment {
                Segment::Text(text) if *text == first => {}
                Segment::One(name) if !first.is_empty() => captures.push((name.clone(), first)),
                _ => return None,
            }
            rest = after;
        }
        rest.is_none().then_some(captures)
    }

    /// Whether every path that fits the other one fits this one too.
    pub(super) fn covers(&self, other: &Self) -> bool {
        for (index, segment) in self.0.iter().enumerate() {
            let fits = match (segment, other.0.get(index)) {
                (Segment::Rest(_), Some(Segment::Text(text))) if text.is_empty() => {
                    other.0.len() > index + 1
                }
                (Segment::Rest(_), Some(_)) | (Segment::One(_), Some(Segment::One(_))) => true,
                (Segment::One(_), Some(Segment::Text(text))) => !text.is_empty(),
                (Segment::Text(text), Some(Segment::Text(other))) => text == other,
                _ => false,
            };
            if !fits {
                return false;
            }
            if matches!(segment, Segment::Rest(_)) {
                return true;
            }
        }
        self.0.len() == other.0.len()
    }
}

/// What is wrong with a path as a whole.
fn unfit(text: &str) -> Option<Problem> {
    let below = text.strip_prefix(RESERVED);
    if !text.starts_with('/') {
        let message = format!("`{}` is not a path", clip(text));
        Some(Problem::new(
            message,
            "begin it with `/`, as in /accounts/{id}",
        ))
    } else if text.contains(['?', '#']) {
        let message = format!("`{}` is more than a path", clip(text));
        let help =
            "conditions on the query stand in `where`, as in `where: { query: { page: 1 } }`";
        Some(Problem::new(message, help))
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = format!("`{}` cannot be sent as a path", clip(text));
        let help = "write spaces and everything beyond ASCII as %20 and so on";
        Some(Problem::new(message, help))
    } else if below.is_some_and(|below| below.is_empty() || below.starts_with('/')) {
        let message = format!("`{RESERVED}` is where the stub tells its counters and its state");
        Some(Problem::new(message, "choose another path"))
    } else {
        None
    }
}

fn segment(part: &str, is_last: bool) -> Result<Segment, Problem> {
    let Some(name) = part
        .strip_prefix('{')
        .and_then(|part| part.strip_suffix('}'))
    else {
        if part.contains(['{', '}']) {
            let message = format!("`{}` is a name and more in one segment", clip(part));
            let help = "a name takes a whole segment, as in /accounts/{id}";
            return Err(Problem::new(message, help));
        }
        return Ok(Segment::Text(decode(part, false)));
    };
    let (name, rest) = match name.strip_prefix('*') {
        Some(name) => (name, true),
        None => (name, false),
    };
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || !name.chars().all(word) {
        let message = format!("`{}` does not name a segment", clip(part));
        let help = "use letters, digits, `-` and `_`, as in {id}";
        return Err(Problem::new(message, help));
    }
    if rest && !is_last {
        let message = format!("`{}` is not the last segment", clip(part));
        return Err(Problem::new(
            message,
            "it stands for all that follows, so nothing can follow it",
        ));
    }
    let name = name.to_owned();
    Ok(if rest {
        Segment::Rest(name)
    } else {
        Segment::One(name)
    })
}

/// Replaces `%20` and so on; in a query `+` is a space. What is not UTF-8 becomes `�`.
pub(super) fn decode(text: &str, in_query: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let digits = digits.filter(|two| two.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let encoded = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (first, encoded) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
                continue;
            }
            (b'+', _) if in_query => bytes.push(b' '),
            _ => bytes.push(*first),
        }
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> PathPattern {
        let mut problems = Vec::new();
        let pattern = PathPattern::parse(text, &mut problems);
        assert_eq!(problems, [], "{text}");
        pattern
    }

    fn captured(text: &str, path: &str) -> Option<String> {
        let captures = pattern(text).captured(path)?;
        let pairs = captures
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        Some(pairs.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn names_stand_for_one_segment() {
        let id = Some("id=7");
        assert_eq!(captured("/accounts/{id}", "/accounts/7").as_deref(), id);
        assert_eq!(captured("/accounts/{id}", "/accounts/"), None);
        assert_eq!(captured("/accounts/{id}", "/accounts/7/"), None);
        assert_eq!(captured("/accounts/{id}", "/accounts/7/x"), None);
        assert_eq!(captured("/accounts/{id}", "/account/7"), None);
        assert_eq!(captured("/{a}/x/{b}", "/1/x/2").as_deref(), Some("a=1 b=2"));
    }

    #[test]
    fn what_is_encoded_is_decoded_before_it_is_compared() {
        assert_eq!(captured("/{id}", "/a%2Fb%20c").as_deref(), Some("id=a/b c"));
        assert_eq!(
            captured("/two%20words", "/two%20words").as_deref(),
            Some("")
        );
        assert_eq!(captured("/a", "/%61").as_deref(), Some(""));
        assert_eq!(captured("/{id}", "/%zz%2").as_deref(), Some("id=%zz%2"));
        assert_eq!(captured("/{id}", "/a+b").as_deref(), Some("id=a+b"));
        assert_eq!(decode("a+b%2B", true), "a b+");
    }

    #[test]
    fn the_rest_is_all_that_follows() {
        assert_eq!(captured("/{*rest}", "/a/b/").as_deref(), Some("rest=a/b/"));
        assert_eq!(captured("/{*rest}", "/"), None);
        assert_eq!(captured("/f/{*rest}", "/f"), None);
        assert_eq!(captured("/", "/").as_deref(), Some(""));
        assert_eq!(captured("/", "*"), None);
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for (text, message) in [
            ("accounts", "not a path"),
            ("/a?x=1", "more than a path"),
            ("/ä", "cannot be sent"),
            ("/{id}/{id}", "two segments are called `id`"),
            ("/{}", "does not name a segment"),
            ("/{a b}", "cannot be sent"),
            ("/{id}.json", "a name and more"),
            ("/{*rest}/x", "not the last segment"),
            ("/__stub/x", "where the stub tells"),
        ] {
            let mut problems = Vec::new();
            PathPattern::parse(text, &mut problems);
            assert_eq!(problems.len(), 1, "{text}: {problems:?}");
            assert!(problems[0].message.contains(message), "{problems:?}");
        }
        pattern("/__stubs");
    }

    #[test]
    fn a_pattern_covers_what_it_leaves_nothing_of() {
        let covers = |one: &str, other: &str| pattern(one).covers(&pattern(other));
        assert!(covers("/a/{id}", "/a/{other}"));
        assert!(covers("/a/{id}", "/a/b"));
        assert!(!covers("/a/b", "/a/{id}"));
        assert!(!covers("/a/{id}", "/a/"));
        assert!(covers("/{*rest}", "/a/{id}"));
        assert!(covers("/{*rest}", "/{*all}"));
        assert!(!covers("/{*rest}", "/"));
        assert!(!covers("/{one}", "/{*rest}"));
        assert!(!covers("/a", "/a/b"));
    }

    proptest! {
        #[test]
        fn whoever_is_covered_catches_nothing_more(
            one in "(/(a|b|\\{x\\})?){1,3}(/\\{\\*r\\})?",
            other in "(/(a|b|\\{x\\})?){1,3}(/\\{\\*r\\})?",
            path in "(/[abc]{0,2}){1,4}",
        ) {
            let mut problems = Vec::new();
            let (one, other) = (PathPattern::parse(&one, &mut problems), PathPattern::parse(&other, &mut problems));
            prop_assume!(problems.iter().all(|problem| problem.message.starts_with("two segments")));
            if one.covers(&other) && other.captured(&path).is_some() {
                prop_assert!(one.captured(&path).is_some());
            }
        }

        #[test]
        fn any_path_can_be_asked_for(path in "\\PC*") {
            let _ = pattern("/a/{id}/{*rest}").captured(&path);
        }
    }
}
