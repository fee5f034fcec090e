//! Which exchanges and connections a toxic is for, how often and when: the words of suites, beside
//! a toxic's attributes.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::body::Fields;
use super::errors::{ApiError, bad_body};
use crate::fault::{Fault, Level};
use crate::times::{Schedule, Shape, Times};
use crate::units::HumanDuration;
use crate::which::Which;

/// The keys, in the order in which they are shown.
const KEYS: [&str; 5] = ["where", "times", "after", "lasts", "schedule"];

/// Conditions, counts and times of a toxic.
#[derive(Clone, Debug, Default)]
pub(super) struct Hits {
    pub(super) which: Which,
    pub(super) times: Times,
    pub(super) schedule: Schedule,
    /// As they were written.
    written: Map<String, Value>,
}

fn read<T: DeserializeOwned + Default>(
    written: &Map<String, Value>,
    key: &str,
) -> Result<T, ApiError> {
    let value = written.get(key).cloned();
    value.map_or_else(
        || Ok(T::default()),
        |value| {
            serde_json::from_value(value).map_err(|why| bad_body(format_args!("`{key}`: {why}")))
        },
    )
}

impl Hits {
    /// Reads them from a toxic. Clients that can send nothing but attributes write `where`,
    /// `times` and `schedule` there; a fault's own attribute of that name is no object.
    pub(super) fn read(
        fields: Fields<'_>,
        attributes: Option<&Map<String, Value>>,
    ) -> Result<Self, ApiError> {
        let mut written = Map::new();
        for key in KEYS {
            let among = || {
                attributes?
                    .get(key)
                    .filter(|value| is_condition(key, value))
            };
            if let Some(value) = fields.get(key).or_else(among) {
                written.insert(key.to_owned(), value.clone());
            }
        }
        let shape: Shape = read(&written, "schedule")?;
        let after: HumanDuration = read(&written, "after")?;
        let lasts: Option<HumanDuration> = read(&written, "lasts")?;
        Ok(Self {
            which: read(&written, "where")?,
            times: read(&written, "times")?,
            schedule: Schedule {
                after: after.0,
                lasts: lasts.map(|lasts| lasts.0),
                shape,
            },
            written,
        })
    }

    /// As they were written, for showing.
    pub(super) fn written(&self) -> &Map<String, Value> {
        &self.written
    }

    /// Whether a change says nothing else than what is there already.
    pub(super) fn includes(&self, change: &Self) -> bool {
        let same = |(key, value): (&String, &Value)| self.written.get(key) == Some(value);
        change.written.iter().all(same)
    }

    /// What is wrong with them for this fault: conditions that it could never heed.
    pub(super) fn complaint(&self, kind: &str, fault: &dyn Fault) -> Option<String> {
        let any = self.which != Which::default() || self.times != Times::default();
        match fault.level() {
            Level::Door if any => Some(format!(
                "`{kind}` holds for the whole port, and cannot depend on who connects or how often"
            )),
            Level::Connection if self.which.asks_for_http() => Some(format!(
                "`{kind}` holds for whole connections, and cannot depend on a request"
            )),
            _ => None,
        }
    }
}

/// Whether an attribute of this name says which exchanges are hit.
pub(super) fn is_condition(key: &str, value: &Value) -> bool {
    match key {
        "where" | "times" => value.is_object(),
        "schedule" => value.is_object() || value.is_string(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hits(toxic: &Value) -> Result<Hits, ApiError> {
        let fields = Fields::of(toxic).unwrap();
        Hits::read(fields, fields.object("attributes").unwrap())
    }

    #[test]
    fn they_may_stand_beside_the_attributes_or_among_them() {
        let beside = hits(&json!({ "times": { "first": 2 }, "after": "1s" })).unwrap();
        assert_eq!(beside.times.first, Some(2));
        assert_eq!(beside.schedule.after.as_secs(), 1);
        let among = json!({ "attributes": { "times": { "first": 2 }, "after": "10B" } });
        let among = hits(&among).unwrap();
        assert_eq!(among.times.first, Some(2));
        assert!(among.schedule.after.is_zero(), "that is the fault's own");
        let own = hits(&json!({ "attributes": { "times": 2 } })).unwrap();
        assert_eq!(own.times, Times::default());
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let wrong = hits(&json!({ "where": { "color": "red" } })).unwrap_err();
        assert!(
            wrong
                .message
                .starts_with("bad request body: `where`: unknown field `color`")
        );
        assert!(hits(&json!({ "lasts": 5 })).is_err());
        assert!(hits(&json!({ "schedule": { "wave": {} } })).is_err());
    }

    #[test]
    fn what_could_never_be_heeded_is_complained_of() {
        let fault = |kind: &str| (crate::fault::find(kind).unwrap().build)(&json!(true)).unwrap();
        let times = hits(&json!({ "times": { "first": 1 } })).unwrap();
        assert!(times.complaint("refuse", &*fault("refuse")).is_some());
        assert!(times.complaint("hang", &*fault("hang")).is_none());
        let path = hits(&json!({ "where": { "path": "/a" } })).unwrap();
        assert!(path.complaint("freeze", &*fault("freeze")).is_some());
        assert!(path.complaint("hang", &*fault("hang")).is_none());
    }
}
