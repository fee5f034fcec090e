//! TLS on an edge: whom the proxy believes, and whether anybody could speak it.

use shaketable_faults::fault::Short;
use shaketable_faults::tls::{BUILT_IN, ToCallee};

use super::Reader;
use crate::suite::extend::beside;
use crate::suite::files::read_text;
use crate::suite::model::{CalleeTls, Tls};
use crate::suite::near;
use crate::suite::path::{Path, steps};
use crate::suite::written;

/// What a callee's certificate is for where nothing else is said: most of those that are made for
/// tests are.
const NAME: &str = "localhost";

impl Reader<'_> {
    /// Where TLS is spoken on an edge. `call` is where the edge is written, `host` the first of its
    /// hosts.
    pub(super) fn tls(
        &mut self,
        call: &Path,
        tls: Option<&written::Tls>,
        host: Option<&str>,
        callee: &str,
    ) -> Tls {
        let path = call.then("tls");
        let Some(tls) = tls else {
            return Tls::default();
        };
        self.speaks_tls(&path);
        let to_callee = tls.to_callee.as_ref().map(|Short { 1: to_callee, .. }| {
            let path = path.then("to_callee");
            if self.has(&steps!["services", callee, "stub"]) {
                let message = format!("`{callee}` is a stub, and stubs speak no TLS");
                self.complain_of_key(&path, &message, "remove `to_callee`");
            }
            self.for_callee(&path, to_callee, host)
        });
        Tls {
            from_caller: tls.from_caller.is_some(),
            to_callee,
        }
    }

    /// Complains of TLS where this build has none.
    pub(super) fn speaks_tls(&mut self, path: &Path) {
        if !BUILT_IN {
            let help = "build it with its feature `tls`, which is on by default";
            self.complain_of_key(path, "this build of Shaketable speaks no TLS", help);
        }
    }

    /// How a callee is known.
    pub(super) fn for_callee(
        &mut self,
        path: &Path,
        to_callee: &written::ToCallee,
        host: Option<&str>,
    ) -> CalleeTls {
        let name = to_callee.name.as_ref().map(|name| name.0.as_str());
        let name = name.or(host).unwrap_or(NAME);
        let checked = to_callee
            .ca
            .as_ref()
            .filter(|_| to_callee.insecure.is_none());
        let ca = checked.map(|file| {
            let long = path.then("ca");
            let path = if self.has(&long) { long } else { path.clone() };
            self.certificates(&path, &file.0, name);
            self.dir(&path).join(&file.0)
        });
        CalleeTls {
            ca,
            name: name.to_owned(),
            starttls: to_callee.starttls,
        }
    }

    /// A file of certificates holds some, unless it is yet to be made.
    fn certificates(&mut self, path: &Path, file: &str, name: &str) {
        let at = self.at(path);
        let read = read_text(self.files, &beside(&at.source.name, file));
        let wrong = match read {
            Ok(_) if !BUILT_IN => return,
            Ok(text) => ToCallee::known(text.as_bytes(), name)
                .map(drop)
                .map_err(|wrong| wrong.to_string()),
            Err(_) if self.has(&steps!["setup"]) => return,
            Err(unreadable) => Err(unreadable.reason),
        };
        if let Err(reason) = wrong {
            let message = format!("the file `{}` {reason}", near::clip(file));
            let help = "the path is relative to this file; a file that `setup` makes need not be there yet";
            self.complain(path, &message, help);
        }
    }
}
