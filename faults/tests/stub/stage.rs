//! What the cases need: a stub from JSON, and short ways to ask it.

use std::sync::Arc;

use serde_json::{Value, json};
use shaketable_faults::stub::{Params, Problem, Request, Response, Spec, Stub};

/// The seed of every stub here.
pub(crate) const SEED: u64 = 7;

/// Reads a stub as a suite would write it.
pub(crate) fn spec(written: Value) -> Result<Spec, Vec<Problem>> {
    let params: Params = serde_json::from_value(written).expect("what the schema accepts");
    Spec::new(params)
}

/// A stub with these routes.
pub(crate) fn stub(routes: &Value) -> Stub {
    whole(json!({ "routes": routes }))
}

/// A stub with all that can be written.
pub(crate) fn whole(written: Value) -> Stub {
    let spec = spec(written).unwrap_or_else(|problems| panic!("{problems:?}"));
    Stub::new("payment", Arc::new(spec), SEED)
}

/// Asks a stub; `line` is a method and a target.
pub(crate) fn ask(stub: &Stub, line: &str) -> Response {
    ask_with(stub, line, &[], b"")
}

pub(crate) fn post(stub: &Stub, line: &str, body: &Value) -> Response {
    ask_with(stub, line, &[], body.to_string().as_bytes())
}

pub(crate) fn ask_with(stub: &Stub, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
    let (method, target) = line.split_once(' ').expect("a method and a target");
    let headers: Vec<(&str, &[u8])> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()))
        .collect();
    stub.answer(&Request {
        method,
        target,
        headers: &headers,
        body,
    })
}

pub(crate) fn body(response: &Response) -> Value {
    serde_json::from_slice(&response.body).expect("a body of JSON")
}

/// Asks with GET for JSON.
pub(crate) fn get(stub: &Stub, target: &str) -> Value {
    let response = ask(stub, &format!("GET {target}"));
    assert_eq!(response.status, 200, "{response:?}");
    body(&response)
}

pub(crate) fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let found = response.headers.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str())
}
