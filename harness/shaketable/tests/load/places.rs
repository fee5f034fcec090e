//! Where a target is: names of hosts, Unix sockets, and what is not on this machine.

use std::io::Write;
use std::os::unix::net::UnixListener;

use shaketable::load::client::{Address, Target};
use shaketable::record::Outcome;

use crate::stage::{Ask, Asking, OK, at, request, saying};

fn host(name: &str, port: u16) -> Target {
    let name = name.to_owned();
    Target::new(Address::Host { name, port }, "the-host")
}

#[test]
fn the_system_says_where_a_host_is() {
    let address = saying(OK);
    let ended = Asking::of(host("localhost", address.port())).many(20, &Ask::default());
    assert!(ended.iter().all(|(came, _)| came.is_ok()), "{ended:?}");
}

#[test]
fn a_host_that_nobody_knows_is_unresolved() {
    let ended = Asking::of(host("nowhere.invalid", 80)).many(20, &Ask::default());
    for (came, _) in ended {
        let failure = came.unwrap_err();
        assert_eq!(failure.outcome, Outcome::Unresolved, "{}", failure.why);
        assert!(failure.why.contains("nowhere.invalid"), "{}", failure.why);
    }
}

#[test]
fn nothing_is_sent_beyond_this_machine_unless_that_is_allowed() {
    // 192.0.2.0/24 is nobody's (RFC 5737).
    let asking = Asking::of(at("192.0.2.1:80".parse().unwrap()));
    let failure = asking.get().unwrap_err();
    assert_eq!(failure.outcome, Outcome::Refused);
    assert!(
        failure.why.contains("beyond this machine"),
        "{}",
        failure.why
    );
    let failure = Asking::of(host("192.0.2.1", 80)).get().unwrap_err();
    assert_eq!(failure.outcome, Outcome::Refused);
}

#[test]
fn a_port_where_nobody_listens_refuses() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let failure = Asking::of(at(address)).get().unwrap_err();
    assert_eq!(failure.outcome, Outcome::Refused);
    assert!(
        failure.why.contains(&address.to_string()),
        "{}",
        failure.why
    );
}

#[test]
fn a_unix_socket_is_a_target_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let unix = || Target::new(Address::Unix(path.clone()), "localhost");
    let failure = Asking::of(unix()).get().unwrap_err();
    assert_eq!(failure.outcome, Outcome::Refused);
    assert!(failure.why.contains("socket"), "{}", failure.why);

    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                while let Some(head) = request(&mut stream) {
                    assert!(head.contains("\r\nhost: localhost\r\n"), "{head}");
                    stream.write_all(OK).unwrap();
                }
            });
        }
    });
    let asking = Asking::of(unix());
    for _ in 0..3 {
        assert_eq!(asking.get().unwrap().body, "ok");
    }
    // More at once than the backlog of a Unix socket lets in without waiting.
    let ended = asking.many(400, &Ask::default());
    assert!(ended.iter().all(|(came, _)| came.is_ok()));
}
