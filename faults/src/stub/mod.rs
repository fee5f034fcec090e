//! Stubs: a dependency that we play ourselves, where the real one is not at hand.
//!
//! | file | what it is for |
//! |---|---|
//! | `params` | a stub as it is written |
//! | `check` | from what is written to a [`Spec`], or to every [`Problem`] in it |
//! | `spec` | a stub that was checked: its routes, and what it keeps at the beginning |
//! | `pattern`, `condition` | which requests a route is for |
//! | `template`, `json` | answers with `{{…}}` in them, and `source`, what that may stand for |
//! | `scene` | what the templates of one answer draw on |
//! | `memory`, `kept` | counters, sequences, the last requests; the key-value state |
//! | `answer` | [`Stub::answer`], a request in and a response out |
//! | `api` | what anybody can read and reset below `/__stub` |
//! | `serve`, `exchange` | the socket, and one exchange on it |
//!
//! **Invariant:** `Stub::answer` touches no socket and no clock: whoever has a request can ask.
//! **Invariant:** everything that a caller can make grow is bounded, and a bound that was met is
//! told.

mod answer;
mod api;
mod check;
mod condition;
mod exchange;
mod json;
mod kept;
mod memory;
mod params;
mod pattern;
mod problem;
mod scene;
mod serve;
mod source;
mod spec;
mod template;

pub use answer::{Request, Response, Stub};
pub use memory::{BODY_BYTES_MAX, REQUESTS_MAX};
pub use params::{Amount, Latency, Params, Route, RoutePath, State, Text, Where};
pub use problem::{Problem, Step, Unknown};
pub use serve::{CONNECTIONS_MAX, StubServer};
pub use spec::Spec;
