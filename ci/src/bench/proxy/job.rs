//! What a proxy is asked to do in a row.

use std::time::Duration;

/// What a proxy is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    /// Pass bytes.
    Bytes,
    /// Pass as many bytes as go through.
    Bulk,
    /// Pass a few bytes, and hold thousands of connections in one process.
    Held,
    /// Pass HTTP/1.1, understood as such.
    Http,
    /// Pass HTTP/1.1 with faults configured, none of which hits.
    HttpMissed,
    /// Pass bytes, the way back [`LATENCY`] late.
    LateBytes,
    /// Pass HTTP/1.1, each exchange [`LATENCY`] late.
    LateHttp,
    /// Pass bytes, the way back at so many bytes a second.
    Limited(u64),
}

/// The latency that is injected.
pub(crate) const LATENCY: Duration = Duration::from_millis(50);

/// The faults that are configured and do not hit.
pub(crate) const MISSED_RULES: usize = 20;

impl Job {
    /// Whether the proxy understands HTTP in it.
    pub(crate) fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::HttpMissed | Self::LateHttp)
    }

    /// The same with nothing injected.
    pub(crate) fn plain(self) -> Self {
        if self.is_http() {
            Self::Http
        } else {
            Self::Bytes
        }
    }
}
