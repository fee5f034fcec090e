//! HTTP/1.1 edges: bytes pass untouched; heads and bodies are only read along.

mod answer;
pub(crate) mod body;
mod forward;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
pub(crate) mod head;
mod idle;
mod relay;
mod treated;
mod way;
mod whole;

pub(crate) use relay::serve;
