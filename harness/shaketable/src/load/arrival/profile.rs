//! How the rate of arrivals goes over time, and when so many of them have been due.

use std::fmt;
use std::time::Duration;

use shaketable_faults::observe::Nanos;
use shaketable_faults::units::{HumanDuration, Rate};

/// A stretch of time in which the rate goes evenly from one value to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Piece {
    /// Arrivals a second at its beginning.
    pub from: f64,
    /// Arrivals a second at its end.
    pub to: f64,
    /// How long it takes.
    pub lasts: Duration,
}

impl Piece {
    /// A stretch at one rate.
    pub fn level(rate: f64, lasts: Duration) -> Self {
        Self {
            from: rate,
            to: rate,
            lasts,
        }
    }

    /// How many arrivals are due in it.
    fn area(&self) -> f64 {
        f64::midpoint(self.from, self.to) * self.lasts.as_secs_f64()
    }

    /// After how many seconds of it so many have been due; these are at most its area.
    fn seconds_until(&self, arrivals: f64) -> f64 {
        let lasts = self.lasts.as_secs_f64();
        let slope = (self.to - self.from) / lasts;
        // The root of slope / 2 t² + from t = arrivals, in the form that loses nothing where the
        // slope is small.
        let root = (self.from * self.from + 2.0 * slope * arrivals)
            .max(0.0)
            .sqrt();
        (2.0 * arrivals / (self.from + root).max(f64::MIN_POSITIVE)).min(lasts)
    }
}

/// What comes behind the last piece.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Then {
    /// One rate for ever.
    Level(f64),
    /// The pieces again, for ever.
    Again,
}

/// Arrivals a second over time, from the beginning of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Stretch by stretch.
    pub pieces: Vec<Piece>,
    /// What follows.
    pub then: Then,
}

impl Profile {
    /// One rate from the beginning.
    pub fn constant(rate: f64) -> Self {
        Self {
            pieces: Vec::new(),
            then: Then::Level(rate),
        }
    }

    /// From one rate to another, which is then kept.
    pub fn ramp(from: f64, to: f64, lasts: Duration) -> Self {
        Self {
            pieces: vec![Piece { from, to, lasts }],
            then: Then::Level(to),
        }
    }

    /// One rate, for a time another, and the first one again.
    pub fn spike(base: f64, after: Duration, rate: f64, lasts: Duration) -> Self {
        Self {
            pieces: vec![Piece::level(base, after), Piece::level(rate, lasts)],
            then: Then::Level(base),
        }
    }

    /// So many times as much of everything.
    #[must_use]
    pub fn times(&self, times: f64) -> Self {
        let piece = |piece: &Piece| Piece {
            from: piece.from * times,
            to: piece.to * times,
            lasts: piece.lasts,
        };
        Self {
            pieces: self.pieces.iter().map(piece).collect(),
            then: match self.then {
                Then::Level(rate) => Then::Level(rate * times),
                Then::Again => Then::Again,
            },
        }
    }

    /// The highest rate that is ever reached.
    pub fn peak(&self) -> f64 {
        let then = match self.then {
            Then::Level(rate) => rate,
            Then::Again => 0.0,
        };
        self.pieces
            .iter()
            .flat_map(|piece| [piece.from, piece.to])
            .fold(then, f64::max)
    }

    /// The moment, after the beginning, up to which so many arrivals are due: the inverse of the
    /// integral of the rate. `None` where they never will be.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "584 years of nanoseconds fit, and none is negative"
    )]
    pub fn when(&self, arrivals: f64) -> Option<Nanos> {
        let nanos = |seconds: f64| (seconds * 1e9) as Nanos;
        let (mut left, mut begins) = (arrivals, 0.0);
        if self.then == Then::Again {
            let area: f64 = self.pieces.iter().map(Piece::area).sum();
            if area <= 0.0 {
                return None;
            }
            let rounds = (left / area).floor();
            let round: f64 = self.pieces.iter().map(|p| p.lasts.as_secs_f64()).sum();
            left -= rounds * area;
            begins += rounds * round;
        }
        for piece in &self.pieces {
            let area = piece.area();
            // What is due at the very end of a piece is due at the beginning of the next that has a
            // rate, but for the sum's own rounding.
            if left < area {
                return Some(nanos(begins + piece.seconds_until(left)));
            }
            left -= area;
            begins += piece.lasts.as_secs_f64();
        }
        match self.then {
            Then::Level(rate) if rate > 0.0 => Some(nanos(begins + left / rate)),
            Then::Level(_) => None,
            Then::Again => Some(nanos(begins)),
        }
    }
}

