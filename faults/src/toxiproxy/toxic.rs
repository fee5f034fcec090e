//! One toxic of a proxy.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use serde_json::{Map, Number, Value, json};

use super::address;
use super::body::plain;
use super::errors::{ApiError, bad_body, invalid_stream, invalid_type, toxic_exists};
use super::hits::Hits;
use super::lease::Lease;
use super::model::ToxicInput;
use super::toxics::{Attributes, Kind};
use crate::edge::Rule;
use crate::fault::flow::Direction;
use crate::fault::{Fault, Level};

/// A toxic, and what it does.
#[derive(Clone, Debug)]
pub(super) struct Toxic {
    pub(super) name: String,
    kind: Kind,
    /// Its type and its stream, as they were written.
    written: (String, String),
    pub(super) direction: Direction,
    pub(super) hits: Hits,
    pub(super) lease: Option<Lease>,
    pub(super) effect: Effect,
    /// Its rule's number while its proxy runs.
    pub(super) number: Option<u32>,
}

/// What can be changed of a toxic.
#[derive(Clone, Debug)]
pub(super) struct Effect {
    attributes: Attributes,
    pub(super) toxicity: f64,
    pub(super) fault: Arc<dyn Fault>,
    /// Where it sends requests to, if that is what it does.
    pub(super) redirect: Option<SocketAddr>,
}

impl Toxic {
    /// Makes one, beside those whose names are taken.
    pub(super) async fn new(
        input: ToxicInput,
        taken: impl Fn(&str) -> bool + Send,
    ) -> Result<Self, ApiError> {
        let stream = input.stream.unwrap_or_else(|| "downstream".to_owned());
        let direction = match stream.to_ascii_lowercase().as_str() {
            "upstream" => Direction::Up,
            "downstream" => Direction::Down,
            _ => return Err(invalid_stream()),
        };
        let name = match input.name {
            Some(name) => name,
            None => format!("{}_{stream}", input.kind),
        };
        let kind = Kind::find(&input.kind).ok_or_else(invalid_type)?;
        if taken(&name) {
            return Err(toxic_exists());
        }
        let made = kind.make(direction, &Attributes::new(), &input.attributes);
        let (attributes, fault) = made.map_err(bad_body)?;
        let toxicity = input.toxicity.unwrap_or(1.0);
        let effect = Effect::new(attributes, fault, toxicity, &input.kind).await?;
        if let Some(complaint) = input.hits.complaint(&input.kind, &*effect.fault) {
            return Err(bad_body(complaint));
        }
        Ok(Self {
            name,
            kind,
            written: (input.kind, stream),
            direction,
            hits: input.hits,
            lease: input.lease.map(Lease::new),
            effect,
            number: None,
        })
    }

    /// What it would be with this change.
    pub(super) async fn changed(&self, input: &ToxicInput) -> Result<Effect, ApiError> {
        if !self.hits.includes(&input.hits) {
            let why =
                "conditions, counts and schedules of a toxic are fixed: delete it and add it anew";
            return Err(bad_body(why));
        }
        let before = &self.effect.attributes;
        let made = self.kind.make(self.direction, before, &input.attributes);
        let (attributes, fault) = made.map_err(bad_body)?;
        let toxicity = input.toxicity.unwrap_or(self.effect.toxicity);
        Effect::new(attributes, fault, toxicity, &self.written.0).await
    }

    /// The rule that it is on an edge.
    pub(super) fn rule(&self) -> Rule {
        Rule {
            which: self.hits.which.clone(),
            times: self.hits.times,
            probability: self.effect.toxicity,
            schedule: self.hits.schedule,
            redirect: self.effect.redirect,
            ..Rule::new(self.name.clone(), Arc::clone(&self.effect.fault))
        }
    }

    /// As it is shown. What Toxiproxy does not know is there only where it was asked for.
    pub(super) fn shown(&self) -> Value {
        let toxicity = Number::from_f64(self.effect.toxicity).unwrap_or_else(|| 1.into());
        let (kind, stream) = &self.written;
        let mut shown = Map::new();
        shown.insert("attributes".to_owned(), json!(self.effect.attributes));
        shown.insert("name".to_owned(), json!(self.name));
        shown.insert("type".to_owned(), json!(kind));
        shown.insert("stream".to_owned(), json!(stream));
        shown.insert("toxicity".to_owned(), json!(plain(&toxicity)));
        shown.extend(self.hits.written().clone());
        if let Some(lease) = &self.lease {
            shown.insert("lease".to_owned(), json!(lease.length));
        }
        Value::Object(shown)
    }
}

impl Effect {
    async fn new(
        attributes: Attributes,
        fault: Arc<dyn Fault>,
        toxicity: f64,
        kind: &str,
    ) -> Result<Self, ApiError> {
        if fault.level() == Level::Door && toxicity < 1.0 {
            return Err(bad_body(format_args!(
                "`{kind}` holds for the whole port: its toxicity is 1"
            )));
        }
        let redirect = match fault.redirects_to() {
            Some(to) if !address::has_port(to) => {
                return Err(bad_body(format_args!(
                    "`{to}` is no address to redirect to; write it as in localhost:8080"
                )));
            }
            Some(to) => {
                let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
                Some(address::resolve(to, here).await.map_err(bad_body)?)
            }
            None => None,
        };
        Ok(Self {
            attributes,
            toxicity,
            fault,
            redirect,
        })
    }
}
