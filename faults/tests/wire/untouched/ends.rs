//! Ends: a close is a close on the other side, in each direction for itself, and a reset a reset.

use shaketable_faults::Protocol;
use shaketable_faults::observe::Ended;
use tokio::io::AsyncWriteExt;

use super::play::{Turn, callee, caller, pipeline, play, play_with};
use crate::callee::{Listener, serving};
use crate::client::{End, read, reset, until_end};
use crate::stage::{EVERY_PROTOCOL, GET, HELLO, POST, Stage};

#[tokio::test]
async fn ends_pass_as_they_are_at_every_point_of_a_conversation() {
    let half = &POST[..30];
    let half_an_answer = &HELLO[..HELLO.len() - 2];
    let half_a_head = &HELLO[..20];
    let points: [&[Turn]; 6] = [
        &[caller(GET)],
        &[caller(POST), callee(half_an_answer)],
        &[caller(GET), callee(HELLO)],
        &[caller(GET), callee(HELLO), caller(GET)],
        &[
            caller(GET),
            callee(HELLO),
            caller(GET),
            callee(half_an_answer),
        ],
        &[pipeline(&[[GET, HELLO], [GET, b""]])],
    ];
    let ends = [
        Turn::CallerCloses,
        Turn::CalleeCloses,
        Turn::CallerResets,
        Turn::CalleeResets,
    ];
    for protocol in EVERY_PROTOCOL {
        for end in &ends {
            for point in points {
                let turns = [point, std::slice::from_ref(end)].concat();
                play(protocol, &turns, &[]).await;
            }
            if protocol == Protocol::Tcp {
                // A head that is read along is passed on when it is there.
                let turns = [caller(half), end.clone()];
                play_with(protocol, &turns, &[], false).await;
                let turns = [caller(GET), callee(half_a_head), end.clone()];
                play_with(protocol, &turns, &[], false).await;
            }
        }
    }
}

#[tokio::test]
async fn half_a_head_of_an_answer_is_the_callers_to_see() {
    for protocol in EVERY_PROTOCOL {
        let address = serving(|mut stream| async move {
            read(&mut stream, GET.len()).await;
            stream.write_all(&HELLO[..20]).await.unwrap();
        })
        .await;
        let stage = Stage::before(address, protocol).await;
        let mut client = stage.connect().await;
        client.write_all(GET).await.unwrap();
        let (got, _) = until_end(&mut client).await;
        assert_eq!(got, &HELLO[..20], "{protocol:?}");
    }
}

#[tokio::test]
async fn each_direction_closes_for_itself() {
    for protocol in [Protocol::Auto, Protocol::Tcp] {
        let turns = [
            caller("\0one"),
            Turn::CallerCloses,
            callee("two"),
            callee("three"),
            Turn::CalleeCloses,
        ];
        play(protocol, &turns, &[]).await;
        let turns = [
            caller("\0one"),
            Turn::CalleeCloses,
            caller("two"),
            caller("three"),
            Turn::CallerCloses,
        ];
        play(protocol, &turns, &[]).await;
    }
}

#[tokio::test]
async fn a_half_closed_pipeline_is_answered_whole() {
    for protocol in EVERY_PROTOCOL {
        let callee = Listener::answering(GET.len(), HELLO).await;
        let stage = Stage::before(callee.address, protocol).await;
        let mut client = stage.connect().await;
        client.write_all(&GET.repeat(4)).await.unwrap();
        client.shutdown().await.unwrap();
        let mut got = Vec::new();
        while got.len() < HELLO.len() * 4 {
            got.extend(read(&mut client, HELLO.len()).await);
        }
        assert_eq!(got, HELLO.repeat(4), "{protocol:?}");
        assert_eq!(callee.all(), GET.repeat(4));
        callee.hears(|heard| heard[0].end.is_some()).await;
    }
}

#[tokio::test]
async fn who_ended_it_is_told_apart() {
    for (end, ended) in [
        (Turn::CallerResets, Ended::Caller),
        (Turn::CalleeResets, Ended::Callee),
    ] {
        for protocol in EVERY_PROTOCOL {
            let (resets, told) = tokio::sync::watch::channel(false);
            let address = serving(move |mut stream| {
                let mut told = told.clone();
                async move {
                    read(&mut stream, GET.len()).await;
                    tokio::select! {
                        _ = told.wait_for(|told| *told) => reset(stream),
                        _ = until_end(&mut stream) => {}
                    }
                }
            })
            .await;
            let stage = Stage::before(address, protocol).await;
            let mut client = stage.connect().await;
            client.write_all(GET).await.unwrap();
            stage
                .seen(|seen| seen.exchanges.first().is_some_and(|e| e.executed))
                .await;
            if matches!(end, Turn::CallerResets) {
                reset(client);
            } else {
                resets.send_replace(true);
                assert_eq!(until_end(&mut client).await, (Vec::new(), End::Rst));
            }
            let seen = stage.ended(1).await;
            assert_eq!(seen.exchanges[0].ended, ended, "{protocol:?}");
        }
    }
}
