//! The JSON that a generator prints, perhaps among other lines.

use serde_json::{Deserializer, Value};

/// A document, and numbers out of it.
pub(super) struct Document(Value);

impl Document {
    /// The first object that begins a line.
    pub(super) fn find(said: &str) -> Option<Self> {
        let starts = said.match_indices('{').map(|(at, _)| at);
        let mut starts = starts.filter(|at| *at == 0 || said[..*at].ends_with('\n'));
        starts.find_map(|at| {
            let value = Deserializer::from_str(&said[at..]).into_iter::<Value>();
            value.flatten().next().map(Self)
        })
    }

    /// The number at a JSON pointer; no number where there is none.
    pub(super) fn number(&self, pointer: &str) -> f64 {
        let value = self.0.pointer(pointer);
        value.and_then(Value::as_f64).unwrap_or(f64::NAN)
    }

    /// The members of the object at a JSON pointer.
    pub(super) fn members(&self, pointer: &str) -> impl Iterator<Item = (&str, &Value)> {
        let object = self.0.pointer(pointer).and_then(Value::as_object);
        let members = object.into_iter().flatten();
        members.map(|(name, value)| (name.as_str(), value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_found_among_other_lines() {
        let said = "warming up {never mind}\n{ not json\n{\"a\": {\"b.c\": 2}}\nbye {}\n";
        let document = Document::find(said).unwrap();
        assert!((document.number("/a/b.c") - 2.0).abs() < 1e-9);
        assert!(document.number("/a/d").is_nan());
        assert_eq!(document.members("/a").count(), 1);
        assert_eq!(document.members("/b").count(), 0);
        assert!(Document::find("no document {}").is_none());
    }
}
