//! The library behind Shaketable: suites, labs, load, recordings, checks and reports.
//!
//! A map of the crate, in the order in which data goes through it, one way:
//!
//! ```text
//! suite.yaml ─▶ suite ─▶ plan ─▶ lab (launch, load, proxies) ─▶ record ─▶ check, judge ─▶ report
//! ```
//!
//! - [`suite`]: reads a suite and says all that is wrong with it, with positions;
//! - [`plan`]: decides what can be decided before anything starts;
//! - [`between`]: how a caller is told where the proxy of an edge is;
//! - [`launch`]: starts processes and sees to it that none outlives the harness;
//! - [`expand`]: `$NAME` in command lines, replaced when they start;
//! - [`load`]: calls on a schedule that no target can slow down;
//! - [`lab`]: services and proxies up, an experiment running through its phases;
//! - [`record`]: everything observed in one experiment;
//! - [`check`]: the checks, pure functions of a recording, and [`judge`], which asks them;
//! - [`mod@inspect`]: what services really do on each of their edges, seen and not judged;
//! - [`saved`]: an experiment's directory, which can be judged again;
//! - [`event`]: the one stream that a run is told by, and [`report`], what it found.
//!
//! **Invariant:** nothing later in the line is imported by anything earlier.
//! **Invariant:** this crate knows nothing of terminals, command lines or exit codes.

mod backend;
pub mod between;
pub mod check;
pub mod event;
pub mod expand;
pub mod inspect;
pub mod judge;
pub mod lab;
pub mod launch;
pub mod load;
pub mod names;
pub mod plan;
pub mod record;
pub mod report;
pub mod saved;
pub mod suite;

pub use shaketable_faults::{fault, stub, units};
