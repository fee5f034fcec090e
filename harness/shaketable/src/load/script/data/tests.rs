//! Rows as they are read, and what is no data.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn rows(table: &Table) -> Vec<Value> {
    let count = table.len() as u64;
    (0..count)
        .map(|index| json!(table.row(index).unwrap()))
        .collect()
}

#[test]
fn csv_has_numbers_where_no_quotes_are_and_texts_where_they_are() {
    let text = "sku, quantity,note\r\nA1,3,\"a \"\"big\"\"\none, really\"\n\nB2,\"3\",007\nC,true,";
    let table = Table::of_csv(text).unwrap();
    assert_eq!(table.columns, ["sku", "quantity", "note"]);
    assert_eq!(
        rows(&table),
        [
            json!(["A1", 3, "a \"big\"\none, really"]),
            json!(["B2", "3", "007"]),
            json!(["C", true, ""]),
        ]
    );
}

#[test]
fn json_is_a_list_of_objects() {
    let table = Table::of_json(r#"[{"a": 1, "b": [2]}, {"b": null, "c": "x"}]"#).unwrap();
    assert_eq!(table.columns, ["a", "b", "c"]);
    assert_eq!(
        rows(&table),
        [json!([1, [2], null]), json!([null, null, "x"])]
    );
}

#[test]
fn rows_are_given_in_order_and_from_the_first_again() {
    let table = Table::of_csv("n\n0\n1\n2\n").unwrap();
    let given: Vec<Value> = (0..7).map(|i| table.row(i).unwrap()[0].clone()).collect();
    assert_eq!(json!(given), json!([0, 1, 2, 0, 1, 2, 0]));
}

#[test]
fn what_is_no_data_is_refused_with_its_line() {
    for (text, line, reason) in [
        ("", 1, "is empty"),
        ("a,b\n", 1, "no rows"),
        ("a,a\n1,2", 1, "two columns `a`"),
        ("a,\n1,2", 1, "a column without a name"),
        ("a,b\n1,2\n3\n", 3, "1 values in this row, and 2 columns"),
        ("a,b\n\"x\ny\",2\n\"3,4\n", 4, "leaves a quote open"),
        ("a\n\"x\"y\n", 2, "behind a closing quote"),
    ] {
        let wrong = Table::of_csv(text).unwrap_err();
        assert_eq!(wrong.line, line, "{text:?}: {wrong:?}");
        assert!(wrong.reason.contains(reason), "{text:?}: {wrong:?}");
    }
    for (text, reason) in [
        ("[1]", "not a list of objects"),
        ("{}", "not a list of objects"),
        ("[]", "no rows"),
        ("[{]", "not JSON"),
    ] {
        let wrong = Table::of_json(text).unwrap_err();
        assert!(wrong.reason.contains(reason), "{text:?}: {wrong:?}");
    }
}

proptest! {
    #[test]
    fn anything_can_be_read(text in "[a\",\n\r1 ]{0,40}|\\PC*") {
        let _ = Table::of_csv(&text);
        let _ = Table::of_json(&text);
    }

    #[test]
    fn what_is_quoted_comes_back(cells in prop::collection::vec("[\\PC\n\r\"]{0,9}", 1..5)) {
        let quoted: Vec<String> =
            cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
        let names: Vec<String> = (0..cells.len()).map(|n| format!("c{n}")).collect();
        let table = Table::of_csv(&format!("{}\r\n{}\r\n", names.join(","), quoted.join(","))).unwrap();
        prop_assert_eq!(json!(table.row(0).unwrap()), json!(cells));
    }
}
