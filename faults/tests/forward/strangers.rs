//! What a forward proxy cannot do anything with: it says so, and it is noted.

use shaketable_faults::observe::Trouble;
use tokio::io::AsyncWriteExt;

use super::stage::{Stage, read_to_end, text};

async fn told(stage: &Stage, asked: &[u8]) -> String {
    let mut client = stage.connect().await;
    client.write_all(asked).await.unwrap();
    text(&read_to_end(&mut client).await.unwrap())
}

fn trouble(what: &str, times: u64) -> Trouble {
    let what = what.to_owned();
    Trouble { what, times }
}

#[tokio::test]
async fn a_host_that_no_edge_leads_to_is_a_502_that_names_those_that_are_known() {
    let stage = Stage::new().await;
    for asked in [
        &b"GET http://other.prod/x HTTP/1.1\r\nHost: inventory.prod.internal\r\n\r\n"[..],
        b"POST http://OTHER.prod:80/ HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
    ] {
        assert_eq!(
            told(&stage, asked).await,
            "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 134\r\nConnection: close\r\n\r\n\
             no edge leads to other.prod:80; known here:\n  inventory.prod.internal  stock\n  pay.prod:8080  pay\n  \
             inventory.prod.internal:9000  pay\n"
        );
    }
    let answer = told(&stage, b"CONNECT other.prod:443 HTTP/1.1\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert_eq!(
        stage.forward.troubles(),
        [
            trouble("was asked for `other.prod:80`, which no edge leads to", 2),
            trouble("was asked for `other.prod:443`, which no edge leads to", 1),
        ]
    );
    assert!(stage.stock.seen().connections.is_empty());
}

#[tokio::test]
async fn what_is_no_request_to_a_proxy_is_told_how_to_ask() {
    let stage = Stage::new().await;
    let path = b"GET /stock/A1 HTTP/1.1\r\nHost: inventory.prod.internal\r\n\r\n";
    let answer = told(&stage, path).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("CONNECT HOST:PORT"), "{answer}");
    let answer = told(&stage, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").await;
    assert!(answer.ends_with("that was not HTTP\n"), "{answer}");
    let troubles = stage.forward.troubles();
    assert_eq!(troubles.len(), 2, "{troubles:?}");
}

#[tokio::test]
async fn a_stranger_behind_a_good_request_is_told_too() {
    let stage = Stage::new().await;
    let good = "GET http://pay.prod:8080/ HTTP/1.1\r\nHost: pay.prod:8080\r\n\r\n";
    for (next, status) in [
        ("GET http://other.prod/ HTTP/1.1\r\n\r\n", "502"),
        ("\x16\x03\x01 not HTTP\r\n\r\n", "400"),
        ("GET /path HTTP/1.1\r\n\r\n", "400"),
    ] {
        let both = [good, next].concat();
        let answer = told(&stage, both.as_bytes()).await;
        let (first, second) = answer.split_at(answer.rfind("HTTP/1.1 ").unwrap());
        assert!(first.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert_eq!(&second[9..12], status, "{answer}");
    }
}
