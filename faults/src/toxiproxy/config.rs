//! The config file: the proxies to begin with, in the form that `/populate` takes.

use serde_json::Value;

use super::collection::Collection;
use super::errors::{ApiError, bad_body};

/// Creates the proxies of a config file; gives their number, or what is wrong.
pub(super) async fn populate(proxies: &mut Collection, text: &str) -> Result<usize, ApiError> {
    let list: Value = serde_json::from_str(text).map_err(bad_body)?;
    let populated = proxies.populate(&list).await;
    match populated.error {
        Some(error) => Err(error),
        None => Ok(populated.proxies.len()),
    }
}
