//! `shaketable load` as a whole process, on a server that keeps count.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod honest;
mod says;
mod server;
