//! `abort`: an exchange is given up at a chosen point, in a chosen way.

use schemars::JsonSchema;
use serde::Deserialize;

use super::flow::{Stop, Then};
use super::{Answer, Break, Fault, Known, Level, Speaks, Treatment};
use crate::dice::Dice;
use crate::units::Size;

/// Where and how.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The point.
    pub at: Point,
    /// `at: body`: how many of its bytes have been sent.
    #[serde(default)]
    pub bytes: Size,
    /// With a reset (RST) or in an orderly way (FIN).
    #[serde(default = "reset")]
    pub by: Break,
    /// `at: request`: whether the callee gets the request and acts on it first.
    #[serde(default)]
    pub after_effect: bool,
}

fn reset() -> Break {
    Break::Reset
}

/// The points at which an exchange can be given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Point {
    /// The request has been read.
    Request,
    /// The answer's headers have been sent.
    Headers,
    /// Some of the answer's body has been sent.
    Body,
}

/// See [`Params`].
#[derive(Clone, Copy, Debug)]
pub struct Abort(Params);

impl Known for Abort {
    type Params = Params;
    const NAME: &'static str = "abort";
    const SUMMARY: &'static str = "the connection ends when the request was read, when the answer's headers were sent, or within its body";
    const EXAMPLE: &'static str = "abort: { at: headers, by: close }";
    const SPEAKS: Speaks = Speaks::Http;

    fn new(params: Params) -> Result<Self, String> {
        if params.at != Point::Body && params.bytes.0 > 0 {
            return Err("`bytes` belongs to `at: body`".to_owned());
        }
        if params.at != Point::Request && params.after_effect {
            return Err(
                "`after_effect` belongs to `at: request`: later the callee has always acted"
                    .to_owned(),
            );
        }
        Ok(Self(params))
    }
}

impl Fault for Abort {
    fn level(&self) -> Level {
        Level::Exchange
    }

    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        if self.0.at == Point::Request {
            treatment.answer = Answer::Break(self.0.by);
            treatment.after_effect = self.0.after_effect;
        } else {
            treatment.down.stop_at(Stop {
                after: self.0.bytes.0,
                then: Then::Break(self.0.by),
            });
        }
    }

    fn describe(&self) -> String {
        let by = self.0.by.name();
        match self.0.at {
            Point::Request if self.0.after_effect => format!("{by} after the effect"),
            Point::Request => format!("{by} after the request"),
            Point::Headers => format!("{by} after the answer's headers"),
            Point::Body => format!("{by} after {} of the body", self.0.bytes),
        }
    }
}
