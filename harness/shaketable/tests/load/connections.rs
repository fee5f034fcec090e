//! How many connections there are, and who waits for one.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::stage::{Ask, Asking, OK, at, request, target};

#[test]
fn calls_beyond_the_cap_wait_for_a_connection_and_say_so() {
    let connections = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&connections);
    let address = target(move |mut stream, _| {
        seen.fetch_add(1, Ordering::Relaxed);
        while request(&mut stream).is_some() {
            std::thread::sleep(Duration::from_millis(20));
            stream.write_all(OK).unwrap();
        }
    });
    let mut capped = at(address);
    capped.connections = Some(2);
    let ended = Asking::of(capped).many(6, &Ask::default());
    assert!(ended.iter().all(|(came, _)| came.is_ok()));
    assert_eq!(connections.load(Ordering::Relaxed), 2);
    let waits: Vec<u64> = ended.iter().map(|(_, queued)| *queued).collect();
    assert_eq!(waits[..2], [0, 0], "{waits:?}");
    assert!(
        waits[2] >= 15_000_000 && waits[4] >= 30_000_000,
        "{waits:?}"
    );

    let ended = Asking::of(at(address)).many(6, &Ask::default());
    assert!(
        ended
            .iter()
            .all(|(came, queued)| came.is_ok() && *queued == 0)
    );
    assert_eq!(connections.load(Ordering::Relaxed), 2 + 6);
}

#[test]
fn who_gives_up_while_waiting_says_how_long_that_was() {
    let address = target(|mut stream, _| {
        request(&mut stream);
        std::thread::sleep(Duration::from_secs(2));
    });
    let mut capped = at(address);
    capped.connections = Some(1);
    let ask = Ask {
        patience: Duration::from_millis(100),
        ..Ask::default()
    };
    let ended = Asking::of(capped).many(2, &ask);
    assert_eq!(ended[0].1, 0);
    assert!(ended[1].1 >= 90_000_000, "{}", ended[1].1);
}
