//! A program that somebody wrote with goose: how it is started, and the request log that it writes.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::tally::Tally;
use crate::record::{Call, Nanos, Outcome, Worth};

/// Nanoseconds in a millisecond, in a microsecond.
const MS: Nanos = 1_000_000;
const US: Nanos = 1_000;
/// So many users are started in each second, for each user there is: all are up after 50 ms.
const INCREASE: usize = 20;

/// A program written with goose, as the suite describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journeys {
    /// The program and its arguments. `$NAME` is expanded.
    pub argv: Vec<String>,
    /// Its working directory.
    pub cwd: PathBuf,
    /// The host that its paths are joined to.
    pub host: String,
    /// How many users there are; what the program says when it is left out.
    pub users: Option<usize>,
}

impl Journeys {
    /// The command line: the suite's, and what makes goose tell us of its requests, open no port and
    /// run until it is told to stop.
    pub(super) fn command_line(&self, log: &Path) -> Vec<String> {
        let mut flags = vec![("--host", Some(self.host.clone()))];
        if let Some(users) = self.users {
            let rate = users.saturating_mul(INCREASE);
            flags.push(("--users", Some(users.to_string())));
            flags.push(("--increase-rate", Some(rate.to_string())));
        }
        flags.push(("--request-log", Some(log.display().to_string())));
        flags.push(("--request-format", Some("json".to_owned())));
        flags.push(("--no-print-metrics", None));
        flags.push(("--no-telnet", None));
        let mut argv = self.argv.clone();
        for (flag, value) in flags {
            // Goose takes no flag twice.
            if !self.argv.iter().any(|word| word == flag) {
                argv.push(flag.to_owned());
                argv.extend(value);
            }
        }
        argv
    }
}

/// A line of goose's request log, as far as it matters.
#[derive(Deserialize)]
struct Request {
    /// When it began: whole milliseconds from the beginning of the run.
    elapsed: u64,
    raw: Raw,
    name: String,
    /// How long its answer's head took to come, in milliseconds.
    response_time: u64,
    /// The microseconds beyond that.
    #[serde(default)]
    response_time_fraction_us: u64,
    /// 0 where there was no answer.
    status_code: u16,
    /// Whether it came out as the journey expected.
    success: bool,
    #[serde(default)]
    error: String,
}

#[derive(Deserialize)]
struct Raw {
    method: String,
    /// What it is called where it is no HTTP.
    #[serde(default)]
    custom_method: String,
}

/// Takes a line; false when it is none. `zero` is when the run began.
pub(super) fn take(line: &[u8], zero: Nanos, tally: &Tally) -> bool {
    let Ok(request) = serde_json::from_slice::<Request>(line) else {
        return false;
    };
    let method = if request.raw.custom_method.is_empty() {
        request.raw.method.to_uppercase()
    } else {
        request.raw.custom_method.clone()
    };
    // As goose's own reports name it.
    let class = tally.class(&format!("{method} {}", request.name));
    let at = zero.saturating_add(request.elapsed.saturating_mul(MS));
    let took = request.response_time.saturating_mul(MS) + request.response_time_fraction_us * US;
    let mut call = Call::begun(class, false, at, at);
    let Some(number) = tally.begin(&call) else {
        return true;
    };
    call.end = Some(at.saturating_add(took));
    (call.outcome, call.status, call.worth) = request.came_out();
    let why = Some(request.error).filter(|error| !error.is_empty());
    tally.end(number, &call, why.as_deref());
    true
}

