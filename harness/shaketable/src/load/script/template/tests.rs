//! Templates as the load uses them.

use proptest::prelude::*;
use serde_json::{Value, json};
use shaketable_faults::stub::Problem;

use super::*;
use crate::load::script::data::Table;

fn table() -> Table {
    Table::of_csv("sku,quantity\nA1,3\n\"B 2\",\"4\"\n").unwrap()
}

fn known<'a>(columns: &'a [String], captured: &'a [String]) -> Known<'a> {
    Known {
        data: Data::Columns(columns),
        captured,
        later: &[],
        place: 7,
    }
}

fn parse(text: &str, form: Form) -> (Template, Vec<Problem>) {
    let mut problems = Vec::new();
    let captured = ["order".to_owned()];
    let template = Template::parse(
        text,
        form,
        &known(&table().columns, &captured),
        &mut problems,
    );
    (template, problems)
}

fn scene(table: &Table, index: u64) -> Scene<'_> {
    Scene::new(1, 2, index, Some(table))
}

#[track_caller]
fn fill(text: &str, form: Form, index: u64) -> String {
    let (template, problems) = parse(text, form);
    assert_eq!(problems, [], "{text}");
    let table = table();
    let mut scene = scene(&table, index);
    scene.capture("order", json!("o/1 #2\n\"ä\""));
    template.fill(&scene).unwrap()
}

#[test]
fn texts_are_filled_in_as_their_place_needs_it() {
    assert_eq!(fill("plain } {x}", Form::Plain, 0), "plain } {x}");
    assert_eq!(fill("\\{{id}}", Form::Plain, 0), "{{id}}");
    assert_eq!(fill("<{{ data.sku }}>", Form::Plain, 1), "<B 2>");
    assert_eq!(
        fill("/a/{{data.sku}}?q={{data.quantity}}", Form::Path, 1),
        "/a/B%202?q=4"
    );
    assert_eq!(
        fill("/{{order}}", Form::Path, 0),
        "/o/1%20%232%0A\"%C3%A4\""
    );
    assert_eq!(fill("x {{order}}", Form::Header, 0), "x o/1 #2 \"ä\"");
    assert_eq!(fill("{{call}}", Form::Plain, 4), "5");
}

