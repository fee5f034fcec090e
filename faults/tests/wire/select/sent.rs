//! `where: sent` and `sent_bytes`: faults that begin when the caller has said something.

use serde_json::json;
use shaketable_faults::Protocol;
use tokio::io::AsyncWriteExt;

use crate::callee::{Listener, parrot};
use crate::client::{End, ask, silent, until_end};
use crate::stage::{Stage, ms};

const SET: &[u8] = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n";

#[tokio::test]
async fn a_command_is_executed_and_its_reply_is_lost_however_it_is_cut() {
    for protocol in [Protocol::Auto, Protocol::Tcp] {
        for cut in 1..SET.len() {
            let callee = Listener::answering(SET.len(), b"+OK\r\n").await;
            let stage = Stage::before(callee.address, protocol).await;
            let rule = stage.rule("mute", json!("down"));
            let fault = rule
                .which(json!({ "sent": "SET\r\n$1\r\na" }))
                .inject()
                .await;
            let mut client = stage.connect().await;
            client.write_all(&SET[..cut]).await.unwrap();
            if cut % 5 == 0 {
                callee.gets(cut).await;
            }
            client.write_all(&SET[cut..]).await.unwrap();
            assert_eq!(callee.gets(SET.len()).await, SET, "it is executed");
            silent(&mut client, ms(10)).await;
            stage.lift(fault).await;
            assert_eq!(
                until_end(&mut client).await,
                (Vec::new(), End::Rst),
                "{protocol:?}, cut at {cut}"
            );
        }
    }
}

#[tokio::test]
async fn the_reply_never_gets_through_before_the_fault_takes_hold() {
    // A callee as quick as can be, many times.
    let stage = Stage::before(parrot(b"").await, Protocol::Tcp).await;
    let rule = stage.rule("mute", json!("down"));
    rule.which(json!({ "sent": "now" })).inject().await;
    let mut clients = Vec::new();
    for _ in 0..200 {
        let mut client = stage.connect().await;
        assert_eq!(ask(&mut client, b"before", 6).await, b"before");
        client.write_all(b"now").await.unwrap();
        clients.push(client);
    }
    for client in &mut clients {
        silent(client, ms(1)).await;
    }
}

#[tokio::test]
async fn what_was_said_before_the_fault_does_not_count() {
    let stage = Stage::before(parrot(b"").await, Protocol::Tcp).await;
    let mut client = stage.connect().await;
    assert_eq!(ask(&mut client, b"a word", 6).await, b"a word");
    let rule = stage.rule("mute", json!("down"));
    rule.which(json!({ "sent": "word" })).inject().await;
    assert_eq!(ask(&mut client, b"an other", 8).await, b"an other");
    client.write_all(b"a word").await.unwrap();
    silent(&mut client, ms(100)).await;
}

#[tokio::test]
async fn other_connections_are_not_hit_by_what_one_says() {
    let stage = Stage::before(parrot(b"").await, Protocol::Tcp).await;
    let rule = stage.rule("mute", json!("down"));
    rule.which(json!({ "sent": "word" })).inject().await;
    let (mut one, mut other) = (stage.connect().await, stage.connect().await);
    one.write_all(b"word").await.unwrap();
    silent(&mut one, ms(100)).await;
    assert_eq!(ask(&mut other, b"wor", 3).await, b"wor");
    assert_eq!(ask(&mut other, b"k", 1).await, b"k");
}

#[tokio::test]
async fn a_fault_begins_when_so_much_was_sent() {
    for protocol in [Protocol::Auto, Protocol::Tcp] {
        let stage = Stage::before(parrot(b"").await, protocol).await;
        let rule = stage.rule("mute", json!("down"));
        rule.which(json!({ "sent_bytes": "10B" })).inject().await;
        let mut client = stage.connect().await;
        for round in 0..9 {
            assert_eq!(ask(&mut client, &[round], 1).await, [round]);
        }
        client.write_all(b"x").await.unwrap();
        silent(&mut client, ms(100)).await;
    }
}

#[tokio::test]
async fn the_amount_counts_from_the_beginning_of_the_connection() {
    let stage = Stage::before(parrot(b"").await, Protocol::Tcp).await;
    let mut client = stage.connect().await;
    assert_eq!(ask(&mut client, b"ten bytes!", 10).await, b"ten bytes!");
    let rule = stage.rule("mute", json!("down"));
    rule.which(json!({ "sent_bytes": "10B" })).inject().await;
    client.write_all(b"x").await.unwrap();
    silent(&mut client, ms(100)).await;
}

#[tokio::test]
async fn text_and_amount_must_both_have_been_sent() {
    for order in [["word", "12345678"], ["12345678", "word"]] {
        let stage = Stage::before(parrot(b"").await, Protocol::Tcp).await;
        let rule = stage.rule("mute", json!("down"));
        let which = json!({ "sent": "word", "sent_bytes": "12B" });
        rule.which(which).inject().await;
        let mut client = stage.connect().await;
        let [one, other] = order.map(str::as_bytes);
        assert_eq!(ask(&mut client, one, one.len()).await, one);
        client.write_all(other).await.unwrap();
        silent(&mut client, ms(100)).await;
    }
}

#[tokio::test]
async fn only_connections_that_have_said_it_are_counted() {
    let stage = Stage::before(parrot(b"").await, Protocol::Tcp).await;
    let rule = stage.rule("mute", json!("down"));
    let rule = rule.which(json!({ "sent": "word" }));
    rule.times(json!({ "nth": 2 })).inject().await;
    let mut others = Vec::new();
    for _ in 0..3 {
        let mut client = stage.connect().await;
        assert_eq!(ask(&mut client, b"x", 1).await, b"x");
        others.push(client);
    }
    assert_eq!(ask(&mut others[2], b"word", 4).await, b"word", "the first");
    others[0].write_all(b"word").await.unwrap();
    silent(&mut others[0], ms(100)).await;
    assert_eq!(ask(&mut others[1], b"word", 4).await, b"word", "the third");
}

#[tokio::test]
async fn a_reset_when_a_word_has_been_said() {
    let callee = Listener::silent().await;
    let stage = Stage::before(callee.address, Protocol::Tcp).await;
    let rule = stage.rule("reset", json!({ "in": "0s" }));
    rule.which(json!({ "sent": "COMMIT" })).inject().await;
    let mut client = stage.connect().await;
    client.write_all(b"BEGIN; COMM").await.unwrap();
    callee.gets(11).await;
    silent(&mut client, ms(50)).await;
    client.write_all(b"IT").await.unwrap();
    assert_eq!(until_end(&mut client).await, (Vec::new(), End::Rst));
}
