//! The server: `-host -port -config -seed -proxy-metrics -runtime-metrics -version`, `LOG_LEVEL`,
//! and what is ours.

use std::io::Write;
use std::net::TcpStream;

use nix::sys::signal::Signal;

use super::stage::{Server, echo, nobody, output, ping, shaketable};

#[test]
fn it_listens_on_loopback_where_it_is_told() {
    let port = nobody().to_string();
    let server = Server::of(&mut shaketable(&[
        "proxy",
        "-host",
        "127.0.0.1",
        "-port",
        &port,
    ]));
    assert_eq!(server.address.to_string(), format!("127.0.0.1:{port}"));
    assert!(server.get("/version").contains("{\"version\": \"2.12"));
    let named = Server::start(&["--host=localhost"]);
    assert!(named.address.ip().is_loopback());
}

#[test]
fn the_default_port_is_8474() {
    let (code, help, _) = output(&mut shaketable(&["proxy", "--help"]));
    assert_eq!(code, 0);
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let port = help.split("--port").nth(1).unwrap();
    assert!(port.contains("[default: 8474]"), "{help}");
}

#[test]
fn a_port_that_is_taken_is_told() {
    let server = Server::start(&[]);
    let port = server.address.port().to_string();
    let (code, _, error) = output(&mut shaketable(&["proxy", "-port", &port]));
    assert_eq!(code, 3, "{error}");
    assert!(
        error.contains(&format!("failed to listen on 127.0.0.1:{port}: ")),
        "{error}"
    );
}

#[test]
fn version_is_printed() {
    let (code, said, _) = output(&mut shaketable(&["proxy", "-version"]));
    assert_eq!(code, 0);
    assert!(
        said.starts_with("shaketable ") && said.contains("Toxiproxy 2.12"),
        "{said}"
    );
}

