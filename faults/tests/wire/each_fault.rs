//! Each fault's effect as a raw client sees it.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use serde_json::json;
use shaketable_faults::Protocol;
use shaketable_faults::observe::Ended;
use shaketable_faults::which::Which;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::stage::{GET, HELLO, Stage, ask, read, read_to_end};

#[tokio::test]
async fn latency_holds_the_answer_back_and_the_callee_works_at_once() {
    let stage = Stage::new(HELLO, Protocol::Auto).await;
    stage.inject("latency", json!("300ms")).await;
    let mut client = stage.connect().await;
    let began = Instant::now();
    client.write_all(GET).await.unwrap();
    stage
        .seen(|seen| {
            seen.exchanges
                .first()
                .is_some_and(|e| e.first_byte.is_some())
        })
        .await;
    assert!(
        began.elapsed() < Duration::from_millis(250),
        "the callee answered long before the delay was over"
    );
    assert_eq!(read(&mut client, HELLO.len()).await, HELLO);
    assert!(
        began.elapsed() >= Duration::from_millis(300),
        "{:?}",
        began.elapsed()
    );
    let seen = stage.seen(|seen| seen.exchanges[0].end.is_some()).await;
    assert_eq!(
        (seen.exchanges[0].ended, seen.exchanges[0].status),
        (Ended::Answered, Some(200))
    );
    assert_eq!(seen.exchanges[0].fault, Some(0));
}

#[tokio::test]
async fn lifting_latency_releases_what_it_held() {
    let stage = Stage::new(HELLO, Protocol::Auto).await;
    let fault = stage.inject("latency", json!("1h")).await;
    let mut client = stage.connect().await;
    client.write_all(GET).await.unwrap();
    stage
        .seen(|seen| {
            seen.exchanges
                .first()
                .is_some_and(|e| e.first_byte.is_some())
        })
        .await;
    stage.proxy.lift(fault).await.unwrap();
    assert_eq!(read(&mut client, HELLO.len()).await, HELLO);
    assert_eq!(
        ask(&mut client, GET, HELLO.len()).await,
        HELLO,
        "the same connection goes on untouched"
    );
}

