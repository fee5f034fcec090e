//! `shaketable inspect`: what services really do on each of their edges, without any demand.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use shaketable::inspect::{self, Attempts, Breaker, Findings, Patience};
use shaketable::record::{Nanos, Recording};
use shaketable::report::RunOutcome;
use shaketable::saved;
use shaketable::units::brief;

use super::{run, suites};
use crate::args::RunArgs;
use crate::exit::{self, Exit};
use crate::terminal::{complain, say, table};

pub(super) fn inspect(path: &Path, args: &RunArgs) -> Exit {
    let file = path.display().to_string();
    let plan = suites::load(path)
        .and_then(|suite| suites::plan(inspect::suite(suite), &file, &args.select));
    let plan = match plan {
        Ok(plan) => plan,
        Err(exit) => return exit,
    };
    let report = match run::carry_out(&plan, args.out.as_deref(), args.volume, false) {
        Ok((_, Some(signal))) => return signal,
        Ok((report, None)) => report,
        Err(exit) => return exit,
    };
    if matches!(
        report.outcome,
        RunOutcome::Broken | RunOutcome::Interrupted | RunOutcome::Unreverted
    ) {
        return Exit(report.outcome.exit_code());
    }
    let read = report
        .experiments
        .iter()
        .map(|experiment| saved::recording(&experiment.dir));
    let recordings: Vec<Recording> = match read.collect() {
        Ok(recordings) => recordings,
        Err(error) => {
            complain(&format!("failed to {error}"));
            return exit::ENVIRONMENT;
        }
    };
    for findings in inspect::findings(&recordings) {
        show(&findings);
    }
    exit::OK
}

fn show(findings: &Findings) {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut row = |what: &str, says: String| rows.push(vec![what.to_owned(), says]);
    for patience in &findings.patience {
        row(
            &format!("timeout, {}", patience.hang),
            patience_text(patience),
        );
    }
    match &findings.attempts {
        Some(attempts) => {
            row("attempts, 503", attempts.most.to_string());
            row("backoff", backoff_text(attempts));
        }
        None => row("attempts, 503", UNSEEN.to_owned()),
    }
    row(
        "breaker, 503",
        findings
            .breaker
            .as_ref()
            .map_or_else(|| UNSEEN.to_owned(), breaker_text),
    );
    let pool = findings.pool.as_ref().map(|pool| {
        if pool.most >= pool.calls {
            format!("none below {}", pool.calls)
        } else if pool.held {
            format!("{} at once, of {} calls", pool.most, pool.calls)
        } else {
            format!(
                "none seen in {} calls, up to {} at once",
                pool.calls, pool.most
            )
        }
    });
    row("pool", pool.unwrap_or_else(|| UNSEEN.to_owned()));
    let kept = findings.connections.as_ref().map(|seen| {
        format!(
            "{} connections for {} exchanges",
            seen.opened, seen.exchanges
        )
    });
    row("keep-alive", kept.unwrap_or_else(|| UNSEEN.to_owned()));
    let edge = findings.edge.to_string();
    say(&format!("\n{}", table(&[edge.as_str(), "seen"], rows)));
}

const UNSEEN: &str = "no call got there";

fn time(nanos: Nanos) -> String {
    brief(Duration::from_nanos(nanos))
}

fn patience_text(patience: &Patience) -> String {
    match patience.gave_up_after {
        Some(after) if patience.by_call => format!("the call ended after {}", time(after)),
        Some(after) => time(after),
        None if patience.waited > 0 => format!("none within {}", time(patience.waited)),
        None => UNSEEN.to_owned(),
    }
}

fn backoff_text(attempts: &Attempts) -> String {
    let Some(gap) = attempts.first_gap else {
        return "-".to_owned();
    };
    let mut text = time(gap);
    if let Some(growth) = attempts.growth {
        let _ = write!(text, ", each gap {growth:.1} × the one before");
    }
    if let Some(jitter) = attempts.jitter {
        let _ = write!(text, ", varying by {:.0} %", jitter * 100.0);
    }
    text
}

fn breaker_text(breaker: &Breaker) -> String {
    match (breaker.opened_after, breaker.reset) {
        (None, _) => format!("none in {} failing attempts", breaker.attempts),
        (Some(after), None) => format!("opens after {after} failing attempts, and stays open"),
        (Some(after), Some(reset)) => format!(
            "opens after {after} failing attempts, tries again after {}",
            time(reset)
        ),
    }
}
