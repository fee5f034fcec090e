//! The rounds: every proxy once in each, one after the other, in an order that rotates.

use super::Bench;
use super::calm::Calm;
use super::error::BenchError;
use super::job::Job;
use super::peers::{LeftOut, Peer};
use super::rows::{About, Row, Stand};
use crate::steps::tell;

/// What was measured of one proxy.
#[derive(Debug)]
pub(crate) struct Contestant {
    /// The peer.
    pub(crate) peer: String,
    /// Its job.
    pub(crate) job: Job,
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

/// The name of a contestant in a row: with what it speaks, where the row has both.
pub(crate) fn label(about: &About, peer: &str, job: Job) -> String {
    match (about.jobs.len(), job.is_http()) {
        (1, _) => peer.to_owned(),
        (_, true) => format!("{peer} http"),
        (_, false) => format!("{peer} tcp"),
    }
}

/// Who stands where in a round: the order moves on by one, so that each is measured after each of
/// its neighbours and at each place.
fn order(contestants: usize, round: usize) -> impl Iterator<Item = usize> {
    (0..contestants).map(move |place| (place + round) % contestants)
}

/// Measures a row.
pub(crate) fn measure(
    bench: &Bench,
    about: About,
    row: &dyn Row,
    peers: &[Box<dyn Peer>],
) -> Measured {
    let mut calm = bench.calm;
    let mut left_out = Vec::new();
    let mut leave_out = |label: String, why: &BenchError| {
        let why = why.to_string();
        tell(&format!("  {label} is left out: failed to {why}"));
        left_out.push(LeftOut { name: label, why });
    };
    let mut stands: Vec<(Contestant, Box<dyn Stand + '_>)> = Vec::new();
    for job in about.jobs {
        for peer in peers.iter().filter(|peer| peer.can(*job)) {
            match row.stand(bench, peer.as_ref(), *job) {
                Ok(stand) => stands.push((
                    Contestant {
                        peer: peer.name().to_owned(),
                        job: *job,
                        samples: Vec::new(),
                    },
                    stand,
                )),
                Err(why) => leave_out(label(&about, peer.name(), *job), &why),
            }
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
            leave_out(label(&about, &contestant.peer, contestant.job), &why);
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
