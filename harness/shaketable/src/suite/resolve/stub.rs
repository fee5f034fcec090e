//! Stubs: the data plane checks them, and its complaints get their places here.

use std::sync::Arc;

use shaketable_faults::stub::{Problem, Route, Spec, Step};

use super::Reader;
use crate::suite::model::Start;
use crate::suite::near;
use crate::suite::path::Path;
use crate::suite::written::NOT_FOR_A_STUB;

impl Reader<'_> {
    /// A stub that is right. What is wrong with one route does not hide what is with another.
    pub(super) fn stub(&mut self, path: &Path) -> Option<Start> {
        let routes = path.then("routes");
        let count = self.count(&routes);
        let written: Vec<Option<Route>> = (0..count)
            .map(|index| self.part(&routes.then(index)))
            .collect();
        let whole = written.iter().all(Option::is_some) && !self.errors.under(path);
        let state = self.part(&path.then("state")).unwrap_or_default();
        let (spec, problems) = Spec::of_parts(written, state);
        let right = whole && problems.is_empty();
        for problem in problems {
            self.problem(path, problem);
        }
        right.then(|| Start::Stub(Arc::new(spec)))
    }

    /// What is wrong with something that has a way down to it.
    pub(super) fn problem(&mut self, top: &Path, problem: Problem) {
        let path = problem
            .at
            .iter()
            .fold(top.clone(), |path, step| match step {
                Step::Key(key) => path.then(key.as_str()),
                Step::Index(index) => path.then(*index),
            });
        let at = if problem.at_key {
            self.key_at(&path)
        } else {
            self.at(&path)
        };
        let at = if problem.word.is_empty() {
            at
        } else {
            at.narrow(&problem.word)
        };
        let advice = problem.unknown.filter(|_| !self.errors.many());
        let advice = advice.map(|unknown| {
            let known: Vec<&str> = unknown.known.iter().map(String::as_str).collect();
            near::advice(&unknown.name, &known, "known here")
        });
        let help = advice
            .filter(|advice| !advice.is_empty())
            .unwrap_or(problem.help);
        self.errors.add(&at, &path, problem.message, help);
    }

    /// Keys that mean nothing for a stub.
    pub(super) fn nothing_for_a_stub(&mut self, service: &Path) {
        for key in NOT_FOR_A_STUB {
            let path = service.then(key);
            if self.has(&path) {
                let help = match key {
                    "ready" => "remove it: a stub is ready when it listens",
                    "calls" => "remove it: a stub calls nobody",
                    _ => "remove it: Shaketable plays a stub itself, and starts no process for it",
                };
                let message = format!("`{key}` has no effect on a stub");
                self.complain_of_key(&path, &message, help);
            }
        }
    }
}
