//! Proxies and toxics as they are sent.

use serde_json::{Map, Value};

use super::body::Fields;
use super::errors::{ApiError, bad_body};
use super::hits::Hits;
use crate::edge::Protocol;
use crate::units::HumanDuration;

/// What is sent to make a proxy or to change one.
#[derive(Clone, Debug)]
pub(super) struct ProxyInput {
    pub(super) name: Option<String>,
    pub(super) listen: Option<String>,
    pub(super) upstream: Option<String>,
    pub(super) enabled: Option<bool>,
    /// Not Toxiproxy's: what the connections speak.
    pub(super) protocol: Option<Protocol>,
    /// Toxiproxy ignores these.
    toxics: Vec<Value>,
}

impl ProxyInput {
    pub(super) fn read(value: &Value) -> Result<Self, ApiError> {
        let fields = Fields::of(value)?;
        Ok(Self {
            name: fields.text("name")?.filter(|name| !name.is_empty()),
            listen: fields.text("listen")?,
            upstream: fields.text("upstream")?.filter(|to| !to.is_empty()),
            enabled: fields.flag("enabled")?,
            protocol: fields
                .text("protocol")?
                .map(|text| protocol(&text))
                .transpose()?,
            toxics: fields.list("toxics")?.to_vec(),
        })
    }

    /// The toxics that a new proxy is to begin with.
    pub(super) fn toxics(&self) -> Result<Vec<ToxicInput>, ApiError> {
        let read = |(i, toxic)| {
            ToxicInput::read(toxic).map_err(|error: ApiError| error.at(&format!("toxic {}", i + 1)))
        };
        self.toxics.iter().enumerate().map(read).collect()
    }
}

fn protocol(text: &str) -> Result<Protocol, ApiError> {
    match text {
        "tcp" => Ok(Protocol::Tcp),
        "http" => Ok(Protocol::Http),
        "auto" => Ok(Protocol::Auto),
        other => Err(bad_body(format_args!(
            "`protocol` is tcp, http or auto, not `{other}`"
        ))),
    }
}

/// How a protocol is written; Toxiproxy's proxies, which know nothing of it, show none.
pub(super) fn shown(protocol: Protocol) -> Option<&'static str> {
    match protocol {
        Protocol::Tcp => None,
        Protocol::Http => Some("http"),
        Protocol::Auto => Some("auto"),
    }
}

/// What is sent to make a toxic or to change one.
#[derive(Clone, Debug)]
pub(super) struct ToxicInput {
    pub(super) name: Option<String>,
    pub(super) kind: String,
    pub(super) stream: Option<String>,
    pub(super) toxicity: Option<f64>,
    pub(super) attributes: Map<String, Value>,
    pub(super) hits: Hits,
    /// Not Toxiproxy's: for how long it holds unless that is renewed.
    pub(super) lease: Option<HumanDuration>,
}

impl ToxicInput {
    pub(super) fn read(value: &Value) -> Result<Self, ApiError> {
        let fields = Fields::of(value)?;
        let mut attributes = fields.object("attributes")?.cloned().unwrap_or_default();
        let hits = Hits::read(fields, Some(&attributes))?;
        let mut lease = lease(fields)?;
        if let Some(Value::String(text)) = attributes.get("lease") {
            lease = lease.or(Some(length(text)?));
            attributes.remove("lease");
        }
        attributes.retain(|key, value| !super::hits::is_condition(key, value));
        Ok(Self {
            name: fields.text("name")?.filter(|name| !name.is_empty()),
            kind: fields.text("type")?.unwrap_or_default(),
            stream: fields.text("stream")?,
            toxicity: fields.number("toxicity")?.map(toxicity),
            attributes,
            hits,
            lease,
        })
    }
}

/// The length of a lease, where one is given.
pub(super) fn lease(fields: Fields<'_>) -> Result<Option<HumanDuration>, ApiError> {
    fields.text("lease")?.map(|text| length(&text)).transpose()
}

fn length(text: &str) -> Result<HumanDuration, ApiError> {
    text.parse()
        .map_err(|why| bad_body(format_args!("`lease`: {why}")))
}

/// Toxiproxy keeps 32 bits of it.
fn toxicity(number: &serde_json::Number) -> f64 {
    let short = number.to_string().parse::<f32>().unwrap_or(1.0);
    short.to_string().parse().unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_toxic_may_say_everything_or_nothing() {
        let toxic = ToxicInput::read(&json!({})).unwrap();
        assert_eq!((toxic.name, toxic.kind.as_str()), (None, ""));
        let toxic = json!({
            "type": "status", "toxicity": 0.3, "lease": "30s",
            "attributes": { "code": 503, "times": { "first": 2 } },
        });
        let toxic = ToxicInput::read(&toxic).unwrap();
        assert_eq!(toxic.toxicity, Some(0.3));
        assert_eq!(toxic.lease.unwrap().to_string(), "30s");
        assert_eq!(Value::Object(toxic.attributes), json!({ "code": 503 }));
        assert_eq!(toxic.hits.times.first, Some(2));
    }

    #[test]
    fn wrong_types_are_named() {
        let wrong = |value| ProxyInput::read(&value).unwrap_err().message;
        assert_eq!(
            wrong(json!({ "listen": 80 })),
            "bad request body: `listen` is a number, not a string"
        );
        assert!(wrong(json!({ "protocol": "udp" })).contains("tcp, http or auto"));
        let wrong = |value| ToxicInput::read(&value).unwrap_err().message;
        assert!(wrong(json!({ "attributes": 5 })).contains("not an object"));
        assert!(wrong(json!({ "lease": "soon" })).contains("`lease`"));
    }
}
