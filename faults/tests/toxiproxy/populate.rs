//! `POST /populate`.

use serde_json::json;
use tokio::net::TcpStream;

use super::stage::{Api, connect, echo, nobody, ping};

#[tokio::test]
async fn populating_answers_201_with_the_proxies_in_order() {
    let api = Api::start().await;
    let list = json!([
        { "name": "b", "listen": "localhost:0", "upstream": "db:1" },
        { "name": "a", "listen": "127.0.0.1:0", "upstream": "db:2", "enabled": false },
    ]);
    let reply = api.post("/populate", &list).await;
    assert_eq!(reply.status, 201);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let proxies = reply.json()["proxies"].clone();
    assert_eq!(proxies[0]["name"], "b");
    assert_eq!(proxies[0]["enabled"], true);
    let listen = proxies[0]["listen"].as_str().unwrap();
    assert!(
        listen.starts_with("127.0.0.1:") && !listen.ends_with(":0"),
        "{listen}"
    );
    assert_eq!(proxies[1]["listen"], "127.0.0.1:0");
    assert_eq!(proxies[1]["enabled"], false);
}

#[tokio::test]
async fn nothing_populates_nothing() {
    let api = Api::start().await;
    let reply = api.post("/populate", &json!([])).await;
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (201, "{\"proxies\":null}")
    );
    let wrong = api.call("POST", "/populate", "{}").await;
    assert_eq!(wrong.status, 400);
    assert!(
        wrong.json()["error"]
            .as_str()
            .unwrap()
            .starts_with("bad request body: ")
    );
    assert_eq!(api.call("POST", "/populate", "[").await.status, 400);
}

#[tokio::test]
async fn all_are_checked_before_the_first_is_touched() {
    let api = Api::start().await;
    let nameless = json!([
        { "name": "a", "listen": "127.0.0.1:0", "upstream": "db:1" },
        { "listen": "127.0.0.1:0", "upstream": "db:1" },
    ]);
    let reply = api.post("/populate", &nameless).await;
    assert_eq!(reply.status, 400);
    assert_eq!(
        reply.json()["error"],
        "missing required field: name at proxy 2"
    );
    assert_eq!(reply.json()["proxies"], json!(null));
    let aimless = json!([{ "name": "a", "listen": "127.0.0.1:0" }]);
    let reply = api.post("/populate", &aimless).await;
    assert_eq!(
        reply.json()["error"],
        "missing required field: upstream at proxy 1"
    );
    assert_eq!(api.get("/proxies").await.body, "{}");
}

#[tokio::test]
async fn a_later_listen_failure_keeps_the_earlier_ones() {
    let api = Api::start().await;
    let taken = echo().await;
    let list = json!([
        { "name": "a", "listen": "127.0.0.1:0", "upstream": "db:1" },
        { "name": "b", "listen": taken, "upstream": "db:1" },
        { "name": "c", "listen": "127.0.0.1:0", "upstream": "db:1" },
    ]);
    let reply = api.post("/populate", &list).await;
    assert_eq!(reply.status, 500);
    let body = reply.json();
    assert_eq!(
        body["error"],
        json!(format!("listen tcp {taken}: bind: address already in use"))
    );
    assert_eq!(body["proxies"][0]["name"], "a");
    assert_eq!(body["proxies"].as_array().unwrap().len(), 1);
    let there = api.get("/proxies").await.json();
    assert_eq!(there.as_object().unwrap().len(), 1);
    assert_eq!(there["a"]["enabled"], true);
}

#[tokio::test]
async fn the_same_addresses_leave_a_proxy_untouched() {
    let api = Api::start().await;
    let upstream = echo().await;
    let listen = api.proxy(upstream).await;
    api.toxic(json!({ "type": "noop" })).await;
    let mut client = connect(listen).await;
    assert_eq!(ping(&mut client, b"x").await, b"x");
    let port = listen.port();
    let same = json!([{ "name": "p", "listen": format!("localhost:{port}"), "upstream": upstream, "enabled": false }]);
    let reply = api.post("/populate", &same).await;
    assert_eq!(reply.status, 201);
    let proxy = &reply.json()["proxies"][0];
    assert_eq!(proxy["enabled"], true, "`enabled` is ignored");
    assert_eq!(
        proxy["toxics"][0]["name"], "noop_downstream",
        "toxics are kept"
    );
    assert_eq!(ping(&mut client, b"y").await, b"y");
}

#[tokio::test]
async fn other_addresses_replace_a_proxy_and_unlisted_ones_stay() {
    let api = Api::start().await;
    let listen = api.proxy(echo().await).await;
    api.toxic(json!({ "type": "noop" })).await;
    api.create(json!({ "name": "other", "listen": "127.0.0.1:0", "upstream": "db:1" }))
        .await;
    let (moved, upstream) = (nobody(), echo().await);
    let list = json!([{ "name": "p", "listen": moved, "upstream": upstream }]);
    let reply = api.post("/populate", &list).await;
    let proxy = &reply.json()["proxies"][0];
    assert_eq!(proxy["listen"], json!(moved));
    assert_eq!(proxy["toxics"], json!([]), "another proxy");
    assert!(TcpStream::connect(listen).await.is_err());
    let mut client = connect(moved).await;
    assert_eq!(ping(&mut client, b"x").await, b"x");
    let all = api.get("/proxies").await.json();
    assert_eq!(all["other"]["enabled"], true);
}

#[tokio::test]
async fn toxics_in_the_input_are_taken() {
    let api = Api::start().await;
    let list = json!([{
        "name": "p", "listen": "127.0.0.1:0", "upstream": echo().await,
        "toxics": [{ "type": "latency", "attributes": { "latency": 5 } }, { "type": "noop", "stream": "upstream" }],
    }]);
    let reply = api.post("/populate", &list).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let toxics = &reply.json()["proxies"][0]["toxics"];
    assert_eq!(toxics[0]["name"], "noop_upstream");
    assert_eq!(toxics[1]["attributes"]["latency"], 5);
    let wrong = json!([{ "name": "q", "upstream": "db:1", "toxics": [{ "type": "noop" }, { "type": "quake" }] }]);
    let reply = api.post("/populate", &wrong).await;
    assert_eq!(reply.status, 400);
    assert_eq!(
        reply.json()["error"],
        "invalid toxic type at toxic 2 at proxy 1"
    );
}
