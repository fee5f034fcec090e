//! The suite language: from text to a checked [`Suite`], or to every error in it at once.
//!
//! The way of a file, which is also a map of the module:
//!
//! - [`Files`] gives its bytes; `parse` makes a `tree` of them, in which every value knows where it
//!   is written; `extend` lays it over the files that it extends;
//! - `validate` checks the tree against the [`schema()`], which is made from the types in `written`
//!   and from the catalogues of faults and checks; `variables` fills in the environment;
//! - `resolve` checks what no schema can say, and makes the [`Suite`];
//! - `errors` collects what is wrong on the way, `plain` and miette show it, `near` finds the name
//!   that was meant.
//!
//! **Invariant:** no input makes it panic, and what it costs is bounded.
//! **Invariant:** a fault or a check that is added to its catalogue needs no change here.

mod errors;
mod extend;
mod files;
mod model;
mod near;
mod parse;
mod path;
mod plain;
mod resolve;
mod schema;
mod source;
mod tree;
mod validate;
mod variables;
mod written;

pub use errors::{ERRORS_TOLD_MAX, SuiteError, SuiteErrors};
pub use files::{Disk, FILE_BYTES_MAX, Files, InMemory};
pub use model::*;
pub use near::near;
pub use schema::schema;

use self::errors::Errors;
use self::resolve::Reader;
use self::schema::Shape;
use self::source::Span;
use self::validate::{Names, Walker};
use self::variables::Environment;
use crate::check::recipe::Recipe;

/// The experiments in which recipes are followed under the load of another, and nothing is judged.
pub(crate) fn by_recipes(base: &Experiment, recipes: Vec<Recipe>) -> Vec<Experiment> {
    resolve::follow(base, recipes)
}

/// Reads a suite with the files that it extends, and checks all of it. `env` looks up a variable
/// of the environment.
pub fn load(
    path: &str,
    files: &dyn Files,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Suite, SuiteErrors> {
    let environment = Environment::new(env);
    let mut errors = Errors::default();
    let suite = read(path, files, &environment, &mut errors);
    match suite {
        Some(suite) if errors.none() => Ok(suite),
        _ => Err(errors.finish(path)),
    }
}

fn read(
    path: &str,
    files: &dyn Files,
    environment: &Environment<'_>,
    errors: &mut Errors,
) -> Option<Suite> {
    let root = extend::read(path, files, environment, errors)?;
    let names = Names::collect(&root, environment);
    // What is missing at the top is missing in its first line.
    let top = Span::new(&root.at.source, root.at.offset, root.at.offset);
    let mut walker = Walker {
        names: &names,
        environment,
        errors,
        path: path::Path::default(),
    };
    let value = walker.walk(&root, &top, Shape::suite());
    let mut reader = Reader {
        root: &root,
        value: &value,
        names: &names,
        files,
        environment,
        errors,
    };
    reader.suite()
}
