//! What a `{{…}}` can stand for.

use std::collections::BTreeMap;

use serde_json::Value;
use shaketable_faults::dice::{self, Dice};
use shaketable_faults::stub::{Problem, Unknown};

use super::scene::{Missing, Scene};
use crate::load::script::data::plain_value;

/// What a `{{…}}` can begin with, beside the names of what was captured.
pub(crate) const RESERVED: [&str; 6] = ["data", "id", "uuid", "call", "random", "pick"];

/// Where what is filled in comes from.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Source {
    /// A column of the row that the arrival has.
    Data(usize),
    /// A text that no other call has.
    Id,
    /// The same in the form of a UUID; the hash of its name tells several of one call apart.
    Uuid(u64),
    /// The number of the arrival in its stream, from 1.
    Arrival,
    /// A whole number, both ends included; its place decides about it.
    Random { low: i64, high: i64, place: u64 },
    /// One of several; its place decides which.
    Pick { among: Vec<Value>, place: u64 },
    /// What an earlier step has captured.
    Captured(String),
}

/// The names that a template can use, and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The columns of the load's data.
    pub data: Data<'a>,
    /// What earlier steps have captured.
    pub captured: &'a [String],
    /// What later steps will.
    pub later: &'a [String],
    /// A number for the place of the template in its load: what is random in it depends on that.
    pub place: u64,
}

/// What is known of the load's data.
#[derive(Clone, Copy, Debug)]
pub enum Data<'a> {
    /// There is none.
    Absent,
    /// It could not be read, which was told.
    Unreadable,
    /// Its columns.
    Columns(&'a [String]),
}

/// Whether a captured value can have this name.
pub(crate) fn is_name(name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(word)
}

fn problem(message: impl Into<String>, help: impl Into<String>) -> Problem {
    Problem {
        message: message.into(),
        help: help.into(),
        ..Problem::default()
    }
}

/// A name that is not among those that are known.
fn unknown<'a>(
    message: String,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
    help: &str,
) -> Problem {
    let known = known.into_iter().map(str::to_owned).collect();
    let name = name.to_owned();
    Problem {
        unknown: Some(Box::new(Unknown { name, known })),
        ..problem(message, help)
    }
}

impl Source {
    /// Reads what stands between the braces; `part` is how many parts of the text come before it.
    pub(super) fn parse(text: &str, known: &Known<'_>, part: usize) -> Result<Self, Problem> {
        let end = text.find(|c: char| c == '.' || c.is_whitespace());
        let (root, rest) = text.split_at(end.unwrap_or(text.len()));
        let place = dice::join(known.place, part as u64);
        let name = rest.strip_prefix('.').map(str::trim);
        let value = rest.trim();
        match root {
            "data" => column(name.unwrap_or_default(), known.data),
            "uuid" if rest.is_empty() || name.is_some_and(is_name) => {
                Ok(Self::Uuid(dice::hash(rest.as_bytes())))
            }
            "id" if rest.is_empty() => Ok(Self::Id),
            "call" if rest.is_empty() => Ok(Self::Arrival),
            "random" => match range(value) {
                Some((low, high)) => Ok(Self::Random { low, high, place }),
                None => Err(problem(
                    "`random` needs two whole numbers, the smaller one first",
                    "as in `{{random 1..100}}`",
                )),
            },
            "pick" => {
                let among: Vec<&str> = value.split('|').map(str::trim).collect();
                if name.is_some() || among.iter().any(|word| word.is_empty()) {
                    let help = "as in `{{pick red|green|blue}}`";
                    return Err(problem("`pick` needs something to pick from", help));
                }
                let among = among.into_iter().map(plain_value).collect();
                Ok(Self::Pick { among, place })
            }
            _ => captured(text, known),
        }
    }

    /// What it stands for in one call.
    pub(super) fn value(&self, scene: &Scene<'_>) -> Result<Value, Missing> {
        let dice = |place: u64| Dice::of(scene.seed, "load", "template", scene.index).apart(place);
        Ok(match self {
            Self::Data(column) => {
                let row = scene.data.and_then(|data| data.row(scene.index));
                row.and_then(|row| row.get(*column))
                    .cloned()
                    .unwrap_or(Value::Null)
            }
            Self::Id => format!("{:016x}", scene.id()).into(),
            Self::Uuid(name) => {
                let key = dice::join(scene.id(), *name);
                dice::uuid(dice::join(key, 1), dice::join(key, 2)).into()
            }
            Self::Arrival => (scene.index + 1).into(),
            Self::Random { low, high, place } => {
                // At most 2^63 numbers, as `range` has seen to.
                let many = high.abs_diff(*low).saturating_add(1);
                let above = i64::try_from(dice(*place).below(many)).unwrap_or_default();
                low.saturating_add(above).into()
            }
            Self::Pick { among, place } => {
                let which = usize::try_from(dice(*place).below(among.len() as u64));
                among
                    .get(which.unwrap_or_default())
                    .cloned()
                    .unwrap_or(Value::Null)
            }
            Self::Captured(name) => scene.captured(name)?.clone(),
        })
    }
}

/// `1..100`, both ends included.
fn range(text: &str) -> Option<(i64, i64)> {
    let (low, high) = text.split_once("..")?;
    let (low, high) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
    let bounded = i64::try_from(i64::abs_diff(low, high)).is_ok_and(|many| many < i64::MAX);
    (low <= high && bounded).then_some((low, high))
}

fn column(name: &str, data: Data<'_>) -> Result<Source, Problem> {
    let columns = match data {
        Data::Absent => {
            return Err(problem(
                "this load has no data",
                "add `data: orders.csv` to the load, with the names of its columns in the first line",
            ));
        }
        // What is wrong was told.
        Data::Unreadable => return Ok(Source::Data(0)),
        Data::Columns(columns) => columns,
    };
    let found = columns.iter().position(|column| column == name);
    found.map(Source::Data).ok_or_else(|| {
        let message = if name.is_empty() {
            "`data` needs the name of a column behind it".to_owned()
        } else {
            format!("the data has no column `{}`", clip(name))
        };
        unknown(
            message,
            name,
            columns.iter().map(String::as_str),
            "as in `{{data.sku}}`",
        )
    })
}

fn captured(name: &str, known: &Known<'_>) -> Result<Source, Problem> {
    let is = |known: &String| known == name;
    if known.captured.iter().any(is) {
        return Ok(Source::Captured(name.to_owned()));
    }
    if known.later.iter().any(is) {
        return Err(problem(
            format!("`{name}` is captured only later"),
            "use it in a step after the one that captures it",
        ));
    }
    let names = known.captured.iter().map(String::as_str);
    let names = names.chain(RESERVED);
    Err(unknown(
        format!(
            "nothing is called `{}` in a template of the load",
            clip(name)
        ),
        name,
        names,
        "",
    ))
}

/// The beginning of a text that may be long, on one line.
fn clip(text: &str) -> String {
    let mut shown: String = text.chars().take(60).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown.replace(char::is_control, " ")
}

/// What the steps of one arrival have captured so far.
pub(super) type Captured = BTreeMap<String, Value>;
