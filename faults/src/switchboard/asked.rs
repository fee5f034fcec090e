//! Whom a request to a forward proxy is for (RFC 9112, section 3.2).

use super::route::apart;

/// Whom a request is for, and what it asks of whom it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// As routes have it.
    pub(super) host: String,
    pub(super) port: u16,
    /// What is to be done for it.
    pub(super) way: Way,
}

/// What a forward proxy is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// To make a tunnel (CONNECT).
    Tunnel,
    /// To pass the request on, with this target and this Host.
    Request {
        /// What the target becomes: a path, or `*`.
        target: String,
        /// Host and port as they were asked for.
        host: String,
    },
}

/// Reads the target of a request; `None` where it is none that a forward proxy gets.
pub(super) fn read(method: &str, target: &str) -> Option<Asked> {
    if method == "CONNECT" {
        let (host, port) = apart(target)?;
        let port = port?.parse().ok()?;
        let way = Way::Tunnel;
        return Some(Asked { host, port, way });
    }
    let (scheme, rest) = target.split_once("://")?;
    let default = match scheme {
        _ if scheme.eq_ignore_ascii_case("http") => 80,
        _ if scheme.eq_ignore_ascii_case("https") => 443,
        _ => return None,
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    // Who asks was once written before the host; nobody is to be told.
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = apart(authority)?;
    let port = match port {
        None => default,
        Some(port) => port.parse().ok()?,
    };
    let target = match path {
        "" if method == "OPTIONS" => "*".to_owned(),
        path if path.starts_with('/') => path.to_owned(),
        path => format!("/{path}"),
    };
    let way = Way::Request {
        target,
        host: authority.to_owned(),
    };
    Some(Asked { host, port, way })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_targets_become_paths() {
        for (target, host, port, path) in [
            ("http://a.b/c?d", "a.b", 80, "/c?d"),
            ("http://A.b:8080/", "a.b", 8080, "/"),
            ("https://a.b", "a.b", 443, "/"),
            ("HTTP://a.b?x=1", "a.b", 80, "/?x=1"),
            ("http://me:secret@a.b/c", "a.b", 80, "/c"),
            ("http://[::1]:80/http://x", "::1", 80, "/http://x"),
        ] {
            let asked = read("GET", target).unwrap();
            assert_eq!((asked.host.as_str(), asked.port), (host, port), "{target}");
            let Way::Request { target: to, host } = asked.way else {
                panic!("{target}")
            };
            assert_eq!(to, path);
            assert!(!host.contains('@'), "{host}");
        }
        let asked = read("OPTIONS", "http://a.b").unwrap();
        assert!(matches!(asked.way, Way::Request { target, .. } if target == "*"));
    }

    #[test]
    fn a_tunnel_is_asked_for_by_host_and_port() {
        let asked = read("CONNECT", "A.b:443").unwrap();
        assert_eq!(
            (asked.host.as_str(), asked.port, asked.way),
            ("a.b", 443, Way::Tunnel)
        );
        assert_eq!(read("CONNECT", "a.b"), None);
        assert_eq!(read("CONNECT", "http://a.b/"), None);
    }

    #[test]
    fn what_is_for_nobody_else_is_nothing_for_a_forward_proxy() {
        for target in ["/path", "*", "ftp://a.b/", "http:///path", "http://a b/"] {
            assert_eq!(read("GET", target), None, "{target}");
        }
    }
}
