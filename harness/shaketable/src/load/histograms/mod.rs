//! Histograms of what calls took: per class, per phase and per window of time, merged without loss,
//! and written as interval logs that `HdrHistogram`'s tools in every language open.
//!
//! - [`Times`]: the latency and the service time of some calls;
//! - [`Windows`]: fills them as calls end, and hands over what is finished, in bounded memory;
//! - [`Log`]: the interval log, a line for each window, class and measure;
//! - [`write_recording`]: the log of a recording that is finished.

mod log;
#[cfg(test)]
mod reading;
mod recording;
mod tag;
mod times;
mod windows;

pub use log::Log;
pub use recording::write as write_recording;
pub use times::Times;
pub use windows::{Totals, Windows};
