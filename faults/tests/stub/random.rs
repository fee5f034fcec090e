//! Whatever is asked, a stub has an answer that can be sent, and it can be asked again.

use proptest::prelude::*;
use serde_json::json;
use shaketable_faults::stub::{Request, Stub};

use crate::stage;

fn stub() -> Stub {
    stage::whole(json!({
        "state": { "n": 1 },
        "routes": [
            { "get": "/state/{key}", "state": { "get": "{{path.key}}" } },
            { "delete": "/state/{*key}", "status": 204, "state": { "delete": "{{path.key}}" } },
            { "patch": "/n", "state": { "increment": { "{{query.a}}": "{{body}}" } }, "body": "{{state.n}}" },
            { "get": "/a", "where": { "query": { "a": "x*" }, "headers": { "h": "*y" } }, "json": [1] },
            { "post": "/a", "where": { "body": { "/a/0": "*", "/b": null } }, "body": "{{body./a}}" },
            {
                "any": "/{*rest}",
                "headers": { "x": "{{header.h}}", "y": "{{path.rest}}" },
                "json": { "body": "{{body}}", "query": "{{query.a}}", "id": "{{uuid}}" },
                "state": { "put": { "{{path.rest}}": "{{body}}" } },
                "latency": { "delay": "1s", "jitter": "1s" },
            },
        ],
    }))
}

/// Paths and bodies that mean something here, and any others.
fn target() -> impl Strategy<Value = String> {
    let known = "/(a|n|state/n|state/x|__stub|__stub/(state|counters|requests)(/n)?)(\\?(a|h)=(n|x|%|\\+)*)?";
    prop_oneof![known, "/[!-~]{0,20}", "\\PC{0,10}"]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let known = "(1|-0.5|\"x\"|null|\\[\\]|\\{\"a\":\\[[0-9]\\],\"b\":null\\})?";
    prop_oneof![
        known.prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..40),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everything_is_answered(asked in prop::collection::vec(
        (
            prop::sample::select(&["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "BREW"][..]),
            target(),
            prop::collection::vec(any::<u8>(), 0..6),
            body(),
        ),
        1..12,
    )) {
        let stub = stub();
        for (method, target, header, body) in &asked {
            let headers: [(&str, &[u8]); 1] = [("H", header)];
            let response = stub.answer(&Request { method, target, headers: &headers, body });
            prop_assert!((200..=599).contains(&response.status));
            let fits = |byte| byte == b'\t' || byte >= b' ' && byte != 0x7f;
            let fits = |(_, value): &(String, String)| value.bytes().all(fits);
            prop_assert!(response.headers.iter().all(fits));
            prop_assert!(response.status != 204 || response.body.is_empty());
        }
        let summary = stub.summary();
        let remembered = summary["requests"]["count"].as_u64().unwrap();
        prop_assert!(remembered <= asked.len() as u64);
        prop_assert!(summary["state"].as_object().unwrap().len() <= asked.len() + 1);
    }
}
