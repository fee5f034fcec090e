//! What is measured of load generators: one kind of row a file.

mod closed;
mod in_flight;
mod open;
mod recording;
mod stall;

use super::generators::Generator;
use super::task::Task;
use crate::bench::Bench;
use crate::bench::error::BenchError;
use crate::bench::row::{About, Entry, Stand};

/// A row while it is measured. It owns the target.
pub(crate) trait Row {
    /// Everyone who stands in it and is there.
    fn entries<'a>(
        &'a self,
        bench: &'a Bench,
        generators: &'a [Box<dyn Generator>],
    ) -> Vec<Entry<'a>>;
}

/// Gets a row ready.
type Open = fn(&Bench) -> Result<Box<dyn Row>, BenchError>;

/// Every row, in the order in which they are measured.
pub(crate) const ROWS: [(About, Open); 8] = [
    (closed::HTTP1, closed::http1),
    (closed::HTTP2, closed::http2),
    (closed::TLS, closed::tls),
    (open::FAST, open::fast),
    (open::SLOW, open::slow),
    (stall::ABOUT, stall::open),
    (in_flight::ABOUT, in_flight::open),
    (recording::ABOUT, recording::open),
];

/// Who stands in a row, and what it is asked to do there.
struct Place {
    generator: &'static str,
    /// Among the ways of the row; a peer has none, or one of its own.
    way: &'static str,
    task: Task,
}

impl Place {
    /// One that has but one way.
    fn of(generator: &'static str, task: Task) -> Self {
        Self::in_way(generator, "", task)
    }

    /// One of several ways.
    fn in_way(generator: &'static str, way: &'static str, task: Task) -> Self {
        Self {
            generator,
            way,
            task,
        }
    }
}

/// A row in which generators do their tasks.
trait Loaded {
    /// Who stands where.
    fn places(&self, bench: &Bench) -> Vec<Place>;
    /// Measures one once; gives a value for each metric.
    fn measure(
        &self,
        bench: &Bench,
        generator: &dyn Generator,
        task: &Task,
    ) -> Result<Vec<f64>, BenchError>;
}

impl<R: Loaded> Row for R {
    fn entries<'a>(
        &'a self,
        bench: &'a Bench,
        generators: &'a [Box<dyn Generator>],
    ) -> Vec<Entry<'a>> {
        let mut entries = Vec::new();
        for Place {
            generator,
            way,
            task,
        } in self.places(bench)
        {
            for there in generators.iter().filter(|there| there.is(generator)) {
                entries.push(Entry {
                    peer: there.name().to_owned(),
                    way,
                    stand: Ok(Box::new(Placed {
                        row: self,
                        bench,
                        generator: there.as_ref(),
                        task,
                    })),
                });
            }
        }
        entries
    }
}

struct Placed<'a, R> {
    row: &'a R,
    bench: &'a Bench,
    generator: &'a dyn Generator,
    task: Task,
}

impl<R: Loaded> Stand for Placed<'_, R> {
    fn sample(&mut self) -> Result<Vec<f64>, BenchError> {
        self.row.measure(self.bench, self.generator, &self.task)
    }
}
