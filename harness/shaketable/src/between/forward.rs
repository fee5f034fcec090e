//! A caller that is told of an HTTP proxy, and not of its dependencies: the variables that every
//! such caller knows, and names for those that have to be told otherwise.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// The variables by which a caller is told of its HTTP proxy. Some programs know only the small
/// letters, some only the capitals.
pub const GIVEN: [&str; 4] = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"];
/// The variables by which a caller is told whom to reach directly.
const AROUND: [&str; 2] = ["NO_PROXY", "no_proxy"];
/// The plain names for command lines, environments and templates: the URL, and its parts.
pub const NAMES: [&str; 3] = ["HTTP_PROXY", "HTTP_PROXY_HOST", "HTTP_PROXY_PORT"];

/// The environment of a caller whose HTTP proxy is there. Whatever holds where the harness runs, it
/// goes around it for this machine alone: for `localhost`, and for the addresses of other proxies of
/// its own, where a refusal is to be a refusal. `asked` says whether it asks the HTTP proxy for a host.
pub fn variables(
    proxy: SocketAddr,
    own: impl IntoIterator<Item = IpAddr>,
    asked: impl Fn(&str) -> bool,
) -> Vec<(String, String)> {
    let url = format!("http://{proxy}");
    let given = GIVEN.map(|name| (name.to_owned(), url.clone()));
    let own: BTreeSet<IpAddr> = own.into_iter().collect();
    let own = own.iter().map(IpAddr::to_string);
    let around = std::iter::once("localhost".to_owned()).chain(own);
    let around: Vec<String> = around.filter(|host| !asked(host)).collect();
    let around = AROUND.map(|name| (name.to_owned(), around.join(",")));
    given.into_iter().chain(around).collect()
}

/// What the plain names stand for.
pub fn names(proxy: SocketAddr) -> [(String, String); 3] {
    let [url, host, port] = NAMES.map(str::to_owned);
    [
        (url, format!("http://{proxy}")),
        (host, proxy.ip().to_string()),
        (port, proxy.port().to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_told_in_every_way_and_goes_around_for_this_machine_alone() {
        let proxy: SocketAddr = "127.0.0.1:8080".parse().unwrap();
        let own = || ["127.0.0.5", "127.0.0.1", "127.0.0.5"].map(|ip| ip.parse().unwrap());
        let told = variables(proxy, own(), |_| false);
        let holds = |name: &str, value: &str| told.contains(&(name.into(), value.into()));
        assert!(holds("http_proxy", "http://127.0.0.1:8080"));
        assert!(holds("HTTPS_PROXY", "http://127.0.0.1:8080"));
        assert!(holds("NO_PROXY", "localhost,127.0.0.1,127.0.0.5"));
        assert!(holds("no_proxy", "localhost,127.0.0.1,127.0.0.5"));
        assert_eq!(told.len(), 6);
        let told = variables(proxy, own(), |host| host == "127.0.0.1");
        assert_eq!(told[4].1, "localhost,127.0.0.5");
        assert_eq!(names(proxy)[2], ("HTTP_PROXY_PORT".into(), "8080".into()));
    }
}
