//! What Toxiproxy's own toxics have in common: attributes with defaults, of which unknown ones are
//! ignored, that act on the bytes of one stream.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Attributes, ends, flows};
use crate::dice::Dice;
use crate::fault::flow::{Direction, Flow};
use crate::fault::{Fault, OfConnection, Treatment};
use crate::toxiproxy::body::plain;

/// A type of toxic that Toxiproxy has too.
#[derive(Debug)]
pub(in crate::toxiproxy) struct Classic {
    pub(super) name: &'static str,
    pub(super) make: Make,
}

type Make = fn(Direction, &Attributes, &Attributes) -> Result<(Attributes, Arc<dyn Fault>), String>;

/// All of them.
pub(super) const ALL: &[Classic] = &[
    classic::<flows::Latency>(),
    classic::<flows::Bandwidth>(),
    classic::<flows::Slicer>(),
    classic::<flows::PacketLoss>(),
    classic::<flows::Noop>(),
    classic::<ends::SlowClose>(),
    classic::<ends::Timeout>(),
    classic::<ends::ResetPeer>(),
    classic::<ends::LimitData>(),
];

const fn classic<A: Toxic>() -> Classic {
    Classic {
        name: A::NAME,
        make: make::<A>,
    }
}

/// The attributes of one of them, and what they do.
pub(super) trait Toxic:
    Clone + Debug + Default + Serialize + DeserializeOwned + Send + Sync + 'static
{
    const NAME: &'static str;
    /// Attributes that Toxiproxy does not have: shown only where they say something.
    const EXTRA: &'static [&'static str] = &[];

    /// What it does to the bytes of its stream.
    fn flow(&self, flow: &mut Flow);

    /// What it does to the connection.
    fn connection(&self, _: &mut OfConnection) {}

    /// Whether it draws from the dice.
    fn varies(&self) -> bool {
        false
    }
}

/// A toxic on its stream.
#[derive(Clone, Debug)]
struct OnStream<A> {
    attributes: A,
    stream: Direction,
}

impl<A: Toxic> Fault for OnStream<A> {
    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        self.stream
            .each(treatment, |flow| self.attributes.flow(flow));
        self.attributes.connection(&mut treatment.connection);
    }

    fn varies(&self) -> bool {
        self.attributes.varies()
    }

    fn describe(&self) -> String {
        format!("{}{}", A::NAME, self.stream.suffix())
    }
}

fn make<A: Toxic>(
    stream: Direction,
    before: &Attributes,
    change: &Attributes,
) -> Result<(Attributes, Arc<dyn Fault>), String> {
    let defaults = written(&A::default());
    let mut all = defaults.clone();
    for (name, value) in before.iter().chain(change) {
        let Some(name) = defaults
            .keys()
            .find(|known| known.eq_ignore_ascii_case(name))
        else {
            continue;
        };
        let value = match value {
            Value::Null => continue,
            Value::Number(number) => Value::Number(plain(number)),
            other => other.clone(),
        };
        // One by one, so that what is wrong has a name.
        let mut alone = defaults.clone();
        alone.insert(name.clone(), value.clone());
        serde_json::from_value::<A>(Value::Object(alone))
            .map_err(|why| format!("`{name}`: {why}"))?;
        all.insert(name.clone(), value);
    }
    let attributes: A =
        serde_json::from_value(Value::Object(all)).map_err(|why| why.to_string())?;
    let mut shown = written(&attributes);
    shown.retain(|name, value| {
        !A::EXTRA.contains(&name.as_str()) || defaults.get(name) != Some(value)
    });
    Ok((shown, Arc::new(OnStream { attributes, stream })))
}

/// Attributes as they are shown, all of them.
fn written<A: Toxic>(attributes: &A) -> Attributes {
    let Ok(Value::Object(mut written)) = serde_json::to_value(attributes) else {
        return Attributes::new();
    };
    for value in written.values_mut() {
        if let Value::Number(number) = value {
            *number = plain(number);
        }
    }
    written
}

/// Nothing that a toxic waits for is longer; what is below zero is nothing.
const LONGEST: Duration = Duration::from_hours(24 * 365);

pub(super) fn millis(n: i64) -> Duration {
    Duration::from_millis(above_zero(n)).min(LONGEST)
}

pub(super) fn micros(n: i64) -> Duration {
    Duration::from_micros(above_zero(n)).min(LONGEST)
}

pub(super) fn above_zero(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Kind;
    use super::*;

    fn make(kind: &str, before: &Value, change: &Value) -> Result<Value, String> {
        let map = |value: &Value| value.as_object().unwrap().clone();
        let kind = Kind::find(kind).unwrap();
        kind.make(Direction::Down, &map(before), &map(change))
            .map(|(attributes, _)| Value::Object(attributes))
    }

    #[test]
    fn attributes_have_defaults_and_what_is_unknown_is_ignored() {
        let none = json!({});
        let all = [
            ("latency", json!({ "latency": 0, "jitter": 0 })),
            ("bandwidth", json!({ "rate": 0 })),
            ("slow_close", json!({ "delay": 0 })),
            ("timeout", json!({ "timeout": 0 })),
            ("reset_peer", json!({ "timeout": 0 })),
            (
                "slicer",
                json!({ "average_size": 0, "size_variation": 0, "delay": 0 }),
            ),
            ("limit_data", json!({ "bytes": 0 })),
            ("packet_loss", json!({ "loss_rate": 0, "correlation": 0 })),
            ("noop", json!({})),
        ];
        assert_eq!(all.len(), ALL.len());
        for (kind, wanted) in all {
            assert_eq!(make(kind, &none, &none), Ok(wanted.clone()), "{kind}");
            let junk = json!({ "junk": [1], "latency2": "x" });
            assert_eq!(make(kind, &none, &junk), Ok(wanted), "{kind}");
        }
    }

    #[test]
    fn a_change_is_merged_whatever_the_case_of_its_names() {
        let before = json!({ "latency": 1000, "jitter": 10 });
        assert_eq!(
            make(
                "latency",
                &before,
                &json!({ "Jitter": 20, "latency": null })
            ),
            Ok(json!({ "latency": 1000, "jitter": 20 }))
        );
    }

    #[test]
    fn integers_are_integers() {
        let none = json!({});
        let wrong = make("latency", &none, &json!({ "latency": 1.5 })).unwrap_err();
        assert!(wrong.starts_with("`latency`: invalid type"), "{wrong}");
        assert!(make("latency", &none, &json!({ "latency": "9" })).is_err());
        assert!(make("latency", &none, &json!({ "latency": 1e30 })).is_err());
        assert_eq!(
            make("packet_loss", &none, &json!({ "loss_rate": 0.5 })),
            Ok(json!({ "loss_rate": 0.5, "correlation": 0 }))
        );
    }

    #[test]
    fn what_is_ours_is_shown_where_it_says_something() {
        let none = json!({});
        assert_eq!(
            make("bandwidth", &none, &json!({ "rate": 5, "shared": true })),
            Ok(json!({ "rate": 5, "shared": true }))
        );
        assert_eq!(
            make("latency", &none, &json!({ "distribution": "uniform" })),
            Ok(json!({ "latency": 0, "jitter": 0 }))
        );
        assert!(make("latency", &none, &json!({ "distribution": "odd" })).is_err());
    }
}
