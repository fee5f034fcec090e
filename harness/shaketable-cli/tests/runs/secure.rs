//! Edges that speak TLS, in whole runs: by the caller, by the callee, by both.

use std::fs;

use crate::callers::{Caller, Seen, caller, free_port, suite};
use crate::stage::Stage;
use crate::target::target;

/// A caller that believes the authority of the experiment.
fn secure(name: &'static str, ask: impl Into<String>, call: impl Into<String>) -> Caller {
    let mut caller = caller(name, ask, call);
    caller.more = "env: { SSL_CERT_FILE: $SHAKETABLE_CA },";
    caller
}

/// The suite of these callers, with an inventory that speaks TLS, and whose certificate `setup` makes.
fn with_secure_inventory(callers: &[Caller], fault_phase: &str) -> String {
    let plain = suite(callers, fault_phase);
    let (before, rest) = plain.split_once("    run: [sh").unwrap();
    let (_, after) = rest.split_once("healthz }\n").unwrap();
    let target = target();
    format!("setup: '{target} certify certs'\n{before}    run: '{target} secure certs'\n{after}")
}

#[test]
fn a_caller_that_speaks_tls_goes_through_its_proxy_and_feels_its_faults() {
    let stage = Stage::new();
    stage.write("app.toml", "inventory = \"$INVENTORY_URL/stock\"\n");
    let listen = free_port("127.0.0.5");
    let mut callers = vec![
        secure("url", "env URL", "{ env: URL, tls: { from_caller: true } }"),
        secure(
            "file",
            "file $FILES/app.toml",
            "{ tls: { from_caller: true } }",
        ),
        secure(
            "listen",
            format!("at https://127.0.0.5:{listen}"),
            format!("{{ listen: 127.0.0.5:{listen}, tls: {{ from_caller: true }} }}"),
        ),
        secure(
            "localhost",
            "at https://localhost:$INVENTORY_PORT",
            "{ tls: { from_caller: true } }",
        ),
        // Beside one that does not.
        caller("plain", "env URL", "URL"),
    ];
    callers[1].more = "files: { app.toml: app.toml }, env: { SSL_CERT_FILE: $SHAKETABLE_CA },";
    callers[1].path = "/A1";
    let done = stage.run(&suite(&callers, "400ms"));
    done.exits(0);
    let seen = Seen::read(&stage);
    for caller in &callers {
        seen.goes_through(caller.name, &done);
    }
    let told = stage.read("out/shaken/url.log");
    assert!(told.starts_with("asks https://127.0.0.1:"), "{told}");
    let ca = stage.read("out/shaken/ca.pem");
    assert!(ca.starts_with("-----BEGIN CERTIFICATE-----"), "{ca}");
    assert!(!ca.contains("PRIVATE"), "{ca}");
}

#[test]
fn a_callee_that_speaks_tls_is_believed_by_its_certificate() {
    let stage = Stage::new();
    let callers = [
        caller(
            "known",
            "env URL",
            "{ env: URL, tls: { to_callee: { ca: certs/ca.pem, name: inventory.prod.internal } } }",
        ),
        caller(
            "anyone",
            "env URL",
            "{ env: URL, tls: { to_callee: { insecure: true } } }",
        ),
        secure(
            "both",
            "env URL",
            "{ env: URL, tls: { from_caller: true, to_callee: certs/ca.pem } }",
        ),
        caller(
            "bytes",
            "env ADDRESS",
            "{ env: ADDRESS, protocol: tcp, tls: { to_callee: certs/ca.pem } }",
        ),
    ];
    // On an edge of bytes there is no status.
    let suite = with_secure_inventory(&callers, "400ms").replace(
        "{ edge: bytes -> inventory, status: 418 }",
        "{ edge: bytes -> inventory, reset: true }",
    );
    let done = stage.run(&suite);
    done.exits(0);
    let seen = Seen::read(&stage);
    for caller in &callers[..3] {
        seen.goes_through(caller.name, &done);
    }
    let (well, broken) = seen.of("bytes");
    assert!(
        !well.is_empty() && well.iter().all(|s| *s == 200),
        "{well:?}"
    );
    assert!(
        !broken.is_empty() && broken.iter().all(|s| *s == 502),
        "{broken:?}"
    );
    assert!(
        stage
            .read("out/shaken/inventory.log")
            .contains("answered in TLS")
    );
}

