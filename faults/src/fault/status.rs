//! `status`: an HTTP error in the callee's place.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Answer, Fault, Known, Level, Made, Short, Speaks, Treatment};
use crate::dice::Dice;

/// The answer that is given.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The status code, 200 to 599.
    #[schemars(range(min = 200, max = 599))]
    pub code: u16,
    /// The body; a short JSON error when left out.
    #[serde(default)]
    pub body: Option<String>,
    /// Headers beside `content-length`; `content-type` is `application/json` unless set here.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Whether the callee gets the request and acts on it first; its answer is thrown away.
    #[serde(default)]
    pub after_effect: bool,
}

impl From<u16> for Params {
    fn from(code: u16) -> Self {
        Self {
            code,
            body: None,
            headers: BTreeMap::new(),
            after_effect: false,
        }
    }
}

/// See [`Params`].
#[derive(Clone, Debug)]
pub struct Status {
    made: Arc<Made>,
    after_effect: bool,
    retry_after: Option<Duration>,
}

impl Known for Status {
    type Params = Short<u16, Params>;
    const NAME: &'static str = "status";
    const SUMMARY: &'static str =
        "an HTTP answer with this status at once; the callee is not contacted";
    const EXAMPLE: &'static str = "status: { code: 429, headers: { Retry-After: \"2\" } }";
    const SPEAKS: Speaks = Speaks::Http;

    fn new(
        Short(
            _,
            Params {
                code,
                body,
                headers,
                after_effect,
            },
        ): Self::Params,
    ) -> Result<Self, String> {
        if !(200..=599).contains(&code) {
            return Err(format!("the status {code} lies outside 200 to 599"));
        }
        let splits = |text: &str| text.contains(['\r', '\n']);
        if let Some((name, _)) = headers.iter().find(|(name, value)| {
            name.is_empty() || name.contains([':', ' ']) || splits(name) || splits(value)
        }) {
            return Err(format!("`{name}` is not a header that fits on one line"));
        }
        let bodiless = code == 204 || code == 304;
        let body = body.unwrap_or_else(|| {
            if bodiless {
                String::new()
            } else {
                format!("{{\"error\":\"{}\"}}", reason(code))
            }
        });
        Ok(Self {
            made: Arc::new(made(code, &headers, &body)),
            after_effect,
            retry_after: headers
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))
                .and_then(|(_, seconds)| seconds.trim().parse().ok())
                .map(Duration::from_secs),
        })
    }
}

/// An answer as it goes over the wire.
pub(super) fn made(code: u16, headers: &BTreeMap<String, String>, body: &str) -> Made {
    let bodiless = code == 204 || code == 304;
    let mut wire = format!("HTTP/1.1 {code} {}\r\n", reason(code));
    let typed = headers
        .keys()
        .any(|name| name.eq_ignore_ascii_case("content-type"));
    if !bodiless && !typed {
        wire.push_str("content-type: application/json\r\n");
    }
    for (name, value) in headers {
        let _ = write!(wire, "{name}: {value}\r\n");
    }
    if !bodiless {
        let _ = write!(wire, "content-length: {}\r\n", body.len());
    }
    wire.push_str("\r\n");
    if !bodiless {
        wire.push_str(body);
    }
    Made {
        status: code,
        wire: Bytes::from(wire),
        late: Duration::ZERO,
    }
}

impl Fault for Status {
    fn level(&self) -> Level {
        Level::Exchange
    }

    fn treat(&self, _: &mut Dice, treatment: &mut Treatment) {
        treatment.answer = Answer::Made(self.made.clone());
        treatment.after_effect = self.after_effect;
    }

    fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    fn describe(&self) -> String {
        let effect = if self.after_effect {
            " after the effect"
        } else {
            ""
        };
        let later = self.retry_after.map_or_else(String::new, |wait| {
            format!(", to be asked again after {} s", wait.as_secs())
        });
        format!("status {}{effect}{later}", self.made.status)
    }
}

/// The standard phrases of the codes that are usually injected (RFC 9110, section 15).
pub(super) fn reason(code: u16) -> &'static str {
    match code {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        408 => "Request Timeout",
        409 => "Conflict",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Injected",
    }
}
