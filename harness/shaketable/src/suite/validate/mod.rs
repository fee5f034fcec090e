//! Checks a tree against the JSON Schema, collects every error with its place, and gives the JSON
//! value of what was written.
//!
//! The schema is read as data, in the part of JSON Schema that our types use. So what is accepted,
//! what editors complete and what is said of a mistake cannot drift apart.

mod names;
mod scalar;
mod wording;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::errors::Errors;
use super::near;
use super::path::{Path, Step};
use super::schema::Shape;
use super::source::Span;
use super::tree::{Entry, Kind, Node, meaning};
use super::variables::{Complaint, Environment};
pub(super) use names::Names;

/// What is needed to check a tree.
pub(super) struct Walker<'a> {
    pub(super) names: &'a Names,
    pub(super) environment: &'a Environment<'a>,
    pub(super) errors: &'a mut Errors,
    /// Where the walk has come to.
    pub(super) path: Path,
}

impl Walker<'_> {
    /// Checks a value. `label` is where something that is missing in it is reported. What is wrong
    /// is null in the result.
    pub(super) fn walk(&mut self, node: &Node, label: &Span, shape: Shape<'_>) -> Value {
        if shape.words().is_none() {
            let branches = shape.branches();
            if !branches.is_empty() {
                return self.one_of(node, label, shape, &branches);
            }
        }
        let accepts = |name: &str| shape.types().is_empty() || shape.types().contains(&name);
        match &node.kind {
            Kind::Map(entries) if accepts("object") => self.map(label, entries, shape),
            Kind::List(items) if accepts("array") => self.list(node, items, shape),
            Kind::Map(_) | Kind::List(_) => self.wrong_type(node, shape),
            Kind::Scalar { text, plain } => self.scalar(node, text, *plain, shape),
        }
    }

    /// Checks one entry of a map below its key.
    fn entry(&mut self, key: &str, entry: &Entry, shape: Shape<'_>, required: bool) -> Value {
        self.path.0.push(Step::Key(key.to_owned()));
        let value = if entry.value.is_nothing() && !wording::accepts(shape, "null") {
            let message = format!("nothing is written after `{}`", near::clip(key));
            let needed = if required { "" } else { ", or remove the key" };
            let help = format!("expected {}{needed}", wording::describe(shape));
            self.complain(&entry.key_at, message, help);
            Value::Null
        } else {
            self.walk(&entry.value, &entry.key_at, shape)
        };
        self.path.0.pop();
        value
    }

    fn complain(&mut self, at: &Span, message: impl Into<String>, help: impl Into<String>) {
        self.errors.add(at, &self.path, message, help);
    }

    /// Checks a value that may have one of several shapes: its YAML type tells which.
    fn one_of(
        &mut self,
        node: &Node,
        label: &Span,
        shape: Shape<'_>,
        branches: &[Shape<'_>],
    ) -> Value {
        let found = match self.type_of(node, shape) {
            Ok(found) => found,
            Err(complaint) => {
                let at = node.at.narrow(&complaint.word);
                self.complain(&at, complaint.message, complaint.help);
                return Value::Null;
            }
        };
        let fits = |branch: &&Shape<'_>| wording::accepts(**branch, found);
        let mut candidates: Vec<Shape<'_>> = branches.iter().filter(fits).copied().collect();
        if candidates.is_empty() && matches!(found, "integer" | "number") {
            // A number where a quantity is wanted: its shape says that the unit is missing.
            let quantity = |branch: &&Shape<'_>| scalar::is_quantity(**branch);
            candidates.extend(branches.iter().find(quantity));
        }
        match candidates.as_slice() {
            [] => self.wrong_type(node, shape),
            [only] => self.walk(node, label, *only),
            [first, ..] => {
                for candidate in &candidates {
                    let mut trial = Errors::default();
                    let mut walker = Walker {
                        names: self.names,
                        environment: self.environment,
                        errors: &mut trial,
                        path: self.path.clone(),
                    };
                    let value = walker.walk(node, label, *candidate);
                    if trial.none() {
                        return value;
                    }
                }
                // None fits: what is wrong is said of the one that was most likely meant, by the keys
                // that it must have.
                let has = |key: &&str| node.get(key).is_some();
                let signs = |shape: &Shape<'_>| shape.required().into_iter().filter(has).count();
                let most = candidates.iter().map(signs).max().unwrap_or_default();
                let meant = candidates.iter().find(|shape| signs(shape) == most);
                self.walk(node, label, *meant.unwrap_or(first))
            }
        }
    }

    fn list(&mut self, node: &Node, items: &[Node], shape: Shape<'_>) -> Value {
        let least = shape.number("minItems").unwrap_or_default();
        if (items.len() as f64) < least {
            let help = format!(
                "expected at least one entry: {}",
                wording::describe(shape.item())
            );
            self.complain(&node.at, "the list is empty", help);
        }
        if let Some(most) = shape
            .number("maxItems")
            .filter(|most| items.len() as f64 > *most)
        {
            self.complain(&node.at, format!("more than {most} entries"), "");
            return Value::Null;
        }
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            self.path.0.push(Step::Index(index));
            values.push(self.walk(item, &item.at, shape.item()));
            self.path.0.pop();
        }
        Value::Array(values)
    }

    fn map(&mut self, label: &Span, entries: &IndexMap<String, Entry>, shape: Shape<'_>) -> Value {
        self.how_many(label, entries, shape);
        if shape
            .number("maxProperties")
            .is_some_and(|most| most > 1.0 && entries.len() as f64 > most)
        {
            return Value::Null;
        }
        let mut values = Map::with_capacity(entries.len());
        let mut unknown = Vec::new();
        let required = shape.required();
        for (key, entry) in entries {
            match shape.property(key) {
                Some(below) => {
                    let needed = required.contains(&key.as_str());
                    let value = self.entry(key, entry, below, needed);
                    values.insert(key.clone(), value);
                }
                None => unknown.push((key, &entry.key_at)),
            }
        }
        let meant = self.unknown_keys(&unknown, shape);
        self.missing_keys(label, entries, shape, &meant);
        self.keys_together(label, entries, shape, !unknown.is_empty());
        Value::Object(values)
    }

    /// Reports the keys that are not known, and gives those that were probably meant.
    fn unknown_keys<'s>(&mut self, unknown: &[(&String, &Span)], shape: Shape<'s>) -> Vec<&'s str> {
        let known: Vec<&str> = shape
            .properties()
            .into_iter()
            .flatten()
            .map(|(key, _)| key.as_str())
            .collect();
        // A map of one key is named after what its key says: an unknown check.
        let one = shape.number("maxProperties") == Some(1.0);
        let noun = if one { shape.text("title") } else { None };
        let mut meant = Vec::new();
        for (key, at) in unknown {
            let help = if self.errors.many() {
                String::new()
            } else {
                meant.extend(near::near(key, known.iter().copied()));
                let what = noun.map_or("known keys".to_owned(), |noun| format!("known {noun}s"));
                near::advice(key, &known, &what)
            };
            let message = format!("unknown {} `{}`", noun.unwrap_or("key"), near::clip(key));
            let path = self.path.then(key.as_str());
            self.errors.add(at, &path, message, help);
        }
        meant
    }

    /// Reports keys that must be there, unless one was probably meant by an unknown key.
    fn missing_keys(
        &mut self,
        label: &Span,
        entries: &IndexMap<String, Entry>,
        shape: Shape<'_>,
        meant: &[&str],
    ) {
        for key in shape.required() {
            if !entries.contains_key(key) && !meant.contains(&key) {
                let below = shape.property(key).unwrap_or(shape);
                let help = wording::introduce(key, below, shape);
                self.complain(label, format!("the key `{key}` is missing"), help);
            }
        }
    }

    /// Keys that exclude each other, and those of which one must be there.
    fn keys_together(
        &mut self,
        label: &Span,
        entries: &IndexMap<String, Entry>,
        shape: Shape<'_>,
        unknown: bool,
    ) {
        let one = shape.exactly_one();
        let count = one.iter().filter(|key| entries.contains_key(**key)).count();
        if !one.is_empty() && count == 0 && !unknown {
            let (message, help) = wording::choose_one(&one, shape);
            self.complain(label, message, help);
        }
        for group in [one, shape.not_together()] {
            // In the order in which they are written.
            let mut given = entries
                .iter()
                .filter(|(key, _)| group.contains(&key.as_str()));
            let Some((first, first_entry)) = given.next() else {
                continue;
            };
            for (key, entry) in given {
                let path = self.path.then(key.as_str());
                let line = first_entry.key_at.line_number();
                let message = format!("`{first}` and `{key}` exclude each other");
                let help = format!("keep one of them; `{first}` is written in line {line}");
                self.errors.add(&entry.key_at, &path, message, help);
            }
        }
    }

    fn how_many(&mut self, label: &Span, entries: &IndexMap<String, Entry>, shape: Shape<'_>) {
        let count = entries.len() as f64;
        if let Some(most) = shape.number("maxProperties").filter(|most| count > *most) {
            if most > 1.0 {
                self.complain(label, format!("more than {most} entries"), "");
            } else {
                let second = entries.values().nth(1).map_or(label, |entry| &entry.key_at);
                self.complain(
                    second,
                    "more than one key in this entry",
                    "begin a new entry for each, with `- ` before it",
                );
            }
        }
        if shape
            .number("minProperties")
            .is_some_and(|least| count < least)
        {
            self.complain(label, "the map is empty", "expected at least one key");
        }
    }

    /// What JSON calls the type of the value, as it is once the environment is filled in.
    fn type_of(&self, node: &Node, shape: Shape<'_>) -> Result<&'static str, Complaint> {
        Ok(match &node.kind {
            Kind::Map(_) => "object",
            Kind::List(_) => "array",
            Kind::Scalar { text, plain } => {
                let filled = self.environment.fill(text, false)?;
                scalar::type_of(&scalar::value(text, &filled, *plain, shape))
            }
        })
    }

    fn wrong_type(&mut self, node: &Node, shape: Shape<'_>) -> Value {
        let found = wording::found(node);
        let message = format!("expected {}, found {found}", wording::describe(shape));
        let help = match &node.kind {
            Kind::Map(_)
                if wording::accepts(shape.as_list().item(), "object")
                    && wording::accepts(shape, "array") =>
            {
                "write a list: put `- ` before each entry"
            }
            Kind::List(_) if wording::accepts(shape, "object") => {
                "write a map: `key: value`, without `- ` before it"
            }
            Kind::Scalar { text, plain: false }
                if wording::accepts(shape, "integer") && meaning(text, true).is_number() =>
            {
                "write the number without quotes"
            }
            _ => "",
        };
        self.complain(&node.at, message, help);
        Value::Null
    }
}
