//! What a `{{…}}` can stand for.

use std::collections::BTreeSet;

use serde_json::Value;

use super::answer::Refusal;
use super::kept::weight;
use super::problem::{Problem, clip};
use super::scene::Scene;
use super::template::Template;

/// How deep one `{{…}}` may stand in another.
const DEPTH_MAX: usize = 4;

/// What can begin a `{{…}}`, each with an example.
const ROOTS: [(&str, &str); 8] = [
    ("path", "path.id"),
    ("query", "query.page"),
    ("header", "header.x-request-id"),
    ("body", "body./amount"),
    ("counter", "counter.charges"),
    ("sequence", "sequence.charge"),
    ("uuid", "uuid"),
    ("state", "state.charges/1"),
];

/// Where what is filled in comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A named segment of the path.
    Path(String),
    /// A parameter of the query.
    Query(String),
    /// A header, by its name in small letters.
    Header(String),
    /// The body: all of it, or what a JSON pointer points at.
    Body(String),
    /// A counter, with this request counted.
    Counter(String),
    /// The next number of a sequence, the same all through one answer.
    Sequence(String),
    /// A UUID that follows from the seed, the same all through one answer.
    Uuid(String),
    /// What is kept under a key.
    State(Template),
}

/// The names that a template can use.
pub(super) struct Known<'a> {
    /// The named segments of the route's path; `None` where that is wrong itself.
    pub(super) captures: Option<Vec<&'a str>>,
    /// The counters; `None` where not all of them could be made out.
    pub(super) counters: Option<&'a BTreeSet<String>>,
}

impl Source {
    /// Reads what stands between the braces.
    pub(super) fn parse(
        text: &str,
        known: &Known<'_>,
        problems: &mut Vec<Problem>,
        depth: usize,
    ) -> Result<Self, Problem> {
        let (root, name) = match text.split_once('.') {
            Some((root, name)) => (root, Some(name)),
            None => (text, None),
        };
        let Some((_, example)) = ROOTS.iter().find(|(known, _)| *known == root) else {
            let roots = ROOTS.map(|(root, _)| root);
            let message = format!("nothing is called `{}` in a template", clip(root));
            return Err(Problem::new(message, "").with_known(root, roots));
        };
        let name = match name {
            Some(name) if !name.is_empty() => name.to_owned(),
            None if matches!(root, "body" | "uuid") => String::new(),
            _ => {
                let message = format!("`{root}` needs a name behind it");
                return Err(Problem::new(message, format!("as in `{{{{{example}}}}}`")));
            }
        };
        match root {
            "path" => match &known.captures {
                None => Ok(Self::Path(name)),
                Some(captures) => {
                    let message = format!("the path has no segment `{}`", clip(&name));
                    let help = "name one in the path, as in /accounts/{id}";
                    let problem = Problem::new(message, help);
                    among(name, captures.iter().copied(), problem).map(Self::Path)
                }
            },
            "query" => Ok(Self::Query(name)),
            "header" => Ok(Self::Header(name.to_ascii_lowercase())),
            "body" => pointer(name).map(Self::Body),
            "counter" => match known.counters {
                None => Ok(Self::Counter(name)),
                Some(counters) => {
                    let message = format!("nothing counts `{}`", clip(&name));
                    let problem = Problem::new(message, "");
                    among(name, counters.iter().map(String::as_str), problem).map(Self::Counter)
                }
            },
            "sequence" => Ok(Self::Sequence(name)),
            "uuid" => Ok(Self::Uuid(name)),
            _ if depth + 1 >= DEPTH_MAX => Err(Problem::new(
                format!("more than {DEPTH_MAX} templates stand in one another"),
                "",
            )),
            _ => Ok(Self::State(Template::parse_at(
                &name,
                known,
                problems,
                depth + 1,
            ))),
        }
    }

    /// What it stands for; `None` where there is no such thing.
    pub(super) fn value(&self, scene: &mut Scene<'_>) -> Result<Option<Value>, Refusal> {
        let value = match self {
            Self::Path(name) => scene.capture(name),
            Self::Query(name) => scene.asked.query(name).next().map(Value::from),
            Self::Header(name) => scene.asked.header(name).next().map(Value::from),
            Self::Body(pointer) => scene.asked.body(pointer),
            Self::Counter(name) => Some(scene.memory.counter(name).into()),
            Self::Sequence(name) => Some(scene.draw(name).into()),
            Self::Uuid(name) => Some(scene.uuid(name).into()),
            Self::State(key) => {
                let key = key.fill(scene)?;
                scene.memory.kept.get(&key).cloned()
            }
        };
        if let Some(value) = &value {
            scene.spend(weight(value))?;
        }
        Ok(value)
    }
}

/// A name that must be one of those that there are.
fn among<'a>(
    name: String,
    known: impl Iterator<Item = &'a str> + Clone,
    otherwise: Problem,
) -> Result<String, Problem> {
    if known.clone().any(|known| known == name) {
        Ok(name)
    } else {
        Err(otherwise.with_known(&name, known))
    }
}

/// A JSON pointer (RFC 6901); nothing points at everything.
pub(super) fn pointer(text: String) -> Result<String, Problem> {
    if !text.is_empty() && !text.starts_with('/') {
        let message = format!("`{}` is not a JSON pointer", clip(&text));
        let meant = clip(&text.replace('.', "/"));
        return Err(Problem::new(message, format!("did you mean `/{meant}`?")));
    }
    let escaped = |part: &str| part.starts_with(['0', '1']);
    if !text.split('~').skip(1).all(escaped) {
        let message = format!("`{}` is not a JSON pointer", clip(&text));
        return Err(Problem::new(
            message,
            "write `~0` for `~`, and `~1` for `/` in a key",
        ));
    }
    Ok(text)
}
