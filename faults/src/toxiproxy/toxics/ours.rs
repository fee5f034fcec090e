//! The catalogue's faults as toxics. Their attributes are the fault's parameters as in a suite;
//! what a suite writes in short is the one attribute `value`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Attributes;
use crate::fault::flow::Direction;
use crate::fault::{Fault, Kind};

/// The attribute that stands for a value in short.
const VALUE: &str = "value";
const DIRECTION: &str = "direction";

pub(super) fn make(
    kind: &Kind,
    stream: Direction,
    before: &Attributes,
    change: &Attributes,
) -> Result<(Attributes, Arc<dyn Fault>), String> {
    let short = |attributes: &Attributes| attributes.contains_key(VALUE);
    // Short and long do not mix: the later form is the one that holds.
    let mut shown = if !change.is_empty() && short(before) != short(change) {
        Attributes::new()
    } else {
        before.clone()
    };
    shown.extend(change.clone());
    let turns = !shown.contains_key(DIRECTION) && has_direction(kind);
    if let Some(value) = shown.get(VALUE) {
        if shown.len() > 1 {
            return Err("`value` stands for all attributes: write it alone".to_owned());
        }
        if turns && stream == Direction::Up {
            return Err(format!(
                "`value` says nothing of a stream: write the attributes of `{}` by name",
                kind.name
            ));
        }
        let fault = (kind.build)(value)?;
        return Ok((shown, fault));
    }
    let mut long = shown.clone();
    if turns {
        let direction = if stream == Direction::Up {
            "up"
        } else {
            "down"
        };
        long.insert(DIRECTION.to_owned(), json!(direction));
    }
    let built = (kind.build)(&Value::Object(long));
    let fault = match built {
        // What has nothing to set is just on.
        Err(why) if shown.is_empty() => (kind.build)(&json!(true)).map_err(|_| why)?,
        built => built?,
    };
    Ok((shown, fault))
}

/// Whether the fault can go either way: then the toxic's stream says which.
fn has_direction(kind: &Kind) -> bool {
    fn within(schema: &Value) -> bool {
        match schema {
            Value::Object(map) => {
                let here = map.get("properties").and_then(|p| p.get(DIRECTION));
                here.is_some() || map.values().any(within)
            }
            Value::Array(items) => items.iter().any(within),
            _ => false,
        }
    }
    within(&kind.whole_schema())
}

#[cfg(test)]
mod tests {
    use super::super::Kind as Any;
    use super::*;
    use crate::dice::Dice;
    use crate::fault::{CATALOGUE, Treatment};

    fn map(value: &Value) -> Attributes {
        value.as_object().unwrap().clone()
    }

    fn treated(kind: &str, stream: Direction, attributes: &Value) -> Result<Treatment, String> {
        let kind = Any::find(kind).unwrap();
        let (_, fault) = kind.make(stream, &Attributes::new(), &map(attributes))?;
        let mut treatment = Treatment::default();
        fault.treat(&mut Dice::of(1, "", "", 0), &mut treatment);
        Ok(treatment)
    }

    #[test]
    fn every_fault_of_the_catalogue_is_a_toxic() {
        for kind in CATALOGUE {
            let any = Any::find(kind.name).unwrap();
            if let Any::Theirs(_) = any {
                continue;
            }
            // The example of the documentation is YAML: `name: value`.
            let (_, example) = kind.example.split_once(": ").unwrap();
            let empty = any.make(Direction::Down, &Attributes::new(), &Attributes::new());
            let on = example == "true";
            assert!(!on || empty.is_ok(), "{}: {:?}", kind.name, empty.err());
        }
    }

    #[test]
    fn the_stream_is_the_direction_of_what_has_one() {
        let mute = |stream| treated("mute", stream, &json!({})).unwrap();
        assert!(mute(Direction::Up).up.mute.is_some() && mute(Direction::Up).down.mute.is_none());
        assert!(mute(Direction::Down).down.mute.is_some());
        let both = treated("mute", Direction::Up, &json!({ "direction": "both" })).unwrap();
        assert!(both.up.mute.is_some() && both.down.mute.is_some());
        let corrupt = treated("corrupt", Direction::Up, &json!({ "bytes": "5%" })).unwrap();
        assert!((corrupt.up.corrupt - 0.05).abs() < 1e-9);
        let short = treated("corrupt", Direction::Up, &json!({ "value": "5%" }));
        assert!(short.unwrap_err().contains("by name"));
        assert!(treated("corrupt", Direction::Down, &json!({ "value": "5%" })).is_ok());
    }

    #[test]
    fn short_and_long_replace_each_other() {
        let status = Any::find("status").unwrap();
        let make = |before: Value, change: Value| {
            status
                .make(Direction::Down, &map(&before), &map(&change))
                .map(|(shown, _)| Value::Object(shown))
        };
        let body = json!({ "code": 503, "body": "x" });
        assert_eq!(
            make(json!({}), json!({ "value": 503 })),
            Ok(json!({ "value": 503 }))
        );
        assert_eq!(
            make(json!({ "value": 503 }), body.clone()),
            Ok(body.clone())
        );
        assert_eq!(
            make(body.clone(), json!({ "value": 500 })),
            Ok(json!({ "value": 500 }))
        );
        assert_eq!(
            make(body.clone(), json!({ "code": 500 })),
            Ok(json!({ "code": 500, "body": "x" }))
        );
        assert_eq!(make(body.clone(), json!({})), Ok(body));
        assert!(make(json!({}), json!({ "value": 503, "code": 1 })).is_err());
        assert!(make(json!({}), json!({})).unwrap_err().contains("code"));
        assert!(
            make(json!({}), json!({ "cod": 1 }))
                .unwrap_err()
                .contains("cod")
        );
    }
}
