//! The texts of a suite that have a form of their own: command lines, paths, addresses, names.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;
use shaketable_faults::switchboard::Route;
use shaketable_faults::units;

use crate::load::script::Pattern;
use crate::suite::variables::is_name;

/// A text, a number or a truth value, which counts as the text that it is written as. Whether
/// `$NAME` in it is replaced at the start is part of the type.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::suite) struct Scalar<const EXPANDED: bool>(pub(in crate::suite) String);

impl<const EXPANDED: bool> JsonSchema for Scalar<EXPANDED> {
    fn schema_name() -> Cow<'static, str> {
        if EXPANDED {
            "ExpandedScalar".into()
        } else {
            "Scalar".into()
        }
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let format = if EXPANDED {
            "expanded-scalar"
        } else {
            "scalar"
        };
        json_schema!({ "type": ["string", "number", "boolean"], "format": format })
    }
}

/// A program with its arguments.
#[derive(Clone, Debug)]
pub(in crate::suite) enum CommandLine {
    /// As in a shell, not yet split.
    Line(String),
    /// Word by word.
    Words(Vec<String>),
}

impl<'de> Deserialize<'de> for CommandLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(line) => Ok(Self::Line(line)),
            words => serde_json::from_value(words)
                .map(Self::Words)
                .map_err(de::Error::custom),
        }
    }
}

impl JsonSchema for CommandLine {
    fn schema_name() -> Cow<'static, str> {
        "CommandLine".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let word = generator.subschema_for::<Scalar<true>>();
        json_schema!({
            "oneOf": [
                { "type": "string", "format": "command-line", "title": "command line" },
                { "type": "array", "items": word, "title": "list of words" },
            ],
        })
    }
}

/// One command line, or several.
#[derive(Clone, Debug)]
pub(in crate::suite) struct Commands(pub(in crate::suite) Vec<CommandLine>);

impl<'de> Deserialize<'de> for Commands {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(line) => Ok(Self(vec![CommandLine::Line(line)])),
            lines => serde_json::from_value(lines)
                .map(Self)
                .map_err(de::Error::custom),
        }
    }
}

impl JsonSchema for Commands {
    fn schema_name() -> Cow<'static, str> {
        "Commands".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let line = generator.subschema_for::<CommandLine>();
        json_schema!({
            "oneOf": [
                { "type": "string", "format": "command-line", "title": "command line" },
                { "type": "array", "items": line, "title": "list of command lines" },
            ],
        })
    }
}

/// Declares a text with a form: type, format, pattern, example, and what is wrong with one.
macro_rules! formed_text {
    ($($(#[$doc:meta])* $name:ident, $format:literal, $pattern:literal, $example:literal, $wrong:expr;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
            pub(in crate::suite) struct $name(pub(in crate::suite) String);

            impl JsonSchema for $name {
                fn schema_name() -> Cow<'static, str> {
                    stringify!($name).into()
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    json_schema!({
                        "type": "string",
                        "format": $format,
                        "pattern": $pattern,
                        "examples": [$example],
                    })
                }
            }
        )*

        /// Says what is wrong with a text of a format, and after a `;` what to do about it; `None`
        /// when it is fine or the format is not one that says.
        pub(in crate::suite) fn complaint(format: &str, text: &str) -> Option<String> {
            match format {
                $($format => { let wrong: fn(&str) -> Option<String> = $wrong; wrong(text) })*
                other => units::complaint(other, text),
            }
        }
    };
}

