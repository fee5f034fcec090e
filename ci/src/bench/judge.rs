//! What is asked of ours, against what was measured.

use super::alternate::{Contestant, Measured, label};
use super::ratio::Spread;
use super::rows::Target;

/// A target and what became of it.
#[derive(Debug)]
pub(crate) struct Judged {
    /// The row, the metric, whose, and against whom.
    pub(crate) what: String,
    /// What is asked.
    pub(crate) asked: String,
    /// What was measured.
    pub(crate) measured: Option<Spread>,
    /// Whether that is enough; `None` where it was not measured.
    pub(crate) met: Option<bool>,
    /// Whether others disturbed some of the measurements behind it.
    pub(crate) disturbed: bool,
}

/// Ours in proportion to another, by a metric, round by round.
pub(crate) fn ratio(ours: &Contestant, other: &Contestant, metric: usize) -> Option<Spread> {
    Spread::of_pairs(&ours.values(metric), &other.values(metric))
}

/// Ours that did the same kind of job as another.
pub(crate) fn ours_beside<'a>(
    measured: &'a Measured,
    other: &Contestant,
) -> Option<&'a Contestant> {
    measured
        .contestants
        .iter()
        .find(|ours| ours.peer == super::ours::NAME && ours.job.is_http() == other.job.is_http())
}

/// All targets of a row.
pub(crate) fn judge(measured: &Measured) -> Vec<Judged> {
    let about = &measured.about;
    let mut judged = Vec::new();
    for target in about.targets {
        match target.against {
            Some(peer) => judged.push(compared(measured, target, peer)),
            None => {
                judged.extend(about.jobs.iter().map(|job| {
                    let name = label(about, super::ours::NAME, *job);
                    let ours = measured.contestants.iter().find(|contestant| {
                        contestant.peer == super::ours::NAME && contestant.job == *job
                    });
                    let spread = ours.and_then(|ours| Spread::of(ours.values(target.metric)));
                    verdict(measured, target, &name, spread)
                }));
            }
        }
    }
    judged
}

fn compared(measured: &Measured, target: &Target, peer: &str) -> Judged {
    let other = measured
        .contestants
        .iter()
        .find(|contestant| contestant.peer == peer);
    let spread = other.and_then(|other| {
        let ours = measured
            .contestants
            .iter()
            .find(|contestant| contestant.peer == super::ours::NAME)?;
        ratio(ours, other, target.metric)
    });
    verdict(measured, target, &format!("ours / {peer}"), spread)
}

fn verdict(row: &Measured, target: &Target, whose: &str, measured: Option<Spread>) -> Judged {
    let about = &row.about;
    let metric = about.metrics[target.metric].name;
    Judged {
        what: format!("{}: {metric}, {whose}", about.name),
        asked: target.bound.to_string(),
        measured,
        met: measured.map(|spread| target.bound.met(spread.median)),
        disturbed: row.calm.disturbed > 0,
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these are exact")]
mod tests {
    use std::time::Duration;

    use super::super::calm::Calm;
    use super::super::job::Job;
    use super::super::ratio::Bound;
    use super::super::rows::{About, Metric};
    use super::*;

    fn contestant(peer: &str, values: &[f64]) -> Contestant {
        Contestant {
            peer: peer.to_owned(),
            job: Job::Bytes,
            samples: values.iter().map(|value| vec![*value]).collect(),
        }
    }

    fn measured(contestants: Vec<Contestant>) -> Measured {
        const METRICS: &[Metric] = &[Metric {
            name: "requests/s",
            decimals: 0,
            compared: true,
        }];
        const TARGETS: &[Target] = &[
            Target {
                metric: 0,
                against: Some("haproxy"),
                bound: Bound::AtLeast(0.95),
            },
            Target {
                metric: 0,
                against: None,
                bound: Bound::AtMost(100.0),
            },
        ];
        Measured {
            about: About {
                name: "row",
                title: "a row",
                jobs: &[Job::Bytes],
                metrics: METRICS,
                targets: TARGETS,
                wants_calm: true,
            },
            contestants,
            left_out: Vec::new(),
            calm: Calm::new(100.0, Duration::ZERO),
        }
    }

    #[test]
    fn the_median_of_the_pairs_decides() {
        let ours = contestant("ours", &[96.0, 50.0, 99.0]);
        let haproxy = contestant("haproxy", &[100.0, 100.0, 100.0]);
        let judged = judge(&measured(vec![ours, haproxy]));
        assert_eq!(judged[0].what, "row: requests/s, ours / haproxy");
        assert_eq!(judged[0].asked, ">= 0.95");
        assert_eq!(judged[0].measured.unwrap().min, 0.5);
        assert_eq!(judged[0].met, Some(true));
        assert_eq!(judged[1].met, Some(true), "96 is at most 100");
    }

    #[test]
    fn what_was_not_measured_is_neither_met_nor_missed() {
        let judged = judge(&measured(vec![contestant("ours", &[101.0])]));
        assert_eq!(judged[0].met, None);
        assert_eq!(judged[1].met, Some(false));
        let judged = super::judge(&measured(vec![contestant("haproxy", &[1.0])]));
        assert!(judged.iter().all(|judged| judged.met.is_none()));
    }
}
