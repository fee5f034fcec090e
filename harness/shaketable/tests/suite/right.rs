//! Right suites, and the model that comes of each.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use shaketable::between::form::Form;
use shaketable::load::script::template::Template;
use shaketable::names::EdgeName;
use shaketable::suite::{
    self, Act, CalleeTls, Command, Disk, InMemory, Journey, Phases, Ready, Start, Suite, Tls,
    names_of_caller,
};
use shaketable_faults::Protocol;
use shaketable_faults::stub::{Request, Stub};
use shaketable_faults::tls::StartTls;

use super::load_text;

fn load(name: &str) -> Suite {
    load_with(name, &[])
}

fn load_with(name: &str, env: &[(&str, &str)]) -> Suite {
    let lookup = |name: &str| {
        let found = env.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let file = format!("tests/right-suites/{name}.yaml");
    match suite::load(&file, &Disk, &lookup) {
        Ok(suite) => suite,
        Err(errors) => panic!("{}", errors.to_plain()),
    }
}

fn edge(text: &str) -> EdgeName {
    text.parse().unwrap()
}

/// Headers and body of a request that stands alone and has nothing to fill in.
fn sent(journey: &Journey) -> (IndexMap<String, String>, String) {
    let [only] = journey.steps.as_slice() else {
        panic!("{journey:?}")
    };
    let Act::Http { headers, body, .. } = &only.act else {
        panic!("{only:?}")
    };
    let plain = |template: &Template| template.plain().unwrap().to_owned();
    let headers = headers
        .iter()
        .map(|(name, value)| (name.clone(), plain(value)));
    (headers.collect(), plain(body))
}

fn dir() -> std::path::PathBuf {
    std::path::absolute("tests/right-suites").unwrap()
}

#[test]
fn the_small_suite_of_the_design_has_every_default() {
    let suite = load("checkout");
    assert_eq!((suite.name.as_str(), suite.seed), ("checkout", None));
    assert_eq!(suite.dir, dir());
    assert_eq!(
        suite.services.keys().collect::<Vec<_>>(),
        ["inventory", "order"]
    );
    let order = &suite.services["order"];
    let argv = ["./order", "--port", "$PORT"].map(str::to_owned).to_vec();
    assert_eq!(order.start, Start::Run { argv });
    assert_eq!(order.ready, Ready::Http("/healthz".to_owned()));
    assert_eq!(order.ready_timeout, Duration::from_secs(10));
    assert_eq!(order.grace, Duration::from_secs(2));
    assert_eq!((order.port, &order.cwd), (None, &dir()));
    let [only] = suite.edges.as_slice() else {
        panic!()
    };
    assert_eq!(only.name, edge("order -> inventory"));
    assert_eq!(
        only.variables["INVENTORY_URL"],
        Form::Url(String::new()),
        "the shortest way"
    );
    assert_eq!((only.variables.len(), only.protocol), (1, Protocol::Auto));

    let experiment = &suite.experiments["slow inventory"];
    assert_eq!(experiment.stages, Phases::default().stages(1));
    let [stream] = experiment.load.streams.as_slice() else {
        panic!()
    };
    assert_eq!(stream.describe(), "100/s");
    assert_eq!(stream.timeout, Duration::from_secs(10));
    let [request] = stream.requests.as_slice() else {
        panic!()
    };
    assert_eq!((request.name.as_str(), request.weight), ("POST /orders", 1));
    let (headers, body) = sent(request);
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(body, r#"{"sku":"A1","quantity":1}"#);
    let [fault] = experiment.faults.as_slice() else {
        panic!()
    };
    assert_eq!((fault.kind.name, &fault.edge), ("latency", &only.name));
    assert_eq!(fault.fault.describe(), "latency 3s");
    assert!((fault.probability - 1.0).abs() < f64::EPSILON);
    let checks: Vec<&str> = experiment
        .checks
        .iter()
        .map(|check| check.kind.name)
        .collect();
    assert_eq!(
        checks,
        [
            "fast_failure",
            "retry_amplification",
            "no_pool_exhaustion",
            "recovery"
        ]
    );
    assert_eq!(
        experiment.checks[1].at.to_string(),
        "tests/right-suites/checkout.yaml:18:9"
    );
}

#[test]
fn services_of_every_kind_are_read() {
    let suite = load("everything");
    assert_eq!(suite.seed, Some(42));
    let command = |argv: &[&str]| Command {
        argv: argv.iter().map(|&word| word.to_owned()).collect(),
        cwd: dir(),
    };
    assert_eq!(
        suite.setup,
        [
            command(&["./migrate", "--all"]),
            command(&["./seed", "--rows", "100"])
        ]
    );
    assert_eq!(suite.reset, [command(&["./reset", "two words"])]);
    assert_eq!(suite.teardown, [command(&["$SHAKETABLE", "--version"])]);
    let stock = &suite.services["stock"];
    let cargo = Start::Cargo {
        package: Some("warehouse".to_owned()),
        bin: "stock".to_owned(),
        args: vec!["--port".to_owned(), "$PORT".to_owned()],
        release: true,
    };
    assert_eq!((&stock.start, stock.port), (&cargo, Some(9001)));
    assert_eq!(
        stock.env["VERSION"], "1.10",
        "a number is the text that was written"
    );
    assert_eq!(
        (stock.env["WORKERS"].as_str(), stock.env["STRICT"].as_str()),
        ("4", "true")
    );
    assert_eq!(stock.cwd, dir().join(".."));
    assert_eq!(stock.ready, Ready::Log("listening".to_owned()));
    assert_eq!(
        (stock.ready_timeout, stock.grace),
        (Duration::from_mins(1), Duration::from_millis(500))
    );
    let database = &suite.services["database"];
    assert_eq!(
        database.start,
        Start::Address("127.0.0.1:5432".parse().unwrap())
    );
    assert_eq!(suite.services["gateway"].ready, Ready::Tcp);
    assert!(matches!(&suite.services["order"].ready, Ready::Command(argv) if argv.len() == 2));
    let edges: Vec<String> = suite
        .edges
        .iter()
        .map(|edge| edge.name.to_string())
        .collect();
    assert_eq!(
        edges,
        [
            "stock -> database",
            "order -> stock",
            "order -> database",
            "gateway -> order",
            "gateway -> stock",
            "gateway -> payment",
            "gateway -> database",
            "cron -> stock"
        ]
    );
    assert_eq!(suite.edges[0].protocol, Protocol::Tcp);
}

#[test]
fn every_way_to_find_a_proxy_is_read() {
    let suite = load("everything");
    let edge = |name: &str| {
        let found = suite
            .edges
            .iter()
            .find(|edge| edge.name.to_string() == name);
        found.unwrap()
    };
    let proxy = "127.0.0.5:5432".parse().unwrap();
    let database = edge("stock -> database");
    let told: Vec<String> = database
        .variables
        .iter()
        .map(|(name, form)| format!("{name}={}", form.text(proxy)))
        .collect();
    assert_eq!(
        told,
        [
            "DATABASE_URL=postgres://u:pa$$w@127.0.0.5:5432/app?sslmode=disable",
            "DB_ADDR=127.0.0.5:5432",
            "DB_HOST=127.0.0.5",
            "DB_PORT=5432",
        ]
    );
    assert_eq!(
        (database.listen, database.hosts.as_slice()),
        (
            Some(proxy),
            &["db.internal".to_owned(), "db".to_owned()][..]
        )
    );
    assert_eq!(
        edge("order -> stock").variables["STOCK_URL"],
        Form::Url("/v1".to_owned())
    );
    let by_name = edge("gateway -> order");
    assert_eq!(by_name.hosts, ["order.internal"]);
    assert_eq!(by_name.listen, Some("[::1]:8080".parse().unwrap()));
    assert!(by_name.variables.is_empty());
    assert!(edge("cron -> stock").listen.is_some());
}

#[test]
fn hosts_that_a_caller_asks_its_http_proxy_for_are_read() {
    let suite = load("everything");
    let edge = |name: &str| {
        let mut edges = suite.edges.iter();
        edges.find(|edge| edge.name.to_string() == name).unwrap()
    };
    let payment = edge("gateway -> payment");
    let hosts: Vec<String> = payment.proxied.iter().map(ToString::to_string).collect();
    assert_eq!(hosts, ["pay.prod", "pay.prod:8443", "[::1]:80"]);
    assert!(payment.variables.is_empty());
    assert!(edge("gateway -> order").proxied.is_empty());
}

#[test]
fn tls_on_either_side_is_read() {
    let suite = load("everything");
    let tls = |name: &str| {
        let mut edges = suite.edges.iter();
        let edge = edges.find(|edge| edge.name.to_string() == name).unwrap();
        edge.tls.clone()
    };
    let ca = |name: &str| CalleeTls {
        ca: Some(dir().join("ca.pem")),
        name: name.to_owned(),
        starttls: None,
    };
    let anyone = CalleeTls {
        ca: None,
        name: "localhost".to_owned(),
        starttls: None,
    };
    let postgres = CalleeTls {
        starttls: Some(StartTls::Postgres),
        ..ca("127.0.0.1")
    };
    for (edge, from_caller, to_callee) in [
        ("order -> stock", false, None),
        ("stock -> database", false, Some(postgres)),
        ("gateway -> order", true, Some(ca("order.internal"))),
        ("gateway -> database", false, Some(ca("db.prod"))),
        ("gateway -> stock", true, Some(anyone)),
    ] {
        let wanted = Tls {
            from_caller,
            to_callee,
        };
        assert_eq!(tls(edge), wanted, "{edge}");
    }
    let gateway = names_of_caller(suite.edges.iter().filter(|e| e.name.caller == "gateway"));
    let proxy = "127.0.0.1:80".parse().unwrap();
    for (name, text) in [
        ("STOCK_URL", "https://127.0.0.1:80/v1"),
        ("ORDER_URL", "https://127.0.0.1:80"),
        ("PAYMENT_URL", "http://127.0.0.1:80"),
    ] {
        assert_eq!(gateway[name].form.text(proxy), text);
    }
}

#[test]
fn a_file_of_certificates_need_not_be_there_where_setup_may_make_it() {
    let text = |setup: &str| {
        format!(
            "name: a\n{setup}services:\n  a: {{ address: '127.0.0.1:80' }}\n  \
             b: {{ run: ./b, calls: {{ a: {{ env: A, tls: {{ to_callee: certs/ca.pem }} }} }} }}\n\
             load: {{ rate: 1/s, request: {{ to: b, get: / }} }}\n\
             experiments: {{ e: {{ expect: [process_survival] }} }}\n"
        )
    };
    assert!(load_text(&text("setup: ./make-certs\n")).is_ok());
    let error = load_text(&text("")).unwrap_err().to_plain();
    assert!(error.contains("there is no such file"), "{error}");
}

#[test]
fn templates_are_read_with_what_is_known_already() {
    let suite = load_with("everything", &[("HOME", "/root")]);
    let files = &suite.services["order"].files;
    assert_eq!(
        files.keys().collect::<Vec<_>>(),
        ["conf.d/order.toml", "empty"]
    );
    let order = &files["conf.d/order.toml"];
    assert_eq!(
        order.names().collect::<Vec<_>>(),
        ["PORT", "DATABASE_HOST", "DATABASE_PORT", "STOCK_URL"]
    );
    assert_eq!(
        order.fill(&|name| Some(name.to_lowercase())).unwrap(),
        "# $ is a dollar, and so is one that names nothing: ^a$\n\
         listen = \"127.0.0.1:port\"\n\
         database = \"database_host:database_port\"\n\
         stock = \"stock_url\"\n\
         home = \"/root\"\n"
    );
    assert_eq!(files["empty"].fill(&|_| None).unwrap(), "");
}

#[test]
fn variables_of_edges_can_be_used_without_being_given() {
    let text = "name: a\nservices:\n  stock-db: { run: ./a }\n  \
        order: { run: './b $STOCK_DB_HOST:$STOCK_DB_PORT', calls: { stock-db: {} } }\n\
        load: { rate: 1/s, request: { to: order, get: / } }\n\
        experiments: { e: { expect: [process_survival] } }\n";
    let suite = load_text(text).map_err(|e| e.to_plain()).unwrap();
    assert!(suite.edges[0].variables.is_empty());
}

#[test]
fn a_stub_is_read_and_can_be_played() {
    let suite = load("everything");
    let payment = &suite.services["payment"];
    assert_eq!(payment.port, Some(9002));
    assert!(!payment.is_started() && suite.services["stock"].is_started());
    let Start::Stub(spec) = &payment.start else {
        panic!("{:?}", payment.start)
    };
    assert_eq!(
        spec.routes().collect::<Vec<_>>(),
        [
            "pay",
            "GET /accounts/me",
            "PUT /a",
            "PATCH /a",
            "DELETE /a",
            "HEAD /a",
            "ANY /{*rest}"
        ]
    );
    let stub = Stub::new("payment", Arc::clone(spec), 1);
    let body = br#"{"amount": 0, "currency": "EUR"}"#;
    let headers: [(&str, &[u8]); 1] = [("x-tier", b"golden")];
    let response = stub.answer(&Request {
        method: "POST",
        target: "/charges/A1?fast=1&page=2",
        headers: &headers,
        body,
    });
    assert_eq!(response.status, 201);
    assert_eq!(
        response.body,
        r#"{"id":"A1","page":"2","trace":null,"at":[0,null]}"#
    );
    let retry_after = ("retry-after".to_owned(), "1.50".to_owned());
    assert!(
        response.headers.contains(&retry_after),
        "a number is the text that was written: {response:?}"
    );
    assert_eq!(
        stub.summary()["state"],
        serde_json::json!({
            "charges/A1": { "whole": { "amount": 0, "currency": "EUR" }, "left": 10 },
            "limits": { "day": 1000 },
            "stock/A1": 9,
            "total": 0,
        })
    );
}

#[test]
fn requests_and_what_an_experiment_changes_are_read() {
    let suite = load("everything");
    let quiet = &suite.experiments["all quiet"];
    assert!(quiet.faults.is_empty());
    let load = &quiet.load.streams[0];
    assert_eq!(load.describe(), "0.5/s");
    let names: Vec<&str> = load
        .requests
        .iter()
        .map(|request| request.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "read",
            "PUT /orders/1?force=1",
            "POST /raw",
            "PATCH /p",
            "DELETE /d",
            "HEAD /h"
        ]
    );
    let [read, put, raw, patch, ..] = load.requests.as_slice() else {
        panic!()
    };
    assert_eq!((read.weight, sent(read).0["X-Trace"].as_str()), (3, "7"));
    assert_eq!(sent(put).1, "null");
    let (headers, body) = sent(raw);
    assert_eq!((body.as_str(), headers.len()), ("text", 1));
    let (headers, body) = sent(patch);
    assert_eq!(body, r#"[1,2.5,null,"x"]"#);
    assert_eq!(headers.len(), 1, "a content type that is given stays alone");

    let broken = &suite.experiments["everything breaks"];
    assert_eq!(
        broken.load.streams[0].timeout,
        Duration::from_secs(2),
        "from the suite"
    );
    assert_eq!(
        broken.load.streams[0].requests.len(),
        1,
        "one request replaces the list"
    );
    assert_eq!(
        broken.stages[0].planned(),
        Duration::from_millis(500),
        "from the suite"
    );
    assert_eq!(
        broken.stages[2].planned(),
        Duration::from_secs(2),
        "its own"
    );
    assert_eq!(
        broken.stages[3].planned(),
        Duration::from_secs(5),
        "the default"
    );
    assert!((broken.faults[0].probability - 0.5).abs() < f64::EPSILON);
    assert_eq!(broken.faults[0].which.path.as_deref(), Some("/orders/*"));
    assert_eq!(broken.faults[2].edge, edge("order -> stock"));
    assert_eq!(broken.checks[1].params, serde_json::json!({}));
}

#[test]
fn a_suite_completes_the_ones_that_it_extends() {
    let suite = load_with("extending", &[("DELAY", "250ms")]);
    assert_eq!(suite.name, "extending");
    assert_eq!(suite.dir, dir());
    let base = dir().join("base");
    assert_eq!(suite.setup.len(), 2, "lists replace");
    assert_eq!(
        suite.setup[0].cwd, base,
        "commands run beside the file that names them"
    );
    let inventory = &suite.services["inventory"];
    assert_eq!(
        (
            inventory.env["LEVEL"].as_str(),
            inventory.env["COLOR"].as_str()
        ),
        ("debug", "red")
    );
    assert_eq!(inventory.cwd, base);
    let order = &suite.services["order"];
    assert!(
        matches!(&order.start, Start::Cargo { bin, .. } if bin == "order"),
        "`cargo` replaces `run`"
    );
    assert_eq!(order.ready, Ready::Http("/healthz".to_owned()));
    let payment = &suite.services["payment"];
    assert!(
        matches!(&payment.start, Start::Stub(spec) if spec.routes().eq(["POST /charges"])),
        "a stub takes the place of a process with all its keys"
    );
    assert_eq!((payment.port, payment.env.len()), (Some(9100), 0));
    let slow = &suite.experiments["slow"];
    assert_eq!(
        slow.load.streams[0].requests.len(),
        2,
        "`requests` replaces `request`"
    );
    assert_eq!(slow.faults[0].fault.describe(), "latency 250ms");
    assert_eq!(slow.faults[0].value, "250ms");
}

#[test]
fn anchors_and_merges_are_resolved() {
    let suite = load("anchors");
    let b = &suite.services["b"];
    assert_eq!(
        (b.env["LEVEL"].as_str(), b.env["REGION"].as_str()),
        ("debug", "eu")
    );
    assert_eq!(b.ready, Ready::Http("/healthz".to_owned()));
    assert_eq!(suite.experiments["two"].faults.len(), 1);
    assert_eq!(
        suite.experiments["two"].stages[2].planned(),
        Duration::from_secs(2)
    );
    assert_eq!(suite.experiments["three"].checks.len(), 2);
}

#[test]
fn the_environment_is_filled_in_and_its_dollars_stay() {
    let text = r#"
name: ${NAME}
services:
  a: { run: "./a --password ${PASSWORD} --port $PORT", port: "${PORT:-80}", env: { P: "${PASSWORD}", Q: "$${x}" } }
load: { rate: 1/s, request: { to: "${TO:-a}", post: /, body: "${PASSWORD} $${x} $y" } }
experiments: { e: { expect: [process_survival] } }
"#;
    let lookup = |name: &str| match name {
        "NAME" => Some("from outside".to_owned()),
        "PASSWORD" => Some("pa$word".to_owned()),
        _ => None,
    };
    let files = InMemory::one("a.yaml", text);
    let suite = suite::load("a.yaml", &files, &lookup)
        .map_err(|e| e.to_plain())
        .unwrap();
    assert_eq!(suite.name, "from outside");
    let a = &suite.services["a"];
    assert_eq!(a.port, Some(80), "the quotes around it do not make it text");
    assert!(matches!(&a.start, Start::Run { argv } if argv[2] == "pa$$word"));
    assert_eq!(
        (a.env["P"].as_str(), a.env["Q"].as_str()),
        ("pa$$word", "$${x}")
    );
    let request = &suite.experiments["e"].load.streams[0].requests[0];
    assert_eq!(sent(request).1, "pa$word ${x} $y");
}

#[test]
fn suites_can_be_carried_in_memory() {
    let base = std::fs::read_to_string("tests/right-suites/base/topology.yaml").unwrap();
    let top = "extend: ../base.yaml\nexperiments: { e: { expect: [fast_failure] } }\n";
    let files = InMemory {
        dir: "/somewhere".into(),
        texts: [("demo/top.yaml", top), ("base.yaml", base.as_str())]
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .into(),
    };
    let suite = suite::load("demo/top.yaml", &files, &|_| None).unwrap();
    assert_eq!(
        (suite.name.as_str(), suite.dir.as_path()),
        ("topology", Path::new("/somewhere"))
    );
}

#[test]
fn json_is_a_suite_too_and_a_byte_order_mark_is_no_matter() {
    let json = "\u{feff}{\"name\": \"a\", \"services\": {\"a\": {\"run\": \"./a\"}},\n\
        \"load\": {\"rate\": \"1/s\", \"request\": {\"to\": \"a\", \"get\": \"/\"}},\n\
        \"experiments\": {\"e\": {\"expect\": [\"process_survival\"]}}}";
    assert!(load_text(json).is_ok());
    let crlf = std::fs::read_to_string("tests/right-suites/checkout.yaml")
        .unwrap()
        .replace('\n', "\r\n");
    assert!(load_text(&crlf).is_ok());
}

#[test]
fn every_way_in_which_calls_arrive_is_read() {
    let ways = [
        ("rate: 100/s", "100/s"),
        ("rate: 30/m, spacing: poisson", "0.5/s, Poisson"),
        (
            "rate: { ramp: { to: 200/s, over: 30s } }, spacing: jitter",
            "0/s to 200/s over 30s, then 200/s, jittered",
        ),
        (
            "rate: { steps: [{ rate: 1/s, lasts: 2s }, { rate: 5/s, lasts: 1s }] }",
            "1/s for 2s, 5/s for 1s, then 5/s",
        ),
        (
            "rate: { spike: { base: 10/s, to: 50/s, after: 2s, lasts: 1s } }",
            "10/s for 2s, 50/s for 1s, then 10/s",
        ),
        (
            "rate: { wave: [{ rate: 5/s, lasts: 1s }, { lasts: 2s }] }",
            "5/s for 1s, 0/s for 2s, and again",
        ),
        ("users: 20, think: 1s", "20 users who think 1s"),
        ("serial: true, calls: 7", "one at a time, 7 calls at most"),
        (
            "burst: 50, starts: fault, after: 500ms",
            "50 at once, from the fault and 500ms",
        ),
        (
            "trace: calls.csv, lasts: 1s",
            "3 recorded moments over 1.5s, for 1s",
        ),
    ];
    for (written, said) in ways {
        let text = format!(
            "name: a\nservices: {{ a: {{ run: ./a }} }}\n\
             load: {{ {written}, request: {{ to: a, get: / }} }}\n\
             experiments: {{ e: {{ expect: [process_survival] }} }}\n"
        );
        let mut files = InMemory::one("a.yaml", &text);
        files.texts.insert(
            "calls.csv".to_owned(),
            "at,path\n10,/\n10.5,/\n11.5,/\n".to_owned(),
        );
        let suite = suite::load("a.yaml", &files, &|_| None)
            .map_err(|errors| errors.to_plain())
            .unwrap();
        let [stream] = suite.experiments["e"].load.streams.as_slice() else {
            panic!("{written}")
        };
        assert_eq!(stream.describe(), said, "{written}");
    }
}

#[test]
fn a_stream_takes_what_it_does_not_say_from_the_load_beside_it() {
    let text = "\
name: a
services: { a: { run: ./a } }
load:
  timeout: 3s
  in_flight: 5
  request: { to: a, get: / }
  streams:
    steady: { rate: 10/s }
    rush: { burst: 100, starts: fault, timeout: 1s, connections: 8 }
    other: { serial: true, request: { to: a, get: /other } }
experiments:
  e: { expect: [process_survival] }
  slower: { load: { timeout: 9s }, expect: [process_survival] }
  alone: { load: { streams: { one: { users: 1 } } }, expect: [process_survival] }
  quiet: { load: none, expect: [process_survival] }
";
    let suite = load_text(text).map_err(|e| e.to_plain()).unwrap();
    let streams = |name: &str| &suite.experiments[name].load.streams;
    let timeouts = |name: &str| -> Vec<u64> {
        let streams = streams(name).iter();
        streams.map(|stream| stream.timeout.as_secs()).collect()
    };
    assert_eq!(timeouts("e"), [3, 1, 3]);
    assert_eq!(timeouts("slower"), [9, 1, 9], "a stream's own word is last");
    assert!(streams("e").iter().all(|stream| stream.in_flight == 5));
    assert_eq!(streams("e")[1].connections, Some(8));
    assert_eq!(streams("alone").len(), 1);
    assert!(streams("quiet").is_empty());
    let kinds = suite.experiments["e"].load.kinds();
    assert_eq!(
        kinds.keys().copied().collect::<Vec<_>>(),
        ["GET /", "GET /other"]
    );
}
