//! Callers that are told of an HTTP proxy, in whole runs.

use crate::callers::{Caller, Seen, caller, suite};
use crate::stage::Stage;
use crate::target::target;

const HOST: &str = "inventory.prod.internal";

/// A caller that asks the HTTP proxy of its environment.
fn proxied(name: &'static str, port: u16, call: &str) -> Caller {
    caller(name, format!("proxied http://{HOST}:{port}"), call)
}

#[test]
fn a_caller_that_asks_an_http_proxy_goes_through_its_edge_and_feels_its_faults() {
    let stage = Stage::new();
    let mut argument = caller(
        "argument",
        format!("proxied http://{HOST}:80"),
        format!("{{ via_http_proxy: {HOST} }}"),
    );
    argument.more =
        "env: { http_proxy_for_java: \"$HTTP_PROXY_HOST|$HTTP_PROXY_PORT\", NO_PROXY: localhost },";
    let mut callers = vec![
        proxied(
            "any-port",
            8080,
            "{ via_http_proxy: Inventory.prod.internal. }",
        ),
        proxied(
            "this-port",
            8080,
            "{ via_http_proxy: [other.prod, 'inventory.prod.internal:8080'] }",
        ),
        argument,
    ];
    if cfg!(feature = "tls") {
        let mut secure = caller(
            "tunnel",
            format!("proxied https://{HOST}:443"),
            format!("{{ via_http_proxy: {HOST}, tls: {{ from_caller: true }} }}"),
        );
        secure.more = "env: { SSL_CERT_FILE: $SHAKETABLE_CA },";
        callers.push(secure);
    }
    // Both ways at once.
    callers.push(caller(
        "both",
        "env URL",
        format!("{{ env: URL, via_http_proxy: {HOST} }}"),
    ));
    let suite = suite(&callers, "400ms");
    let done = stage.run(&suite);
    done.exits(0);
    let seen = Seen::read(&stage);
    for caller in &callers {
        seen.goes_through(caller.name, &done);
    }
}

#[test]
fn nothing_that_the_harness_inherits_leads_a_caller_around_its_proxy() {
    let stage = Stage::new();
    let callers = [proxied(
        "caller",
        80,
        &format!("{{ via_http_proxy: {HOST} }}"),
    )];
    let asks = format!("{} ask {}", target(), callers[0].ask);
    let suite = suite(&callers, "50ms").replace(
        &format!("run: '{asks}'"),
        &format!("run: [sh, -c, 'env | grep -i _proxy; exec {asks}']"),
    );
    let mut command = stage.run_command(&suite, &[]);
    command
        .env("NO_PROXY", "prod.internal")
        .env("https_proxy", "http://10.0.0.1:1");
    let done = stage.finish(command);
    done.exits(0);
    let log = stage.read("out/shaken/caller.log");
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"] {
        assert!(log.contains(&format!("{name}=http://127.0.0.1:")), "{log}");
    }
    for name in ["NO_PROXY", "no_proxy"] {
        assert!(
            log.contains(&format!("{name}=localhost,127.0.0.1\n")),
            "{log}"
        );
    }
}

#[test]
fn a_refused_edge_is_a_502_of_the_http_proxy() {
    let stage = Stage::new();
    let callers = [proxied(
        "caller",
        80,
        &format!("{{ via_http_proxy: {HOST} }}"),
    )];
    let suite = suite(&callers, "400ms").replace("status: 418", "refuse: true");
    let done = stage.run(&suite);
    done.exits(0);
    let (well, refused) = Seen::read(&stage).of("caller");
    assert!(
        !well.is_empty() && well.iter().all(|s| *s == 200),
        "{well:?}"
    );
    assert!(
        !refused.is_empty() && refused.iter().all(|s| *s == 502),
        "{refused:?}"
    );
}

#[test]
fn a_host_that_no_edge_leads_to_is_told() {
    let stage = Stage::new();
    let callers = [proxied("caller", 80, "{ via_http_proxy: other.prod }")];
    let done = stage.run(&suite(&callers, "50ms"));
    done.says(
        "the HTTP proxy of caller: was asked for `inventory.prod.internal:80`, which no edge leads to (",
    );
}

#[test]
fn a_plan_says_as_whom_each_callee_is_asked_for() {
    let stage = Stage::new();
    let callers = [proxied("caller", 80, "{ via_http_proxy: [a.b, 'c.d:80'] }")];
    let suite = stage.write("suite.yaml", &suite(&callers, "50ms"));
    let done = stage.call(["plan".as_ref(), suite.as_os_str()]);
    done.exits(0);
    let line =
        "caller -> inventory      through HTTP_PROXY (as a.b), HTTP_PROXY (as c.d:80) (auto)";
    assert!(done.stdout.contains(line), "stdout lacks `{line}`:\n{done}");
}
