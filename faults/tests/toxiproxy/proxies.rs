//! The routes of proxies: each one's success, errors and rules.

use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::stage::{Api, Reply, connect, echo, nobody, ping, read_to_end};

#[tokio::test]
async fn version_is_json_on_a_line() {
    let api = Api::start().await;
    let reply = api.get("/version").await;
    assert_eq!(reply.status, 200);
    assert!(
        reply.body.starts_with("{\"version\": \"2.12") && reply.body.ends_with("\"}\n"),
        "{reply:?}"
    );
    assert_eq!(
        reply.header("content-type"),
        Some("application/json;charset=utf-8")
    );
    assert!(reply.json()["version"].is_string());
}

#[tokio::test]
async fn proxies_are_a_map_by_name() {
    let api = Api::start().await;
    let none = api.get("/proxies").await;
    assert_eq!((none.status, none.body.as_str()), (200, "{}"));
    for name in ["b", "a"] {
        api.create(json!({ "name": name, "listen": "127.0.0.1:0", "upstream": "db:1" }))
            .await;
    }
    let both = api.get("/proxies").await.json();
    let names: Vec<&String> = both.as_object().unwrap().keys().collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(both["a"]["name"], "a");
}

#[tokio::test]
async fn creating_answers_201_with_the_proxy_enabled() {
    let api = Api::start().await;
    let upstream = echo().await;
    let created = api
        .post(
            "/proxies",
            &json!({ "name": "p", "listen": "localhost:0", "upstream": upstream }),
        )
        .await;
    assert_eq!(created.status, 201);
    let proxy = created.json();
    assert_eq!(proxy["enabled"], true);
    let listen = proxy["listen"].as_str().unwrap();
    assert!(
        listen.starts_with("127.0.0.1:") && !listen.ends_with(":0"),
        "resolved: {listen}"
    );
    let mut client = connect(listen.parse().unwrap()).await;
    assert_eq!(ping(&mut client, b"hello").await, b"hello");
}

