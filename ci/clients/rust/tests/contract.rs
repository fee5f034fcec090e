//! The Rust client (crates.io: `toxiproxy_rust`) against our server: whatever it can do, and that it
//! works. `TOXIPROXY_URL` says where the server is. One test after the other: `--test-threads 1`.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use toxiproxy_rust::client::Client;
use toxiproxy_rust::proxy::{Proxy, ProxyPack};

fn client() -> Client {
    let url = std::env::var("TOXIPROXY_URL").expect("TOXIPROXY_URL");
    let address = url.trim_start_matches("http://").to_owned();
    Client::new(address)
}

/// A callee that says back what it hears.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut to = stream.try_clone().unwrap();
                let _ = std::io::copy(&mut &stream, &mut to);
            });
        }
    });
    address
}

/// A proxy of this name before a fresh callee.
fn proxy(name: &str) -> Proxy {
    let pack = ProxyPack::new(
        name.to_owned(),
        "localhost:0".to_owned(),
        echo().to_string(),
    );
    let mut made = client().populate(vec![pack]).unwrap();
    assert_eq!(made.len(), 1);
    made.remove(0)
}

fn ping(proxy: &Proxy) -> std::io::Result<Duration> {
    let began = Instant::now();
    let mut stream = TcpStream::connect(&proxy.proxy_pack.listen)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(b"ping")?;
    stream.read_exact(&mut [0; 4])?;
    Ok(began.elapsed())
}

#[test]
fn it_runs_and_has_a_version() {
    assert!(client().is_running());
    assert!(client().version().unwrap().contains("\"version\""));
}

#[test]
fn proxies_are_populated_and_found() {
    let made = proxy("found");
    assert!(made.proxy_pack.listen.starts_with("127.0.0.1:"));
    ping(&made).unwrap();
    let found = client().find_proxy("found").unwrap();
    assert_eq!(found.proxy_pack.listen, made.proxy_pack.listen);
    assert!(client().all().unwrap().contains_key("found"));
    assert!(client().find_proxy("nobody").is_err());
    made.delete().unwrap();
    assert!(client().find_proxy("found").is_err());
    assert_eq!(
        ping(&made).unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
}

#[test]
fn a_proxy_can_be_down_for_a_while() {
    let made = proxy("down");
    made.with_down(|| {
        assert!(ping(&made).is_err());
        assert!(!client().find_proxy("down").unwrap().proxy_pack.enabled);
    })
    .unwrap();
    ping(&made).unwrap();
}

#[test]
fn toxics_are_applied_for_a_while() {
    let made = proxy("toxics");
    made.with_latency("downstream".to_owned(), 300, 0, 1.0)
        .apply(|| {
            let toxics = made.toxics().unwrap();
            assert_eq!(toxics[0].name, "latency_downstream");
            assert_eq!(toxics[0].attributes["latency"], 300);
            assert!(ping(&made).unwrap() >= Duration::from_millis(300));
        })
        .unwrap();
    assert!(made.toxics().unwrap().is_empty());
    made.with_timeout("upstream".to_owned(), 200, 1.0)
        .apply(|| assert_eq!(ping(&made).unwrap_err().kind(), ErrorKind::UnexpectedEof))
        .unwrap();
    made.with_limit_data("downstream".to_owned(), 2, 1.0)
        .apply(|| assert_eq!(ping(&made).unwrap_err().kind(), ErrorKind::UnexpectedEof))
        .unwrap();
    ping(&made).unwrap();
}

#[test]
fn all_its_toxics_are_understood() {
    let made = proxy("all");
    made.with_slicer("downstream".to_owned(), 2, 1, 1, 0.5)
        .with_bandwidth("downstream".to_owned(), 1000, 0.5)
        .with_slow_close("upstream".to_owned(), 1, 0.25);
    let toxics = made.toxics().unwrap();
    let names: Vec<&str> = toxics.iter().map(|toxic| toxic.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "slow_close_upstream",
            "slicer_downstream",
            "bandwidth_downstream"
        ]
    );
    assert!((toxics[0].toxicity - 0.25).abs() < 1e-6);
    client().reset().unwrap();
    assert!(made.toxics().unwrap().is_empty());
    ping(&made).unwrap();
}
