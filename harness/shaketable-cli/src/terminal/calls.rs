//! How the load of an experiment did, for the terminal: what went wrong with calls, and what it has to say
//! of itself.

use std::time::Duration;

use shaketable::report::{CallErrors, LoadReport};
use shaketable_faults::units::brief;

use super::text::paragraph;
use super::{Paint, counted};
use crate::args::VolumeArgs;

/// The kinds of errors that an experiment tells.
const ERRORS_MAX: usize = 5;
/// From when on it is told how late calls were sent (p99, in seconds). Latency counts from when they were
/// due, so that nothing hides it; beyond 100 ms it takes a verdict its pass.
const LATE_S: f64 = 1e-3;

/// What went wrong with calls, the most frequent first. (While a fault lasts it may have to.)
pub(super) fn errors(
    load: &LoadReport,
    paint: Paint,
    width: usize,
    volume: VolumeArgs,
) -> Option<String> {
    let shown = if volume.verbose {
        load.errors.len()
    } else {
        load.errors.len().min(ERRORS_MAX)
    };
    let (shown, rest) = load.errors.split_at(shown);
    if shown.is_empty() {
        return None;
    }
    let counts = |errors: &CallErrors| {
        [errors.baseline, errors.fault, errors.recovery].map(|count| count.to_string())
    };
    let widest = shown.iter().flat_map(counts).map(|count| count.len()).max();
    let widest = widest.unwrap_or_default();
    let mut lines = vec![format!(
        "\n  {} in baseline, fault and recovery:",
        paint.strong("errors of calls")
    )];
    for errors in shown {
        let counts = counts(errors).map(|count| format!("{count:>widest$}"));
        let lead = format!("    {}  ", counts.join(" "));
        let mut text = format!("{}: {}", errors.call, errors.what);
        if let Some(example) = &errors.example {
            text.push_str("; ");
            text.push_str(example);
        }
        lines.push(paragraph(&lead, &text, width));
    }
    let more = rest.iter().map(CallErrors::count).sum::<u64>() + load.other_errors;
    if more > 0 {
        lines.push(format!("    … and {} more, of other kinds", many(more)));
    }
    Some(lines.join("\n"))
}

/// What the load has to say of itself: that it was late, or left calls out.
pub(super) fn doubt(load: &LoadReport) -> Option<String> {
    let late = (load.late_p99_s > LATE_S).then(|| {
        let late = brief(Duration::from_secs_f64(load.late_p99_s));
        format!("was up to {late} late (p99)")
    });
    let missed = (load.missed > 0).then(|| format!("left out {} that were due", many(load.missed)));
    let said: Vec<String> = late.into_iter().chain(missed).collect();
    (!said.is_empty()).then(|| format!("the load {}", said.join(", and ")))
}

/// So many calls.
pub(super) fn many(count: u64) -> String {
    counted(usize::try_from(count).unwrap_or(usize::MAX), "call")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn kind(call: &str, what: &str, counts: [u64; 3], example: Option<&str>) -> CallErrors {
        let [baseline, fault, recovery] = counts;
        CallErrors {
            call: call.to_owned(),
            what: what.to_owned(),
            baseline,
            fault,
            recovery,
            example: example.map(str::to_owned),
        }
    }

    /// A load that was late, missed calls and met errors.
    pub(in crate::terminal) fn load() -> LoadReport {
        LoadReport {
            missed: 12,
            late_p99_s: 0.0023,
            errors: vec![
                kind(
                    "POST /orders",
                    "timed out",
                    [0, 401, 12],
                    Some("no whole answer within 10s"),
                ),
                kind("GET /prices/{sku}", "status 503", [1, 20, 0], None),
                kind(
                    "GET /orders/{id}",
                    "wrong answer",
                    [0, 3, 0],
                    Some(
                        "the body breaks its schema: at /lines/1/price_cents: want integer, but got null",
                    ),
                ),
            ],
            other_errors: 7,
        }
    }

    #[test]
    fn errors_of_many_kinds_are_summed_up() {
        let mut many = load();
        let kinds =
            (500..512).map(|code| kind("GET /", &format!("status {code}"), [0, 2, 0], None));
        many.errors = kinds.collect();
        let told = errors(&many, Paint::plain(), 80, VolumeArgs::default()).unwrap();
        assert!(
            told.contains("status 504") && !told.contains("status 505"),
            "{told}"
        );
        assert!(told.contains("and 21 calls more, of other kinds"), "{told}");
    }
}