#[tokio::test]
async fn a_proxy_created_disabled_keeps_its_address_as_written() {
    let api = Api::start().await;
    let address = nobody();
    let listen = format!("localhost:{}", address.port());
    let disabled = json!({ "name": "p", "listen": listen, "upstream": "db:1", "enabled": false });
    let created = api.post("/proxies", &disabled).await;
    assert_eq!(created.status, 201);
    assert_eq!(created.json()["listen"], json!(listen));
    assert_eq!(created.json()["enabled"], false);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn creating_wants_a_body_a_name_and_an_upstream() {
    let api = Api::start().await;
    let create = async |body: &str| api.call("POST", "/proxies", body).await.error();
    assert_eq!(create("").await, (400, "bad request body: EOF".to_owned()));
    for body in [
        "{",
        "nonsense",
        "[]",
        "5",
        "{\"name\": 5}",
        "{\"enabled\": \"yes\"}",
    ] {
        let (status, error) = create(body).await;
        assert_eq!(status, 400, "{body}");
        assert!(error.starts_with("bad request body: "), "{body}: {error}");
    }
    assert_eq!(
        create("{}").await,
        (400, "missing required field: name".to_owned())
    );
    assert_eq!(
        create("{\"name\":\"p\"}").await,
        (400, "missing required field: upstream".to_owned())
    );
    assert_eq!(api.get("/proxies").await.body, "{}");
}

#[tokio::test]
async fn a_name_can_be_taken_once() {
    let api = Api::start().await;
    let proxy = json!({ "name": "p", "listen": "127.0.0.1:0", "upstream": "db:1" });
    api.create(proxy.clone()).await;
    assert_eq!(
        api.post("/proxies", &proxy).await.error(),
        (409, "proxy already exists".to_owned())
    );
}

#[tokio::test]
async fn an_address_that_is_taken_is_an_error_and_no_proxy() {
    let api = Api::start().await;
    let taken = echo().await;
    let proxy = json!({ "name": "p", "listen": taken, "upstream": "db:1" });
    let wanted = format!("listen tcp {taken}: bind: address already in use");
    assert_eq!(
        api.post("/proxies", &proxy).await.error(),
        (500, wanted.clone())
    );
    assert_eq!(api.get("/proxies").await.body, "{}");
    let own = api
        .create(json!({ "name": "own", "listen": "127.0.0.1:0", "upstream": "db:1" }))
        .await;
    let again = json!({ "name": "p", "listen": own, "upstream": "db:1" });
    let (status, error) = api.post("/proxies", &again).await.error();
    assert_eq!(status, 500);
    assert!(error.ends_with("bind: address already in use"), "{error}");
    let bad = json!({ "name": "p", "listen": "bad", "upstream": "db:1" });
    assert_eq!(
        api.post("/proxies", &bad).await.error(),
        (
            500,
            "listen tcp: address bad: missing port in address".to_owned()
        )
    );
}

#[tokio::test]
async fn one_proxy_is_shown_or_not_found() {
    let api = Api::start().await;
    api.proxy(echo().await).await;
    assert_eq!(api.get("/proxies/p").await.status, 200);
    assert_eq!(
        api.get("/proxies/q").await.error(),
        (404, "proxy not found".to_owned())
    );
}

async fn updated(api: &Api, method: &str, change: &Value) -> Value {
    let reply = api.call(method, "/proxies/p", &change.to_string()).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

#[tokio::test]
async fn updating_merges_and_ignores_the_name_and_toxics_survive() {
    let api = Api::start().await;
    let (first, second) = (echo().await, echo().await);
    let listen = api.proxy(first).await;
    api.toxic(json!({ "type": "noop" })).await;
    for method in ["POST", "PATCH"] {
        let proxy = updated(&api, method, &json!({ "name": "q", "enabled": false })).await;
        assert_eq!(proxy["name"], "p");
        assert_eq!(proxy["listen"], json!(listen), "as it was");
        assert_eq!(proxy["upstream"], json!(first));
        assert_eq!(proxy["enabled"], false);
        assert_eq!(proxy["toxics"][0]["name"], "noop_downstream");
        assert!(TcpStream::connect(listen).await.is_err());
        let proxy = updated(&api, method, &json!({ "enabled": true })).await;
        assert_eq!(
            (&proxy["enabled"], &proxy["listen"]),
            (&json!(true), &json!(listen))
        );
        let mut client = connect(listen).await;
        assert_eq!(ping(&mut client, b"back").await, b"back");
    }
    let proxy = updated(&api, "PATCH", &json!({ "upstream": second })).await;
    assert_eq!(proxy["upstream"], json!(second));
    assert_eq!(proxy["toxics"][0]["name"], "noop_downstream");
    assert_eq!(proxy["enabled"], true);
}

#[tokio::test]
async fn a_changed_address_drops_connections() {
    let api = Api::start().await;
    let listen = api.proxy(echo().await).await;
    let elsewhere = nobody();
    for change in [
        json!({ "upstream": echo().await }),
        json!({ "listen": elsewhere }),
    ] {
        let listen = updated(&api, "PATCH", &json!({})).await["listen"].clone();
        let mut client = connect(listen.as_str().unwrap().parse().unwrap()).await;
        assert_eq!(ping(&mut client, b"x").await, b"x");
        updated(&api, "PATCH", &change).await;
        let end = read_to_end(&mut client).await;
        assert!(end.is_err() || end.unwrap().is_empty());
    }
    assert!(TcpStream::connect(listen).await.is_err(), "it has moved");
    let mut client = connect(elsewhere).await;
    assert_eq!(ping(&mut client, b"y").await, b"y");
}

#[tokio::test]
async fn an_update_that_changes_nothing_leaves_connections_alone() {
    let api = Api::start().await;
    let listen = api.proxy(echo().await).await;
    let mut client = connect(listen).await;
    assert_eq!(ping(&mut client, b"x").await, b"x");
    let port = listen.port();
    updated(
        &api,
        "POST",
        &json!({ "enabled": true, "listen": format!("localhost:{port}") }),
    )
    .await;
    assert_eq!(ping(&mut client, b"y").await, b"y");
}

#[tokio::test]
async fn an_update_to_a_bad_address_is_an_error_and_changes_nothing() {
    let api = Api::start().await;
    let listen = api.proxy(echo().await).await;
    assert_eq!(
        api.patch("/proxies/p", &json!({ "listen": "bad" }))
            .await
            .error(),
        (500, "address bad: missing port in address".to_owned())
    );
    let mut client = connect(listen).await;
    assert_eq!(ping(&mut client, b"x").await, b"x");
    let taken = echo().await;
    assert_eq!(
        api.patch("/proxies/p", &json!({ "listen": taken }))
            .await
            .error(),
        (
            500,
            format!("listen tcp {taken}: bind: address already in use")
        )
    );
    assert_eq!(api.get("/proxies/p").await.json()["enabled"], false);
    assert_eq!(
        api.patch("/proxies/q", &json!({})).await.error(),
        (404, "proxy not found".to_owned())
    );
    let (status, error) = api.call("PATCH", "/proxies/p", "{").await.error();
    assert!(
        status == 400 && error.starts_with("bad request body: "),
        "{error}"
    );
}

#[tokio::test]
async fn a_deleted_proxy_is_gone_with_its_connections_and_its_port() {
    let api = Api::start().await;
    let listen = api.proxy(echo().await).await;
    let mut client = connect(listen).await;
    assert_eq!(ping(&mut client, b"x").await, b"x");
    let reply: Reply = api.delete("/proxies/p").await;
    assert_eq!((reply.status, reply.body.as_str()), (204, ""));
    let end = read_to_end(&mut client).await;
    assert!(end.is_err() || end.unwrap().is_empty());
    assert!(TcpStream::connect(listen).await.is_err());
    assert_eq!(
        api.delete("/proxies/p").await.error(),
        (404, "proxy not found".to_owned())
    );
    let again = api
        .create(json!({ "name": "p", "listen": listen, "upstream": "db:1" }))
        .await;
    assert_eq!(again, listen, "the port was given back");
}
