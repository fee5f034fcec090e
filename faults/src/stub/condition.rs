//! Conditions on a request: `where: { query: …, headers: …, body: … }`.

use serde_json::Value;

use super::scene::Asked;

/// What a text or a value must be; `*` in a text stands for anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// It must be there, whatever it is.
    Anything,
    /// A text: these pieces in order, the first at its beginning and the last at its end.
    Pieces(Vec<String>),
    /// A value that is no text.
    Exactly(Value),
}

impl Wanted {
    pub(super) fn text(text: &str) -> Self {
        if text == "*" {
            return Self::Anything;
        }
        let mut pieces = vec![String::new()];
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match (c, chars.peek(), pieces.last_mut()) {
                ('*', ..) => pieces.push(String::new()),
                ('\\', Some('*'), Some(piece)) => {
                    piece.push('*');
                    chars.next();
                }
                (c, _, Some(piece)) => piece.push(c),
                (_, _, None) => {}
            }
        }
        Self::Pieces(pieces)
    }

    pub(super) fn value(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::text(text),
            value => Self::Exactly(value.clone()),
        }
    }

    fn is_text(&self, text: &str) -> bool {
        let pieces = match self {
            Self::Anything => return true,
            Self::Exactly(_) => return false,
            Self::Pieces(pieces) => pieces,
        };
        let [first, rest @ ..] = &pieces[..] else {
            return text.is_empty();
        };
        let Some((last, between)) = rest.split_last() else {
            return first == text;
        };
        let Some(mut text) = text.strip_prefix(first.as_str()) else {
            return false;
        };
        for piece in between {
            let Some((_, after)) = text.split_once(piece.as_str()) else {
                return false;
            };
            text = after;
        }
        text.ends_with(last.as_str())
    }

    fn is_value(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Anything, _) => true,
            (_, Value::String(text)) => self.is_text(text),
            (Self::Exactly(Value::Number(wanted)), Value::Number(number)) => {
                // 100 and 100.0 are the same number to whoever writes them.
                wanted == number || wanted.as_f64() == number.as_f64()
            }
            (Self::Exactly(wanted), value) => wanted == value,
            (Self::Pieces(_), _) => false,
        }
    }
}

/// All the conditions of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Conditions {
    pub(super) query: Vec<(String, Wanted)>,
    /// The names in small letters.
    pub(super) headers: Vec<(String, Wanted)>,
    /// By JSON pointer.
    pub(super) body: Vec<(String, Wanted)>,
}

impl Conditions {
    /// Whether there are none.
    pub(super) fn none(&self) -> bool {
        self.query.is_empty() && self.headers.is_empty() && self.body.is_empty()
    }

    /// Whether all of them hold. A parameter or a header that comes several times meets its
    /// condition when one of them does.
    pub(super) fn hold(&self, asked: &Asked<'_>) -> bool {
        self.query
            .iter()
            .all(|(name, wanted)| asked.query(name).any(|value| wanted.is_text(value)))
            && self
                .headers
                .iter()
                .all(|(name, wanted)| asked.header(name).any(|value| wanted.is_text(&value)))
            && self.body.iter().all(|(pointer, wanted)| {
                asked
                    .json()
                    .and_then(|body| body.pointer(pointer))
                    .is_some_and(|value| wanted.is_value(value))
            })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        let is = |wanted: &str, text: &str| Wanted::text(wanted).is_text(text);
        assert!(is("gold", "gold") && !is("gold", "golden") && !is("gold", ""));
        assert!(is("*", "") && is("*", "x"));
        assert!(is("Bearer *", "Bearer abc") && !is("Bearer *", "bearer abc"));
        assert!(is("a*b*c", "abc") && is("a*b*c", "axxbxbxc") && !is("a*b*c", "acb"));
        assert!(is("a*a", "aa") && !is("a*a", "a"));
        assert!(is("2\\*3", "2*3") && !is("2\\*3", "2x3"));
        assert!(is("", "") && !is("", "x"));
    }

    #[test]
    fn values_are_compared_as_values() {
        let is = |wanted: Value, value: Value| Wanted::value(&wanted).is_value(&value);
        assert!(is(json!(100), json!(100.0)) && !is(json!(100), json!("100")));
        assert!(!is(json!("100"), json!(100)));
        assert!(is(json!("*"), json!(100)) && is(json!("*"), json!(null)));
        assert!(is(json!({"a": [1]}), json!({"a": [1]})) && !is(json!({}), json!({"a": 1})));
        assert!(is(json!(null), json!(null)) && is(json!(true), json!(true)));
    }

    proptest! {
        #[test]
        fn a_text_is_itself(text in "[^*\\\\]*") {
            prop_assert!(Wanted::text(&text).is_text(&text));
            let (begins, ends) = (format!("{text}*"), format!("*{text}"));
            assert!(Wanted::text(&begins).is_text(&text));
            assert!(Wanted::text(&begins).is_text(&format!("{text}x")));
            assert!(Wanted::text(&ends).is_text(&format!("x{text}")));
        }
    }
}
