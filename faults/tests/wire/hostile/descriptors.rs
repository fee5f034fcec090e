//! No descriptors left: who waits keeps waiting, nobody is lost, and when there are some again all
//! goes on.

use serde_json::json;
use shaketable_faults::Protocol;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::child::ByItself;
use crate::callee::callee;
use crate::client::ask;
use crate::stage::{EVERY_PROTOCOL, GET, HELLO, PATIENCE, ms};

#[tokio::test]
async fn accepting_survives_that_there_are_no_descriptors() {
    for protocol in EVERY_PROTOCOL {
        let (address, _) = callee(HELLO).await;
        let proxy = ByItself::start(protocol, address, json!({}), Some(64));
        let before = proxy.descriptors();
        // More than it can take, each of which wants a connection to the callee too.
        let mut clients = Vec::new();
        for _ in 0..120 {
            if let Ok(mut client) = TcpStream::connect(proxy.address).await {
                let _ = client.write_all(GET).await;
                clients.push(client);
            }
        }
        tokio::time::sleep(ms(300)).await;
        // Each is answered, reset (there was nothing left to reach the callee with), or waits.
        let (mut answered, mut waiting) = (0, Vec::new());
        for mut client in clients {
            let mut first = [0];
            match tokio::time::timeout(ms(5), client.read(&mut first)).await {
                Ok(Ok(1)) => answered += 1,
                Ok(_) => {}
                Err(_) => waiting.push(client),
            }
            // It is closed here, which makes room.
        }
        assert!(answered > 0);
        for mut client in waiting {
            let mut first = [0];
            let served = tokio::time::timeout(PATIENCE, client.read(&mut first)).await;
            assert!(served.is_ok(), "{protocol:?}: it waits for ever");
        }
        proxy.lets_go_of_all_but(before).await;
        for _ in 0..50 {
            let mut client = TcpStream::connect(proxy.address).await.unwrap();
            assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
        }
        proxy.lets_go_of_all_but(before).await;
        proxy.ends_well().await;
    }
}

#[tokio::test]
async fn a_hoard_of_connections_is_gone_when_it_is_let_go() {
    let (address, _) = callee(HELLO).await;
    let proxy = ByItself::start(Protocol::Http, address, json!({}), Some(40));
    let before = proxy.descriptors();
    for _ in 0..5 {
        let mut hoard = Vec::new();
        for _ in 0..60 {
            hoard.push(TcpStream::connect(proxy.address).await.unwrap());
        }
        drop(hoard);
        let mut client = TcpStream::connect(proxy.address).await.unwrap();
        assert_eq!(ask(&mut client, GET, HELLO.len()).await, HELLO);
    }
    proxy.lets_go_of_all_but(before).await;
    proxy.ends_well().await;
}