impl Request {
    fn came_out(&self) -> (Outcome, Option<u16>, Option<Worth>) {
        if self.status_code != 0 || self.success {
            let worth = if self.success {
                Worth::Full
            } else {
                Worth::Wrong
            };
            let status = Some(self.status_code).filter(|status| *status != 0);
            return (Outcome::Answered, status, Some(worth));
        }
        // The words of reqwest and of hyper's client, which are all that is logged.
        let outcome = if self.error.contains("timed out") {
            Outcome::TimedOut
        } else if self.error.contains("(Connect)") {
            Outcome::Refused
        } else {
            Outcome::Broken
        };
        (outcome, None, None)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::load::CallLog;

    /// A line as goose 0.19.0 writes it.
    fn line(elapsed: u64, name: &str, status: u16, success: bool, error: &str) -> String {
        format!(
            r#"{{"elapsed":{elapsed},"scenario_index":0,"scenario_name":"Shop","transaction_index":3,"transaction_name":{{"TransactionOnly":"t"}},"raw":{{"method":"Get","url":"http://target/a","headers":[],"body":"","custom_method":""}},"name":"{name}","final_url":"http://target/a","redirected":false,"response_time":5,"status_code":{status},"success":{success},"update":false,"user":0,"error":"{error}","coordinated_omission_elapsed":0,"user_cadence":0,"response_time_fraction_us":250}}"#
        )
    }

    #[test]
    fn each_line_is_a_call() {
        use Outcome::{Answered, Broken, Refused, TimedOut};
        let calls = Arc::new(CallLog::default());
        let tally = Tally::new(Arc::clone(&calls) as _, Vec::new());
        let zero = 7_000_000;
        let lines = [
            line(100, "front page", 200, true, ""),
            line(200, "/gone", 404, true, ""),
            line(300, "/gone", 200, false, "200: /gone"),
            line(
                400,
                "/gone",
                0,
                false,
                "error sending request /gone: client error (Connect)",
            ),
            line(
                500,
                "/gone",
                0,
                false,
                "error sending request /gone: operation timed out",
            ),
            line(
                600,
                "/gone",
                0,
                false,
                "error sending request /gone: connection closed",
            ),
        ];
        for line in &lines {
            assert!(take(line.as_bytes(), zero, &tally), "{line}");
        }
        assert!(!take(b"{\"elapsed\": 1", zero, &tally));
        assert_eq!(tally.classes(), ["GET front page", "GET /gone"]);
        let calls = calls.calls();
        assert_eq!((calls[0].sent, calls[0].intended), (107 * MS, 107 * MS));
        assert_eq!(calls[0].end, Some(112 * MS + 250 * US));
        let good: Vec<bool> = calls.iter().map(Call::is_good).collect();
        assert_eq!(good, [true, true, false, false, false, false]);
        let outcomes: Vec<Outcome> = calls.iter().map(|call| call.outcome).collect();
        let expected = [Answered, Answered, Answered, Refused, TimedOut, Broken];
        assert_eq!(outcomes, expected);
    }

    #[test]
    fn names_without_end_do_not_make_classes_without_end() {
        let calls = Arc::new(CallLog::default());
        let tally = Tally::new(Arc::clone(&calls) as _, Vec::new());
        for order in 0..1500 {
            let line = line(0, &format!("/orders/{order}"), 200, true, "");
            assert!(take(line.as_bytes(), 0, &tally));
        }
        let classes = tally.classes();
        assert_eq!(classes.len(), 1001);
        assert_eq!(classes[1000], "other requests");
        let calls = calls.calls();
        assert_eq!(calls.len(), 1500);
        assert!(calls[1000..].iter().all(|call| call.class == 1000));
    }

    #[test]
    fn the_command_line_is_the_suites_and_ours() {
        let journeys = Journeys {
            argv: ["./journeys", "--no-telnet", "--scenarios", "a"]
                .map(str::to_owned)
                .to_vec(),
            cwd: PathBuf::new(),
            host: "http://127.0.0.1:1".to_owned(),
            users: Some(3),
        };
        let line = journeys.command_line(Path::new("/tmp/log")).join(" ");
        assert_eq!(
            line,
            "./journeys --no-telnet --scenarios a --host http://127.0.0.1:1 --users 3 --increase-rate 60 \
             --request-log /tmp/log --request-format json --no-print-metrics"
        );
    }
}
