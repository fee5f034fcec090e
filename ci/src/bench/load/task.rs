//! What a generator is asked to do, and what it tells of it.

use std::net::SocketAddr;

use crate::bench::error::BenchError;
use crate::bench::nginx::Speaks;

/// What a generator is asked to do: small `GET`s over HTTP on kept connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    /// The target.
    pub(crate) to: SocketAddr,
    /// For so long.
    pub(crate) seconds: u64,
    /// When it asks.
    pub(crate) pace: Pace,
    /// How many connections it may have; `None`: as many as it takes.
    pub(crate) connections: Option<usize>,
    /// What the target speaks; over HTTP/2 all is on one connection.
    pub(crate) speaks: Speaks,
    /// How ours keeps its schedule.
    pub(crate) pacing: Option<Pacing>,
    /// Whether latency shall count from the intended moment where it does so only if told to.
    pub(crate) corrected: bool,
}

/// When a generator asks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// So many at a time, each again as soon as it was answered.
    Closed(usize),
    /// So many a second, whatever is answered.
    Open(u32),
}

/// How our engine keeps its schedule.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pacing {
    /// Each call at its own moment.
    Precise,
    /// As exact as a timer of a millisecond is.
    LowCpu,
}

impl Task {
    /// As many as that at a time, on a connection each.
    pub(crate) fn closed(to: SocketAddr, seconds: u64, users: usize) -> Self {
        Self {
            to,
            seconds,
            pace: Pace::Closed(users),
            connections: Some(users),
            speaks: Speaks::Http1,
            pacing: None,
            corrected: false,
        }
    }

    /// So many a second, on as many connections as it takes.
    pub(crate) fn open(to: SocketAddr, seconds: u64, per_second: u32) -> Self {
        Self {
            pace: Pace::Open(per_second),
            connections: None,
            ..Self::closed(to, seconds, 0)
        }
    }

    /// On so many connections.
    pub(crate) fn on(self, connections: usize) -> Self {
        Self {
            connections: Some(connections),
            ..self
        }
    }

    /// In what the target speaks.
    pub(crate) fn speaking(self, speaks: Speaks) -> Self {
        let connections = match speaks {
            Speaks::Http2 => Some(1),
            Speaks::Http1 | Speaks::Tls => self.connections,
        };
        Self {
            connections,
            speaks,
            ..self
        }
    }

    /// With the schedule kept that way.
    pub(crate) fn paced(self, pacing: Pacing) -> Self {
        Self {
            pacing: Some(pacing),
            ..self
        }
    }

    /// With latency from the intended moment.
    pub(crate) fn corrected(self) -> Self {
        Self {
            corrected: true,
            ..self
        }
    }

    /// What is asked for each time.
    pub(crate) fn url(&self) -> String {
        let scheme = match self.speaks {
            Speaks::Tls => "https",
            Speaks::Http1 | Speaks::Http2 => "http",
        };
        format!("{scheme}://{}/stock/A1", self.to)
    }
}

/// What a generator tells of its run; no number where it says nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Told {
    /// Calls that were answered well.
    pub(crate) answered: f64,
    /// Calls that were not.
    pub(crate) failed: f64,
    /// Answers a second.
    pub(crate) per_second: f64,
    /// Percentiles of its latency and the longest, in milliseconds.
    pub(crate) p50_ms: f64,
    /// See above.
    pub(crate) p95_ms: f64,
    /// See above.
    pub(crate) p99_ms: f64,
    /// See above.
    pub(crate) max_ms: f64,
}

impl Told {
    /// A generator that only counts.
    pub(crate) fn counts(answered: f64, failed: f64, per_second: f64) -> Self {
        Self {
            answered,
            failed,
            per_second,
            p50_ms: f64::NAN,
            p95_ms: f64::NAN,
            p99_ms: f64::NAN,
            max_ms: f64::NAN,
        }
    }

    /// A run with errors is none; one in a thousand may meet the end of the run.
    pub(crate) fn sound(self) -> Result<Self, BenchError> {
        if self.answered > 0.0 && self.failed <= self.answered / 1000.0 {
            return Ok(self);
        }
        let Self {
            answered, failed, ..
        } = self;
        let why = format!("{failed} errors beside {answered} answers");
        Err(BenchError::Measure(why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_with_errors_is_none() {
        assert!(Told::counts(1000.0, 1.0, 1.0).sound().is_ok());
        assert!(Told::counts(1000.0, 2.0, 1.0).sound().is_err());
        assert!(Told::counts(0.0, 0.0, 0.0).sound().is_err());
        assert!(Told::counts(f64::NAN, 0.0, 1.0).sound().is_err());
    }
}