fn config(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn the_config_file_is_the_populate_array_and_may_have_toxics() {
    let upstream = echo();
    let file = config(&format!(
        "[{{\"name\":\"a\",\"listen\":\"localhost:0\",\"upstream\":\"{upstream}\",\"toxics\":[{{\"type\":\"noop\"}}]}},
          {{\"name\":\"b\",\"upstream\":\"{upstream}\",\"enabled\":false}}]"
    ));
    let server = Server::start(&["-config", file.path().to_str().unwrap()]);
    let (_, list, _) = server.ask(&["list"]);
    let fields: Vec<Vec<&str>> = list
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    assert_eq!(
        (fields[0][0], fields[0][3], fields[0][4]),
        ("a", "enabled", "1")
    );
    assert_eq!(
        (fields[1][0], fields[1][3], fields[1][4]),
        ("b", "disabled", "0")
    );
    assert_eq!(ping(fields[0][1]).unwrap(), b"ping");
}

#[test]
fn what_is_wrong_with_the_config_file_is_told_before_anything_runs() {
    let taken = Server::start(&[]);
    let taken = taken.address;
    for (text, wanted, exit) in [
        (
            "[{\"name\":\"a\"}]".to_owned(),
            "missing required field: upstream at proxy 1",
            2,
        ),
        (
            "[{\"name\":}]".to_owned(),
            "expected value at line 1 column 10",
            2,
        ),
        ("{}".to_owned(), "not a list of proxies", 2),
        (
            "[{\"name\":\"a\",\"upstream\":\"b:1\",\"toxics\":[{\"type\":\"quake\"}]}]".to_owned(),
            "invalid toxic type at toxic 1 at proxy 1",
            2,
        ),
        (
            format!("[{{\"name\":\"a\",\"upstream\":\"b:1\",\"listen\":\"{taken}\"}}]"),
            "bind: address already in use",
            3,
        ),
    ] {
        let file = config(&text);
        let path = file.path().to_str().unwrap();
        let (code, _, error) = output(&mut shaketable(&["proxy", "-port", "0", "-config", path]));
        assert_eq!(code, exit, "{error}");
        assert!(error.contains(wanted) && error.contains(path), "{error}");
    }
    let (code, _, error) = output(&mut shaketable(&["proxy", "-config", "/nowhere/x.json"]));
    assert!(
        code == 2 && error.contains("failed to read /nowhere/x.json"),
        "{error}"
    );
}

#[test]
fn it_may_begin_with_one_proxy() {
    let (upstream, port) = (echo().to_string(), nobody());
    let listen = format!("127.0.0.1:{port}");
    let server = Server::start(&[
        "--listen",
        &listen,
        "--upstream",
        &upstream,
        "--protocol",
        "auto",
        "--name",
        "shop",
    ]);
    assert_eq!(ping(&listen).unwrap(), b"ping");
    let proxy = server.get("/proxies/shop");
    assert!(proxy.contains("\"protocol\":\"auto\""), "{proxy}");
    let (code, _, error) = output(&mut shaketable(&["proxy", "--listen", "x"]));
    assert!(code == 2 && error.contains("--upstream"), "{error}");
    let words = [
        "proxy",
        "-port",
        "0",
        "--listen",
        "bad",
        "--upstream",
        "a:1",
    ];
    let (code, _, error) = output(&mut shaketable(&words));
    assert!(
        code == 3 && error.contains("missing port in address"),
        "{error}"
    );
}

#[test]
fn metrics_are_there_with_their_flags() {
    assert!(
        Server::start(&[])
            .get("/metrics")
            .starts_with("HTTP/1.1 404 ")
    );
    let server = Server::start(&["-proxy-metrics", "-runtime-metrics"]);
    let metrics = server.get("/metrics");
    assert!(
        metrics.contains("toxiproxy_proxy_received_bytes_total"),
        "{metrics}"
    );
    assert!(metrics.contains("shaketable_build_info"), "{metrics}");
    let server = Server::start(&["-proxy-metrics=false", "-runtime-metrics=true"]);
    let metrics = server.get("/metrics");
    assert!(
        !metrics.contains("toxiproxy_proxy_received_bytes_total"),
        "{metrics}"
    );
}

#[test]
fn the_seed_is_told_and_taken() {
    for seed in ["42", "-1"] {
        let server = Server::start(&["-seed", seed]);
        let (_, said) = server.end(Signal::SIGTERM);
        let told = if seed == "-1" {
            "18446744073709551615"
        } else {
            seed
        };
        assert!(said.contains(&format!("seed {told}")), "{said}");
    }
    let (code, _, error) = output(&mut shaketable(&["proxy", "-seed", "many"]));
    assert!(code == 2 && error.contains("not a whole number"), "{error}");
}

#[test]
fn log_level_says_how_much_is_told() {
    let said = |level: &str| {
        let server = Server::of(shaketable(&["proxy", "-port", "0"]).env("LOG_LEVEL", level));
        server.get("/version");
        server.end(Signal::SIGTERM).1
    };
    assert_eq!(said("error"), "");
    let info = said("");
    assert!(
        info.contains("listening on") && !info.contains("GET /version"),
        "{info}"
    );
    assert!(said("debug").contains("debug: GET /version: 200"));
    let mut loud = shaketable(&["proxy"]);
    let (code, _, error) = output(loud.env("LOG_LEVEL", "loud"));
    assert!(
        code == 2 && error.contains("LOG_LEVEL: `loud` is no log level"),
        "{error}"
    );
}

#[test]
fn it_ends_in_order_on_ctrl_c_and_on_sigterm() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let listen = format!("127.0.0.1:{}", nobody());
        let server = Server::start(&["--listen", &listen, "--upstream", &echo().to_string()]);
        assert_eq!(ping(&listen).unwrap(), b"ping");
        let open = TcpStream::connect(&listen).unwrap();
        let (status, said) = server.end(signal);
        assert_eq!(status.code(), Some(0), "{said}");
        assert!(said.contains("ended with all its proxies"), "{said}");
        assert!(TcpStream::connect(&listen).is_err());
        drop(open);
    }
}

#[test]
fn beyond_loopback_it_says_what_to_do() {
    let (code, _, error) = output(&mut shaketable(&[
        "proxy", "-host", "0.0.0.0", "-port", "0",
    ]));
    assert_eq!(code, 2);
    for wanted in ["0.0.0.0", "--token", "SHAKETABLE_TOKEN", "--no-token"] {
        assert!(error.contains(wanted), "{wanted} in {error}");
    }
    let server = Server::start(&["-host", "0.0.0.0", "--no-token"]);
    let port = server.address.port();
    drop(TcpStream::connect(("127.0.0.1", port)).unwrap());
    let words = ["proxy", "--token", "a", "--no-token"];
    assert_eq!(output(&mut shaketable(&words)).0, 2);
}

#[test]
fn a_token_comes_from_the_command_line_or_the_environment() {
    let mut by_environment = shaketable(&["proxy", "-port", "0", "-host", "0.0.0.0"]);
    let server = Server::of(by_environment.env("SHAKETABLE_TOKEN", "sesame"));
    let url = format!("http://127.0.0.1:{}", server.address.port());
    let ask = |token: Option<&str>| {
        let mut command = shaketable(&["toxiproxy", "--host", &url, "list"]);
        if let Some(token) = token {
            command.env("SHAKETABLE_TOKEN", token);
        }
        output(&mut command)
    };
    let (code, _, error) = ask(None);
    assert!(
        code == 1 && error.contains("Authorization: Bearer"),
        "{error}"
    );
    assert_eq!(ask(Some("sesame")).0, 0);
    let (code, ..) = output(&mut shaketable(&[
        "toxiproxy",
        "--host",
        &url,
        "--token",
        "sesame",
        "list",
    ]));
    assert_eq!(code, 0);
}
