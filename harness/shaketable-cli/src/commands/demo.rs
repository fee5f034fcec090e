//! `shaketable demo`: the incident that everybody knows, on a system that has it and on one that
//! does not. The suites are the ones in `suites/`, carried in the binary.

use std::collections::BTreeMap;
use std::path::PathBuf;

use shaketable::report::RunOutcome;
use shaketable::suite::InMemory;

use super::{run, suites};
use crate::args::RunArgs;
use crate::exit::{self, Exit};
use crate::terminal::narrate;

/// The files of the demonstration by name.
const FILES: [(&str, &str); 3] = [
    (
        "suites/order-system.yaml",
        include_str!("../../../../suites/order-system.yaml"),
    ),
    (
        "suites/order-naive.yaml",
        include_str!("../../../../suites/order-naive.yaml"),
    ),
    (
        "suites/order-hardened.yaml",
        include_str!("../../../../suites/order-hardened.yaml"),
    ),
];
/// The experiments that are shown when none is asked for.
const SHOWN: [&str; 2] = ["slow inventory", "inventory answering 503"];

pub(super) fn demo(args: &RunArgs) -> Exit {
    let texts = FILES.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let files = InMemory {
        dir: PathBuf::from("."),
        texts: BTreeMap::from(texts),
    };
    let acts = [
        (
            "suites/order-naive.yaml",
            RunOutcome::Failed,
            "An order service as it is usually first written: no timeouts, blind retries, one pool for everything.",
        ),
        (
            "suites/order-hardened.yaml",
            RunOutcome::Passed,
            "The same service hardened: timeouts, a retry budget, breakers, a pool for each dependency, fallbacks.",
        ),
    ];
    let mut lines = Vec::new();
    let mut exit = exit::OK;
    for (file, expected, words) in acts {
        narrate(words);
        let mut suite = match suites::load_from(file, &files) {
            Ok(suite) => suite,
            Err(exit) => return exit,
        };
        if args.select.filter.is_none() {
            suite
                .experiments
                .retain(|name, _| SHOWN.contains(&name.as_str()));
        }
        let plan = match suites::plan(suite, file, &args.select) {
            Ok(plan) => plan,
            Err(exit) => return exit,
        };
        let out = args.out.as_ref().map(|out| out.join(&plan.suite.name));
        let (report, signal) = match run::carry_out(&plan, out.as_deref(), args.volume, true) {
            Ok(done) => done,
            Err(exit) => return exit,
        };
        if let Some(signal) = signal {
            return signal;
        }
        match report.outcome {
            outcome if outcome == expected => lines.push(format!(
                "{}: {}, as it should be",
                report.suite,
                name(outcome)
            )),
            outcome => {
                lines.push(format!(
                    "{}: {}, which is not what it should be",
                    report.suite,
                    name(outcome)
                ));
                exit = if matches!(outcome, RunOutcome::Passed | RunOutcome::Failed) {
                    exit::FAILED
                } else {
                    Exit(outcome.exit_code())
                };
            }
        }
    }
    narrate(&lines.join("\n"));
    exit
}

fn name(outcome: RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Passed => "passed",
        RunOutcome::Failed => "failed",
        RunOutcome::Broken => "could not run",
        RunOutcome::Inconclusive => "inconclusive",
        RunOutcome::Unreverted => "left a fault behind",
        RunOutcome::Interrupted => "interrupted",
    }
}
