//! How arrivals lie about the even places of their rate.

use schemars::JsonSchema;
use serde::Deserialize;
use shaketable_faults::dice::Dice;

/// How calls at the same rate are spaced.
///
/// Each gives the place of a call on a scale on which evenly spaced calls lie at 0, 1, 2, …; the
/// profile of the rate turns that into a time, so that every spacing goes with every profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Spacing {
    /// Always the same gap.
    #[default]
    Even,
    /// Each somewhere within its own gap, all places alike; so two may come close, and never more
    /// than two.
    Jitter,
    /// As independent users come: the gaps are exponential, the counts of equal times Poisson.
    Poisson,
}

impl Spacing {
    /// The place of a call. `gone` is the place of the one before it.
    pub(super) fn place(self, index: u64, seed: u64, gone: &mut f64) -> f64 {
        let mut dice = Dice::of(seed, "", "arrival", index);
        match self {
            Self::Even => index as f64,
            Self::Jitter => index as f64 + dice.roll(),
            Self::Poisson => {
                // The inverse of the exponential distribution's own function; never infinite, as a
                // roll is below 1.
                *gone += -(1.0 - dice.roll()).ln();
                *gone
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Moments, Profile};
    use super::*;

    fn moments(spacing: Spacing, rate: f64, seed: u64, calls: usize) -> Vec<f64> {
        Moments::Rate(Profile::constant(rate), spacing)
            .schedule(seed)
            .take(calls)
            .map(|at| at as f64 / 1e9)
            .collect()
    }

    /// Pearson's statistic of counts against one expectation for all of them.
    fn chi_square(counts: &[f64], expected: &[f64]) -> f64 {
        counts
            .iter()
            .zip(expected)
            .map(|(count, expected)| (count - expected).powi(2) / expected)
            .sum()
    }

    #[test]
    fn poisson_counts_of_a_second_are_distributed_as_poisson_says() {
        // 10,000 seconds at 4/s: how often 0, 1, …, 9 and more calls fell into one.
        let (rate, seconds): (f64, usize) = (4.0, 10_000);
        for seed in [1, 2, 3] {
            let mut in_second = vec![0_usize; seconds];
            let all = Moments::Rate(Profile::constant(rate), Spacing::Poisson).schedule(seed);
            for at in all.map(|at| usize::try_from(at / 1_000_000_000).unwrap()) {
                match in_second.get_mut(at) {
                    Some(count) => *count += 1,
                    None => break,
                }
            }
            let mut seen = [0.0; 10];
            for count in in_second {
                seen[count.min(9)] += 1.0;
            }
            let mut expected = [0.0; 10];
            let (mut chance, mut below) = ((-rate).exp(), 0.0);
            for (count, expected) in expected.iter_mut().enumerate().take(9) {
                *expected = chance * seconds as f64;
                below += chance;
                chance *= rate / (count as f64 + 1.0);
            }
            expected[9] = (1.0 - below) * seconds as f64;
            // 9 degrees of freedom: above 27.9 in one of a thousand (tables of χ²).
            let statistic = chi_square(&seen, &expected);
            assert!(statistic < 27.9, "χ² is {statistic} for seed {seed}");
        }
    }

    #[test]
    fn poisson_gaps_are_exponential() {
        let at = moments(Spacing::Poisson, 1.0, 42, 20_001);
        let gaps = at.windows(2).map(|pair| pair[1] - pair[0]);
        // Ten equally probable classes.
        let mut seen = [0.0; 10];
        for gap in gaps {
            let share = (1.0 - (-gap).exp()) * 10.0;
            let class = (0..10).rfind(|class| share >= f64::from(*class)).unwrap();
            seen[usize::try_from(class).unwrap()] += 1.0;
        }
        let statistic = chi_square(&seen, &[2_000.0; 10]);
        assert!(statistic < 27.9, "χ² is {statistic}");
    }

    #[test]
    fn jitter_is_uniform_within_each_gap() {
        let at = moments(Spacing::Jitter, 1.0, 42, 20_000);
        let mut seen = [0.0; 10];
        for (index, at) in at.iter().enumerate() {
            let within = at - index as f64;
            assert!((0.0..1.0).contains(&within));
            let class = (0..10).rfind(|class| within * 10.0 >= f64::from(*class));
            seen[usize::try_from(class.unwrap()).unwrap()] += 1.0;
        }
        let statistic = chi_square(&seen, &[2_000.0; 10]);
        assert!(statistic < 27.9, "χ² is {statistic}");
    }

    proptest! {
        #[test]
        fn the_same_seed_gives_the_same_moments_in_order(seed in any::<u64>(), rate in 0.1..5_000.0) {
            for spacing in [Spacing::Even, Spacing::Jitter, Spacing::Poisson] {
                let once = moments(spacing, rate, seed, 300);
                prop_assert_eq!(&once, &moments(spacing, rate, seed, 300));
                prop_assert!(once.is_sorted());
            }
        }

        #[test]
        fn a_rate_is_a_rate_however_it_is_spaced(seed in any::<u64>(), rate in 1.0..1_000.0) {
            for spacing in [Spacing::Even, Spacing::Jitter] {
                let at = moments(spacing, rate, seed, 1_000);
                prop_assert!((at[999] * rate - 999.5).abs() <= 1.0);
            }
            // The sum of 1,000 exponential gaps: standard deviation √1000, six of them.
            let at = moments(Spacing::Poisson, rate, seed, 1_000);
            prop_assert!((at[999] * rate - 1_000.0).abs() < 190.0);
        }
    }
}
