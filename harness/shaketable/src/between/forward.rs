//! A caller that is told of an HTTP proxy, and not of its dependencies: the variables that every
//! such caller knows, and names for those that have to be told otherwise.

use std::net::SocketAddr;

/// The variables by which a caller is told of its HTTP proxy. Some programs know only the small
/// letters, some only the capitals.
pub const GIVEN: [&str; 4] = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"];
/// The variables that would have a caller go around its proxy; they are emptied, whatever they are
/// where the harness runs.
pub const EMPTIED: [&str; 2] = ["NO_PROXY", "no_proxy"];
/// The plain names for command lines, environments and templates: the URL, and its parts.
pub const NAMES: [&str; 3] = ["HTTP_PROXY", "HTTP_PROXY_HOST", "HTTP_PROXY_PORT"];

/// The environment of a caller whose HTTP proxy is there.
pub fn variables(proxy: SocketAddr) -> Vec<(String, String)> {
    let url = format!("http://{proxy}");
    let given = GIVEN.map(|name| (name.to_owned(), url.clone()));
    let emptied = EMPTIED.map(|name| (name.to_owned(), String::new()));
    given.into_iter().chain(emptied).collect()
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
    fn a_caller_is_told_in_every_way_and_goes_around_for_nobody() {
        let proxy: SocketAddr = "127.0.0.1:8080".parse().unwrap();
        let told = variables(proxy);
        assert!(told.contains(&("http_proxy".into(), "http://127.0.0.1:8080".into())));
        assert!(told.contains(&("NO_PROXY".into(), String::new())));
        assert_eq!(told.len(), 6);
        assert_eq!(names(proxy)[2], ("HTTP_PROXY_PORT".into(), "8080".into()));
    }
}
