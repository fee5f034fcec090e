//! What people see of `shaketable load`: a moving line while it goes on, and tables at its end.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use shaketable::load::Pacing;
use shaketable::load::solo::{Figures, Meter, Report, Seen, Threshold};
use shaketable::units::brief;

use super::{Paint, counted, table, tell};
use crate::args::load::LoadArgs;

/// How often the line moves.
pub(crate) const TICK: Duration = Duration::from_millis(500);

/// The line that moves.
pub(crate) struct Watch {
    bar: ProgressBar,
    whole: Duration,
    before: RefCell<(Duration, Seen)>,
}

impl Watch {
    /// Shows it on a terminal, and nowhere else.
    pub(crate) fn begin(meter: &Meter, args: &LoadArgs, whole: Duration) -> Self {
        let live = std::io::stderr().is_terminal() && !args.quiet;
        let target = if live {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(1000), target);
        if let Ok(style) = ProgressStyle::with_template("{bar:16} {wide_msg}") {
            bar.set_style(style.progress_chars("━╸─"));
        }
        Self {
            bar,
            whole,
            before: RefCell::new((Duration::ZERO, meter.seen())),
        }
    }

    /// Moves it on.
    pub(crate) fn tell(&self, meter: &Meter, now: Duration) {
        if self.bar.is_hidden() {
            return;
        }
        let seen = meter.seen();
        let mut before = self.before.borrow_mut();
        let (then, earlier) = &*before;
        let span = now.saturating_sub(*then).as_secs_f64().max(1e-3);
        let mut lately = seen.times.latency.clone();
        // Whatever was there before is still there.
        let _ = lately.subtract(&earlier.times.latency);
        let at = |quantile| brief(Duration::from_nanos(lately.value_at_quantile(quantile)));
        let ended = seen.times.calls() - earlier.times.calls();
        let errors: u64 = seen.errors.values().map(|(count, _)| count).sum();
        let late = Duration::from_nanos(seen.lateness.value_at_quantile(0.99));
        let share = (now.as_secs_f64() / self.whole.as_secs_f64().max(1e-3)).min(1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 1000"
        )]
        self.bar.set_position((share * 1000.0) as u64);
        self.bar.set_message(format!(
            "{:.0}/s, p50 {}, p99 {}, {}, {} in flight, {} late",
            ended as f64 / span,
            at(0.5),
            at(0.99),
            counted(usize::try_from(errors).unwrap_or(usize::MAX), "error"),
            seen.in_flight,
            brief(late),
        ));
        *before = (now, seen);
    }

    /// Takes it away.
    pub(crate) fn end(self) {
        self.bar.finish_and_clear();
    }
}

/// The result, for people.
pub(crate) fn report(report: &Report) -> String {
    let paint = Paint::of_stdout();
    let mut text = String::new();
    let pacing = match report.pacing {
        Pacing::LowCpu => "to a millisecond",
        _ => "precisely",
    };
    let _ = writeln!(
        text,
        "{} in {:.1} s, {:.1} answers/s, paced {pacing}, {:.2} s of CPU",
        counted(usize::try_from(report.sent).unwrap_or(usize::MAX), "call"),
        report.seconds,
        report.throughput,
        report.cpu_s,
    );
    let head = ["ms", "mean", "p50", "p90", "p95", "p99", "p99.9", "max"];
    let rows = vec![
        row("latency, from when due", &report.latency_ms),
        row("service, from when sent", &report.service_ms),
        row("lateness of sending", &report.lateness_ms),
    ];
    let _ = writeln!(text, "{}", table(&head, rows));
    let statuses = report.statuses.iter();
    let statuses: Vec<String> = statuses
        .map(|(status, n)| format!("{n} × {status}"))
        .collect();
    if !statuses.is_empty() {
        let _ = writeln!(text, "answers: {}", statuses.join(", "));
    }
    let _ = writeln!(text, "in flight: {} at most", report.in_flight_max);
    if report.queued.calls > 0 {
        let _ = writeln!(
            text,
            "queued for a connection: {} calls, for {:.1} ms at most",
            report.queued.calls, report.queued.longest_ms
        );
    }
    if report.missed > 0 {
        let _ = writeln!(
            text,
            "missed: {} calls were due and not sent",
            report.missed
        );
    }
    for (kind, error) in &report.errors {
        let line = format!("{kind}: {} calls, as in: {}", error.count, error.example);
        let _ = writeln!(text, "{}", paint.bad(&line));
    }
    for doubt in &report.doubts {
        let _ = writeln!(
            text,
            "{}",
            paint.unsure(&format!("unsure of the times: {doubt}"))
        );
    }
    text.trim_end().to_owned()
}

fn row(name: &str, figures: &Figures) -> Vec<String> {
    let Figures {
        mean,
        p50,
        p90,
        p95,
        p99,
        p999,
        max,
    } = *figures;
    let mut cells = vec![name.to_owned()];
    let shown = [mean, p50, p90, p95, p99, p999, max];
    cells.extend(shown.map(|figure| format!("{figure:.3}")));
    cells
}

/// One threshold and what became of it.
pub(crate) fn tell_threshold(threshold: &Threshold, measured: &str, kept: bool, doubted: bool) {
    let paint = Paint::of_stderr();
    let verdict = match (kept, doubted) {
        (false, _) => paint.bad("FAIL"),
        (true, true) => paint.unsure("unsure"),
        (true, false) => paint.good("pass"),
    };
    tell(&format!("{verdict} {threshold}: {measured}"));
}
