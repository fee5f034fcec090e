//! The requests of a load, and its journeys: what a call does, how it goes, what it is worth.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use shaketable_faults::dice;
use shaketable_faults::units::HumanDuration;

use super::Reader;
use crate::load::script::data::Table;
use crate::load::script::template::{Data, Form, Known, Template};
use crate::load::script::{Oracle, Poll};
use crate::names::ServiceName;
use crate::suite::model::{Journey, Request};
use crate::suite::near;
use crate::suite::path::{Path, Step};
use crate::suite::written::{Connection, RequestPath};

/// How long after an answer that is not final it is asked again.
const POLL_EVERY: Duration = Duration::from_millis(100);
/// How long it may take until one is final.
const POLL_WITHIN: Duration = Duration::from_secs(10);

/// What is to be said where a request draws on data that its load does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// That it is not there.
    Told,
    /// Nothing: whoever uses the request may bring it.
    MayCome,
}

/// What a load says for all its requests.
pub(super) struct Common {
    connection: Connection,
    data: Rows,
}

/// The data of a load, as far as it is known.
enum Rows {
    Absent,
    Unknown,
    Table(Arc<Table>),
}

/// One step of a journey, or a request alone: where it is written and what it may use.
pub(super) struct Place<'a> {
    pub(super) path: &'a Path,
    pub(super) common: &'a Common,
    /// Whether it stands in a journey.
    pub(super) in_journey: bool,
    /// What was captured before it, and by itself for its own `poll`.
    pub(super) captured: &'a [String],
    /// What is captured after it.
    pub(super) later: &'a [String],
}

impl Common {
    /// What holds beside any load.
    pub(super) fn none() -> Self {
        Self {
            connection: Connection::default(),
            data: Rows::Absent,
        }
    }

    fn table(&self) -> Option<Arc<Table>> {
        match &self.data {
            Rows::Table(table) => Some(Arc::clone(table)),
            Rows::Absent | Rows::Unknown => None,
        }
    }
}

impl Place<'_> {
    /// What a template at one of the request's keys may use. (Its place among those of the load is
    /// that key and the request's own.)
    pub(super) fn known(&self, key: &str) -> Known<'_> {
        let steps: Vec<u64> = self
            .path
            .0
            .iter()
            .map(|step| match step {
                Step::Key(key) => dice::hash(key.as_bytes()),
                Step::Index(index) => *index as u64,
            })
            .collect();
        let place = steps.into_iter().fold(0, dice::join);
        Known {
            data: match &self.common.data {
                Rows::Absent => Data::Absent,
                Rows::Unknown => Data::Unreadable,
                Rows::Table(table) => Data::Columns(&table.columns),
            },
            captured: self.captured,
            later: self.later,
            place: dice::join(place, dice::hash(key.as_bytes())),
        }
    }

    pub(super) fn new_connection(&self, own: Option<Connection>) -> bool {
        own.unwrap_or(self.common.connection) == Connection::New
    }
}

