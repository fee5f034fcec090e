//! How often and when a fault hits, among what it is meant for: counts and schedules, both pure
//! functions.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::dice::Dice;
use crate::units::HumanDuration;

/// Which of the exchanges that meet the conditions are hit, by their count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Times {
    /// So many are spared at the beginning.
    pub skip: u64,
    /// Only every n-th of the rest.
    #[schemars(range(min = 1))]
    pub every: Option<u64>,
    /// Only the first so many of these.
    #[schemars(range(min = 1))]
    pub first: Option<u64>,
    /// Only exactly the n-th of these.
    #[schemars(range(min = 1))]
    pub nth: Option<u64>,
    /// Whether each request is counted by itself (its retries are its second, third, … time), or
    /// all of the edge together.
    pub of: Of,
}

/// What is counted together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    /// All that meet the conditions.
    #[default]
    All,
    /// The same request: with the same method, path and query, of the same call by its trace id, or
    /// where it has none with the same body. Where bytes are not read as HTTP: one connection.
    EachRequest,
}

impl Times {
    /// Whether it leaves the choice to others.
    pub(crate) fn takes_all(&self) -> bool {
        self.skip == 0 && self.every.is_none() && self.first.is_none() && self.nth.is_none()
    }

    /// Whether the k-th (from 1) is hit.
    pub(crate) fn picks(&self, k: u64) -> bool {
        let Some(rest) = k.checked_sub(self.skip).filter(|rest| *rest > 0) else {
            return false;
        };
        let every = self.every.unwrap_or(1).max(1);
        let pick = rest / every;
        rest % every == 0
            && self.first.is_none_or(|first| pick <= first)
            && self.nth.is_none_or(|nth| pick == nth)
    }
}

/// When a fault holds, counted from when it was injected.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Schedule {
    /// It begins so much later.
    pub after: Duration,
    /// It holds for so long; until it is lifted when `None`.
    pub lasts: Option<Duration>,
    /// How it comes and goes meanwhile.
    pub shape: Shape,
}

/// How a fault comes and goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Shape {
    /// All the time.
    #[default]
    Steady,
    /// The share of what it hits grows evenly from nothing to all of its `probability`.
    Ramp {
        /// Over this time.
        over: HumanDuration,
    },
    /// On and off, beginning with on.
    Wave {
        /// So long on.
        on: HumanDuration,
        /// So long off.
        off: HumanDuration,
    },
    /// Random outages: the times between them and their lengths are spread exponentially around
    /// these means, and depend on the seed alone.
    Outages {
        /// The mean time between the end of an outage and the next one.
        up: HumanDuration,
        /// The mean length of an outage.
        down: HumanDuration,
    },
}

/// What holds at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Now {
    /// The share of the fault's probability that it has.
    pub(crate) share: f64,
    /// When this changes by a jump.
    pub(crate) next: Option<Duration>,
}

/// No outage, and no pause between two, is shorter: a fault that flickers faster shows nothing.
const SHORTEST: Duration = Duration::from_millis(1);

impl Schedule {
    /// Whether the fault holds all the time.
    pub(crate) fn is_steady(&self) -> bool {
        *self == Self::default()
    }

    /// What holds so long after the injection. `dice` are fresh ones of this fault.
    pub(crate) fn at(&self, elapsed: Duration, dice: Dice) -> Now {
        let Some(within) = elapsed.checked_sub(self.after) else {
            return Now {
                share: 0.0,
                next: Some(self.after),
            };
        };
        if self.lasts.is_some_and(|lasts| within >= lasts) {
            return Now {
                share: 0.0,
                next: None,
            };
        }
        let (share, change) = self.shape.at(within, dice);
        let next = [change, self.lasts].into_iter().flatten().min();
        Now {
            share,
            next: next.map(|next| self.after + next),
        }
    }
}

