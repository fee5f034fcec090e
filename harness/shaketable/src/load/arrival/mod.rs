//! When calls are due: pure functions of their index and the seed, which no answer can change.

mod profile;
mod recorded;
mod spacing;

use std::sync::Arc;

use shaketable_faults::observe::Nanos;

pub use profile::{Piece, Profile, Then};
pub use recorded::recorded;
pub use spacing::Spacing;

/// The moments at which the calls of an open stream are due.
#[derive(Clone, Debug, PartialEq)]
pub enum Moments {
    /// At a rate.
    Rate(Profile, Spacing),
    /// As they once were; in order, counted from the beginning of the stream.
    Recorded(Arc<[Nanos]>),
}

impl Moments {
    /// So many calls at the very beginning.
    pub fn burst(calls: usize) -> Self {
        Self::Recorded(vec![0; calls].into())
    }

    /// The most calls a second that they ask for, where they have a rate.
    pub fn peak(&self) -> Option<f64> {
        match self {
            Self::Rate(profile, _) => Some(profile.peak()),
            Self::Recorded(_) => None,
        }
    }

    /// All of them in order, counted from the beginning of the stream.
    pub fn schedule(&self, seed: u64) -> Schedule {
        Schedule {
            moments: self.clone(),
            seed,
            index: 0,
            gone: 0.0,
        }
    }
}

/// The moments of a stream, one after the other.
#[derive(Clone, Debug)]
pub struct Schedule {
    moments: Moments,
    seed: u64,
    /// Of the next call.
    index: u64,
    /// Where the next call lies among evenly spaced ones; only used where each depends on the one
    /// before.
    gone: f64,
}

impl Iterator for Schedule {
    type Item = Nanos;

    fn next(&mut self) -> Option<Nanos> {
        let index = self.index;
        self.index += 1;
        match &self.moments {
            Moments::Rate(profile, spacing) => {
                let at = spacing.place(index, self.seed, &mut self.gone);
                profile.when(at)
            }
            Moments::Recorded(moments) => {
                let index = usize::try_from(index).ok()?;
                moments.get(index).copied()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_all_at_once_and_ends() {
        let burst: Vec<_> = Moments::burst(3).schedule(1).collect();
        assert_eq!(burst, [0, 0, 0]);
    }

    #[test]
    fn what_was_recorded_comes_again() {
        let moments = Moments::Recorded([5, 5, 9].into());
        assert_eq!(moments.schedule(7).collect::<Vec<_>>(), [5, 5, 9]);
        assert_eq!(moments.peak(), None);
    }
}
