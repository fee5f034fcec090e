//! What a schema finds wrong with a body, and what is wrong with a schema.

use serde_json::{Value, json};

use super::BodySchema;

#[track_caller]
fn violation(schema: Value, body: &Value) -> Option<String> {
    BodySchema::compile(schema).unwrap().violation(body)
}

#[track_caller]
fn wrong(schema: Value) -> (String, String) {
    let wrong = BodySchema::compile(schema).unwrap_err();
    (wrong.pointer, wrong.reason)
}

fn order() -> Value {
    json!({
        "$id": "https://example.com/order.schema.json",
        "type": "object",
        "required": ["id", "lines"],
        "properties": {
            "id": { "type": "string" },
            "lines": { "type": "array", "items": { "$ref": "#/$defs/line" } },
            "paid": { "anyOf": [{ "type": "null" }, { "type": "object", "properties": { "by": { "enum": ["card", "cash"] } } }] },
        },
        "$defs": { "line": { "required": ["sku"], "properties": { "sku": { "pattern": "^[A-Z]\\d+$" } } } },
    })
}

#[test]
fn the_first_violation_is_told_with_its_place() {
    let body = json!({ "id": "1", "lines": [{ "sku": "A1" }], "paid": null });
    assert_eq!(violation(order(), &body), None);
    for (body, said) in [
        (json!([]), "want object, but got array"),
        (json!({ "id": "1" }), "missing properties 'lines'"),
        (
            json!({ "id": 1, "lines": 2 }),
            "at /id: want string, but got number",
        ),
        (
            json!({ "id": "1", "lines": [{ "sku": "A1" }, { "sku": "a1" }] }),
            "at /lines/1/sku: 'a1' does not match pattern '^[A-Z]\\d+$'",
        ),
        (
            json!({ "id": "1", "lines": [], "paid": { "by": "favour" } }),
            "at /paid/by: value must be one of 'card', 'cash'",
        ),
    ] {
        let found = violation(order(), &body);
        assert_eq!(found.as_deref().map(ascii), Some(said.to_owned()), "{body}");
    }
}

/// Whatever the library quotes `\d` as.
fn ascii(text: &str) -> String {
    text.replace("[0-9]", "\\d")
}

#[test]
fn nothing_of_a_body_makes_a_message_without_end() {
    let body = json!({ "id": "1", "lines": [{ "sku": "x".repeat(100_000) }] });
    assert!(violation(order(), &body).unwrap().len() < 400);
}

#[test]
fn a_schema_that_is_wrong_says_where() {
    let at = |pointer: &str, reason: &str, schema: Value| {
        let (found, said) = wrong(schema);
        assert_eq!(found, pointer, "{said}");
        assert!(said.contains(reason), "{said}");
    };
    at(
        "/properties/id/type",
        "value must be one of",
        json!({ "properties": { "id": { "type": "strin" } } }),
    );
    at(
        "/properties/a~1b/pattern",
        "is not valid regex",
        json!({ "properties": { "a/b": { "pattern": "a(" } } }),
    );
    at(
        "/items/$ref",
        "`#/$defs/nobody` leads nowhere",
        json!({ "items": { "$ref": "#/$defs/nobody" } }),
    );
    at(
        "/$ref",
        "`#nobody` leads nowhere",
        json!({ "$ref": "#nobody" }),
    );
    at(
        "/$schema",
        "is another document",
        json!({ "$schema": "https://example.com/draft" }),
    );
}

#[test]
fn nothing_but_the_document_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("there.json");
    std::fs::write(&file, "{}").unwrap();
    for there in [
        format!("file://{}", file.display()),
        file.display().to_string(),
        "other.json".to_owned(),
        "../other.json#/$defs/a".to_owned(),
        "http://127.0.0.1:1/schema".to_owned(),
    ] {
        let schema = json!({ "allOf": [{ "properties": { "a": { "$ref": there } } }] });
        let (pointer, reason) = wrong(schema);
        assert_eq!(pointer, "/allOf/0/properties/a/$ref", "{there}: {reason}");
        assert!(reason.contains("is another document"), "{reason}");
    }
}

#[test]
fn each_draft_has_its_own_meaning() {
    let tuple = json!([1, "a"]);
    let old = json!({ "$schema": "http://json-schema.org/draft-07/schema#", "items": [{ "type": "string" }] });
    assert_eq!(
        violation(old, &tuple).as_deref(),
        Some("at /0: want string, but got number")
    );
    let new = json!({ "prefixItems": [{ "type": "string" }] });
    assert!(violation(new, &tuple).is_some());
}
