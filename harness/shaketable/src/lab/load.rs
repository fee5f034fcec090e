//! The load of an experiment, made of what the suite says and of where the services listen.

use std::collections::HashMap;
use std::io::{self, Error};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::scripts::Scripts;
use super::setting::Setting;
use super::start::Lab;
use crate::load::goose::{Ask, Journeys, Users, Work};
use crate::load::script::Script;
use crate::load::{Arrival, Spec, Stream};
use crate::plan::Plan;
use crate::record::{Class, Phase};
use crate::suite::{self, Experiment, Journey, Request};

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
    setting: &Setting,
    trace_base: u64,
) -> io::Result<Made> {
    let load = &experiment.load;
    let kinds = load.kinds();
    let classes: HashMap<&str, u16> = kinds.keys().copied().zip(0..).collect();
    let mut maker = Maker {
        lab,
        trace_base,
        scripts: Scripts::new(
            &lab.addresses,
            setting,
            classes.clone(),
            experiment.patience,
        ),
        classes,
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
        salt: plan.salt,
        pacing: load.pacing,
        streams,
        targets: maker.scripts.into_targets(),
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
    scripts: Scripts<'a>,
}

impl Maker<'_> {
    fn stream(&mut self, stream: &suite::Stream) -> io::Result<Stream> {
        let scripts: io::Result<Vec<Arc<Script>>> = stream
            .requests
            .iter()
            .map(|journey| self.scripts.script(journey, stream).map(Arc::new))
            .collect();
        Ok(Stream {
            name: stream.name.clone(),
            starts: stream.starts,
            after: stream.after,
            lasts: stream.lasts,
            again: stream.again,
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
            again: false,
            calls: Some(0),
            arrival: Arrival::Serial,
            in_flight: 1,
            connections: None,
            over: suite::Over::default(),
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

    fn ask(&self, journey: &Journey) -> io::Result<Ask> {
        // The suite gives goose nothing else.
        let no = || Error::other(format!("goose cannot make `{}`", journey.name));
        let plain = journey.plain().ok_or_else(no)?;
        let class = self.classes.get(journey.name.as_str()).copied();
        Ok(Ask {
            name: journey.name.clone(),
            class: class.unwrap_or(u16::MAX),
            weight: journey.weight,
            method: plain.method,
            url: format!("http://{}{}", address(&plain.to, self.lab)?, plain.path),
            headers: plain.headers,
            body: plain.body,
        })
    }
}

fn address(service: &str, lab: &Lab) -> io::Result<SocketAddr> {
    let address = lab.addresses.get(service).copied();
    address.ok_or_else(|| Error::other(format!("nobody is `{service}`")))
}
