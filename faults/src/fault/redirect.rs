//! `redirect`: somebody else gets the request: another version of the callee, or a stub.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;

use super::{Fault, Known, Treatment};
use crate::dice::Dice;

/// Who gets it: a service of the suite (elsewhere an address), found when the fault is injected.
#[derive(Clone, Debug, Deserialize)]
pub struct Elsewhere(String);

impl JsonSchema for Elsewhere {
    fn schema_name() -> Cow<'static, str> {
        "Elsewhere".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string", "format": "service-name", "examples": ["inventory-v2"] })
    }
}

/// See [`Elsewhere`].
#[derive(Clone, Debug)]
pub struct Redirect(Elsewhere);

impl Known for Redirect {
    type Params = Elsewhere;
    const NAME: &'static str = "redirect";
    const SUMMARY: &'static str = "another service answers instead of the callee, a stub or another version; with a `probability` below 100% both do, as in a rollout";
    const EXAMPLE: &'static str = "redirect: inventory-v2";

    fn new(to: Elsewhere) -> Result<Self, String> {
        Ok(Self(to))
    }
}

impl Fault for Redirect {
    fn treat(&self, _: &mut Dice, _: &mut Treatment) {}

    fn redirects_to(&self) -> Option<&str> {
        Some(&self.0.0)
    }

    fn describe(&self) -> String {
        format!("redirect to {}", self.0.0)
    }
}