impl Reader<'_> {
    /// The requests and journeys of the first of these places that has any.
    pub(super) fn requests(&mut self, places: &[Path], missing: Missing) -> Vec<Journey> {
        let common = Common {
            connection: self.first(places, "connection").unwrap_or_default(),
            data: self.rows(places, missing),
        };
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
        let mut journeys = Vec::new();
        for path in paths {
            let journey = if self.has(&path.then("steps")) {
                self.journey(&path, &common)
            } else {
                self.alone(&path, &common)
            };
            let Some(journey) = journey else { continue };
            let steps = path.then("steps");
            for (index, step) in journey.steps.iter().enumerate() {
                let path = if self.has(&steps) {
                    steps.then(index)
                } else {
                    path.clone()
                };
                self.names_are_distinct(&path, &step.name, &mut named);
            }
            journeys.push(journey);
        }
        journeys
    }

    fn names_are_distinct(&mut self, path: &Path, name: &str, named: &mut HashMap<String, usize>) {
        let line = self.at(path).line_number();
        if let Some(first) = named.get(name) {
            let message = format!("two requests are called `{}`", near::clip(name));
            let help = format!("give this one or that of line {first} another `name`");
            self.complain(path, &message, &help);
        } else {
            named.insert(name.to_owned(), line);
        }
    }

    /// A request that is all of its arrival.
    fn alone(&mut self, path: &Path, common: &Common) -> Option<Journey> {
        let place = Place {
            path,
            common,
            in_journey: false,
            captured: &self.captures_at(path),
            later: &[],
        };
        let request = self.request(&place)?;
        let weight: Option<u32> = self.part(&path.then("weight"));
        Some(Journey {
            name: request.name.clone(),
            weight: weight.unwrap_or(1),
            steps: vec![request],
            data: common.table(),
        })
    }

    fn journey(&mut self, path: &Path, common: &Common) -> Option<Journey> {
        let name: Option<String> = self.part(&path.then("journey"));
        if name.as_ref().is_some_and(|name| name.trim().is_empty()) {
            let help = "write what it is, as in `order and look`";
            self.complain(&path.then("journey"), "the name is empty", help);
        }
        let below = path.then("steps");
        let paths: Vec<Path> = (0..self.count(&below))
            .map(|index| below.then(index))
            .collect();
        let captures: Vec<Vec<String>> = paths.iter().map(|path| self.captures_at(path)).collect();
        let mut steps = Vec::new();
        for (index, path) in paths.iter().enumerate() {
            let place = Place {
                path,
                common,
                in_journey: true,
                captured: &captures[..=index].concat(),
                later: &captures[index + 1..].concat(),
            };
            steps.extend(self.request(&place));
        }
        let weight: Option<u32> = self.part(&path.then("weight"));
        let whole = !steps.is_empty() && steps.len() == paths.len();
        whole.then_some(Journey {
            name: name?,
            weight: weight.unwrap_or(1),
            steps,
            data: common.table(),
        })
    }

    /// One call. Everything that is wrong with it is told, whatever else is.
    fn request(&mut self, place: &Place<'_>) -> Option<Request> {
        let path = place.path;
        self.request_parts(place);
        // Read last, so that one mistake hides no other.
        let captures = self.captures(place);
        let oracle = Oracle {
            valid: self.matcher(place, "valid", &path.then("valid")),
            degraded: self.matcher(place, "degraded", &path.then("degraded")),
        };
        let poll = self.poll(place);
        let act = if self.has(&path.then("exec")) {
            self.exec_act(place)
        } else {
            self.http_act(place)
        };
        let (act, name) = act?;
        let name = self.part(&path.then("name")).unwrap_or(name);
        if name.trim().is_empty() {
            let help = "remove it, or write one";
            self.complain(&path.then("name"), "the name is empty", help);
        }
        let to: Option<ServiceName> = self.part(&path.then("to"));
        let to = to.map_or_else(|| self.service_of(&act), |to| to.0);
        let time = |reader: &mut Self, key: &str| {
            let time: Option<HumanDuration> = reader.part(&path.then(key));
            time.map(|time| time.0)
        };
        let request = Request {
            name,
            to,
            act,
            timeout: time(self, "timeout"),
            abort: time(self, "abort"),
            pause: time(self, "pause").unwrap_or_default(),
            repeat: self.part(&path.then("repeat")).unwrap_or_default(),
            go_on: self.part(&path.then("go_on")).unwrap_or_default(),
            captures,
            poll,
            oracle,
        };
        self.json(path).is_some().then_some(request)
    }

    /// What fits a request that stands where it does.
    fn request_parts(&mut self, place: &Place<'_>) {
        let path = place.path;
        for key in ["timeout", "abort"] {
            let path = path.then(key);
            if let Some(HumanDuration(time)) = self.part(&path) {
                self.above_zero(&path, time);
            }
        }
        let only: &[(&str, &str)] = if place.in_journey {
            &[(
                "weight",
                "write it beside `steps`: it is the journey that has a weight",
            )]
        } else {
            &[
                (
                    "pause",
                    "remove it: how often calls arrive is said by the load",
                ),
                ("go_on", "remove it: there is no step after this one"),
            ]
        };
        for (key, help) in only {
            let path = path.then(*key);
            if self.has(&path) {
                let who = if place.in_journey {
                    "a step"
                } else {
                    "a request alone"
                };
                self.complain_of_key(&path, &format!("`{key}` has no effect on {who}"), help);
            }
        }
        let capture = path.then("capture");
        if !place.in_journey && self.has(&capture) && !self.has(&path.then("poll")) {
            let help = "remove it, or make a journey of this request and the one that uses it";
            let message = "nothing can use what this request captures";
            self.complain_of_key(&capture, message, help);
        }
    }

    /// A text with templates, at a key of a request.
    pub(super) fn filled(
        &mut self,
        place: &Place<'_>,
        path: &Path,
        text: &str,
        key: &str,
        form: Form,
    ) -> Template {
        let mut problems = Vec::new();
        let template = Template::parse(text, form, &place.known(key), &mut problems);
        for problem in problems {
            self.problem(path, problem);
        }
        template
    }

    /// A JSON value with templates, at a key of a request.
    pub(super) fn filled_json(
        &mut self,
        place: &Place<'_>,
        path: &Path,
        value: &Value,
        key: &str,
    ) -> Template {
        let mut problems = Vec::new();
        let template = Template::of_json(value, &place.known(key), &mut problems);
        for problem in problems {
            self.problem(path, problem);
        }
        template
    }

    fn poll(&mut self, place: &Place<'_>) -> Option<Poll> {
        let path = place.path.then("poll");
        if !self.has(&path) {
            return None;
        }
        let until = self.matcher(place, "until", &path.then("until"));
        let [every, within] =
            [("every", POLL_EVERY), ("within", POLL_WITHIN)].map(|(key, default)| {
                let path = path.then(key);
                let time: Option<HumanDuration> = self.part(&path);
                let time = time.map_or(default, |time| time.0);
                self.above_zero(&path, time);
                time
            });
        if every >= within {
            let help = "write a longer `within`, or a shorter `every`";
            self.complain(
                &path.then("within"),
                "there is no time to ask even once",
                help,
            );
        }
        let get = path.then("get");
        let text: RequestPath = self.part(&get)?;
        Some(Poll {
            path: self.filled(place, &get, &text.0, "poll", Form::Path),
            every,
            until: until?,
            within,
        })
    }

    /// The data of the first of these places that has any.
    fn rows(&mut self, places: &[Path], missing: Missing) -> Rows {
        let mut paths = places.iter().map(|place| place.then("data"));
        let Some(path) = paths.find(|path| self.has(path)) else {
            return match missing {
                Missing::Told => Rows::Absent,
                Missing::MayCome => Rows::Unknown,
            };
        };
        self.table(&path).map_or(Rows::Unknown, Rows::Table)
    }
}
