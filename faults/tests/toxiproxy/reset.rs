//! `POST /reset`.

use serde_json::json;

use super::stage::{Api, connect, echo, ping};

#[tokio::test]
async fn reset_enables_all_proxies_and_removes_all_toxics() {
    let api = Api::start().await;
    let listen = api.proxy(echo().await).await;
    api.toxic(json!({ "type": "timeout" })).await;
    api.patch("/proxies/p", &json!({ "enabled": false })).await;
    let disabled =
        json!({ "name": "q", "listen": "127.0.0.1:0", "upstream": "db:1", "enabled": false });
    assert_eq!(api.post("/proxies", &disabled).await.status, 201);
    let reply = api.call("POST", "/reset", "").await;
    assert_eq!((reply.status, reply.body.as_str()), (204, ""));
    let all = api.get("/proxies").await.json();
    for name in ["p", "q"] {
        assert_eq!(all[name]["enabled"], true, "{all}");
        assert_eq!(all[name]["toxics"], json!([]));
    }
    assert_eq!(all["p"]["listen"], json!(listen));
    let mut client = connect(listen).await;
    assert_eq!(ping(&mut client, b"x").await, b"x");
}
