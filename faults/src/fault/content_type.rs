//! `content_type`: the answer says that it is something else.

use std::sync::Arc;

use super::rewrite::{Message, Rewrite};
use super::{Fault, Known, Level, Speaks, Treatment};
use crate::dice::Dice;

/// The `Content-Type` that the answer gets; its body stays.
#[derive(Clone, Debug)]
pub struct ContentType(Arc<As>);

#[derive(Debug)]
struct As(String);

impl Known for ContentType {
    type Params = String;
    const NAME: &'static str = "content_type";
    const SUMMARY: &'static str = "the callee's answer arrives under another Content-Type";
    const EXAMPLE: &'static str = "content_type: text/html";
    const SPEAKS: Speaks = Speaks::Http;

    fn new(value: String) -> Result<Self, String> {
        if value.is_empty() || value.contains(['\r', '\n']) {
            return Err(format!("`{value}` is not a header's value"));
        }
        Ok(Self(Arc::new(As(value))))
    }
}

impl Rewrite for As {
    fn needs_body(&self) -> bool {
        false
    }

    fn rewrite(&self, _: &mut Dice, answer: &mut Message) -> bool {
        answer.set_header("content-type", &self.0);
        true
    }
}

impl Fault for ContentType {
    fn level(&self) -> Level {
        Level::Exchange
    }

    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        treatment.rewrites.push(self.0.clone());
    }

    fn describe(&self) -> String {
        format!("content type {}", self.0.0)
    }
}
