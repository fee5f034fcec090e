//! Bounds on what a load did: `p99<50ms`, `errors<1%`, `rate>=99%`.

use std::fmt;
use std::str::FromStr;

use shaketable_faults::units::{HumanDuration, Percent};

use super::report::Report;

/// A bound on one figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    figure: Figure,
    least: bool,
    /// Milliseconds, or a share.
    bound: f64,
    written: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Figure {
    Mean,
    P50,
    P90,
    P95,
    P99,
    P999,
    Max,
    /// The share of calls without a good answer.
    Errors,
    /// The share of calls with one.
    Goodput,
    /// The share of what was due that was sent.
    Rate,
}

const FIGURES: [(&str, Figure); 10] = [
    ("mean", Figure::Mean),
    ("p50", Figure::P50),
    ("p90", Figure::P90),
    ("p95", Figure::P95),
    ("p99", Figure::P99),
    ("p99.9", Figure::P999),
    ("max", Figure::Max),
    ("errors", Figure::Errors),
    ("goodput", Figure::Goodput),
    ("rate", Figure::Rate),
];

impl Figure {
    fn is_share(self) -> bool {
        matches!(self, Self::Errors | Self::Goodput | Self::Rate)
    }

    fn of(self, report: &Report) -> f64 {
        let latency = &report.latency_ms;
        let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
        match self {
            Self::Mean => latency.mean,
            Self::P50 => latency.p50,
            Self::P90 => latency.p90,
            Self::P95 => latency.p95,
            Self::P99 => latency.p99,
            Self::P999 => latency.p999,
            Self::Max => latency.max,
            Self::Errors => 1.0 - share(report.good, report.scheduled),
            Self::Goodput => share(report.good, report.scheduled),
            Self::Rate => share(report.sent, report.scheduled),
        }
    }
}

/// A text is no threshold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{written}` is no threshold: {why}; write one as in `p99<50ms`, `errors<1%` or `rate>=99%`"
)]
pub struct ThresholdError {
    written: String,
    why: String,
}

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        let wrong = |why: String| ThresholdError {
            written: text.to_owned(),
            why,
        };
        let at = text
            .find(['<', '>'])
            .ok_or_else(|| wrong("there is no `<` or `>` in it".to_owned()))?;
        let (name, rest) = (text[..at].trim(), &text[at..]);
        let least = rest.starts_with('>');
        let bound = rest[1..].strip_prefix('=').unwrap_or(&rest[1..]).trim();
        let known = FIGURES.iter().find(|(known, _)| *known == name);
        let (_, figure) = known.ok_or_else(|| {
            let names: Vec<&str> = FIGURES.iter().map(|(name, _)| *name).collect();
            wrong(format!("known figures are {}", names.join(", ")))
        })?;
        let bound = if figure.is_share() {
            bound
                .parse::<Percent>()
                .map(|percent| percent.0)
                .map_err(wrong)?
        } else {
            let time = bound.parse::<HumanDuration>().map_err(wrong)?;
            time.0.as_secs_f64() * 1000.0
        };
        Ok(Self {
            figure: *figure,
            least,
            bound,
            written: text.trim().to_owned(),
        })
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl Threshold {
    /// What was measured, for a person, and whether it keeps the bound. Nothing keeps any bound
    /// where no call was made. A bound itself is kept.
    pub fn judge(&self, report: &Report) -> (String, bool) {
        if report.scheduled == 0 {
            return ("no call was made".to_owned(), false);
        }
        let value = self.figure.of(report);
        let kept = if self.least {
            value >= self.bound
        } else {
            value <= self.bound
        };
        let shown = if self.figure.is_share() {
            format!("{:.2} %", value * 100.0)
        } else {
            format!("{value:.2} ms")
        };
        (shown, kept)
    }

    /// Whether it rests on how long things took.
    pub fn is_timed(&self) -> bool {
        !matches!(self.figure, Figure::Errors | Figure::Goodput)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_threshold_says_what_one_is() {
        let wrong = |text: &str| text.parse::<Threshold>().unwrap_err().to_string();
        assert!(
            wrong("p99").contains("there is no `<` or `>`"),
            "{}",
            wrong("p99")
        );
        assert!(wrong("p98<1s").contains("known figures are mean, p50"));
        assert!(
            wrong("p99<1").contains("is not a duration"),
            "{}",
            wrong("p99<1")
        );
        assert!(wrong("errors<1").contains('%'), "{}", wrong("errors<1"));
    }

    #[test]
    fn they_are_read_as_written() {
        let threshold: Threshold = "p99.9 <= 1.5s".parse().unwrap();
        assert_eq!((threshold.figure, threshold.least), (Figure::P999, false));
        assert!((threshold.bound - 1500.0).abs() < 1e-9);
        let threshold: Threshold = "goodput>=99.5%".parse().unwrap();
        assert!(threshold.least && !threshold.is_timed());
        assert!((threshold.bound - 0.995).abs() < 1e-9);
    }
}
