//! The report that a tired person understands: a table for each experiment, then why, then what
//! to look at next.

use std::path::Path;

use shaketable::check::{State, Verdict};
use shaketable::report::{ExperimentReport, Report, RunOutcome};

use super::{Paint, counted, table, tell, width};
use crate::args::VolumeArgs;

/// Shows how one experiment came out.
pub(crate) fn experiment(report: &ExperimentReport, volume: VolumeArgs) {
    if volume.quiet {
        return;
    }
    let paint = Paint::of_stderr();
    let took: f64 = report.phases.iter().map(|phase| phase.length_s).sum();
    let faults = if report.faults.is_empty() {
        "no faults".to_owned()
    } else {
        report.faults.join(", ")
    };
    tell(&format!(
        "{} {}: {faults}; {} in {took:.1} s, ready after {:.2} s, {:.1} s in all",
        outcome_word(paint, report.outcome()),
        paint.strong(&report.name),
        counted(usize::try_from(report.calls).unwrap_or(usize::MAX), "call"),
        report.ready_s,
        report.wall_s,
    ));
    if let Some(error) = &report.error {
        tell(&format!("  {} {error}", paint.bad("could not run:")));
    }
    for fault in &report.unreverted {
        tell(&format!(
            "  {} {fault}",
            paint.bad("could not be reverted:")
        ));
    }
    if report.verdicts.is_empty() {
        return;
    }
    let rows = report.verdicts.iter().map(row).collect();
    let shown = table(
        &["verdict", "claim", "about", "measured", "bound", "samples"],
        rows,
    );
    tell(&coloured(paint, &shown));
    for verdict in &report.verdicts {
        if verdict.state != State::Pass || volume.verbose {
            detail(paint, verdict);
        }
    }
}

fn row(verdict: &Verdict) -> Vec<String> {
    vec![
        word(verdict.state).to_owned(),
        format!("{}\n{}", verdict.check, verdict.claim),
        verdict.about.clone(),
        verdict.measured.clone(),
        verdict.bound.clone(),
        format!("{} {}", verdict.exercised, verdict.exercised_what),
    ]
}

fn word(state: State) -> &'static str {
    match state {
        State::Pass => "pass",
        State::Fail => "FAIL",
        State::Inconclusive => "unsure",
    }
}

/// Colours the verdict at the beginning of each row of a rendered table.
fn coloured(paint: Paint, table: &str) -> String {
    let line = |line: &str| {
        for (word, colour) in [
            ("pass", Paint::good as fn(Paint, &str) -> String),
            ("FAIL", Paint::bad),
            ("unsure", Paint::unsure),
        ] {
            let start = format!("│ {word} ");
            if let Some(rest) = line.strip_prefix(&start) {
                return format!("│ {} {rest}", colour(paint, word));
            }
        }
        line.to_owned()
    };
    table.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn detail(paint: Paint, verdict: &Verdict) {
    let mark = match verdict.state {
        State::Pass => paint.good("✓"),
        State::Fail => paint.bad("✗"),
        State::Inconclusive => paint.unsure("?"),
    };
    tell(&format!(
        "\n  {mark} {}: {} ({})",
        paint.strong(&verdict.check),
        verdict.about,
        verdict.claim
    ));
    if let Some(reason) = &verdict.reason {
        tell(&wrapped("    ", reason));
    }
    for fact in &verdict.evidence {
        tell(&paint.faint(&wrapped("      - ", fact)));
    }
    if let Some(next) = &verdict.next {
        tell(&wrapped("    next: ", next));
    }
}

/// Text broken at words, its further lines under the first one's beginning.
fn wrapped(lead: &str, text: &str) -> String {
    let indent = " ".repeat(lead.chars().count());
    let mut lines = vec![lead.to_owned()];
    let mut length = lead.chars().count();
    let mut fresh = true;
    for word in text.split(' ') {
        let chars = word.chars().count();
        if !fresh && length + 1 + chars > width() {
            lines.push(indent.clone());
            length = indent.len();
            fresh = true;
        }
        if let Some(line) = lines.last_mut() {
            if !fresh {
                line.push(' ');
                length += 1;
            }
            line.push_str(word);
            length += chars;
        }
        fresh = false;
    }
    lines.join("\n")
}

/// Shows how the whole run came out, and how to run it again.
pub(crate) fn summary(report: &Report, out: Option<&Path>) {
    let paint = Paint::of_stderr();
    let verdicts = || {
        report
            .experiments
            .iter()
            .flat_map(|experiment| &experiment.verdicts)
    };
    let count = |state: State| verdicts().filter(|verdict| verdict.state == state).count();
    tell(&format!(
        "\n{} {}: {}; {} failed, {} inconclusive, {} passed; seed {}",
        outcome_word(paint, report.outcome),
        paint.strong(&report.suite),
        counted(report.experiments.len(), "experiment"),
        count(State::Fail),
        count(State::Inconclusive),
        count(State::Pass),
        report.seed,
    ));
    let Some(out) = out else { return };
    tell(&format!("  files: {}", out.display()));
    if let Some(first) = report
        .experiments
        .iter()
        .find(|experiment| experiment.outcome() != RunOutcome::Passed)
        && Path::new(&report.file).is_file()
    {
        tell(&format!(
            "  again: shaketable run {} --filter '{}' --seed {}",
            report.file, first.name, report.seed
        ));
    }
}

fn outcome_word(paint: Paint, outcome: RunOutcome) -> String {
    match outcome {
        RunOutcome::Passed => paint.good("PASS"),
        RunOutcome::Failed => paint.bad("FAIL"),
        RunOutcome::Broken => paint.bad("BROKEN"),
        RunOutcome::Inconclusive => paint.unsure("UNSURE"),
        RunOutcome::Unreverted => paint.bad("UNREVERTED"),
        RunOutcome::Interrupted => paint.unsure("INTERRUPTED"),
    }
}
