//! The names that a suite declares, collected before anything is checked.

use std::collections::{BTreeMap, BTreeSet};

use crate::names::EdgeName;
use crate::suite::near;
use crate::suite::path::{Path, Step};
use crate::suite::tree::Node;
use crate::suite::variables::Environment;
use crate::suite::written::{ARRIVALS, METHODS, by_path, by_program};

/// The names, as far as they can be made out.
#[derive(Debug, Default)]
pub(in crate::suite) struct Names {
    services: BTreeSet<String>,
    edges: BTreeSet<String>,
    /// Of the suite's load.
    requests: BTreeSet<String>,
    /// The experiments whose load runs journeys of goose, whose requests nobody knows before.
    journeys: BTreeSet<String>,
    /// Of the experiments that have requests of their own.
    own_requests: BTreeMap<String, BTreeSet<String>>,
}

impl Names {
    /// Reads the names off a tree.
    pub(in crate::suite) fn collect(root: &Node, environment: &Environment<'_>) -> Self {
        let mut names = Self::default();
        let sections = |key| root.get(key).into_iter().flat_map(Node::entries);
        for (service, entry) in sections("services") {
            names.services.insert(service.clone());
            let calls = entry.value.get("calls").into_iter().flat_map(Node::entries);
            for (called, _) in calls {
                let (caller, callee) = (service.clone(), called.clone());
                names.edges.insert(EdgeName { caller, callee }.to_string());
            }
        }
        names.requests = requests(root.get("load"), environment).unwrap_or_default();
        for (experiment, entry) in sections("experiments") {
            let load = entry.value.get("load");
            if runs_journeys(load, root.get("load")) {
                names.journeys.insert(experiment.clone());
            }
            if let Some(mut own) = requests(load, environment) {
                if load.is_some_and(|load| load.get("streams").is_some()) {
                    // A stream without requests has the suite's.
                    own.extend(names.requests.iter().cloned());
                }
                names.own_requests.insert(experiment.clone(), own);
            }
        }
        names
    }

    /// What is wrong with a name of a format, and what to do; `None` when it is fine or the format
    /// is not one of a name.
    pub(in crate::suite) fn complaint(
        &self,
        format: &str,
        text: &str,
        path: &Path,
        brief: bool,
    ) -> Option<(String, String)> {
        let (what, names) = match format {
            "service-name" => ("service", &self.services),
            "request-name" if self.has_journeys(path) => return None,
            "request-name" => ("request", self.requests_at(path)),
            "edge-name" => return self.edge(text, brief),
            _ => return None,
        };
        if names.contains(text) {
            return None;
        }
        Some((
            format!("there is no {what} `{}`", near::clip(text)),
            advice(text, names, what, brief),
        ))
    }

    fn requests_at(&self, path: &Path) -> &BTreeSet<String> {
        let own = experiment_of(path).and_then(|experiment| self.own_requests.get(experiment));
        own.unwrap_or(&self.requests)
    }

    fn has_journeys(&self, path: &Path) -> bool {
        experiment_of(path).is_some_and(|experiment| self.journeys.contains(experiment))
    }

    fn edge(&self, text: &str, brief: bool) -> Option<(String, String)> {
        let edge = match text.parse::<EdgeName>() {
            Ok(edge) => edge,
            Err(wrong) => {
                let (message, help) = wrong.split_once("; ").unwrap_or((&wrong, ""));
                return Some((near::clip(message), help.to_owned()));
            }
        };
        if self.edges.contains(&edge.to_string()) {
            return None;
        }
        let message = format!("there is no edge `{}`", near::clip(&edge.to_string()));
        let EdgeName { caller, callee } = &edge;
        let turned = EdgeName {
            caller: callee.clone(),
            callee: caller.clone(),
        }
        .to_string();
        let help = if caller == callee {
            "an edge leads from one service to another".to_owned()
        } else if self.edges.contains(&turned) {
            format!("did you mean `{turned}`? an edge leads from the caller to the callee")
        } else if self.services.contains(caller) && self.services.contains(callee) {
            format!("`{caller}` does not call `{callee}`; declare it under services.{caller}.calls")
        } else {
            advice(&edge.to_string(), &self.edges, "edge", brief)
        };
        Some((message, help))
    }
}

/// The experiment that a place belongs to.
fn experiment_of(path: &Path) -> Option<&String> {
    match path.0.as_slice() {
        [Step::Key(section), Step::Key(experiment), ..] if section == "experiments" => {
            Some(experiment)
        }
        _ => None,
    }
}

/// Whether an experiment's load runs journeys of goose: its own, or the suite's where it does not say
/// itself how calls arrive.
fn runs_journeys(own: Option<&Node>, general: Option<&Node>) -> bool {
    let says = |load: &&Node| {
        let mut ways = ARRIVALS.into_iter().chain(["streams", "goose"]);
        load.text().is_some() || ways.any(|way| load.get(way).is_some())
    };
    let load = own.filter(says).or(general);
    let goose = load.and_then(|load| load.get("goose"));
    goose.is_some_and(|goose| goose.get("run").is_some())
}

fn advice(text: &str, names: &BTreeSet<String>, what: &str, brief: bool) -> String {
    if brief {
        return String::new();
    }
    if names.is_empty() {
        return match what {
            "edge" => "no service declares any: add `calls` to the one that calls".to_owned(),
            _ => format!("the suite declares no {what}s"),
        };
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    near::advice(text, &names, &format!("known {what}s"))
}

/// The names of a load's requests, of all its streams, if it has any of its own.
fn requests(load: Option<&Node>, environment: &Environment<'_>) -> Option<BTreeSet<String>> {
    let load = load?;
    let streams = load.get("streams").into_iter().flat_map(Node::entries);
    let places: Vec<&Node> = std::iter::once(load)
        .chain(streams.map(|(_, stream)| &stream.value))
        .collect();
    let has_any = |place: &&Node| place.get("request").is_some() || place.get("requests").is_some();
    if !places.iter().any(has_any) {
        return None;
    }
    let all = places.into_iter().flat_map(|place| {
        let several = place.get("requests").into_iter().flat_map(Node::items);
        place.get("request").into_iter().chain(several)
    });
    let alone = |entry: &&'_ Node| entry.get("steps").is_none();
    let (alone, journeys): (Vec<&Node>, Vec<&Node>) = all.partition(alone);
    let steps = journeys
        .into_iter()
        .filter_map(|journey| journey.get("steps"));
    let all = alone.into_iter().chain(steps.flat_map(Node::items));
    Some(
        all.filter_map(|request| request_name(request, environment))
            .collect(),
    )
}

fn request_name(request: &Node, environment: &Environment<'_>) -> Option<String> {
    let text = |key: &str| {
        let text = request.get(key)?.text()?;
        environment.fill(text, false).ok()
    };
    let by_path = |(key, method): &(&str, &str)| text(key).map(|path| by_path(method, &path));
    let by_program = || {
        let written = request.get("exec")?;
        let first = written.items().first().unwrap_or(written).text()?;
        Some(by_program(&environment.fill(first, true).ok()?))
    };
    text("name")
        .or_else(|| METHODS.iter().find_map(by_path))
        .or_else(by_program)
}
