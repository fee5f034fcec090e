//! The report that a tired person understands: a table for each experiment, then why, then what
//! to look at next.

use std::path::Path;

use shaketable::check::{State, Verdict};
use shaketable::report::{ExperimentReport, Report, RunOutcome};

use super::text::paragraph;
use super::{Paint, calls, counted, table, tell, width};
use crate::args::VolumeArgs;

/// Shows how one experiment came out.
pub(crate) fn experiment(report: &ExperimentReport, volume: VolumeArgs) {
    let text = Page::of_stderr().experiment(report, volume);
    if !text.is_empty() {
        tell(&text);
    }
}

/// Shows how the whole run came out, where its files are, and how to run it again.
pub(crate) fn summary(report: &Report, out: Option<&Path>) {
    tell(&Page::of_stderr().summary(report, out));
}

/// The failures that the summary repeats.
const REASONS_MAX: usize = 8;

/// What a report is written on.
#[derive(Clone, Copy, Debug)]
struct Page {
    paint: Paint,
    width: usize,
}

impl Page {
    fn of_stderr() -> Self {
        Self {
            paint: Paint::of_stderr(),
            width: width(),
        }
    }

    fn experiment(self, report: &ExperimentReport, volume: VolumeArgs) -> String {
        let mut blocks = vec![self.head(report)];
        if let Some(error) = &report.error {
            blocks.push(format!("  {} {error}", self.paint.bad("could not run:")));
        }
        for fault in &report.unreverted {
            blocks.push(format!(
                "  {} {fault}",
                self.paint.bad("could not be reverted:")
            ));
        }
        if volume.quiet {
            // What kept an experiment from being run is no detail.
            return if blocks.len() > 1 {
                blocks.join("\n")
            } else {
                String::new()
            };
        }
        if !report.verdicts.is_empty() {
            let head = ["verdict", "claim", "about", "measured", "bound", "samples"];
            let rows = report.verdicts.iter().map(row).collect();
            blocks.push(self.coloured(&table::fitting(&head, rows, self.width)));
        }
        let told = report
            .verdicts
            .iter()
            .filter(|verdict| verdict.state != State::Pass || volume.verbose);
        blocks.extend(told.map(|verdict| self.detail(verdict)));
        if report.outcome() != RunOutcome::Passed || volume.verbose {
            blocks.extend(calls::errors(&report.load, self.paint, self.width, volume));
        }
        blocks.join("\n")
    }

    fn head(self, report: &ExperimentReport) -> String {
        let took: f64 = report.phases.iter().map(|phase| phase.length_s).sum();
        let faults = if report.faults.is_empty() {
            "no faults".to_owned()
        } else {
            some_of(&report.faults)
        };
        let name = format!(
            "{} {}: {faults}",
            self.outcome(report.outcome()),
            self.paint.strong(&report.name)
        );
        if report.phases.is_empty() {
            return format!("{name}\n  no phase was reached in {:.1} s", report.wall_s);
        }
        let mut head = format!(
            "{name}\n  {} in {took:.1} s, ready after {:.2} s, {:.1} s in all",
            calls::many(report.calls),
            report.ready_s,
            report.wall_s,
        );
        if let Some(doubt) = calls::doubt(&report.load) {
            head.push('\n');
            head.push_str(&paragraph("  ", &doubt, self.width));
        }
        head
    }

    /// Colours the verdict at the beginning of each row of a rendered table.
    fn coloured(self, table: &str) -> String {
        let line = |line: &str| {
            for state in [State::Pass, State::Inconclusive, State::Fail] {
                let word = word(state);
                if let Some(rest) = line.strip_prefix(&format!("{word} ")) {
                    return format!("{} {rest}", self.state(state, word));
                }
            }
            line.to_owned()
        };
        table.lines().map(line).collect::<Vec<_>>().join("\n")
    }

    fn state(self, state: State, text: &str) -> String {
        match state {
            State::Pass => self.paint.good(text),
            State::Inconclusive => self.paint.unsure(text),
            State::Fail => self.paint.bad(text),
        }
    }

