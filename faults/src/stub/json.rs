//! JSON with templates in its texts.

use serde_json::{Map, Value};

use super::answer::Refusal;
use super::problem::{Problem, Step, clip};
use super::scene::Scene;
use super::source::Known;
use super::template::Template;

/// A JSON value, with what is filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Json {
    /// As it is.
    Plain(Value),
    /// A text with something filled in.
    Text(Template),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

/// Where a value that is taken as it is written holds something that looks like a template.
pub(super) fn templates_in(value: &Value, why: &str) -> Vec<Problem> {
    let below = |(step, value): (Step, &Value)| {
        let mut problems = templates_in(value, why);
        for problem in &mut problems {
            problem.at.insert(0, step.clone());
        }
        problems
    };
    match value {
        Value::String(text) if text.contains("{{") => {
            vec![Problem::new("nothing is filled in here", why).of_word("{{")]
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items
                .flat_map(|(at, item)| below((at.into(), item)))
                .collect()
        }
        Value::Object(entries) => {
            let entries = entries.iter();
            let entries = entries.map(|(key, value)| (key.as_str().into(), value));
            entries.flat_map(below).collect()
        }
        _ => Vec::new(),
    }
}

impl Json {
    /// Reads a value; what is wrong with it is added to the problems, with the way down to it.
    pub(super) fn parse(value: &Value, known: &Known<'_>, problems: &mut Vec<Problem>) -> Self {
        let mut below = |step: Step, value: &Value| {
            let before = problems.len();
            let json = Self::parse(value, known, problems);
            for problem in &mut problems[before..] {
                problem.at.insert(0, step.clone());
            }
            json
        };
        match value {
            Value::String(text) => {
                let template = Template::parse(text, known, problems);
                match template.plain() {
                    Some(plain) => Self::Plain(plain.into()),
                    None => Self::Text(template),
                }
            }
            Value::Array(items) => {
                let items = items.iter().enumerate();
                Self::List(items.map(|(at, item)| below(at.into(), item)).collect())
            }
            Value::Object(entries) => {
                let map = entries
                    .iter()
                    .map(|(key, value)| (key.clone(), below(key.as_str().into(), value)))
                    .collect();
                let filled = |key: &&String| key.contains("{{");
                problems.extend(entries.keys().filter(filled).map(|key| Problem {
                    at: vec![key.as_str().into()],
                    at_key: true,
                    ..Problem::new(
                        format!("`{}`: nothing is filled in to a key", clip(key)),
                        "write the key as it is to be; its value can hold `{{…}}`",
                    )
                }));
                Self::Map(map)
            }
            plain => Self::Plain(plain.clone()),
        }
    }

    /// The value with everything filled in. A text that is one template keeps the type of what
    /// that stands for, and is null where there is no such thing.
    pub(super) fn fill(&self, scene: &mut Scene<'_>) -> Result<Value, Refusal> {
        match self {
            Self::Plain(value) => {
                scene.spend(super::kept::weight(value))?;
                Ok(value.clone())
            }
            Self::Text(template) => match template.whole() {
                Some(source) => Ok(source.value(scene)?.unwrap_or_default()),
                None => template.fill(scene).map(Value::String),
            },
            Self::List(items) => items.iter().map(|item| item.fill(scene)).collect(),
            Self::Map(entries) => {
                let mut map = Map::with_capacity(entries.len());
                for (key, value) in entries {
                    scene.spend(key.len())?;
                    map.insert(key.clone(), value.fill(scene)?);
                }
                Ok(Value::Object(map))
            }
        }
    }
}
