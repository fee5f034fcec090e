//! `response_lost`: the callee has acted, and the caller does not learn of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::status::made;
use super::{Answer, Break, Fault, Hang, Known, Level, Speaks, Treatment};
use crate::dice::Dice;

/// What the caller gets in the answer's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Instead {
    /// A reset connection (RST).
    Reset,
    /// A closed connection (FIN).
    Close,
    /// Nothing, until the fault ends; then a reset.
    Silence,
    /// A 504, as a gateway says it.
    GatewayTimeout,
}

/// The effect without its answer.
#[derive(Clone, Copy, Debug)]
pub struct ResponseLost(Instead);

impl Known for ResponseLost {
    type Params = Instead;
    const NAME: &'static str = "response_lost";
    const SUMMARY: &'static str = "the callee gets the request and acts on it; the caller gets a reset, a close, silence or a 504 (`gateway_timeout`)";
    const EXAMPLE: &'static str = "response_lost: reset";
    const SPEAKS: Speaks = Speaks::Http;

    fn new(instead: Instead) -> Result<Self, String> {
        Ok(Self(instead))
    }
}

impl Fault for ResponseLost {
    fn level(&self) -> Level {
        Level::Exchange
    }

    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        treatment.after_effect = true;
        treatment.answer = match self.0 {
            Instead::Reset => Answer::Break(Break::Reset),
            Instead::Close => Answer::Break(Break::Close),
            Instead::Silence => Answer::Silence,
            Instead::GatewayTimeout => {
                let body = "{\"error\":\"Gateway Timeout\"}";
                Answer::Made(Arc::new(made(504, &BTreeMap::new(), body)))
            }
        };
    }

    fn hang(&self) -> Option<Hang> {
        (self.0 == Instead::Silence).then_some(Hang::Accepted)
    }

    fn describe(&self) -> String {
        let instead = match self.0 {
            Instead::Reset => "reset",
            Instead::Close => "close",
            Instead::Silence => "silence",
            Instead::GatewayTimeout => "504",
        };
        format!("response lost after the effect ({instead})")
    }
}
