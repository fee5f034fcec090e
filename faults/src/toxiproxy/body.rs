//! What was sent with a request: bounded, and read as Go's decoder reads JSON, which is what
//! Toxiproxy's clients have been written against.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use serde_json::{Map, Number, Value};

use super::errors::{ApiError, bad_body, too_large, too_slow};

/// The largest body that is read.
pub(super) const BODY_MAX: usize = 4 * 1024 * 1024;
/// How long a body may take to come.
const BODY_TIME_MAX: Duration = Duration::from_secs(15);

/// Reads a body. What lies beyond the limit is taken and forgotten, so that whoever sends it gets
/// to read the answer.
pub(super) async fn read(mut body: Incoming, asks_first: bool) -> Result<Bytes, ApiError> {
    let announced = body.size_hint().lower();
    if asks_first && announced > BODY_MAX as u64 {
        return Err(too_large(BODY_MAX));
    }
    let mut held = Vec::new();
    let mut too_much = announced > BODY_MAX as u64;
    let reading = async {
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                return Err(bad_body("unexpected EOF"));
            };
            let Some(data) = frame.data_ref() else {
                continue;
            };
            too_much |= held.len() + data.len() > BODY_MAX;
            if too_much {
                held = Vec::new();
            } else {
                held.extend_from_slice(data);
            }
        }
        Ok(())
    };
    let in_time = tokio::time::timeout(BODY_TIME_MAX, reading).await;
    if too_much {
        return Err(too_large(BODY_MAX));
    }
    in_time.map_err(|_| too_slow())??;
    Ok(Bytes::from(held))
}

/// The first JSON value in a body; Go does not look at what follows it.
pub(super) fn first_value(body: &[u8]) -> Result<Value, ApiError> {
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<Value>();
    match values.next() {
        None => Err(bad_body("EOF")),
        Some(value) => value.map_err(bad_body),
    }
}

/// An object's fields. As in Go a name fits whatever its case, an unknown one is ignored, and
/// `null` says nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(Option<&'a Map<String, Value>>);

impl<'a> Fields<'a> {
    pub(super) fn of(value: &'a Value) -> Result<Self, ApiError> {
        match value {
            Value::Null => Ok(Self(None)),
            Value::Object(map) => Ok(Self(Some(map))),
            other => Err(bad_body(format_args!("{} is not an object", kind(other)))),
        }
    }

    pub(super) fn get(self, name: &str) -> Option<&'a Value> {
        let map = self.0?;
        let other = || map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        map.get(name)
            .or_else(|| other().map(|(_, value)| value))
            .filter(|value| !value.is_null())
    }

    fn wrong(name: &str, found: &Value, wanted: &str) -> ApiError {
        bad_body(format_args!("`{name}` is {}, not {wanted}", kind(found)))
    }

    pub(super) fn text(self, name: &str) -> Result<Option<String>, ApiError> {
        self.get(name)
            .map(|value| match value {
                Value::String(text) => Ok(text.clone()),
                other => Err(Self::wrong(name, other, "a string")),
            })
            .transpose()
    }

    pub(super) fn flag(self, name: &str) -> Result<Option<bool>, ApiError> {
        self.get(name)
            .map(|value| match value {
                Value::Bool(flag) => Ok(*flag),
                other => Err(Self::wrong(name, other, "true or false")),
            })
            .transpose()
    }

    pub(super) fn number(self, name: &str) -> Result<Option<&'a Number>, ApiError> {
        self.get(name)
            .map(|value| match value {
                Value::Number(number) => Ok(number),
                other => Err(Self::wrong(name, other, "a number")),
            })
            .transpose()
    }

    pub(super) fn object(self, name: &str) -> Result<Option<&'a Map<String, Value>>, ApiError> {
        self.get(name)
            .map(|value| match value {
                Value::Object(map) => Ok(map),
                other => Err(Self::wrong(name, other, "an object")),
            })
            .transpose()
    }

    pub(super) fn list(self, name: &str) -> Result<&'a [Value], ApiError> {
        match self.get(name) {
            None => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(other) => Err(Self::wrong(name, other, "a list")),
        }
    }
}

/// What a value is, for a sentence about it.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A number as Go prints it: whole ones without a fraction.
pub(super) fn plain(number: &Number) -> Number {
    let whole = number
        .as_f64()
        .filter(|_| number.is_f64())
        .filter(|n| n.fract() == 0.0 && n.abs() < 9e15)
        .and_then(|n| format!("{n:.0}").parse::<i64>().ok());
    whole.map_or_else(|| number.clone(), Number::from)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_fit_whatever_their_case_and_the_exact_one_wins() {
        let value = json!({ "NAME": "a", "name": "b", "Listen": "c", "upstream": null });
        let fields = Fields::of(&value).unwrap();
        assert_eq!(fields.text("name").unwrap().as_deref(), Some("b"));
        assert_eq!(fields.text("listen").unwrap().as_deref(), Some("c"));
        assert_eq!(fields.text("upstream").unwrap(), None);
        assert_eq!(
            fields.flag("name").unwrap_err().message,
            "bad request body: `name` is a string, not true or false"
        );
        assert!(Fields::of(&json!([])).is_err());
    }

    #[test]
    fn only_the_first_value_of_a_body_counts() {
        assert_eq!(first_value(b" {\"a\":1} junk").unwrap(), json!({ "a": 1 }));
        assert_eq!(
            first_value(b" ").unwrap_err().message,
            "bad request body: EOF"
        );
        assert!(first_value(b"{\"a\":").is_err());
        assert!(
            first_value("[".repeat(100_000).as_bytes()).is_err(),
            "no stack runs over"
        );
    }

    #[test]
    fn whole_numbers_have_no_fraction() {
        let shown = |text: &str| plain(&text.parse().unwrap()).to_string();
        assert_eq!(shown("1.0"), "1");
        assert_eq!(shown("-2e3"), "-2000");
        assert_eq!(shown("0.3"), "0.3");
        assert_eq!(shown("7"), "7");
    }
}
