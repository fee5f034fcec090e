//! What one arrival of a load does: journeys, templates, what an answer is worth, asking until it is final,
//! commands; as the services see it, and as the recording tells it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::asked::{Asked, Desk};
use crate::stage::{Done, SLACK, Stage, undisturbed};

/// A load on a service of the test's own.
fn suite(desk: &Desk, load: &str) -> String {
    format!(
        "
name: asked
services:
  desk: {{ address: \"{}\" }}
load:
{load}
phases: {{ warm_up: 50ms, baseline: 400ms, fault: 100ms, recovery: 50ms }}
experiments:
  quiet: {{ expect: [{{ slo: {{ max: 20s }} }}] }}
",
        desk.address
    )
}

/// What the recording says.
struct Told {
    summary: Value,
    calls: Vec<Value>,
}

impl Told {
    fn read(stage: &Stage) -> Self {
        let text = stage.read("out/quiet/recording.jsonl");
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let calls = lines
            .iter()
            .filter_map(|line| line.get("call").cloned())
            .collect();
        let summary = lines[0]["recording"]["summary"].clone();
        Self { summary, calls }
    }

    /// The calls of a class; never none.
    fn of(&self, class: &str) -> Vec<&Value> {
        let classes = self.summary["classes"].as_array().unwrap();
        let place = classes.iter().position(|known| known["name"] == class);
        let place = place.unwrap_or_else(|| panic!("{class} is none of {classes:?}"));
        let calls: Vec<&Value> = self
            .calls
            .iter()
            .filter(|call| call["class"] == place)
            .collect();
        assert!(!calls.is_empty(), "no calls of {class}");
        calls
    }

    /// What went wrong: the outcomes, and what the first of each met.
    fn errors(&self) -> BTreeMap<String, String> {
        let errors = self.summary["errors"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        errors
            .map(|error| (text(&error["outcome"]), text(&error["example"])))
            .collect()
    }
}

/// Runs a load, whatever the verdict.
fn run(stage: &Stage, desk: &Desk, load: &str) -> Told {
    let done = stage.run(&suite(desk, load));
    assert!(matches!(done.status.code(), Some(0 | 1 | 5)), "{done}");
    Told::read(stage)
}

/// An order desk: what is ordered can be looked at, and has the state that it was ordered with.
fn order_desk() -> Desk {
    Desk::open(|asked: &Asked| {
        Some(match asked.what.split_once(' ').unwrap() {
            ("POST", _) => {
                let id = asked.header("idempotency-key").unwrap_or("none").to_owned();
                let location = format!("location: /orders/{id}\r\n");
                ("201 Created", location, json!({ "id": id }).to_string())
            }
            (_, path) => {
                let id = path.rsplit('/').next().unwrap();
                (
                    "200 OK",
                    String::new(),
                    json!({ "id": id, "state": "done" }).to_string(),
                )
            }
        })
    })
}

#[test]
fn a_journey_hands_on_what_it_captured_and_repeats_the_very_same_request() {
    let stage = Stage::new();
    stage.write("wishes.csv", "sku,quantity\nA1,1\n\"B,2\",22\n");
    let desk = order_desk();
    let told = run(
        &stage,
        &desk,
        r#"  rate: 20/s
  data: wishes.csv
  requests:
    - journey: buy
      steps:
        - to: desk
          post: /orders
          json: { sku: "{{data.sku}}", quantity: "{{data.quantity}}", lot: "{{random 1..1000000}}" }
          idempotency_key: true
          repeat: 1
          capture: { order: { json: /id }, place: { header: Location }, part: { regex: '-([0-9a-f]{12})"' }, status: { status: true } }
        - { name: look, to: desk, get: "/orders/{{order}}", valid: { json: { /id: "{{order}}", /state: done } } }
        - { name: again, to: desk, get: "{{place}}", headers: { X-Part: "{{part}} {{status}}" } }"#,
    );
    let asked = desk.asked();
    let posts: Vec<&Asked> = asked
        .iter()
        .filter(|asked| asked.what == "POST /orders")
        .collect();
    let key = |asked: &Asked| asked.header("idempotency-key").unwrap().to_owned();
    let keys: BTreeSet<String> = posts.iter().map(|asked| key(asked)).collect();
    assert!(
        keys.len() >= 3 && posts.len() >= 2 * keys.len() - 1,
        "{}",
        posts.len()
    );
    let mut rows = BTreeSet::new();
    for one in &keys {
        let same: Vec<&&Asked> = posts.iter().filter(|asked| key(asked) == *one).collect();
        assert!(
            same.windows(2).all(|pair| pair[0].body == pair[1].body),
            "{same:?}"
        );
        let body: Value = serde_json::from_str(&same[0].body).unwrap();
        rows.insert((body["sku"].to_string(), body["quantity"].to_string()));
    }
    let wanted =
        [("\"A1\"", "1"), ("\"B,2\"", "22")].map(|(sku, n)| (sku.to_owned(), n.to_owned()));
    assert_eq!(rows, BTreeSet::from(wanted));
    let traces: BTreeSet<&str> = asked
        .iter()
        .filter_map(|asked| asked.header("traceparent"))
        .collect();
    assert_eq!(traces.len(), asked.len(), "each is a call of its own");
    let parts = asked
        .iter()
        .filter_map(|asked| Some((asked.header("x-part")?, &asked.what)));
    for (part, what) in parts {
        let end = what.rsplit('-').next().unwrap();
        assert_eq!(part, format!("{end} 201"));
    }
    assert!(
        told.of("look")
            .iter()
            .all(|call| call["worth"] == "full" || call["outcome"] == "open")
    );
    assert!(told.of("POST /orders").len() > told.of("look").len());
    assert!(told.of("again").iter().all(|call| call["worth"].is_null()));
    assert_eq!(told.errors(), BTreeMap::new());
}

#[test]
fn a_wrong_answer_ends_a_journey_unless_it_is_to_go_on_and_is_told_with_an_example() {
    let stage = Stage::new();
    let desk = Desk::open(|asked: &Asked| {
        let body = if asked.what.contains("degraded") {
            r#"{"state":"pending"}"#
        } else {
            r#"{"state":"odd"}"#
        };
        Some(("200 OK", String::new(), body.to_owned()))
    });
    let told = run(
        &stage,
        &desk,
        r#"  rate: 20/s
  requests:
    - journey: stops
      steps:
        - { name: wrong, to: desk, get: /wrong, valid: { json: { /state: [done, pending] } } }
        - { name: never, to: desk, get: /never }
    - journey: goes on
      steps:
        - { name: marked, to: desk, get: /degraded, degraded: { json: { /state: pending } }, valid: { json: { /state: done } } }
        - { name: lost, to: desk, get: /lost, valid: { json: { /state: done } }, go_on: true }
        - { name: last, to: desk, get: /last, capture: { x: { json: /id } } }
        - { name: nor this, to: desk, get: "/{{x}}" }"#,
    );
    for (class, worth) in [
        ("wrong", "wrong"),
        ("marked", "degraded"),
        ("lost", "wrong"),
        ("last", "wrong"),
    ] {
        let calls = told.of(class);
        let answered = calls.iter().filter(|call| call["outcome"] == "answered");
        assert!(answered.clone().count() > 0);
        assert!(
            answered.clone().all(|call| call["worth"] == worth),
            "{class}: {calls:?}"
        );
    }
    let asked = desk.asked();
    assert!(
        asked
            .iter()
            .all(|asked| asked.what != "GET /never" && asked.what != "GET /")
    );
    let errors = told.summary["errors"].as_array().unwrap();
    let mut said = String::new();
    for error in errors {
        assert_eq!(error["outcome"], "answered");
        let _ = writeln!(said, "{}", error["example"].as_str().unwrap());
    }
    assert!(
        said.contains(r#"/state is "odd", not "done" or "pending""#),
        "{said}"
    );
    assert!(said.contains("`x` was not found: no /id"), "{said}");
}

#[test]
fn a_call_asks_until_its_answer_is_final_or_its_time_is_over() {
    let stage = Stage::new();
    // Final at the third look; `stuck` never is.
    let looks = std::sync::Mutex::new(BTreeMap::<String, u32>::new());
    let desk = Desk::open(move |asked: &Asked| {
        if asked.what.starts_with("POST") {
            let location = format!(
                "location: http://elsewhere{}/{}\r\n",
                &asked.what[5..],
                asked.header("x-id")?
            );
            return Some(("202 Accepted", location, String::new()));
        }
        let mut looks = looks.lock().unwrap();
        let look = looks.entry(asked.what.clone()).or_insert(0);
        *look += 1;
        let state = match *look {
            1 => return Some(("503 Busy", String::new(), String::new())),
            3.. if !asked.what.contains("stuck") => "done",
            _ => "working",
        };
        Some((
            "200 OK",
            String::new(),
            json!({ "state": state }).to_string(),
        ))
    });
    let told = run(
        &stage,
        &desk,
        r#"  rate: 20/s
  requests:
    - { name: done, to: desk, post: /orders, headers: { X-Id: "{{id}}" }, capture: { place: { header: Location } }, poll: { get: "{{place}}", every: 20ms, until: { json: { /state: done } }, within: 10s }, valid: { json: { /state: done } } }
    - { name: stuck, to: desk, post: /stuck, headers: { X-Id: "{{id}}" }, capture: { place: { header: Location } }, poll: { get: "{{place}}", every: 20ms, until: { json: { /state: done } }, within: 100ms } }"#,
    );
    let done = told.of("done");
    let ended: Vec<_> = done
        .iter()
        .filter(|call| call["outcome"] == "answered")
        .collect();
    assert!(!ended.is_empty(), "{done:?}");
    for call in ended {
        assert_eq!(
            (&call["worth"], &call["status"]),
            (&json!("full"), &json!(200))
        );
        let took = call["end"].as_u64().unwrap() - call["sent"].as_u64().unwrap();
        assert!(took >= 60_000_000, "three looks, each after 20 ms: {took}");
    }
    assert!(
        told.of("stuck")
            .iter()
            .any(|call| call["outcome"] == "timed_out")
    );
    let why = &told.errors()["timed_out"];
    assert_eq!(
        why,
        r#"not final within 100ms: at last, /state is "working", not "done""#
    );
    // All that a call asks is one trace.
    for post in desk
        .asked()
        .iter()
        .filter(|asked| asked.what == "POST /orders")
    {
        let id = post.header("x-id").unwrap();
        let looks: Vec<Asked> = desk
            .asked()
            .into_iter()
            .filter(|asked| asked.what.ends_with(id))
            .collect();
        assert!(
            looks
                .iter()
                .all(|look| look.header("traceparent") == post.header("traceparent"))
        );
    }
}

#[test]
fn connections_are_kept_or_new_and_a_client_that_leaves_is_told_so() {
    let stage = Stage::new();
    let desk = Desk::open(|asked: &Asked| {
        (!asked.what.contains("silent")).then(|| ("200 OK", String::new(), String::new()))
    });
    let told = run(
        &stage,
        &desk,
        "  rate: 40/s
  connection: new
  requests:
    - { to: desk, get: /new }
    - { to: desk, get: /kept, connection: keep }
    - { to: desk, get: /silent, abort: 30ms }
    - { name: slow, to: desk, get: /silent/too, timeout: 40ms }",
    );
    let over = |path: &str| {
        let asked = desk.asked().into_iter().filter(|asked| asked.what == path);
        let connections: Vec<usize> = asked.map(|asked| asked.connection).collect();
        let different: BTreeSet<usize> = connections.iter().copied().collect();
        (connections.len(), different.len())
    };
    let (calls, connections) = over("GET /new");
    assert!(calls > 2);
    assert_eq!(calls, connections);
    let (calls, connections) = over("GET /kept");
    assert!(connections < calls, "{connections} for {calls}");
    let left = told.of("GET /silent");
    assert!(
        left.iter()
            .all(|call| ["aborted", "open"].contains(&call["outcome"].as_str().unwrap()))
    );
    assert_eq!(told.errors()["aborted"], "left as planned");
    assert_eq!(told.errors()["timed_out"], "no whole answer within 40ms");
}

#[test]
fn a_command_is_a_call_by_its_exit_code_its_output_and_its_time() {
    let stage = Stage::new();
    let desk = order_desk();
    let told = run(
        &stage,
        &desk,
        r#"  rate: 10/s
  timeout: 500ms
  requests:
    - { name: good, exec: [sh, -c, 'echo "{\"at\": \"$DESK_ADDRESS\", \"n\": {{call}}}"'], valid: { json: { /at: "$at" } } }
    - { name: plain, exec: "sh -c 'sleep 0.05'" }
    - { name: bad, exec: [sh, -c, "echo no stock >&2; exit 3"] }
    - { name: hung, exec: [sh, -c, "sleep 1000 & sleep 1000"], timeout: 60ms }
    - { name: daemon, exec: [sh, -c, "setsid sleep 1000 > /dev/null 2>&1 &"] }"#
            .replace("$at", &desk.address.to_string())
            .as_str(),
    );
    let ended = |class: &str| -> Vec<Value> {
        let calls = told.of(class).into_iter().cloned();
        calls.filter(|call| call["outcome"] != "open").collect()
    };
    for class in ["good", "plain", "daemon"] {
        let calls = ended(class);
        assert!(
            calls.iter().all(|call| call["worth"] == "full"),
            "{class}: {calls:?}"
        );
    }
    for call in ended("plain") {
        let took = call["end"].as_u64().unwrap() - call["sent"].as_u64().unwrap();
        assert!(took >= 50_000_000, "{took}");
    }
    assert!(ended("bad").iter().all(|call| call["outcome"] == "failed"));
    assert!(
        ended("hung")
            .iter()
            .all(|call| call["outcome"] == "timed_out")
    );
    assert_eq!(told.errors()["failed"], "exit code 3: no stock");
    let classes = told.summary["classes"].as_array().unwrap();
    assert_eq!(classes[0]["to"], "desk", "whose address it is told");
}

#[test]
fn commands_do_not_outlive_a_harness_that_is_killed() {
    let stage = Stage::new();
    let desk = order_desk();
    let load = r#"  rate: 20/s
  request: { name: stays, timeout: 300ms, exec: [sh, -c, "setsid sleep 1000 & sleep 1000"] }"#;
    let suite = suite(&desk, load).replace("fault: 100ms", "fault: 50s");
    let mut going = stage.start(stage.run_command(&suite, &[]));
    let sleeps = || {
        stage
            .leftovers()
            .iter()
            .filter(|line| line.starts_with("sleep 1000"))
            .count()
    };
    going.until(|| sleeps() >= 4);
    going.signal(Signal::SIGKILL);
    stage.nothing_left_within(SLACK + Duration::from_secs(1));
    drop(going.wait());
}

#[test]
fn a_program_that_is_missing_is_the_environments_fault() {
    let stage = Stage::new();
    let desk = order_desk();
    for program in ["no-such-client", "./no-such-client"] {
        let load = format!("  rate: 1/s\n  request: {{ exec: [{program}] }}");
        let done = stage.run(&suite(&desk, &load));
        done.exits(3)
            .says(&format!("there is no program `{program}` in"));
    }
}

/// One of the suites in `suites/`.
fn example(stage: &Stage, name: &str) -> Done {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../suites")
        .join(name);
    undisturbed(|| {
        let mut command = stage.shaketable(["run"]);
        command.arg(&path).arg("--out").arg(stage.out());
        stage.start(command).wait()
    })
}

#[test]
fn journeys_run_against_the_order_system() {
    let stage = Stage::new();
    example(&stage, "order-journeys.yaml").exits(0);
    assert_eq!(stage.leftovers(), [] as [String; 0]);
}

#[test]
fn goodput_counts_valid_answers_of_the_order_system() {
    let stage = Stage::new();
    example(&stage, "order-goodput.yaml").exits(0);
}

#[test]
fn a_body_that_breaks_its_schema_is_a_wrong_answer_that_says_where() {
    let stage = Stage::new();
    stage.write(
        "order.schema.json",
        r##"{ "properties": { "lines": { "items": { "$ref": "#/$defs/line" } } },
              "$defs": { "line": { "required": ["sku"] } } }"##,
    );
    let desk = Desk::open(|asked: &Asked| {
        let body = match asked.what.as_str() {
            "GET /right" => r#"{"lines":[{"sku":"A1"}]}"#,
            "GET /text" => "no order",
            _ => r#"{"lines":[{"sku":"A1"},{"price":null}]}"#,
        };
        Some(("200 OK", String::new(), body.to_owned()))
    });
    let told = run(
        &stage,
        &desk,
        r"  rate: 40/s
  requests:
    - { to: desk, get: /right, valid: { schema: order.schema.json } }
    - { to: desk, get: /wrong, valid: { schema: order.schema.json } }
    - { to: desk, get: /here, valid: { schema: { properties: { lines: { maxItems: 1 } } } } }
    - { to: desk, get: /text, valid: { schema: order.schema.json } }",
    );
    for (class, worth) in [
        ("right", "full"),
        ("wrong", "wrong"),
        ("here", "wrong"),
        ("text", "wrong"),
    ] {
        let calls = told.of(&format!("GET /{class}"));
        let mut answered = calls.iter().filter(|call| call["outcome"] == "answered");
        assert!(answered.all(|call| call["worth"] == worth), "{class}");
    }
    let errors = told.summary["errors"].as_array().unwrap().iter();
    let said: BTreeSet<&str> = errors
        .map(|error| error["example"].as_str().unwrap())
        .collect();
    let wanted = [
        "the body breaks its schema: at /lines/1: missing properties 'sku'",
        "the body breaks its schema: at /lines: maximum 1 items required, but got 2 items",
        "no schema fits the body; the body is not JSON",
    ];
    assert_eq!(said, BTreeSet::from(wanted));
}

/// A load that makes up ids, with a seed; what the service was asked: what is random, and the ids.
fn with_a_seed(
    stage: &Stage,
    service: &str,
    asked: impl Fn() -> Vec<Value>,
) -> [BTreeSet<String>; 2] {
    let suite = format!(
        "
name: asked
seed: 7
services:
  desk: {service}
load:
  burst: 5
  request:
    to: desk
    post: /orders
    idempotency_key: true
    json: {{ id: \"{{{{id}}}}\", uuid: \"{{{{uuid}}}}\", lot: \"{{{{random 1..1000000}}}}\" }}
phases: {{ warm_up: 50ms, baseline: 200ms, fault: 100ms, recovery: 50ms }}
experiments:
  quiet: {{ expect: [{{ slo: {{ max: 20s }} }}] }}
"
    );
    stage.run(&suite);
    let asked = asked();
    assert!(
        asked.len() >= 8,
        "a survey of three and a burst of five: {asked:?}"
    );
    let all = |keys: &[&str]| {
        let values = asked
            .iter()
            .flat_map(|body| keys.iter().map(|key| body[*key].to_string()));
        values.collect()
    };
    [all(&["lot"]), all(&["id", "uuid", "key"])]
}

/// What was asked, as these tests look at it.
fn body_and_key(body: &str, key: &str) -> Value {
    let mut asked: Value = serde_json::from_str(body).unwrap();
    asked["key"] = json!(key);
    asked
}

#[test]
fn ids_come_again_with_the_seed_but_where_a_service_may_remember_them() {
    let stage = Stage::new();
    let desk = Desk::open(|_: &Asked| Some(("200 OK", String::new(), String::new())));
    let service = format!("{{ address: \"{}\" }}", desk.address);
    let of_desk = |from: usize| {
        let asked = desk.asked().into_iter().skip(from);
        let asked =
            asked.map(|asked| body_and_key(&asked.body, asked.header("idempotency-key").unwrap()));
        asked.collect()
    };
    let [random, ids] = with_a_seed(&stage, &service, || of_desk(0));
    let before = desk.asked().len();
    let [random_again, ids_again] = with_a_seed(&stage, &service, || of_desk(before));
    assert_eq!(random, random_again);
    assert!(ids.is_disjoint(&ids_again), "{ids:?} {ids_again:?}");

    // A stub is the same at the beginning of each run.
    let service = "{ stub: { routes: [{ post: /orders, state: { put: { \"{{header.idempotency-key}}\": \"{{body}}\" } } }] } }";
    let of_stub = || {
        let told: Value = serde_json::from_str(&stage.read("out/quiet/desk.stub.json")).unwrap();
        let kept = told["state"].as_object().unwrap().iter();
        kept.map(|(key, body)| body_and_key(&body.to_string(), key))
            .collect()
    };
    let first = with_a_seed(&stage, service, of_stub);
    std::fs::remove_dir_all(stage.out()).unwrap();
    assert_eq!(with_a_seed(&stage, service, of_stub), first);
}

#[test]
fn an_asynchronous_order_is_one_call() {
    let stage = Stage::new();
    example(&stage, "order-async.yaml").exits(0);
}

#[test]
fn curl_can_be_the_caller() {
    if std::process::Command::new("curl")
        .arg("--version")
        .output()
        .is_err()
    {
        return;
    }
    let stage = Stage::new();
    example(&stage, "order-by-curl.yaml").exits(0);
}

#[test]
fn a_plan_says_what_a_journey_does() {
    let stage = Stage::new();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../suites/order-async.yaml");
    let done = stage.call(["plan".as_ref(), path.as_os_str()]);
    done.exits(0);
    let line = "order and wait (asking every 20ms until final, within 2s; gives place; judged by its answer)";
    assert!(done.stdout.contains(line), "{done}");
}

#[test]
fn a_success_is_a_valid_answer_and_not_a_status() {
    let desk =
        Desk::open(|_: &Asked| Some(("200 OK", String::new(), r#"{"state":"odd"}"#.to_owned())));
    let load = |valid: &str| {
        format!(
            "  rate: 100/s\n  request: {{ to: desk, get: /, valid: {{ json: {{ /state: {valid} }} }} }}"
        )
    };
    for (valid, code) in [("odd", 0), ("done", 1)] {
        let stage = Stage::new();
        let suite = suite(&desk, &load(valid)).replace("max: 20s", "success: 60%");
        let done = undisturbed(|| stage.run(&suite));
        done.exits(code);
        let errors = &done.report()["experiments"][0]["load"]["errors"];
        if code == 0 {
            done.keeps_quiet_about("errors of calls");
            assert_eq!(*errors, json!([]));
            continue;
        }
        done.says("errors of calls in baseline, fault and recovery:");
        let example = r#"/state is "odd", not "done""#;
        done.says(&format!("GET /: wrong answer; {example}"));
        assert_eq!(errors[0]["call"], "GET /");
        assert_eq!(errors[0]["what"], "wrong answer");
        assert_eq!(errors[0]["example"], example);
        assert!(errors[0]["baseline"].as_u64().unwrap() >= 20, "{errors}");
        // What was recorded can be reported again.
        let again = stage.call(["judge".as_ref(), stage.out().as_os_str()]);
        again.exits(1).says("GET /: wrong answer;");
    }
}
