//! `target ask …`: passes each request on to a dependency, and its status back. Where the dependency
//! is, it is told in one of the ways in which programs are.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use super::{answer, asked, listen, tell};

/// How long a dependency may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// `at TEXT`, `env NAME…`, `file PATH`, or `proxied URL`, which asks the HTTP proxy of the environment.
pub(super) fn ask(words: &[String]) -> io::Result<ExitCode> {
    let wrong = || io::Error::other("ask at TEXT, env NAME…, file PATH or proxied URL");
    let (way, rest) = words.split_first().ok_or_else(wrong)?;
    let told = match way.as_str() {
        "at" | "proxied" => rest.concat(),
        "env" => {
            let values = rest.iter().map(std::env::var);
            let values: Result<Vec<_>, _> = values.collect();
            values.map_err(io::Error::other)?.join(":")
        }
        "file" => {
            let text = fs::read_to_string(rest.concat())?;
            text.split('"').nth(1).unwrap_or_default().to_owned()
        }
        _ => return Err(wrong()),
    };
    let whom = Whom::read(&told).ok_or_else(wrong)?;
    let proxy = if way == "proxied" {
        let name = if whom.secure {
            "https_proxy"
        } else {
            "http_proxy"
        };
        let told = std::env::var(name).map_err(io::Error::other)?;
        Some(Whom::read(&told).ok_or_else(wrong)?)
    } else {
        None
    };
    tell(&format!("asks {told}"))?;
    for stream in listen()?.incoming() {
        let stream = stream?;
        let Some(path) = asked(&stream) else { continue };
        if path == "/healthz" {
            answer(&stream, "200 OK");
            continue;
        }
        match whom.answer_to(&path, proxy.as_ref()) {
            Ok(status) => answer(&stream, &status),
            Err(error) => {
                tell(&error.to_string())?;
                answer(&stream, "502 Bad Gateway");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A dependency as a program is told of it.
struct Whom {
    secure: bool,
    host: String,
    port: u16,
    /// What comes before each path.
    base: String,
}

impl Whom {
    /// Of `http://host:port/path`; host and port alone of `host:port`, `scheme://user@host:port/db` and
    /// `user@tcp(host:port)/db`.
    fn read(told: &str) -> Option<Self> {
        let whom = told.rsplit(['@']).next()?;
        let whom = whom.rsplit("//").next()?.trim_start_matches("tcp(");
        let (address, path) = whom.split_at(whom.find(['/', ')']).unwrap_or(whom.len()));
        let (host, port) = address.rsplit_once(':')?;
        let base = if told.starts_with("http") { path } else { "" };
        Some(Self {
            secure: told.starts_with("https://"),
            host: host.trim_matches(['[', ']']).to_owned(),
            port: port.parse().ok()?,
            base: base.to_owned(),
        })
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let address = (self.host.as_str(), self.port).to_socket_addrs()?.next();
        let address = address.ok_or_else(|| io::Error::other("no address"))?;
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// The status with which a GET is answered.
    fn answer_to(&self, path: &str, proxy: Option<&Self>) -> io::Result<String> {
        let (host, port, path) = (&self.host, self.port, format!("{}{path}", self.base));
        let stream = proxy.unwrap_or(self).connect()?;
        if proxy.is_some() && self.secure {
            write!(
                &stream,
                "CONNECT {host}:{port} HTTP/1.1\r\nhost: {host}:{port}\r\n\r\n"
            )?;
            let answer = head(&stream)?;
            if !answer.contains(" 200 ") {
                return status(&answer);
            }
        }
        let target = if proxy.is_some() && !self.secure {
            format!("http://{host}:{port}{path}")
        } else {
            path
        };
        let request =
            format!("GET {target} HTTP/1.1\r\nhost: {host}:{port}\r\nconnection: close\r\n\r\n");
        if self.secure {
            return status(&ask_securely(stream, host, &request)?);
        }
        (&stream).write_all(request.as_bytes())?;
        status(&head(stream)?)
    }
}

#[cfg(feature = "tls")]
fn ask_securely(stream: TcpStream, host: &str, request: &str) -> io::Result<String> {
    let mut stream = super::secure::secured(stream, host)?;
    stream.write_all(request.as_bytes())?;
    head(stream)
}

#[cfg(not(feature = "tls"))]
fn ask_securely(_: TcpStream, _: &str, _: &str) -> io::Result<String> {
    Err(io::Error::other("without TLS"))
}

/// Reads the head of an answer, and nothing beyond.
fn head(mut from: impl Read) -> io::Result<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && from.read(&mut byte)? > 0 {
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn status(head: &str) -> io::Result<String> {
    let mut lines = BufReader::new(head.as_bytes()).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let status = first.split_once(' ').map(|(_, status)| status.to_owned());
    status.ok_or_else(|| io::Error::other("no answer"))
}
