//! Which route answers, and with what.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::stage::{ask, ask_with, body, get, header, post, spec, stub};

#[test]
fn the_first_route_that_a_request_fits_answers_it() {
    let stub = stub(&json!([
        { "get": "/accounts/me", "json": "me" },
        { "get": "/accounts/{id}", "where": { "query": { "full": "1" } }, "json": "all of {{path.id}}" },
        { "get": "/accounts/{id}", "where": { "headers": { "X-Tier": "gold*" } }, "json": "gold" },
        { "get": "/accounts/{id}", "json": "{{path.id}}" },
        { "post": "/charges", "where": { "body": { "/amount": 0 } }, "status": 422, "json": {} },
        { "post": "/charges", "where": { "body": { "/card/kind": "visa" } }, "json": "visa" },
        { "any": "/{*rest}", "json": "{{path.rest}}" },
    ]));
    assert_eq!(get(&stub, "/accounts/me"), "me");
    assert_eq!(get(&stub, "/accounts/7?full=1&x"), "all of 7");
    assert_eq!(get(&stub, "/accounts/7?full=2"), "7");
    let gold = ask_with(&stub, "GET /accounts/7", &[("x-tier", "golden")], b"");
    assert_eq!(body(&gold), "gold");
    assert_eq!(get(&stub, "/accounts/a%20b"), "a b");
    assert_eq!(
        post(&stub, "POST /charges", &json!({ "amount": 0 })).status,
        422
    );
    let visa = post(
        &stub,
        "POST /charges",
        &json!({ "card": { "kind": "visa" } }),
    );
    assert_eq!(body(&visa), "visa");
    assert_eq!(body(&post(&stub, "POST /charges", &json!([]))), "charges");
    assert_eq!(body(&ask(&stub, "PATCH /a/b")), "a/b");
}

#[test]
fn what_no_route_is_for_is_told_with_the_routes_that_there_are() {
    let stub = stub(&json!([
        { "get": "/a/{id}", "json": 1 },
        { "name": "pay", "post": "/charges", "json": 1 },
    ]));
    let response = ask(&stub, "GET /charges?x=1");
    assert_eq!(response.status, 404);
    assert_eq!(
        body(&response),
        json!({
            "error": "no route is for GET /charges",
            "stub": "payment",
            "routes": ["GET /a/{id}", "pay"],
        })
    );
    assert_eq!(ask(&stub, "OPTIONS *").status, 404);
}

#[test]
fn head_is_answered_as_get_is() {
    let stub = stub(&json!([
        { "head": "/only", "status": 204 },
        { "get": "/both", "json": 1, "headers": { "etag": "x" } },
    ]));
    assert_eq!(ask(&stub, "HEAD /only").status, 204);
    assert_eq!(ask(&stub, "GET /only").status, 404);
    let both = ask(&stub, "HEAD /both");
    assert_eq!((both.status, header(&both, "etag")), (200, Some("x")));
}

#[test]
fn everything_that_is_known_can_be_filled_in() {
    let stub = stub(&json!([{
        "post": "/orders/{id}",
        "status": 201,
        "headers": { "Location": "/orders/{{path.id}}/{{sequence.n}}" },
        "count": "orders",
        "json": {
            "id": "{{path.id}}",
            "page": "{{query.page}}",
            "trace": "{{header.X-Trace}}",
            "amount": "{{body./amount}}",
            "first": "{{ body./lines/0 }}",
            "text": "{{body./amount}} of {{body./currency}}, {{body./lines}}",
            "missing": ["{{body./nothing}}", "<{{body./nothing}}>", "{{query.none}}"],
            "counted": "{{counter.orders}}",
            "numbers": ["{{sequence.n}}", "{{sequence.n}}", "{{sequence.other}}"],
            "braces": "\\{{path.id}}",
        },
    }]));
    let asked = json!({ "amount": 12.5, "currency": "EUR", "lines": [{ "sku": "A1" }] });
    let answered = || {
        ask_with(
            &stub,
            "POST /orders/7?page=a+b",
            &[("x-trace", "t1")],
            asked.to_string().as_bytes(),
        )
    };
    let first = answered();
    assert_eq!(first.status, 201);
    assert_eq!(header(&first, "location"), Some("/orders/7/1"));
    assert_eq!(header(&first, "content-type"), Some("application/json"));
    assert_eq!(
        body(&first),
        json!({
            "id": "7",
            "page": "a b",
            "trace": "t1",
            "amount": 12.5,
            "first": { "sku": "A1" },
            "text": "12.5 of EUR, [{\"sku\":\"A1\"}]",
            "missing": [null, "<>", null],
            "counted": 1,
            "numbers": [1, 1, 1],
            "braces": "{{path.id}}",
        })
    );
    let second = answered();
    assert_eq!(header(&second, "location"), Some("/orders/7/2"));
    assert_eq!(body(&second)["counted"], 2);
}

#[test]
fn the_body_is_json_where_it_can_be_and_text_where_not() {
    let stub = stub(&json!([{ "post": "/echo", "json": "{{body}}" }]));
    let echo = |bytes: &[u8]| body(&ask_with(&stub, "POST /echo", &[], bytes));
    assert_eq!(echo(b"{\"a\": [1, null]}"), json!({ "a": [1, null] }));
    assert_eq!(echo(b"plain text"), "plain text");
    assert_eq!(echo(b""), Value::Null);
}

