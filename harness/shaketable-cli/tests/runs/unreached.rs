//! No verdict without evidence: a fault that nothing met proves nothing.

use crate::stage::Stage;
use crate::suites::TINY_PHASES;

#[test]
fn a_fault_that_no_traffic_reached_is_inconclusive_and_names_the_edge() {
    let stage = Stage::new();
    // The load only asks for prices, which needs no inventory.
    let suite = format!(
        "
name: unreached
services:
  inventory: {{ run: $SHAKETABLE fixture inventory --port $PORT }}
  pricing: {{ run: $SHAKETABLE fixture pricing --port $PORT }}
  payment: {{ run: $SHAKETABLE fixture payment --port $PORT }}
  order:
    run: $SHAKETABLE fixture order --profile naive --port $PORT
    calls: {{ inventory: INVENTORY_URL, pricing: PRICING_URL, payment: PAYMENT_URL }}
load: {{ rate: 100/s, request: {{ to: order, get: /prices/A1 }} }}
{TINY_PHASES}
experiments:
  nobody there:
    faults: [{{ edge: order -> inventory, status: 503 }}]
    expect: [{{ slo: {{ phase: fault, max: 10s }} }}]
"
    );
    let done = stage.run(&suite);
    done.exits(5)
        .says("no traffic reached order -> inventory while its fault was active")
        .says("inconclusive");
    assert_eq!(done.report()["outcome"], "inconclusive");
}
