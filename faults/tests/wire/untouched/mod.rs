//! What no fault is meant for leaves as it came: every byte, in whatever pieces, and every end.

mod bytes;
mod ends;
mod http;
mod play;
mod shapes;

use shaketable_faults::Protocol;
use tokio::io::AsyncReadExt;

use crate::client::ask;
use crate::stage::{GET, HELLO, Stage};

#[tokio::test]
async fn dropping_the_plane_closes_everything() {
    let stage = Stage::new(HELLO, Protocol::Auto).await;
    let mut client = stage.connect().await;
    assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
    let address = stage.proxy.address();
    drop(stage.plane);
    let mut rest = Vec::new();
    let _ = client.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
