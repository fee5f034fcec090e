//! A server that keeps count, and can stand still once; and the command on it.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// A server on loopback, as long as the test runs.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// The heads of all requests.
    heads: Mutex<Vec<String>>,
    /// Until when nothing is answered.
    still: Mutex<Option<Instant>>,
    moved: Condvar,
}

impl Server {
    /// One that answers everything at once.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                thread::spawn(move || state.serve(stream));
            }
        });
        Self { address, state }
    }

    /// From the first request on it answers for so long, then stands still for so long, once.
    pub(crate) fn stands_still(&self, after: Duration, lasts: Duration) {
        let state = Arc::clone(&self.state);
        thread::spawn(move || {
            let mut heads = state.heads.lock().unwrap();
            while heads.is_empty() {
                heads = state.moved.wait(heads).unwrap();
            }
            drop(heads);
            // What is tested is time itself.
            thread::sleep(after);
            *state.still.lock().unwrap() = Some(Instant::now() + lasts);
        });
    }

    /// The heads of the requests so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.state.heads.lock().unwrap().clone()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/a?b=c", self.address)
    }
}

impl State {
    fn serve(&self, stream: TcpStream) {
        stream.set_nodelay(true).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut writer = stream;
        loop {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if reader.read_line(&mut head).is_ok_and(|read| read == 0) {
                    return;
                }
            }
            self.heads.lock().unwrap().push(head);
            self.moved.notify_all();
            let until = *self.still.lock().unwrap();
            if let Some(until) = until {
                thread::sleep(until.saturating_duration_since(Instant::now()));
            }
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            if writer.write_all(answer).is_err() {
                return;
            }
        }
    }
}

/// How the command ended: its exit code, stdout, stderr.
pub(crate) fn load(words: &[&str]) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command(words).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

pub(crate) fn command(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shaketable"));
    command.arg("load").args(words).stdin(Stdio::null());
    command
}

/// The result as JSON, of a command that succeeds.
pub(crate) fn measured(words: &[&str]) -> Value {
    let (code, out, err) = load(&[words, &["--format", "json"]].concat());
    assert_eq!(code, 0, "{out}{err}");
    serde_json::from_str(&out).unwrap()
}
