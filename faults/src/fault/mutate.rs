//! `mutate`: the answer's JSON is not what the contract says.
//!
//! The rest of the body is written anew: blanks go, and numbers beyond 64 bits lose digits.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::rewrite::{Message, Rewrite};
use super::{Fault, Known, Level, Speaks, Treatment};
use crate::dice::Dice;

/// One change to the body, by JSON pointer (RFC 6901). Exactly one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// Adds a field that nobody knows of, with a text in it, to the object that the pointer names
    /// (an empty pointer is the whole body).
    AddField(String),
    /// Takes the field away.
    Drop(String),
    /// Puts null in its place.
    Null(String),
    /// Changes its type: a text becomes a number, a number, truth value or null a text, an object
    /// a list of it, a list an object.
    Retype(String),
    /// Puts a value in its place, as a new member of an enumeration.
    Set {
        /// Which field.
        at: String,
        /// What it becomes.
        value: Value,
    },
    /// Empties the list, object or text.
    Empty(String),
}

/// See [`Change`].
#[derive(Clone, Debug)]
pub struct Mutate(Arc<Change>);

impl Change {
    fn pointer(&self) -> &str {
        match self {
            Self::AddField(at)
            | Self::Drop(at)
            | Self::Null(at)
            | Self::Retype(at)
            | Self::Empty(at)
            | Self::Set { at, .. } => at,
        }
    }

    /// Changes a body; says whether there was something to change.
    fn apply(&self, body: &mut Value) -> bool {
        if let Self::Drop(at) = self {
            return drop_field(body, at);
        }
        let Some(target) = body.pointer_mut(self.pointer()) else {
            return false;
        };
        match self {
            Self::Drop(_) => false,
            Self::AddField(_) => {
                let Some(object) = target.as_object_mut() else {
                    return false;
                };
                object.insert("unexpected_field".to_owned(), "unexpected".into());
                true
            }
            Self::Null(_) => std::mem::take(target) != Value::Null,
            Self::Set { value, .. } => std::mem::replace(target, value.clone()) != *value,
            Self::Retype(_) => {
                *target = match std::mem::take(target) {
                    Value::String(_) => 42.into(),
                    Value::Array(list) => serde_json::json!({ "items": list }),
                    Value::Object(object) => Value::Array(vec![Value::Object(object)]),
                    plain => plain.to_string().into(),
                };
                true
            }
            Self::Empty(_) => match target {
                Value::Array(list) if !list.is_empty() => {
                    list.clear();
                    true
                }
                Value::Object(object) if !object.is_empty() => {
                    object.clear();
                    true
                }
                Value::String(text) if !text.is_empty() => {
                    text.clear();
                    true
                }
                _ => false,
            },
        }
    }
}

fn drop_field(body: &mut Value, at: &str) -> bool {
    let Some((parent, key)) = at.rsplit_once('/') else {
        return false;
    };
    let key = key.replace("~1", "/").replace("~0", "~");
    match body.pointer_mut(parent) {
        // The order of the others stays.
        Some(Value::Object(object)) => object.shift_remove(&key).is_some(),
        Some(Value::Array(list)) => match key.parse::<usize>() {
            Ok(at) if at < list.len() => {
                list.remove(at);
                true
            }
            _ => false,
        },
        _ => false,
    }
}

impl Known for Mutate {
    type Params = Change;
    const NAME: &'static str = "mutate";
    const SUMMARY: &'static str = "one field of the answer's JSON is added, dropped, nulled, retyped, set or emptied; an answer without it passes untouched";
    const EXAMPLE: &'static str = "mutate: { drop: /price/currency }";
    const SPEAKS: Speaks = Speaks::Http;

    fn new(change: Change) -> Result<Self, String> {
        let at = change.pointer();
        if !(at.is_empty() || at.starts_with('/')) {
            return Err(format!(
                "`{at}` is not a JSON pointer: it begins with `/`, as in `/price/currency`"
            ));
        }
        Ok(Self(Arc::new(change)))
    }
}

impl Rewrite for Change {
    fn needs_body(&self) -> bool {
        true
    }

    fn rewrite(&self, _: &mut Dice, answer: &mut Message) -> bool {
        let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body) else {
            return false;
        };
        if !self.apply(&mut body) {
            return false;
        }
        answer.body = body.to_string().into_bytes();
        true
    }
}

impl Fault for Mutate {
    fn level(&self) -> Level {
        Level::Exchange
    }

    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        treatment.rewrites.push(self.0.clone());
    }

    fn describe(&self) -> String {
        match &*self.0 {
            Change::AddField(at) => format!("add a field to `{at}`"),
            Change::Drop(at) => format!("drop {at}"),
            Change::Null(at) => format!("null {at}"),
            Change::Retype(at) => format!("retype {at}"),
            Change::Set { at, value } => format!("set {at} to {value}"),
            Change::Empty(at) => format!("empty {at}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mutated(change: Value) -> Option<Value> {
        let mut body =
            json!({ "id": 7, "tags": ["a"], "price": { "amount": 3, "currency": "EUR" }});
        let change: Change = serde_json::from_value(change).unwrap();
        change.apply(&mut body).then_some(body)
    }

    #[test]
    fn each_change_changes_one_thing() {
        let with = |id: Value, tags: Value, price: Value| {
            Some(json!({ "id": id, "tags": tags, "price": price }))
        };
        let (tags, price) = (json!(["a"]), json!({ "amount": 3, "currency": "EUR" }));
        assert_eq!(
            mutated(json!({ "drop": "/price/currency" })),
            with(json!(7), tags.clone(), json!({ "amount": 3 }))
        );
        assert_eq!(
            mutated(json!({ "null": "/price" })),
            with(json!(7), tags.clone(), Value::Null)
        );
        assert_eq!(
            mutated(json!({ "retype": "/id" })),
            with(json!("7"), tags.clone(), price.clone())
        );
        assert_eq!(
            mutated(json!({ "retype": "/price/currency" })),
            with(
                json!(7),
                tags.clone(),
                json!({ "amount": 3, "currency": 42 })
            )
        );
        assert_eq!(
            mutated(json!({ "empty": "/tags" })),
            with(json!(7), json!([]), price.clone())
        );
        assert_eq!(
            mutated(json!({ "set": { "at": "/price/currency", "value": "XXX" } })),
            with(json!(7), tags, json!({ "amount": 3, "currency": "XXX" }))
        );
        let more = mutated(json!({ "add_field": "" })).unwrap();
        assert_eq!(more["unexpected_field"], "unexpected");
    }

    #[test]
    fn what_is_not_there_is_left_alone() {
        for change in [
            json!({ "drop": "/nothing" }),
            json!({ "null": "/price/nothing" }),
            json!({ "empty": "/id" }),
            json!({ "drop": "/tags/5" }),
            json!({ "add_field": "/id" }),
        ] {
            assert_eq!(mutated(change.clone()), None, "{change}");
        }
    }
}
