//! What an answer is worth: goodput counts valid answers, and not statuses.

use http::HeaderName;
use serde_json::Value;

use super::answer::{Seen, clip};
use super::pattern::Pattern;
use super::schema::BodySchema;
use super::template::{Scene, Template};
use crate::load::client::Wanted;
use crate::record::Worth;

/// What is said of the answers of one kind of call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Oracle {
    /// What makes one valid.
    pub valid: Option<Matcher>,
    /// The marker of one that offers less, and says so. It comes first.
    pub degraded: Option<Matcher>,
}

/// Conditions on an answer, all of which must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matcher {
    /// The statuses of which it has one; from 200 to 399 where none is named. A command has none.
    pub status: Vec<StatusRange>,
    /// JSON pointers into its body, and the values of which each points at one.
    pub json: Vec<(String, Vec<Expected>)>,
    /// What its body satisfies.
    pub schema: Option<BodySchema>,
    /// Headers, and the values of which each has one; any, where none is named.
    pub header: Vec<(HeaderName, Vec<String>)>,
    /// What its body contains.
    pub contains: Option<String>,
    /// What occurs in its body.
    pub regex: Option<Pattern>,
}

/// Statuses from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRange(
    /// The first.
    pub u16,
    /// The last.
    pub u16,
);

/// A value that is expected.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    /// This one; null is also what is not there.
    Fixed(Value),
    /// What a template of JSON gives for the call.
    Filled(Template),
}

impl Oracle {
    /// What it needs of an answer.
    pub(super) fn wanted(&self) -> Wanted {
        let matchers = self.valid.iter().chain(&self.degraded);
        matchers.map(Matcher::wanted).fold(Wanted::default(), both)
    }

    /// What an answer is worth, and what is wrong with it; nothing where nobody has said what
    /// makes one valid.
    pub(super) fn judge(
        &self,
        seen: &Seen<'_>,
        scene: &Scene<'_>,
    ) -> (Option<Worth>, Option<String>) {
        if let Some(degraded) = &self.degraded
            && degraded.mismatch(seen, scene).is_none()
        {
            return (Some(Worth::Degraded), None);
        }
        match &self.valid {
            None => (None, None),
            Some(valid) => match valid.mismatch(seen, scene) {
                None => (Some(Worth::Full), None),
                Some(why) => (Some(Worth::Wrong), Some(why)),
            },
        }
    }
}

/// What either needs.
pub(super) fn both(one: Wanted, other: Wanted) -> Wanted {
    Wanted {
        headers: one.headers || other.headers,
        body: one.body || other.body,
    }
}

impl Matcher {
    /// What it needs of an answer.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted {
            headers: !self.header.is_empty(),
            body: !self.json.is_empty()
                || self.schema.is_some()
                || self.contains.is_some()
                || self.regex.is_some(),
        }
    }

    /// The first condition that does not hold, for a person.
    pub(super) fn mismatch(&self, seen: &Seen<'_>, scene: &Scene<'_>) -> Option<String> {
        self.wrong_status(seen)
            .or_else(|| self.wrong_json(seen, scene))
            .or_else(|| self.wrong_shape(seen))
            .or_else(|| self.wrong_header(seen))
            .or_else(|| self.wrong_text(seen))
    }

    fn wrong_status(&self, seen: &Seen<'_>) -> Option<String> {
        const GOOD: [StatusRange; 1] = [StatusRange(200, 399)];
        let status = seen.status?;
        let wanted = match self.status.as_slice() {
            [] => &GOOD,
            named => named,
        };
        let fits = |range: &StatusRange| (range.0..=range.1).contains(&status);
        (!wanted.iter().any(fits)).then(|| format!("the status is {status}"))
    }

    fn wrong_json(&self, seen: &Seen<'_>, scene: &Scene<'_>) -> Option<String> {
        self.json.iter().find_map(|(pointer, wanted)| {
            let found = seen.at(pointer);
            if wanted.iter().any(|wanted| wanted.fits(found, scene)) {
                return None;
            }
            let wanted: Vec<String> = wanted.iter().map(|wanted| wanted.text(scene)).collect();
            let wanted = clip(&wanted.join(" or "));
            Some(match found {
                Some(found) => format!("{pointer} is {}, not {wanted}", clip(&found.to_string())),
                None => format!("{pointer} is not there, and not {wanted}{}", seen.nature()),
            })
        })
    }

    fn wrong_shape(&self, seen: &Seen<'_>) -> Option<String> {
        let schema = self.schema.as_ref()?;
        let Some(body) = seen.json() else {
            return Some(format!("no schema fits the body{}", seen.nature()));
        };
        let why = schema.violation(body)?;
        Some(format!("the body breaks its schema: {why}"))
    }

    fn wrong_header(&self, seen: &Seen<'_>) -> Option<String> {
        self.header.iter().find_map(|(name, wanted)| {
            let mut values = seen.header(name);
            let fits =
                |value: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == value);
            let Some(first) = values.next() else {
                return Some(format!("the header {name} is not there"));
            };
            if fits(&first) || values.any(|value| fits(&value)) {
                return None;
            }
            let wanted = clip(&wanted.join(" or "));
            Some(format!(
                "the header {name} is {}, not {wanted}",
                clip(&first)
            ))
        })
    }

    fn wrong_text(&self, seen: &Seen<'_>) -> Option<String> {
        let text = seen.text();
        if let Some(wanted) = &self.contains
            && !text.contains(wanted)
        {
            return Some(format!(
                "{} is not in the body: {}",
                clip(wanted),
                clip(&text)
            ));
        }
        match &self.regex {
            Some(regex) if !regex.occurs_in(&text) => Some(format!(
                "{} does not occur in the body: {}",
                regex.as_str(),
                clip(&text)
            )),
            _ => None,
        }
    }
}

impl Expected {
    fn fits(&self, found: Option<&Value>, scene: &Scene<'_>) -> bool {
        match self {
            Self::Fixed(wanted) => same(wanted, found.unwrap_or(&Value::Null)),
            Self::Filled(template) => {
                let wanted = template.fill(scene).ok();
                let wanted = wanted.and_then(|text| serde_json::from_str(&text).ok());
                wanted.is_some_and(|wanted| same(&wanted, found.unwrap_or(&Value::Null)))
            }
        }
    }

    fn text(&self, scene: &Scene<'_>) -> String {
        match self {
            Self::Fixed(value) => value.to_string(),
            Self::Filled(template) => template.fill(scene).unwrap_or_else(|missing| missing.0),
        }
    }
}

/// Whether two values are the same; `1` and `1.0` are.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let has = |(key, value)| b.get(key).is_some_and(|other| same(value, other));
            a.len() == b.len() && a.iter().all(has)
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests;
