//! A proxy in a process of its own: this test binary, started anew.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};
use shaketable_faults::Protocol;
use shaketable_faults::observe::Clock;
use shaketable_faults::plane::{Plane, Settings};
use shaketable_faults::{Rule, fault};

use crate::stage::{ANYWHERE, PATIENCE, ms, part};

/// Where the process finds what it is to do.
const TASK: &str = "SHAKETABLE_WIRE_TASK";

/// Does nothing as a test: it is what the process runs that the others start.
#[tokio::test]
async fn a_proxy_by_itself() {
    let Ok(task) = std::env::var(TASK) else {
        return;
    };
    let task: Value = serde_json::from_str(&task).unwrap();
    let settings = Settings {
        records: 1000,
        ..Settings::new(7)
    };
    let plane = Plane::start(settings, Clock::start()).unwrap();
    let protocol = part(task["protocol"].clone());
    let proxy = plane
        .open("order -> inventory", protocol, SocketAddr::from(ANYWHERE))
        .await
        .unwrap();
    for (kind, value) in task["faults"].as_object().unwrap() {
        let fault = (fault::find(kind).unwrap().build)(value).unwrap();
        proxy.inject(Rule::new(kind, fault)).await.unwrap();
    }
    proxy.lead_to(
        task["callee"]
            .as_str()
            .unwrap()
            .parse::<SocketAddr>()
            .unwrap(),
    );
    say(&format!("listens on {}", proxy.address()));
    // For as long as the one who started it keeps this open.
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    ended.await.unwrap().unwrap();
    // Connections that have come and gone in the kernel alone are still to be taken.
    let deadline = Instant::now() + PATIENCE;
    while proxy.in_flight() > 0 && Instant::now() < deadline {
        tokio::time::sleep(ms(10)).await;
    }
    say(&format!("in flight: {}", proxy.in_flight()));
}

/// A line of its own, for the one who started this.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n{text}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// The process, and what can be seen of it from outside.
pub(super) struct ByItself {
    process: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<std::process::ChildStdout>,
    pub(super) address: SocketAddr,
}

impl ByItself {
    /// Starts it; `descriptors`: how many it may have open.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "`json!` reads best where it is used"
    )]
    pub(super) fn start(
        protocol: Protocol,
        callee: SocketAddr,
        faults: Value,
        descriptors: Option<u64>,
    ) -> Self {
        let limit = descriptors.map_or("$(ulimit -Hn)".to_owned(), |n| n.to_string());
        let task = json!({ "protocol": protocol, "callee": callee.to_string(), "faults": faults });
        let mut process = Command::new("sh")
            .arg("-c")
            .arg(format!("ulimit -n {limit}; exec \"$@\""))
            .arg("sh")
            .arg(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "hostile::child::a_proxy_by_itself",
                "--nocapture",
            ])
            .env(TASK, task.to_string())
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let address = line(&mut stdout, "listens on ").parse().unwrap();
        Self {
            stdin: process.stdin.take(),
            process,
            stdout,
            address,
        }
    }

    /// How much memory it has taken at most so far.
    pub(super) fn peak_mib(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.unwrap().trim().trim_end_matches(" kB");
        kib.parse::<u64>().unwrap() / 1024
    }

    /// How many descriptors it has open.
    pub(super) fn descriptors(&self) -> usize {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.process.id()));
        open.unwrap().count()
    }

    /// Waits until it has about as few descriptors open as at its beginning.
    pub(super) async fn lets_go_of_all_but(&self, descriptors: usize) {
        // Its threads open some of their own when they first run.
        let few = descriptors + 6;
        let deadline = Instant::now() + PATIENCE;
        while self.descriptors() > few {
            assert!(
                Instant::now() < deadline,
                "{} descriptors are open, as against {descriptors}",
                self.descriptors()
            );
            tokio::time::sleep(ms(10)).await;
        }
    }

    /// Ends it, and sees to it that nothing has panicked and nothing is under way.
    pub(super) async fn ends_well(self) {
        // The callees of this process go on meanwhile.
        let ended = tokio::task::spawn_blocking(|| self.ends());
        ended.await.unwrap();
    }

    fn ends(mut self) {
        let _ = self.stdin.take().unwrap().flush();
        assert_eq!(line(&mut self.stdout, "in flight: "), "0");
        let mut errors = String::new();
        let mut stderr = self.process.stderr.take().unwrap();
        stderr.read_to_string(&mut errors).unwrap();
        assert!(self.process.wait().unwrap().success(), "{errors}");
        assert!(!errors.contains("panicked"), "{errors}");
    }
}

impl Drop for ByItself {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What stands behind these words on a line.
fn line(from: &mut impl BufRead, words: &str) -> String {
    for line in from.lines() {
        if let Some(rest) = line.unwrap().strip_prefix(words) {
            return rest.to_owned();
        }
    }
    panic!("it ended without `{words}`");
}
