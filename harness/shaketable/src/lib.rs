//! The library behind Shaketable: suites, labs, load, recordings, checks and reports.
//!
//! Placeholder.
pub mod check;
pub mod load;
pub mod names;
pub mod record;
pub mod suite;
