//! "General": what holds for every route.

use serde_json::json;

use super::stage::{Api, Reply, echo};

#[tokio::test]
async fn every_matched_response_carries_a_request_id() {
    let api = Api::start().await;
    let id = |reply: &Reply| reply.header("x-toxiproxy-request-id").map(str::to_owned);
    let (a, b) = (api.get("/version").await, api.get("/proxies").await);
    assert_eq!(id(&a).unwrap().len(), 20);
    assert_ne!(id(&a), id(&b));
    let missing = api.get("/proxies/nobody").await;
    assert!(
        missing.status == 404 && id(&missing).is_some(),
        "it matched"
    );
    assert_eq!(id(&api.get("/nowhere").await), None);
    assert_eq!(id(&api.call("PUT", "/version", "").await), None);
}

#[tokio::test]
async fn a_user_agent_that_starts_with_mozilla_is_not_allowed() {
    let api = Api::start().await;
    let agent = async |agent: &str| {
        let headers = format!("User-Agent: {agent}\r\n");
        api.call_with("GET", "/proxies", &headers, "").await
    };
    let browser = agent("Mozilla/5.0 (X11)").await;
    assert_eq!(browser.status, 403);
    assert_eq!(browser.body, "User agent not allowed\n");
    assert_eq!(
        browser.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(agent("toxiproxy-cli/2.12 Mozilla/5.0").await.status, 200);
    let created = "{\"name\":\"a\",\"upstream\":\"b:1\"}";
    let headers = "User-Agent: Mozilla/5.0\r\n";
    let refused = api.call_with("POST", "/proxies", headers, created).await;
    assert_eq!(refused.status, 403);
    assert_eq!(api.get("/proxies").await.body, "{}", "nothing was done");
}

#[tokio::test]
async fn an_unknown_path_or_a_trailing_slash_is_page_not_found() {
    let api = Api::start().await;
    for path in [
        "/",
        "/nowhere",
        "/proxies/",
        "/version/",
        "/proxies/a/",
        "/proxies/a/toxics/",
        "/proxies/a/toxics/b/c/d",
        "/metrics",
    ] {
        let reply = api.get(path).await;
        assert_eq!(
            (reply.status, reply.body.as_str()),
            (404, "404 page not found\n"),
            "{path}"
        );
        assert_eq!(
            reply.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
    }
}

#[tokio::test]
async fn a_wrong_method_is_refused_with_nothing() {
    let api = Api::start().await;
    for (method, path) in [
        ("POST", "/version"),
        ("DELETE", "/proxies"),
        ("PATCH", "/proxies"),
        ("GET", "/populate"),
        ("GET", "/reset"),
        ("PUT", "/proxies/a"),
        ("DELETE", "/proxies/a/toxics"),
        ("PUT", "/proxies/a/toxics/b"),
        ("HEAD", "/proxies"),
        ("HEAD", "/version"),
        ("OPTIONS", "/proxies"),
        ("OPTIONS", "/version"),
    ] {
        let reply = api.call(method, path, "").await;
        assert_eq!(
            (reply.status, reply.body.as_str()),
            (405, ""),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn an_error_is_json_and_a_line_of_text() {
    let api = Api::start().await;
    let reply = api.get("/proxies/nobody").await;
    assert_eq!(
        reply.body,
        "{\"error\":\"proxy not found\",\"status\":404}\n"
    );
    assert_eq!(
        reply.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
}

#[tokio::test]
async fn populates_errors_are_json_with_proxies_appended() {
    let api = Api::start().await;
    let reply = api.post("/populate", &json!([{}])).await;
    assert_eq!(
        reply.body,
        "{\"error\":\"missing required field: name at proxy 1\",\"status\":400,\"proxies\":null}"
    );
    assert_eq!(reply.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn a_proxy_and_a_toxic_have_toxiproxys_fields_and_no_more() {
    let api = Api::start().await;
    let listen = api.proxy(echo().await).await;
    let proxy = api.get("/proxies/p").await;
    let upstream = proxy.json()["upstream"].as_str().unwrap().to_owned();
    assert_eq!(
        proxy.body,
        format!(
            "{{\"name\":\"p\",\"listen\":\"{listen}\",\"upstream\":\"{upstream}\",\"enabled\":true,\"toxics\":[]}}"
        )
    );
    assert_eq!(proxy.header("content-type"), Some("application/json"));
    let toxic = api
        .post("/proxies/p/toxics", &json!({ "type": "latency" }))
        .await;
    assert_eq!(
        toxic.body,
        "{\"attributes\":{\"latency\":0,\"jitter\":0},\"name\":\"latency_downstream\",\"type\":\"latency\",\"stream\":\"downstream\",\"toxicity\":1}"
    );
    assert_eq!(toxic.header("content-type"), Some("application/json"));
}
