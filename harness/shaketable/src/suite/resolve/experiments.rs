//! The experiments: their faults and checks, which the catalogues make.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Value, json};
use shaketable_faults::fault::Speaks;
use shaketable_faults::times::Schedule;
use shaketable_faults::units::{HumanDuration, Percent};
use shaketable_faults::which::Which;
use shaketable_faults::{Protocol, fault};

use super::{Reader, recipes};
use crate::check;
use crate::check::bundle::Bundle;
use crate::check::recipe::about;
use crate::names::EdgeName;
use crate::record::EdgeFacts;
use crate::suite::model::{CheckEntry, Edge, Experiment, FaultEntry, Phases};
use crate::suite::near;
use crate::suite::path::{Path, steps};
use crate::suite::schema::Shape;
use crate::suite::tree::{Kind, Node};
use crate::suite::validate::Walker;
use crate::suite::written::Begins;

/// The name of the experiment that a suite's own `expect` makes.
const WHOLE_SUITE: &str = "resilience";

impl Reader<'_> {
    /// Every experiment that is right.
    pub(super) fn experiments(&mut self, edges: &[Edge]) -> IndexMap<String, Experiment> {
        let mut experiments = IndexMap::new();
        for name in self.keys(&steps!["experiments"]) {
            let path = steps!["experiments", name.as_str()];
            if name.trim().is_empty() || name.chars().any(char::is_control) {
                let help = "write a few words on one line, as in `slow inventory`";
                self.complain_of_key(&path, "this cannot name an experiment", help);
            }
            experiments.extend(self.experiment(name, &path, edges));
        }
        if self.has(&steps!["expect"]) {
            experiments.extend(self.experiment(WHOLE_SUITE.to_owned(), &steps![], edges));
        } else if experiments.is_empty() && !self.has(&steps!["experiments"]) {
            let help = "add `expect: [resilient]`, or `experiments`";
            self.complain(&steps![], "nothing is to be tried", help);
        }
        experiments
    }

    /// What an experiment comes to: itself, or what the recipes of its checks make of it.
    fn experiment(
        &mut self,
        name: String,
        path: &Path,
        edges: &[Edge],
    ) -> Vec<(String, Experiment)> {
        let load = self.load(path);
        let given = self.phases(path);
        let faults = self.faults(&path.then("faults"), edges);
        let checks = self.checks(&path.then("expect"), edges);
        let Some(load) = load else {
            return Vec::new();
        };
        let left_to_checks = !self.has(&path.then("faults"));
        let base = Experiment {
            name,
            stages: given.or(Phases::default()).stages(faults.len()),
            faults,
            load,
            patience: None,
            checks,
        };
        let experiments = if left_to_checks {
            recipes::expand(base, &given, edges)
        } else {
            vec![base]
        };
        let named = |experiment: Experiment| (experiment.name.clone(), experiment);
        experiments.into_iter().map(named).collect()
    }

    fn faults(&mut self, list: &Path, edges: &[Edge]) -> Vec<FaultEntry> {
        let paths = (0..self.count(list)).map(|index| list.then(index));
        paths.filter_map(|path| self.fault(&path, edges)).collect()
    }

    fn fault(&mut self, path: &Path, edges: &[Edge]) -> Option<FaultEntry> {
        let entry = self.json(path)?.as_object()?.clone();
        let (kind, value) = entry
            .iter()
            .find_map(|(key, value)| Some((fault::find(key)?, value)))?;
        let edge: EdgeName = self.part(&path.then("edge"))?;
        let which: Option<Which> = self.part(&path.then("where"));
        let probability: Option<Percent> = self.part(&path.then("probability"));
        let protocol = edges
            .iter()
            .find(|known| known.name == edge)
            .map(|edge| edge.protocol);
        if protocol == Some(Protocol::Tcp) {
            self.fits_tcp(path, kind, which.as_ref(), &edge);
        }
        let schedule = self.schedule(path);
        self.redirects_to_tls(
            path,
            kind,
            value,
            edges.iter().find(|known| known.name == edge),
        );
        let probability = probability.map_or(1.0, |percent| percent.0);
        if probability <= 0.0 {
            let help = "write more than 0%, or remove the fault";
            self.complain(
                &path.then("probability"),
                "this fault would never happen",
                help,
            );
        }
        let fault = self.build(&path.then(kind.name), (kind.build)(value))?;
        let from_start = self.part(&path.then("from")) == Some(Begins::Start);
        if from_start && fault.redirects_to().is_some() {
            let help = "remove it: the service that answers instead has to be there first";
            let message = format!("`{}` cannot begin before the services", kind.name);
            self.complain(&path.then("from"), &message, help);
        }
        Some(FaultEntry {
            edge,
            kind,
            value: value.clone(),
            fault,
            which: which.unwrap_or_default(),
            times: self.part(&path.then("times")).unwrap_or_default(),
            probability,
            schedule,
            from_start,
            at: self.position(path),
        })
    }

    /// Who answers instead of a callee that speaks TLS speaks it too; a stub does not.
    fn redirects_to_tls(
        &mut self,
        path: &Path,
        kind: &fault::Kind,
        value: &Value,
        edge: Option<&Edge>,
    ) {
        let Ok(fault) = (kind.build)(value) else {
            return;
        };
        let stub = |to: &&str| self.has(&steps!["services", *to, "stub"]);
        if let Some(to) = fault.redirects_to().filter(stub)
            && let Some(edge) = edge.filter(|edge| edge.tls.to_callee.is_some())
        {
            let message = format!(
                "`{to}` is a stub, which speaks no TLS, and `{}` does",
                edge.name.callee
            );
            let help = "redirect to a service that speaks TLS as well";
            self.complain(&path.then(kind.name), &message, help);
        }
    }

    /// From when to when a fault holds.
    fn schedule(&mut self, path: &Path) -> Schedule {
        let after: Option<HumanDuration> = self.part(&path.then("after"));
        let lasts: Option<HumanDuration> = self.part(&path.then("lasts"));
        if lasts.is_some_and(|lasts| lasts.0.is_zero()) {
            let help = "write how long it lasts, or leave `lasts` out";
            self.complain(&path.then("lasts"), "this fault would never happen", help);
        }
        Schedule {
            after: after.unwrap_or_default().0,
            lasts: lasts.map(|lasts| lasts.0),
            shape: self.part(&path.then("schedule")).unwrap_or_default(),
        }
    }

    /// What needs HTTP means nothing on an edge that is only bytes.
    fn fits_tcp(
        &mut self,
        path: &Path,
        kind: &fault::Kind,
        which: Option<&Which>,
        edge: &EdgeName,
    ) {
        let declared = format!("services.{}.calls.{}", edge.caller, edge.callee);
        let help = format!(
            "if the edge speaks HTTP, declare it with `protocol: http` in {}",
            near::clip(&declared)
        );
        if kind.speaks == Speaks::Http {
            let message = format!("`{}` needs HTTP, and the edge is `tcp`", kind.name);
            self.complain_of_key(&path.then(kind.name), &message, &help);
        }
        if which.is_some_and(Which::asks_for_http) {
            self.complain_of_key(
                &path.then("where"),
                "these conditions need HTTP, and the edge is `tcp`",
                &help,
            );
        }
    }

    fn checks(&mut self, list: &Path, edges: &[Edge]) -> Vec<CheckEntry> {
        let paths = (0..self.count(list)).map(|index| list.then(index));
        let mut checks = Vec::new();
        for path in paths {
            match self.bundle(&path) {
                Some((bundle, edge)) => {
                    checks.extend(self.bundled(&path, bundle, edge.as_ref(), edges));
                }
                None => checks.extend(self.check(&path)),
            }
        }
        checks
    }

    /// A name that stands for several checks, and the edge that it is said of.
    fn bundle(&mut self, path: &Path) -> Option<(&'static Bundle, Option<EdgeName>)> {
        match self.json(path)? {
            Value::String(name) => Some((check::bundle::named(name)?, None)),
            Value::Object(entry) => {
                let (name, _) = entry.iter().next()?;
                let bundle = check::bundle::named(name)?;
                Some((bundle, self.part(&path.then(bundle.name).then("edge"))))
            }
            _ => None,
        }
    }

    /// The checks that a bundle stands for, on one edge or on each.
    fn bundled(
        &mut self,
        path: &Path,
        bundle: &Bundle,
        edge: Option<&EdgeName>,
        edges: &[Edge],
    ) -> Vec<CheckEntry> {
        let facts: Vec<EdgeFacts> = edges.iter().map(Edge::facts).collect();
        let mut checks = Vec::new();
        for edge in about(edge, &facts) {
            for kind in (bundle.members)(edge) {
                let params = json!({ "edge": edge.name.to_string() });
                if let Some(check) = self.build(path, (kind.build)(&params)) {
                    let at = self.position(path);
                    checks.push(CheckEntry {
                        kind,
                        params,
                        check,
                        at,
                    });
                }
            }
        }
        checks
    }

    fn check(&mut self, path: &Path) -> Option<CheckEntry> {
        let (kind, params, place) = match self.json(path)?.clone() {
            Value::String(name) => (check::find(&name)?, Value::Null, path.clone()),
            Value::Object(entry) => {
                let (name, params) = entry.into_iter().next()?;
                let kind = check::find(&name)?;
                (kind, params, path.then(kind.name))
            }
            _ => return None,
        };
        let params = if params.is_null() {
            self.no_params(&place, kind)?
        } else {
            params
        };
        let check = self.build(&place, (kind.build)(&params))?;
        Some(CheckEntry {
            kind,
            params,
            check,
            at: self.position(path),
        })
    }

    /// A check without parameters has `{}`, and lacks those that it must have.
    fn no_params(&mut self, path: &Path, kind: &check::Kind) -> Option<Value> {
        let at = self.at(path);
        let empty = Node {
            at: at.clone(),
            kind: Kind::Map(IndexMap::new()),
        };
        let mut walker = Walker {
            names: self.names,
            environment: self.environment,
            errors: self.errors,
            path: path.clone(),
        };
        walker.walk(&empty, &at, Shape::suite().params_of_check(kind.name));
        (!self.errors.under(path)).then(|| Value::Object(Map::new()))
    }

    /// What a catalogue made, or what it says against it.
    fn build<T: ?Sized>(&mut self, path: &Path, built: Result<Arc<T>, String>) -> Option<Arc<T>> {
        match built {
            Ok(built) => Some(built),
            Err(wrong) => {
                let (message, help) = wrong.split_once("; ").unwrap_or((&wrong, ""));
                self.complain(path, message, help);
                None
            }
        }
    }
}
