//! Calls that goose makes: users who wait for each answer before they ask again. It claims a whole
//! process (its Ctrl-C handler, its logger, its way to stop), so it has one; this is our side of it,
//! which knows goose by its files alone.
//!
//! - `tally`: what both ways end in: the classes, and the recorder that is told of each call;
//! - `ours`: users who make the suite's requests, in a child that runs our binary: what it is told,
//!   and what it tells;
//! - `journeys`: a program that somebody wrote with goose, and the request log that it writes;
//! - `follow`: a file, line by line, as it grows;
//! - `run`: the process from its start to its end.
//!
//! A closed model slows down with its target. What it measures belongs to it, and is recorded; how
//! fast a system answers is to be judged by the open-loop engine.

mod follow;
mod journeys;
mod ours;
mod run;
mod tally;

pub use journeys::Journeys;
pub use ours::{Ask, Journal, Users, monotonic};
pub use run::{Goose, GooseError, Place, WORD, Work};
