//! The JSON Schemas that are committed are those that the types give.

use std::fs;

use serde_json::Value;
use shaketable::check;
use shaketable::suite::schema;
use shaketable_faults::fault;

#[test]
fn the_committed_schemas_are_up_to_date() {
    let schemas = [
        ("suite", schema()),
        ("report", shaketable::report::json::schema()),
    ];
    for (name, now) in schemas {
        let path = format!("../schemas/{name}.schema.json");
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == format!("{now:#}\n"),
            "{path} is not what the types say; write it anew with `cargo ci schemas`{}",
            if name == "report" {
                ", and raise the report's version if a reader would notice"
            } else {
                ""
            }
        );
    }
}

#[test]
fn every_fault_and_check_is_in_the_schema_and_its_example_is_a_right_suite() {
    let schema = schema().to_string();
    for (name, entry) in fault::CATALOGUE
        .iter()
        .map(|kind| (kind.name, format!("    faults: [{{ edge: order -> inventory, {} }}]\n    expect: [process_survival]\n", kind.example)))
        .chain(check::CATALOGUE.iter().map(|kind| {
            (kind.name, format!("    expect:\n      - {}\n", kind.example))
        }))
    {
        assert!(schema.contains(&format!("\"{name}\"")), "{name}");
        let text = format!(
            "name: a\nservices:\n  inventory: {{ run: ./a }}\n  inventory-v2: {{ run: ./c }}\n  order: {{ run: ./b, calls: {{ inventory: URL }} }}\n\
             load: {{ rate: 1/s, request: {{ to: order, name: POST /orders, post: /orders }} }}\nexperiments:\n  e:\n{entry}"
        );
        if let Err(errors) = super::load_text(&text) {
            panic!("{name}: {}", errors.to_plain());
        }
    }
}

/// What an editor shows at a key.
#[test]
fn every_key_of_the_language_is_described() {
    fn undescribed(schema: &Value, at: &str, missing: &mut Vec<String>) {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (key, property) in properties.into_iter().flatten() {
            if property.get("description").is_none() {
                missing.push(format!("{at}.{key}"));
            }
        }
        let parts = schema.as_object().into_iter().flatten();
        for (key, part) in parts {
            undescribed(part, &format!("{at}.{key}"), missing);
        }
    }
    let mut missing = Vec::new();
    undescribed(&schema(), "", &mut missing);
    assert_eq!(missing, Vec::<String>::new());
}
