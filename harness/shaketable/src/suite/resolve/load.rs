//! The load of an experiment: the suite's, with what the experiment changes.

use std::collections::HashMap;
use std::str::FromStr as _;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use serde::de::DeserializeOwned;
use shaketable_faults::units::HumanDuration;

use super::Reader;
use crate::load::Pacing;
use crate::record::Phase;
use crate::suite::model::{Load, Request, Stream};
use crate::suite::near;
use crate::suite::path::{Path, steps};
use crate::suite::written::{self, METHODS};

/// After how long the load gives a call up.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How many calls may be under way at once.
const IN_FLIGHT: usize = 10_000;

impl Reader<'_> {
    /// Checks the suite's load, which no experiment may use as it is.
    pub(super) fn general_load(&mut self) {
        let general = steps!["load"];
        self.requests(std::slice::from_ref(&general));
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
        let requests = self.requests(places);
        let whose = places.iter().find(|place| self.has(place))?.clone();
        let what = match name {
            "" => "the load of this experiment".to_owned(),
            name => format!("the stream `{}`", near::clip(name)),
        };
        if requests.is_empty() && sound {
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
            calls: self.first(places, "calls"),
            arrival: self.arrival(places)?,
            in_flight: in_flight.unwrap_or(IN_FLIGHT),
            connections: self.first(places, "connections"),
            timeout: timeout.map_or(TIMEOUT, |timeout| timeout.0),
            requests,
        })
    }

    /// What the first of these places says that says anything.
    fn first<T: DeserializeOwned>(&mut self, places: &[Path], key: &str) -> Option<T> {
        let mut paths = places.iter().map(|place| place.then(key));
        let path = paths.find(|path| self.has(path))?;
        self.part(&path)
    }

    /// Whether an unknown key of the map was probably meant to be the load.
    fn meant_load(&self, map: &Path) -> bool {
        let keys = self.keys(map);
        keys.iter().any(|key| near::near(key, ["load"]).is_some())
    }

    /// The requests of the first of these places that has any.
    pub(super) fn requests(&mut self, places: &[Path]) -> Vec<Request> {
        let ways = ["request", "requests"];
        let has_any = |place: &&Path| ways.iter().any(|way| self.has(&place.then(*way)));
        let Some(load) = places.iter().find(has_any) else {
            return Vec::new();
        };
        let one = load.then("request");
        let several = load.then("requests");
        let count = self.count(&several);
        let mut paths: Vec<Path> = (0..count).map(|index| several.then(index)).collect();
        if self.has(&one) {
            paths.insert(0, one);
        }
        let mut named: HashMap<String, usize> = HashMap::new();
        let mut requests = Vec::new();
        for path in paths {
            let line = self.at(&path).line_number();
            let Some(request) = self.request(&path) else {
                continue;
            };
            if let Some(first) = named.get(&request.name) {
                let message = format!("two requests are called `{}`", near::clip(&request.name));
                let help = format!("give this one or that of line {first} another `name`");
                self.complain(&path, &message, &help);
            } else {
                named.insert(request.name.clone(), line);
            }
            requests.push(request);
        }
        requests
    }

    fn request(&mut self, path: &Path) -> Option<Request> {
        self.headers(&path.then("headers"));
        let written: written::Request = self.part(path)?;
        let written::Request {
            get,
            post,
            put,
            patch,
            delete,
            head,
            headers,
            ..
        } = written;
        let mut ways = METHODS
            .into_iter()
            .zip([get, post, put, patch, delete, head]);
        let (method, target) = ways.find_map(|((_, method), target)| Some((method, target?.0)))?;
        let name = written.name.unwrap_or_else(|| format!("{method} {target}"));
        if name.trim().is_empty() {
            self.complain(
                &path.then("name"),
                "the name is empty",
                "remove it, or write one",
            );
        }
        let mut request = Request {
            name,
            weight: written.weight.unwrap_or(1),
            to: written.to.0,
            method: method.to_owned(),
            path: target,
            headers: headers
                .into_iter()
                .map(|(name, value)| (name, value.0))
                .collect(),
            body: written.body.map(String::into_bytes),
        };
        if let Some(json) = written.json {
            request.body = Some(json.to_string().into_bytes());
            let is_type = |header: &String| header.eq_ignore_ascii_case("content-type");
            if !request.headers.keys().any(is_type) {
                let (header, value) = ("content-type".to_owned(), "application/json".to_owned());
                request.headers.insert(header, value);
            }
        }
        Some(request)
    }

    fn headers(&mut self, path: &Path) {
        for name in self.keys(path) {
            let path = path.then(name.as_str());
            let value: Option<written::Scalar<false>> = self.part(&path);
            self.header_name(&path, &name);
            if value.is_some_and(|value| HeaderValue::from_str(&value.0).is_err()) {
                let help = "write it on one line, without control characters";
                self.complain(&path, "this cannot be sent as a header", help);
            }
        }
    }

    fn header_name(&mut self, path: &Path, name: &str) {
        let derived = ["content-length", "transfer-encoding"];
        if derived.iter().any(|own| name.eq_ignore_ascii_case(own)) {
            let help = "remove it; it follows from the body";
            self.complain_of_key(path, &format!("the header `{name}` cannot be set"), help);
        } else if HeaderName::from_str(name).is_err() {
            let message = format!("`{}` cannot name a header", near::clip(name));
            self.complain_of_key(
                path,
                &message,
                "use letters, digits and `-`, as in X-Request-Id",
            );
        }
    }
}
