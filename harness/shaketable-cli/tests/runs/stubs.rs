//! Dependencies that are not at hand, and are played: shaken like any other, and no process of their own.

use std::net::TcpListener;

use serde_json::Value;

use crate::stage::{Done, Stage, undisturbed, verdicts};
use crate::suites::{TINY, TINY_PHASES, tiny_with};

/// The order system, whose inventory is somewhere else.
fn checkout(profile: &str, fault: &str, expect: &str) -> String {
    format!(
        "
name: checkout
services:
  inventory: {{ run: ./not-at-hand --port $PORT, ready: {{ http: /healthz }}, env: {{ A: b }} }}
  pricing: {{ run: $SHAKETABLE fixture pricing --port $PORT, ready: {{ http: /healthz }} }}
  payment: {{ run: $SHAKETABLE fixture payment --port $PORT, ready: {{ http: /healthz }} }}
  order:
    run: $SHAKETABLE fixture order --profile {profile} --port $PORT
    ready: {{ http: /readyz }}
    calls: {{ inventory: INVENTORY_URL, pricing: PRICING_URL, payment: PAYMENT_URL }}
load: {{ rate: 100/s, request: {{ to: order, post: /orders, json: {{ sku: A1, quantity: 2 }} }} }}
phases: {{ warm_up: 200ms, baseline: 700ms, fault: 1s, recovery: 50ms }}
experiments:
  shaken: {{ faults: [{{ edge: order -> inventory, {fault} }}], expect: {expect} }}
"
    )
}

/// Runs the suite of the README that puts a stub in the place of the inventory.
fn run_stubbed(stage: &Stage, checkout: &str) -> Done {
    let readme = include_str!("../../../../README.md");
    let stubbed = readme.split("```yaml\n").nth(2).unwrap();
    let stubbed = &stubbed[..stubbed.find("```").unwrap()];
    stage.write("checkout.yaml", checkout);
    undisturbed(|| stage.run(stubbed))
}

/// What became of a stub.
fn told(stage: &Stage, experiment: &str, stub: &str) -> Value {
    let path = format!("out/{experiment}/{stub}.stub.json");
    serde_json::from_str(&stage.read(&path)).unwrap()
}

#[test]
fn a_system_passes_with_a_stub_in_the_place_of_a_dependency_that_fails() {
    let stage = Stage::new();
    let expect =
        "[{ slo: { phase: baseline, success: 80% } }, { slo: { phase: fault, success: 80% } }]";
    let done = run_stubbed(&stage, &checkout("hardened", "status: 503", expect));
    done.exits(0).says("3 processes");
    let verdicts = verdicts(&done.report());
    assert_eq!(verdicts.len(), 3, "{verdicts:?}");
    // Every reservation that the stub made was a number of its own, and was kept.
    let inventory = told(&stage, "shaken", "inventory");
    let made = inventory["counters"]["reservations"].as_u64().unwrap();
    let kept = inventory["state"].as_object().unwrap();
    assert!(made >= 50, "{inventory:#}");
    assert_eq!(kept.len() as u64, made);
    assert!(
        kept.values()
            .all(|kept| kept["quantity"] == 2 && kept["sku"] == "A1")
    );
    assert_eq!(inventory["counters"]["unmatched"], 0);
    assert_eq!(inventory["limits"], serde_json::json!({}));
    assert!(!stage.out().join("shaken/inventory.log").exists());
}

#[test]
fn a_system_fails_when_its_stub_hangs_as_it_would_with_the_real_one() {
    let stage = Stage::new();
    let expect = "[{ timeout_present: { within: 500ms } }]";
    let done = run_stubbed(&stage, &checkout("naive", "hang: true", expect));
    done.exits(1).says("no timeout on order -> inventory");
}

const SHOP: &str =
    "{ stub: { routes: [{ get: \"/stock/{sku}\", json: { sku: \"{{path.sku}}\" } }] } }";

#[test]
fn a_suite_can_do_without_any_process() {
    let stage = Stage::new();
    let suite = tiny_with(SHOP).replace(
        "process_survival",
        "{ slo: { phase: baseline, success: 70% } }",
    );
    let done = undisturbed(|| stage.run(&suite));
    done.exits(0);
    assert_eq!(verdicts(&done.report()).len(), 1);
    let shop = told(&stage, "nothing-wrong", "shop");
    assert!(shop["counters"]["GET /stock/{sku}"].as_u64().unwrap() > 0);
    let asked = shop["requests"]["last"].as_array().unwrap();
    assert!(asked.iter().all(|asked| asked["target"] == "/stock/A1"));
    // Of a stub alone nothing can be said that would need a process.
    let done = stage.run(&tiny_with(SHOP));
    done.exits(5).says("has no process that could be watched");
}

