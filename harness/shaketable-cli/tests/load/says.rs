//! What it says: on stdout, on stderr, by its exit code, and in the log.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::server::{Server, command, load};

#[test]
fn thresholds_make_the_exit_code() {
    let server = Server::start();
    let url = server.url();
    let short = ["--rate", "100/s", "--for", "500ms"];
    let with = |bound: &'static str| {
        let words = [&[url.as_str()][..], &short[..], &["--threshold", bound]].concat();
        load(&words)
    };
    let (code, _, err) = with("errors<1%");
    assert_eq!((code, err.trim()), (0, "pass errors<1%: 0.00 %"));
    let (code, _, err) = with("p50<1us");
    assert_eq!(code, 1, "{err}");
    let (code, _, err) = with("p98<1us");
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("known figures are mean, p50"), "{err}");
}

#[test]
fn a_target_that_is_not_there_is_told_by_its_kind() {
    // Bound and never listening: nobody else can take the port.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let url = format!("http://{address}/");
    let began = Instant::now();
    let (code, out, _) = load(&[&url, "--rate", "100/s", "--for", "1s"]);
    assert_eq!(code, 0, "without a bound there is nothing to fail: {out}");
    assert!(out.contains("refused: 100 calls, as in:"), "{out}");
    assert!(began.elapsed() < Duration::from_secs(20));
    let (code, ..) = load(&[&url, "--calls", "10", "--threshold", "goodput>=99%"]);
    assert_eq!(code, 1);
    let (code, out, _) = load(&[&url, "--users", "2", "--for", "500ms"]);
    assert_eq!(code, 0, "users do not run wild against nobody: {out}");
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_sent() {
    let refused = |words: &[&str], why: &str| {
        let (code, out, err) = load(words);
        assert!(matches!(code, 2 | 3), "{words:?}: {code}");
        assert!(err.contains(why) && out.is_empty(), "{words:?}: {err}{out}");
    };
    refused(&["http://192.0.2.1/"], "say so with --remote");
    refused(&["ftp://127.0.0.1/"], "is no URL that can be loaded");
    refused(&["http://nowhere.invalid/"], "look `nowhere.invalid` up");
    refused(&["https://127.0.0.1:1/"], "--ca FILE, or --insecure");
    refused(&["http://127.0.0.1:1/", "-H", "nonsense"], "is no header");
    refused(&["http://127.0.0.1:1/", "--json", "{"], "is no JSON");
    refused(
        &["http://127.0.0.1:1/", "--hdr", "/nowhere/a.hlog"],
        "/nowhere/a.hlog",
    );
    refused(
        &["http://127.0.0.1:1/", "--users", "2", "--rate", "1/s"],
        "cannot be used with",
    );
    refused(&["http://127.0.0.1:1/", "--rate", "100"], "100/s");
}

#[test]
fn the_request_is_the_one_that_was_asked_for() {
    let server = Server::start();
    let (code, ..) = load(&[
        &server.url(),
        "--calls",
        "1",
        "-X",
        "put",
        "-H",
        "X-One: 1",
        "--json",
        "{\"a\":1}",
    ]);
    assert_eq!(code, 0);
    let head = server.heads().remove(0).to_lowercase();
    assert!(head.starts_with("put /a?b=c http/1.1\r\n"), "{head}");
    for line in [
        "x-one: 1",
        "content-type: application/json",
        "content-length: 7",
    ] {
        assert!(head.contains(line), "{head}");
    }
    assert!(head.contains("traceparent: 00-"), "{head}");
}

#[test]
fn the_log_is_one_that_others_read() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.hlog");
    let (code, ..) = load(&[
        &server.url(),
        "--rate",
        "100/s",
        "--for",
        "1s",
        "--hdr",
        file.to_str().unwrap(),
    ]);
    assert_eq!(code, 0);
    let log = std::fs::read_to_string(file).unwrap();
    assert!(log.contains("StartTime"), "{log}");
    assert!(log.lines().any(|line| line.contains("HISTF")), "{log}");
}

#[test]
fn an_interrupt_ends_it_with_what_there_is() {
    let server = Server::start();
    let mut child = command(&[&server.url(), "--rate", "100/s", "--for", "1h"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while server.heads().len() < 20 {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(5));
    }
    kill(
        Pid::from_raw(i32::try_from(child.id()).unwrap()),
        Signal::SIGINT,
    )
    .unwrap();
    let mut out = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut out).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(out.contains("answers:"), "{out}");
}
