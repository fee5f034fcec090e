//! The load of an experiment, made of what the suite says and of where the services listen.

use std::collections::HashMap;
use std::io::{self, Error};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

use super::start::Lab;
use crate::load::client::{Address, Target};
use crate::load::goose::{Ask, Journeys, Users, Work};
use crate::load::script::{Act, HttpAct, Script, Step};
use crate::load::{Arrival, Spec, Stream};
use crate::plan::Plan;
use crate::record::{Class, Phase};
use crate::suite::{self, Experiment, Request};

/// The load, ready to be made.
pub(super) struct Made {
    /// What the engine does.
    pub(super) spec: Spec,
    /// The classes of the calls, as far as they are known.
    pub(super) classes: Vec<Class>,
    /// What goose does, and the service that its own journeys lead through.
    pub(super) goose: Option<(Work, String)>,
}

/// Makes the load of an experiment.
pub(super) fn make(
    plan: &Plan,
    experiment: &Experiment,
    lab: &Lab,
    trace_base: u64,
) -> io::Result<Made> {
    let load = &experiment.load;
    let kinds = load.kinds();
    let mut maker = Maker {
        lab,
        trace_base,
        classes: kinds.keys().copied().zip(0..).collect(),
        targets: IndexMap::new(),
    };
    let streams: io::Result<Vec<Stream>> = load
        .streams
        .iter()
        .map(|stream| maker.stream(stream))
        .collect();
    let mut streams = streams?;
    let goose = match &load.goose {
        Some(goose) => {
            streams.extend(maker.surveyed_for(goose)?);
            Some(maker.work(goose)?)
        }
        None => None,
    };
    let spec = Spec {
        seed: plan.seed,
        trace_base,
        pacing: load.pacing,
        streams,
        targets: maker.targets.into_values().collect(),
    };
    let class = |request: &&Request| Class {
        name: request.name.clone(),
        to: request.to.clone(),
    };
    let classes = kinds.values().map(class).collect();
    Ok(Made {
        spec,
        classes,
        goose,
    })
}

/// Puts a load together.
struct Maker<'a> {
    lab: &'a Lab,
    trace_base: u64,
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

    /// A stream of nothing: the survey is the engine's, also of what goose's users ask.
    fn surveyed_for(&mut self, goose: &suite::Goose) -> io::Result<Option<Stream>> {
        let suite::Goose::Users {
            timeout, requests, ..
        } = goose
        else {
            return Ok(None);
        };
        self.stream(&suite::Stream {
            name: "goose".to_owned(),
            starts: Phase::WarmUp,
            after: Duration::ZERO,
            lasts: None,
            calls: Some(0),
            arrival: Arrival::Serial,
            in_flight: 1,
            connections: None,
            timeout: *timeout,
            requests: requests.clone(),
        })
        .map(Some)
    }

    /// What goose does, and where its own journeys lead.
    fn work(&self, goose: &suite::Goose) -> io::Result<(Work, String)> {
        Ok(match goose {
            suite::Goose::Users {
                users,
                think,
                timeout,
                requests,
            } => {
                let asks: io::Result<Vec<Ask>> =
                    requests.iter().map(|request| self.ask(request)).collect();
                let users = Users {
                    users: *users,
                    think: *think,
                    timeout: *timeout,
                    trace_base: self.trace_base,
                    first_call: 1,
                    asks: asks?,
                    journal: PathBuf::new(),
                };
                (Work::Users(users), String::new())
            }
            suite::Goose::Journeys {
                argv,
                cwd,
                to,
                users,
            } => {
                let journeys = Journeys {
                    argv: argv.clone(),
                    cwd: cwd.clone(),
                    host: format!("http://{}", address(to, self.lab)?),
                    users: *users,
                };
                (Work::Journeys(journeys), to.clone())
            }
        })
    }

    fn ask(&self, request: &Request) -> io::Result<Ask> {
        let headers = request.headers.iter();
        Ok(Ask {
            name: request.name.clone(),
            class: self.class(request),
            weight: request.weight,
            method: request.method.clone(),
            url: format!("http://{}{}", address(&request.to, self.lab)?, request.path),
            headers: headers
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            body: request.body.clone().unwrap_or_default(),
        })
    }

    fn class(&self, request: &Request) -> u16 {
        let class = self.classes.get(request.name.as_str());
        class.copied().unwrap_or(u16::MAX)
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
        Ok(Script {
            weight: request.weight,
            steps: vec![Step {
                class: self.class(request),
                timeout: stream.timeout,
                abort: None,
                act,
            }],
        })
    }
}

fn target(service: &str, connections: Option<usize>, lab: &Lab) -> io::Result<Target> {
    let address = address(service, lab)?;
    Ok(Target {
        connections,
        ..Target::new(Address::Tcp(address), address.to_string())
    })
}

fn address(service: &str, lab: &Lab) -> io::Result<SocketAddr> {
    let address = lab.addresses.get(service).copied();
    address.ok_or_else(|| Error::other(format!("nobody is `{service}`")))
}