formed_text! {
    /// The path of a request: `/orders/1?fresh=1`.
    HttpPath, "http-path", r"^/[!-~]*$", "/orders/1", |text| {
        if !text.starts_with('/') {
            Some(format!("`{text}` is not a path; begin it with `/`, as in /orders/1"))
        } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains('#') {
            Some(format!(
                "`{text}` cannot be sent as a path; write spaces and everything beyond ASCII as %20 and so on"
            ))
        } else {
            None
        }
    };
    /// The path of a request of the load: `/orders/{{order}}`.
    RequestPath, "request-path", r"^(/|\{\{)", "/orders/1", |text| path_complaint(text);
    /// A header: `X-Request-Id`.
    HeaderName, "header-name", r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", "X-Request-Id", |text| {
        text.parse::<http::HeaderName>().is_err().then(|| format!(
            "`{text}` cannot name a header; use letters, digits and `-`, as in X-Request-Id"
        ))
    };
    /// A JSON pointer (RFC 6901): `/customer/id`.
    JsonPointer, "JSON-pointer", r"^(/.*)?$", "/customer/id", |text| pointer_complaint(text);
    /// A regular expression: `id=(\d+)`.
    RegexText, "regular-expression", r"^.+$", r"id=(\d+)", |text| match Pattern::new(text) {
        _ if text.is_empty() => Some("an empty expression is found everywhere; write what to look for".to_owned()),
        Ok(_) => None,
        Err(wrong) => Some(format!("`{text}` is no regular expression: {wrong}")),
    };
    /// A class of statuses: `2xx`.
    StatusClass, "status-class", r"^[1-5]xx$", "2xx", |text| {
        let fits = text.strip_suffix("xx").is_some_and(|class| matches!(class, "1" | "2" | "3" | "4" | "5"));
        (!fits).then(|| format!("`{text}` is no class of statuses; write one as in 2xx, or a status as in 200"))
    };
    /// An environment variable: `INVENTORY_URL`.
    VariableName, "variable-name", "^[A-Za-z_][A-Za-z0-9_]*$", "INVENTORY_URL", |text| {
        (!is_name(text)).then(|| format!(
            "`{text}` cannot name an environment variable; use letters, digits and `_`, as in INVENTORY_URL"
        ))
    };
    /// Where something listens: `127.0.0.1:8080`.
    SocketAddress, "socket-address", r"^(127\.[0-9.]+|\[::1\]):[0-9]+$", "127.0.0.1:8080", |text| {
        match text.parse::<SocketAddr>() {
            Err(_) => Some(format!("`{text}` is not an address; write IP and port, as in 127.0.0.1:8080")),
            Ok(address) if address.port() == 0 => {
                Some(format!("`{text}` has no port; write the one at which the service listens"))
            }
            Ok(address) if !address.ip().is_loopback() => Some(format!(
                "`{text}` is not on this machine; load and faults go to loopback only, as in 127.0.0.1:8080"
            )),
            Ok(_) => None,
        }
    };
    /// Where a proxy is to listen: `127.0.0.5:9092`.
    ListenAddress, "listen-address", r"^(127\.[0-9.]+|\[::1\]):[0-9]+$", "127.0.0.5:9092", |text| {
        match text.parse::<SocketAddr>() {
            Err(_) => Some(format!(
                "`{text}` is not an address; write IP and port, as in 127.0.0.5:9092"
            )),
            Ok(address) if address.port() == 0 => {
                Some(format!("`{text}` has no port; write the one that the caller calls"))
            }
            Ok(address) if !address.ip().is_loopback() => Some(format!(
                "`{text}` is not on this machine alone; a proxy listens on loopback only: at any address \
                 from 127.0.0.1 to 127.255.255.254, or at [::1]"
            )),
            Ok(_) => None,
        }
    };
    /// The name of a host: `inventory.prod.internal`.
    HostName, "host-name", r"^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$", "inventory.prod.internal", |text| {
        if text.parse::<IpAddr>().is_ok() {
            Some(format!(
                "`{text}` is an address; one on loopback can be written as `listen`, no other can be given away"
            ))
        } else if text.eq_ignore_ascii_case("localhost") {
            Some("`localhost` is this machine for everybody; write the `listen` address instead".to_owned())
        } else if !names_a_host(text) {
            Some(format!(
                "`{text}` cannot name a host; use letters, digits, `-` and `.`, as in inventory.prod.internal"
            ))
        } else {
            None
        }
    };
    /// What is asked of an HTTP proxy: `inventory.prod.internal`, `pay.prod:8080`.
    ProxiedHost, "proxied-host", r"^[A-Za-z0-9_\[][A-Za-z0-9_.:\]-]*$", "pay.prod:8080", |text| {
        let fits = |route: Route| route.host.parse::<IpAddr>().is_ok() || names_a_host(&route.host);
        (!text.parse().is_ok_and(fits)).then(|| format!(
            "`{text}` is no host, with or without a port; write whom the caller asks for, as in pay.prod:8080"
        ))
    };
    /// Whom a certificate is for: `db.internal`, `127.0.0.1`.
    ServerName, "server-name", r"^[A-Za-z0-9_:]([A-Za-z0-9_.:-]*[A-Za-z0-9_])?$", "db.internal", |text| {
        (text.parse::<IpAddr>().is_err() && !names_a_host(text)).then(|| format!(
            "`{text}` is neither a host's name nor an IP address; write the one in the certificate, as in \
             db.internal"
        ))
    };
    /// A file with rows: `orders.csv`.
    DataFile, "data-file", r"\.(csv|json)$", "orders.csv", |text| {
        let ending = std::path::Path::new(text).extension();
        let known = ending.is_some_and(|ending| ending == "csv" || ending == "json");
        (!known || text.contains('\0')).then(|| format!(
            "`{text}` is no file with data; it ends in .csv or .json, as in orders.csv"
        ))
    };
    /// A file with a JSON Schema: `order.schema.json`.
    SchemaFile, "schema-file", r"\.json$", "order.schema.json", |text| {
        let ending = std::path::Path::new(text).extension();
        let known = ending.is_some_and(|ending| ending == "json");
        (!known || text.contains('\0')).then(|| format!(
            "`{text}` is no file with a JSON Schema; it ends in .json, as in order.schema.json"
        ))
    };
    /// A file of certificates (PEM): `certs/ca.pem`.
    CertificateFile, "certificate-file", r"^[^\x00]+$", "certs/ca.pem", |text| {
        (text.is_empty() || text.contains('\0')).then(|| {
            "this names no file; write the one with the certificates, as in certs/ca.pem".to_owned()
        })
    };
}

/// What is wrong with a path in which `{{…}}` may stand; what that holds is checked elsewhere.
fn path_complaint(text: &str) -> Option<String> {
    let mut own = String::new();
    let mut rest = text;
    while let Some((before, inside)) = rest.split_once("{{") {
        own.push_str(before);
        // One that is left open is told by whoever reads what it holds.
        rest = inside.split_once("}}").map_or("", |(_, after)| after);
    }
    own.push_str(rest);
    if text.starts_with("{{") {
        own.insert(0, '/');
    }
    let wrong = complaint("http-path", &own)?;
    let (_, help) = wrong.split_once("; ").unwrap_or_default();
    Some(if own.starts_with('/') {
        format!("`{text}` cannot be sent as a path; {help}")
    } else {
        format!("`{text}` is not a path; {help}")
    })
}

/// What is wrong with a JSON pointer.
pub(in crate::suite) fn pointer_complaint(text: &str) -> Option<String> {
    if !text.is_empty() && !text.starts_with('/') {
        let meant = text.replace('.', "/");
        return Some(format!(
            "`{text}` is not a JSON pointer; did you mean `/{meant}`?"
        ));
    }
    let escaped = |part: &str| part.starts_with(['0', '1']);
    (!text.split('~').skip(1).all(escaped)).then(|| {
        format!("`{text}` is not a JSON pointer; write `~0` for `~`, and `~1` for `/` in a key")
    })
}

/// Whether a host can have this name.
fn names_a_host(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}
