//! Names of hosts: looked up by the system, once for all calls that wait for it.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// For how long an answer serves, so that a burst of connections asks once.
const FRESH: Duration = Duration::from_secs(1);

/// What the system said: where a host is, or why that is not known.
type Found = Result<Rc<[SocketAddr]>, String>;

/// What is known of one name.
#[derive(Debug, Default)]
pub(super) struct Names(RefCell<Option<Known>>);

#[derive(Debug)]
enum Known {
    Asked(watch::Receiver<Option<Found>>),
    Since(Instant, Found),
}

impl Names {
    /// Where a host is.
    pub(super) async fn look_up(self: &Rc<Self>, host: &str, port: u16) -> Found {
        let mut asked = match &*self.0.borrow() {
            Some(Known::Since(at, found)) if at.elapsed() < FRESH => return found.clone(),
            Some(Known::Asked(asked)) => Some(asked.clone()),
            _ => None,
        };
        let asked = asked.get_or_insert_with(|| self.ask(host.to_owned(), port));
        match asked.wait_for(Option::is_some).await {
            Ok(found) => found.clone().unwrap_or_else(|| Ok([].into())),
            Err(_) => Err("nobody looks it up any more".to_owned()),
        }
    }

    /// Asks the system, in a task of its own: whoever asked first may give up before the others.
    fn ask(self: &Rc<Self>, host: String, port: u16) -> watch::Receiver<Option<Found>> {
        let (tell, asked) = watch::channel(None);
        *self.0.borrow_mut() = Some(Known::Asked(asked.clone()));
        let names = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let found = match tokio::net::lookup_host((&*host, port)).await {
                Ok(found) => Ok(found.collect()),
                Err(error) => Err(error.to_string()),
            };
            *names.0.borrow_mut() = Some(Known::Since(Instant::now(), found.clone()));
            tell.send_replace(Some(found));
        });
        asked
    }
}
