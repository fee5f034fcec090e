//! The client: `list, inspect, create, toggle, delete, toxic add|update|remove`, against a running
//! server.

use std::io::Read;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::stage::{Server, echo, nobody, output, ping, shaketable};

/// A server with a proxy `p`; gives where that listens, too.
fn stage() -> (Server, String) {
    let server = Server::start(&[]);
    let listen = format!("127.0.0.1:{}", nobody());
    let upstream = echo().to_string();
    let (code, said, error) = server.ask(&["create", "-l", &listen, "-u", &upstream, "p"]);
    assert_eq!(
        (code, said.as_str()),
        (0, "Created new proxy p\n"),
        "{error}"
    );
    (server, listen)
}

/// The words of a command, and what it is to say.
fn says(server: &Server, words: &[&str], wanted: &str) {
    let (code, said, error) = server.ask(words);
    assert_eq!((code, said.trim_end()), (0, wanted), "{words:?}: {error}");
}

#[test]
fn create_list_inspect_toggle_delete() {
    let (server, listen) = stage();
    assert_eq!(ping(&listen).unwrap(), b"ping");
    for list in ["list", "ls", "li", "l"] {
        let (_, said, _) = server.ask(&[list]);
        let fields: Vec<&str> = said.trim_end().split('\t').collect();
        assert_eq!(
            (fields[0], fields[1], fields[3], fields[4]),
            ("p", listen.as_str(), "enabled", "0")
        );
    }
    says(&server, &["inspect", "p"], "");
    says(&server, &["toggle", "p"], "Proxy p is now disabled");
    assert!(TcpStream::connect(&listen).is_err());
    says(&server, &["tog", "p"], "Proxy p is now enabled");
    assert_eq!(ping(&listen).unwrap(), b"ping");
    says(&server, &["delete", "p"], "Deleted proxy p");
    says(&server, &["list"], "");
}

#[test]
fn toxics_are_added_updated_and_removed() {
    let (server, listen) = stage();
    says(
        &server,
        &[
            "toxic",
            "add",
            "-t",
            "latency",
            "-a",
            "latency=300",
            "-a",
            "jitter=0",
            "p",
        ],
        "Added downstream latency toxic 'latency_downstream' on proxy 'p'",
    );
    let took = || {
        let began = Instant::now();
        ping(&listen).unwrap();
        began.elapsed()
    };
    assert!(took() >= Duration::from_millis(300));
    says(
        &server,
        &["inspect", "p"],
        "latency_downstream\ttype=latency\tstream=downstream\ttoxicity=1.00\tattributes=[\tjitter=0\tlatency=300\t]",
    );
    says(
        &server,
        &[
            "toxic",
            "update",
            "-n",
            "latency_downstream",
            "-a",
            "latency=600",
            "p",
        ],
        "Updated toxic 'latency_downstream' on proxy 'p'",
    );
    assert!(took() >= Duration::from_millis(600));
    says(
        &server,
        &[
            "toxic",
            "update",
            "-n",
            "latency_downstream",
            "--toxicity",
            "0",
            "p",
        ],
        "Updated toxic 'latency_downstream' on proxy 'p'",
    );
    assert!(took() < Duration::from_millis(600));
    for remove in ["remove", "delete", "r", "d"] {
        says(
            &server,
            &["toxic", remove, "-n", "latency_downstream", "p"],
            "Removed toxic 'latency_downstream' on proxy 'p'",
        );
        let added = server.ask(&["t", "a", "-t", "latency", "p"]);
        assert_eq!(added.0, 0, "{}", added.2);
    }
}

#[test]
fn a_toxic_has_a_stream_a_name_and_a_share() {
    let (server, _) = stage();
    says(
        &server,
        &[
            "toxic",
            "add",
            "--type",
            "timeout",
            "--toxicName",
            "gone",
            "--toxicity",
            "0.25",
            "-u",
            "p",
        ],
        "Added upstream timeout toxic 'gone' on proxy 'p'",
    );
    says(
        &server,
        &[
            "toxic",
            "add",
            "-t",
            "bandwidth",
            "-d",
            "--attribute",
            "rate=7",
            "p",
        ],
        "Added downstream bandwidth toxic 'bandwidth_downstream' on proxy 'p'",
    );
    let (_, said, _) = server.ask(&["inspect", "p"]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines[0],
        "gone\ttype=timeout\tstream=upstream\ttoxicity=0.25\tattributes=[\ttimeout=0\t]"
    );
    assert!(lines[1].ends_with("attributes=[\trate=7\t]"), "{said}");
    let both = server.ask(&["toxic", "add", "-t", "noop", "-u", "-d", "p"]);
    assert_eq!(both.0, 2, "{}", both.2);
    let much = server.ask(&["toxic", "add", "-t", "noop", "--toxicity", "2", "p"]);
    assert!(much.0 == 2 && much.2.contains("from 0 to 1"), "{}", much.2);
}

