//! Whether others leave the machine alone: a measurement that they disturbed is made again, as long
//! as there is patience. What decides is who used the processors, never what came out.

use std::time::{Duration, Instant};

use super::error::BenchError;
use super::machine::Watch;
use crate::steps::tell;

/// How long to look before it is said that others are quiet.
const LOOK: Duration = Duration::from_millis(500);

/// How calm the machine has to be, and for how long to wait for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calm {
    /// The share of the machine that others may use.
    limit: f64,
    /// How much longer may be waited, in this row.
    patience: Duration,
    /// Measurements that were made again.
    pub(crate) repeated: usize,
    /// Measurements that count although others used more.
    pub(crate) disturbed: usize,
}

impl Calm {
    /// Others may use so many percent of the machine.
    pub(crate) fn new(percent: f64, patience: Duration) -> Self {
        Self {
            limit: percent / 100.0,
            patience,
            repeated: 0,
            disturbed: 0,
        }
    }

    /// Measures until nobody disturbs it, or patience is out.
    pub(crate) fn keep<T>(
        &mut self,
        mut measure: impl FnMut() -> Result<T, BenchError>,
    ) -> Result<T, BenchError> {
        loop {
            self.wait()?;
            let start = Instant::now();
            let watch = Watch::start()?;
            let measured = measure();
            let others = watch.others()?;
            if others.processes + others.host <= self.limit {
                return measured;
            }
            if self.patience.is_zero() {
                self.disturbed += 1;
                return measured;
            }
            self.repeated += 1;
            self.patience = self.patience.saturating_sub(start.elapsed());
        }
    }

    fn wait(&mut self) -> Result<(), BenchError> {
        let mut told = false;
        while !self.patience.is_zero() {
            let watch = Watch::start()?;
            std::thread::sleep(LOOK);
            let others = watch.others()?;
            if others.processes + others.host <= self.limit {
                return Ok(());
            }
            if !told {
                tell(&format!("  waits for calm: {others}"));
                told = true;
            }
            self.patience = self.patience.saturating_sub(LOOK);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_patience_it_is_measured_once_and_said_so() {
        let mut calm = Calm::new(-1.0, Duration::ZERO);
        let mut times = 0;
        let measured = calm.keep(|| {
            times += 1;
            Ok(times)
        });
        assert_eq!(measured.unwrap(), 1);
        assert_eq!((calm.repeated, calm.disturbed), (0, 1));
    }

    #[test]
    fn on_a_calm_machine_it_is_measured_once() {
        let mut calm = Calm::new(100_000.0, Duration::from_mins(1));
        assert_eq!(calm.keep(|| Ok(7)).unwrap(), 7);
        assert_eq!((calm.repeated, calm.disturbed), (0, 0));
    }
}
