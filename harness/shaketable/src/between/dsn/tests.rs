//! Only host and port change: examples of every form, and generated texts.

use std::net::SocketAddr;

use proptest::prelude::*;

use super::Dsn;

const PROXY: &str = "127.0.0.1:4711";

fn at(text: &str, proxy: &str) -> Result<String, String> {
    let proxy: SocketAddr = proxy.parse().unwrap();
    Dsn::parse(text).map(|dsn| dsn.at(proxy))
}

#[track_caller]
fn becomes(text: &str, expected: &str) {
    assert_eq!(at(text, PROXY).as_deref(), Ok(expected), "{text}");
}

#[track_caller]
fn refused(text: &str, why: &str) {
    let error = at(text, PROXY).unwrap_err();
    assert!(error.contains(why), "{text}: {error}");
}

#[test]
fn urls() {
    becomes(
        "postgres://u:p@db.internal:5432/app?sslmode=disable",
        "postgres://u:p@127.0.0.1:4711/app?sslmode=disable",
    );
    becomes("http://inventory/api/v1", "http://127.0.0.1:4711/api/v1");
    becomes("http://inventory", "http://127.0.0.1:4711");
    becomes(
        "amqp://guest@rabbit:5672/%2Fshop",
        "amqp://guest@127.0.0.1:4711/%2Fshop",
    );
    becomes(
        "redis://:p%40ss@cache:6379/0",
        "redis://:p%40ss@127.0.0.1:4711/0",
    );
    becomes(
        "postgres://u:p@ss@db/app",
        "postgres://u:p@ss@127.0.0.1:4711/app",
    );
    becomes(
        "mysql+pymysql://u@[2001:db8::7]:3306/app",
        "mysql+pymysql://u@127.0.0.1:4711/app",
    );
    becomes(
        "http://a/?next=http://b:80/",
        "http://127.0.0.1:4711/?next=http://b:80/",
    );
    becomes("https://db:443#@x", "https://127.0.0.1:4711#@x");
}

#[test]
fn schemes_of_several_parts() {
    becomes(
        "jdbc:postgresql://db.internal:5432/app?user=u",
        "jdbc:postgresql://127.0.0.1:4711/app?user=u",
    );
    becomes(
        "jdbc:sqlserver://db\\main:1433;databaseName=app",
        "jdbc:sqlserver://127.0.0.1:4711;databaseName=app",
    );
    becomes(
        "jdbc:oracle:thin:@//db:1521/service",
        "jdbc:oracle:thin:@//127.0.0.1:4711/service",
    );
}

#[test]
fn the_go_driver_of_mysql() {
    becomes(
        "u:p@tcp(db:3306)/app?parseTime=true",
        "u:p@tcp(127.0.0.1:4711)/app?parseTime=true",
    );
    becomes(
        "u:p@/(x)@tcp([::1]:3306)/app",
        "u:p@/(x)@tcp(127.0.0.1:4711)/app",
    );
    becomes("tcp(db)/", "tcp(127.0.0.1:4711)/");
    becomes("u@(db:3306)/app", "u@(127.0.0.1:4711)/app");
}

#[test]
fn keywords_of_libpq() {
    becomes(
        "host=db.internal port=5432 user=u password='a b' dbname=app",
        "host=127.0.0.1 port=4711 user=u password='a b' dbname=app",
    );
    becomes(
        r"password='host=\'x' host = 'db' dbname=a\ b",
        r"password='host=\'x' host = '127.0.0.1' port=4711 dbname=a\ b",
    );
    becomes(
        "host=db hostaddr=10.0.0.1 port=5432 password=a;b",
        "host=127.0.0.1 hostaddr=127.0.0.1 port=4711 password=a;b",
    );
}

#[test]
fn keywords_of_dotnet() {
    becomes(
        "Host=db;Port=5432;Username=u;Password=\"a\"\";Host=x\"",
        "Host=127.0.0.1;Port=4711;Username=u;Password=\"a\"\";Host=x\"",
    );
    becomes(
        "Server=tcp:db.internal,1433;Initial Catalog=my app;",
        "Server=tcp:127.0.0.1,4711;Initial Catalog=my app;",
    );
    refused("Server=db;Database=app", "it names no port");
}

