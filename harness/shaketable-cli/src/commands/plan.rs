//! `shaketable plan`: what a suite would run, without starting anything.

use std::fmt::Write as _;
use std::path::Path;

use shaketable::between::form::Form;
use shaketable::check::recipe::Kinds;
use shaketable::plan::Plan;
use shaketable::stub::Spec;
use shaketable::suite::{Edge, Experiment, Goose, Journey, Lasts, Stage, Start};
use shaketable::units::brief;

use super::suites;
use crate::args::SelectArgs;
use crate::exit::{self, Exit};
use crate::terminal::say;

pub(super) fn plan(path: &Path, select: &SelectArgs) -> Exit {
    let file = path.display().to_string();
    match suites::load(path).and_then(|suite| suites::plan(suite, &file, select)) {
        Ok(plan) => {
            say(text(&plan).trim_end());
            exit::OK
        }
        Err(exit) => exit,
    }
}

fn text(plan: &Plan) -> String {
    let suite = &plan.suite;
    let mut out = format!("suite {} (seed {})\n\nservices\n", suite.name, plan.seed);
    for service in suite.services.values() {
        let start = match &service.start {
            Start::Run { argv } => argv.join(" "),
            Start::Cargo { bin, args, .. } => format!("cargo binary {bin} {}", args.join(" ")),
            Start::Stub(spec) => stub_text(spec),
            Start::Address(address) => format!("already running at {address}"),
        };
        let _ = writeln!(out, "  {:<12} {}", service.name, start.trim_end());
        for file in service.files.keys() {
            let _ = writeln!(out, "  {:<12} with $FILES/{file}", "");
        }
    }
    out.push_str("\nedges\n");
    for edge in &suite.edges {
        let _ = writeln!(
            out,
            "  {:<24} through {} ({}{})",
            edge.name.to_string(),
            ways(edge),
            format!("{:?}", edge.protocol).to_lowercase(),
            tls(edge)
        );
    }
    for experiment in suite.experiments.values() {
        out.push('\n');
        experiment_text(&mut out, experiment);
    }
    let _ = writeln!(
        out,
        "\n{} experiments, about {} and the time to get ready; a phase is prolonged up to 3 × where a verdict needs it",
        suite.experiments.len(),
        brief(plan.planned())
    );
    out
}

/// How the caller of an edge finds the proxy.
fn ways(edge: &Edge) -> String {
    let variable = |(name, form): (&String, &Form)| match form {
        Form::Url(path) | Form::SecureUrl(path) if !path.is_empty() => {
            format!("{name} (with {path})")
        }
        Form::Url(_) | Form::SecureUrl(_) | Form::Address => name.clone(),
        Form::Host | Form::Port | Form::Dsn(_) => format!("{name} ({})", form.name()),
    };
    let mut ways: Vec<String> = edge.variables.iter().map(variable).collect();
    ways.extend(edge.hosts.iter().cloned());
    let proxied = edge.proxied.iter();
    ways.extend(proxied.map(|route| format!("HTTP_PROXY (as {route})")));
    ways.extend(edge.listen.map(|listen| listen.to_string()));
    if ways.is_empty() {
        ways.push("what the caller's command line, environment or files say".to_owned());
    }
    ways.join(", ")
}

/// Where TLS is spoken on an edge.
fn tls(edge: &Edge) -> String {
    let mut text = String::new();
    if edge.tls.from_caller {
        text.push_str(", TLS from the caller");
    }
    if let Some(to_callee) = &edge.tls.to_callee {
        let _ = write!(text, ", TLS to the callee as {}", to_callee.name);
        if to_callee.ca.is_none() {
            text.push_str(", whoever that is");
        }
    }
    text
}

/// The routes of a stub, the first ones of many.
fn stub_text(spec: &Spec) -> String {
    const SHOWN_MAX: usize = 4;
    let routes: Vec<&str> = spec.routes().collect();
    let shown = routes.iter().take(SHOWN_MAX).copied();
    let shown = shown.collect::<Vec<_>>().join(", ");
    match routes.len().saturating_sub(SHOWN_MAX) {
        0 => format!("stub: {shown}"),
        more => format!("stub: {shown} and {more} more"),
    }
}

fn experiment_text(out: &mut String, experiment: &Experiment) {
    let _ = writeln!(out, "experiment {}", experiment.name);
    if experiment.faults.is_empty() {
        out.push_str("  no faults\n");
    }
    for fault in &experiment.faults {
        let _ = write!(out, "  fault  {} on {}", fault.describe(), fault.edge);
        if fault.probability < 1.0 {
            let _ = write!(out, ", {}% of them", fault.probability * 100.0);
        }
        for (what, value) in [("method", &fault.which.method), ("path", &fault.which.path)] {
            if let Some(value) = value {
                let _ = write!(out, ", {what} {value}");
            }
        }
        out.push('\n');
    }
    let _ = writeln!(out, "  phases {}", phases_text(&experiment.stages));
    if experiment.load.streams.is_empty() && experiment.load.goose.is_none() {
        let _ = writeln!(out, "  load   none");
    }
    for stream in &experiment.load.streams {
        let of = mix(&stream.requests);
        let _ = writeln!(out, "  load   {} of {of}", stream.describe());
        for line in stream.requests.iter().filter_map(Journey::describe) {
            let _ = writeln!(out, "         {line}");
        }
    }
    match &experiment.load.goose {
        Some(goose @ Goose::Users { requests, .. }) => {
            let _ = writeln!(out, "  load   {goose}, of {}", mix(requests));
        }
        Some(goose @ Goose::Journeys { .. }) => {
            let _ = writeln!(out, "  load   {goose}");
        }
        None => {}
    }
    for check in &experiment.checks {
        let params = match &check.params {
            serde_json::Value::Object(params) if params.is_empty() => String::new(),
            params => params.to_string(),
        };
        let _ = writeln!(out, "  check  {} {params}", check.kind.name);
    }
}

/// The phases in a line.
fn phases_text(stages: &[Stage]) -> String {
    let stage = |stage: &Stage| match stage.lasts {
        Lasts::Time(time) => format!("{} {}", stage.phase.name(), brief(time)),
        Lasts::Calls { each, of, .. } => {
            let of = match of {
                Kinds::One => "the first kind of call that needs the edge",
                Kinds::All => "each kind of call that needs the edge",
                Kinds::Every => "each kind of call",
            };
            let which: Vec<String> = stage.faults.iter().map(|n| (n + 1).to_string()).collect();
            let faults = match which.as_slice() {
                [] => String::new(),
                which => format!(" with fault {}", which.join(" and ")),
            };
            format!(
                "\n         {}{faults}: {each} × {of}, alone",
                stage.phase.name()
            )
        }
        Lasts::Settled => "until all is well again".to_owned(),
    };
    let stages: Vec<String> = stages.iter().map(stage).collect();
    stages.join(", ")
}

/// What is asked, by weight.
fn mix(requests: &[Journey]) -> String {
    let requests: Vec<String> = requests
        .iter()
        .map(|request| format!("{} × {}", request.weight, request.name))
        .collect();
    requests.join(", ")
}
