//! What an arrival of a load does: kinds of calls, alone or in journeys.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::load::script::data::Table;
use crate::load::script::template::Template;
use crate::load::script::{Capture, Oracle, Poll};

/// One request, or several one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Journey {
    /// Its name: that of its only request, where it has one.
    pub name: String,
    /// How often it is made in proportion to the others; at least 1.
    pub weight: u32,
    /// Its calls; never none.
    pub steps: Vec<Request>,
    /// The rows that its templates draw on, one for each arrival.
    pub data: Option<Arc<Table>>,
}

/// One kind of call.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Its name, unique in the load.
    pub name: String,
    /// The service that it goes to; empty where a command does not say.
    pub to: String,
    /// What is done.
    pub act: Act,
    /// After how long the client gives it up, where that is its own.
    pub timeout: Option<Duration>,
    /// After how long the client leaves, as planned.
    pub abort: Option<Duration>,
    /// How long to wait before it.
    pub pause: Duration,
    /// How often the very same is done again.
    pub repeat: u32,
    /// Whether the journey goes on where it is no success.
    pub go_on: bool,
    /// What is taken from its answer for later steps.
    pub captures: Vec<Capture>,
    /// What is asked behind it until the answer is final.
    pub poll: Option<Poll>,
    /// What its answers are worth.
    pub oracle: Oracle,
}

/// What a call does.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// An HTTP request.
    Http {
        /// The method, in capitals.
        method: String,
        /// Path and query.
        path: Template,
        /// The headers, in the order in which they are written.
        headers: Vec<(String, Template)>,
        /// The body; empty where there is none.
        body: Template,
        /// Whether it has a connection of its own.
        new_connection: bool,
    },
    /// A command; `$NAME` is not yet expanded.
    Exec {
        /// The program and its arguments; never empty.
        argv: Vec<Template>,
        /// Where it runs.
        cwd: PathBuf,
    },
}
