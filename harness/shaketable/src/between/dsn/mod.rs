//! Texts in which a program finds its dependency among other things: URLs, data source names. Only
//! host and port are replaced; everything else stays as it was written.
//!
//! Every host of a list becomes the proxy, because an edge leads to one callee; a caller that goes
//! through its list meets the same proxy again.

mod authority;
mod keywords;
mod mysql;
mod url;

use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;

use self::authority::Authority;

/// A text with the places of its hosts and ports.
#[derive(Clone, PartialEq, Eq)]
pub struct Dsn {
    text: String,
    /// In the order of the text, none within another.
    spots: Vec<Spot>,
}

/// Never with its text: there is often a password in it.
impl fmt::Debug for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.spots.iter().map(|spot| &self.text[spot.place.clone()]);
        f.debug_tuple("Dsn")
            .field(&hosts.collect::<Vec<_>>())
            .finish()
    }
}

/// A stretch of the text, and what comes in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Spot {
    place: Range<usize>,
    put: Put,
}

/// What is put into the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Put {
    /// `HOST:PORT`.
    Address,
    /// The host alone.
    Host,
    /// The port alone.
    Port,
    /// ` port=PORT`, where the text had none.
    PortKeyword,
}

impl Dsn {
    /// Finds the hosts and ports of a text. The error says what is wrong, and after a `;` what to
    /// do; nothing that may be secret is in it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut spots = find(text)?;
        spots.sort_by_key(|spot| spot.place.start);
        Ok(Self {
            text: text.to_owned(),
            spots,
        })
    }

    /// The text with the proxy in the place of every host.
    pub fn at(&self, proxy: SocketAddr) -> String {
        let mut text = String::with_capacity(self.text.len() + 32);
        let mut from = 0;
        for spot in &self.spots {
            text.push_str(&self.text[from..spot.place.start]);
            let put = match spot.put {
                Put::Address => proxy.to_string(),
                Put::Host => proxy.ip().to_string(),
                Put::Port => proxy.port().to_string(),
                Put::PortKeyword => format!(" port={}", proxy.port()),
            };
            text.push_str(&put);
            from = spot.place.end;
        }
        text.push_str(&self.text[from..]);
        text
    }
}

fn find(text: &str) -> Result<Vec<Spot>, String> {
    if let Some(address) = mysql::address(text) {
        return mysql::spots(text, &address);
    }
    if url::has_scheme(text) {
        return url::spots(text);
    }
    if let Some(spots) = keywords::spots(text)? {
        return Ok(spots);
    }
    // `kafka-1:9092,kafka-2:9092`
    let end = text.find(['/', '?', '#']).unwrap_or(text.len());
    let plain = Authority::read(text, 0..end).ok();
    plain
        .filter(|plain| plain.has_ports && !text[end..].contains('@'))
        .map(|plain| plain.spots)
        .ok_or_else(|| {
            "there is no host and port to be found in this text; write it as \
             `scheme://host:port/…`, `user:password@tcp(host:port)/…`, `host=… port=…` or \
             `host:port`"
                .to_owned()
        })
}

#[cfg(test)]
mod tests;
