//! Which of several calls comes when: a pure function of the index.

/// Several things by weight, spread as evenly as the weights allow.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mix {
    /// The upper end of each one's share, rising to 1.
    upto: Vec<f64>,
}

impl Mix {
    /// A mix with these weights.
    pub(super) fn new(weights: impl IntoIterator<Item = u32>) -> Self {
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

    /// Which one comes at an index. Multiples of the golden ratio fall into the shares evenly (Weyl), so
    /// that short phases have the mix of long ones.
    pub(super) fn pick(&self, index: u64) -> usize {
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

    proptest! {
        #[test]
        fn every_stretch_of_calls_has_the_mix(weights in prop::collection::vec(1_u32..9, 1..5), from in 0_u64..100_000) {
            let mix = Mix::new(weights.iter().copied());
            let mut counts = vec![0_u32; weights.len()];
            for index in from..from + 200 {
                counts[mix.pick(index)] += 1;
            }
            let sum: u32 = weights.iter().sum();
            for (count, weight) in counts.iter().zip(&weights) {
                let expected = 200.0 * f64::from(*weight) / f64::from(sum);
                prop_assert!((f64::from(*count) - expected).abs() < 6.0, "{counts:?} of {weights:?}");
            }
        }
    }
}
