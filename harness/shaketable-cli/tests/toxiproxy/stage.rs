//! A server as a process, and whoever speaks to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Nothing in these tests takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The binary, without what the environment might say.
pub(crate) fn shaketable(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shaketable"));
    command.args(words).stdin(Stdio::null());
    for name in ["TOXIPROXY_URL", "SHAKETABLE_TOKEN", "LOG_LEVEL"] {
        command.env_remove(name);
    }
    command
}

/// What a command printed, and how it ended.
pub(crate) fn output(command: &mut Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// A server that ends with the test.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts one on a free port, with these words more.
    pub(crate) fn start(words: &[&str]) -> Self {
        Self::of(shaketable(&["proxy", "-port", "0"]).args(words))
    }

    pub(crate) fn of(command: &mut Command) -> Self {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line
            .trim()
            .strip_prefix("http://")
            .and_then(|a| a.parse().ok());
        let Some(address) = address else {
            let mut said = String::new();
            let stderr = process.stderr.as_mut().unwrap();
            stderr.read_to_string(&mut said).unwrap();
            panic!("no server: {line:?} {said}");
        };
        Self { process, address }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Says what `shaketable toxiproxy` says of it.
    pub(crate) fn ask(&self, words: &[&str]) -> (i32, String, String) {
        let mut command = shaketable(&["toxiproxy"]);
        output(command.args(words).env("TOXIPROXY_URL", self.url()))
    }

    /// Sends a request; gives the whole answer.
    pub(crate) fn request(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "{request}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    pub(crate) fn get(&self, path: &str) -> String {
        self.request(&format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        ))
    }

    /// Ends it by a signal; gives how it ended and what it said on stderr.
    pub(crate) fn end(mut self, signal: Signal) -> (ExitStatus, String) {
        let pid = Pid::from_raw(i32::try_from(self.process.id()).unwrap());
        kill(pid, signal).unwrap();
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        };
        let mut said = String::new();
        let stderr = self.process.stderr.as_mut().unwrap();
        stderr.read_to_string(&mut said).unwrap();
        (status, said)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A callee that says back what it hears.
pub(crate) fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut to = stream.try_clone().unwrap();
                let _ = std::io::copy(&mut &stream, &mut to);
            });
        }
    });
    address
}

/// Sends bytes through a proxy and gives what comes back.
pub(crate) fn ping(address: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"ping")?;
    let mut back = vec![0; 4];
    stream.read_exact(&mut back)?;
    Ok(back)
}

/// A port on which nobody listens.
pub(crate) fn nobody() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
