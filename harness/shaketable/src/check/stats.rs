//! The little statistics that verdicts rest on.

/// The normal quantile of a two-sided 95% interval.
const Z: f64 = 1.959_964;

/// Wilson's 95% interval for a share of `hits` among `n` (E. B. Wilson, JASA 22, 1927). Of no
/// trials nothing is known.
pub fn wilson(hits: usize, n: usize) -> (f64, f64) {
    if n == 0 {
        return (0.0, 1.0);
    }
    let (hits, n) = (hits as f64, n as f64);
    let share = hits / n;
    let z2 = Z * Z;
    let middle = share + z2 / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    // The ends are exact where nothing or everything hit; rounding must not move them.
    let low = if hits == 0.0 {
        0.0
    } else {
        (middle - half) / scale
    };
    let high = if hits >= n {
        1.0
    } else {
        (middle + half) / scale
    };
    (low, high)
}

/// What an interval says of a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// The whole interval keeps it.
    Holds,
    /// The whole interval breaks it.
    Breaks,
    /// It lies on both sides.
    Open,
}

/// Whether a share of `hits` among `n` is at most `bound`.
pub fn at_most(hits: usize, n: usize, bound: f64) -> Says {
    let (low, high) = wilson(hits, n);
    if high <= bound {
        Says::Holds
    } else if low > bound {
        Says::Breaks
    } else {
        Says::Open
    }
}

/// Whether a share of `hits` among `n` is at least `bound`.
pub fn at_least(hits: usize, n: usize, bound: f64) -> Says {
    let (low, high) = wilson(hits, n);
    if low >= bound {
        Says::Holds
    } else if high < bound {
        Says::Breaks
    } else {
        Says::Open
    }
}

/// The nearest-rank quantile of sorted values; `None` of none.
pub fn quantile(sorted: &[u64], q: f64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank within the slice"
    )]
    let rank = (q * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted.get(rank - 1).copied()
}

/// Mean and standard deviation; of fewer than two values nothing.
pub fn mean_and_deviation(values: &[u64]) -> Option<(f64, f64)> {
    let n = values.len() as f64;
    if values.len() < 2 {
        return None;
    }
    let mean = values.iter().map(|value| *value as f64).sum::<f64>() / n;
    let squares = values.iter().map(|value| (*value as f64 - mean).powi(2));
    Some((mean, (squares.sum::<f64>() / (n - 1.0)).sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_agrees_with_published_values() {
        // Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
        for (hits, n, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let (l, h) = wilson(hits, n);
            assert!(
                (l - low).abs() < 1e-4 && (h - high).abs() < 1e-4,
                "{hits}/{n}: {l} {h}"
            );
        }
    }

    #[test]
    fn few_samples_decide_nothing() {
        assert_eq!(at_most(0, 0, 0.01), Says::Open);
        assert_eq!(at_most(0, 380, 0.01), Says::Open);
        assert_eq!(at_most(0, 381, 0.01), Says::Holds);
        assert_eq!(at_most(30, 381, 0.01), Says::Breaks);
        assert_eq!(at_least(100, 100, 0.95), Says::Holds);
        assert_eq!(at_least(0, 1, 0.95), Says::Breaks);
    }

    #[test]
    fn the_quantile_is_one_of_the_values() {
        let values: Vec<u64> = (1..=100).collect();
        assert_eq!(quantile(&values, 0.99), Some(99));
        assert_eq!(quantile(&values, 1.0), Some(100));
        assert_eq!(quantile(&values[..1], 0.5), Some(1));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
