//! `close_connection`: a kept-alive connection ends between two exchanges.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Answer, Break, Fault, Known, Level, On, Short, Speaks, Treatment};
use crate::dice::Dice;
use crate::which::Age;

/// How, and when.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// With a reset (RST) or in an orderly way (FIN).
    #[serde(default = "close")]
    pub by: Break,
    /// Behind the answer, or only when the next request has come, as in the race of a server's
    /// idle timeout with a caller that reuses the connection.
    #[serde(default)]
    pub when: When,
}

fn close() -> Break {
    Break::Close
}

/// The moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Behind the answer, which did not announce it.
    #[default]
    Answered,
    /// When the next request comes on it: it is read, and not answered. The first request of a
    /// connection is: this is the end of a connection that was kept.
    Asked,
}

impl From<On> for Params {
    fn from(_: On) -> Self {
        Self {
            by: close(),
            when: When::default(),
        }
    }
}

/// See [`Params`].
#[derive(Clone, Copy, Debug)]
pub struct CloseConnection(Params);

impl Known for CloseConnection {
    type Params = Short<On, Params>;
    const NAME: &'static str = "close_connection";
    const SUMMARY: &'static str =
        "the connection ends between two exchanges, though nothing announced it";
    const EXAMPLE: &'static str = "close_connection: { when: asked, by: reset }";
    const SPEAKS: Speaks = Speaks::Http;

    fn new(Short(_, params): Self::Params) -> Result<Self, String> {
        Ok(Self(params))
    }
}

impl Fault for CloseConnection {
    fn level(&self) -> Level {
        Level::Exchange
    }

    fn only(&self) -> Option<Age> {
        (self.0.when == When::Asked).then_some(Age::Reused)
    }

    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        match self.0.when {
            When::Answered => treatment.closes = Some(self.0.by),
            When::Asked => treatment.answer = Answer::Break(self.0.by),
        }
    }

    fn describe(&self) -> String {
        let when = match self.0.when {
            When::Answered => "behind the answer",
            When::Asked => "when asked again",
        };
        format!("{} the connection {when}", self.0.by.name())
    }
}
