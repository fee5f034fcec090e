//! Which host, and port, leads to which edge.

use std::fmt;
use std::str::FromStr;

/// A host as callers ask for it: `inventory.prod.internal` at any port, or `pay.prod:8080`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The name, or the IP address; in small letters, without brackets and without a dot behind it.
    pub host: String,
    /// The port; any where it is left out.
    pub port: Option<u16>,
}

impl Route {
    pub(super) fn fits(&self, host: &str, port: u16) -> bool {
        self.host == host && self.port.is_none_or(|own| own == port)
    }
}

/// Why a text is no route: a fragment that reads after the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is neither a host nor `host:port`")]
pub struct NoRoute;

impl FromStr for Route {
    type Err = NoRoute;

    fn from_str(text: &str) -> Result<Self, NoRoute> {
        let (host, port) = apart(text).ok_or(NoRoute)?;
        let port = match port {
            None => None,
            Some(port) => Some(port.parse().ok().filter(|port| *port > 0).ok_or(NoRoute)?),
        };
        Ok(Self { host, port })
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Host and port of an authority; the host as routes have it.
pub(super) fn apart(authority: &str) -> Option<(String, Option<&str>)> {
    let (host, port) = if let Some(inside) = authority.strip_prefix('[') {
        let (host, rest) = inside.split_once(']')?;
        let port = match rest {
            "" => None,
            rest => Some(rest.strip_prefix(':')?),
        };
        (host, port)
    } else {
        match authority.split_once(':') {
            None => (authority, None),
            Some((host, port)) => (host, Some(port)),
        }
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '%');
    let right = !host.is_empty() && host.chars().all(fits);
    right.then(|| {
        (
            host.to_ascii_lowercase(),
            port.filter(|port| !port.is_empty()),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_with_and_without_ports() {
        for (text, host, port) in [
            ("inventory.prod", "inventory.prod", None),
            ("Inventory.Prod.", "inventory.prod", None),
            ("pay:8080", "pay", Some(8080)),
            ("10.0.0.7:80", "10.0.0.7", Some(80)),
            ("[::1]:80", "::1", Some(80)),
            ("[::1]", "::1", None),
        ] {
            let route: Route = text.parse().unwrap();
            assert_eq!((route.host.as_str(), route.port), (host, port), "{text}");
            assert_eq!(route.to_string().parse(), Ok(route));
        }
        for text in [
            "", ":80", "a b", "a:port", "a:0", "a:70000", "http://a", "::1", "[::1",
        ] {
            assert_eq!(text.parse::<Route>(), Err(NoRoute), "{text}");
        }
    }
}