impl Shape {
    fn at(&self, within: Duration, mut dice: Dice) -> (f64, Option<Duration>) {
        match *self {
            Self::Ramp { over } if within < over.0 => {
                (within.as_secs_f64() / over.0.as_secs_f64(), Some(over.0))
            }
            Self::Steady | Self::Ramp { .. } => (1.0, None),
            Self::Wave { on, off } => turns(within, 1.0, || (on.0, off.0)),
            Self::Outages { up, down } => turns(within, 0.0, || {
                let mut draw = |mean: Duration| mean.mul_f64(-(1.0 - dice.roll()).ln());
                (draw(up.0), draw(down.0))
            }),
        }
    }
}

/// Walks through pairs of times in which the share is first `first` and then the other.
fn turns(
    within: Duration,
    first: f64,
    mut pair: impl FnMut() -> (Duration, Duration),
) -> (f64, Option<Duration>) {
    let mut end = Duration::ZERO;
    loop {
        let (one, other) = pair();
        end += one.max(SHORTEST);
        if within < end {
            return (first, Some(end));
        }
        end += other.max(SHORTEST);
        if within < end {
            return (1.0 - first, Some(end));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(times: Times) -> Vec<u64> {
        (1..=12).filter(|k| times.picks(*k)).collect()
    }

    #[test]
    fn counts_pick_what_they_say() {
        let none = Times::default();
        assert_eq!(picked(none).len(), 12);
        let first = Some(2);
        assert_eq!(picked(Times { first, ..none }), [1, 2]);
        let skip = 3;
        assert_eq!(
            picked(Times {
                skip,
                first,
                ..none
            }),
            [4, 5]
        );
        let every = Some(5);
        assert_eq!(picked(Times { every, ..none }), [5, 10]);
        let nth = Some(3);
        assert_eq!(picked(Times { nth, ..none }), [3]);
        assert_eq!(
            picked(Times {
                skip,
                every,
                nth: Some(1),
                ..none
            }),
            [8]
        );
    }

    const fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn shares(schedule: Schedule, until: u64) -> Vec<f64> {
        let dice = Dice::of(3, "edge", "fault", 0);
        (0..until)
            .map(|s| schedule.at(secs(s), dice.clone()).share)
            .collect()
    }

    #[test]
    fn a_schedule_begins_late_and_ends_early() {
        let schedule = Schedule {
            after: secs(2),
            lasts: Some(secs(3)),
            shape: Shape::Steady,
        };
        assert_eq!(shares(schedule, 7), [0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
        let dice = Dice::of(3, "edge", "fault", 0);
        assert_eq!(schedule.at(secs(0), dice.clone()).next, Some(secs(2)));
        assert_eq!(schedule.at(secs(3), dice.clone()).next, Some(secs(5)));
        assert_eq!(schedule.at(secs(6), dice).next, None);
    }

    #[test]
    fn shapes_ramp_and_wave() {
        let shape = |shape| Schedule {
            shape,
            ..Schedule::default()
        };
        let over = HumanDuration(secs(4));
        assert_eq!(
            shares(shape(Shape::Ramp { over }), 6),
            [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
        );
        let (on, off) = (HumanDuration(secs(2)), HumanDuration(secs(1)));
        assert_eq!(
            shares(shape(Shape::Wave { on, off }), 6),
            [1.0, 1.0, 0.0, 1.0, 1.0, 0.0]
        );
    }

    #[test]
    fn random_outages_have_their_means_and_depend_on_the_seed_alone() {
        let shape = Shape::Outages {
            up: HumanDuration(secs(9)),
            down: HumanDuration(secs(3)),
        };
        let schedule = Schedule {
            shape,
            ..Schedule::default()
        };
        let shares = shares(schedule, 4000);
        assert_eq!(shares, super::tests::shares(schedule, 4000));
        let down = shares.iter().sum::<f64>() / 4000.0;
        assert!((0.2..0.3).contains(&down), "{down}");
    }
}
