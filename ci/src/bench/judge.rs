//! What is asked of ours, against what was measured.

use super::alternate::{Contestant, Measured};
use super::ratio::Spread;
use super::row::{OURS, Target, label};

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

/// Ours that did it in the same way as another; the first of ours where no way is the same.
pub(crate) fn ours_beside<'a>(
    measured: &'a Measured,
    other: &Contestant,
) -> Option<&'a Contestant> {
    let first = || measured.contestants.iter().find(|one| one.peer == OURS);
    ours(measured, other.way).or_else(first)
}

fn ours<'a>(measured: &'a Measured, way: &str) -> Option<&'a Contestant> {
    measured
        .contestants
        .iter()
        .find(|one| one.peer == OURS && one.way == way)
}

/// All targets of a row.
pub(crate) fn judge(measured: &Measured) -> Vec<Judged> {
    let mut judged = Vec::new();
    for target in measured.about.targets {
        let ways = measured.about.ways.iter();
        let mut ways = ways.filter(|way| target.way.is_none_or(|wanted| wanted == **way));
        match target.against {
            Some(peer) => {
                // One peer is compared with one of ours.
                let way = ways.next().copied().unwrap_or_default();
                judged.push(compared(measured, target, way, peer));
            }
            None => judged.extend(ways.map(|way| {
                let ours = ours(measured, way);
                let spread = ours.and_then(|ours| Spread::of(ours.values(target.metric)));
                verdict(measured, target, &label(OURS, way), spread)
            })),
        }
    }
    judged
}

fn compared(measured: &Measured, target: &Target, way: &str, peer: &str) -> Judged {
    let other = measured
        .contestants
        .iter()
        .find(|contestant| contestant.peer == peer);
    let spread = other
        .zip(ours(measured, way))
        .and_then(|(other, ours)| ratio(ours, other, target.metric));
    let whose = format!("{} / {peer}", label(OURS, way));
    verdict(measured, target, &whose, spread)
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
    use super::super::ratio::Bound;
    use super::super::row::{About, Metric, ONE_WAY};
    use super::*;

    fn contestant(peer: &str, values: &[f64]) -> Contestant {
        Contestant {
            peer: peer.to_owned(),
            way: "",
            samples: values.iter().map(|value| vec![*value]).collect(),
        }
    }

    fn measured(contestants: Vec<Contestant>) -> Measured {
        const METRICS: &[Metric] = &[Metric::compared("requests/s", 0)];
        const TARGETS: &[Target] = &[
            Target {
                metric: 0,
                way: None,
                against: Some("haproxy"),
                bound: Bound::AtLeast(0.95),
            },
            Target {
                metric: 0,
                way: None,
                against: None,
                bound: Bound::AtMost(100.0),
            },
        ];
        Measured {
            about: About {
                name: "row",
                title: "a row",
                ways: ONE_WAY,
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
