//! What a variable of an edge holds.

use std::net::SocketAddr;

use super::dsn::Dsn;

/// What a variable of an edge holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// `http://HOST:PORT`, and this path after it; it is empty or begins with `/`.
    Url(String),
    /// The same for a caller that speaks TLS: `https://HOST:PORT`.
    SecureUrl(String),
    /// `HOST:PORT`.
    Address,
    /// The host alone: an IP address.
    Host,
    /// The port alone.
    Port,
    /// A text in which host and port are replaced.
    Dsn(Dsn),
}

impl Form {
    /// A URL with this path, for a caller that speaks TLS or does not.
    pub fn url(path: String, secure: bool) -> Self {
        if secure {
            Self::SecureUrl(path)
        } else {
            Self::Url(path)
        }
    }

    /// The value for a proxy at this address.
    pub fn text(&self, proxy: SocketAddr) -> String {
        match self {
            Self::Url(path) => format!("http://{proxy}{path}"),
            Self::SecureUrl(path) => format!("https://{proxy}{path}"),
            Self::Address => proxy.to_string(),
            Self::Host => proxy.ip().to_string(),
            Self::Port => proxy.port().to_string(),
            Self::Dsn(dsn) => dsn.at(proxy),
        }
    }

    /// Whether a caller learns the port from it.
    pub fn tells_port(&self) -> bool {
        !matches!(self, Self::Host)
    }

    /// What it is called in a plan: `URL`, `host`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Url(_) | Self::SecureUrl(_) => "URL",
            Self::Address => "address",
            Self::Host => "host",
            Self::Port => "port",
            Self::Dsn(_) => "DSN",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_address() {
        let v4: SocketAddr = "127.0.0.5:9092".parse().unwrap();
        let v6: SocketAddr = "[::1]:9092".parse().unwrap();
        let dsn = Form::Dsn(Dsn::parse("redis://:pw@cache/0").unwrap());
        for (form, on_v4, on_v6) in [
            (
                Form::Url(String::new()),
                "http://127.0.0.5:9092",
                "http://[::1]:9092",
            ),
            (
                Form::Url("/v1".to_owned()),
                "http://127.0.0.5:9092/v1",
                "http://[::1]:9092/v1",
            ),
            (
                Form::SecureUrl("/v1".to_owned()),
                "https://127.0.0.5:9092/v1",
                "https://[::1]:9092/v1",
            ),
            (Form::Address, "127.0.0.5:9092", "[::1]:9092"),
            (Form::Host, "127.0.0.5", "::1"),
            (Form::Port, "9092", "9092"),
            (
                dsn,
                "redis://:pw@127.0.0.5:9092/0",
                "redis://:pw@[::1]:9092/0",
            ),
        ] {
            assert_eq!((form.text(v4), form.text(v6)), (on_v4.into(), on_v6.into()));
        }
    }
}
