//! The rounds: every contestant once in each, one after the other, in an order that rotates.

use super::Bench;
use super::calm::Calm;
use super::error::BenchError;
use super::row::{About, Entry, LeftOut, Stand, label};
use crate::steps::tell;

/// What was measured of one contestant.
#[derive(Debug)]
pub(crate) struct Contestant {
    /// The peer.
    pub(crate) peer: String,
    /// Its way of doing it, among those of the row.
    pub(crate) way: &'static str,
    /// A value for each metric, for each round.
    pub(crate) samples: Vec<Vec<f64>>,
}

impl Contestant {
    /// The values of one metric.
    pub(crate) fn values(&self, metric: usize) -> Vec<f64> {
        self.samples
            .iter()
            .map(|sample| sample.get(metric).copied().unwrap_or(f64::NAN))
            .collect()
    }
}

/// A row that was measured.
#[derive(Debug)]
pub(crate) struct Measured {
    /// Which.
    pub(crate) about: About,
    /// In the order of the line-up.
    pub(crate) contestants: Vec<Contestant>,
    /// Who could not be measured in it.
    pub(crate) left_out: Vec<LeftOut>,
    /// Who else was busy meanwhile, and what had to be measured again.
    pub(crate) calm: Calm,
}

impl Measured {
    /// A row that could not be measured at all.
    pub(crate) fn nothing(about: About, calm: Calm) -> Self {
        Self {
            about,
            contestants: Vec::new(),
            left_out: Vec::new(),
            calm,
        }
    }
}

/// Who stands where in a round: the order moves on by one, so that each is measured after each of
/// its neighbours and at each place.
fn order(contestants: usize, round: usize) -> impl Iterator<Item = usize> {
    (0..contestants).map(move |place| (place + round) % contestants)
}

/// Measures a row.
pub(crate) fn measure(bench: &Bench, about: About, entries: Vec<Entry<'_>>) -> Measured {
    let mut calm = bench.calm;
    let mut left_out = Vec::new();
    let mut leave_out = |label: String, why: &BenchError| {
        let why = why.to_string();
        tell(&format!("  {label} is left out: failed to {why}"));
        left_out.push(LeftOut { name: label, why });
    };
    let mut stands: Vec<(Contestant, Box<dyn Stand + '_>)> = Vec::new();
    for Entry { peer, way, stand } in entries {
        match stand {
            Ok(stand) => {
                let samples = Vec::new();
                stands.push((Contestant { peer, way, samples }, stand));
            }
            Err(why) => leave_out(label(&peer, way), &why),
        }
    }
    for round in 0..bench.pairs {
        tell(&format!(
            "  {}: round {} of {}",
            about.name,
            round + 1,
            bench.pairs
        ));
        let mut failed = Vec::new();
        for at in order(stands.len(), round) {
            let (contestant, stand) = &mut stands[at];
            let measured = if about.wants_calm {
                calm.keep(|| stand.sample())
            } else {
                stand.sample()
            };
            match measured {
                Ok(sample) => contestant.samples.push(sample),
                Err(why) => failed.push((at, why)),
            }
        }
        // Who fails once is out: a pair needs both.
        failed.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        for (at, why) in failed {
            let (contestant, _) = stands.remove(at);
            leave_out(label(&contestant.peer, contestant.way), &why);
        }
    }
    Measured {
        about,
        contestants: stands
            .into_iter()
            .map(|(contestant, _)| contestant)
            .collect(),
        left_out,
        calm,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_measured_once_a_round_and_first_in_turn() {
        let rounds: Vec<Vec<usize>> = (0..4).map(|round| order(3, round).collect()).collect();
        assert_eq!(rounds, [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]]);
        let pairs: Vec<Vec<usize>> = (0..2).map(|round| order(2, round).collect()).collect();
        assert_eq!(pairs, [[0, 1], [1, 0]], "two alternate");
        assert_eq!(order(0, 3).count(), 0);
    }
}
