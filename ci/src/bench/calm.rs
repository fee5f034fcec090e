//! Whether others leave the machine alone: a measurement that they disturbed is made again, as long
//! as there is patience. What decides is who used the processors, never what came out.

use std::time::{Duration, Instant};

use super::error::BenchError;
use super::machine::{Others, Watch};
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
    /// Over all measurements that count, in seconds of the whole machine: how long they took, and
    /// what others used meanwhile.
    counted: f64,
    used: f64,
    stolen: f64,
}

impl Calm {
    /// Others may use so many percent of the machine.
    pub(crate) fn new(percent: f64, patience: Duration) -> Self {
        Self {
            limit: percent / 100.0,
            patience,
            repeated: 0,
            disturbed: 0,
            counted: 0.0,
            used: 0.0,
            stolen: 0.0,
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
            let calm = others.processes + others.host <= self.limit;
            if calm || self.patience.is_zero() {
                let seconds = start.elapsed().as_secs_f64();
                self.counted += seconds;
                self.used += others.processes * seconds;
                self.stolen += others.host * seconds;
                self.disturbed += usize::from(!calm);
                return measured;
            }
            self.repeated += 1;
            self.patience = self.patience.saturating_sub(start.elapsed());
        }
    }

    /// How busy others were while what counts was measured.
    pub(crate) fn others(&self) -> Others {
        Others {
            processes: self.used / self.counted,
            host: self.stolen / self.counted,
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