    fn detail(self, verdict: &Verdict) -> String {
        let mark = match verdict.state {
            State::Pass => "✓",
            State::Fail => "✗",
            State::Inconclusive => "?",
        };
        let mark = self.state(verdict.state, mark);
        let mut lines = vec![format!(
            "\n  {mark} {}: {}",
            self.paint.strong(&verdict.check),
            verdict.about,
        )];
        let claim = paragraph("    claim: ", &verdict.claim, self.width);
        lines.push(self.paint.faint(&claim));
        lines.extend(
            verdict
                .reason
                .iter()
                .map(|reason| paragraph("    ", reason, self.width)),
        );
        let facts = verdict
            .evidence
            .iter()
            .map(|fact| self.paint.faint(&paragraph("      - ", fact, self.width)));
        lines.extend(facts);
        lines.extend(
            verdict
                .next
                .iter()
                .map(|next| paragraph("    next: ", next, self.width)),
        );
        lines.join("\n")
    }

    fn summary(self, report: &Report, out: Option<&Path>) -> String {
        let verdicts = || {
            report
                .experiments
                .iter()
                .flat_map(|experiment| &experiment.verdicts)
        };
        let count = |state: State| verdicts().filter(|verdict| verdict.state == state).count();
        let mut lines = vec![format!(
            "\n{} {}: {}; {} failed, {} inconclusive, {} passed; seed {}",
            self.outcome(report.outcome),
            self.paint.strong(&report.suite),
            counted(report.experiments.len(), "experiment"),
            count(State::Fail),
            count(State::Inconclusive),
            count(State::Pass),
            report.seed,
        )];
        let Some(out) = out else {
            return lines.remove(0);
        };
        lines.extend(self.reasons(report));
        lines.push(format!("  files: {}", out.display()));
        if let Some(first) = report
            .experiments
            .iter()
            .find(|experiment| experiment.outcome() != RunOutcome::Passed)
            && Path::new(&report.file).is_file()
        {
            lines.push(format!(
                "  again: shaketable run {} --filter {} --seed {}",
                quoted(&report.file),
                quoted(&first.name),
                report.seed
            ));
        }
        lines.join("\n")
    }

    /// The failures once more, a line each, so that they stand where the eye ends up.
    fn reasons(self, report: &Report) -> Vec<String> {
        let failed = report.experiments.iter().flat_map(|experiment| {
            let failed = experiment
                .verdicts
                .iter()
                .filter(|verdict| verdict.state == State::Fail);
            failed.map(move |verdict| {
                format!(
                    "{}: {}",
                    experiment.name,
                    verdict.reason.as_deref().unwrap_or_default()
                )
            })
        });
        let mut lines: Vec<String> = failed
            .map(|reason| paragraph(&format!("  {} ", self.paint.bad("✗")), &reason, self.width))
            .collect();
        if lines.len() > REASONS_MAX {
            let more = lines.len() - REASONS_MAX;
            lines.truncate(REASONS_MAX);
            lines.push(format!("  … and {more} more, above"));
        }
        lines
    }

    fn outcome(self, outcome: RunOutcome) -> String {
        match outcome {
            RunOutcome::Passed => self.paint.good("PASS"),
            RunOutcome::Failed => self.paint.bad("FAIL"),
            RunOutcome::Broken => self.paint.bad("BROKEN"),
            RunOutcome::Inconclusive => self.paint.unsure("INCONCLUSIVE"),
            RunOutcome::Unreverted => self.paint.bad("UNREVERTED"),
            RunOutcome::Interrupted => self.paint.unsure("INTERRUPTED"),
        }
    }
}

fn row(verdict: &Verdict) -> Vec<String> {
    vec![
        word(verdict.state).to_owned(),
        verdict.check.clone(),
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
        State::Inconclusive => "inconclusive",
    }
}

