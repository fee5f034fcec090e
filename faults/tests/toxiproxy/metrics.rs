//! `GET /metrics`.

use serde_json::json;
use shaketable_faults::toxiproxy::Options;
use tokio::io::AsyncWriteExt;

use super::stage::{Api, PATIENCE, connect, echo, http, is_silent, ping, status};

async fn with(proxy_metrics: bool, runtime_metrics: bool) -> Api {
    Api::with(Options {
        proxy_metrics,
        runtime_metrics,
        ..Options::new(1)
    })
    .await
}

/// The value of a counter.
fn value(text: &str, verb: &str, labels: &str) -> Option<u64> {
    let line = format!("toxiproxy_proxy_{verb}_bytes_total{{{labels}}} ");
    let value = text.lines().find_map(|l| l.strip_prefix(&line))?;
    Some(value.parse().unwrap())
}

#[tokio::test]
async fn metrics_are_there_only_with_a_flag() {
    assert_eq!(Api::start().await.get("/metrics").await.status, 404);
    for (proxies, runtime) in [(true, false), (false, true), (true, true)] {
        let api = with(proxies, runtime).await;
        api.proxy(echo().await).await;
        let reply = api.get("/metrics").await;
        assert_eq!(reply.status, 200);
        assert_eq!(
            reply.header("content-type"),
            Some("text/plain; version=0.0.4; charset=utf-8")
        );
        assert_eq!(
            reply.body.contains("toxiproxy_proxy_received_bytes_total{"),
            proxies
        );
        assert_eq!(reply.body.contains("shaketable_build_info{"), runtime);
        if cfg!(target_os = "linux") {
            assert_eq!(
                reply.body.contains("process_resident_memory_bytes "),
                runtime
            );
        }
    }
}

#[tokio::test]
async fn bytes_are_counted_by_direction_listener_proxy_and_upstream() {
    let api = with(true, false).await;
    let upstream = echo().await;
    let listen = api.proxy(upstream).await;
    let mut client = connect(listen).await;
    ping(&mut client, &[b'x'; 100]).await;
    api.toxic(json!({ "type": "timeout" })).await;
    client.write_all(&[b'y'; 10]).await.unwrap();
    assert!(is_silent(&mut client).await);
    let labels = |direction: &str| {
        format!(
            "direction=\"{direction}\",listener=\"{listen}\",proxy=\"p\",upstream=\"{upstream}\""
        )
    };
    let (up, down) = (labels("upstream"), labels("downstream"));
    let wanted = |text: &str| {
        value(text, "received", &up) == Some(110)
            && value(text, "sent", &up) == Some(110)
            && value(text, "received", &down) == Some(110)
            && value(text, "sent", &down) == Some(100)
    };
    let text = api.get("/metrics").await.body;
    assert!(wanted(&text), "the toxic swallowed ten: {text}");
    assert!(text.contains("# TYPE toxiproxy_proxy_sent_bytes_total counter"));
    api.patch("/proxies/p", &json!({ "enabled": false })).await;
    assert!(
        wanted(&api.get("/metrics").await.body),
        "counters do not go back"
    );
    api.patch("/proxies/p", &json!({ "enabled": true })).await;
    ping(&mut connect(listen).await, b"").await;
    api.delete("/proxies/p").await;
    assert!(
        wanted(&api.get("/metrics").await.body),
        "nor when the proxy is gone"
    );
}

#[tokio::test]
async fn http_is_counted_too() {
    let api = with(true, false).await;
    let listen = api
        .create(json!({ "name": "p", "upstream": http().await, "protocol": "http" }))
        .await;
    assert_eq!(status(listen, "/").await, 200);
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let text = api.get("/metrics").await.body;
        let zero = text
            .lines()
            .any(|line| !line.starts_with('#') && line.ends_with(" 0"));
        if !zero {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{text}");
    }
}
