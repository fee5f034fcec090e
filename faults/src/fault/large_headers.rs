//! `large_headers`: the answer's headers are larger than callers expect.

use std::sync::Arc;

use super::rewrite::{Message, Rewrite};
use super::{Fault, Known, Level, Speaks, Treatment};
use crate::dice::Dice;
use crate::units::Size;

/// How much is added: as headers of at most 4 KiB each.
#[derive(Clone, Debug)]
pub struct LargeHeaders(Arc<Padding>);

#[derive(Debug)]
struct Padding(Size);

/// The most that can be added.
const MOST: u64 = 16 * 1024 * 1024;
/// The length of one added header's value.
const VALUE: usize = 4096;

impl Known for LargeHeaders {
    type Params = Size;
    const NAME: &'static str = "large_headers";
    const SUMMARY: &'static str = "the callee's answer arrives with so many bytes of headers more";
    const EXAMPLE: &'static str = "large_headers: 64KiB";
    const SPEAKS: Speaks = Speaks::Http;

    fn new(size: Size) -> Result<Self, String> {
        if size.0 == 0 || size.0 > MOST {
            return Err(format!("{size} lies outside 1B to {}", Size(MOST)));
        }
        Ok(Self(Arc::new(Padding(size))))
    }
}

impl Rewrite for Padding {
    fn needs_body(&self) -> bool {
        false
    }

    fn rewrite(&self, _: &mut Dice, answer: &mut Message) -> bool {
        let mut left = usize::try_from(self.0.0).unwrap_or(usize::MAX);
        let mut number = 0;
        while left > 0 {
            let mut line = format!("x-padding-{number}: ").into_bytes();
            let value = left.saturating_sub(line.len() + 2).clamp(1, VALUE);
            line.resize(line.len() + value, b'x');
            left = left.saturating_sub(line.len() + 2);
            answer.headers.push(line);
            number += 1;
        }
        true
    }
}

impl Fault for LargeHeaders {
    fn level(&self) -> Level {
        Level::Exchange
    }

    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        treatment.rewrites.push(self.0.clone());
    }

    fn describe(&self) -> String {
        format!("headers {} larger", self.0.0)
    }
}
