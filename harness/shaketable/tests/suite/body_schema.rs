//! JSON Schemas in a suite: where they come from, and what is said of those that are wrong.

use shaketable::suite::{self, InMemory, Suite, SuiteErrors};

/// A suite with this behind `schema:`, and files beside it.
fn load(schema: &str, files: &[(&str, &str)]) -> Result<Suite, SuiteErrors> {
    let text = format!(
        "
name: s
services: {{ shop: {{ run: ./shop }} }}
load: {{ rate: 1/s }}
experiments:
  e:
    load:
      request: {{ to: shop, get: /, valid: {{ schema: {schema} }} }}
    expect: [process_survival]
"
    );
    let mut suites = InMemory::one("suites/suite.yaml", &text);
    for (name, text) in files {
        suites.texts.insert((*name).to_owned(), (*text).to_owned());
    }
    suite::load("suites/suite.yaml", &suites, &|_| None)
}

#[track_caller]
fn complains(schema: &str, files: &[(&str, &str)], texts: &[&str]) {
    let errors = load(schema, files).unwrap_err();
    let plain = errors.to_plain();
    for text in texts {
        assert!(plain.contains(text), "{plain}");
    }
    assert_eq!(errors.errors().len(), 1, "{plain}");
}

#[test]
fn what_can_be_no_schema_is_refused() {
    complains(
        "[a]",
        &[],
        &[
            "expected a schema file, as in `order.schema.json` or a JSON Schema",
            "found a list",
        ],
    );
    complains("order.yaml", &[], &["ends in .json"]);
}

#[cfg(not(feature = "json-schema"))]
#[test]
fn a_build_without_schemas_says_how_to_make_one_with_them() {
    let texts = [
        "suite.yaml:8:53: this build has no JSON Schema in it",
        "`json-schema`",
    ];
    complains("{ type: object }", &[], &texts);
}

#[cfg(feature = "json-schema")]
mod with_schemas {
    use super::*;

    #[test]
    fn a_schema_is_a_file_beside_the_suite_or_is_written_there() {
        let file = r##"{ "type": "object", "properties": { "a": { "$ref": "#/$defs/a" } }, "$defs": { "a": {} } }"##;
        let of = |loaded: Result<Suite, SuiteErrors>| match loaded {
            Ok(suite) => {
                let step = &suite.experiments["e"].load.streams[0].requests[0].steps[0];
                step.oracle.valid.clone().unwrap().schema.unwrap()
            }
            Err(errors) => panic!("{}", errors.to_plain()),
        };
        let from_file = of(load("sub/a.json", &[("suites/sub/a.json", file)]));
        let here =
            r##"{ type: object, properties: { a: { $ref: "#/$defs/a" } }, $defs: { a: {} } }"##;
        assert_eq!(from_file, of(load(here, &[])));
    }

    #[test]
    fn what_is_wrong_with_a_schema_is_told_where_it_is_written() {
        complains(
            "{ properties: { a: { type: strin } } }",
            &[],
            &["suite.yaml:8:80: value must be one of"],
        );
        complains(
            "{ allOf: [{ required: [a] }, { required: a }] }",
            &[],
            &["want array, but got string", "suite.yaml:8:94: "],
        );
        complains(
            r##"{ items: { $ref: "#/$defs/nobody" } }"##,
            &[],
            &["`#/$defs/nobody` leads nowhere", "suite.yaml:8:70: "],
        );
        complains(
            "{ items: { $ref: other.json } }",
            &[("suites/other.json", "{}")],
            &[
                "`other.json` is another document, and none is read",
                "below `$defs`",
            ],
        );
    }

    #[test]
    fn what_is_wrong_with_the_file_is_told_at_its_name() {
        let at = "suite.yaml:8:53: the schema `a.json`";
        let file = |text: &'static str| [("suites/a.json", text)];
        complains(
            "a.json",
            &[],
            &[at, "there is no such file", "relative to this one"],
        );
        complains("a.json", &file("{"), &[at, "is not JSON", "line 1"]);
        complains("a.json", &file("[]"), &[at, "a schema is a JSON object"]);
        complains(
            "a.json",
            &file(r#"{ "properties": { "a/b": { "type": 1 } } }"#),
            &[&format!("{at} at /properties/a~1b/type: ")],
        );
    }
}
