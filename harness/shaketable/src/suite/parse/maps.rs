//! Maps: their keys, of which none may come twice, and `<<`.

use indexmap::IndexMap;
use indexmap::map::Entry as Slot;
use saphyr_parser::{Event, ScalarStyle};

use super::{Builder, Stop};
use crate::suite::path::Step;
use crate::suite::source::Span;
use crate::suite::tree::{Entry, Kind, Node};

/// How many bytes a key may have.
const KEY_BYTES_MAX: usize = 256;

impl Builder<'_> {
    /// The rest of the map that has begun.
    pub(super) fn map(&mut self, depth: usize, height: &mut usize) -> Result<Kind, Stop> {
        let mut entries = IndexMap::new();
        let mut merges = Vec::new();
        loop {
            let (event, range) = self.next()?;
            if matches!(event, Event::MappingEnd | Event::StreamEnd) {
                break;
            }
            let plain = matches!(event, Event::Scalar(_, ScalarStyle::Plain, ..));
            let key = self.value(event, range, depth + 1)?.node;
            let name = self.key(&key)?;
            self.path.0.push(Step::Key(name.clone()));
            let (event, range) = self.next()?;
            let value = self.value(event, range, depth + 1)?;
            *height = (*height).max(value.height + 1);
            if plain && name == "<<" {
                merges.push((key.at, value.node));
            } else {
                let entry = Entry {
                    key_at: key.at,
                    value: value.node,
                };
                self.insert(&mut entries, name, entry);
            }
            self.path.0.pop();
        }
        for (at, value) in merges {
            self.merge(&mut entries, &at, value);
        }
        Ok(Kind::Map(entries))
    }

    fn key(&self, node: &Node) -> Result<String, Stop> {
        match &node.kind {
            Kind::Scalar { text, .. } if text.len() > KEY_BYTES_MAX => Err(self.stop(
                node.at.clone(),
                format!("a key of more than {KEY_BYTES_MAX} bytes"),
                "a key is a short name; does a `:` stand where it should not?",
            )),
            Kind::Scalar { text, .. } => Ok(text.clone()),
            _ => Err(self.stop(
                node.at.clone(),
                "a key must be a word, not a list or a map".to_owned(),
                "write `key: value`; text that begins with `{` or `[` needs quotes",
            )),
        }
    }

    fn insert(&mut self, entries: &mut IndexMap<String, Entry>, name: String, entry: Entry) {
        match entries.entry(name) {
            Slot::Vacant(slot) => {
                slot.insert(entry);
            }
            Slot::Occupied(slot) => {
                let first = slot.get().key_at.line_number();
                self.errors.add(
                    &entry.key_at,
                    &self.path,
                    format!("the key `{}` is here a second time", slot.key()),
                    format!("it is first written in line {first}; keep one of them"),
                );
            }
        }
    }

    /// `<<: *defaults`: what the map does not say itself comes from there.
    fn merge(&mut self, entries: &mut IndexMap<String, Entry>, at: &Span, from: Node) {
        let maps = match from.kind {
            Kind::List(items) => items,
            _ => vec![from],
        };
        for map in maps {
            let Kind::Map(more) = map.kind else {
                self.errors.add(
                    at,
                    &self.path,
                    "`<<` takes a map, or a list of maps",
                    "write `<<: *name`, where `&name` stands before a map",
                );
                continue;
            };
            for (name, entry) in more {
                entries.entry(name).or_insert(entry);
            }
        }
    }
}
