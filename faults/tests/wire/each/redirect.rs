//! `redirect`: somebody else gets the request.

use serde_json::json;
use shaketable_faults::Protocol;

use crate::callee::{Listener, callee, nobody};
use crate::client::{End, ask};
use crate::stage::{EVERY_PROTOCOL, GET, HELLO, POST, Stage};

/// As long as [`HELLO`].
const OTHER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother";

#[tokio::test]
pub(super) async fn redirect_lets_another_service_answer() {
    for protocol in EVERY_PROTOCOL {
        let (elsewhere, _) = callee(OTHER).await;
        let stage = Stage::new(HELLO, protocol).await;
        let rule = stage.rule("redirect", json!("inventory-v2"));
        let fault = rule.to(elsewhere).inject().await;
        let mut client = stage.connect().await;
        for _ in 0..2 {
            assert_eq!(ask(&mut client, GET, OTHER.len()).await, OTHER);
        }
        assert_eq!(stage.served(), 0, "{protocol:?}");
        stage.lift(fault).await;
        let mut client = stage.connect().await;
        assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
    }
}

#[tokio::test]
async fn redirect_on_http_is_for_single_requests_of_a_connection() {
    let (elsewhere, _) = callee(OTHER).await;
    let stage = Stage::new(HELLO, Protocol::Http).await;
    let rule = stage.rule("redirect", json!("v2")).to(elsewhere);
    let fault = rule.which(json!({ "method": "POST" })).inject().await;
    let mut client = stage.connect().await;
    for _ in 0..3 {
        assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
        assert_eq!(ask(&mut client, POST, OTHER.len()).await, OTHER);
    }
    stage.lift(fault).await;
    assert_eq!(ask(&mut client, POST, HELLO.len()).await, HELLO);
}

#[tokio::test]
async fn redirect_of_a_share_splits_the_requests() {
    for protocol in EVERY_PROTOCOL {
        let (elsewhere, _) = callee(OTHER).await;
        let stage = Stage::new(HELLO, protocol).await;
        let rule = stage.rule("redirect", json!("v2")).to(elsewhere);
        rule.probability(0.5).inject().await;
        let mut others = 0;
        for number in 0..60 {
            let request = format!("GET /r/{number} HTTP/1.1\r\n\r\n");
            let mut client = stage.connect().await;
            let answer = ask(&mut client, request.as_bytes(), HELLO.len()).await;
            others += usize::from(answer == OTHER);
        }
        assert!((15..45).contains(&others), "{protocol:?}: {others} of 60");
        assert_eq!(stage.served(), 60 - others);
    }
}

#[tokio::test]
async fn a_duplicate_that_is_redirected_goes_elsewhere_too() {
    let other = Listener::answering(POST.len(), OTHER).await;
    let callee = Listener::answering(POST.len(), HELLO).await;
    let stage = Stage::before(callee.address, Protocol::Http).await;
    stage.inject("duplicate", json!(true)).await;
    let rule = stage.rule("redirect", json!("v2"));
    rule.to(other.address).inject().await;
    let mut client = stage.connect().await;
    assert_eq!(ask(&mut client, POST, OTHER.len()).await, OTHER);
    assert_eq!(other.all(), POST.repeat(2));
    assert_eq!(callee.all(), b"");
}

#[tokio::test]
async fn redirect_to_nobody_is_a_reset() {
    let (address, _keeper) = nobody();
    for protocol in EVERY_PROTOCOL {
        let stage = Stage::new(HELLO, protocol).await;
        let rule = stage.rule("redirect", json!("v2"));
        rule.to(address).inject().await;
        assert_eq!(stage.connect_and_ask(GET).await, (Vec::new(), End::Rst));
        assert_eq!(stage.served(), 0);
    }
}
