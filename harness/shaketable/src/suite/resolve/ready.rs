//! How to see that a service is ready.

use std::time::Duration;

use super::Reader;
use crate::suite::model::Ready;
use crate::suite::path::Path;
use crate::suite::written;

/// How long a service may take to get ready.
const TIMEOUT: Duration = Duration::from_secs(10);

impl Reader<'_> {
    /// The way to see it and the time for it, or the defaults.
    pub(super) fn ready(&mut self, service: &Path, known: &[&str]) -> (Option<Ready>, Duration) {
        let path = service.then("ready");
        let Some(written) = self.part::<written::Ready>(&path) else {
            return (None, TIMEOUT);
        };
        let timeout = written.timeout.map_or(TIMEOUT, |timeout| timeout.0);
        self.above_zero(&path.then("timeout"), timeout);
        let ready = if let Some(http) = written.http {
            Some(Ready::Http(http.0))
        } else if let Some(text) = written.log {
            self.log(service, &path.then("log"), &text);
            Some(Ready::Log(text))
        } else if let Some(line) = written.command {
            self.argv(&path.then("command"), line, known)
                .map(Ready::Command)
        } else {
            written.tcp.map(|_| Ready::Tcp)
        };
        (ready, timeout)
    }

    fn log(&mut self, service: &Path, path: &Path, text: &str) {
        if self.has(&service.then("address")) {
            self.complain_of_key(
                path,
                "what a service prints cannot be seen when it already runs",
                "use `http`, `tcp` or `command`",
            );
        }
        if text.is_empty() {
            let help = "write a part of what the service prints when it is ready";
            self.complain(path, "the text to wait for is empty", help);
        }
    }
}
