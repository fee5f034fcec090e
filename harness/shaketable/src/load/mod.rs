//! The load: calls on a schedule that no target can slow down.

mod connections;
mod engine;
pub mod histograms;
mod log;
mod schedule;

pub use engine::{Engine, EngineError, Shape};
pub use schedule::Mix;
