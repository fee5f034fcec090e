//! Stubs that are wrong: every mistake is told, with the way down to it.

use serde_json::{Value, json};
use shaketable_faults::stub::{Params, Spec};

use crate::stage::spec;

/// What is said of a stub with these routes, line by line.
fn said_of(routes: &Value) -> Vec<String> {
    let problems = spec(json!({ "routes": routes })).expect_err("something wrong");
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn all_mistakes_are_told_at_once_and_where_they_are() {
    let said = said_of(&json!([
        {
            "get": "/a/{id}",
            "json": { "list": [1, "{{path.ix}}"], "{{path.id}}": 1 },
            "headers": { "x y": "1", "Content-Length": "5", "x": "{{countr.a}}" },
            "where": { "body": { "sku": "A1" }, "headers": { "a b": "1" } },
            "latency": { "delay": "1s", "jitter": "2s" },
        },
        {
            "post": "/b",
            "status": 204,
            "body": "text",
            "count": "POST /b",
            "state": {
                "get": "{{path.x}}",
                "put": { "k/{{body.x}}": { "deep": "{{" } },
                "increment": { "n": "five" },
            },
            "latency": "2h",
        },
        { "name": "unmatched", "get": "/c", "count": " " },
        { "get": "/d/{x}/{x}", "json": "{{path.y}}" },
    ]));
    let expected = [
        "routes[0].json.list[1]: the path has no segment `ix`",
        "routes[0].json.{{path.id}}: `{{path.id}}`: nothing is filled in to a key",
        "routes[0].latency: the jitter is larger than the delay",
        "routes[0].where.headers.a b: `a b` cannot name a header",
        "routes[0].where.body.sku: `sku` is not a JSON pointer; did you mean `/sku`?",
        "routes[0].headers.x y: `x y` cannot name a header",
        "routes[0].headers.Content-Length: the header `Content-Length` cannot be set",
        "routes[0].headers.x: nothing is called `countr` in a template",
        "routes[1].count: `POST /b` counts itself already",
        "routes[1].body: an answer with status 204 has no body",
        "routes[1].latency: no answer takes longer than 1h",
        "routes[1].state.get: the path has no segment `x`",
        "routes[1].state.put.k/{{body.x}}: `x` is not a JSON pointer",
        "routes[1].state.put.k/{{body.x}}.deep: a `{{` without its `}}`",
        "routes[1].state.increment.n: `five` is not a number",
        "routes[2].name: `unmatched` counts the requests that no route is for",
        "routes[2].count: the name is empty",
        "routes[3].get: two segments are called `x`",
    ];
    for (said, expected) in said.iter().zip(expected) {
        assert!(said.starts_with(expected), "{said}\n{expected}");
    }
    assert_eq!(said.len(), expected.len(), "{said:#?}");
}

#[test]
fn what_looks_like_a_template_where_nothing_is_filled_in_is_a_mistake() {
    let problems = spec(json!({
        "state": { "a": [{ "b": "{{uuid}}" }] },
        "routes": [{
            "get": "/{id}",
            "where": {
                "query": { "q": "{{path.id}}" },
                "headers": { "h": "{{path.id}}" },
                "body": { "/b": ["{{path.id}}"] },
            },
        }],
    }));
    let problems = problems.expect_err("something wrong");
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let expected = [
        "state.a[0].b",
        "routes[0].where.query.q",
        "routes[0].where.headers.h",
        "routes[0].where.body./b[0]",
    ];
    assert_eq!(said.len(), expected.len(), "{said:#?}");
    for (said, at) in said.iter().zip(expected) {
        assert!(
            said.starts_with(&format!("{at}: nothing is filled in here")),
            "{said}"
        );
    }
}

#[test]
fn a_route_that_no_request_comes_to_is_a_mistake() {
    let said = said_of(&json!([
        { "get": "/a/{id}", "json": 1 },
        { "get": "/a/b", "json": 2 },
        { "head": "/a/b", "status": 200 },
        { "post": "/a/b", "where": { "query": { "x": "1" } } },
        { "post": "/a/b", "status": 200 },
        { "any": "/a/{*rest}" },
        { "delete": "/a/x/y" },
    ]));
    assert_eq!(said.len(), 3, "{said:#?}");
    for (said, at) in said.iter().zip([1, 2, 6]) {
        assert!(
            said.starts_with(&format!("routes[{at}]: no request comes to this route")),
            "{said}"
        );
    }
}

#[test]
fn counters_of_routes_that_could_not_be_read_may_exist() {
    let route = json!({ "get": "/a", "json": "{{counter.charges}} {{path.x}}" });
    let params: Params = serde_json::from_value(json!({ "routes": [route] })).unwrap();
    let routes = params.routes.into_iter().map(Some).chain([None]).collect();
    let (_, problems) = Spec::of_parts(routes, params.state);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].message.contains("no segment `x`"));
}
