//! The HTTP control API of Toxiproxy and its like: one request, one connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::bench::error::{BenchError, Doing};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Posts JSON; anything but a 2xx is an error.
pub(crate) fn post(api: SocketAddr, path: &str, json: &str) -> Result<(), BenchError> {
    let what = format!("POST {path}");
    let mut stream = TcpStream::connect(api).doing(&what)?;
    stream.set_read_timeout(Some(PATIENCE)).doing(&what)?;
    let length = json.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {api}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{json}"
    )
    .doing(&what)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).doing(&what)?;
    if answer.starts_with("HTTP/1.1 2") {
        Ok(())
    } else {
        let last = answer.lines().last().unwrap_or("nothing");
        Err(BenchError::Measure(format!("{what} was answered: {last}")))
    }
}
