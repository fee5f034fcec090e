//! A server that is up: a proxy, or a service that answers.

use std::net::SocketAddr;

use super::error::BenchError;
use super::proc;
use super::process::Process;

/// A server that is up.
#[derive(Debug)]
pub(crate) struct Running {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// None where there is no proxy in between.
    pub(crate) process: Option<Process>,
}

impl Running {
    /// Its processor time so far in seconds; no number where there is no process.
    pub(crate) fn cpu_seconds(&self) -> Result<f64, BenchError> {
        let process = self.process.as_ref();
        process.map_or(Ok(f64::NAN), |process| proc::cpu_seconds(process.group()))
    }
}
