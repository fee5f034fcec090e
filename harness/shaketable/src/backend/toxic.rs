//! A fault as the toxics of Toxiproxy that do the same, where there are such.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;
use shaketable_faults::fault::flow::{Direction, Spread};
use shaketable_faults::fault::{self, Break, Short};
use shaketable_faults::units::{HumanDuration, Size};

/// One toxic, as Toxiproxy's API has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Toxic {
    /// Its type: `latency`.
    pub(crate) kind: &'static str,
    /// `upstream` or `downstream`.
    pub(crate) stream: &'static str,
    /// Its attributes.
    pub(crate) attributes: BTreeMap<&'static str, u32>,
}

/// The kinds of faults that Toxiproxy has too.
const KNOWN: &str = "`latency`, `bandwidth`, `slicer`, `slow_close`, `mute` and `limit_data`";

/// The toxics that do what a fault does; an `Err` says why there are none, and what would do.
pub(crate) fn toxics(kind: &fault::Kind, value: &Value) -> Result<Vec<Toxic>, String> {
    match kind.name {
        "latency" => latency(&long(value)?),
        "bandwidth" => bandwidth(&long(value)?),
        "slicer" => slicer(&long(value)?),
        "slow_close" => {
            let delay = millis(read::<HumanDuration>(value)?)?;
            Ok(each(Direction::Both, "slow_close", &[("delay", delay)]))
        }
        "mute" => mute(long(value)?),
        "limit_data" => limit_data(&long(value)?),
        _ => Err(format!("Toxiproxy has no `{}`; it has {KNOWN}", kind.name)),
    }
}

fn latency(params: &fault::latency::Params) -> Result<Vec<Toxic>, String> {
    if params.distribution != Spread::Uniform {
        return Err("Toxiproxy spreads latency evenly; leave `distribution` out".to_owned());
    }
    if params.when_lifted != fault::latency::WhenLifted::Release {
        return Err("Toxiproxy releases what it held back; leave `when_lifted` out".to_owned());
    }
    let attributes = [
        ("latency", millis(params.delay)?),
        ("jitter", millis(params.jitter)?),
    ];
    Ok(each(params.direction, "latency", &attributes))
}

fn bandwidth(params: &fault::bandwidth::Params) -> Result<Vec<Toxic>, String> {
    if params.shared {
        return Err("Toxiproxy limits each connection by itself; leave `shared` out".to_owned());
    }
    let Size(bytes) = params.per_second;
    if !bytes.is_multiple_of(1000) {
        return Err("Toxiproxy counts in 1000 bytes a second; write whole KB".to_owned());
    }
    let rate = [("rate", number(bytes / 1000)?)];
    Ok(each(params.direction, "bandwidth", &rate))
}

fn slicer(params: &fault::slicer::Params) -> Result<Vec<Toxic>, String> {
    let gap = u64::try_from(params.gap.0.as_micros()).unwrap_or(u64::MAX);
    let attributes = [
        ("average_size", number(params.size.0)?),
        ("size_variation", number(params.variation.0)?),
        ("delay", number(gap)?),
    ];
    Ok(each(params.direction, "slicer", &attributes))
}

fn mute(params: fault::mute::Params) -> Result<Vec<Toxic>, String> {
    if params.when_lifted != Break::Close {
        return Err(
            "Toxiproxy closes what it has muted; write `when_lifted: close` beside `direction`"
                .to_owned(),
        );
    }
    Ok(each(params.direction, "timeout", &[("timeout", 0)]))
}

fn limit_data(params: &fault::limit_data::Params) -> Result<Vec<Toxic>, String> {
    if params.by != Break::Close {
        return Err("Toxiproxy closes at the limit; write `by: close` or leave it out".to_owned());
    }
    let bytes = [("bytes", number(params.after.0)?)];
    Ok(each(params.direction, "limit_data", &bytes))
}

fn each(
    direction: Direction,
    kind: &'static str,
    attributes: &[(&'static str, u32)],
) -> Vec<Toxic> {
    let streams: &[&'static str] = match direction {
        Direction::Up => &["upstream"],
        Direction::Down => &["downstream"],
        Direction::Both => &["upstream", "downstream"],
    };
    let toxic = |stream: &&'static str| Toxic {
        kind,
        stream,
        attributes: attributes.iter().copied().collect(),
    };
    streams.iter().map(toxic).collect()
}

fn read<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    serde_json::from_value(value.clone()).map_err(|error| error.to_string())
}

/// A value that is short or long, as its long form.
fn long<T: HasShort>(value: &Value) -> Result<T, String>
where
    Short<T::Short, T>: DeserializeOwned,
{
    read::<Short<T::Short, T>>(value).map(|short| short.1)
}

/// The short form of a fault's parameters.
trait HasShort {
    type Short;
}

impl HasShort for fault::latency::Params {
    type Short = HumanDuration;
}

impl HasShort for fault::bandwidth::Params {
    type Short = Size;
}

impl HasShort for fault::slicer::Params {
    type Short = Size;
}

impl HasShort for fault::mute::Params {
    type Short = Direction;
}

impl HasShort for fault::limit_data::Params {
    type Short = Size;
}

fn millis(time: HumanDuration) -> Result<u32, String> {
    if !time.0.subsec_nanos().is_multiple_of(1_000_000) {
        return Err(format!("Toxiproxy counts in milliseconds; {time} is none"));
    }
    number(u64::try_from(time.0.as_millis()).unwrap_or(u64::MAX))
}

fn number(n: u64) -> Result<u32, String> {
    u32::try_from(n).map_err(|_| format!("{n} is more than Toxiproxy's client can say"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(name: &str, value: &Value) -> Result<Vec<String>, String> {
        let toxics = toxics(fault::find(name).unwrap(), value)?;
        let text = |t: &Toxic| format!("{} {} {:?}", t.stream, t.kind, t.attributes);
        Ok(toxics.iter().map(text).collect())
    }

    #[test]
    fn what_toxiproxy_can_do_becomes_toxics() {
        assert_eq!(
            told("latency", &json!({ "delay": "1s", "jitter": "5ms" })).unwrap(),
            ["downstream latency {\"jitter\": 5, \"latency\": 1000}"]
        );
        assert_eq!(
            told("bandwidth", &json!("5KB")).unwrap(),
            ["downstream bandwidth {\"rate\": 5}"]
        );
        assert_eq!(
            told(
                "mute",
                &json!({ "direction": "both", "when_lifted": "close" })
            )
            .unwrap(),
            [
                "upstream timeout {\"timeout\": 0}",
                "downstream timeout {\"timeout\": 0}"
            ]
        );
        assert_eq!(told("slow_close", &json!("2s")).unwrap().len(), 2);
        assert!(told("slicer", &json!("64B")).is_ok());
        assert!(told("limit_data", &json!("1KiB")).is_ok());
    }

    #[test]
    fn what_it_cannot_do_is_said() {
        let refused = |name, value| told(name, &value).unwrap_err();
        assert!(refused("status", json!(503)).contains("has no `status`"));
        assert!(refused("latency", json!("1.5ms")).contains("milliseconds"));
        assert!(
            refused(
                "latency",
                json!({ "delay": "1s", "distribution": "normal" })
            )
            .contains("evenly")
        );
        assert!(refused("bandwidth", json!("1B")).contains("whole KB"));
        assert!(
            refused("bandwidth", json!({ "per_second": "5KB", "shared": true }))
                .contains("each connection")
        );
        assert!(refused("mute", json!("down")).contains("when_lifted: close"));
        assert!(refused("limit_data", json!({ "after": "1B", "by": "reset" })).contains("closes"));
    }
}
