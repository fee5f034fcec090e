//! Faults that an external Toxiproxy server carries out, while our proxies only observe.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::stage::Stage;
use crate::target::target;

/// A server that speaks Toxiproxy's API: our own, as a process that the run knows nothing of.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_shaketable"))
            .args(["proxy", "-port", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        let stdout = process.stdout.as_mut().unwrap();
        BufReader::new(stdout).read_line(&mut url).unwrap();
        let address = url.trim().trim_start_matches("http://").to_owned();
        Self { process, address }
    }

    /// What it has.
    fn proxies(&self) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream
            .write_all(b"GET /proxies HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
            .split("\r\n\r\n")
            .nth(1)
            .unwrap_or_default()
            .to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn suite(server: &str, fault: &str) -> String {
    let target = target();
    format!(
        "
name: backend
backend: {{ toxiproxy: '{server}' }}
services:
  inventory: {{ run: $SHAKETABLE fixture inventory --port $PORT, ready: {{ http: /healthz }} }}
  order: {{ run: '{target} ask env URL', ready: {{ http: /healthz }}, calls: {{ inventory: URL }} }}
load: {{ rate: 50/s, request: {{ to: order, get: /stock/A1 }} }}
phases: {{ warm_up: 50ms, baseline: 300ms, fault: 1s, recovery: 300ms }}
experiments:
  shaken:
    faults: [{{ edge: order -> inventory, {fault} }}]
    expect: [process_survival]
"
    )
}

#[test]
fn a_toxiproxy_server_carries_the_fault_out_and_keeps_nothing_of_it() {
    let server = Server::start();
    let stage = Stage::new();
    stage
        .run(&suite(&server.address, "latency: 300ms"))
        .exits(0)
        .keeps_quiet_about("could not be injected");
    assert_eq!(server.proxies().trim(), "{}", "nothing is left there");

    let text = stage.read("out/shaken/recording.jsonl");
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let exchanges = lines.iter().filter_map(|line| line.get("exchange"));
    let gone = lines[0]
        .pointer("/recording/summary/faults/0/until")
        .and_then(Value::as_u64)
        .unwrap();
    let mut hit = 0;
    for exchange in exchanges.map(|line| &line[1]) {
        let (Some(start), Some(first)) =
            (exchange["start"].as_u64(), exchange["first_byte"].as_u64())
        else {
            continue;
        };
        // What is held back when the toxic is removed comes at once.
        let released = first + 100_000_000 > gone;
        if !exchange["fault"].is_null() && !released {
            hit += 1;
            assert!(first - start >= 290_000_000, "{exchange}");
        }
    }
    // The target asks for one thing at a time, and the fault phase has a second.
    assert!(hit >= 1, "{hit}");
}

#[test]
fn what_toxiproxy_cannot_do_is_an_error_of_the_suite() {
    Stage::new()
        .run(&suite("127.0.0.1:8474", "status: 503"))
        .exits(2)
        .says("Toxiproxy has no `status`");
}

#[test]
fn a_server_that_is_not_there_is_an_error_of_the_environment() {
    Stage::new()
        .run(&suite("127.0.0.1:1", "latency: 300ms"))
        .exits(3)
        .says("the Toxiproxy server at 127.0.0.1:1: nobody answers there");
}
