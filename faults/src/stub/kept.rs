//! The key-value state of a stub.

use std::collections::BTreeMap;

use serde_json::{Number, Value};

use super::answer::Refusal;

/// How many values a stub keeps: one from each call of 200/s, for eight minutes.
pub(super) const ENTRIES_MAX: usize = 100_000;
/// How many bytes they may have together, about.
pub(super) const BYTES_MAX: usize = 64 << 20;
/// How many bytes a key may have.
const KEY_BYTES_MAX: usize = 1024;
/// How deep a value may nest: what holds it is still read by readers that end at 128 levels.
pub(super) const DEPTH_MAX: usize = 100;

/// What a stub keeps, by key.
#[derive(Debug, Default)]
pub(super) struct Kept {
    entries: BTreeMap<String, Value>,
    bytes: usize,
}

/// A change under one key.
#[derive(Debug)]
pub(super) enum Change {
    Put(Value),
    Add(Value),
    Remove,
}

impl Kept {
    /// The state at the beginning.
    pub(super) fn new<'a>(entries: impl IntoIterator<Item = (&'a String, &'a Value)>) -> Self {
        let mut kept = Self::default();
        for (key, value) in entries {
            kept.set(key, Some(value.clone()));
        }
        kept
    }

    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.entries.get(key)
    }

    pub(super) fn remove(&mut self, key: &str) -> bool {
        self.set(key, None).is_some()
    }

    pub(super) fn entries(&self) -> &BTreeMap<String, Value> {
        &self.entries
    }

    /// Makes all changes, or none where one of them is not possible.
    pub(super) fn change(&mut self, changes: Vec<(String, Change)>) -> Result<(), Refusal> {
        let mut before = Vec::with_capacity(changes.len());
        let mut refused = None;
        for (key, change) in changes {
            match self.changed(&key, change) {
                Ok(value) => {
                    let old = self.set(&key, value);
                    before.push((key, old));
                }
                Err(refusal) => {
                    refused = Some(refusal);
                    break;
                }
            }
        }
        if refused.is_none() && (self.entries.len() > ENTRIES_MAX || self.bytes > BYTES_MAX) {
            refused = Some(Refusal::StateIsFull);
        }
        let Some(refused) = refused else {
            return Ok(());
        };
        for (key, old) in before.into_iter().rev() {
            self.set(&key, old);
        }
        Err(refused)
    }

    /// What stands under the key after the change.
    fn changed(&self, key: &str, change: Change) -> Result<Option<Value>, Refusal> {
        if key.len() > KEY_BYTES_MAX {
            let why = format!("a key of the state has more than {KEY_BYTES_MAX} bytes");
            return Err(Refusal::Impossible(why));
        }
        match change {
            Change::Remove => Ok(None),
            Change::Put(value) if too_deep(&value, DEPTH_MAX) => Err(Refusal::Impossible(format!(
                "what is to be kept nests deeper than {DEPTH_MAX} levels"
            ))),
            Change::Put(value) => Ok(Some(value)),
            Change::Add(amount) => sum(self.entries.get(key), &amount)
                .map(Some)
                .map_err(|why| Refusal::Impossible(format!("{why} under the key `{key}`"))),
        }
    }

    /// Replaces what stands under a key, and gives what stood there.
    fn set(&mut self, key: &str, value: Option<Value>) -> Option<Value> {
        let cost = |value: &Value| key.len() + weight(value);
        let old = match value {
            Some(value) => {
                self.bytes += cost(&value);
                self.entries.insert(key.to_owned(), value)
            }
            None => self.entries.remove(key),
        };
        if let Some(old) = &old {
            self.bytes -= cost(old);
        }
        old
    }
}

/// What is there (nothing counts as 0) and an amount.
fn sum(there: Option<&Value>, amount: &Value) -> Result<Value, String> {
    let zero = Number::from(0);
    let there = match there {
        None => &zero,
        Some(Value::Number(number)) => number,
        Some(_) => return Err("there is no number to add to".to_owned()),
    };
    let Value::Number(amount) = amount else {
        return Err(format!("`{amount}` is not a number, and cannot be added"));
    };
    let whole = there
        .as_i64()
        .zip(amount.as_i64())
        .and_then(|(there, amount)| there.checked_add(amount))
        .map(Number::from);
    let sum = whole.or_else(|| Number::from_f64(there.as_f64()? + amount.as_f64()?));
    sum.map(Value::Number)
        .ok_or_else(|| "the sum is larger than can be counted".to_owned())
}

