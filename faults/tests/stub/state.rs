//! The key-value state: put, get, increment, delete.

use serde_json::{Value, json};

use crate::stage::{ask, body, get, post, stub, whole};

#[test]
fn what_was_put_is_got_with_its_types() {
    let stub = stub(&json!([
        {
            "post": "/charges",
            "status": 201,
            "count": "charges",
            "json": { "id": "ch_{{counter.charges}}" },
            "state": { "put": { "charges/ch_{{counter.charges}}": {
                "id": "ch_{{counter.charges}}", "amount": "{{body./amount}}",
            } } },
        },
        { "get": "/charges/{id}", "state": { "get": "charges/{{path.id}}" } },
        {
            "delete": "/charges/{id}",
            "status": 204,
            "state": { "get": "charges/{{path.id}}", "delete": "charges/{{path.id}}" },
        },
    ]));
    let missing = ask(&stub, "GET /charges/ch_1");
    assert_eq!(missing.status, 404);
    assert_eq!(
        body(&missing)["error"],
        "nothing is kept under `charges/ch_1`"
    );
    for amount in [10, 20] {
        post(&stub, "POST /charges", &json!({ "amount": amount }));
    }
    assert_eq!(
        get(&stub, "/charges/ch_1"),
        json!({ "id": "ch_1", "amount": 10 })
    );
    assert_eq!(
        get(&stub, "/charges/ch_2"),
        json!({ "id": "ch_2", "amount": 20 })
    );
    let deleted = ask(&stub, "DELETE /charges/ch_1");
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    assert_eq!(ask(&stub, "GET /charges/ch_1").status, 404);
    assert_eq!(ask(&stub, "DELETE /charges/ch_1").status, 404);
}

#[test]
fn numbers_are_counted_up_and_down() {
    let stub = whole(json!({
        "state": { "stock/A1": 10 },
        "routes": [
            {
                "post": "/reservations",
                "state": { "increment": { "stock/{{body./sku}}": -1, "reserved": "{{body./quantity}}" } },
                "json": { "left": "{{state.stock/{{body./sku}}}}", "reserved": "{{state.reserved}}" },
            },
            { "get": "/stock/{sku}", "state": { "get": "stock/{{path.sku}}" } },
        ],
    }));
    assert_eq!(get(&stub, "/stock/A1"), 10);
    let wish = json!({ "sku": "A1", "quantity": 3 });
    let reserved = |wish: &Value| body(&post(&stub, "POST /reservations", wish));
    assert_eq!(reserved(&wish), json!({ "left": 9, "reserved": 3 }));
    assert_eq!(reserved(&wish), json!({ "left": 8, "reserved": 6 }));
    assert_eq!(
        reserved(&json!({ "sku": "B2", "quantity": 0.5 })),
        json!({ "left": -1, "reserved": 6.5 })
    );
    assert_eq!(get(&stub, "/stock/A1"), 8);
}

#[test]
fn a_get_that_finds_nothing_counts_and_changes_nothing() {
    let stub = stub(&json!([{
        "put": "/a/{id}",
        "count": "written",
        "state": { "get": "a/{{path.id}}", "put": { "a/{{path.id}}": "{{body}}" } },
        "json": { "now": "{{body}}" },
    }]));
    assert_eq!(post(&stub, "PUT /a/1", &json!(5)).status, 404);
    assert_eq!(get(&stub, "/__stub/counters/written"), 0);
    assert_eq!(get(&stub, "/__stub/state"), json!({}));
}

#[test]
fn the_state_is_bounded_and_says_so() {
    let stub = stub(&json!([
        { "put": "/{key}", "state": { "put": { "{{path.key}}": "{{body}}" } } },
    ]));
    let large = json!("x".repeat((1 << 20) - 2));
    let mut statuses: Vec<u16> = (0..70)
        .map(|n| post(&stub, &format!("PUT /{n}"), &large).status)
        .collect();
    statuses.dedup();
    assert_eq!(statuses, [200, 507]);
    assert!(stub.limits_met()[0].contains("the state was full, at 100000 values or 64 MiB"));
    assert_eq!(post(&stub, "PUT /0", &json!("smaller")).status, 200);
    assert_eq!(
        post(&stub, &format!("PUT /{}", "k".repeat(2000)), &json!(1)).status,
        500
    );
}

#[test]
fn a_value_that_is_wrapped_again_and_again_comes_to_an_end() {
    let stub = stub(&json!([
        { "post": "/wrap", "state": { "put": { "box": ["{{state.box}}"] } } },
    ]));
    let statuses: Vec<u16> = (0..200).map(|_| ask(&stub, "POST /wrap").status).collect();
    assert_eq!(statuses.first(), Some(&200));
    assert_eq!(statuses.last(), Some(&500));
    assert!(get(&stub, "/__stub/state").to_string().len() > 100);
}
