//! What answers are worth, condition by condition.

use serde_json::json;

use super::*;
use crate::load::client::Answer;

fn answer(status: u16, body: &str) -> Answer {
    let mut answer = Answer {
        status,
        body: body.to_owned().into(),
        ..Answer::default()
    };
    for value in ["inventory", "pricing"] {
        let value = http::HeaderValue::from_static(value);
        answer.headers.append("x-degraded", value);
    }
    answer
}

fn fixed(values: &[Value]) -> Vec<Expected> {
    values.iter().cloned().map(Expected::Fixed).collect()
}

#[track_caller]
fn check(matcher: &Matcher, status: u16, body: &str, wrong: Option<&str>) {
    let answer = answer(status, body);
    let scene = Scene::new(1, 2, 0, None);
    let said = matcher.mismatch(&Seen::new(&answer, Some(status)), &scene);
    assert_eq!(said.as_deref(), wrong);
}

#[test]
fn a_status_is_one_of_those_that_are_named_or_not_an_error() {
    let named = Matcher {
        status: vec![StatusRange(404, 404), StatusRange(200, 299)],
        ..Matcher::default()
    };
    for (status, wrong) in [
        (200, None),
        (299, None),
        (404, None),
        (302, Some("the status is 302")),
    ] {
        check(&named, status, "", wrong);
    }
    check(&Matcher::default(), 302, "", None);
    check(&Matcher::default(), 500, "", Some("the status is 500"));
    let answer = answer(0, "");
    let command = Seen::new(&answer, None);
    assert_eq!(named.mismatch(&command, &Scene::new(1, 2, 0, None)), None);
}

#[test]
fn values_in_json_are_compared_with_their_types() {
    let state = |values: &[Value]| Matcher {
        json: vec![("/state".to_owned(), fixed(values))],
        ..Matcher::default()
    };
    let wanted = state(&[json!("confirmed"), json!("rejected")]);
    check(&wanted, 200, r#"{"state":"rejected"}"#, None);
    let why = r#"/state is "pending", not "confirmed" or "rejected""#;
    check(&wanted, 200, r#"{"state":"pending"}"#, Some(why));
    let why = r#"/state is not there, and not "confirmed" or "rejected"; the body is not JSON"#;
    check(&wanted, 200, "oops", Some(why));
    check(&state(&[json!(1)]), 200, r#"{"state":1.0}"#, None);
    check(
        &state(&[json!([1, { "a": 2.0 }])]),
        200,
        r#"{"state":[1.0,{"a":2}]}"#,
        None,
    );
    check(
        &state(&[json!("1")]),
        200,
        r#"{"state":1}"#,
        Some(r#"/state is 1, not "1""#),
    );
    check(&state(&[json!(null)]), 200, "{}", None);
    check(
        &state(&[json!(null)]),
        200,
        r#"{"state":0}"#,
        Some("/state is 0, not null"),
    );
}

#[test]
fn a_header_has_one_of_the_values_or_is_there() {
    let header = |name: &'static str, values: &[&str]| Matcher {
        header: vec![(
            HeaderName::from_static(name),
            values.iter().map(|&value| value.to_owned()).collect(),
        )],
        ..Matcher::default()
    };
    check(&header("x-degraded", &[]), 200, "", None);
    check(&header("x-degraded", &["pricing"]), 200, "", None);
    let why = "the header x-degraded is inventory, not payment or none";
    check(
        &header("x-degraded", &["payment", "none"]),
        200,
        "",
        Some(why),
    );
    check(
        &header("x-other", &[]),
        200,
        "",
        Some("the header x-other is not there"),
    );
}

#[test]
fn a_body_contains_a_text_or_an_expression() {
    let contains = Matcher {
        contains: Some("ok".to_owned()),
        ..Matcher::default()
    };
    check(&contains, 200, "it is ok", None);
    check(
        &contains,
        200,
        "it is\nnot",
        Some("ok is not in the body: it is not"),
    );
    let regex = Matcher {
        regex: Some(Pattern::new(r"^o\d$").unwrap()),
        ..Matcher::default()
    };
    check(&regex, 200, "o7", None);
    check(
        &regex,
        200,
        "o77",
        Some(r"^o\d$ does not occur in the body: o77"),
    );
}

#[test]
fn an_answer_is_degraded_full_or_wrong() {
    let state = |value: Value| Matcher {
        json: vec![("/state".to_owned(), fixed(&[value]))],
        ..Matcher::default()
    };
    let oracle = Oracle {
        valid: Some(state(json!("done"))),
        degraded: Some(state(json!("pending"))),
    };
    let judge = |oracle: &Oracle, status, body| {
        let answer = answer(status, body);
        oracle.judge(
            &Seen::new(&answer, Some(status)),
            &Scene::new(1, 2, 0, None),
        )
    };
    assert_eq!(
        judge(&oracle, 200, r#"{"state":"done"}"#),
        (Some(Worth::Full), None)
    );
    assert_eq!(
        judge(&oracle, 202, r#"{"state":"pending"}"#),
        (Some(Worth::Degraded), None)
    );
    let (worth, why) = judge(&oracle, 200, "{}");
    assert_eq!((worth, why.is_some()), (Some(Worth::Wrong), true));
    let (worth, why) = judge(&oracle, 503, r#"{"state":"pending"}"#);
    assert_eq!(worth, Some(Worth::Wrong), "{why:?}");
    assert_eq!(judge(&Oracle::default(), 500, ""), (None, None));
    let marker = Oracle {
        valid: None,
        ..oracle
    };
    assert_eq!(
        judge(&marker, 200, "{}"),
        (None, None),
        "the status alone tells"
    );
}

#[test]
fn an_expected_value_can_be_what_the_call_sent() {
    use crate::load::script::template::{Data, Known};
    let known = Known {
        data: Data::Absent,
        captured: &[],
        later: &[],
        place: 0,
    };
    let template = Template::of_json(&json!("{{call}}"), &known, &mut Vec::new());
    let matcher = Matcher {
        json: vec![("/n".to_owned(), vec![Expected::Filled(template)])],
        ..Matcher::default()
    };
    check(&matcher, 200, r#"{"n":1}"#, None);
    check(&matcher, 200, r#"{"n":2}"#, Some("/n is 2, not 1"));
}
