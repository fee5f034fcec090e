//! What is bounded, who is let in, and how it ends.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use shaketable_faults::toxiproxy::{Level, Log, Options, Server, ServerError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::stage::{Api, PATIENCE, connect, echo, ping, read_to_end, refusal};

/// The resident memory of this process.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_body_without_end_is_refused_and_not_held() {
    const SIZE: usize = 256 * 1024 * 1024;
    let api = Api::start().await;
    let before = resident();
    for framing in [
        format!("Content-Length: {SIZE}"),
        "Transfer-Encoding: chunked".to_owned(),
    ] {
        let chunked = framing.contains("chunked");
        let mut client = connect(api.address).await;
        let head = format!("POST /proxies HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        let piece = vec![b' '; 1024 * 1024];
        for _ in 0..SIZE / piece.len() {
            if chunked {
                client.write_all(b"100000\r\n").await.unwrap();
            }
            client.write_all(&piece).await.unwrap();
            if chunked {
                client.write_all(b"\r\n").await.unwrap();
            }
        }
        if chunked {
            client.write_all(b"0\r\n\r\n").await.unwrap();
        }
        let reply = String::from_utf8(read_to_end(&mut client).await.unwrap()).unwrap();
        assert!(reply.starts_with("HTTP/1.1 413 "), "{reply}");
        assert!(
            reply.contains("bad request body: larger than 4194304 bytes"),
            "{reply}"
        );
    }
    let more = resident().saturating_sub(before);
    assert!(more < 100 * 1024 * 1024, "{more} bytes more");
    assert_eq!(api.get("/version").await.status, 200);
}

