//! How even arrivals are: the gaps between them.

use crate::bench::ratio::percentile;

/// What is cut off at the start, where generators open their connections, in nanoseconds.
const START_NS: u64 = 500_000_000;

/// The gaps between the requests that came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Gaps {
    /// Their standard deviation by their mean: 0 is even, 1 is Poisson.
    pub(crate) variation: f64,
    /// All but one in a hundred are no longer, in microseconds. Unlike the variation it does not
    /// know of the rare long ones that are the machine's.
    pub(crate) p99_us: f64,
}

impl Gaps {
    /// Of the moments of arrival, in nanoseconds; `None` where there are too few to say anything.
    pub(crate) fn of(mut arrivals: Vec<u64>) -> Option<Self> {
        // Of two connections the one that was read first need not have been written first.
        arrivals.sort_unstable();
        let from = arrivals.first()? + START_NS;
        let start = arrivals.partition_point(|at| *at < from);
        let mut gaps: Vec<f64> = arrivals[start..]
            .windows(2)
            .map(|pair| (pair[1] - pair[0]) as f64 / 1000.0)
            .collect();
        if gaps.len() < 2 {
            return None;
        }
        let count = gaps.len() as f64;
        let mean = gaps.iter().sum::<f64>() / count;
        let squares = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>();
        gaps.sort_by(f64::total_cmp);
        Some(Self {
            variation: (squares / count).sqrt() / mean,
            p99_us: percentile(&gaps, 0.99),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn even_arrivals_do_not_vary_whatever_came_at_the_start() {
        let start = [0, 1, 2, 3, 400_000_000];
        let even = (1..=2000).map(|nth| SECOND / 2 + nth * SECOND / 1000);
        let gaps = Gaps::of(start.into_iter().chain(even).collect()).unwrap();
        assert!(gaps.variation < 1e-9, "{gaps:?}");
        assert!((gaps.p99_us - 1000.0).abs() < 1e-9, "{gaps:?}");
    }

    #[test]
    fn bursts_of_four_vary_by_the_root_of_three() {
        // Three gaps of nothing and one of 4 ms: the mean is 1 ms.
        let arrivals = (0..8000).map(|nth| SECOND + nth / 4 * 4_000_000).collect();
        let gaps = Gaps::of(arrivals).unwrap();
        assert!((gaps.variation - 3_f64.sqrt()).abs() < 1e-2, "{gaps:?}");
    }

    #[test]
    fn of_nothing_nothing_is_said() {
        assert_eq!(Gaps::of(Vec::new()), None);
        assert_eq!(Gaps::of(vec![1, 2, 3, SECOND, SECOND + 1]), None);
    }
}
