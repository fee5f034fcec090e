//! The routes of toxics: each one's success, errors and rules.

use serde_json::{Value, json};

use super::stage::{Api, echo};

async fn stage() -> Api {
    let api = Api::start().await;
    api.proxy(echo().await).await;
    api
}

async fn refused(api: &Api, toxic: Value) -> (u16, String) {
    api.post("/proxies/p/toxics", &toxic).await.error()
}

#[tokio::test]
async fn toxics_are_a_list_upstream_first() {
    let api = stage().await;
    let none = api.get("/proxies/p/toxics").await;
    assert_eq!((none.status, none.body.as_str()), (200, "[]"));
    for (name, stream) in [
        ("a", "downstream"),
        ("b", "upstream"),
        ("c", "downstream"),
        ("d", "upstream"),
    ] {
        api.toxic(json!({ "name": name, "type": "noop", "stream": stream }))
            .await;
    }
    let names = |list: &Value| {
        let toxics = list.as_array().unwrap().iter();
        toxics
            .map(|t| t["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(&api.get("/proxies/p/toxics").await.json()),
        ["b", "d", "a", "c"]
    );
    let proxy = api.get("/proxies/p").await.json();
    assert_eq!(names(&proxy["toxics"]), ["b", "d", "a", "c"]);
    assert_eq!(
        api.get("/proxies/q/toxics").await.error(),
        (404, "proxy not found".to_owned())
    );
}

#[tokio::test]
async fn adding_answers_200_with_the_defaults_filled_in() {
    let api = stage().await;
    let reply = api
        .post(
            "/proxies/p/toxics",
            &json!({ "type": "latency", "attributes": { "latency": 100 } }),
        )
        .await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.json(),
        json!({
            "name": "latency_downstream", "type": "latency", "stream": "downstream", "toxicity": 1,
            "attributes": { "latency": 100, "jitter": 0 },
        })
    );
    assert_eq!(
        api.post("/proxies/q/toxics", &json!({ "type": "noop" }))
            .await
            .error(),
        (404, "proxy not found".to_owned())
    );
}

#[tokio::test]
async fn what_is_wrong_is_told_in_this_order_body_stream_type_duplicate_attributes() {
    let api = stage().await;
    api.toxic(json!({ "name": "there", "type": "noop" })).await;
    let body = "bad request body: ";
    let (status, error) = api
        .call(
            "POST",
            "/proxies/p/toxics",
            "{\"stream\": 5, \"type\": \"x\"",
        )
        .await
        .error();
    assert!(status == 400 && error.starts_with(body), "{error}");
    let (status, error) = refused(&api, json!({ "type": 5, "stream": "sideways" })).await;
    assert!(status == 400 && error.starts_with(body), "{error}");
    let (status, error) = refused(&api, json!({ "attributes": [], "stream": "sideways" })).await;
    assert!(status == 400 && error.starts_with(body), "{error}");
    let wrong = json!({ "latency": "slow" });
    assert_eq!(
        refused(
            &api,
            json!({ "name": "there", "stream": "sideways", "type": "x", "attributes": wrong })
        )
        .await,
        (
            400,
            "stream was invalid, can be either upstream or downstream".to_owned()
        )
    );
    assert_eq!(
        refused(
            &api,
            json!({ "name": "there", "type": "x", "attributes": wrong })
        )
        .await,
        (400, "invalid toxic type".to_owned())
    );
    assert_eq!(
        refused(
            &api,
            json!({ "name": "there", "type": "latency", "attributes": wrong })
        )
        .await,
        (409, "toxic already exists".to_owned())
    );
    let (status, error) = refused(&api, json!({ "type": "latency", "attributes": wrong })).await;
    assert!(status == 400 && error.starts_with(body), "{error}");
    assert_eq!(refused(&api, json!({})).await.1, "invalid toxic type");
}

#[tokio::test]
async fn a_name_is_unique_over_both_streams() {
    let api = stage().await;
    api.toxic(json!({ "name": "x", "type": "noop", "stream": "upstream" }))
        .await;
    let taken = (409, "toxic already exists".to_owned());
    assert_eq!(
        refused(&api, json!({ "name": "x", "type": "latency" })).await,
        taken
    );
    api.toxic(json!({ "type": "latency" })).await;
    assert_eq!(refused(&api, json!({ "type": "latency" })).await, taken);
    api.toxic(json!({ "type": "latency", "stream": "upstream" }))
        .await;
}

#[tokio::test]
async fn a_stream_is_echoed_whatever_its_case() {
    let api = stage().await;
    let toxic = api
        .toxic(json!({ "type": "noop", "stream": "UpStream" }))
        .await;
    assert_eq!(toxic["stream"], "UpStream");
    assert_eq!(toxic["name"], "noop_UpStream");
    api.toxic(json!({ "type": "noop" })).await;
    let list = api.get("/proxies/p/toxics").await.json();
    assert_eq!(list[0]["stream"], "UpStream", "it counts as upstream");
}

#[tokio::test]
async fn toxicity_is_not_validated_and_has_32_bits() {
    let api = stage().await;
    for (n, (written, shown)) in [
        ("5", "5"),
        ("-1", "-1"),
        ("0.3", "0.3"),
        ("0", "0"),
        ("1.0", "1"),
        ("0.123456789", "0.12345679"),
    ]
    .iter()
    .enumerate()
    {
        let body = format!("{{\"name\":\"{n}\",\"type\":\"noop\",\"toxicity\":{written}}}");
        let reply = api.call("POST", "/proxies/p/toxics", &body).await;
        assert!(
            reply.body.ends_with(&format!("\"toxicity\":{shown}}}")),
            "{reply:?}"
        );
    }
    let (status, _) = refused(&api, json!({ "type": "noop", "toxicity": "all" })).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn unknown_attributes_are_ignored_and_a_fraction_is_no_integer() {
    let api = stage().await;
    let toxic = api
        .toxic(json!({ "type": "latency", "attributes": { "latency": 1, "wobble": true }, "colour": "red" }))
        .await;
    assert_eq!(toxic["attributes"], json!({ "latency": 1, "jitter": 0 }));
    let (status, error) = refused(
        &api,
        json!({ "name": "x", "type": "latency", "attributes": { "latency": 1.5 } }),
    )
    .await;
    assert_eq!(status, 400);
    assert!(error.starts_with("bad request body: `latency`"), "{error}");
}

#[tokio::test]
async fn one_toxic_is_shown_or_not_found() {
    let api = stage().await;
    let toxic = api.toxic(json!({ "type": "noop" })).await;
    let shown = api.get("/proxies/p/toxics/noop_downstream").await;
    assert_eq!((shown.status, shown.json()), (200, toxic));
    assert_eq!(
        api.get("/proxies/p/toxics/nothing").await.error(),
        (404, "toxic not found".to_owned())
    );
    assert_eq!(
        api.get("/proxies/q/toxics/nothing").await.error(),
        (404, "proxy not found".to_owned())
    );
}

#[tokio::test]
async fn updating_merges_attributes_and_toxicity_only() {
    let api = stage().await;
    api.toxic(json!({ "type": "latency", "attributes": { "latency": 100, "jitter": 10 } }))
        .await;
    let path = "/proxies/p/toxics/latency_downstream";
    for method in ["POST", "PATCH"] {
        let change = json!({
            "name": "other", "type": "noop", "stream": "upstream", "toxicity": 0.5,
            "attributes": { "jitter": 20, "wobble": 1 },
        });
        let reply = api.call(method, path, &change.to_string()).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(
            reply.json(),
            json!({
                "name": "latency_downstream", "type": "latency", "stream": "downstream", "toxicity": 0.5,
                "attributes": { "latency": 100, "jitter": 20 },
            })
        );
    }
    assert_eq!(
        api.patch(path, &json!({})).await.json()["toxicity"],
        0.5,
        "as it was"
    );
    let (status, error) = api
        .patch(path, &json!({ "attributes": { "latency": "x" } }))
        .await
        .error();
    assert!(
        status == 400 && error.starts_with("bad request body: "),
        "{error}"
    );
    assert_eq!(api.get(path).await.json()["attributes"]["latency"], 100);
    let nothing = (404, "toxic not found".to_owned());
    assert_eq!(
        api.patch("/proxies/p/toxics/nothing", &json!({}))
            .await
            .error(),
        nothing
    );
    assert_eq!(
        api.call("PATCH", "/proxies/p/toxics/nothing", "{")
            .await
            .error(),
        nothing
    );
}

#[tokio::test]
async fn a_deleted_toxic_is_gone() {
    let api = stage().await;
    api.toxic(json!({ "type": "noop" })).await;
    let path = "/proxies/p/toxics/noop_downstream";
    let reply = api.delete(path).await;
    assert_eq!((reply.status, reply.body.as_str()), (204, ""));
    assert_eq!(
        api.delete(path).await.error(),
        (404, "toxic not found".to_owned())
    );
    assert_eq!(
        api.delete("/proxies/q/toxics/x").await.error(),
        (404, "proxy not found".to_owned())
    );
    assert_eq!(api.get("/proxies/p/toxics").await.body, "[]");
}
