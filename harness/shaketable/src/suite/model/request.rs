//! What an arrival of a load does: kinds of calls, alone or in journeys.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use shaketable_faults::units::HumanDuration;

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

/// A request that is the same every time, and of whose answer nothing more is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plain {
    /// The service that it goes to.
    pub to: String,
    /// The method, in capitals.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Journey {
    /// The plain request that it is; `None` where it is more than that.
    pub fn plain(&self) -> Option<Plain> {
        let [only] = self.steps.as_slice() else {
            return None;
        };
        let Act::Http {
            method,
            path,
            headers,
            body,
            new_connection: false,
        } = &only.act
        else {
            return None;
        };
        let more = only.timeout.is_some()
            || only.abort.is_some()
            || only.repeat > 0
            || only.poll.is_some()
            || only.oracle != Oracle::default();
        if more {
            return None;
        }
        let header =
            |(name, value): &(String, Template)| Some((name.clone(), value.plain()?.to_owned()));
        Some(Plain {
            to: only.to.clone(),
            method: method.clone(),
            path: path.plain()?.to_owned(),
            headers: headers.iter().map(header).collect::<Option<_>>()?,
            body: body.plain()?.as_bytes().to_vec(),
        })
    }

    /// One line for a person about what is more than a request; `None` where nothing is.
    pub fn describe(&self) -> Option<String> {
        let steps: Vec<String> = self.steps.iter().map(Request::describe).collect();
        let plain = matches!(&self.steps[..], [only] if steps[0] == only.name);
        (!plain).then(|| {
            if self.steps.len() == 1 {
                steps.concat()
            } else {
                format!("{}: {}", self.name, steps.join(", then "))
            }
        })
    }
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

impl Request {
    /// Its name, and what it does beside sending itself.
    fn describe(&self) -> String {
        let mut more = Vec::new();
        if !self.pause.is_zero() {
            more.push(format!("after {}", HumanDuration(self.pause)));
        }
        if let Act::Http {
            new_connection: true,
            ..
        } = self.act
        {
            more.push("on a new connection".to_owned());
        }
        if let Some(poll) = &self.poll {
            let (every, within) = (HumanDuration(poll.every), HumanDuration(poll.within));
            more.push(format!("asking every {every} until final, within {within}"));
        }
        if let Some(abort) = self.abort {
            more.push(format!("left after {}", HumanDuration(abort)));
        }
        match self.repeat {
            0 => {}
            1 => more.push("sent twice".to_owned()),
            many => more.push(format!("sent {} times", many + 1)),
        }
        if !self.captures.is_empty() {
            let names = self.captures.iter().map(|capture| capture.name.as_str());
            more.push(format!("gives {}", names.collect::<Vec<_>>().join(", ")));
        }
        if self.oracle != Oracle::default() {
            more.push("judged by its answer".to_owned());
        }
        if more.is_empty() {
            self.name.clone()
        } else {
            format!("{} ({})", self.name, more.join("; "))
        }
    }
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
