//! From a tree that was checked against the schema to the suite: what no schema can say is checked
//! here, part by part, so that one mistake hides no other.

mod act;
mod arrival;
mod backend;
mod body_schema;
mod calls;
mod commands;
mod experiments;
mod forward;
mod goose;
mod load;
mod oracle;
mod phases;
mod ready;
mod recipes;
mod request;
mod services;
mod stub;
mod templates;
mod tls;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::errors::Errors;
use super::files::Files;
use super::model::{Experiment, Position, Suite};
use super::path::{Path, Step, steps};
use super::source::Span;
use super::tree::Node;
use super::validate::Names;
use super::variables::Environment;
use crate::check::recipe::Recipe;

/// Everything that is known of the file, and the errors so far.
pub(super) struct Reader<'a> {
    pub(super) root: &'a Node,
    /// The same as JSON; null where something is wrong.
    pub(super) value: &'a Value,
    pub(super) names: &'a Names,
    pub(super) files: &'a dyn Files,
    pub(super) environment: &'a Environment<'a>,
    pub(super) errors: &'a mut Errors,
}

/// See [`recipes::follow`]; for no check, and with the phases that the recipes want.
pub(super) fn follow(base: &Experiment, recipes: Vec<Recipe>) -> Vec<Experiment> {
    let wanted = recipes.into_iter().map(|recipe| (recipe, None)).collect();
    recipes::follow(base, &phases::Given::default(), wanted)
}

impl Reader<'_> {
    /// The suite; `None` where something is wrong with it, and the errors say what.
    pub(super) fn suite(&mut self) -> Option<Suite> {
        let name: Option<String> = self.part(&steps!["name"]);
        if name.as_ref().is_some_and(|name| name.trim().is_empty()) {
            self.complain(
                &steps!["name"],
                "the name is empty",
                "reports call the suite by it",
            );
        }
        let seed = self.part(&steps!["seed"]);
        let backend = self.backend();
        let setup = self.commands("setup");
        let reset = self.commands("reset");
        let teardown = self.commands("teardown");
        let (services, edges) = self.services();
        self.general_load();
        let experiments = self.experiments(&edges);
        if backend.is_some() {
            self.fits_backend(&experiments, &edges);
        }
        Some(Suite {
            name: name?,
            seed,
            backend,
            dir: self.root.at.source.dir.clone(),
            setup,
            reset,
            teardown,
            services,
            edges,
            experiments,
        })
    }

    /// Whether something is written there, right or wrong.
    fn has(&self, path: &Path) -> bool {
        self.root.at(path).is_some()
    }

    /// The keys of a map.
    fn keys(&self, path: &Path) -> Vec<String> {
        let map = self.root.at(path);
        map.into_iter()
            .flat_map(Node::entries)
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// How many items a list has.
    fn count(&self, path: &Path) -> usize {
        self.root.at(path).map_or(0, |list| list.items().len())
    }

    /// The JSON of what stands at the path; `None` where nothing does or something is wrong.
    fn json(&self, path: &Path) -> Option<&Value> {
        if self.errors.under(path) {
            return None;
        }
        path.0
            .iter()
            .try_fold(self.value, |value, step| match step {
                Step::Key(key) => value.get(key),
                Step::Index(index) => value.get(index),
            })
    }

    /// A part as its type; `None` where it is not there or something is wrong.
    fn part<T: DeserializeOwned>(&mut self, path: &Path) -> Option<T> {
        let value = self.json(path)?.clone();
        match serde_json::from_value(value) {
            Ok(part) => Some(part),
            Err(error) => {
                self.complain(path, &error.to_string(), "");
                None
            }
        }
    }

    /// Where a value is written; the nearest thing around it where it is not.
    fn at(&self, path: &Path) -> Span {
        let mut node = self.root;
        for step in &path.0 {
            let below = match step {
                Step::Key(key) => node.get(key),
                Step::Index(index) => node.items().get(*index),
            };
            match below {
                Some(below) => node = below,
                None => break,
            }
        }
        node.at.clone()
    }

    /// Where the last key of a path is written; the value where it has none.
    fn key_at(&self, path: &Path) -> Span {
        let entry = match path.0.split_last() {
            Some((Step::Key(key), above)) => self
                .root
                .at(&Path(above.to_vec()))
                .and_then(|map| map.entry(key)),
            _ => None,
        };
        entry.map_or_else(|| self.at(path), |entry| entry.key_at.clone())
    }

    fn position(&self, path: &Path) -> Position {
        self.at(path).position()
    }

    /// Something is wrong with a value.
    fn complain(&mut self, path: &Path, message: &str, help: &str) {
        let at = self.at(path);
        self.errors.add(&at, path, message, help);
    }

    /// Something is wrong with a key, or with there being one.
    fn complain_of_key(&mut self, path: &Path, message: &str, help: &str) {
        let at = self.key_at(path);
        self.errors.add(&at, path, message, help);
    }
}