#[tokio::test]
async fn who_asks_before_sending_too_much_is_told_at_once() {
    let api = Api::start().await;
    let mut client = connect(api.address).await;
    let head = "POST /populate HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\nExpect: 100-continue\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    let mut reply = vec![0; 12];
    tokio::time::timeout(PATIENCE, client.read_exact(&mut reply))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(reply, b"HTTP/1.1 413");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_request() {
    let api = Api::start().await;
    let mut client = connect(api.address).await;
    let head = "POST /proxies HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"name\":\"p\",";
    client.write_all(head.as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    let _ = read_to_end(&mut client).await;
    assert_eq!(api.get("/proxies").await.body, "{}");
}

#[tokio::test]
async fn nonsense_does_not_bring_it_down() {
    let api = Api::start().await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00"[..],
        b"GET\r\n\r\n",
        b"\r\n\r\n\r\n",
        b"GET /%ff%fe HTTP/1.1\r\n\r\n",
        &[0; 4096],
    ] {
        let mut client = connect(api.address).await;
        client.write_all(bytes).await.unwrap();
        client.shutdown().await.unwrap();
        let _ = read_to_end(&mut client).await;
    }
    let deep = format!("{{\"name\":{}", "[".repeat(200_000));
    assert_eq!(api.call("POST", "/proxies", &deep).await.status, 400);
    let long = "x".repeat(100_000);
    let name = json!({ "name": long, "upstream": "a:1" });
    assert_eq!(api.post("/proxies", &name).await.status, 201);
    assert_eq!(api.get("/version").await.status, 200);
}

#[tokio::test]
async fn a_change_is_carried_out_though_nobody_waits_for_the_answer() {
    let api = Api::start().await;
    let body = json!({ "name": "p", "upstream": "a:1" }).to_string();
    let mut client = connect(api.address).await;
    let request = format!(
        "POST /proxies HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    client.write_all(request.as_bytes()).await.unwrap();
    drop(client);
    let began = tokio::time::Instant::now();
    while api.get("/proxies/p").await.status != 200 {
        assert!(began.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_token_is_asked_for_where_there_is_one() {
    let options = Options {
        token: Some("sesame".to_owned()),
        ..Options::new(1)
    };
    let api = Api::with(options).await;
    let (status, error) = api.get("/proxies").await.error();
    assert_eq!(status, 401);
    assert!(error.contains("Authorization: Bearer"), "{error}");
    assert_eq!(api.get("/nowhere").await.status, 401);
    let with = async |value: &str| {
        let headers = format!("Authorization: {value}\r\n");
        api.call_with("GET", "/proxies", &headers, "").await.status
    };
    assert_eq!(with("Bearer sesame").await, 200);
    assert_eq!(with("bearer sesame").await, 200);
    for wrong in [
        "Bearer",
        "Bearer sesam",
        "Bearer sesame2",
        "Basic sesame",
        "sesame",
    ] {
        assert_eq!(with(wrong).await, 401, "{wrong}");
    }
}

#[tokio::test]
async fn beyond_loopback_it_wants_a_token() {
    let everywhere: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let refused = Server::bind(everywhere, Options::new(1)).await.unwrap_err();
    assert!(matches!(refused, ServerError::Open(_)));
    assert!(refused.to_string().contains("give a token"), "{refused}");
    let token = Options {
        token: Some("sesame".to_owned()),
        ..Options::new(1)
    };
    Server::bind(everywhere, token).await.unwrap();
    let open = Options {
        no_token: true,
        ..Options::new(1)
    };
    Server::bind(everywhere, open).await.unwrap();
}

#[tokio::test]
async fn a_listen_address_without_a_host_is_loopback() {
    let api = Api::start().await;
    for listen in ["", ":0"] {
        let name = format!("p{listen}");
        let proxy = json!({ "name": name, "listen": listen, "upstream": "a:1" });
        assert!(api.create(proxy).await.ip().is_loopback());
    }
}

#[tokio::test]
async fn an_upstream_is_looked_up_for_each_connection() {
    let api = Api::start().await;
    let port = echo().await.port();
    let listen = api
        .create(json!({ "name": "p", "upstream": format!("localhost:{port}") }))
        .await;
    assert_eq!(
        api.get("/proxies/p").await.json()["upstream"],
        format!("localhost:{port}")
    );
    let mut client = connect(listen).await;
    assert_eq!(ping(&mut client, b"x").await, b"x");
    for upstream in ["nowhere.invalid:1", "no-port", "a:b:c"] {
        api.patch("/proxies/p", &json!({ "upstream": upstream }))
            .await;
        assert_eq!(
            refusal(listen).await,
            ErrorKind::ConnectionReset,
            "{upstream}"
        );
    }
}

#[tokio::test]
async fn it_ends_with_all_its_proxies_and_connections() {
    let api = Api::start().await;
    let listen = api.proxy(echo().await).await;
    let mut client = connect(listen).await;
    assert_eq!(ping(&mut client, b"x").await, b"x");
    // A connection to the API that stays open does not hold it up.
    let idle = connect(api.address).await;
    let address = api.address;
    api.end().await;
    assert!(TcpStream::connect(address).await.is_err());
    assert!(TcpStream::connect(listen).await.is_err());
    let end = read_to_end(&mut client).await;
    assert!(end.is_err() || end.unwrap().is_empty());
    drop(idle);
}

#[tokio::test]
async fn it_says_what_happens_as_loudly_as_it_is_told() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&told);
    let log = Log::new(Level::Debug, move |level, line| {
        into.lock().unwrap().push(format!("{level}: {line}"));
    });
    let options = Options {
        log,
        ..Options::new(1)
    };
    let api = Api::with(options).await;
    let listen = api
        .create(json!({ "name": "p", "upstream": "no-port" }))
        .await;
    api.delete("/proxies/p").await;
    let told = told.lock().unwrap().join("\n");
    for wanted in [
        format!("info: proxy `p` started: {listen} leads to no-port"),
        "warn: connections to proxy `p` will be reset: its upstream `no-port` has no port"
            .to_owned(),
        "info: proxy `p` ended".to_owned(),
        "debug: POST /proxies: 201".to_owned(),
    ] {
        assert!(told.contains(&wanted), "{wanted}\nin\n{told}");
    }
}
