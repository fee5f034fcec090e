//! HTTP/1.1 edges: bytes pass untouched; heads and bodies are only read along.

mod answer;
pub(crate) mod body;
mod forward;
pub(crate) mod head;
mod idle;
mod relay;
mod treated;
mod way;
pub(crate) mod whole;

pub(crate) use relay::serve;
