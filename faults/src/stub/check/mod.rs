//! From what is written to a stub that can be played: what no schema can say is checked here, and
//! every mistake is told.

mod route;

use std::collections::BTreeSet;

use indexmap::{IndexMap, IndexSet};
use serde_json::Value;

use super::json::templates_in;
use super::params::{self, Params};
use super::problem::{Problem, Step, clip};
use super::spec::{METHODS, Route, Spec, UNMATCHED};

pub(super) use route::is_bodiless;

impl Spec {
    /// Checks a stub as it is written.
    pub fn new(params: Params) -> Result<Self, Vec<Problem>> {
        let routes = params.routes.into_iter().map(Some).collect();
        let (spec, problems) = Self::of_parts(routes, params.state);
        if problems.is_empty() {
            Ok(spec)
        } else {
            Err(problems)
        }
    }

    /// Checks a stub of which some routes could not even be read (`None`), so that what is wrong
    /// with the others can be told beside it.
    pub fn of_parts(
        written: Vec<Option<params::Route>>,
        state: IndexMap<String, Value>,
    ) -> (Self, Vec<Problem>) {
        let mut counts = BTreeSet::new();
        let mut names = IndexSet::new();
        for route in written.iter().flatten() {
            names.insert(name(route));
            counts.extend(route.count.clone());
        }
        let counters = names.iter().chain(&counts).cloned();
        let counters: IndexSet<String> = counters.chain([UNMATCHED.to_owned()]).collect();
        let known: BTreeSet<String> = counters.iter().cloned().collect();
        let whole = written.iter().all(Option::is_some);
        let mut checker = Checker {
            names,
            counters: whole.then_some(&known),
            problems: Vec::new(),
            at: Vec::new(),
        };
        checker.state(&state);
        let mut routes: Vec<Route> = Vec::new();
        for (index, route) in written.into_iter().enumerate() {
            let Some(route) = route else { continue };
            checker.at = vec!["routes".into(), index.into()];
            let route = checker.route(route);
            if let Some(before) = routes.iter().find(|before| before.covers(&route)) {
                let message = format!(
                    "no request comes to this route: `{}` before it answers them all",
                    clip(&before.name)
                );
                let help = "write it before that one, or give that one conditions with `where`";
                checker.complain(Problem::new(message, help));
            }
            routes.push(route);
        }
        let problems = checker.problems;
        let counters = counters.into_iter().collect();
        let spec = Self {
            routes,
            counters,
            state,
        };
        (spec, problems)
    }
}

/// The key, the method and the path of a route; the schema sees to it that there is one.
fn line(route: &params::Route) -> (&'static str, Option<&'static str>, &str) {
    let paths = [
        &route.get,
        &route.post,
        &route.put,
        &route.patch,
        &route.delete,
        &route.head,
        &route.any,
    ];
    let mut written = METHODS.into_iter().zip(paths);
    let found = written.find_map(|((key, method), path)| Some((key, method, path.as_ref()?)));
    let (key, method, path) = found.map_or(("any", None, ""), |(key, method, path)| {
        (key, method, path.0.as_str())
    });
    (key, method, path)
}

fn name(route: &params::Route) -> String {
    let (_, method, path) = line(route);
    let by_line = || format!("{} {path}", method.unwrap_or("ANY"));
    route.name.clone().unwrap_or_else(by_line)
}

struct Checker<'a> {
    /// Of the routes.
    names: IndexSet<String>,
    /// All there are; `None` where not all of them could be made out.
    counters: Option<&'a BTreeSet<String>>,
    problems: Vec<Problem>,
    /// The route that is being checked.
    at: Vec<Step>,
}

impl Checker<'_> {
    fn complain(&mut self, problem: Problem) {
        let mut problem = problem;
        let below = std::mem::replace(&mut problem.at, self.at.clone());
        problem.at.extend(below);
        self.problems.push(problem);
    }

    /// What was found wrong with a value somewhere below the route.
    fn complain_at(&mut self, steps: &[&str], problems: Vec<Problem>) {
        for mut problem in problems {
            let below = std::mem::take(&mut problem.at);
            problem.at = steps.iter().map(|step| Step::from(*step)).collect();
            problem.at.extend(below);
            self.complain(problem);
        }
    }

    fn complain_of_key(&mut self, steps: &[&str], problem: Problem) {
        let at_key = true;
        self.complain_at(steps, vec![Problem { at_key, ..problem }]);
    }

    /// What is kept at the beginning, before anybody has asked for anything.
    fn state(&mut self, state: &IndexMap<String, Value>) {
        for (key, value) in state {
            let why = "there is no request yet; write the value as it is to be";
            self.complain_at(&["state", key], templates_in(value, why));
        }
    }
}