impl fmt::Display for Profile {
    /// `100/s`, `10/s to 200/s over 30s, then 200/s`, `50/s for 1s, 10/s for 2s, and again`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.pieces {
            let lasts = HumanDuration(piece.lasts);
            if (piece.from - piece.to).abs() < f64::EPSILON {
                write!(f, "{} for {lasts}, ", Rate(piece.to))?;
            } else {
                write!(
                    f,
                    "{} to {} over {lasts}, ",
                    Rate(piece.from),
                    Rate(piece.to)
                )?;
            }
        }
        match self.then {
            Then::Level(rate) if self.pieces.is_empty() => write!(f, "{}", Rate(rate)),
            Then::Level(rate) => write!(f, "then {}", Rate(rate)),
            Then::Again => write!(f, "and again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const S: Nanos = 1_000_000_000;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_rate_is_kept_over_any_number_of_arrivals() {
        let profile = Profile::constant(100.0);
        assert_eq!(profile.when(0.0), Some(0));
        assert_eq!(profile.when(1.0), Some(10_000_000));
        assert_eq!(profile.when(360_000.0), Some(3_600 * S));
        assert_eq!(Profile::constant(0.1).when(3.0), Some(30 * S));
    }

    #[test]
    fn a_ramp_has_the_area_of_its_triangle() {
        // 0 to 100/s in 10 s: 500 arrivals; a quarter of them in half the time.
        let ramp = Profile::ramp(0.0, 100.0, s(10));
        assert_eq!(ramp.when(125.0), Some(5 * S));
        assert_eq!(ramp.when(500.0), Some(10 * S));
        assert_eq!(ramp.when(600.0), Some(11 * S));
        // And down: the second half brings the last quarter.
        let down = Profile::ramp(100.0, 0.0, s(10));
        assert_eq!(down.when(375.0), Some(5 * S));
        assert_eq!(down.when(501.0), None, "nothing more ever comes");
    }

    #[test]
    fn it_reads_as_people_say_it() {
        let ramp = Profile::ramp(0.0, 100.0, s(10)).to_string();
        assert_eq!(ramp, "0/s to 100/s over 10s, then 100/s");
        let spike = Profile::spike(10.0, s(2), 50.0, s(1)).to_string();
        assert_eq!(spike, "10/s for 2s, 50/s for 1s, then 10/s");
        assert_eq!(Profile::constant(0.5).to_string(), "0.5/s");
    }

    #[test]
    fn a_spike_is_over_when_it_is_over() {
        let spike = Profile::spike(10.0, s(2), 50.0, s(1));
        assert_eq!(spike.when(10.0), Some(S));
        assert_eq!(spike.when(20.0), Some(2 * S));
        assert_eq!(spike.when(45.0), Some(2 * S + S / 2));
        assert_eq!(spike.when(70.0), Some(3 * S));
        assert_eq!(spike.when(80.0), Some(4 * S));
    }

    #[test]
    fn a_wave_comes_again_and_its_troughs_may_be_empty() {
        let wave = Profile {
            pieces: vec![Piece::level(10.0, s(1)), Piece::level(0.0, s(2))],
            then: Then::Again,
        };
        assert_eq!(wave.when(9.0), Some(9 * S / 10));
        assert_eq!(wave.when(10.0), Some(3 * S));
        assert_eq!(wave.when(25.0), Some(6 * S + S / 2));
        let never = Profile {
            pieces: vec![Piece::level(0.0, s(1))],
            then: Then::Again,
        };
        assert_eq!(never.when(0.0), None);
    }

    fn profiles() -> impl Strategy<Value = Profile> {
        let piece = (0.0..500.0, 0.0..500.0, 1_u64..5_000).prop_map(|(from, to, millis)| Piece {
            from,
            to,
            lasts: Duration::from_millis(millis),
        });
        let then = prop_oneof![(0.5..500.0).prop_map(Then::Level), Just(Then::Again)];
        (prop::collection::vec(piece, 1..5), then)
            .prop_map(|(pieces, then)| Profile { pieces, then })
    }

    /// Counts what is due up to a moment by adding up small steps.
    fn integral(profile: &Profile, until: f64) -> f64 {
        let round: f64 = profile.pieces.iter().map(|p| p.lasts.as_secs_f64()).sum();
        let rate = |at: f64| {
            let mut at = match profile.then {
                Then::Again => at % round,
                Then::Level(level) if at >= round => return level,
                Then::Level(_) => at,
            };
            for piece in &profile.pieces {
                let lasts = piece.lasts.as_secs_f64();
                if at < lasts {
                    return piece.from + (piece.to - piece.from) * at / lasts;
                }
                at -= lasts;
            }
            0.0
        };
        let steps = 20_000;
        let step = until / f64::from(steps);
        (0..steps)
            .map(|n| rate((f64::from(n) + 0.5) * step) * step)
            .sum()
    }

    proptest! {
        #[test]
        fn it_is_the_inverse_of_the_integral(profile in profiles(), arrivals in 0.0..5_000.0) {
            prop_assume!(profile.peak() > 1.0);
            let at = profile.when(arrivals).unwrap() as f64 / 1e9;
            let due = integral(&profile, at);
            prop_assert!((due - arrivals).abs() < 1.0 + arrivals * 0.01, "{due} by {at} s, not {arrivals}");
        }

        #[test]
        fn more_are_never_due_earlier(profile in profiles(), one in 0.0..5_000.0, more in 0.0..100.0) {
            prop_assume!(profile.peak() > 1.0);
            prop_assert!(profile.when(one) <= profile.when(one + more));
        }
    }
}
