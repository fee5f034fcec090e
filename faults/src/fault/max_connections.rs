//! `max_connections`: a cap on the connections that are served at once.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Break, Cap, Fault, Known, Level, Short, Treatment};
use crate::dice::Dice;

/// How many, and what becomes of the others.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// So many are served at once.
    pub most: u32,
    /// What becomes of the others.
    #[serde(default)]
    pub beyond: Beyond,
}

/// What becomes of connections beyond a cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Beyond {
    /// They wait until one of the others has ended.
    #[default]
    Wait,
    /// They are reset.
    Reset,
    /// They are closed (FIN).
    Close,
}

impl From<u32> for Params {
    fn from(most: u32) -> Self {
        Self {
            most,
            beyond: Beyond::default(),
        }
    }
}

/// See [`Params`].
#[derive(Clone, Copy, Debug)]
pub struct MaxConnections(Params);

impl Known for MaxConnections {
    type Params = Short<u32, Params>;
    const NAME: &'static str = "max_connections";
    const SUMMARY: &'static str =
        "so many connections are served at once; the others wait, or are reset or closed";
    const EXAMPLE: &'static str = "max_connections: { most: 5, beyond: reset }";

    fn new(Short(_, params): Self::Params) -> Result<Self, String> {
        Ok(Self(params))
    }
}

impl Fault for MaxConnections {
    fn level(&self) -> Level {
        Level::Connection
    }

    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        treatment.connection.cap = Some(Cap {
            most: self.0.most as usize,
            beyond: match self.0.beyond {
                Beyond::Wait => None,
                Beyond::Reset => Some(Break::Reset),
                Beyond::Close => Some(Break::Close),
            },
        });
    }

    fn describe(&self) -> String {
        format!("at most {} connections", self.0.most)
    }
}
