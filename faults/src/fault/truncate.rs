//! `truncate`: the answer breaks off in the middle.

use schemars::JsonSchema;
use serde::Deserialize;

use super::flow::{Stop, Then};
use super::rewrite::{Message, Rewrite};
use super::{Break, Fault, Known, Short, Treatment};
use crate::dice::Dice;
use crate::units::Size;

/// Where it breaks off, and how.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Bytes of the body that still arrive.
    pub after: Size,
    /// How the connection ends then; with a reset when left out.
    #[serde(default)]
    pub by: Option<Break>,
    /// HTTP: the headers are made to fit what arrives, so that the answer is complete HTTP with
    /// half a body, and the connection goes on.
    #[serde(default)]
    pub fit: bool,
}

impl From<Size> for Params {
    fn from(after: Size) -> Self {
        Self {
            after,
            by: None,
            fit: false,
        }
    }
}

/// See [`Params`].
#[derive(Clone, Copy, Debug)]
pub struct Truncate(Params);

impl Known for Truncate {
    type Params = Short<Size, Params>;
    const NAME: &'static str = "truncate";
    const SUMMARY: &'static str = "the answer's headers and so many bytes of its body arrive, then the connection ends; with `fit` the headers agree, and only the body is cut";
    const EXAMPLE: &'static str = "truncate: { after: 10B, fit: true }";

    fn new(Short(_, params): Self::Params) -> Result<Self, String> {
        if params.fit && params.by.is_some() {
            return Err("with `fit` the connection goes on: leave `by` out".to_owned());
        }
        Ok(Self(params))
    }
}

/// Cuts a body, and says its new length.
#[derive(Debug)]
struct Fit(u64);

impl Rewrite for Fit {
    fn needs_body(&self) -> bool {
        true
    }

    fn rewrite(&self, _: &mut Dice, answer: &mut Message) -> bool {
        let length = usize::try_from(self.0).unwrap_or(usize::MAX);
        let cut = answer.body.len() > length;
        answer.body.truncate(length);
        cut
    }
}

impl Fault for Truncate {
    fn needs_http(&self) -> bool {
        self.0.fit
    }

    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        if self.0.fit {
            treatment
                .rewrites
                .push(std::sync::Arc::new(Fit(self.0.after.0)));
        } else {
            treatment.down.stop_at(Stop {
                after: self.0.after.0,
                then: Then::Break(self.0.by.unwrap_or(Break::Reset)),
            });
        }
    }

    fn describe(&self) -> String {
        let fit = if self.0.fit { ", made to fit" } else { "" };
        format!("truncate after {} of the body{fit}", self.0.after)
    }
}
