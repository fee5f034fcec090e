//! The load of an experiment, made of what the suite says and of where the services listen.

use std::collections::HashMap;
use std::io::{self, Error};
use std::sync::Arc;

use indexmap::IndexMap;

use super::start::Lab;
use crate::load::client::{Address, Target};
use crate::load::script::{Act, HttpAct, Script, Step};
use crate::load::{Spec, Stream};
use crate::plan::Plan;
use crate::record::Class;
use crate::suite::{self, Experiment, Request};

/// The load, and the classes of its calls.
pub(super) fn spec(
    plan: &Plan,
    experiment: &Experiment,
    lab: &Lab,
    trace_base: u64,
) -> io::Result<(Spec, Vec<Class>)> {
    let load = &experiment.load;
    let kinds = load.kinds();
    let mut maker = Maker {
        lab,
        classes: kinds.keys().copied().zip(0..).collect(),
        targets: IndexMap::new(),
    };
    let streams: io::Result<Vec<Stream>> = load
        .streams
        .iter()
        .map(|stream| maker.stream(stream))
        .collect();
    let spec = Spec {
        seed: plan.seed,
        trace_base,
        pacing: load.pacing,
        streams: streams?,
        targets: maker.targets.into_values().collect(),
    };
    let class = |request: &&Request| Class {
        name: request.name.clone(),
        to: request.to.clone(),
    };
    Ok((spec, kinds.values().map(class).collect()))
}

/// Puts a load together.
struct Maker<'a> {
    lab: &'a Lab,
    /// The class of each kind of call, by its name.
    classes: HashMap<&'a str, u16>,
    /// By service and how many connections to it there may be.
    targets: IndexMap<(String, Option<usize>), Target>,
}

impl Maker<'_> {
    fn stream(&mut self, stream: &suite::Stream) -> io::Result<Stream> {
        let scripts: io::Result<Vec<Arc<Script>>> = stream
            .requests
            .iter()
            .map(|request| self.script(request, stream).map(Arc::new))
            .collect();
        Ok(Stream {
            name: stream.name.clone(),
            starts: stream.starts,
            after: stream.after,
            lasts: stream.lasts,
            calls: stream.calls,
            arrival: stream.arrival.clone(),
            in_flight: stream.in_flight,
            scripts: scripts?,
        })
    }

    /// The place of a target among all.
    fn target(&mut self, service: &str, connections: Option<usize>) -> io::Result<usize> {
        let key = (service.to_owned(), connections);
        if !self.targets.contains_key(&key) {
            let target = target(service, connections, self.lab)?;
            self.targets.insert(key.clone(), target);
        }
        Ok(self.targets.get_index_of(&key).unwrap_or_default())
    }

    fn script(&mut self, request: &Request, stream: &suite::Stream) -> io::Result<Script> {
        let header = |(name, value): (&String, &String)| {
            let name = http::HeaderName::from_bytes(name.as_bytes()).map_err(Error::other)?;
            let value = http::HeaderValue::from_str(value).map_err(Error::other)?;
            Ok((name, value))
        };
        let headers: io::Result<_> = request.headers.iter().map(header).collect();
        let act = Act::Http(HttpAct {
            target: self.target(&request.to, stream.connections)?,
            method: http::Method::from_bytes(request.method.as_bytes()).map_err(Error::other)?,
            path: request.path.clone(),
            headers: headers?,
            body: request.body.clone().unwrap_or_default().into(),
        });
        let class = self.classes.get(request.name.as_str()).copied();
        Ok(Script {
            weight: request.weight,
            steps: vec![Step {
                class: class.unwrap_or(u16::MAX),
                timeout: stream.timeout,
                abort: None,
                act,
            }],
        })
    }
}

fn target(service: &str, connections: Option<usize>, lab: &Lab) -> io::Result<Target> {
    let address = lab
        .addresses
        .get(service)
        .copied()
        .ok_or_else(|| Error::other(format!("nobody is `{service}`")))?;
    Ok(Target {
        connections,
        ..Target::new(Address::Tcp(address), address.to_string())
    })
}