/// How many bytes a value takes, about: as text, and what it costs to hold.
pub(super) fn weight(value: &Value) -> usize {
    const EACH: usize = 16;
    EACH + match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(entries) => entries
            .iter()
            .map(|(key, value)| key.len() + weight(value))
            .sum(),
    }
}

/// Whether a value has more levels than that. A value that is wrapped again and again would in the
/// end be too deep to be written.
pub(super) fn too_deep(value: &Value, levels: usize) -> bool {
    let deeper = |value: &Value| levels == 0 || too_deep(value, levels - 1);
    match value {
        Value::Array(items) => items.iter().any(deeper),
        Value::Object(entries) => entries.values().any(deeper),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn put(key: &str, value: Value) -> (String, Change) {
        (key.to_owned(), Change::Put(value))
    }

    fn add(key: &str, value: Value) -> (String, Change) {
        (key.to_owned(), Change::Add(value))
    }

    #[test]
    fn changes_are_made_all_or_not_at_all() {
        let mut kept = Kept::default();
        kept.change(vec![
            put("a", json!(1)),
            add("a", json!(2)),
            add("b", json!(-1)),
        ])
        .unwrap();
        assert_eq!(
            kept.entries(),
            &[("a".into(), json!(3)), ("b".into(), json!(-1))].into()
        );
        let bytes = kept.bytes;
        let wrong = kept.change(vec![
            put("a", json!("text")),
            ("b".to_owned(), Change::Remove),
            add("a", json!(1)),
        ]);
        assert!(matches!(wrong, Err(Refusal::Impossible(_))), "{wrong:?}");
        assert_eq!(kept.get("a"), Some(&json!(3)));
        assert_eq!((kept.get("b"), kept.bytes), (Some(&json!(-1)), bytes));
        assert!(kept.remove("a") && kept.remove("b") && !kept.remove("b"));
        assert_eq!(kept.bytes, 0);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut kept = Kept::default();
        let full = (0..ENTRIES_MAX).map(|n| put(&n.to_string(), json!(n)));
        kept.change(full.collect()).unwrap();
        let more = kept.change(vec![put("more", json!(1))]);
        assert!(matches!(more, Err(Refusal::StateIsFull)));
        assert_eq!(kept.get("more"), None);
        kept.change(vec![put("1", json!("in its place"))]).unwrap();

        let mut kept = Kept::default();
        let mib = json!("x".repeat(1 << 20));
        for key in 0..63 {
            kept.change(vec![put(&key.to_string(), mib.clone())])
                .unwrap();
        }
        let more = kept.change(vec![put("63", mib)]);
        assert!(matches!(more, Err(Refusal::StateIsFull)));

        let long = kept.change(vec![put(&"k".repeat(2000), json!(1))]);
        assert!(matches!(long, Err(Refusal::Impossible(_))));
        let deep = (0..200).fold(json!(1), |value, _| json!([value]));
        let deep = kept.change(vec![put("deep", deep)]);
        assert!(matches!(deep, Err(Refusal::Impossible(_))));
    }

    #[test]
    fn numbers_are_added_as_people_add_them() {
        let sum = |there: Option<Value>, amount: Value| sum(there.as_ref(), &amount).ok();
        assert_eq!(sum(None, json!(5)), Some(json!(5)));
        assert_eq!(sum(Some(json!(5)), json!(-7)), Some(json!(-2)));
        assert_eq!(sum(Some(json!(5)), json!(0.5)), Some(json!(5.5)));
        assert_eq!(sum(Some(json!("5")), json!(1)), None);
        assert_eq!(sum(None, json!("1")), None);
        assert_eq!(
            sum(Some(json!(i64::MAX)), json!(1)),
            Some(json!(9_223_372_036_854_775_808.0))
        );
        assert_eq!(sum(Some(json!(f64::MAX)), json!(f64::MAX)), None);
    }

    proptest! {
        #[test]
        fn the_bytes_are_those_of_the_entries(steps in prop::collection::vec(("[a-c]", -3_i64..3), 0..40)) {
            let mut kept = Kept::default();
            for (key, number) in steps {
                let change = match number {
                    -3 => Change::Remove,
                    -2 => Change::Put(json!("text")),
                    number => Change::Add(json!(number)),
                };
                let _ = kept.change(vec![(key, change)]);
                let sum: usize = kept.entries.iter().map(|(key, value)| key.len() + weight(value)).sum();
                prop_assert_eq!(kept.bytes, sum);
            }
        }
    }
}
