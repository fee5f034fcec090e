//! Listen addresses, taken apart and looked up as Go does it, with its words for what is wrong.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How long a name may take to be looked up.
const LOOKUP_MAX: Duration = Duration::from_secs(5);

/// Finds the address of a `host:port`. Without a host it is `hostless`, without a port any free
/// one.
pub(super) async fn resolve(text: &str, hostless: IpAddr) -> Result<SocketAddr, String> {
    if text.is_empty() {
        return Ok(SocketAddr::new(hostless, 0));
    }
    let (host, port) = split(text)?;
    let port = number(port)?;
    if host.is_empty() {
        return Ok(SocketAddr::new(hostless, port));
    }
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, port));
    }
    let unknown = || format!("lookup {host}: no such host");
    let found = tokio::time::timeout(LOOKUP_MAX, tokio::net::lookup_host((host, port)));
    let found: Vec<_> = match found.await {
        Ok(found) => found.map_err(|_| unknown())?.collect(),
        Err(_) => return Err(format!("lookup {host}: i/o timeout")),
    };
    let v4 = found.iter().find(|address| address.is_ipv4());
    v4.or(found.first()).copied().ok_or_else(unknown)
}

/// Host and port, without brackets.
fn split(text: &str) -> Result<(&str, &str), String> {
    let missing = || format!("address {text}: missing port in address");
    let many = || format!("address {text}: too many colons in address");
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest
            .split_once(']')
            .ok_or_else(|| format!("address {text}: missing ']' in address"))?;
        return match rest.strip_prefix(':') {
            Some(port) if port.contains(':') => Err(many()),
            Some(port) => Ok((host, port)),
            None => Err(missing()),
        };
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(missing)?;
    if host.contains(':') {
        return Err(many());
    }
    Ok((host, port))
}

fn number(port: &str) -> Result<u16, String> {
    if port.is_empty() {
        return Ok(0);
    }
    if !port.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("lookup tcp/{port}: unknown port"));
    }
    port.parse()
        .map_err(|_| format!("address {port}: invalid port"))
}

/// Whether a name of an upstream can lead anywhere.
pub(super) fn has_port(upstream: &str) -> bool {
    split(upstream).is_ok_and(|(_, port)| number(port).is_ok_and(|port| port != 0))
}

/// Why an address could not be listened on.
pub(super) fn bind_error(address: SocketAddr, error: &io::Error) -> String {
    let why = match error.kind() {
        io::ErrorKind::AddrInUse => "bind: address already in use".to_owned(),
        io::ErrorKind::AddrNotAvailable => "bind: cannot assign requested address".to_owned(),
        io::ErrorKind::PermissionDenied => "bind: permission denied".to_owned(),
        _ => error.to_string(),
    };
    format!("listen tcp {address}: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTLESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    async fn resolved(text: &str) -> Result<String, String> {
        resolve(text, HOSTLESS).await.map(|a| a.to_string())
    }

    #[tokio::test]
    async fn addresses_are_read_as_go_reads_them() {
        let fine = [
            ("localhost:80", "127.0.0.1:80"),
            ("127.0.0.2:0", "127.0.0.2:0"),
            (":8080", "127.0.0.1:8080"),
            ("", "127.0.0.1:0"),
            ("[::1]:7", "[::1]:7"),
            ("0.0.0.0:", "0.0.0.0:0"),
        ];
        for (text, wanted) in fine {
            assert_eq!(resolved(text).await.as_deref(), Ok(wanted), "{text}");
        }
        let wrong = [
            ("bad", "address bad: missing port in address"),
            ("[::1]", "address [::1]: missing port in address"),
            ("::1:80", "address ::1:80: too many colons in address"),
            ("localhost:99999", "address 99999: invalid port"),
            ("localhost:web", "lookup tcp/web: unknown port"),
        ];
        for (text, wanted) in wrong {
            assert_eq!(resolved(text).await, Err(wanted.to_owned()), "{text}");
        }
    }

    #[test]
    fn an_upstream_wants_a_port() {
        assert!(has_port("db:5432") && has_port("[::1]:1"));
        assert!(!has_port("db") && !has_port("db:") && !has_port("db:x"));
    }
}
