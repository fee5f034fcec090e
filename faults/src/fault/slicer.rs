//! `slicer`: bytes come in small pieces.

use schemars::JsonSchema;
use serde::Deserialize;

use super::flow::{Direction, Slice};
use super::{Fault, Known, Short, Treatment};
use crate::dice::Dice;
use crate::units::{HumanDuration, Size};

/// How small, and how far apart.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The size of a piece.
    pub size: Size,
    /// By how much the size varies, either way; less than `size`.
    #[serde(default)]
    pub variation: Size,
    /// The time between two pieces.
    #[serde(default)]
    pub gap: HumanDuration,
    /// Which way.
    #[serde(default)]
    pub direction: Direction,
}

impl From<Size> for Params {
    fn from(size: Size) -> Self {
        Self {
            size,
            variation: Size::default(),
            gap: HumanDuration::default(),
            direction: Direction::default(),
        }
    }
}

/// See [`Params`].
#[derive(Clone, Copy, Debug)]
pub struct Slicer {
    slice: Slice,
    direction: Direction,
}

impl Known for Slicer {
    type Params = Short<Size, Params>;
    const NAME: &'static str = "slicer";
    const SUMMARY: &'static str =
        "bytes come in small pieces, each a segment of its own (on HTTP: those of the bodies)";
    const EXAMPLE: &'static str = "slicer: { size: 64B, variation: 16B, gap: 10ms }";

    fn new(Short(_, params): Self::Params) -> Result<Self, String> {
        let Params {
            size, variation, ..
        } = params;
        if size.0 == 0 || variation >= size {
            return Err(format!(
                "pieces of {size} ± {variation} could be empty: `size` has to be larger than `variation`"
            ));
        }
        Ok(Self {
            slice: Slice {
                size: size.0,
                variation: variation.0,
                gap: params.gap.0,
            },
            direction: params.direction,
        })
    }
}

impl Fault for Slicer {
    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        self.direction
            .each(treatment, |flow| flow.slice = Some(self.slice));
    }

    fn varies(&self) -> bool {
        self.slice.variation > 0
    }

    fn describe(&self) -> String {
        format!(
            "pieces of {} every {}{}",
            Size(self.slice.size),
            HumanDuration(self.slice.gap),
            self.direction.suffix()
        )
    }
}
