//! The load of an experiment, made of what the suite says and of where the services listen.

use std::io::{self, Error};
use std::sync::Arc;

use indexmap::IndexSet;

use super::start::Lab;
use crate::load::arrival::{Moments, Profile, Spacing};
use crate::load::client::{Address, Target};
use crate::load::script::{Act, HttpAct, Script, Step};
use crate::load::{Arrival, Pacing, Spec, Stream};
use crate::plan::Plan;
use crate::record::{Class, Phase};
use crate::suite::{Experiment, Load, Request};

/// The load, and the classes of its calls.
pub(super) fn spec(
    plan: &Plan,
    experiment: &Experiment,
    lab: &Lab,
    trace_base: u64,
) -> io::Result<(Spec, Vec<Class>)> {
    let load = &experiment.load;
    let services: IndexSet<&str> = load.requests.iter().map(|r| r.to.as_str()).collect();
    let targets: io::Result<Vec<Target>> = services.iter().map(|name| target(name, lab)).collect();
    let script = |(class, request): (u16, &Request)| {
        let target = services
            .get_index_of(request.to.as_str())
            .unwrap_or_default();
        script(class, target, request, load).map(Arc::new)
    };
    let scripts: io::Result<Vec<Arc<Script>>> = (0..).zip(&load.requests).map(script).collect();
    let stream = Stream {
        name: "load".to_owned(),
        starts: Phase::WarmUp,
        after: std::time::Duration::ZERO,
        lasts: None,
        calls: None,
        arrival: Arrival::Open(Moments::Rate(Profile::constant(load.rate.0), Spacing::Even)),
        in_flight: 10_000,
        scripts: scripts?,
    };
    let class = |request: &Request| Class {
        name: request.name.clone(),
        to: request.to.clone(),
    };
    let spec = Spec {
        seed: plan.seed,
        trace_base,
        pacing: Pacing::Auto,
        targets: targets?,
        streams: vec![stream],
    };
    Ok((spec, load.requests.iter().map(class).collect()))
}

fn target(service: &str, lab: &Lab) -> io::Result<Target> {
    let address = lab
        .addresses
        .get(service)
        .copied()
        .ok_or_else(|| Error::other(format!("nobody is `{service}`")))?;
    Ok(Target {
        address: Address::Tcp(address),
        host: address.to_string(),
        keep_alive: true,
        connections: None,
    })
}

fn script(class: u16, target: usize, request: &Request, load: &Load) -> io::Result<Script> {
    let header = |(name, value): (&String, &String)| {
        let name = http::HeaderName::from_bytes(name.as_bytes()).map_err(Error::other)?;
        let value = http::HeaderValue::from_str(value).map_err(Error::other)?;
        Ok((name, value))
    };
    let headers: io::Result<_> = request.headers.iter().map(header).collect();
    let act = Act::Http(HttpAct {
        target,
        method: http::Method::from_bytes(request.method.as_bytes()).map_err(Error::other)?,
        path: request.path.clone(),
        headers: headers?,
        body: request.body.clone().unwrap_or_default().into(),
    });
    let step = Step::new(class, load.timeout, act);
    Ok(Script::alone(request.weight, step))
}
