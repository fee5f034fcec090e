//! The suites of the cases: as small as they can be.

/// One service, nothing goes wrong, hardly any time passes.
pub(crate) const TINY: &str = "
name: tiny
services:
  shop: { run: $SHAKETABLE fixture inventory --port $PORT, ready: { http: /healthz } }
load: { rate: 100/s, request: { to: shop, get: /stock/A1 } }
phases: { warm_up: 50ms, baseline: 100ms, fault: 100ms, recovery: 50ms }
experiments:
  nothing wrong: { expect: [process_survival] }
";

/// The phases of [`TINY`].
pub(crate) const TINY_PHASES: &str =
    "phases: { warm_up: 50ms, baseline: 100ms, fault: 100ms, recovery: 50ms }";

/// [`TINY`] with another service.
pub(crate) fn tiny_with(service: &str) -> String {
    let plain = "{ run: $SHAKETABLE fixture inventory --port $PORT, ready: { http: /healthz } }";
    assert!(TINY.contains(plain));
    TINY.replace(plain, service)
}

/// [`TINY`] with a fault phase in which there is time to do something.
pub(crate) fn long_fault() -> String {
    let short = "fault: 100ms";
    assert!(TINY.contains(short));
    TINY.replace(short, "fault: 50s")
}

/// The order system under one fault on `order -> inventory`.
pub(crate) fn order(profile: &str, fault: &str, recovery: &str, expect: &str) -> String {
    format!(
        r#"
name: order-{profile}
services:
  inventory: {{ run: $SHAKETABLE fixture inventory --port $PORT, ready: {{ http: /healthz }} }}
  pricing: {{ run: $SHAKETABLE fixture pricing --port $PORT, ready: {{ http: /healthz }} }}
  payment: {{ run: $SHAKETABLE fixture payment --port $PORT, ready: {{ http: /healthz }} }}
  order:
    run: $SHAKETABLE fixture order --profile {profile} --port $PORT
    ready: {{ http: /readyz }}
    calls: {{ inventory: INVENTORY_URL, pricing: PRICING_URL, payment: PAYMENT_URL }}
load:
  rate: 200/s
  requests:
    - {{ weight: 2, to: order, post: /orders, json: {{ sku: A1, quantity: 1 }} }}
    - {{ weight: 1, to: order, get: /orders/1, name: "GET /orders/{{id}}" }}
phases: {{ warm_up: 200ms, baseline: 700ms, fault: 1200ms, recovery: {recovery} }}
experiments:
  shaken:
    faults: [{{ edge: order -> inventory, {fault} }}]
    expect: {expect}
"#
    )
}
