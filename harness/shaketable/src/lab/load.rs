//! The load of an experiment, made of what the suite says and of where the services listen.

use std::io;
use std::sync::Arc;

use super::scripts::Scripts;
use super::setting::Setting;
use super::start::Lab;
use crate::load::{Spec, Stream};
use crate::plan::Plan;
use crate::record::Class;
use crate::suite::{self, Experiment, Request};

/// The load, and the classes of its calls.
pub(super) fn spec(
    plan: &Plan,
    experiment: &Experiment,
    lab: &Lab,
    setting: &Setting,
    trace_base: u64,
) -> io::Result<(Spec, Vec<Class>)> {
    let load = &experiment.load;
    let kinds = load.kinds();
    let classes = kinds.keys().copied().zip(0..).collect();
    let mut scripts = Scripts::new(&lab.addresses, setting, classes);
    let streams = load.streams.iter();
    let streams = streams.map(|each| stream(each, &mut scripts));
    let streams: io::Result<Vec<Stream>> = streams.collect();
    let spec = Spec {
        seed: plan.seed,
        trace_base,
        pacing: load.pacing,
        streams: streams?,
        targets: scripts.into_targets(),
    };
    let class = |request: &&Request| Class {
        name: request.name.clone(),
        to: request.to.clone(),
    };
    Ok((spec, kinds.values().map(class).collect()))
}

fn stream(stream: &suite::Stream, scripts: &mut Scripts<'_>) -> io::Result<Stream> {
    let journeys = stream.requests.iter();
    let made = journeys.map(|journey| scripts.script(journey, stream).map(Arc::new));
    Ok(Stream {
        name: stream.name.clone(),
        starts: stream.starts,
        after: stream.after,
        lasts: stream.lasts,
        calls: stream.calls,
        arrival: stream.arrival.clone(),
        in_flight: stream.in_flight,
        scripts: made.collect::<io::Result<_>>()?,
    })
}
