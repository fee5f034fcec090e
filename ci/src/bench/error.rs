//! What can keep a bench from measuring.

use std::fmt::Display;

/// Why something was not measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// The machine said no.
    #[error("{doing}: {why}")]
    Do {
        /// What was being done.
        doing: String,
        /// The machine's words.
        why: String,
    },
    /// A process ended or did not get ready.
    #[error("start {name}: {why}")]
    Start {
        /// Which.
        name: String,
        /// What it said last.
        why: String,
    },
    /// Something was not to be had.
    #[error("install all: {0}")]
    Install(String),
    /// The numbers cannot be trusted.
    #[error("measure: {0}")]
    Measure(String),
    /// The command line asks for what is not there.
    #[error("find {kind} `{name}`: there are {known}")]
    Unknown {
        /// A row or a peer.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
}

/// Says what was being done when something failed.
pub(crate) trait Doing<T> {
    /// Adds the words.
    fn doing(self, what: impl Display) -> Result<T, BenchError>;
}

impl<T, E: Display> Doing<T> for Result<T, E> {
    fn doing(self, what: impl Display) -> Result<T, BenchError> {
        self.map_err(|why| BenchError::Do {
            doing: what.to_string(),
            why: why.to_string(),
        })
    }
}
