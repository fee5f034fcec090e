//! `reset`: the connection breaks under the request.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::flow::{Direction, Stop, Then};
use super::{Answer, Break, Fault, Known, Level, On, Short, Treatment};
use crate::dice::Dice;
use crate::units::{HumanDuration, Size};
use crate::which::Age;

/// When. Exactly one; with none of them a request is read first, elsewhere the first byte.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// As soon as it is accepted; those that were accepted before go on.
    #[serde(default)]
    pub at_connect: bool,
    /// After so many bytes from the callee (of an HTTP answer's body).
    #[serde(default)]
    pub after: Option<Size>,
    /// After so many bytes from the caller (of an HTTP request's body).
    #[serde(default)]
    pub after_sent: Option<Size>,
    /// So long after the connection was made, or after the fault began.
    #[serde(default, rename = "in")]
    pub time: Option<HumanDuration>,
}

impl From<On> for Params {
    fn from(_: On) -> Self {
        Self::default()
    }
}

/// A real RST.
#[derive(Clone, Copy, Debug)]
pub struct Reset(When);

#[derive(Clone, Copy, Debug)]
enum When {
    Connect,
    Request,
    Bytes(Direction, Size),
    Time(HumanDuration),
}

impl Known for Reset {
    type Params = Short<On, Params>;
    const NAME: &'static str = "reset";
    const SUMMARY: &'static str = "the request is taken, then the connection is reset (RST), and the callee sees nothing; or at connect, after some bytes, after some time";
    const EXAMPLE: &'static str = "reset: { in: 2s }";

    fn new(Short(_, params): Self::Params) -> Result<Self, String> {
        let Params {
            at_connect,
            after,
            after_sent,
            time,
        } = params;
        let now = at_connect.then_some(When::Connect);
        let mut given = [
            now,
            after.map(|size| When::Bytes(Direction::Down, size)),
            after_sent.map(|size| When::Bytes(Direction::Up, size)),
            time.map(When::Time),
        ]
        .into_iter()
        .flatten();
        let when = given.next().unwrap_or(When::Request);
        if given.next().is_some() {
            return Err("give one of `at_connect`, `after`, `after_sent` and `in`".to_owned());
        }
        Ok(Self(when))
    }
}

impl Fault for Reset {
    fn level(&self) -> Level {
        match self.0 {
            When::Connect | When::Time(_) => Level::Connection,
            When::Request | When::Bytes(..) => Level::Either,
        }
    }

    fn only(&self) -> Option<Age> {
        matches!(self.0, When::Connect).then_some(Age::New)
    }

    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        match self.0 {
            When::Connect => treatment.connection.end(Duration::ZERO, Break::Reset),
            When::Request => treatment.answer = Answer::Break(Break::Reset),
            When::Time(time) => treatment.connection.end(time.0, Break::Reset),
            When::Bytes(direction, size) => direction.each(treatment, |flow| {
                flow.stop_at(Stop {
                    after: size.0,
                    then: Then::Break(Break::Reset),
                });
            }),
        }
    }

    fn describe(&self) -> String {
        match self.0 {
            When::Request => "reset (RST after the request)".to_owned(),
            When::Bytes(Direction::Up, size) => format!("reset after {size} sent"),
            When::Bytes(_, size) => format!("reset after {size}"),
            When::Connect => "reset at connect".to_owned(),
            When::Time(time) => format!("reset after {time}"),
        }
    }
}
