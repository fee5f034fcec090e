//! Every fault of the catalogue is a toxic too.

use std::io::ErrorKind;

use serde_json::{Value, json};
use shaketable_faults::fault::CATALOGUE;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::stage::{Api, connect, echo, http, is_silent, ping, read_to_end, status};

/// Attributes with which a fault of the catalogue can be made.
fn attributes(kind: &str) -> Value {
    match kind {
        "drip" => json!({ "size": "1B", "every": "10ms" }),
        "mute" => json!({ "direction": "both" }),
        "corrupt" => json!({ "bytes": "1%" }),
        "truncate" => json!({ "after": "10B" }),
        "slow_accept" => json!({ "value": "1ms" }),
        "max_connections" => json!({ "most": 100 }),
        "status" => json!({ "code": 503 }),
        "response_lost" => json!({ "value": "reset" }),
        "content_type" => json!({ "value": "text/html" }),
        "large_headers" => json!({ "value": "1KiB" }),
        "malformed" => json!({ "value": "chunk" }),
        "mutate" => json!({ "drop": "/a" }),
        "abort" => json!({ "at": "headers" }),
        "redirect" => json!({ "value": "127.0.0.1:1" }),
        "reorder" => json!({ "behind": 1 }),
        _ => json!({}),
    }
}

#[tokio::test]
async fn every_fault_of_the_catalogue_can_be_added_changed_and_removed() {
    let api = Api::start().await;
    api.proxy(http().await).await;
    for kind in CATALOGUE {
        let attributes = attributes(kind.name);
        let toxic = json!({ "name": "t", "type": kind.name, "attributes": attributes });
        let added = api.post("/proxies/p/toxics", &toxic).await;
        assert_eq!(added.status, 200, "{}: {added:?}", kind.name);
        assert_eq!(added.json()["type"], kind.name);
        let changed = api
            .patch("/proxies/p/toxics/t", &json!({ "toxicity": 1 }))
            .await;
        assert_eq!(changed.json(), added.json(), "{}", kind.name);
        assert_eq!(api.delete("/proxies/p/toxics/t").await.status, 204);
    }
}

#[tokio::test]
async fn attributes_are_written_long_or_short() {
    let api = Api::start().await;
    let listen = api.proxy(http().await).await;
    for (attributes, wanted) in [
        (json!({ "value": 503 }), 503),
        (
            json!({ "code": 429, "headers": { "Retry-After": "2" } }),
            429,
        ),
    ] {
        let toxic = api
            .toxic(json!({ "name": "t", "type": "status", "attributes": attributes }))
            .await;
        assert_eq!(toxic["attributes"], attributes);
        assert_eq!(status(listen, "/").await, wanted);
        api.delete("/proxies/p/toxics/t").await;
    }
    let wrong = json!({ "type": "status", "attributes": { "code": 9 } });
    let (code, error) = api.post("/proxies/p/toxics", &wrong).await.error();
    assert!(
        code == 400 && error.starts_with("bad request body: ") && error.contains("200 to 599"),
        "{error}"
    );
    let unknown = json!({ "type": "status", "attributes": { "code": 503, "colour": 1 } });
    let (_, error) = api.post("/proxies/p/toxics", &unknown).await.error();
    assert!(error.contains("unknown field `colour`"), "{error}");
}

#[tokio::test]
async fn a_status_toxic_is_changed_while_it_is_in_force() {
    let api = Api::start().await;
    let listen = api.proxy(http().await).await;
    api.toxic(json!({ "name": "t", "type": "status", "attributes": { "code": 503 } }))
        .await;
    assert_eq!(status(listen, "/").await, 503);
    api.patch(
        "/proxies/p/toxics/t",
        &json!({ "attributes": { "code": 504 } }),
    )
    .await;
    assert_eq!(status(listen, "/").await, 504);
    api.patch("/proxies/p/toxics/t", &json!({ "toxicity": 0 }))
        .await;
    assert_eq!(status(listen, "/").await, 200);
}

#[tokio::test]
async fn the_stream_is_the_direction() {
    let api = Api::start().await;
    let listen = api.proxy(echo().await).await;
    for stream in ["upstream", "downstream"] {
        api.toxic(json!({ "name": "t", "type": "mute", "stream": stream }))
            .await;
        let mut client = connect(listen).await;
        client.write_all(b"x").await.unwrap();
        assert!(is_silent(&mut client).await, "{stream}");
        api.delete("/proxies/p/toxics/t").await;
        let end = read_to_end(&mut client).await.unwrap_err();
        assert_eq!(end.kind(), ErrorKind::ConnectionReset);
    }
}

#[tokio::test]
async fn refuse_shuts_the_port_and_keeps_it() {
    let api = Api::start().await;
    let listen = api.proxy(echo().await).await;
    api.toxic(json!({ "type": "refuse" })).await;
    let refused = TcpStream::connect(listen).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    let other = json!({ "name": "q", "listen": listen, "upstream": "a:1" });
    let (code, error) = api.post("/proxies", &other).await.error();
    assert!(
        code == 500 && error.ends_with("address already in use"),
        "{error}"
    );
    api.delete("/proxies/p/toxics/refuse_downstream").await;
    let mut client = connect(listen).await;
    assert_eq!(ping(&mut client, b"x").await, b"x");
    let half = json!({ "type": "refuse", "toxicity": 0.5 });
    let (code, error) = api.post("/proxies/p/toxics", &half).await.error();
    assert!(code == 400 && error.contains("the whole port"), "{error}");
}

#[tokio::test]
async fn requests_can_be_sent_elsewhere() {
    let api = Api::start().await;
    let listen = api.proxy(http().await).await;
    let failing = api
        .create(json!({ "name": "other", "upstream": http().await, "toxics": [{ "type": "status", "attributes": { "value": 501 } }] }))
        .await;
    let port = failing.port();
    api.toxic(json!({ "name": "t", "type": "redirect", "attributes": { "value": format!("localhost:{port}") } }))
        .await;
    assert_eq!(status(listen, "/").await, 501);
    api.delete("/proxies/p/toxics/t").await;
    assert_eq!(status(listen, "/").await, 200);
    let nowhere = json!({ "type": "redirect", "attributes": { "value": "other" } });
    let (code, error) = api.post("/proxies/p/toxics", &nowhere).await.error();
    assert!(code == 400 && error.contains("no address"), "{error}");
}

#[tokio::test]
async fn toxiproxys_names_keep_toxiproxys_attributes() {
    let api = Api::start().await;
    api.proxy(echo().await).await;
    for (kind, attribute) in [
        ("latency", "latency"),
        ("bandwidth", "rate"),
        ("slicer", "average_size"),
        ("limit_data", "bytes"),
        ("slow_close", "delay"),
        ("packet_loss", "loss_rate"),
        ("reset_peer", "timeout"),
        ("timeout", "timeout"),
    ] {
        let toxic = api.toxic(json!({ "type": kind })).await;
        assert_eq!(toxic["attributes"][attribute], 0, "{kind}");
    }
}
