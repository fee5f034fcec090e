//! Which exchanges a toxic is for: `where`, `times`, `after`, `lasts`, `schedule`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::stage::{Api, http, status};

async fn stage() -> (Api, std::net::SocketAddr) {
    let api = Api::start().await;
    let listen = api.proxy(http().await).await;
    (api, listen)
}

fn failing(more: &Value) -> Value {
    let mut toxic = json!({ "name": "t", "type": "status", "attributes": { "code": 500 } });
    for (key, value) in more.as_object().unwrap() {
        toxic[key] = value.clone();
    }
    toxic
}

#[tokio::test]
async fn they_are_shown_as_they_were_written() {
    let (api, _) = stage().await;
    let written = json!({
        "where": { "method": "GET" }, "times": { "every": 3 },
        "after": "1s", "lasts": "10s", "schedule": { "wave": { "on": "1s", "off": "2s" } },
    });
    let toxic = api.toxic(failing(&written)).await;
    for (key, value) in written.as_object().unwrap() {
        assert_eq!(&toxic[key], value, "{key}");
    }
    assert_eq!(api.get("/proxies/p/toxics/t").await.json(), toxic);
}

#[tokio::test]
async fn every_third_and_a_path() {
    let (api, listen) = stage().await;
    api.toxic(failing(
        &json!({ "times": { "every": 3 }, "where": { "path": "/a" } }),
    ))
    .await;
    let mut seen = Vec::new();
    for path in ["/a", "/b", "/a", "/b", "/a", "/a", "/a", "/a"] {
        seen.push(status(listen, path).await);
    }
    assert_eq!(seen, [200, 200, 200, 200, 500, 200, 200, 500]);
}

#[tokio::test]
async fn a_toxic_may_begin_late_and_end_by_itself() {
    let (api, listen) = stage().await;
    let began = Instant::now();
    api.toxic(failing(&json!({ "after": "400ms", "lasts": "1h" })))
        .await;
    becomes(listen, 500).await;
    assert!(began.elapsed() >= Duration::from_millis(400));
    api.delete("/proxies/p/toxics/t").await;
    let began = Instant::now();
    api.toxic(failing(&json!({ "lasts": "1s" }))).await;
    if began.elapsed() < Duration::from_millis(900) {
        assert_eq!(status(listen, "/").await, 500);
    }
    becomes(listen, 200).await;
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_changed_toxic_keeps_its_schedule() {
    let (api, listen) = stage().await;
    api.toxic(failing(&json!({ "after": "500ms" }))).await;
    api.patch(
        "/proxies/p/toxics/t",
        &json!({ "attributes": { "code": 502 } }),
    )
    .await;
    becomes(listen, 502).await;
}

/// Waits until an answer has this status.
async fn becomes(listen: std::net::SocketAddr, wanted: u16) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while status(listen, "/").await != wanted {
        assert!(Instant::now() < deadline, "never {wanted}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn clients_that_can_send_nothing_but_attributes_write_them_there() {
    let (api, listen) = stage().await;
    let toxic = api
        .toxic(json!({ "type": "status", "attributes": { "code": 500, "times": { "first": 1 } } }))
        .await;
    assert_eq!(toxic["times"], json!({ "first": 1 }));
    assert_eq!(toxic["attributes"], json!({ "code": 500 }));
    assert_eq!(status(listen, "/").await, 500);
    assert_eq!(status(listen, "/").await, 200);
}

#[tokio::test]
async fn what_is_wrong_with_them_is_told() {
    let (api, _) = stage().await;
    for (more, wanted) in [
        (
            json!({ "where": { "paht": "/" } }),
            "`where`: unknown field `paht`",
        ),
        (
            json!({ "where": { "peer": "localhost" } }),
            "`where`: `localhost` is not an address",
        ),
        (json!({ "times": { "first": "two" } }), "`times`: "),
        (
            json!({ "after": "soon" }),
            "`after`: `soon` is not a duration",
        ),
        (json!({ "schedule": "never" }), "`schedule`: "),
    ] {
        let (status, error) = api.post("/proxies/p/toxics", &failing(&more)).await.error();
        assert_eq!(status, 400);
        assert!(
            error.starts_with(&format!("bad request body: {wanted}")),
            "{error}"
        );
    }
    let door = json!({ "type": "refuse", "times": { "first": 1 } });
    let (_, error) = api.post("/proxies/p/toxics", &door).await.error();
    assert!(error.contains("the whole port"), "{error}");
    let connection = json!({ "type": "freeze", "where": { "path": "/" } });
    let (_, error) = api.post("/proxies/p/toxics", &connection).await.error();
    assert!(error.contains("cannot depend on a request"), "{error}");
}

#[tokio::test]
async fn they_are_fixed() {
    let (api, _) = stage().await;
    let toxic = api
        .toxic(failing(&json!({ "times": { "first": 2 } })))
        .await;
    let path = "/proxies/p/toxics/t";
    assert_eq!(
        api.post(path, &toxic).await.status,
        200,
        "what was shown can be sent"
    );
    let other = json!({ "times": { "first": 3 } });
    let (status, error) = api.patch(path, &other).await.error();
    assert!(status == 400 && error.contains("add it anew"), "{error}");
}

#[tokio::test]
async fn a_proxy_gives_its_port_back_though_a_toxic_has_a_schedule() {
    let api = Api::start().await;
    // At an address of its own: whoever else runs here might take a port of 127.0.0.1 meanwhile.
    let proxy = json!({ "name": "p", "listen": "127.77.0.1:0", "upstream": http().await, "protocol": "http" });
    let listen = api.create(proxy).await;
    let wave = json!({ "schedule": { "wave": { "on": "1h", "off": "1h" } } });
    api.toxic(failing(&wave)).await;
    for _ in 0..3 {
        api.patch("/proxies/p", &json!({ "enabled": false })).await;
        let again = api.patch("/proxies/p", &json!({ "enabled": true })).await;
        assert_eq!(again.json()["enabled"], true, "{again:?}");
        assert_eq!(status(listen, "/").await, 500);
    }
    api.delete("/proxies/p").await;
    let proxy = json!({ "name": "q", "listen": listen, "upstream": "a:1" });
    assert_eq!(api.create(proxy).await, listen);
}