#[test]
fn every_host_of_a_list_becomes_the_proxy() {
    becomes(
        "mongodb://u:p@a:27017,b:27017,c/app?replicaSet=rs0",
        "mongodb://u:p@127.0.0.1:4711,127.0.0.1:4711,127.0.0.1:4711/app?replicaSet=rs0",
    );
    becomes(
        "nats://a:4222,nats://u@b:4222",
        "nats://127.0.0.1:4711,nats://u@127.0.0.1:4711",
    );
    becomes(
        "host=a,b port=1,2",
        "host=127.0.0.1,127.0.0.1 port=4711,4711",
    );
    becomes("host=a,b port=5432", "host=127.0.0.1,127.0.0.1 port=4711");
    becomes(
        "Host=a:1,b:2;Username=u",
        "Host=127.0.0.1:4711,127.0.0.1:4711;Username=u",
    );
    becomes("kafka-1:9092,[::1]:9093", "127.0.0.1:4711,127.0.0.1:4711");
    becomes("cache:6379/0", "127.0.0.1:4711/0");
}

#[test]
fn a_proxy_on_ipv6_has_brackets_where_a_port_follows() {
    let proxy = "[::1]:4711";
    assert_eq!(
        at("redis://cache/0", proxy).unwrap(),
        "redis://[::1]:4711/0"
    );
    assert_eq!(at("host=db port=1", proxy).unwrap(), "host=::1 port=4711");
}

#[test]
fn what_has_no_host_is_refused_with_the_reason() {
    refused("", "no host and port to be found");
    refused("DATABASE_URL", "no host and port to be found");
    refused("inventory", "no host and port to be found");
    refused("sqlite:///data/app.db", "no host where one should be");
    refused(
        "postgres:///app?host=/run/postgresql",
        "no host where one should be",
    );
    refused("redis://:p#ss@cache:6379", "is no port");
    refused("redis://:6379", "no host where one should be");
    refused(
        "u:p@unix(/run/mysqld.sock)/app",
        "a socket in the file system",
    );
    refused(
        "host=/run/postgresql dbname=app",
        "a socket in the file system",
    );
    refused(
        "postgres://%2Frun%2Fpostgresql/app",
        "a socket in the file system",
    );
    refused(
        "mongodb+srv://u:p@cluster.example.net/app",
        "looked up in DNS",
    );
    refused("postgres://u:pw@db:http/app", "is no port");
    refused("postgres://u:p/w@db:5432/app", "is no port");
    refused("http://::1/", "an IPv6 address in brackets");
    refused("postgres://u:a,b@c@d/app", "where its hosts begin");
    refused("host=db port=postgres", "its `port` is no number");
}

#[test]
fn a_password_is_not_shown() {
    let dsn = Dsn::parse("postgres://u:secret@db:5432/app").unwrap();
    assert_eq!(format!("{dsn:?}"), "Dsn([\"db:5432\"])");
    for text in [
        "postgres://u:secret@db:x/app",
        "u:secret",
        "password=secret",
    ] {
        assert!(!at(text, PROXY).unwrap_err().contains("secret"));
    }
}

/// A host, as it may stand in a text.
fn host() -> impl Strategy<Value = String> {
    let name = "[a-z][a-z0-9-]{0,8}(\\.[a-z]{2,5}){0,2}";
    prop_oneof![
        name.prop_map(|name: String| name),
        any::<std::net::Ipv4Addr>().prop_map(|ip| ip.to_string()),
    ]
}

/// `host:port`, the port or the brackets of IPv6 as it comes.
fn host_and_port() -> impl Strategy<Value = String> {
    let v6 = any::<std::net::Ipv6Addr>().prop_map(|ip| format!("[{ip}]"));
    let port = prop::option::of(any::<u16>());
    (prop_oneof![4 => host(), 1 => v6], port).prop_map(|(host, port)| match port {
        Some(port) => format!("{host}:{port}"),
        None => host,
    })
}

fn hosts() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(host_and_port(), 1..4)
}

