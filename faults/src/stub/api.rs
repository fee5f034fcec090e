//! What anybody can read and reset of a stub over HTTP, below `/__stub`. Nothing of it is counted
//! or remembered.
//!
//! | path | GET gives | DELETE |
//! |---|---|---|
//! | `/__stub` | all of the following | puts the stub at its beginning |
//! | `/__stub/counters` | every counter | puts them and the sequences to 0 |
//! | `/__stub/counters/NAME` | one counter | – |
//! | `/__stub/state` | every value by its key | puts the state at its beginning |
//! | `/__stub/state/KEY` | one value | removes it |
//! | `/__stub/requests` | how many there were, and the last ones | forgets them |

use serde_json::{Value, json};

use super::answer::Response;
use super::kept::Kept;
use super::memory::Memory;
use super::pattern::{RESERVED, decode};
use super::scene::Asked;
use super::spec::Spec;

/// Answers what is asked below the reserved path; `None` where something else is asked.
pub(super) fn answer(spec: &Spec, asked: &Asked<'_>, memory: &mut Memory) -> Option<Response> {
    let below = asked.path.strip_prefix(RESERVED)?;
    let below = match below.strip_prefix('/') {
        Some(below) => below.trim_end_matches('/'),
        None if below.is_empty() => "",
        None => return None,
    };
    Some(match asked.method {
        "GET" | "HEAD" => told(spec, below, memory),
        "DELETE" => reset(spec, below, memory),
        _ => {
            let error = json!({ "error": format!("{RESERVED} knows GET and DELETE") });
            let mut response = Response::json(405, &error);
            let allow = ("allow".to_owned(), "GET, HEAD, DELETE".to_owned());
            response.headers.push(allow);
            response
        }
    })
}

/// Everything at once.
pub(super) fn summary(spec: &Spec, memory: &Memory) -> Value {
    let routes: Vec<&str> = spec.routes().collect();
    json!({
        "routes": routes,
        "counters": memory.counters(),
        "sequences": memory.sequences(),
        "state": memory.kept.entries(),
        "requests": memory.requests(),
        "limits": memory.limits(),
    })
}

fn told(spec: &Spec, below: &str, memory: &Memory) -> Response {
    let found = match below.split_once('/') {
        None => match below {
            "" => Some(summary(spec, memory)),
            "counters" => Some(json!(memory.counters())),
            "state" => Some(json!(memory.kept.entries())),
            "requests" => Some(memory.requests()),
            _ => None,
        },
        Some(("counters", name)) => {
            let count = memory.counters().get(&decode(name, false));
            count.map(|count| json!(count))
        }
        Some(("state", key)) => memory.kept.get(&decode(key, false)).cloned(),
        Some(_) => None,
    };
    match found {
        Some(value) => Response::json(200, &value),
        None => missing(below),
    }
}

fn reset(spec: &Spec, below: &str, memory: &mut Memory) -> Response {
    let done = match below.split_once('/') {
        None => match below {
            "" => {
                *memory = Memory::new(spec);
                true
            }
            "counters" => {
                memory.reset_counters();
                true
            }
            "state" => {
                memory.kept = Kept::new(&spec.state);
                true
            }
            "requests" => {
                memory.reset_requests();
                true
            }
            _ => false,
        },
        Some(("state", key)) => memory.kept.remove(&decode(key, false)),
        Some(_) => false,
    };
    if done {
        let mut response = Response::json(204, &Value::Null);
        response.headers.clear();
        response.body.clear();
        response
    } else {
        missing(below)
    }
}

fn missing(below: &str) -> Response {
    let error = format!("there is nothing at {RESERVED}/{below}");
    let there = [
        "counters",
        "counters/NAME",
        "state",
        "state/KEY",
        "requests",
    ];
    Response::json(404, &json!({ "error": error, "there_is": there }))
}
