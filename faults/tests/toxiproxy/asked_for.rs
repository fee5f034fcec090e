//! "What its users ask for most": what Toxiproxy does not have, and this does.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::stage::{
    Api, HELLO, connect, echo, http, is_silent, ping, read, read_to_end, says, status,
};

#[tokio::test]
async fn http_awareness_a_status_for_some_paths() {
    let api = Api::start().await;
    let listen = api.proxy(http().await).await;
    api.toxic(json!({
        "type": "status", "attributes": { "code": 503 }, "where": { "path": "/broken/*" },
    }))
    .await;
    assert_eq!(status(listen, "/broken/1").await, 503);
    assert_eq!(status(listen, "/fine").await, 200);
    api.call("POST", "/reset", "").await;
    assert_eq!(status(listen, "/broken/1").await, 200);
}

#[tokio::test]
async fn a_proxy_may_say_what_it_speaks() {
    let api = Api::start().await;
    for protocol in ["http", "auto"] {
        let listen = api
            .create(json!({ "name": protocol, "upstream": http().await, "protocol": protocol }))
            .await;
        let shown = api.get(&format!("/proxies/{protocol}")).await.json();
        assert_eq!(shown["protocol"], protocol);
        assert_eq!(status(listen, "/").await, 200);
    }
    let listen = api
        .create(json!({ "name": "tcp", "upstream": http().await, "protocol": "tcp" }))
        .await;
    assert_eq!(
        api.get("/proxies/tcp").await.json().get("protocol"),
        None,
        "as in Toxiproxy"
    );
    let changed = api
        .patch("/proxies/tcp", &json!({ "protocol": "http" }))
        .await;
    assert_eq!(changed.json()["protocol"], "http");
    assert_eq!(status(listen, "/").await, 200);
    let wrong = json!({ "name": "x", "upstream": "a:1", "protocol": "udp" });
    let (code, error) = api.post("/proxies", &wrong).await.error();
    assert!(
        code == 400 && error.contains("tcp, http or auto"),
        "{error}"
    );
}

#[tokio::test]
async fn a_proxy_and_its_toxics_come_in_one() {
    let api = Api::start().await;
    let proxy = json!({
        "name": "p", "listen": "127.0.0.1:0", "upstream": says(100).await,
        "toxics": [{ "type": "limit_data", "attributes": { "bytes": 3 } }],
    });
    let created = api.post("/proxies", &proxy).await;
    assert_eq!(created.status, 201);
    let created = created.json();
    assert_eq!(created["toxics"][0]["name"], "limit_data_downstream");
    let listen = created["listen"].as_str().unwrap().parse().unwrap();
    let mut client = connect(listen).await;
    client.write_all(b"x").await.unwrap();
    assert_eq!(
        read_to_end(&mut client).await.unwrap().len(),
        3,
        "the first connection too"
    );
    let twice = json!({ "name": "q", "upstream": "a:1", "toxics": [{ "type": "noop" }, { "type": "noop" }] });
    assert_eq!(
        api.post("/proxies", &twice).await.error(),
        (409, "toxic already exists at toxic 2".to_owned())
    );
    assert_eq!(api.get("/proxies/q").await.status, 404, "all or nothing");
}

#[tokio::test]
async fn fail_the_first_two_then_pass() {
    let api = Api::start().await;
    let listen = api.proxy(http().await).await;
    api.toxic(json!({ "type": "status", "attributes": { "code": 500 }, "times": { "first": 2 } }))
        .await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(status(listen, "/").await);
    }
    assert_eq!(seen, [500, 500, 200, 200]);
}

#[tokio::test]
async fn the_first_two_connections_of_bytes_fail_then_they_pass() {
    let api = Api::start().await;
    let listen = api.proxy(says(9).await).await;
    api.toxic(
        json!({ "type": "limit_data", "attributes": { "bytes": 0 }, "times": { "first": 2 } }),
    )
    .await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        let mut client = connect(listen).await;
        client.write_all(b"x").await.unwrap();
        seen.push(read_to_end(&mut client).await.unwrap().len());
    }
    assert_eq!(seen, [0, 0, 9, 9]);
}

