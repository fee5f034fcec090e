//! `malformed`: the answer is not HTTP as it should be.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::rewrite::{Message, Rewrite};
use super::{Break, Fault, Known, Level, Speaks, Treatment};
use crate::dice::Dice;

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The first line: `HTPP/1.1 2OO`.
    StatusLine,
    /// A header line without a colon.
    Header,
    /// A chunk whose size is not a number.
    Chunk,
    /// A `Content-Length` that is not a number.
    ContentLength,
}

/// See [`What`].
#[derive(Clone, Copy, Debug)]
pub struct Malformed(What);

impl Known for Malformed {
    type Params = What;
    const NAME: &'static str = "malformed";
    const SUMMARY: &'static str = "the callee's answer arrives with a broken `status_line`, `header`, `chunk` or `content_length`, and the connection is closed behind it";
    const EXAMPLE: &'static str = "malformed: chunk";
    const SPEAKS: Speaks = Speaks::Http;

    fn new(what: What) -> Result<Self, String> {
        Ok(Self(what))
    }
}

impl Rewrite for What {
    fn needs_body(&self) -> bool {
        *self == Self::Chunk
    }

    fn rewrite(&self, _: &mut Dice, answer: &mut Message) -> bool {
        match self {
            Self::StatusLine => answer.first_line = b"HTPP/1.1 2OO OK".to_vec(),
            Self::Header => answer.headers.insert(0, b"this is no header".to_vec()),
            Self::ContentLength => answer.set_header("content-length", "many"),
            Self::Chunk if answer.bodiless => return false,
            Self::Chunk => {
                answer.remove_header("content-length");
                answer.set_header("transfer-encoding", "chunked");
                let mut raw = b"xyz\r\n".to_vec();
                raw.extend_from_slice(&answer.body);
                raw.extend_from_slice(b"\r\n0\r\n\r\n");
                answer.raw_body = Some(raw);
            }
        }
        true
    }
}

impl Fault for Malformed {
    fn level(&self) -> Level {
        Level::Exchange
    }

    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        treatment.rewrites.push(Arc::new(self.0));
        treatment.closes = Some(Break::Close);
    }

    fn describe(&self) -> String {
        let what = match self.0 {
            What::StatusLine => "status line",
            What::Header => "header",
            What::Chunk => "chunk",
            What::ContentLength => "content length",
        };
        format!("malformed {what}")
    }
}