#[test]
fn a_body_can_be_text_and_headers_win() {
    let stub = stub(&json!([
        { "get": "/text", "body": "hello {{query.name}}" },
        { "get": "/xml", "body": "<a/>", "headers": { "Content-Type": "text/xml" } },
        { "get": "/nothing", "status": 204 },
        { "get": "/null", "json": null },
    ]));
    let text = ask(&stub, "GET /text?name=you");
    assert_eq!(&text.body[..], b"hello you");
    assert_eq!(
        header(&text, "content-type"),
        Some("text/plain; charset=utf-8")
    );
    let xml = ask(&stub, "GET /xml");
    assert_eq!(header(&xml, "content-type"), Some("text/xml"));
    let nothing = ask(&stub, "GET /nothing");
    assert_eq!(
        (nothing.status, nothing.headers.len(), nothing.body.len()),
        (204, 0, 0)
    );
    assert_eq!(get(&stub, "/null"), Value::Null);
}

#[test]
fn what_cannot_be_answered_is_said_and_not_made_up() {
    let stub = stub(&json!([
        { "post": "/header", "headers": { "x": "{{body./x}}" }, "status": 200 },
        { "post": "/add", "state": { "increment": { "n": "{{body./n}}" } } },
        { "post": "/large", "body": "{{body}}{{body}}{{body}}{{body}}{{body}}" },
    ]));
    let split = post(&stub, "POST /header", &json!({ "x": "a\r\nset-cookie: b" }));
    assert_eq!(split.status, 500);
    assert!(
        body(&split)["error"]
            .as_str()
            .unwrap()
            .contains("header `x`")
    );
    let add = post(&stub, "POST /add", &json!({ "n": "many" }));
    assert_eq!(add.status, 500);
    assert!(
        body(&add)["error"]
            .as_str()
            .unwrap()
            .contains("not a number")
    );
    let large = ask_with(&stub, "POST /large", &[], &b"x".repeat(1 << 20));
    assert_eq!(large.status, 500);
    let too_large = ask_with(&stub, "POST /large", &[], &b"x".repeat((1 << 20) + 1));
    assert_eq!(too_large.status, 413);
    let limits = stub.limits_met().join("\n");
    assert!(
        limits.contains("a body of more than 1 MiB was refused (1 ×)"),
        "{limits}"
    );
    assert!(
        limits.contains("an answer would have had more than 4 MiB (1 ×)"),
        "{limits}"
    );
}

#[test]
fn the_answer_says_how_long_it_takes_and_does_not_wait() {
    let stub = stub(&json!([
        { "get": "/now", "json": 1 },
        { "get": "/later", "latency": "20ms" },
        { "get": "/about", "latency": { "delay": "1h", "jitter": "30m" } },
    ]));
    assert_eq!(ask(&stub, "GET /now").delay, Duration::ZERO);
    assert_eq!(ask(&stub, "GET /later").delay, Duration::from_millis(20));
    let delays: BTreeSet<Duration> = (0..100).map(|_| ask(&stub, "GET /about").delay).collect();
    let (low, high) = (delays.first().unwrap(), delays.last().unwrap());
    assert_eq!(delays.len(), 100);
    assert!(
        (Duration::from_mins(30)..Duration::from_mins(45)).contains(low),
        "{low:?}"
    );
    assert!(
        (Duration::from_mins(75)..=Duration::from_mins(90)).contains(high),
        "{high:?}"
    );
}

#[test]
fn what_is_random_follows_from_the_seed_and_the_request_in_whatever_order() {
    let routes = json!({ "routes": [{
        "post": "/ids",
        "json": ["{{uuid}}", "{{uuid}}", "{{uuid.other}}"],
        "latency": { "delay": "1s", "jitter": "1s" },
    }] });
    let new = |seed| {
        let spec = std::sync::Arc::new(spec(routes.clone()).unwrap());
        shaketable_faults::stub::Stub::new("payment", spec, seed)
    };
    let answers = |seed, bodies: [&str; 4]| {
        let stub = new(seed);
        let mut answers = bodies.map(|asked| {
            let response = post(&stub, "POST /ids", &json!(asked));
            (
                asked.to_owned(),
                body(&response).to_string(),
                response.delay,
            )
        });
        answers.sort();
        answers
    };
    let one = answers(1, ["a", "b", "b", "c"]);
    assert_eq!(one, answers(1, ["c", "b", "a", "b"]));
    assert_ne!(one, answers(2, ["a", "b", "b", "c"]));
    let distinct: BTreeSet<&String> = one.iter().map(|(_, body, _)| body).collect();
    assert_eq!(distinct.len(), 4);

    let ids = body(&post(&new(1), "POST /ids", &json!("a")));
    let [first, again, other] = [0, 1, 2].map(|at| ids[at].as_str().unwrap());
    assert!(first == again && first != other, "{ids}");
    let groups: Vec<usize> = first.split('-').map(str::len).collect();
    assert_eq!(groups, [8, 4, 4, 4, 12]);
    assert!(
        first.as_bytes()[14] == b'4' && b"89ab".contains(&first.as_bytes()[19]),
        "{first}"
    );
}
