//! What is left of TLS in a build without it: the names, of which nothing can be made.

use std::future::Pending;
use std::io;
use std::task::{Context, Poll};

use bytes::BytesMut;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;

use super::{Failed, StartTls, TlsError};
use crate::wire::Socket;

fn not_here<T>() -> Result<T, TlsError> {
    Err(TlsError(
        "speak TLS: this build is without it (the feature `tls`)".to_owned(),
    ))
}

/// An authority that was made for one run.
#[derive(Debug)]
pub enum Authority {}

impl Authority {
    /// Makes one; never.
    pub fn new() -> Result<Self, TlsError> {
        not_here()
    }

    /// Its certificate (PEM).
    pub fn pem(&self) -> String {
        match *self {}
    }

    /// What a proxy shows to callers.
    pub fn vouches_for(&self, _: &[String]) -> Result<FromCaller, TlsError> {
        match *self {}
    }
}

/// How a proxy meets callers that speak TLS.
#[derive(Clone, Debug)]
pub enum FromCaller {}

impl FromCaller {
    pub(crate) fn accept(&self, _: &mut Socket, _: &mut BytesMut) -> Pending<Result<(), Failed>> {
        match *self {}
    }
}

/// How a proxy meets a callee that speaks TLS.
#[derive(Clone, Debug)]
pub enum ToCallee {}

impl ToCallee {
    /// A callee that is vouched for; never.
    pub fn known(_: &[u8], _: &str) -> Result<Self, TlsError> {
        not_here()
    }

    /// Whoever answers; never.
    pub fn anyone(_: &str) -> Result<Self, TlsError> {
        not_here()
    }

    /// The same.
    #[must_use]
    pub fn after(self, _: StartTls) -> Self {
        self
    }

    pub(crate) fn connect(
        &self,
        _: &mut Socket,
        _: Option<Vec<u8>>,
    ) -> Pending<Result<(), Failed>> {
        match *self {}
    }
}

/// The TLS of one connection.
#[derive(Debug)]
pub(crate) enum Layer {}

impl Layer {
    pub(crate) fn protocol(&self) -> Option<Vec<u8>> {
        match *self {}
    }

    pub(crate) fn poll_read(
        &self,
        _: &TcpStream,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match *self {}
    }

    pub(crate) fn poll_write(
        &self,
        _: &TcpStream,
        _: &mut Context<'_>,
        _: &[u8],
    ) -> Poll<io::Result<usize>> {
        match *self {}
    }

    pub(crate) fn poll_flush(&self, _: &TcpStream, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match *self {}
    }

    pub(crate) fn poll_shutdown(&self, _: &TcpStream, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match *self {}
    }
}
