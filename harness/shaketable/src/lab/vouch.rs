//! TLS in a lab: the authority that vouches for its proxies, and the callees that they believe.

use std::io;
use std::path::{Path, PathBuf};

use shaketable_faults::plane::Proxy;
use shaketable_faults::tls::{Authority, TlsError, ToCallee};

use super::start::LabError;
use crate::suite::{CalleeTls, Edge};

/// The authority of one lab, and the file with its certificate, which callers are told of.
pub(super) struct Voucher {
    authority: Authority,
    pub(super) file: PathBuf,
}

impl Voucher {
    /// An authority for a lab in which callers speak TLS; its certificate is a file in `dir`.
    pub(super) fn new(edges: &[Edge], dir: &Path) -> Result<Option<Self>, LabError> {
        let Some(first) = edges.iter().find(|edge| edge.tls.from_caller) else {
            return Ok(None);
        };
        let authority = Authority::new().map_err(|source| of_edge(first, source))?;
        let file = dir.join("ca.pem");
        // Services run in directories of their own.
        let absolute = std::path::absolute(&file).and_then(|file| {
            std::fs::write(&file, authority.pem())?;
            Ok(file)
        });
        let file = absolute.map_err(|source| LabError::Own {
            what: format!("write {}", file.display()),
            source,
        })?;
        Ok(Some(Self { authority, file }))
    }

    /// Has a proxy meet its callers in TLS, under every name that they may look for.
    pub(super) fn meet_callers(&self, edge: &Edge, proxy: &Proxy) -> Result<(), LabError> {
        let mut names: Vec<String> = edge.names().map(str::to_owned).collect();
        names.push("localhost".to_owned());
        names.push(proxy.address().ip().to_string());
        let shown = self.authority.vouches_for(&names);
        proxy.meet_callers(shown.map_err(|source| of_edge(edge, source))?);
        Ok(())
    }
}

/// Has a proxy meet a callee that speaks TLS. The file with what it is held against is read now, so
/// that whatever came before may have made it.
pub(super) fn meet_callee(edge: &Edge, proxy: &Proxy) -> Result<(), LabError> {
    let Some(CalleeTls { ca, name, starttls }) = &edge.tls.to_callee else {
        return Ok(());
    };
    let trust = match ca {
        None => ToCallee::anyone(name).map_err(|source| of_edge(edge, source))?,
        Some(file) => known(file, name).map_err(|why| LabError::Certificates {
            edge: edge.name.to_string(),
            file: file.clone(),
            why,
        })?,
    };
    proxy.meet_callee(match starttls {
        Some(before) => trust.after(*before),
        None => trust,
    });
    Ok(())
}

/// Someone whom one of the certificates in a file vouches for.
fn known(file: &Path, name: &str) -> Result<ToCallee, String> {
    let pem = std::fs::read(file).map_err(|error| error.to_string())?;
    ToCallee::known(&pem, name).map_err(|error| error.to_string())
}

/// How the load knows a service that speaks TLS. Whatever came before may have made the file.
pub(super) fn of_load(tls: &CalleeTls) -> io::Result<ToCallee> {
    match &tls.ca {
        None => ToCallee::anyone(&tls.name).map_err(io::Error::other),
        Some(file) => known(file, &tls.name)
            .map_err(|why| io::Error::other(format!("{}: {why}", file.display()))),
    }
}

fn of_edge(edge: &Edge, source: TlsError) -> LabError {
    LabError::Tls {
        edge: edge.name.to_string(),
        source,
    }
}
