//! JSON Schemas that answers are held against: read and compiled here, once.

use serde_json::Value;

use super::Reader;
use crate::load::script::{BodySchema, WrongSchema};
use crate::suite::extend::beside;
use crate::suite::files::read_text;
use crate::suite::near;
use crate::suite::path::Path;
use crate::suite::written;

impl Reader<'_> {
    /// The schema at a key, from a file or as it is written there.
    pub(super) fn body_schema(&mut self, path: &Path) -> Option<BodySchema> {
        match self.part(path)? {
            written::BodySchema::Inline(document) => {
                let wrong = match BodySchema::compile(document) {
                    Ok(schema) => return Some(schema),
                    Err(wrong) => wrong,
                };
                let place = self.below(path, &wrong.pointer);
                self.complain(&place, &wrong.reason, &wrong.help);
            }
            written::BodySchema::File(file) => {
                let name = beside(&self.at(path).source.name, &file.0);
                let wrong = match self.read_schema(&name) {
                    Ok(schema) => return Some(schema),
                    Err(wrong) => wrong,
                };
                let inside = match wrong.pointer.as_str() {
                    "" => String::new(),
                    pointer => format!(" at {}", near::clip(pointer)),
                };
                let message = format!(
                    "the schema `{}`{inside}: {}",
                    near::clip(&file.0),
                    wrong.reason
                );
                self.complain(path, &message, &wrong.help);
            }
        }
        None
    }

    fn read_schema(&self, name: &str) -> Result<BodySchema, WrongSchema> {
        let all_of_it = |reason: String, help: &str| WrongSchema {
            pointer: String::new(),
            reason,
            help: help.to_owned(),
        };
        let text = read_text(self.files, name).map_err(|unreadable| {
            let help = "a JSON file; the path is relative to this one";
            all_of_it(unreadable.reason, help)
        })?;
        let document: Value = serde_json::from_str(&text)
            .map_err(|error| all_of_it(format!("is not JSON: {error}"), ""))?;
        if !document.is_object() {
            return Err(all_of_it("a schema is a JSON object".to_owned(), ""));
        }
        BodySchema::compile(document)
    }

    /// The place in the suite that a JSON pointer leads to from another. (Whether a number in it is a key
    /// or a place in a list, only what is there can say.)
    fn below(&self, path: &Path, pointer: &str) -> Path {
        let mut place = path.clone();
        for part in pointer.split('/').skip(1) {
            let part = part.replace("~1", "/").replace("~0", "~");
            let list = self
                .root
                .at(&place)
                .is_some_and(|node| !node.items().is_empty());
            place = match part.parse::<usize>() {
                Ok(index) if list => place.then(index),
                _ => place.then(part.as_str()),
            };
        }
        place
    }
}
