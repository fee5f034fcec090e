//! How many bytes of a flow may go now, and when the next: the arithmetic of limits, as a pure
//! function of the time that it is told.

use std::time::{Duration, Instant};

use crate::dice::Dice;
use crate::fault::flow::{Flow, Then};

/// A rate is kept in so many steps a second: enough to be smooth, few enough to be cheap.
const STEPS: u64 = 500;
/// How much a sender that was held up (by the machine, by its peer) may catch up.
const CATCH_UP_MAX: Duration = Duration::from_secs(1);

/// How long bytes wait at a rate of nothing before it is looked at again.
const BLOCKED: Duration = Duration::from_hours(1);

/// What may happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// So many bytes go now; at least one.
    Go(usize),
    /// Nothing goes before then.
    Wait(Instant),
    /// The limit is reached.
    Stopped(Then),
}

/// The state of one flow's limits.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// From when on the line is free, under a rate.
    free: Option<Instant>,
    /// Since when bytes wait for the line to be free.
    waits_for: Option<Instant>,
    /// How late they were woken then: so much may be caught up.
    late: Duration,
    /// What is left of the current slice.
    slice_left: u64,
    /// When the next slice may begin.
    slice_at: Option<Instant>,
    /// What has passed since there is a limit.
    passed: u64,
    /// Until when a limit pauses the flow.
    paused: Option<Instant>,
}

impl Pace {
    /// What may happen to `available` bytes (at least one) at this moment.
    pub(crate) fn next(
        &mut self,
        flow: &Flow,
        available: usize,
        now: Instant,
        dice: &mut Dice,
    ) -> Next {
        let mut most = available as u64;
        if let Some(stop) = flow.stop {
            let left = stop.after.saturating_sub(self.passed);
            if left > 0 {
                most = most.min(left);
            } else if let Then::Pause(time) = stop.then {
                let until = *self.paused.get_or_insert(now + time);
                if until > now {
                    return Next::Wait(until);
                }
            } else {
                return Next::Stopped(stop.then);
            }
        }
        if let Some(slice) = flow.slice {
            if self.slice_left == 0 {
                if let Some(at) = self.slice_at
                    && at > now
                {
                    return Next::Wait(at);
                }
                let vary = dice.below(2 * slice.variation + 1);
                // At least one byte, whatever the variation.
                self.slice_left = (slice.size + vary).saturating_sub(slice.variation).max(1);
            }
            most = most.min(self.slice_left);
        }
        for rate in &flow.rates {
            if rate.bytes == 0 {
                return Next::Wait(now + BLOCKED);
            }
            let free = match &rate.shared {
                Some(line) => line.with(|free| *free),
                None => self.free,
            };
            if let Some(free) = free
                && free > now
            {
                self.waits_for = Some(free);
                return Next::Wait(free);
            }
            most = most.min((rate.bytes / STEPS).max(1));
        }
        if let Some(due) = self.waits_for.take() {
            self.late = now.saturating_duration_since(due).min(CATCH_UP_MAX);
        }
        Next::Go(usize::try_from(most).unwrap_or(usize::MAX))
    }

    /// So many bytes went.
    pub(crate) fn sent(&mut self, flow: &Flow, bytes: usize, now: Instant) {
        if flow.stop.is_some() {
            self.passed += bytes as u64;
        } else {
            self.passed = 0;
            self.paused = None;
        }
        if let Some(slice) = flow.slice {
            self.slice_left = self.slice_left.saturating_sub(bytes as u64);
            if self.slice_left == 0 {
                self.slice_at = Some(now + slice.gap);
            }
        } else {
            (self.slice_left, self.slice_at) = (0, None);
        }
        // Who waited continues where the line became free; who comes to a free line does not.
        let earliest = now.checked_sub(self.late).unwrap_or(now);
        let take = |free: &mut Option<Instant>, rate: u64| {
            let from = free.map_or(now, |free| free.max(earliest));
            *free = Some(from + Duration::from_secs_f64(bytes as f64 / rate as f64));
        };
        let mut own: Option<u64> = None;
        for rate in &flow.rates {
            match &rate.shared {
                Some(line) => line.with(|free| take(free, rate.bytes)),
                None => own = Some(own.map_or(rate.bytes, |own| own.min(rate.bytes))),
            }
        }
        match own {
            Some(rate) => take(&mut self.free, rate),
            None => self.free = None,
        }
    }