#[test]
fn what_goes_wrong_in_handshakes_is_told() {
    let stage = Stage::new();
    let mut stranger = secure(
        "stranger",
        "env URL",
        "{ env: URL, tls: { from_caller: true } }",
    );
    // It believes somebody else.
    stranger.more = "env: { SSL_CERT_FILE: ../certs/ca.pem },";
    let callers = [
        stranger,
        caller(
            "wrong-name",
            "env URL",
            "{ env: URL, tls: { to_callee: { ca: certs/ca.pem, name: other.internal } } }",
        ),
    ];
    let suite = with_secure_inventory(&callers, "100ms");
    let suite = suite.replace(
        "SSL_CERT_FILE: ../certs",
        &format!("SSL_CERT_FILE: {}", stage.path("certs").display()),
    );
    // An authority that is not the one that vouches.
    let other = suite.replace(
        "to_callee: { ca: certs/ca.pem, name: other.internal }",
        "to_callee: { ca: other.pem }",
    );
    let done = stage.run(&suite);
    done.says("stranger -> inventory: the caller ended the TLS handshake: UnknownCA (");
    let made = rcgen_pem();
    fs::write(stage.path("other.pem"), made).unwrap();
    fs::remove_dir_all(stage.out()).unwrap();
    stage.run(&other).says(
        "wrong-name -> inventory: the TLS handshake with the callee failed: invalid peer certificate: ",
    );
}

fn rcgen_pem() -> String {
    let made = rcgen::generate_simple_self_signed(["a.b".to_owned()]).unwrap();
    made.cert.pem()
}

#[test]
fn certificates_that_setup_did_not_make_are_the_environments_fault() {
    let stage = Stage::new();
    let callers = [caller(
        "known",
        "env URL",
        "{ env: URL, tls: { to_callee: elsewhere/ca.pem } }",
    )];
    let done = stage.run(&with_secure_inventory(&callers, "50ms"));
    done.exits(3)
        .says("hold the callee of edge `known -> inventory` against")
        .says("elsewhere/ca.pem: No such file or directory");
}

#[test]
fn a_plan_says_where_tls_is_spoken() {
    let stage = Stage::new();
    let callers = [
        secure("one", "env URL", "{ env: URL, tls: { from_caller: true } }"),
        caller(
            "two",
            "env URL",
            "{ env: URL, tls: { to_callee: { insecure: true, name: db.internal } } }",
        ),
    ];
    let suite = stage.write("suite.yaml", &suite(&callers, "50ms"));
    let done = stage.call(["plan".as_ref(), suite.as_os_str()]);
    done.exits(0);
    for line in [
        "one -> inventory         through URL (auto, TLS from the caller)",
        "two -> inventory         through URL (auto, TLS to the callee as db.internal, whoever that is)",
    ] {
        assert!(done.stdout.contains(line), "stdout lacks `{line}`:\n{done}");
    }
}

#[test]
fn the_load_itself_can_speak_tls() {
    let stage = Stage::new();
    let target = target();
    let suite = |trust: &str| {
        format!(
            "name: secure\n\
             setup: ['{target} certify certs', '{target} certify others']\n\
             services:\n  inventory: {{ run: '{target} secure certs' }}\n\
             load:\n  rate: 50/s\n  over: {{ tls: {trust} }}\n  \
             request: {{ to: inventory, get: /stock/A1 }}\n\
             phases: {{ warm_up: 300ms, baseline: 2s, fault: 300ms, recovery: 300ms }}\n\
             experiments:\n  shaken: {{ expect: [{{ slo: {{ phase: baseline, success: 80% }} }}] }}\n"
        )
    };
    let known = "{ ca: certs/ca.pem, name: inventory.prod.internal }";
    stage.run(&suite(known)).exits(0);
    stage.run(&suite("{ insecure: true }")).exits(0);
    // Nobody is believed whom others vouch for.
    stage.run(&suite("others/ca.pem")).exits(1);
}
