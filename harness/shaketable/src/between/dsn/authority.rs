//! `user:password@host:port,host:port`: the part of a URL that says whom to call.

use std::ops::Range;

use super::{Put, Spot};

/// The hosts of an authority.
pub(super) struct Authority {
    pub(super) spots: Vec<Spot>,
    /// Whether each host has a port.
    pub(super) has_ports: bool,
}

impl Authority {
    /// Reads a stretch of the text.
    pub(super) fn read(text: &str, place: Range<usize>) -> Result<Self, String> {
        let whole = &text[place.clone()];
        let hosts_from = whole.rfind('@').map_or(0, |at| at + 1);
        let user = &whole[..hosts_from.saturating_sub(1)];
        if user.contains('@') && user.contains(',') {
            return Err(
                "it cannot be said where its hosts begin: there are several `@` and `,`; write \
                 those of the password as %40 and %2C"
                    .to_owned(),
            );
        }
        let mut authority = Self {
            spots: Vec::new(),
            has_ports: true,
        };
        let mut from = place.start + hosts_from;
        for host in whole[hosts_from..].split(',') {
            let until = from + host.len();
            authority.has_ports &= has_port(host)?;
            authority.spots.push(Spot {
                place: from..until,
                put: Put::Address,
            });
            from = until + 1;
        }
        Ok(authority)
    }
}

/// Whether a host has a port with it; an error where it is no host.
fn has_port(host_and_port: &str) -> Result<bool, String> {
    let (host, port) = if let Some(inside) = host_and_port.strip_prefix('[') {
        let (host, after) = inside.split_once(']').unwrap_or((inside, "?"));
        match (after.strip_prefix(':'), after) {
            (Some(port), _) => (host, Some(port)),
            (None, "") => (host, None),
            _ => return Err(no_host()),
        }
    } else {
        match host_and_port.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (host_and_port, None),
        }
    };
    let has_port = match port {
        None | Some("") => false,
        Some(port) if is_port(port) => true,
        Some(_) => return Err(
            "what stands after the host is no port; write a number after the last `:`, an IPv6 \
             address in brackets, and `/`, `?`, `#` and `@` in a password as %2F, %3F, %23 and %40"
                .to_owned(),
        ),
    };
    is_host(host)?;
    Ok(has_port)
}

/// An error where the text is not the name or the address of a host.
pub(super) fn is_host(host: &str) -> Result<(), String> {
    if host.is_empty() {
        return Err(no_host());
    }
    if host.starts_with(['/', '@']) || host.to_ascii_lowercase().starts_with("%2f") {
        return Err(
            "it leads to a socket in the file system, and nothing can be put in between there; \
             have the caller use host and port"
                .to_owned(),
        );
    }
    let never = |c: char| c.is_whitespace() || c.is_control() || "()<>{}[]\"'=;".contains(c);
    if host.contains(never) {
        Err(no_host())
    } else {
        Ok(())
    }
}

/// Whether the text is the number of a port.
pub(super) fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
}

fn no_host() -> String {
    "there is no host where one should be; write it out, and `/`, `?` and `#` in a password as \
     %2F, %3F and %23"
        .to_owned()
}