#[test]
fn what_stands_alone_in_json_keeps_its_type() {
    let body = json!({
        "sku": "{{data.sku}}",
        "quantity": "{{ data.quantity }}",
        "note": "{{data.quantity}} \"of\" {{order}}",
        "list": [1, "{{call}}", null, true, "\\{{x}}"],
        "{{key}}": {},
    });
    let mut problems = Vec::new();
    let captured = ["order".to_owned()];
    let template = Template::of_json(&body, &known(&table().columns, &captured), &mut problems);
    assert_eq!(problems, []);
    let table = table();
    let made = |index| {
        let mut scene = scene(&table, index);
        scene.capture("order", json!({ "a": "\"" }));
        serde_json::from_str::<Value>(&template.fill(&scene).unwrap()).unwrap()
    };
    assert_eq!(
        made(0),
        json!({
            "sku": "A1", "quantity": 3, "note": "3 \"of\" {\"a\":\"\\\"\"}",
            "list": [1, 1, null, true, "{{x}}"], "{{key}}": {},
        })
    );
    assert_eq!(made(1)["quantity"], json!("4"), "quotes make a text of it");
    let fixed = Template::of_json(
        &json!({ "b": [1, "x\n"], "a": 2.5 }),
        &known(&[], &[]),
        &mut problems,
    );
    assert_eq!(fixed.plain(), Some(r#"{"b":[1,"x\n"],"a":2.5}"#));
}

#[test]
fn a_value_that_was_never_captured_is_missing() {
    let (template, _) = parse("/orders/{{order}}", Form::Path);
    let table = table();
    let missing = template.fill(&scene(&table, 0)).unwrap_err();
    assert_eq!(missing, Missing("order".to_owned()));
}

#[test]
fn what_stands_for_nothing_is_refused() {
    for (text, message, word) in [
        ("x {{id", "a `{{` without its `}}`", "{{"),
        ("{{}}", "nothing is called ``", "{{}}"),
        ("{{ordr}}", "nothing is called `ordr`", "{{ordr}}"),
        ("{{id.x}}", "nothing is called `id.x`", "{{id.x}}"),
        ("{{data.skew}}", "no column `skew`", "{{data.skew}}"),
        ("{{data}}", "needs the name of a column", "{{data}}"),
        ("{{random 1}}", "two whole numbers", "{{random 1}}"),
        (
            "{{random 5..1}}",
            "the smaller one first",
            "{{random 5..1}}",
        ),
        (
            "{{random -9223372036854775808..1}}",
            "two whole numbers",
            "{{random -9223372036854775808..1}}",
        ),
        ("{{pick}}", "something to pick from", "{{pick}}"),
        ("{{pick a||b}}", "something to pick from", "{{pick a||b}}"),
    ] {
        let (_, problems) = parse(text, Form::Plain);
        assert_eq!(problems.len(), 1, "{text}: {problems:?}");
        assert!(problems[0].message.contains(message), "{problems:?}");
        assert_eq!(problems[0].word, word);
    }
    let (_, problems) = parse("{{ordr}}", Form::Plain);
    assert!(
        problems[0]
            .unknown
            .as_ref()
            .unwrap()
            .known
            .contains(&"order".to_owned())
    );
    let later = Known {
        data: Data::Absent,
        captured: &[],
        later: &["order".to_owned()],
        place: 0,
    };
    let mut problems = Vec::new();
    Template::parse("{{order}} {{data.sku}}", Form::Plain, &later, &mut problems);
    assert!(problems[0].message.contains("only later"), "{problems:?}");
    assert!(problems[1].message.contains("no data"), "{problems:?}");
    let mut problems = Vec::new();
    let body = json!({ "a": ["x", { "b": "{{nope}}" }] });
    Template::of_json(&body, &later, &mut problems);
    assert_eq!(problems[0].at, ["a".into(), 1.into(), "b".into()]);
}

#[test]
fn random_values_are_even_and_within_their_bounds() {
    let mut seen = [0_u32; 3];
    let mut picked = std::collections::BTreeMap::new();
    for index in 0..3000 {
        let drawn: i64 = fill("{{random -1..1}}", Form::Plain, index)
            .parse()
            .unwrap();
        seen[usize::try_from(drawn + 1).unwrap()] += 1;
        *picked
            .entry(fill("{{pick a | b|7}}", Form::Plain, index))
            .or_insert(0) += 1;
    }
    assert!(
        seen.iter().all(|count| (900..1100).contains(count)),
        "{seen:?}"
    );
    assert_eq!(picked.keys().collect::<Vec<_>>(), ["7", "a", "b"]);
    assert!(
        picked.values().all(|count| (900..1100).contains(count)),
        "{picked:?}"
    );
    let one = fill(
        "{{random 1..1000000}} {{random 1..1000000}}",
        Form::Plain,
        0,
    );
    let (left, right) = one.split_once(' ').unwrap();
    assert_ne!(left, right, "each has a place of its own");
}

const EVERYTHING: &str =
    "{{id}} {{uuid}} {{uuid.a}} {{call}} {{random 1..9}} {{pick a|b}} {{data.sku}}";

proptest! {
    #[test]
    fn anything_can_be_read(text in "[{}a.\\\\| 1]{0,40}|\\PC*") {
        parse(&text, Form::Plain);
        parse(&text, Form::InJson);
    }

    #[test]
    fn what_holds_no_braces_is_itself(text in "[^{]*") {
        let (template, _) = parse(&text, Form::Plain);
        prop_assert_eq!(template.plain(), Some(text.as_str()));
    }

    #[test]
    fn the_same_arrival_is_filled_in_alike_and_no_two_have_one_id(
        seed in any::<u64>(), ids in any::<u64>(), index in 0_u64..u64::MAX / 2, apart in 1_u64..1_000_000, step in 0_u64..9,
    ) {
        let table = table();
        let made = |text: &str, seed, ids, index, step| {
            let mut scene = Scene::new(seed, ids, index, Some(&table));
            scene.step = step;
            parse(text, Form::Plain).0.fill(&scene).unwrap()
        };
        prop_assert_eq!(made(EVERYTHING, seed, ids, index, step), made(EVERYTHING, seed, ids, index, step));
        for id in ["{{id}}", "{{uuid}}"] {
            let one = made(id, seed, ids, index, step);
            prop_assert_ne!(&one, &made(id, seed, ids, index + apart, step));
            prop_assert_ne!(&one, &made(id, seed, ids, index, step + 1));
            prop_assert_ne!(&one, &made(id, seed, ids ^ apart, index, step));
            prop_assert_ne!(&one, &made(id, seed ^ apart, ids, index, step));
        }
        // What is random hangs on the seed, and not on what tells experiments apart.
        prop_assert_eq!(made("{{random 1..999}}", seed, ids, index, 0), made("{{random 1..999}}", seed, !ids, index, 1));
    }
}
