//! How a caller is told where the proxy of an edge is, without a change of the caller.
//!
//! All of it is text: what a variable holds, what stands in a configuration file. The `suite` reads
//! and checks it; the `lab` fills it in once the proxies listen.
//!
//! | file | what it is for |
//! |---|---|
//! | [`form`] | what a variable of an edge holds: a URL, an address, a host, a port, a DSN |
//! | [`dsn`] | texts in which only host and port change |
//! | [`forward`] | what a caller is told that asks an HTTP proxy |
//! | [`names`] | every `$NAME` that a caller has by its edges |
//! | [`template`] | configuration files with `$NAME` in them |
//!
//! One more thing that a variable can hold is one more [`Form`](form::Form), and the key for it in
//! `suite/written/call.rs`.

pub mod dsn;
pub mod form;
pub mod forward;
pub mod names;
pub mod template;
