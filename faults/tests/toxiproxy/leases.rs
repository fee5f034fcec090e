//! Leases: toxics that end by themselves unless they are renewed.

use std::time::{Duration, Instant};

use serde_json::json;

use super::stage::{Api, PATIENCE, connect, echo, is_silent, ping};

/// Waits until a toxic is gone; gives how long that took.
async fn gone(api: &Api, path: &str) -> Duration {
    let began = Instant::now();
    while api.get(path).await.status != 404 {
        assert!(began.elapsed() < PATIENCE, "it never went");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    began.elapsed()
}

const TOXIC: &str = "/proxies/p/toxics/t";

async fn stage(lease: &str) -> (Api, std::net::SocketAddr) {
    let api = Api::start().await;
    let listen = api.proxy(echo().await).await;
    let toxic = api
        .toxic(json!({ "name": "t", "type": "bandwidth", "attributes": { "rate": 0 }, "lease": lease }))
        .await;
    assert_eq!(toxic["lease"], lease);
    (api, listen)
}

#[tokio::test]
async fn a_toxic_whose_lease_runs_out_is_removed() {
    let (api, listen) = stage("500ms").await;
    let mut client = connect(listen).await;
    assert!(is_silent(&mut client).await);
    assert!(gone(&api, TOXIC).await < Duration::from_secs(5));
    assert_eq!(
        ping(&mut client, b"x").await,
        b"x",
        "and its effect with it"
    );
    assert_eq!(api.get("/proxies/p/toxics").await.body, "[]");
}

#[tokio::test]
async fn a_lease_is_renewed_by_any_update_and_by_its_own_route() {
    let (api, _) = stage("2s").await;
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(3500) {
        for n in 0..3 {
            let renewed = match n {
                0 => api.call("POST", &format!("{TOXIC}/lease"), "").await,
                1 => api.patch(TOXIC, &json!({})).await,
                _ => api.post(TOXIC, &json!({ "toxicity": 1 })).await,
            };
            assert_eq!(renewed.status, 200, "{renewed:?}");
            assert_eq!(renewed.json()["lease"], "2s");
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    }
    assert!(
        gone(&api, TOXIC).await < Duration::from_secs(5),
        "nobody renews it any more"
    );
}

#[tokio::test]
async fn a_lease_can_be_given_a_length_later() {
    let (api, _) = stage("3600s").await;
    let route = format!("{TOXIC}/lease");
    let shorter = api.post(&route, &json!({ "lease": "200ms" })).await;
    assert_eq!(shorter.json()["lease"], "200ms");
    gone(&api, TOXIC).await;
    let toxic = api.toxic(json!({ "name": "t", "type": "noop" })).await;
    assert_eq!(toxic.get("lease"), None, "none unless it is asked for");
    let (status, error) = api.call("POST", &route, "").await.error();
    assert!(status == 400 && error.contains("no lease"), "{error}");
    assert_eq!(
        api.post(&route, &json!({ "lease": "200ms" })).await.status,
        200
    );
    gone(&api, TOXIC).await;
    assert_eq!(
        api.call("POST", &route, "").await.error(),
        (404, "toxic not found".to_owned())
    );
}

#[tokio::test]
async fn a_disabled_proxys_leases_run_out_too() {
    let (api, _) = stage("400ms").await;
    api.patch("/proxies/p", &json!({ "enabled": false })).await;
    gone(&api, TOXIC).await;
}

#[tokio::test]
async fn a_lease_may_stand_among_the_attributes_and_in_a_proxy() {
    let api = Api::start().await;
    api.create(json!({
        "name": "p", "upstream": "a:1",
        "toxics": [{ "name": "t", "type": "noop", "attributes": { "lease": "200ms" } }],
    }))
    .await;
    gone(&api, TOXIC).await;
    let wrong = json!({ "type": "noop", "lease": "30" });
    let (status, error) = api.post("/proxies/p/toxics", &wrong).await.error();
    assert!(status == 400 && error.contains("`lease`"), "{error}");
}
