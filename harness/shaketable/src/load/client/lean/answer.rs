//! Reads an answer as it comes, and keeps of it what is wanted.

use std::cell::RefCell;

use bytes::BytesMut;
use http::{HeaderName, HeaderValue, Method};
use shaketable_faults::framing::{self, Framing, ResponseHead};

use super::super::{Answer, BODY_MAX, Failure, Wanted};
use crate::record::Outcome;

/// How much of what is no answer is shown.
const SHOWN_MAX: usize = 60;

thread_local! {
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
}

/// The head that was read last. Most targets say the same again and again, and what it means depends
/// on its bytes and the method alone.
struct Last {
    bytes: Vec<u8>,
    method: Method,
    head: ResponseHead,
}

impl Last {
    /// What these bytes begin with, where that is known.
    fn known(bytes: &[u8], method: &Method) -> Option<ResponseHead> {
        LAST.with_borrow(|last| {
            let last = last.as_ref()?;
            let same = bytes.starts_with(&last.bytes) && last.method == *method;
            same.then(|| last.head.clone())
        })
    }

    fn note(bytes: &[u8], method: &Method, head: &ResponseHead) {
        LAST.with_borrow_mut(|last| {
            let mut kept = last.take().map(|last| last.bytes).unwrap_or_default();
            kept.clear();
            kept.extend_from_slice(bytes);
            *last = Some(Self {
                bytes: kept,
                method: method.clone(),
                head: head.clone(),
            });
        });
    }
}

/// An answer that is being read.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    method: &'a Method,
    wanted: Wanted,
    /// A head that has not come to its end.
    part: Vec<u8>,
    /// How the body ends, once its head has come.
    body: Option<Framing>,
    kept: BytesMut,
    answer: Answer,
    /// Whether the connection ends with this answer.
    closes: bool,
}

impl<'a> Reading<'a> {
    pub(super) fn new(method: &'a Method, wanted: Wanted) -> Self {
        Self {
            method,
            wanted,
            part: Vec::new(),
            body: None,
            kept: BytesMut::new(),
            answer: Answer::default(),
            closes: false,
        }
    }

    /// Whether the connection cannot carry another exchange.
    pub(super) fn closes(&self) -> bool {
        self.closes
    }

    pub(super) fn into_answer(mut self) -> Answer {
        self.answer.body = self.kept.freeze();
        self.answer
    }

    /// Takes in what has come, and says whether the answer is whole.
    pub(super) fn take(&mut self, came: &[u8]) -> Result<bool, Failure> {
        if self.part.is_empty() {
            return self.read(came);
        }
        self.part.extend_from_slice(came);
        // No head ends where no line does.
        if !came.contains(&b'\n') && self.part.len() < framing::HEAD_MAX {
            return Ok(false);
        }
        let part = std::mem::take(&mut self.part);
        self.read(&part)
    }

    fn read(&mut self, mut bytes: &[u8]) -> Result<bool, Failure> {
        loop {
            let Some(body) = &mut self.body else {
                let Some(head) = self.head(bytes)? else {
                    self.part = bytes.to_vec();
                    return Ok(false);
                };
                bytes = &bytes[head.len..];
                // The answer is still to come; but after 101 nothing of HTTP does.
                if (100..200).contains(&head.status) && head.status != 101 {
                    self.answer.headers.clear();
                    continue;
                }
                self.answer.status = head.status;
                self.closes = head.close || head.status == 101;
                self.body = Some(head.body);
                continue;
            };
            if body.is_done() {
                // What comes behind it nobody has asked for.
                self.closes |= !bytes.is_empty();
                return Ok(true);
            }
            if bytes.is_empty() {
                return Ok(false);
            }
            let (taken, data) = match body.run(bytes) {
                Ok(taken) => taken,
                Err(why) => return Err(malformed(&why, bytes)),
            };
            if data && self.wanted.body {
                let room = BODY_MAX.saturating_sub(self.kept.len()).min(taken);
                self.answer.cut |= room < taken;
                self.kept.extend_from_slice(&bytes[..room]);
            }
            bytes = &bytes[taken..];
        }
    }

    fn head(&mut self, bytes: &[u8]) -> Result<Option<ResponseHead>, Failure> {
        let method = self.method.as_str();
        if !self.wanted.headers
            && let Some(head) = Last::known(bytes, self.method)
        {
            return Ok(Some(head));
        }
        let head = if self.wanted.headers {
            let headers = &mut self.answer.headers;
            framing::response_with(bytes, method, |name, value| {
                if let (Ok(name), Ok(value)) = (
                    HeaderName::from_bytes(name.as_bytes()),
                    HeaderValue::from_bytes(value),
                ) {
                    headers.append(name, value);
                }
            })
        } else {
            framing::response(bytes, method)
        };
        if let Ok(Some(head)) = &head {
            Last::note(&bytes[..head.len], self.method, head);
        }
        head.map_err(|why| malformed(&why, bytes))
    }

    /// Nothing more comes; says whether that makes the answer whole.
    pub(super) fn end(&mut self) -> Result<bool, Failure> {
        self.closes = true;
        let why = match &self.body {
            Some(Framing::UntilClose) => return Ok(true),
            Some(Framing::Length(left)) => {
                format!(
                    "the target closed the connection {left} bytes before the end of its answer"
                )
            }
            Some(_) => "the target closed the connection within its answer".to_owned(),
            None if self.part.is_empty() => {
                "the target closed the connection without an answer".to_owned()
            }
            None => "the target closed the connection within the head of its answer".to_owned(),
        };
        Err(Failure::new(Outcome::Broken, &why))
    }
}

fn malformed(why: &impl std::fmt::Display, came: &[u8]) -> Failure {
    let shown = came[..came.len().min(SHOWN_MAX)].escape_ascii();
    let more = if came.len() > SHOWN_MAX { " …" } else { "" };
    Failure::new(
        Outcome::Malformed,
        &format!("what came is no answer of HTTP/1.1: {why}: `{shown}`{more}"),
    )
}
