//! A kind of call.

use indexmap::IndexMap;

/// One kind of call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its name, unique in the load.
    pub name: String,
    /// How often it is sent in proportion to the others; at least 1.
    pub weight: u32,
    /// The service that it goes to.
    pub to: String,
    /// The method, in capitals.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The headers, in the order in which they are written.
    pub headers: IndexMap<String, String>,
    /// The body.
    pub body: Option<Vec<u8>>,
}
