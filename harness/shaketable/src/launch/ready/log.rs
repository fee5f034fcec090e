//! Ready when a line of the log holds a text.

use tokio::time::sleep;

use super::super::log::LogSearch;
use super::{POLL, Target};

pub(super) async fn wait(target: &Target<'_>, text: &str, seen: &mut String) {
    let mut search = LogSearch::new(&target.order.log, target.log_from, text);
    loop {
        match search.found() {
            Ok(true) => return,
            Ok(false) => "no such line yet".clone_into(seen),
            Err(error) => *seen = error.to_string(),
        }
        sleep(POLL).await;
    }
}