/// A text before its hosts, the hosts, and the text after them.
fn url() -> impl Strategy<Value = (String, Vec<String>, String)> {
    let scheme = prop::sample::select(
        &[
            "postgres",
            "http",
            "redis",
            "amqp",
            "jdbc:postgresql",
            "mongodb",
            "mysql+pymysql",
        ][..],
    );
    let user = prop::option::of("[a-z]{0,5}(:[!$&'()*+;=%.~a-zA-Z0-9_-]{0,12})?");
    // After the path and the query nothing matters, not even what looks like hosts.
    let end = "(/[^?#\\p{Cc},]{0,12})?(\\?\\PC{0,16})?(#\\PC{0,8})?";
    (scheme, user, hosts(), end)
        .prop_filter(
            "a semicolon ends the hosts of jdbc",
            |(scheme, user, ..)| {
                !(scheme.starts_with("jdbc")
                    && user.as_ref().is_some_and(|user| user.contains(';')))
            },
        )
        // `u@x(h)/`: what Go's driver would take for its own.
        .prop_filter("no brackets", |(.., end)| !end.contains(")/"))
        .prop_map(|(scheme, user, hosts, end)| {
            let user = user.map(|user| format!("{user}@")).unwrap_or_default();
            (format!("{scheme}://{user}"), hosts, end)
        })
}

fn mysql() -> impl Strategy<Value = (String, Vec<String>, String)> {
    let user = "([a-z]{1,5}(:[^@\\p{Cc}]{0,10})?@)?(tcp|tcp6)?";
    let end = "[a-z]{0,6}(\\?[a-zA-Z=&%0-9]{0,12})?";
    (user, host_and_port(), end)
        .prop_map(|(user, host, end)| (format!("{user}("), vec![host], format!(")/{end}")))
}

/// Pairs of libpq's form, and which of them are host and port.
fn libpq() -> impl Strategy<Value = Vec<(String, String)>> {
    let quoted = "'([^'\\\\]|\\\\.){0,8}'";
    let bare = "[a-zA-Z0-9;:/@.,]{1,8}";
    let value = prop_oneof![
        quoted.prop_map(|value: String| value),
        bare.prop_map(|value: String| value)
    ];
    let key = prop::sample::select(&["user", "password", "dbname", "application_name"][..]);
    let other = (key, value).prop_map(|(key, value)| (key.to_owned(), value));
    let others = prop::collection::vec(other, 0..4);
    (others, host(), any::<u16>(), any::<prop::sample::Index>()).prop_map(
        |(mut pairs, host, port, place)| {
            pairs.insert(place.index(pairs.len() + 1), ("host".to_owned(), host));
            pairs.push(("port".to_owned(), port.to_string()));
            pairs
        },
    )
}

fn written(pairs: &[(String, String)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    pairs.join(" ")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

    #[test]
    fn nothing_of_a_url_changes_but_hosts_and_ports((before, hosts, after) in url()) {
        let text = format!("{before}{}{after}", hosts.join(","));
        let expected = format!("{before}{}{after}", vec![PROXY; hosts.len()].join(","));
        prop_assert_eq!(at(&text, PROXY), Ok(expected));
    }

    #[test]
    fn nothing_of_a_mysql_dsn_changes_but_host_and_port((before, hosts, after) in mysql()) {
        let text = format!("{before}{}{after}", hosts.join(","));
        prop_assert_eq!(at(&text, PROXY), Ok(format!("{before}{PROXY}{after}")));
    }

    #[test]
    fn nothing_of_keywords_changes_but_host_and_port(pairs in libpq()) {
        let mut expected = pairs.clone();
        for (key, value) in &mut expected {
            match key.as_str() {
                "host" => "127.0.0.1".clone_into(value),
                "port" => "4711".clone_into(value),
                _ => {}
            }
        }
        prop_assert_eq!(at(&written(&pairs), PROXY), Ok(written(&expected)));
    }

    #[test]
    fn what_was_replaced_can_be_replaced_again((before, hosts, after) in url()) {
        let text = format!("{before}{}{after}", hosts.join(","));
        let once = at(&text, "[::1]:9").unwrap();
        prop_assert_eq!(at(&once, PROXY), at(&text, PROXY));
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC*") {
        let _ = at(&text, PROXY);
    }

    #[test]
    fn no_pieces_of_a_dsn_make_it_panic(
        pieces in prop::collection::vec(
            prop::sample::select(&["a", "é", ":", "//", "/", "@", ",", "(", ")/", "tcp", "host=", "port=", "=",
                "'", "\"", "\\", ";", " ", "[", "]", "::1", "5432", "jdbc:", "a://", "?", "#", "%2F"][..]),
            0..16,
        )
    ) {
        let _ = at(&pieces.concat(), PROXY);
    }
}