#[tokio::test]
async fn hang_takes_the_request_and_says_nothing_until_it_is_lifted() {
    let stage = Stage::new(HELLO, Protocol::Auto).await;
    let fault = stage.inject("hang", json!(true)).await;
    let mut client = stage.connect().await;
    client.write_all(GET).await.unwrap();
    stage.seen(|seen| seen.exchanges.len() == 1).await;
    let mut byte = [0];
    let silent = tokio::time::timeout(Duration::from_millis(200), client.read(&mut byte)).await;
    assert!(silent.is_err(), "{silent:?}");
    assert_eq!(stage.served(), 0, "the callee is not contacted");
    stage.proxy.lift(fault).await.unwrap();
    assert_eq!(
        read_to_end(&mut client).await.unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
}

#[tokio::test]
async fn a_caller_that_gives_up_on_a_hang_is_seen_to() {
    let stage = Stage::new(HELLO, Protocol::Auto).await;
    stage.inject("hang", json!(true)).await;
    let mut client = stage.connect().await;
    client.write_all(GET).await.unwrap();
    stage.seen(|seen| seen.exchanges.len() == 1).await;
    drop(client);
    let seen = stage.seen(|seen| seen.exchanges[0].end.is_some()).await;
    assert_eq!(seen.exchanges[0].ended, Ended::Caller);
}

#[tokio::test]
async fn a_caller_that_gives_up_on_a_late_answer_is_seen_to_at_once() {
    let stage = Stage::new(HELLO, Protocol::Auto).await;
    stage.inject("latency", json!("1h")).await;
    let mut client = stage.connect().await;
    client.write_all(GET).await.unwrap();
    stage
        .seen(|seen| {
            seen.exchanges
                .first()
                .is_some_and(|e| e.first_byte.is_some())
        })
        .await;
    drop(client);
    let seen = stage.seen(|seen| seen.exchanges[0].end.is_some()).await;
    assert_eq!(seen.exchanges[0].ended, Ended::Caller);
}

#[tokio::test]
async fn refuse_means_that_nothing_listens_and_lifting_it_listens_again() {
    let stage = Stage::new(HELLO, Protocol::Auto).await;
    let mut established = stage.connect().await;
    assert_eq!(ask(&mut established, GET, HELLO.len()).await, HELLO);
    let fault = stage.inject("refuse", json!(true)).await;
    let refused = TcpStream::connect(stage.proxy.address()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(
        read_to_end(&mut established).await.unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
    for _ in 0..3 {
        stage.proxy.lift(fault).await.unwrap();
        let mut client = stage.connect().await;
        assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
    }
}

#[tokio::test]
async fn nobody_can_take_the_port_while_it_refuses() {
    let stage = Stage::new(HELLO, Protocol::Auto).await;
    stage.inject("refuse", json!(true)).await;
    let taken = std::net::TcpListener::bind(stage.proxy.address()).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
}

#[tokio::test]
async fn reset_is_a_real_rst_and_the_callee_sees_nothing() {
    let stage = Stage::new(HELLO, Protocol::Auto).await;
    stage.inject("reset", json!(true)).await;
    let mut client = stage.connect().await;
    client
        .write_all(b"POST /r HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody")
        .await
        .unwrap();
    assert_eq!(
        read_to_end(&mut client).await.unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
    assert_eq!(stage.served(), 0);
    let seen = stage.seen(|seen| seen.exchanges[0].end.is_some()).await;
    assert_eq!(
        (seen.exchanges[0].ended, seen.exchanges[0].executed),
        (Ended::Fault, false)
    );
}

#[tokio::test]
async fn status_answers_in_the_callees_place_and_keeps_the_connection() {
    let stage = Stage::new(HELLO, Protocol::Auto).await;
    let fault = stage
        .inject(
            "status",
            json!({ "code": 429, "body": "slow down", "headers": { "Retry-After": "2" } }),
        )
        .await;
    let mut client = stage.connect().await;
    let wanted = b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\nRetry-After: 2\r\ncontent-length: 9\r\n\r\nslow down";
    let request = b"POST /r HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody";
    for _ in 0..2 {
        let answer = ask(&mut client, request, wanted.len()).await;
        assert_eq!(
            String::from_utf8_lossy(&answer),
            String::from_utf8_lossy(wanted)
        );
    }
    assert_eq!(stage.served(), 0);
    stage.proxy.lift(fault).await.unwrap();
    assert_eq!(
        ask(&mut client, GET, HELLO.len()).await,
        HELLO,
        "the same connection reaches the callee again"
    );
}

#[tokio::test]
async fn truncate_cuts_the_body_under_its_length() {
    let stage = Stage::new(HELLO, Protocol::Auto).await;
    stage.inject("truncate", json!("2B")).await;
    let mut client = stage.connect().await;
    let whole = HELLO.len() - 3;
    assert_eq!(ask(&mut client, GET, whole).await, &HELLO[..whole]);
    assert_eq!(
        read_to_end(&mut client).await.unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
    let seen = stage.seen(|seen| seen.exchanges[0].end.is_some()).await;
    assert_eq!(
        (seen.exchanges[0].ended, seen.exchanges[0].executed),
        (Ended::Fault, true)
    );
}

#[tokio::test]
async fn a_fault_hits_only_the_exchanges_that_it_is_meant_for() {
    let stage = Stage::new(HELLO, Protocol::Auto).await;
    let which = Which {
        method: Some("GET".to_owned()),
        path: Some("/slow/*".to_owned()),
        ..Which::default()
    };
    stage.inject_rule("hang", json!(true), which, 1.0).await;
    let mut client = stage.connect().await;
    assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
    client
        .write_all(b"GET /slow/1 HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    let seen = stage.seen(|seen| seen.exchanges.len() == 2).await;
    assert_eq!(
        [seen.exchanges[0].fault, seen.exchanges[1].fault],
        [None, Some(0)]
    );
    assert_eq!(seen.operations, ["GET /stock/A1", "GET /slow/{}"]);
}

#[test]
fn parameters_that_make_no_sense_are_refused() {
    use shaketable_faults::fault::find;
    let build = |kind: &str, value| (find(kind).unwrap().build)(&value).map(|_| ()).unwrap_err();
    assert!(build("latency", json!({ "delay": "1s", "jitter": "2s" })).contains("larger"));
    assert!(build("status", json!(99)).contains("200 to 599"));
    assert!(
        build(
            "status",
            json!({ "code": 503, "headers": { "a": "b\r\nc: d" } })
        )
        .contains("one line")
    );
    assert!(build("hang", json!(false)).contains("leave the fault out"));
    assert!(build("truncate", json!("10")).contains("not a size"));
    assert!(find("earthquake").is_none());
}
