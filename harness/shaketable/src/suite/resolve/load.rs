//! The load of an experiment: the suite's, with what the experiment changes.

use std::time::Duration;

use serde::de::DeserializeOwned;
use shaketable_faults::fault::Short;
use shaketable_faults::units::HumanDuration;

use super::Reader;
use super::request::Missing;
use crate::load::Pacing;
use crate::record::Phase;
use crate::suite::model::{Journey, Load, Over, Stream};
use crate::suite::near;
use crate::suite::path::{Path, steps};
use crate::suite::written;

/// After how long the load gives a call up.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How many calls may be under way at once.
const IN_FLIGHT: usize = 10_000;

impl Reader<'_> {
    /// Checks the suite's load, which no experiment may use as it is.
    pub(super) fn general_load(&mut self) {
        let general = steps!["load"];
        self.requests(std::slice::from_ref(&general), Missing::MayCome);
        self.general_stream(&general);
        self.one_goose(&general);
        for name in self.keys(&general.then("streams")) {
            self.general_stream(&general.then("streams").then(name.as_str()));
        }
    }

    /// Checks what one place says about a stream, whoever uses it.
    fn general_stream(&mut self, place: &Path) {
        self.one_arrival(place);
        for key in ["timeout", "lasts"] {
            let path = place.then(key);
            let time: Option<HumanDuration> = self.part(&path);
            self.above_zero(&path, time.map_or(TIMEOUT, |time| time.0));
        }
    }

    /// The load of an experiment.
    pub(super) fn load(&mut self, experiment: &Path) -> Option<Load> {
        let (general, own) = (steps!["load"], experiment.then("load"));
        if !self.has(&general) && !self.has(&own) {
            if !self.meant_load(&steps![]) && !self.meant_load(experiment) {
                let help = "add `load:` with a rate and a request, here or at the top of the suite";
                self.complain_of_key(experiment, "this experiment has no load", help);
            }
            return None;
        }
        let places = [own.clone(), general.clone()];
        let written = if self.has(&own) { &own } else { &general };
        if self.json(written).is_some_and(serde_json::Value::is_string) {
            return Some(Load::default());
        }
        self.general_stream(&own);
        self.one_goose(&own);
        let pacing: Option<Pacing> = self.first(&places, "pacing");
        let pacing = pacing.unwrap_or_default();
        let mut goose = None;
        if let Some(place) = self.goose_place(&places) {
            let timeout: Option<HumanDuration> = self.first(&places, "timeout");
            let timeout = timeout.map_or(TIMEOUT, |timeout| timeout.0);
            goose = Some(self.goose(place, &places, timeout)?);
            if !self.beside_goose(place) {
                return Some(Load {
                    pacing,
                    streams: Vec::new(),
                    goose,
                });
            }
        }
        let streams = places.iter().map(|place| place.then("streams"));
        let streams = match streams.into_iter().find(|streams| self.has(streams)) {
            None => vec![self.stream("", &places)?],
            Some(streams) => {
                let mut read = Vec::new();
                for name in self.keys(&streams) {
                    let place = streams.then(name.as_str());
                    self.general_stream(&place);
                    if name.trim().is_empty() || name.chars().any(char::is_control) {
                        let help = "write a few words on one line, as in `background`";
                        self.complain_of_key(&place, "this cannot name a stream", help);
                    }
                    let places = [place, own.clone(), general.clone()];
                    read.extend(self.stream(&name, &places));
                }
                read
            }
        };
        Some(Load {
            pacing,
            streams,
            goose,
        })
    }

    /// A stream, put together of what these places say, the first of them first.
    fn stream(&mut self, name: &str, places: &[Path]) -> Option<Stream> {
        let sound = !places.iter().any(|place| self.errors.under(place));
        let requests = self.requests(places, Missing::Told);
        let whose = places.iter().find(|place| self.has(place))?.clone();
        let what = match name {
            "" => "the load of this experiment".to_owned(),
            name => format!("the stream `{}`", near::clip(name)),
        };
        // What is wrong with one that is there was told.
        let wrong = places.iter().any(|place| self.errors.under(place));
        if requests.is_empty() && !wrong {
            let help = "add `request` or `requests`, here or to the suite's load";
            self.complain_of_key(&whose, &format!("{what} has no requests"), help);
        }
        if self.arrival_place(places).is_none() && sound {
            let help = "add `rate: 100/s`, here or to the suite's load";
            self.complain_of_key(&whose, &format!("{what} has no rate"), help);
        }
        let timeout: Option<HumanDuration> = self.first(places, "timeout");
        let after: Option<HumanDuration> = self.first(places, "after");
        let lasts: Option<HumanDuration> = self.first(places, "lasts");
        let starts: Option<Phase> = self.first(places, "starts");
        let in_flight: Option<usize> = self.first(places, "in_flight");
        Some(Stream {
            name: name.to_owned(),
            starts: starts.unwrap_or(Phase::WarmUp),
            after: after.unwrap_or_default().0,
            lasts: lasts.map(|lasts| lasts.0),
            again: false,
            calls: self.first(places, "calls"),
            arrival: self.arrival(places)?,
            in_flight: in_flight.unwrap_or(IN_FLIGHT),
            connections: self.first(places, "connections"),
            over: self.over(places, &requests),
            timeout: timeout.map_or(TIMEOUT, |timeout| timeout.0),
            requests,
        })
    }

    /// How calls get to the services.
    fn over(&mut self, places: &[Path], requests: &[Journey]) -> Over {
        let written = places.iter().map(|place| place.then("over"));
        let Some(path) = written.into_iter().find(|over| self.has(over)) else {
            return Over::default();
        };
        let Some(over): Option<written::Over> = self.part(&path) else {
            return Over::default();
        };
        let tls = over.tls.map(|Short { 1: trust, .. }| {
            let path = path.then("tls");
            self.speaks_tls(&path);
            let stub = requests
                .iter()
                .flat_map(|journey| &journey.steps)
                .find(|step| self.has(&steps!["services", step.to.as_str(), "stub"]));
            if let Some(stub) = stub {
                let message = format!("`{}` is a stub, and stubs speak no TLS", stub.to);
                self.complain_of_key(&path, &message, "remove `tls`");
            }
            let trust = written::ToCallee {
                ca: trust.ca,
                insecure: trust.insecure,
                name: trust.name,
                starttls: None,
            };
            self.for_callee(&path, &trust, None)
        });
        Over {
            http2: over.http2.is_some(),
            tls,
            unix: over.unix.map(|socket| self.dir(&path).join(socket)),
        }
    }

    /// What the first of these places says that says anything.
    pub(super) fn first<T: DeserializeOwned>(&mut self, places: &[Path], key: &str) -> Option<T> {
        let mut paths = places.iter().map(|place| place.then(key));
        let path = paths.find(|path| self.has(path))?;
        self.part(&path)
    }

    /// Whether an unknown key of the map was probably meant to be the load.
    fn meant_load(&self, map: &Path) -> bool {
        let keys = self.keys(map);
        keys.iter().any(|key| near::near(key, ["load"]).is_some())
    }
}
