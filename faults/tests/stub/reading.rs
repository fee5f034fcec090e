//! What anybody can read and reset below `/__stub`.

use serde_json::json;
use shaketable_faults::stub::REQUESTS_MAX;

use crate::stage::{ask, ask_with, body, get, post, stub, whole};

#[test]
fn every_route_is_counted_and_what_fits_none() {
    let stub = stub(&json!([
        { "get": "/a/{id}", "json": 1 },
        { "name": "pay", "post": "/charges", "count": "money moved", "json": 1 },
        { "name": "refund", "post": "/refunds", "count": "money moved", "json": 1 },
    ]));
    let none = json!({ "GET /a/{id}": 0, "pay": 0, "refund": 0, "money moved": 0, "unmatched": 0 });
    assert_eq!(get(&stub, "/__stub/counters"), none);
    for line in [
        "GET /a/1",
        "GET /a/2",
        "POST /charges",
        "POST /refunds",
        "GET /b",
    ] {
        ask(&stub, line);
    }
    let some = json!({ "GET /a/{id}": 2, "pay": 1, "refund": 1, "money moved": 2, "unmatched": 1 });
    assert_eq!(get(&stub, "/__stub/counters"), some);
    assert_eq!(get(&stub, "/__stub/counters/money%20moved"), 2);
    assert_eq!(get(&stub, "/__stub/counters/GET%20%2Fa%2F%7Bid%7D"), 2);
    assert_eq!(get(&stub, "/__stub/counters/GET%20/a/%7Bid%7D"), 2);
    assert_eq!(ask(&stub, "GET /__stub/counters/none").status, 404);
    assert_eq!(ask(&stub, "DELETE /__stub/counters").status, 204);
    assert_eq!(get(&stub, "/__stub/counters"), none);
}

#[test]
fn the_state_is_read_and_put_back() {
    let stub = whole(json!({
        "state": { "a": 1 },
        "routes": [{ "put": "/{key}", "state": { "put": { "k/{{path.key}}": "{{body}}" } } }],
    }));
    post(&stub, "PUT /x%20y", &json!({ "deep": true }));
    assert_eq!(
        get(&stub, "/__stub/state"),
        json!({ "a": 1, "k/x y": { "deep": true } })
    );
    assert_eq!(get(&stub, "/__stub/state/k/x%20y"), json!({ "deep": true }));
    assert_eq!(ask(&stub, "GET /__stub/state/k").status, 404);
    assert_eq!(ask(&stub, "DELETE /__stub/state/a").status, 204);
    assert_eq!(ask(&stub, "DELETE /__stub/state/a").status, 404);
    assert_eq!(
        get(&stub, "/__stub/state"),
        json!({ "k/x y": { "deep": true } })
    );
    assert_eq!(ask(&stub, "DELETE /__stub/state").status, 204);
    assert_eq!(get(&stub, "/__stub/state"), json!({ "a": 1 }));
}

#[test]
fn the_last_requests_are_remembered_in_part() {
    let stub = stub(&json!([{ "post": "/a", "status": 201 }]));
    ask_with(
        &stub,
        "POST /a?b=1",
        &[("X-Id", "7"), ("x-id", "8")],
        b"{\"n\": 1}",
    );
    ask_with(
        &stub,
        "PUT /a",
        &[("x", &"y".repeat(5000))],
        &b"z".repeat(5000),
    );
    let requests = get(&stub, "/__stub/requests");
    assert_eq!(requests["count"], 2);
    assert_eq!(
        requests["last"][0],
        json!({
            "number": 1, "method": "POST", "target": "/a?b=1", "route": "POST /a", "status": 201,
            "headers": { "x-id": "7" }, "body_bytes": 8, "body": { "n": 1 },
        })
    );
    let second = &requests["last"][1];
    assert_eq!(
        (&second["route"], &second["status"]),
        (&json!(null), &json!(404))
    );
    assert_eq!(
        (&second["headers"], &second["body_bytes"]),
        (&json!({}), &json!(5000))
    );
    assert_eq!(second["body"].as_str().unwrap().len(), 4096);

    for _ in 0..REQUESTS_MAX {
        ask(&stub, "POST /a");
    }
    let requests = get(&stub, "/__stub/requests");
    assert_eq!(requests["count"], REQUESTS_MAX + 2);
    assert_eq!(requests["last"].as_array().unwrap().len(), REQUESTS_MAX);
    assert_eq!(requests["last"][0]["number"], 3);
    assert_eq!(ask(&stub, "DELETE /__stub/requests").status, 204);
    assert_eq!(
        get(&stub, "/__stub/requests"),
        json!({ "count": 0, "last": [] })
    );
}

#[test]
fn everything_is_told_at_once_and_a_stub_begins_anew() {
    let stub = whole(json!({
        "state": { "a": 1 },
        "routes": [{ "post": "/a", "json": "{{sequence.n}}", "state": { "increment": { "a": 1 } } }],
    }));
    let beginning = get(&stub, "/__stub");
    assert_eq!(beginning, stub.summary());
    assert_eq!(body(&ask(&stub, "POST /a")), 1);
    ask_with(&stub, "POST /a", &[], &b"x".repeat(2 << 20));
    let whole = get(&stub, "/__stub/");
    assert_eq!(
        (&whole["state"], &whole["sequences"]),
        (&json!({ "a": 2 }), &json!({ "n": 1 }))
    );
    assert_eq!(whole["routes"], json!(["POST /a"]));
    assert_eq!(
        whole["limits"],
        json!({ "a body of more than 1 MiB was refused": 1 })
    );
    let gone = ask(&stub, "DELETE /__stub");
    assert_eq!((gone.status, gone.body.len()), (204, 0));
    assert_eq!(get(&stub, "/__stub"), beginning);
    assert_eq!(body(&ask(&stub, "POST /a")), 1);
}

#[test]
fn only_what_is_there_can_be_asked_for() {
    let stub = stub(&json!([{ "any": "/{*rest}", "json": "{{path.rest}}" }]));
    for line in [
        "GET /__stub/x",
        "GET /__stub/requests/1",
        "DELETE /__stub/counters/x",
    ] {
        let response = ask(&stub, line);
        assert_eq!(response.status, 404, "{line}");
        assert!(body(&response)["there_is"].is_array(), "{line}");
    }
    assert_eq!(ask(&stub, "POST /__stub/state").status, 405);
    assert_eq!(get(&stub, "/__stubborn"), "__stubborn");
    assert_eq!(get(&stub, "/__stub/counters/unmatched"), 0);
    assert_eq!(get(&stub, "/__stub/requests")["count"], 1);
}
