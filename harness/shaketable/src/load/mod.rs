//! The load: calls on a schedule that no target can slow down.
//!
//! A map, in the order in which a call meets it:
//!
//! - `spec`: the load as data: streams side by side, each with its arrivals and what they do;
//! - `arrival`: when calls are due, as pure functions of their index and the seed;
//! - `engine`: the thread, and the commands that it gets; `stream`: one stream at work; `pace`:
//!   waiting until a call is due; `mix`: which of several calls comes when; `quiet`: when nothing that a call
//!   caused goes on;
//! - `script`: what one arrival does;
//! - `client`: one exchange with a target, and the connections that are kept;
//! - `recorder`: who is told of calls as they go;
//! - `goose`: users who wait for each answer, in a process of goose's own;
//! - `histograms`: what calls took, per class, phase and window of time, and the log of that;
//! - `solo`: the engine alone, as a benchmark of its own.

pub mod arrival;
pub mod client;
mod engine;
pub mod goose;
pub mod histograms;
mod mix;
mod pace;
mod quiet;
mod recorder;
pub mod script;
pub mod solo;
mod spec;
mod stream;

pub use engine::{Engine, EngineError};
pub use quiet::{Activity, Unwatched};
pub use recorder::{CallLog, Recorder};
pub use spec::{Arrival, Pacing, Spec, Stream};