    /// What a limit says right behind its last byte, before anything more is there to send.
    pub(crate) fn stopped(&self, flow: &Flow) -> Option<Then> {
        let stop = flow.stop?;
        let ends = !matches!(stop.then, Then::Pause(_));
        (ends && stop.after > 0 && self.passed >= stop.after).then_some(stop.then)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Break;
    use crate::fault::flow::{Rate, Slice, Stop};

    fn dice() -> Dice {
        Dice::of(1, "edge", "fault", 0)
    }

    /// Sends through a flow with a clock that only moves when the pace says so; `late` is how
    /// late each wake-up comes. Gives the bytes sent within the time.
    fn sent_in(flow: &Flow, time: Duration, late: Duration) -> u64 {
        let begin = Instant::now();
        let (mut now, mut sent, mut pace, mut dice) = (begin, 0, Pace::default(), dice());
        while now < begin + time {
            match pace.next(flow, 64 * 1024, now, &mut dice) {
                Next::Go(n) => {
                    pace.sent(flow, n, now);
                    sent += n as u64;
                }
                Next::Wait(until) => now = until + late,
                Next::Stopped(_) => break,
            }
        }
        sent
    }

    #[test]
    fn a_rate_is_kept_within_one_percent_also_when_woken_late() {
        for bytes in [100_000, 1_000_000, 10_000_000, 100_000_000] {
            for late in [Duration::ZERO, Duration::from_millis(3)] {
                let rates = vec![Rate {
                    bytes,
                    shared: None,
                }];
                let flow = Flow {
                    rates,
                    ..Flow::default()
                };
                let sent = sent_in(&flow, Duration::from_secs(1), late) as f64;
                assert!(
                    (sent / bytes as f64 - 1.0).abs() < 0.01,
                    "{sent} of {bytes}"
                );
            }
        }
    }

    #[test]
    fn at_a_rate_of_nothing_nothing_goes() {
        let rates = vec![Rate {
            bytes: 0,
            shared: None,
        }];
        let flow = Flow {
            rates,
            ..Flow::default()
        };
        let (mut pace, mut dice, now) = (Pace::default(), dice(), Instant::now());
        let next = pace.next(&flow, 5000, now, &mut dice);
        assert_eq!(next, Next::Wait(now + BLOCKED));
    }

    #[test]
    fn an_idle_line_saves_nothing_up() {
        let rates = vec![Rate {
            bytes: 1000,
            shared: None,
        }];
        let flow = Flow {
            rates,
            ..Flow::default()
        };
        let (mut pace, mut dice, begin) = (Pace::default(), dice(), Instant::now());
        pace.sent(&flow, 10, begin);
        let later = begin + Duration::from_mins(1);
        assert_eq!(pace.next(&flow, 5000, later, &mut dice), Next::Go(2));
        pace.sent(&flow, 2, later);
        assert_eq!(
            pace.next(&flow, 5000, later, &mut dice),
            Next::Wait(later + Duration::from_millis(2))
        );
    }

    #[test]
    fn slices_have_their_size_and_their_gap() {
        let flow = Flow {
            slice: Some(Slice {
                size: 10,
                variation: 3,
                gap: Duration::from_millis(1),
            }),
            ..Flow::default()
        };
        let (mut pace, mut dice, mut now) = (Pace::default(), dice(), Instant::now());
        for _ in 0..100 {
            let Next::Go(n) = pace.next(&flow, 1000, now, &mut dice) else {
                panic!("a slice")
            };
            assert!((7..=13).contains(&n), "{n}");
            pace.sent(&flow, n, now);
            assert_eq!(
                pace.next(&flow, 1000, now, &mut dice),
                Next::Wait(now + Duration::from_millis(1))
            );
            now += Duration::from_millis(1);
        }
    }

    #[test]
    fn a_limit_lets_exactly_so_many_pass() {
        let stop = |then| Flow {
            stop: Some(Stop { after: 7, then }),
            ..Flow::default()
        };
        let (mut pace, mut dice, now) = (Pace::default(), dice(), Instant::now());
        let flow = stop(Then::Break(Break::Reset));
        assert_eq!(pace.next(&flow, 5, now, &mut dice), Next::Go(5));
        pace.sent(&flow, 5, now);
        assert_eq!(pace.stopped(&flow), None);
        assert_eq!(pace.next(&flow, 5, now, &mut dice), Next::Go(2));
        pace.sent(&flow, 2, now);
        assert_eq!(pace.stopped(&flow), Some(Then::Break(Break::Reset)));
        let pausing = stop(Then::Pause(Duration::from_secs(1)));
        let over = now + Duration::from_secs(1);
        assert_eq!(pace.next(&pausing, 5, now, &mut dice), Next::Wait(over));
        assert_eq!(pace.next(&pausing, 5, over, &mut dice), Next::Go(5));
    }
}