#[test]
fn our_own_faults_conditions_and_leases_can_be_said() {
    let (server, listen) = stage();
    says(
        &server,
        &[
            "toxic",
            "add",
            "-t",
            "reset",
            "-a",
            "at_connect=true",
            "-a",
            "times={\"first\":1}",
            "-n",
            "x",
            "p",
        ],
        "Added downstream reset toxic 'x' on proxy 'p'",
    );
    let reset = |listen: &str| match TcpStream::connect(listen) {
        Ok(mut stream) => stream.read(&mut [0]).is_err(),
        Err(_) => true,
    };
    assert!(reset(&listen), "the first");
    assert_eq!(ping(&listen).unwrap(), b"ping", "and no other");
    let (code, _, error) = server.ask(&["toxic", "update", "-n", "x", "--lease", "100ms", "p"]);
    assert_eq!(code, 0, "{error}");
    let began = Instant::now();
    while !server.ask(&["inspect", "p"]).1.trim().is_empty() {
        assert!(
            began.elapsed() < super::stage::PATIENCE,
            "the lease never ran out"
        );
    }
}

#[test]
fn what_the_server_says_no_to_is_told() {
    let (server, listen) = stage();
    for (words, wanted) in [
        (
            vec!["inspect", "q"],
            "failed to find proxy `q`: proxy not found",
        ),
        (vec!["toggle", "q"], "proxy not found"),
        (
            vec!["delete", "q"],
            "failed to delete proxy `q`: proxy not found",
        ),
        (
            vec!["create", "-l", &listen, "-u", "a:1", "p"],
            "failed to create proxy `p`: proxy already exists",
        ),
        (
            vec!["create", "-l", &listen, "-u", "a:1", "q"],
            "bind: address already in use",
        ),
        (
            vec!["toxic", "add", "-t", "quake", "p"],
            "invalid toxic type",
        ),
        (
            vec!["toxic", "add", "-t", "latency", "-a", "latency=x", "p"],
            "`latency`: invalid type",
        ),
        (vec!["toxic", "update", "-n", "x", "p"], "toxic not found"),
        (vec!["toxic", "remove", "-n", "x", "p"], "toxic not found"),
    ] {
        let (code, said, error) = server.ask(&words);
        assert_eq!((code, said.as_str()), (1, ""), "{words:?}");
        assert!(
            error.starts_with("error: failed to ") && error.contains(wanted),
            "{error}"
        );
    }
    for words in [
        vec!["create", "p"],
        vec!["inspect"],
        vec!["toxic"],
        vec!["toxic", "add", "p"],
    ] {
        assert_eq!(server.ask(&words).0, 2, "{words:?}");
    }
}

#[test]
fn names_may_have_any_characters() {
    let server = Server::start(&[]);
    let name = "shop/db 1?#ä";
    says(
        &server,
        &["create", "-l", "127.0.0.1:0", "-u", "a:1", name],
        &format!("Created new proxy {name}"),
    );
    says(
        &server,
        &["toggle", name],
        &format!("Proxy {name} is now disabled"),
    );
    says(&server, &["delete", name], &format!("Deleted proxy {name}"));
}

#[test]
fn the_server_is_found_by_host_or_environment() {
    let server = Server::start(&[]);
    let bare = server.address.to_string();
    for host in [&bare, &server.url(), &format!("{}/", server.url())] {
        let (code, _, error) = output(&mut shaketable(&["toxiproxy", "--host", host, "list"]));
        assert_eq!(code, 0, "{host}: {error}");
    }
    let nobody = format!("http://127.0.0.1:{}", nobody());
    let (code, _, error) = output(&mut shaketable(&["toxiproxy", "--host", &nobody, "list"]));
    assert_eq!(code, 3, "{error}");
    assert!(
        error.contains("nobody answers") && error.contains("`shaketable proxy`"),
        "{error}"
    );
    let (code, _, error) = output(&mut shaketable(&[
        "toxiproxy",
        "--host",
        "https://x",
        "list",
    ]));
    assert!(
        code == 2 && error.contains("http://localhost:8474"),
        "{error}"
    );
    let (_, help, _) = output(&mut shaketable(&["toxiproxy", "--help"]));
    assert!(help.contains("[default: http://localhost:8474]"), "{help}");
}
