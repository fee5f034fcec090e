//! Bytes that are not HTTP.

use proptest::prelude::*;
use shaketable_faults::Protocol;

use super::play::{Turn, callee, caller, play};
use crate::stage::EVERY_PROTOCOL;

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(test);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn bytes_leave_as_they_came(
        one in prop::collection::vec(any::<u8>(), 1..300),
        two in prop::collection::vec(any::<u8>(), 1..300),
        times in 1..400_usize,
        cuts in prop::collection::vec(1_usize..40_000, 1..20),
        auto in any::<bool>(),
    ) {
        let protocol = if auto { Protocol::Auto } else { Protocol::Tcp };
        let (one, two) = (one.repeat(times), two.repeat(times));
        let turns = [caller(&one), callee(&two), caller(&two), callee(&one), Turn::CallerCloses, Turn::CalleeCloses];
        run(play(protocol, &turns, &cuts));
    }

    #[test]
    fn junk_on_an_http_edge_leaves_as_it_came(
        junk in prop::collection::vec(any::<u8>(), 1..300),
        cuts in prop::collection::vec(1_usize..40, 1..20),
        protocol in prop::sample::select(EVERY_PROTOCOL.to_vec()),
    ) {
        // What could still become a request's head is waited for, and not passed on before.
        let mut words = b"\x00".to_vec();
        words.extend(junk);
        let turns = [caller(&words), callee(b"\x00\x01answer"), caller(&words)];
        run(play(protocol, &turns, &cuts));
    }
}

#[tokio::test]
async fn a_callee_may_speak_first() {
    for protocol in [Protocol::Auto, Protocol::Tcp] {
        let turns = [
            callee("220 ready\r\n"),
            caller("EHLO x\r\n"),
            callee("250 ok\r\n"),
            caller("GET / HTTP/1.1\r\n\r\n"),
            Turn::CalleeCloses,
            caller("one word more"),
            Turn::CallerCloses,
        ];
        play(protocol, &turns, &[]).await;
        play(protocol, &turns, &[1]).await;
    }
}