/// A word that a shell reads as one.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The first faults of many.
fn some_of(faults: &[String]) -> String {
    const SHOWN: usize = 2;
    let shown = faults.iter().take(SHOWN).cloned().collect::<Vec<_>>();
    match faults.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use shaketable::record::Phase;
    use shaketable::report::{LoadReport, PhaseReport, VERSION};

    use super::*;

    fn report() -> ExperimentReport {
        let pool = Verdict::about(
            "no_pool_exhaustion",
            "order -> inventory",
            "no pool runs dry and blocks other work",
        )
        .measured("flat at 10, backlog 663, others blocked", "not all three")
        .exercised(20, "exchanges")
        .evidence("in flight on order -> inventory: 9 to 10 for 98% of the fault phase")
        .fail(
            "a pool of 10 is exhausted: at 3s an exchange it allows 3.3/s",
            "give inventory a pool of its own",
        );
        let recovery = Verdict::about(
            "recovery",
            "all calls",
            "the system is itself again soon after the fault",
        )
        .measured("at once", "≤ 5s")
        .exercised(800, "calls")
        .pass();
        let bulkhead = Verdict::about(
            "bulkhead",
            "GET /orders/{id}",
            "calls that do not need the faulted edge do not feel it",
        )
        .inconclusive("the baseline has too few calls of GET /orders/{id}");
        ExperimentReport {
            name: "slow inventory".to_owned(),
            verdicts: vec![pool, recovery, bulkhead],
            error: None,
            interrupted: false,
            unreverted: Vec::new(),
            faults: vec!["latency 3s on order -> inventory".to_owned()],
            phases: vec![PhaseReport {
                phase: Phase::Fault,
                length_s: 4.0,
            }],
            ready_s: 0.07,
            wall_s: 4.3,
            calls: 1,
            load: calls::tests::load(),
            dir: "out/slow-inventory".into(),
        }
    }

    #[test]
    fn a_green_experiment_tells_of_no_errors_unless_it_is_asked() {
        let mut green = report();
        green
            .verdicts
            .retain(|verdict| verdict.state == State::Pass);
        let told = page(80).experiment(&green, VolumeArgs::default());
        assert!(!told.contains("errors of calls"), "{told}");
        assert!(
            told.contains("the load was up to 2.3ms late (p99), and left out 12 calls"),
            "{told}"
        );
        let volume = VolumeArgs {
            verbose: true,
            quiet: false,
        };
        assert!(
            page(80)
                .experiment(&green, volume)
                .contains("errors of calls")
        );
        green.load = LoadReport::default();
        let told = page(80).experiment(&green, volume);
        assert!(
            !told.contains("errors of calls") && !told.contains("the load"),
            "{told}"
        );
    }

    fn page(width: usize) -> Page {
        Page {
            paint: Paint::plain(),
            width,
        }
    }

    #[test]
    fn an_experiment_reads_well_at_a_hundred_columns() {
        insta::assert_snapshot!(page(100).experiment(&report(), VolumeArgs::default()));
    }

    #[test]
    fn an_experiment_reads_well_at_eighty_columns_with_all_evidence() {
        let volume = VolumeArgs {
            verbose: true,
            quiet: false,
        };
        insta::assert_snapshot!(page(80).experiment(&report(), volume));
    }

    #[test]
    fn quiet_still_tells_what_kept_an_experiment_from_being_run() {
        let quiet = VolumeArgs {
            verbose: false,
            quiet: true,
        };
        assert_eq!(page(80).experiment(&report(), quiet), "");
        let broken = ExperimentReport {
            error: Some("start order: no such file".to_owned()),
            ..report()
        };
        assert!(page(80).experiment(&broken, quiet).contains("no such file"));
    }

    #[test]
    fn the_summary_says_how_to_run_it_again() {
        let whole = Report {
            version: VERSION,
            tool: "shaketable 0.1.0".to_owned(),
            suite: "order-naive".to_owned(),
            file: "Cargo.toml".to_owned(),
            seed: 7,
            outcome: RunOutcome::Failed,
            experiments: vec![report()],
        };
        insta::assert_snapshot!(page(100).summary(&whole, Some(Path::new("out"))));
    }
}