#[tokio::test]
async fn conditions_on_content() {
    let api = Api::start().await;
    let listen = api.proxy(echo().await).await;
    api.toxic(json!({
        "type": "reset", "attributes": { "at_connect": true }, "where": { "sent": "DROP TABLE" },
    }))
    .await;
    let mut client = connect(listen).await;
    assert_eq!(ping(&mut client, b"SELECT 1;").await, b"SELECT 1;");
    client.write_all(b"DROP TA").await.unwrap();
    client.write_all(b"BLE users;").await.unwrap();
    let end = read_to_end(&mut client).await.unwrap_err();
    assert_eq!(end.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn conditions_on_the_peer() {
    let api = Api::start().await;
    let listen = api.proxy(echo().await).await;
    api.toxic(json!({ "type": "timeout", "where": { "peer": "127.0.0.2" } }))
        .await;
    let from = async |host: [u8; 4]| {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((host, 0).into()).unwrap();
        let mut client = socket.connect(listen).await.unwrap();
        client.write_all(b"x").await.unwrap();
        !is_silent(&mut client).await
    };
    assert!(from([127, 0, 0, 1]).await);
    assert!(!from([127, 0, 0, 2]).await);
}

#[tokio::test]
async fn bandwidth_may_be_shared_by_connections() {
    let api = Api::start().await;
    let listen = api.proxy(says(30_000).await).await;
    let toxic = api
        .toxic(json!({ "type": "bandwidth", "attributes": { "rate": 100, "shared": true } }))
        .await;
    assert_eq!(toxic["attributes"]["shared"], true);
    let download = async || {
        let mut client = connect(listen).await;
        client.write_all(b"x").await.unwrap();
        read_to_end(&mut client).await.unwrap();
    };
    let began = Instant::now();
    tokio::join!(download(), download(), download());
    // Each for itself would take 0.3 s.
    assert!(
        began.elapsed() >= Duration::from_millis(800),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn slow_accept() {
    let api = Api::start().await;
    let listen = api.proxy(echo().await).await;
    api.toxic(json!({ "type": "slow_accept", "attributes": { "value": "700ms" } }))
        .await;
    let began = Instant::now();
    let mut client = connect(listen).await;
    assert_eq!(ping(&mut client, b"x").await, b"x");
    assert!(
        began.elapsed() >= Duration::from_millis(700),
        "{:?}",
        began.elapsed()
    );
    let began = Instant::now();
    ping(&mut client, b"y").await;
    assert!(began.elapsed() < Duration::from_millis(700), "only once");
}

#[tokio::test]
async fn cut_or_hang_after_a_time() {
    let api = Api::start().await;
    let listen = api.proxy(echo().await).await;
    api.toxic(json!({ "name": "cut", "type": "reset", "attributes": { "in": "1s" } }))
        .await;
    let began = Instant::now();
    let mut client = connect(listen).await;
    assert_eq!(ping(&mut client, b"fine").await, b"fine");
    let end = read_to_end(&mut client).await.unwrap_err();
    assert_eq!(end.kind(), ErrorKind::ConnectionReset);
    assert!(
        began.elapsed() >= Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    api.delete("/proxies/p/toxics/cut").await;
    let mut client = connect(listen).await;
    ping(&mut client, b"x").await;
    api.toxic(json!({ "name": "hang", "type": "freeze", "after": "1s" }))
        .await;
    assert_eq!(ping(&mut client, b"y").await, b"y", "not yet");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    client.write_all(b"z").await.unwrap();
    assert!(is_silent(&mut client).await);
    api.delete("/proxies/p/toxics/hang").await;
    assert_eq!(read(&mut client, 1).await, b"z", "and nothing was lost");
}

#[tokio::test]
async fn latency_may_be_spread_as_it_is_in_life() {
    let api = Api::start().await;
    let listen = api.proxy(echo().await).await;
    let toxic = api
        .toxic(json!({ "type": "latency", "attributes": { "latency": 50, "jitter": 10, "distribution": "pareto" } }))
        .await;
    assert_eq!(toxic["attributes"]["distribution"], "pareto");
    let mut client = connect(listen).await;
    for _ in 0..5 {
        let began = Instant::now();
        ping(&mut client, b"x").await;
        assert!(
            began.elapsed() >= Duration::from_millis(50),
            "never less: {:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn loss_and_corruption() {
    let api = Api::start().await;
    let listen = api.proxy(echo().await).await;
    api.toxic(json!({ "type": "corrupt", "attributes": { "bytes": "100%" } }))
        .await;
    let mut client = connect(listen).await;
    let came = ping(&mut client, &[0; 64]).await;
    assert!(came.iter().all(|byte| byte.is_power_of_two()), "{came:?}");
    api.call("POST", "/reset", "").await;
    api.toxic(json!({ "type": "packet_loss", "attributes": { "loss_rate": 1 } }))
        .await;
    client.write_all(b"lost").await.unwrap();
    assert!(is_silent(&mut client).await);
}

#[tokio::test]
async fn the_toxics_of_a_config_file_are_in_force() {
    let config = json!([{
        "name": "p", "listen": "127.0.0.1:0", "upstream": http().await,
        "toxics": [{ "type": "status", "attributes": { "value": 418 } }],
    }]);
    let server = shaketable_faults::toxiproxy::Server::bind(
        super::stage::ANYWHERE.into(),
        shaketable_faults::toxiproxy::Options::new(1),
    )
    .await
    .unwrap();
    assert_eq!(server.populate(&config.to_string()).await.unwrap(), 1);
    let api = Api::serve(server);
    let proxy = api.get("/proxies/p").await.json();
    assert_eq!(proxy["toxics"][0]["type"], "status");
    let listen = proxy["listen"].as_str().unwrap().parse().unwrap();
    assert_eq!(status(listen, "/").await, 418);
}

#[tokio::test]
async fn a_half_close_is_passed_on_under_http_too() {
    let api = Api::start().await;
    let listen = api
        .create(json!({ "name": "p", "upstream": http().await, "protocol": "http" }))
        .await;
    let mut client = connect(listen).await;
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(read_to_end(&mut client).await.unwrap(), HELLO);
}
