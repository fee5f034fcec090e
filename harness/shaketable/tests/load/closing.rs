//! Connections that end: before a call, within it, and because of it.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use shaketable::record::Outcome;

use crate::stage::{Ask, Asking, OK, at, request, reset, target, until};

#[test]
fn a_connection_carries_one_call_after_the_other() {
    let connections = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&connections);
    let address = target(move |mut stream, _| {
        seen.fetch_add(1, Ordering::Relaxed);
        while request(&mut stream).is_some() && stream.write_all(OK).is_ok() {}
    });
    let asking = Asking::of(at(address));
    for _ in 0..5 {
        assert_eq!(asking.get().unwrap().body, "ok");
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);

    let mut once = at(address);
    once.keep_alive = false;
    let asking = Asking::of(once);
    for _ in 0..5 {
        assert_eq!(asking.get().unwrap().body, "ok");
    }
    assert_eq!(connections.load(Ordering::Relaxed), 6);
}

#[test]
fn a_connection_is_used_again_only_where_the_answer_lets_it() {
    for says in [
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 Nobody asked\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    ] {
        let address = target(move |mut stream, number| {
            request(&mut stream);
            let _ = match number {
                0 => stream.write_all(says.as_bytes()),
                _ => stream.write_all(OK),
            };
            // Open for as long as the client is.
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let asking = Asking::of(at(address));
        asking.get().unwrap();
        assert_eq!(asking.get().unwrap().body, "ok", "after {says:?}");
    }
}

#[test]
fn an_idle_connection_that_the_target_closed_is_not_used() {
    for by_reset in [false, true] {
        let closed = Arc::new(AtomicUsize::new(0));
        let tell = Arc::clone(&closed);
        let address = target(move |mut stream, number| {
            assert!(request(&mut stream).is_some());
            stream.write_all(OK).unwrap();
            if number == 0 {
                std::thread::sleep(Duration::from_millis(5));
                if by_reset {
                    reset(stream);
                } else {
                    drop(stream);
                }
                tell.fetch_add(1, Ordering::Relaxed);
            }
        });
        let asking = Asking::of(at(address));
        asking.get().unwrap();
        until("the target closes", || closed.load(Ordering::Relaxed) == 1);
        asking.listen();
        assert_eq!(asking.get().unwrap().body, "ok", "reset: {by_reset}");
    }
}

#[test]
fn a_call_that_may_have_been_carried_out_is_not_made_again() {
    let requests = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&requests);
    let address = target(move |mut stream, _| {
        request(&mut stream);
        stream.write_all(OK).unwrap();
        // The next one is read, and left without an answer.
        if request(&mut stream).is_some() {
            seen.fetch_add(1, Ordering::Relaxed);
        }
    });
    let asking = Asking::of(at(address));
    asking.get().unwrap();
    assert_eq!(asking.get().unwrap_err().outcome, Outcome::Broken);
    assert_eq!(requests.load(Ordering::Relaxed), 1);
}

#[test]
fn a_reset_within_the_answer_breaks_the_call() {
    let address = target(|mut stream, _| {
        request(&mut stream);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfour")
            .unwrap();
        reset(stream);
    });
    let failure = Asking::of(at(address)).get().unwrap_err();
    assert_eq!(failure.outcome, Outcome::Broken, "{}", failure.why);
}

#[test]
fn a_call_that_is_given_up_closes_its_connection() {
    let closed = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&closed);
    let address = target(move |mut stream, _| {
        request(&mut stream);
        if stream.read(&mut [0]).is_ok_and(|read| read == 0) {
            seen.fetch_add(1, Ordering::Relaxed);
        }
    });
    let asking = Asking::of(at(address));
    let ask = Ask {
        patience: Duration::from_millis(50),
        ..Ask::default()
    };
    assert_eq!(asking.ask(&ask).unwrap_err().outcome, Outcome::TimedOut);
    until("the target sees the end", || {
        closed.load(Ordering::Relaxed) == 1
    });
}