#[test]
fn every_experiment_has_its_stubs_from_the_beginning() {
    let stage = Stage::new();
    let stub = "{ stub: { state: { n: 5 }, routes: [{ get: /stock/A1, state: { increment: { n: 1 } } }] } }";
    let suite = tiny_with(stub)
        .replace("process_survival", "{ slo: { phase: baseline, max: 10s } }")
        + "  again: { expect: [{ slo: { phase: baseline, max: 10s } }] }\n";
    undisturbed(|| stage.run(&suite)).exits(0);
    for experiment in ["nothing-wrong", "again"] {
        let shop = told(&stage, experiment, "shop");
        let asked = shop["requests"]["count"].as_u64().unwrap();
        assert!(asked > 0);
        assert_eq!(shop["state"]["n"], asked + 5, "{experiment}");
    }
}

#[test]
fn a_stub_can_be_asked_for_what_it_counts_while_it_is_played() {
    let stage = Stage::new();
    let port = free_port();
    let suite = format!(
        "
name: probed
services:
  shop: {{ port: {port}, stub: {{ routes: [{{ post: /orders, status: 201 }}] }} }}
load:
  rate: 100/s
  requests: [{{ to: shop, post: /orders }}, {{ to: shop, get: /__stub/counters/POST%20%2Forders }}]
{TINY_PHASES}
experiments:
  probed: {{ expect: [{{ slo: {{ phase: baseline, success: 70% }} }}] }}
"
    );
    undisturbed(|| stage.run(&suite)).exits(0);
    let shop = told(&stage, "probed", "shop");
    assert_eq!(shop["counters"]["POST /orders"], shop["requests"]["count"]);
}

#[test]
fn a_port_that_somebody_has_is_the_environments_fault() {
    let stage = Stage::new();
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let stub = SHOP.replacen('{', &format!("{{ port: {port}, "), 1);
    let done = stage.run(&tiny_with(&stub));
    done.exits(3)
        .says("start `shop`")
        .says(&format!("port {port} is in use"));
}

#[test]
fn a_bound_that_a_stub_met_is_told() {
    let stage = Stage::new();
    let body = "{{body}}".repeat(30);
    let suite = format!(
        "
name: full
services:
  shop:
    stub:
      routes: [{{ post: /keep, state: {{ put: {{ \"{{{{sequence.n}}}}\": \"{body}\" }} }} }}]
load: {{ rate: 200/s, request: {{ to: shop, post: /keep, body: {} }} }}
phases: {{ warm_up: 50ms, baseline: 500ms, fault: 100ms, recovery: 50ms }}
experiments:
  full: {{ expect: [{{ slo: {{ phase: baseline, max: 10s }} }}] }}
",
        "x".repeat(100_000)
    );
    let done = stage.run(&suite);
    done.says("shop: the state was full, at 100000 values or 64 MiB");
    let shop = told(&stage, "full", "shop");
    assert_eq!(
        shop["limits"].as_object().unwrap().len(),
        1,
        "{}",
        shop["limits"]
    );
    // Those that were refused were answered so.
    let last = shop["requests"]["last"].as_array().unwrap();
    assert_eq!(last.last().unwrap()["status"], 507);
}

#[test]
fn a_plan_and_a_validation_show_a_stub() {
    let stage = Stage::new();
    let suite = stage.write("suite.yaml", &tiny_with(SHOP));
    let plan = stage.call(["plan".as_ref(), suite.as_os_str()]);
    plan.exits(0);
    assert!(
        plan.stdout
            .contains("shop         stub: GET /stock/{sku}\n"),
        "{plan}"
    );
    stage
        .call(["validate".as_ref(), suite.as_os_str()])
        .exits(0);
    let wrong = stage.write(
        "wrong.yaml",
        &tiny_with(&SHOP.replace("path.sku", "path.sk")),
    );
    stage
        .call(["validate".as_ref(), wrong.as_os_str()])
        .exits(2)
        .says("the path has no segment `sk`")
        .says("did you mean `sku`?");
    assert!(TINY.contains("/stock/A1"), "what the stub is asked for");
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}
