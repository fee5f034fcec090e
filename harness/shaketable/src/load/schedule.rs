//! When each call is due and what it asks: pure functions of its index.

use shaketable_faults::observe::Nanos;

/// The moment at which call `index` of a constant rate is due, after the first one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "584 years of nanoseconds fit"
)]
pub(super) fn due(index: u64, per_second: f64) -> Nanos {
    (index as f64 / per_second * 1e9) as Nanos
}

/// The classes of a mix by weight, spread as evenly as the weights allow.
#[derive(Clone, Debug, PartialEq)]
pub struct Mix {
    /// The upper end of each class's share, rising to 1.
    upto: Vec<f64>,
}

impl Mix {
    /// A mix of classes with these weights.
    pub fn new(weights: impl IntoIterator<Item = u32>) -> Self {
        let mut sum = 0.0;
        let mut upto: Vec<f64> = weights
            .into_iter()
            .map(|weight| {
                sum += f64::from(weight);
                sum
            })
            .collect();
        for end in &mut upto {
            *end /= sum;
        }
        Self { upto }
    }

    /// The class of a call. Multiples of the golden ratio fall into the shares evenly (Weyl), so
    /// that short phases have the mix of long ones.
    pub fn class(&self, index: u64) -> usize {
        const GOLDEN: f64 = 0.618_033_988_749_894_9;
        let at = (index as f64 * GOLDEN).fract();
        self.upto
            .iter()
            .position(|end| at < *end)
            .unwrap_or(self.upto.len().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_rate_is_kept_over_any_number_of_calls() {
        assert_eq!(due(0, 100.0), 0);
        assert_eq!(due(1, 100.0), 10_000_000);
        assert_eq!(due(360_000, 100.0), 3_600_000_000_000);
        assert_eq!(due(3, 0.1), 30_000_000_000);
    }

    proptest! {
        #[test]
        fn every_stretch_of_calls_has_the_mix(weights in prop::collection::vec(1_u32..9, 1..5), from in 0_u64..100_000) {
            let mix = Mix::new(weights.iter().copied());
            let mut counts = vec![0_u32; weights.len()];
            for index in from..from + 200 {
                counts[mix.class(index)] += 1;
            }
            let sum: u32 = weights.iter().sum();
            for (count, weight) in counts.iter().zip(&weights) {
                let expected = 200.0 * f64::from(*weight) / f64::from(sum);
                prop_assert!((f64::from(*count) - expected).abs() < 6.0, "{counts:?} of {weights:?}");
            }
        }
    }
}
