//! The engine alone, as a small honest benchmark: what it did, and how far that can be believed.

mod meter;
mod report;
mod threshold;

pub use meter::Meter;
pub use report::{Figures, Report, Seen, Used};
pub use threshold::{Threshold, ThresholdError};
